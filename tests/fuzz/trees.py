"""YAML and JSON documents as trees, spoiled in one place, and written out again."""

import copy
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.fuzz import values
from tests.fuzz.values import Raw


class Pairs(list[list[Any]]):
    """A mapping as [key, value] pairs, so that a key can stand twice."""


@dataclass(frozen=True, slots=True)
class Place:
    """One value of a tree: `holder[index]` of a list, or the value of that pair."""

    path: str
    """Without the positions in lists."""
    holder: list[Any]
    index: int

    @property
    def pair(self) -> bool:
        return isinstance(self.holder, Pairs)

    def get(self) -> Any:
        return self.holder[self.index][1] if self.pair else self.holder[self.index]

    def put(self, found: Any) -> None:
        if self.pair:
            self.holder[self.index][1] = found
        else:
            self.holder[self.index] = found


@dataclass(frozen=True, slots=True)
class Change:
    """What was done to a document."""

    what: str
    fatal: bool = False
    """Whether a strict reader must refuse it."""


def tree(plain: Any) -> Any:
    """Dictionaries as `Pairs`, all the way down."""
    if isinstance(plain, dict):
        return Pairs([key, tree(each)] for key, each in plain.items())
    return [tree(each) for each in plain] if isinstance(plain, list) else plain


def spoiled(root: Any, draw: Random) -> tuple[Any, Change]:
    """A copy with one change."""
    made = [copy.deepcopy(root)]
    place = _place(made, draw)
    change = draw.choices([each for each, _ in CHANGES], [odds for _, odds in CHANGES])[0]
    told = change(place, made, draw)
    return made[0], Change(f"{place.path or '.'}: {told.what}", told.fatal)


def written(root: Any, draw: Random, *, lines: bool = False) -> str:
    """The document as text that is both YAML and JSON, but for what was put in raw.

    With `lines` a line for each element of `root`.
    """
    ascii_only = draw.random() < 0.7
    if lines and isinstance(root, list) and not isinstance(root, Pairs):
        return "".join(_text(each, ascii_only, None) + "\n" for each in root)
    return _text(root, ascii_only, 0) + "\n"


def _text(node: Any, ascii_only: bool, depth: int | None) -> str:
    if isinstance(node, Raw):
        return node.text
    if not isinstance(node, list | dict):
        return json.dumps(node, ensure_ascii=ascii_only)
    deeper = None if depth is None or depth > 20 else depth + 1
    inside = [
        f"{_text(key, ascii_only, None)}: {_text(each, ascii_only, deeper)}"
        for key, each in (node.items() if isinstance(node, dict) else node)
    ] if isinstance(node, Pairs | dict) else [
        _text(each, ascii_only, deeper) for each in node
    ]  # fmt: skip
    opened, closed = "{}" if isinstance(node, Pairs | dict) else "[]"
    if depth is None or not inside:
        return opened + ", ".join(inside) + closed
    pad = "\n" + "  " * (depth + 1)
    return opened + pad + f",{pad}".join(inside) + "\n" + "  " * depth + closed


def _places(node: Any, path: str) -> Iterator[Place]:
    if not isinstance(node, list):
        return
    for index, each in enumerate(node):
        child = each[1] if isinstance(node, Pairs) else each
        below = f"{path}.{each[0]}" if isinstance(node, Pairs) else f"{path}[]"
        yield Place(below.removeprefix("."), node, index)
        yield from _places(child, below)


def _place(made: list[Any], draw: Random) -> Place:
    """Every field as likely as another, however many elements hold it."""
    by_path: dict[str, list[Place]] = defaultdict(list)
    for place in _places(made[0], ""):
        by_path[place.path].append(place)
    if not by_path or draw.random() < 0.01:
        return Place("", made, 0)
    return draw.choice(by_path[draw.choice(sorted(by_path))])


def _other(place: Place, made: list[Any], draw: Random) -> Change:
    found = values.value(draw)
    was = place.get()
    place.put(tree(found))
    numeric = isinstance(was, int | float) and not isinstance(was, bool)
    shown = found.text if isinstance(found, Raw) else repr(found)
    raw = isinstance(found, Raw) and found.text in values.NEVER
    return Change(f"{was!r:.30} -> {shown:.40}", fatal=numeric and raw)


