"""YAML text -> plain data whose fields know their lines.

Scalars follow the YAML 1.2 core schema: `no` and `2026-11-23` are text, `1e-5` is a number.
Nothing is constructed but mappings, lists and scalars; size, depth and the growth by aliases
are bounded.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from heteroplan.errors import InputError, InputProblem

FieldPath = tuple[str | int, ...]
"""Keys and indices from the top of a file."""

MAX_DEPTH = 32
MAX_NODES = 500_000
"""Most keys, values, lists and mappings of one file, aliases expanded."""
MAX_CHARACTERS = 64 * 2**20
"""Most characters in the values of one file, aliases expanded."""
_SMALLER = "use fewer"
"""What to do about a file with too many fields, unless the caller knows better."""
_MAX_SHOWN = 60

_TAG = "tag:yaml.org,2002:"
_SCALARS = {
    "null": (re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    "bool": (re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    "int": (re.compile(r"[-+]?[0-9]{1,18}\Z"), list("-+0123456789")),
    "float": (
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        list("-+.0123456789"),
    ),
    "merge": (re.compile(r"<<\Z"), ["<"]),
}


class _CoreLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """libyaml's safe loader, where there is one, with the scalars of YAML 1.2."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012


for _name, (_pattern, _first) in _SCALARS.items():
    _CoreLoader.add_implicit_resolver(_TAG + _name, _pattern, _first)


