"""Cost against demand, SLOs and other varied inputs: a chart each, with its table."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.shared.chart_style import COLOURS, INK, LIMIT, style
from heteroplan.outputs.shared.page import PageTable, Panel, chart_section
from heteroplan.outputs.shared.words import figure, signed_share
from heteroplan.outputs.sweep.labels import (
    amount_label,
    coverage_label,
    input_label,
    number_label,
    settings_label,
    unit_of,
)
from heteroplan.studies.frontier import Better, Frontier, Line
from heteroplan.studies.result import CaseResult, amount, is_covered

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

MOST_LINES = len(COLOURS)
"""Of a chart; of its table too."""
MOST_SENTENCES = 3
"""About lines of a chart."""
_HEIGHT = 320
"""Of a chart [pixels]."""
_SHORT, _BEST = "demand is not covered", "no case gives as much for less"


def frontier_sections(
    frontiers: Sequence[Frontier], objective: Objective, unit: str
) -> Iterator[str]:
    """A section each: chart, table, and what is to be seen in words."""
    for number, each in enumerate(frontiers):
        label = input_label(each.path)
        what = "Cost" if objective is Objective.COST else "GPU-hours"
        yield chart_section(
            f"frontier-{number}",
            f"{what} against {label}",
            [Panel("", frontier_chart(each, objective, unit))],
            [_table(each, objective, unit)],
            list(_sentences(each, objective)),
        )


def frontier_chart(found: Frontier, objective: Objective, unit: str) -> "Figure":
    """A line for each setting of the other inputs; crosses are cases that are not covered."""
    from plotly.graph_objects import Figure, Scatter

    figure = Figure()
    alone = len(found.lines) == 1
    for number, line in enumerate(found.lines[:MOST_LINES]):
        covered = [case for case in line.cases if is_covered(case)]
        name = "" if alone else line_label(line)
        figure.add_trace(
            Scatter(
                x=[found.value(case) for case in covered],
                y=[amount(case, objective) for case in covered],
                mode="lines+markers",
                name=escape(name or "demand is covered"),
                line={"color": COLOURS[number], "width": 2},
                hovertemplate=f"{escape(name)}<br>%{{x:,}}: %{{y:,.4~r}}<extra></extra>",
            )
        )
    short = [
        (case, line)
        for line in found.lines[:MOST_LINES]
        for case in line.cases
        if not is_covered(case) and amount(case, objective) is not None
    ]
    if short:
        figure.add_trace(
            Scatter(
                x=[found.value(case) for case, _ in short],
                y=[amount(case, objective) for case, _ in short],
                mode="markers",
                name=_SHORT,
                marker={"symbol": "x-thin", "size": 9, "line": {"color": LIMIT, "width": 2}},
                text=[escape(_point_label(case, line)) for case, line in short],
                hovertemplate="%{text}<br>%{x:,}: %{y:,.4~r}<extra></extra>",
            )
        )
    if found.efficient and not alone:
        figure.add_trace(
            Scatter(
                x=[found.value(case) for case in found.efficient],
                y=[amount(case, objective) for case in found.efficient],
                mode="lines",
                name=_BEST,
                line={"color": INK, "width": 1.5, "dash": "dot"},
                hoverinfo="skip",
            )
        )
    style(figure, _HEIGHT, hovermode="closest")
    figure.update_xaxes(
        title_text=escape(_axis_label(found.path)),
        showline=True,
        separatethousands=True,
        exponentformat="none",
    )
    figure.update_yaxes(title_text=escape(unit), separatethousands=True, exponentformat="none")
    return figure


def line_label(line: Line) -> str:
    """What tells a line apart: the name of its cases, or what they set."""
    names = {case.name for case in line.cases}
    return (names.pop() if len(names) == 1 else None) or settings_label(line.others)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _point_label(case: CaseResult, line: Line) -> str:
    return ", ".join(
        [*([settings_label(line.others)] if line.others else []), coverage_label(case)]
    )


def _axis_label(path: str) -> str:
    label, unit = input_label(path), unit_of(path)
    if label.startswith("demand"):
        unit = "factor"
    return f"{label} [{unit}]" if unit else label


def _table(found: Frontier, objective: Objective, unit: str) -> PageTable:
    """A row a value and a column a line."""
    lines = found.lines[:MOST_LINES]
    values = sorted({found.value(case) for line in lines for case in line.cases})
    cells = [{found.value(case): case for case in line.cases} for line in lines]
    heads = [line_label(line) if line.others else unit for line in lines]
    return PageTable(
        (_axis_label(found.path), *heads),
        [
            (f"{value:,.9g}", *(_cell(each.get(value), objective) for each in cells))
            for value in values
        ],
        caption=unit if any(line.others for line in lines) else "",
    )


def _cell(case: CaseResult | None, objective: Objective) -> str:
    if case is None:
        return ""
    return amount_label(case, objective) if is_covered(case) else coverage_label(case)


def _sentences(found: Frontier, objective: Objective) -> Iterator[str]:
    told = []
    for line in found.lines:
        parts = [_cost_text(found, line, objective), _end_text(found, line)]
        said = "; ".join(each for each in parts if each)
        if said:
            name = f"{line_label(line)}: " if line.others else ""
            told.append(f"{_capital(f'{name}{said}')}.")
    yield from told[:MOST_SENTENCES]
    if len(told) > MOST_SENTENCES:
        yield f"{len(told):,} settings of the other inputs, of which these are the first."
    if len(found.lines) > MOST_LINES:
        yield f"{MOST_LINES} of them are drawn; cases.csv has all."


def _cost_text(found: Frontier, line: Line, objective: Objective) -> str:
    """What it costs to go from the easiest covered value to the hardest one."""
    covered = [each for each in line.cases if is_covered(each)]
    if len(covered) < 2:
        return ""
    first, last = covered[0], covered[-1]
    if found.better is Better.LOWER:
        first, last = last, first
    before, after = amount(first, objective), amount(last, objective)
    if before is None or after is None:
        return ""
    costs = "costs" if objective is Objective.COST else "takes"
    label, easy, hard = input_label(found.path), _value(found, first), _value(found, last)
    if before == after:
        return f"{label} {easy} {costs} {figure(before)}, as {hard} does"
    share = f" ({signed_share(after / before - 1)})" if before > 0 else ""
    return f"{label} {easy} {costs} {figure(before)}, {hard} {costs} {figure(after)}{share}"


def _end_text(found: Frontier, line: Line) -> str:
    end = found.coverage_end(line)
    if end is None:
        return ""
    last, beyond = end
    short = number_label(found.path, beyond)
    if last is None:
        return f"demand is not covered, not even at {input_label(found.path)} {short}"
    return f"demand is covered up to {number_label(found.path, last)}, not at {short}"


def _value(found: Frontier, case: CaseResult) -> str:
    return number_label(found.path, found.value(case))
