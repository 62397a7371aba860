"""Slurm's GRES and node states: which GPUs a node has, and whether it can be used."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from heteroplan.inventory.host_names import NOTHING
from heteroplan.text import counted

_ENTRY = re.compile(
    r"gpu(?::(?P<type>[^:,(]*[^0-9:,(][^:,(]*))?(?P<shared>:no_consume)?"
    r"(?::(?P<count>[0-9]+))?(?:\([^)]*\))?"
)
"""`gpu:h100:8(S:0-1)`: name, type, count, and sockets or indices that do not count here."""
_BETWEEN = re.compile(r",(?![^(]*\))")
_SLICE = re.compile(r"(?i)(?<![0-9])([1-7])g\.[0-9]+gb")
"""A MIG profile such as 1g.10gb: sevenths of a GPU, and memory."""
_SLICES_OF_A_GPU = 7
_USABLE = frozenset(
    (
        *("ALLOCATED", "ALLOC", "COMPLETING", "COMP", "IDLE", "MIXED", "MIX", "PLANNED", "PLND"),
        *("BLOCKED", "EXTERNAL", "CLOUD", "DYNAMIC_NORM", "RESUME", "UNDRAIN", "REBOOT_CANCELED"),
        *("POWERED_DOWN", "POWERING_DOWN", "POWER_DOWN", "POWERING_UP", "POWER_UP"),
    )
)
"""States in which a node can be placed on, now or once it is switched on."""
_OF_RESERVATIONS = frozenset(("RESERVED", "RESV", "MAINT", "MAINTENANCE"))
_MARKS = {"*": "NOT_RESPONDING", "$": "MAINT", "@": "REBOOT", "^": "REBOOT"}
"""What sinfo adds to a state; `~`, `#`, `!`, `%` (power) and `-` (planned) put no node out."""
_NO_MARKS = "~#!%-"


@dataclass(frozen=True, slots=True)
class Gres:
    """The GPUs of a node."""

    gpu: str | None
    """Type, where GRES names one; of several that with most GPUs."""
    gpus: int
    left_out: int
    """GPUs of other types, and GPUs that are sliced, at least."""
    note: str = ""
    """What was left out."""


def parse_gres(text: str | None) -> Gres:
    """GPUs of a GRES list such as `gpu:h100:8(S:0-1),nvme:1`. Raises ValueError."""
    if text is None or text.strip() in NOTHING:
        return Gres(None, 0, 0)
    whole: Counter[str] = Counter()
    sevenths = 0
    for written in _BETWEEN.split(text.strip()):
        if re.match(r"gpu\b", written.strip()) is None:
            continue
        entry = _ENTRY.fullmatch(written.strip())
        if entry is None:
            raise ValueError("is no GRES; Slurm writes for example gpu:h100:8(S:0-1)")
        count, kind = int(entry["count"] or 1), entry["type"] or ""
        if sliced := _SLICE.search(kind):
            sevenths += count * int(sliced[1])
        else:
            whole[kind] += count
    sliced_gpus = -(-sevenths // _SLICES_OF_A_GPU)
    notes = [f"at least {counted(sliced_gpus, 'GPU')} in slices (MIG)"] if sliced_gpus else []
    if not whole:
        return Gres(None, 0, sliced_gpus, "; ".join(notes))
    (gpu, gpus), *others = whole.most_common()
    notes += [
        f"{counted(count, f'{kind} GPU'.strip())} beside {gpus} {gpu}".rstrip()
        for kind, count in others
    ]
    left_out = sliced_gpus + sum(count for _, count in others)
    return Gres(gpu or None, gpus, left_out, "; ".join(notes))


@dataclass(frozen=True, slots=True)
class State:
    """Whether a node can be placed on."""

    out: str | None = None
    """Why it cannot; None where it can, or where a reservation alone keeps it from that."""
    reserved: str | None = None
    """State by which a reservation keeps it from that now."""


def parse_state(states: Iterable[str], reason: str | None = None) -> State:
    """The state of a node from its base state and flags, with Slurm's `reason`.

    A state that is not known puts a node out: Slurm may have new ones.
    """
    flags: dict[str, None] = {}
    for part in (part for state in states for part in re.split(r"[+\s]+", state.strip())):
        name = part.rstrip("".join(_MARKS) + _NO_MARKS)
        if name and name.upper() not in _USABLE:
            flags[name.upper()] = None
        for mark in part[len(name) :]:
            if mark in _MARKS:
                flags[_MARKS[mark]] = None
    if not flags:
        return State()
    said = reason and reason.strip() not in (*NOTHING, "none") and reason.strip()
    told = "+".join(flags) + (f": {said}" if said else "")
    return State(reserved=told) if flags.keys() <= _OF_RESERVATIONS else State(out=told)