@dataclass(frozen=True, slots=True)
class Document:
    """One YAML file as plain data; knows where each field stands."""

    file: str
    data: dict[str, Any]
    root: yaml.Node | None = None
    origins: dict[FieldPath, str] = field(default_factory=dict)
    """Fields that an option set, and that option's name."""
    _children: dict[int, "_Children"] = field(default_factory=dict, repr=False, compare=False)
    """Children of each mapping that was looked into, by the id of its node."""

    def problem(self, path: FieldPath, remedy: str) -> InputProblem:
        """A problem of the field at `path`, with its line and what stands there."""
        file, line = self._place(path)
        return InputProblem(file, line, dotted(path), shortened(self.value(path)), remedy)

    def value(self, path: FieldPath) -> Any:
        """What stands at `path`; None where nothing does."""
        found: Any = self.data
        for step in path:
            try:
                found = found[step]
            except (KeyError, IndexError, TypeError):
                return None
        return found

    def line(self, path: FieldPath) -> int:
        """Where a field stands, 0 where that is not known."""
        return self._place(path)[1]

    def within(self, path: FieldPath) -> "Document":
        """The mapping at `path`, empty where there is none, as a document that knows its lines."""
        node, data = self.root, self.value(path)
        for step in path:
            child = None if node is None else self._child(node, step)
            node = None if child is None else child[1]
        return Document(self.file, data if isinstance(data, dict) else {}, node)

    def _place(self, path: FieldPath) -> tuple[str, int]:
        for length in range(len(path), 0, -1):
            if origin := self.origins.get(path[:length]):
                return origin, 0
        return self.file, self._line(self.root, path) if self.root else 0

    def _line(self, node: yaml.Node, path: FieldPath) -> int:
        """1-based line of the deepest field of `path` that stands in the file."""
        line = node.start_mark.line + 1
        for step in path:
            child = self._child(node, step)
            if child is None:
                break
            mark, node = child
            line = mark.start_mark.line + 1
        return int(line)

    def _child(self, node: yaml.Node, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        """The node whose line a field has (its key, or a list's entry) and the field's value."""
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            return (node.value[step],) * 2 if step < len(node.value) else None
        if isinstance(node, yaml.MappingNode):
            if id(node) not in self._children:
                self._children[id(node)] = _children(node)
            return self._children[id(node)].get(step)
        return None


def dotted(path: Sequence[str | int]) -> str:
    """`workloads[0].slo.itl_ms` for ("workloads", 0, "slo", "itl_ms")."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def shortened(value: Any) -> str:
    """One short line that shows `value`; empty for None."""
    if value is None:
        return ""
    if isinstance(value, str):
        value = value[: _MAX_SHOWN + 1]
    plain = isinstance(value, str) and value.isprintable() and value.strip()
    text = value if plain else json.dumps(value, ensure_ascii=True, default=str)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 3] + "..."


def parse_document(text: str, file: str) -> tuple[Document, list[InputProblem]]:
    """A file with a mapping at its top, and problems that leave it usable (doubled keys).

    Raises InputError where nothing can be used: a syntax error, no mapping, too deep, too large.
    """
    root = _composed(file, lambda: _one_composed(text))
    if not isinstance(root, yaml.MappingNode):
        remedy = "empty; write `key: value` lines" if root is None else "not a mapping of keys"
        raise InputError([InputProblem(file, 1, "", "", remedy)])
    reader = _Reader(file, any_keys=False)
    return Document(file, reader.read(root), root), reader.problems


def parse_documents(
    text: str, file: str, smaller: str = _SMALLER
) -> tuple[list[Document], list[InputProblem]]:
    """The YAML documents of a file, each with a mapping at its top, and problems as above.

    Empty documents are left out. `smaller` says what to do about too many fields. Raises InputError
    as `parse_document` does.
    """
    roots = _composed(file, lambda: _all_composed(text, smaller))
    reader = _Reader(file, any_keys=False, smaller=smaller)
    documents: list[Document] = []
    for root in roots:
        if isinstance(root, yaml.MappingNode):
            documents.append(Document(file, reader.read(root), root))
        elif not (isinstance(root, yaml.ScalarNode) and root.value == ""):
            line = root.start_mark.line + 1
            raise InputError([InputProblem(file, line, "", "", "not a mapping of keys")])
    return documents, reader.problems


def parse_value(text: str, file: str, *, any_keys: bool = False) -> Any:
    """One YAML value, such as an option's or a file of any form; None where there is none.

    Keys that are no text are problems, unless `any_keys` are taken as they are written. Raises
    InputError.
    """
    root = _composed(file, lambda: _one_composed(text))
    if root is None:
        return None
    reader = _Reader(file, any_keys)
    value = reader.read(root)
    if reader.problems:
        raise InputError(reader.problems)
    return value


def _one_composed(text: str) -> yaml.Node | None:
    _check_bounds(text, _SMALLER)
    return yaml.compose(text, Loader=_CoreLoader)


def _all_composed(text: str, smaller: str) -> list[yaml.Node]:
    _check_bounds(text, smaller)
    return list(yaml.compose_all(text, Loader=_CoreLoader))


def _composed[T](file: str, compose: Callable[[], T]) -> T:
    """What `compose` returns; its errors as InputError."""
    try:
        return compose()
    except _RefusedError as error:
        remedy, line = str(error), error.line
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        remedy = f"not YAML: {error.problem or error.context}"
        line = mark.line + 1 if mark else 0
    except yaml.YAMLError as error:
        remedy, line = f"not YAML: {getattr(error, 'reason', error)}", 0
    except RecursionError:
        raise _too_deep(file, 0) from None
    raise InputError([InputProblem(file, line, "", "", remedy)]) from None


class _RefusedError(ValueError):
    """YAML that is too much; the message says what to do."""

    def __init__(self, event: yaml.Event, remedy: str) -> None:
        super().__init__(remedy)
        self.line = event.start_mark.line + 1 if event.start_mark else 0


def _check_bounds(text: str, smaller: str) -> None:
    """Raise _RefusedError for what nests too deep or holds too much, before it is composed.

    Composing is ten times as slow, takes a kilobyte a node and recurses; this does not.
    """
    depth = nodes = 0
    for event in yaml.parse(text, Loader=_CoreLoader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        if depth > MAX_DEPTH:
            raise _RefusedError(event, f"nested deeper than {MAX_DEPTH} levels; flatten it")
        if nodes > 2 * MAX_NODES:
            raise _RefusedError(event, f"more than {MAX_NODES} fields; {smaller}")


def _too_deep(file: str, line: int) -> InputError:
    remedy = f"nested deeper than {MAX_DEPTH} levels; flatten it"
    return InputError([InputProblem(file, line, "", "", remedy)])


class _Reader:
    """Walks YAML nodes to plain data, counting them."""

    def __init__(self, file: str, any_keys: bool, smaller: str = _SMALLER) -> None:
        self.problems: list[InputProblem] = []
        self._file = file
        self._any_keys = any_keys
        self._smaller = smaller
        self._nodes = self._characters = 0

    def read(self, root: yaml.Node) -> Any:
        """The value of a document."""
        try:
            return self.value(root, ())
        except RecursionError:
            raise _too_deep(self._file, 0) from None

    def value(self, node: yaml.Node, path: FieldPath) -> Any:
        self._count(node, path)
        match node:
            case yaml.MappingNode():
                return self.mapping(node, path)
            case yaml.SequenceNode():
                return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        return self._scalar(node, path)

    def mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, Any]:
        """Keys of the mapping itself, then those of its merges (`<<`) that it does not have."""
        found: dict[str, Any] = {}
        for key, value in node.value:
            if key.tag == _TAG + "merge":
                if not isinstance(value, yaml.CollectionNode):
                    self._report(key, path, "<< takes an alias of a mapping, such as *base")
                continue
            name = key.value if isinstance(key, yaml.ScalarNode) else shortened(key.tag)
            is_named = self._any_keys and isinstance(key, yaml.ScalarNode)
            if key.tag != _TAG + "str" and not is_named:
                self._report(key, (*path, name), "key is not text; write it in quotes")
            if name in found:
                self._report(key, (*path, name), "key appears twice; keep one of them")
            else:
                found[name] = self.value(value, (*path, name))
        for base in _merged(node):
            self._count(base, path)
            found = self.mapping(base, path) | found
        return found

    def _scalar(self, node: yaml.Node, path: FieldPath) -> Any:
        kind, text = node.tag.removeprefix(_TAG), node.value
        try:
            match kind:
                case "str" | "merge":
                    return text
                case "null":
                    return None
                case "bool" if text.lower() in ("true", "false"):
                    return text.lower() == "true"
                case "int":
                    return int(text)
                case "float":
                    return float(text.replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            pass
        self._report(node, path, f"tag {node.tag} is not accepted; write the plain value")
        return text

    def _count(self, node: yaml.Node, path: FieldPath) -> None:
        self._nodes += 1
        if isinstance(node, yaml.ScalarNode):
            self._characters += len(node.value)
        if len(path) > MAX_DEPTH:
            raise _too_deep(self._file, node.start_mark.line + 1)
        if self._nodes > MAX_NODES:
            remedy = f"more than {MAX_NODES} fields, aliases counted; {self._smaller}"
            self._report(node, path, remedy)
            raise InputError(self.problems)
        if self._characters > MAX_CHARACTERS:
            self._report(node, path, "too much text, aliases counted; shorten it")
            raise InputError(self.problems)

    def _report(self, node: yaml.Node, path: FieldPath, remedy: str) -> None:
        line = node.start_mark.line + 1
        value = node.value if isinstance(node, yaml.ScalarNode) else None
        self.problems.append(InputProblem(self._file, line, dotted(path), shortened(value), remedy))


def _merged(node: yaml.MappingNode) -> Iterator[yaml.MappingNode]:
    """Mappings that `<<` names, the nearest first."""
    for key, value in node.value:
        if key.tag == _TAG + "merge":
            bases = value.value if isinstance(value, yaml.SequenceNode) else [value]
            yield from (base for base in bases if isinstance(base, yaml.MappingNode))


type _Children = dict[str | int, tuple[yaml.Node, yaml.Node]]


def _children(node: yaml.MappingNode) -> _Children:
    """Keys and values by the text of the key: the first of equal ones, then those of merges."""
    found: _Children = {}
    for key, value in node.value:
        if key.tag != _TAG + "merge" and isinstance(key, yaml.ScalarNode):
            found.setdefault(key.value, (key, value))
    for base in _merged(node):
        found = _children(base) | found
    return found
