"""When each replica of a pool serves, and where it has to begin."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.entities.scenario import Running
from heteroplan.optimize.program.problem import Ints, Problem


@dataclass(frozen=True, slots=True)
class Lifetime:
    """One replica from its start to its stop."""

    pool: int
    number: int
    """Tells the lifetimes of a pool apart, from 1."""
    first: int
    """First interval that it serves."""
    intervals: int
    """How many it serves; past the end of a cyclic day it goes on at its start."""
    begins: Running | None = None
    """What runs already when the horizon starts, and stays where it is."""


def lifetimes(
    problem: Problem, replicas: Ints, current: Mapping[int, Sequence[Running]]
) -> list[Lifetime]:
    """Lifetimes that add up to `replicas` [P, T], with no more starts than the sizes imply.

    The last to start is the first to stop, so that a pool has few long lifetimes and its peaks are
    short ones. `current` holds for each pool what runs already, first what should stay
    longest; what the size of the first interval has no room for stops there.
    """
    found = []
    for p, sizes in enumerate(replicas):
        spans = sorted(_spans(sizes, problem.cyclic), key=lambda span: (span[0], -span[1]))
        staying = current.get(p, ())
        for number, (first, intervals) in enumerate(spans, start=1):
            begins = staying[number - 1] if first == 0 and number <= len(staying) else None
            found.append(Lifetime(p, number, first, intervals, begins))
    return found


def _spans(sizes: Ints, cyclic: bool) -> Iterator[tuple[int, int]]:
    """(first, intervals) of each lifetime; a cyclic day is read from its smallest size on."""
    length = len(sizes)
    begin = int(sizes.argmin()) if cyclic else 0
    base = int(sizes.min()) if cyclic else 0
    for _ in range(base):
        yield 0, length
    open_since: list[int] = []
    for t, size in enumerate([*np.roll(sizes, -begin), base]):
        while base + len(open_since) > size:
            first = open_since.pop()
            yield (begin + first) % length, t - first
        open_since += [t] * (int(size) - base - len(open_since))
