"""Which input moves cost most: two bars an input, from the base case to less and to more."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.shared.page import PageTable, render, table_html
from heteroplan.outputs.shared.words import amount_unit, figure, signed_share
from heteroplan.outputs.sweep.labels import (
    amount_label,
    coverage_label,
    input_label,
    settings_label,
    value_label,
)
from heteroplan.studies.result import CaseResult, amount, is_covered, number_of
from heteroplan.studies.swings import Swing

MOST_BARS = 20
"""Inputs that have bars; the table has all."""


@dataclass(frozen=True, slots=True)
class Side:
    """Cases with lesser values than the base case, or with greater and other ones."""

    kind: str
    """`low` or `high`."""
    cases: tuple[CaseResult, ...]


def sides(swing: Swing) -> tuple[Side, Side]:
    """The cases of an input on both sides of the base case.

    Where the base case leaves the input alone, a factor below 1 and the first of two numbers are
    lesser values.
    """
    middle = _middle(swing)
    low = [each for each in swing.cases if _number(swing, each) < middle]
    high = [each for each in swing.cases if not _number(swing, each) < middle]
    return Side("low", tuple(low)), Side("high", tuple(high))


def tornado_section(swings: Sequence[Swing], objective: Objective, unit: str) -> str:
    """The bars, and a table with all cases; `swings` has one at least."""
    base = swings[0].base
    shown = swings[:MOST_BARS]
    greatest = max(each.greatest for each in shown) or 1.0
    below = [
        f"One input at a time; all others as in the base case ({_base(base, objective, unit)}).",
        "Inputs with which demand is not covered come first, then those that move the amount most.",
    ]
    if said := doubt(swings, objective):
        below.append(said)
    if len(shown) < len(swings):
        below.append(f"{len(shown)} of {len(swings):,} inputs are drawn; the table has all.")
    return render(
        "tornado.html",
        head="Which input moves cost most" if objective is Objective.COST
        else "Which input moves GPU-hours most",
        rows=[_row(each, greatest) for each in shown],
        unit=unit,
        summary="All inputs as a table",
        table=table_html(_table(swings, objective, unit)),
        below=below,
    )  # fmt: skip


def doubt(swings: Sequence[Swing], objective: Objective) -> str:
    """Which changes tell little, since plans may cost more than needed; empty where all tell."""
    cases = [swings[0].base, *(case for each in swings for case in each.cases)]
    above = [
        each.gap * cost
        for each in cases
        if is_covered(each) and each.gap and (cost := amount(each, objective)) is not None
    ]
    if not above:
        return ""
    return (
        f"Each plan may be up to {figure(max(above))} {amount_unit(objective)} above the best one "
        "(its gap): changes below that may be of the search. A smaller --gap tells more."
    )


def _row(swing: Swing, greatest: float) -> dict[str, Any]:
    """What the template shows; places are in % of the track, whose middle is the base case."""
    bars = []
    for side in sides(swing):
        changes = [each for each in map(swing.change, side.cases) if each is not None]
        if changes:
            first, last = min(0.0, *changes), max(0.0, *changes)
            bars.append(
                {
                    "kind": side.kind,
                    "left": f"{50 + 50 * first / greatest:.2f}",
                    "width": f"{50 * (last - first) / greatest:.2f}",
                    "text": _furthest(swing, side),
                }
            )
    return {"label": input_label(swing.path), "bars": bars, "short": list(_short(swing))}


def _furthest(swing: Swing, side: Side) -> str:
    """The value of the side with the greatest change, and the change."""
    changes = {i: change for i, case in enumerate(side.cases)
               if (change := swing.change(case)) is not None}  # fmt: skip
    i = max(changes, key=lambda each: abs(changes[each]))
    return _said(swing, side.cases[i], change_text(changes[i]))


def _short(swing: Swing) -> Iterator[str]:
    """Such as `6: 97.3 % served` of cases that are not covered."""
    for case in swing.cases:
        if not is_covered(case):
            yield _said(swing, case, coverage_label(case))


def side_texts(swing: Swing, side: Side) -> tuple[list[str], bool]:
    """The greatest change of a side and its cases that are not covered; whether it has such."""
    known = any(swing.change(case) is not None for case in side.cases)
    short = [
        _said(swing, case, coverage_label(case)) for case in side.cases if not is_covered(case)
    ]
    return [*([_furthest(swing, side)] if known else []), *short], bool(short)


def _said(swing: Swing, case: CaseResult, text: str) -> str:
    value = _value(swing, case)
    return f"{value}: {text}" if value else text


def _table(swings: Sequence[Swing], objective: Objective, unit: str) -> PageTable:
    return PageTable(
        ("input", "value", "demand is", unit, "change", "share"),
        [
            (
                input_label(swing.path),
                _value(swing, case),
                coverage_label(case),
                amount_label(case, objective),
                "" if (change := swing.change(case)) is None else change_text(change),
                _share(change, amount(swing.base, objective)),
            )
            for swing in swings
            for case in swing.cases
        ],
        text_columns=(0, 2),
    )


def change_text(change: float) -> str:
    """With + or -, in three digits or all before the point."""
    text = figure(abs(change))
    return "0" if change == 0 else f"{'+' if change > 0 else '-'}{text}"


def _share(change: float | None, of: float | None) -> str:
    return "" if change is None or not of else signed_share(change / of)


def _base(base: CaseResult, objective: Objective, unit: str) -> str:
    what = base.name or settings_label(base.inputs.items())
    if not is_covered(base):
        return f"{what}: {coverage_label(base)}, so that amounts do not compare"
    return f"{what}: {amount_label(base, objective)} {unit}"


def _value(swing: Swing, case: CaseResult) -> str:
    """That the case sets; nothing of a named case."""
    if swing.path in case.inputs:
        return value_label(swing.path, case.inputs[swing.path])
    return "" if case.name == swing.path else "as it is"


def _number(swing: Swing, case: CaseResult) -> float:
    """NaN of texts, which is less than nothing."""
    found = number_of(case.inputs.get(swing.path))
    return float("nan") if found is None else found


def _middle(swing: Swing) -> float:
    own = number_of(swing.base.inputs.get(swing.path))
    if own is not None:
        return own
    values = [case.inputs.get(swing.path) for case in swing.cases]
    numbers = [number for each in values if (number := number_of(each)) is not None]
    if all(isinstance(each, str) for each in values) or not numbers:
        return 1.0
    return (min(numbers) + max(numbers)) / 2
