"""Few numbers that say what a study found; terminal and page show the same."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.shared.words import figure
from heteroplan.outputs.sweep.document import SweepDocument
from heteroplan.studies.case import Value
from heteroplan.studies.result import COVERED, SHORT, CaseResult, CaseStatus, with_egress

AS_IT_IS = "as it is"
"""A case that sets nothing."""


def objective_of(document: SweepDocument, case: CaseResult) -> float | None:
    """What the scenario minimises: USD or GPU-hours of the case's plan."""
    return case.cost_usd if document.objective is Objective.COST else case.gpu_hours


def cheapest(document: SweepDocument, cases: Sequence[CaseResult]) -> CaseResult | None:
    """Of the cases that cover all demand; the first of equal ones."""
    return min(_covered(cases), key=lambda each: objective_of(document, each) or 0.0, default=None)


def most_expensive(document: SweepDocument, cases: Sequence[CaseResult]) -> CaseResult | None:
    """Of the cases that cover all demand; the first of equal ones."""
    return max(_covered(cases), key=lambda each: objective_of(document, each) or 0.0, default=None)


def has_egress(document: SweepDocument) -> bool:
    """Whether the cases say what crosses between regions."""
    return any(each.egress_gb is not None for each in document.cases)


def egress_text(case: CaseResult) -> str:
    """What crosses between regions costs; GB where no price is known."""
    if case.egress_usd is not None:
        return figure(case.egress_usd)
    return "" if case.egress_gb is None else f"{figure(case.egress_gb)} GB"


def cheapest_with_egress(document: SweepDocument) -> tuple[CaseResult, float] | None:
    """Of the cases that cover all demand that which costs least with its egress, and how much.

    None where that is not known of all of them, or where none has any.
    """
    covered = _covered(document.cases)
    sums = [usd for each in covered if (usd := with_egress(each)) is not None]
    in_usd = document.objective is Objective.COST
    if not in_usd or len(sums) < len(covered) or not any(each.egress_usd for each in covered):
        return None
    least = min(sums)
    return covered[sums.index(least)], least


def _covered(cases: Sequence[CaseResult]) -> list[CaseResult]:
    return [each for each in cases if each.covered == COVERED]


@dataclass(frozen=True, slots=True)
class ValueRow:
    """The cases that have one value of a varied input."""

    value: Value
    cases: int
    covered: int
    short: int
    best: CaseResult | None
    """The cheapest that covers all demand."""


def by_value(document: SweepDocument, path: str) -> tuple[ValueRow, ...]:
    """One row a value of a varied input, in the order of the study."""
    values = next(each.values for each in document.vary if each.path == path)
    return tuple(_row(document, path, value) for value in values)


def _row(document: SweepDocument, path: str, value: Value) -> ValueRow:
    own = [each for each in document.cases if path in each.inputs and each.inputs[path] == value]
    return ValueRow(
        value,
        len(own),
        sum(each.covered == COVERED for each in own),
        sum(each.covered == SHORT for each in own),
        cheapest(document, own),
    )


def value_text(value: Value) -> str:
    """As the user writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def varied_paths(document: SweepDocument) -> list[str]:
    """Inputs that tell cases apart beside their names; those of named cases have one."""
    if document.cases and all(each.name for each in document.cases):
        return [each.path for each in document.vary]
    return list(dict.fromkeys(path for each in document.cases for path in each.inputs))


def inputs_text(document: SweepDocument, case: CaseResult) -> str:
    """`spine lost, demand=1.2`: the case's name and what is varied, or `as it is`."""
    parts = [f"{path}={value_text(case.inputs[path])}" for path in varied_paths(document)
             if path in case.inputs]  # fmt: skip
    return ", ".join(([case.name] if case.name else []) + parts) or AS_IT_IS


def verdict(case: CaseResult) -> str:
    """Whether demand is covered, or how the case failed."""
    if case.status is CaseStatus.FAILED:
        return "failed"
    return case.covered or ""


def coverage_ends(document: SweepDocument) -> Iterator[tuple[str, float, float]]:
    """Path, the last value with all its cases covered and the next, where coverage ends between.

    Of inputs that are numbers in rising or falling order: up to there every case is covered, and
    from the next on not every one; at the next one a case is proven to be short.
    """
    for each in document.vary:
        numbers = [v for v in each.values if isinstance(v, int | float) and v is not True]
        if len(numbers) < max(2, len(each.values)):
            continue
        rows = dict(zip(numbers, by_value(document, each.path), strict=True))
        ordered = sorted(numbers)
        whole = [rows[value].covered == rows[value].cases > 0 for value in ordered]
        if whole[-1] and not whole[0]:
            ordered, whole = ordered[::-1], whole[::-1]
        if whole[0] and not whole[-1] and whole == sorted(whole, reverse=True):
            beyond = whole.index(False)
            if rows[ordered[beyond]].short:
                yield each.path, ordered[beyond - 1], ordered[beyond]
