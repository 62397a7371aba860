"""Case `number` of a seed: a command that is in order, spoiled."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from tests.fuzz import faults, options, packed, seeds, texts, trees
from tests.fuzz.faults import CLOSED, FULL, Faults
from tests.fuzz.seeds import Start
from tests.fuzz.trees import Change

STRICT = ("scenario.yaml", "fleet.yaml", "profile.yaml", "events.yaml", "offers.yaml")
"""Files in which unknown keys, keys that stand twice and what is no number are refused."""
SEARCHES = ("plan", "check", "size", "sweep")
"""Commands that may end short of demand, or of time."""
type Made = Mapping[str, Mapping[str, bytes]]


@dataclass(frozen=True, slots=True)
class Case:
    """A command with all that it meets."""

    number: int
    start: Start
    args: tuple[str, ...]
    files: Mapping[str, bytes]
    faults: Faults
    changes: tuple[str, ...]
    codes: frozenset[int]
    """Exit codes of which one must come."""
    options_kept: bool = True
    """Whether the options are those of `start`."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What cases start from."""

    starts: tuple[Start, ...]
    bombs: packed.Bombs


def ground(made: Made) -> Ground:
    """Of what `packed.made` gave, and of the commands that this heteroplan has."""
    known = tuple(start for start in seeds.starts(made) if start.command in _commands())
    return Ground(known, made["bombs"])


def case(seed: int, number: int, of: Ground) -> Case:
    """A case that depends on seed, number and ground alone."""
    draw = Random(f"{seed}:{number}")
    start = draw.choices(of.starts, [each.odds for each in of.starts])[0]
    plain = Case(number, start, start.args, start.files, faults.NONE, (), _codes(start))
    odds = draw.random()
    if odds < 0.04:
        spoiled = plain
    elif odds < 0.19 or not start.forms:
        spoiled = _with_options(plain, draw)
    elif odds < 0.29:
        spoiled = _with_faults(plain, draw)
    else:
        spoiled = _with_files(plain, of.bombs, draw)
        if draw.random() < 0.05:
            harm = faults.on_streams(draw)
            spoiled = replace(spoiled, faults=harm, codes=_codes(start),
                              changes=(*spoiled.changes, str(harm)))  # fmt: skip
    return _from_stdin(spoiled) if draw.random() < 0.05 else spoiled


@cache
def _commands() -> frozenset[str]:
    """Those that this heteroplan has."""
    from heteroplan.cli.app import app

    alone = {each.callback.__name__ for each in app.registered_commands if each.callback}
    return frozenset(alone | {str(each.typer_instance.info.name) for each in app.registered_groups
                              if each.typer_instance})  # fmt: skip


def _codes(start: Start) -> frozenset[int]:
    """What a command may end with whatever it is given."""
    return frozenset({0, 1, 2, 3} if start.command in SEARCHES else {0, 2})


def _with_options(plain: Case, draw: Random) -> Case:
    args = options.spoiled(plain.args, draw)
    return replace(plain, args=args, changes=("options",), options_kept=False)


def _with_faults(plain: Case, draw: Random) -> Case:
    names = sorted(plain.start.forms)
    if not names or draw.random() < 0.5:
        harm = faults.on_streams(draw)
        codes = plain.codes
        if harm.stdout == FULL or (harm.read_only and plain.start.outputs):
            codes = frozenset({2})
        elif harm == Faults(stderr=harm.stderr) or harm.ascii_streams:
            codes = plain.start.codes
    else:
        harm = faults.on_files(names, draw)
        kind = next(iter(harm.instead.values()))
        codes = (
            frozenset({2}) if kind in ("folder", "loop", "absent", "unreadable") else plain.codes
        )
    return replace(plain, faults=harm, codes=codes, changes=(str(harm),))


def _with_files(plain: Case, bombs: packed.Bombs, draw: Random) -> Case:
    files, told, fatal = dict(plain.files), [], False
    names = sorted(plain.start.forms)
    for name in draw.sample(names, min(len(names), draw.choice([1, 1, 1, 1, 2]))):
        content, change = _spoiled(files[name], plain.start.forms[name], bombs, draw)
        files[name] = content
        told.append(f"{name}: {change.what}")
        fatal |= change.fatal and name in STRICT
    codes = frozenset({2}) if fatal else plain.codes
    return replace(plain, files=files, changes=tuple(told), codes=codes)


def _spoiled(content: bytes, form: str, bombs: packed.Bombs, draw: Random) -> tuple[bytes, Change]:
    match form:
        case "npz":
            return packed.spoiled_npz(content, bombs, draw)
        case "parquet":
            return packed.spoiled_parquet(content, bombs, draw)
        case "gz":
            return packed.spoiled_gzip(content, bombs, draw)
    if draw.random() < 0.15:
        return texts.spoiled_bytes(content, draw)
    if form == "csv":
        return texts.spoiled_csv(content, draw)
    root, told = seeds.parsed(content, form), []
    fatal = False
    for step in range(draw.choice([1, 1, 1, 2, 3])):
        root, change = trees.spoiled(root, draw)
        told.append(change.what)
        fatal = change.fatal and step == 0
    text = trees.written(root, draw, lines=form == "jsonl")
    return text.encode(errors="replace"), Change("; ".join(told), fatal and len(told) == 1)


def _from_stdin(of: Case) -> Case:
    """The first file that is named on the command line, or the scenario, comes as `-`.

    `fit` reads files only.
    """
    named = {".": "scenario.yaml"}
    for at, word in enumerate(of.args[1:], 1):
        name = named.get(word, word)
        if name in of.files and of.faults.stdin != CLOSED and name not in of.faults.instead:
            args = (*of.args[:at], "-", *of.args[at + 1 :])
            harm = replace(of.faults, stdin=name)
            codes = of.codes | {2} if of.start.command == "fit" else of.codes
            changes = (*of.changes, f"stdin {name}")
            return replace(of, args=args, faults=harm, codes=codes, changes=changes)
    return of
