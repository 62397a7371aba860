"""Cost against one varied input: its cases as lines, and those that no other case beats."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf

from heteroplan.entities.scenario import Objective
from heteroplan.studies.case import Value
from heteroplan.studies.result import SHORT, CaseResult, amount, is_covered, number_of


class Better(StrEnum):
    """Which values of an input promise users more."""

    HIGHER = "higher"
    LOWER = "lower"


_HIGHER = ("demand", "growth", "growth_per_week", "weeks_ahead", "percentile", "headroom", "serve")
_LOWER = ("ttft_ms", "itl_ms", "tpot_ms", "ttft_slowdown", "itl_slowdown", "e2e_slowdown")
"""Last parts of paths."""


@dataclass(frozen=True, slots=True)
class Line:
    """Cases that set all other inputs alike."""

    others: tuple[tuple[str, Value], ...]
    """Those inputs, and what they are set to."""
    cases: tuple[CaseResult, ...]
    """By rising value of the input."""


@dataclass(frozen=True, slots=True)
class Frontier:
    """The cases of a study along one of its inputs."""

    path: str
    better: Better | None
    """None of an input that promises users nothing, such as a price."""
    lines: tuple[Line, ...]
    efficient: tuple[CaseResult, ...]
    """Covered cases that no other covered case equals or beats in the input for less, by rising
    value; empty where `better` is None."""

    def value(self, case: CaseResult) -> float:
        """That the input has in a case."""
        found = number_of(case.inputs[self.path])
        assert found is not None
        return found

    def coverage_end(self, line: Line) -> tuple[float | None, float] | None:
        """The last value that is covered and the first that is short, from the easiest one on.

        The last is None where none is; the whole is None where none is short, or nothing is easier.
        Cases without an answer are passed over.
        """
        if self.better is None:
            return None
        easiest_first = line.cases if self.better is Better.HIGHER else line.cases[::-1]
        last = None
        for case in easiest_first:
            if case.covered == SHORT:
                return last, self.value(case)
            if is_covered(case):
                last = self.value(case)
        return None


def frontier(path: str, results: Sequence[CaseResult], objective: Objective) -> Frontier | None:
    """The cases along `path`; None where it does not take two different numbers."""
    known = [each for each in results if number_of(each.inputs.get(path)) is not None]
    if len({number_of(each.inputs[path]) for each in known}) < 2:
        return None
    grouped: dict[tuple[tuple[str, str], ...], list[CaseResult]] = {}
    for each in known:
        others = tuple((name, repr(v)) for name, v in sorted(each.inputs.items()) if name != path)
        grouped.setdefault(others, []).append(each)
    lines = tuple(
        Line(
            tuple((name, v) for name, v in cases[0].inputs.items() if name != path),
            tuple(sorted(cases, key=lambda one: number_of(one.inputs[path]) or 0.0)),
        )
        for cases in grouped.values()
    )
    better = better_of(path)
    return Frontier(path, better, lines, _efficient(path, known, better, objective))


def better_of(path: str) -> Better | None:
    """Which values of the input promise users more, as far as that is known."""
    last = path.rpartition(".")[2]
    return Better.HIGHER if last in _HIGHER else Better.LOWER if last in _LOWER else None


def _efficient(
    path: str, cases: Sequence[CaseResult], better: Better | None, objective: Objective
) -> tuple[CaseResult, ...]:
    if better is None:
        return ()
    sign = -1.0 if better is Better.HIGHER else 1.0
    rated = [
        (sign * (number_of(each.inputs[path]) or 0.0), cost, place)
        for place, each in enumerate(cases)
        if is_covered(each) and (cost := amount(each, objective)) is not None
    ]
    found, least = [], inf
    for _, cost, place in sorted(rated):
        if cost < least:
            found.append(cases[place])
            least = cost
    return tuple(sorted(found, key=lambda each: number_of(each.inputs[path]) or 0.0))