def _number(place: Place, made: list[Any], draw: Random) -> Change:
    was = place.get()
    if isinstance(was, bool) or not isinstance(was, int | float):
        return _other(place, made, draw)
    factor = draw.choice([0, -1, 1e-12, 1e-9, 1e-6, 1e-3, 0.5, 2, 10, 100, 1e4, 1e6, 1e9, 1e12])
    made_of = was * factor if isinstance(was, float) or factor < 1 else was * int(factor)
    place.put(made_of)
    return Change(f"{was} -> {made_of}")


def _removed(place: Place, made: list[Any], draw: Random) -> Change:
    del place.holder[place.index]
    if not made:
        made.append(None)
    return Change("removed")


def _doubled(place: Place, made: list[Any], draw: Random) -> Change:
    place.holder.insert(place.index, copy.deepcopy(place.holder[place.index]))
    return Change("appears twice", fatal=place.pair)


def _renamed(place: Place, made: list[Any], draw: Random) -> Change:
    if not place.pair:
        return _other(place, made, draw)
    names = [values.text(draw), "unknown", Raw("1"), Raw("null"), Raw("? x"), Raw("<<")]
    place.holder[place.index][0] = name = draw.choice(names)
    return Change(f"renamed {name!r:.40}")


def _unknown(place: Place, made: list[Any], draw: Random) -> Change:
    if not place.pair:
        return _other(place, made, draw)
    place.holder.insert(place.index, [f"unknown{values.text(draw)}", tree(values.value(draw))])
    return Change("an unknown key before it", fatal=True)


def _swapped(place: Place, made: list[Any], draw: Random) -> Change:
    other = _place(made, draw)
    mine, theirs = copy.deepcopy(place.get()), copy.deepcopy(other.get())
    place.put(theirs)
    other.put(mine)
    return Change(f"swapped with {other.path}")


def _wrapped(place: Place, made: list[Any], draw: Random) -> Change:
    deep = draw.choice([1, 1, 2, 30, 33, 100, 1_000, 20_000])
    opened, closed = draw.choice([("[", "]"), ('{"a": ', "}"), ("- ", "")])
    inside = _text(place.get(), True, None)
    place.put(Raw(opened * deep + inside + closed * deep))
    return Change(f"in {deep} of {opened}")


def _many(place: Place, made: list[Any], draw: Random) -> Change:
    """Many elements or keys, each a change away from one that was there."""
    count = draw.choice([50, 1_000, 20_000])
    was = place.get()
    if isinstance(was, Pairs):
        was.extend([f"k{i}", 1] for i in range(count))
    elif isinstance(was, list) and was:
        more = _text(was[-1], True, None)
        was.extend([Raw(more)] * min(count, 2_000_000 // len(more)))
    else:
        place.put([Raw(_text(was, True, None))] * count)
    return Change(f"{count} more")


def _aliases(place: Place, made: list[Any], draw: Random) -> Change:
    """What doubles with each line, an alias inside itself, a merge, or one that is not there."""
    inside = _text(place.get(), True, None)
    found = draw.choice(
        [
            "[&a0 [x, x], " + ", ".join(f"&a{i + 1} [*a{i}, *a{i}]" for i in range(40)) + "]",
            f"&a [{inside}, *a]",
            "{<<: &a {x: 1}, <<: *a}",
            "{<<: *nothing}",
            f"&a {inside}",
            "&a {<<: *a}",
            "*nothing",
        ]
    )
    place.put(Raw(found))
    return Change(f"{found:.30}")


def _tagged(place: Place, made: list[Any], draw: Random) -> Change:
    tag = draw.choice(
        [
            "!!python/object/apply:os.system",
            "!!binary",
            "!!float",
            "!!int",
            "!!str",
            "!x",
            "!!set",
            "!!timestamp",
            "!<tag:x>",
            "!",
            "!!null",
        ]
    )
    place.put(Raw(f"{tag} {_text(place.get(), True, None)}"))
    return Change(tag)


type Changing = Callable[[Place, list[Any], Random], Change]
CHANGES: tuple[tuple[Changing, int], ...] = (
    (_other, 45),
    (_number, 14),
    (_removed, 10),
    (_doubled, 5),
    (_renamed, 6),
    (_unknown, 6),
    (_swapped, 4),
    (_wrapped, 4),
    (_many, 3),
    (_aliases, 2),
    (_tagged, 2),
)
