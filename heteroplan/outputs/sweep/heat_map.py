"""Two inputs against each other as a table whose cells are the darker the more they cost."""

from collections.abc import Sequence
from typing import Any

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.shared.page import render
from heteroplan.outputs.sweep.labels import (
    amount_label,
    coverage_label,
    input_label,
    settings_label,
    value_label,
)
from heteroplan.studies.cross_table import CrossTable
from heteroplan.studies.result import CaseResult, amount, is_covered

MOST_VALUES = 40
"""Of an input in a table."""
MOST_TABLES = 6
_DARKEST = 0.6
"""Share of the colour over the page, on which texts can still be read, in the light and dark."""


def heat_section(tables: Sequence[CrossTable], objective: Objective, unit: str) -> str:
    """Each table that is not too large; empty where there is none."""
    fitting = [
        each
        for each in tables
        if max(len(each.down.values), len(each.across.values)) <= MOST_VALUES
    ]
    shown = fitting[:MOST_TABLES]
    if not tables:
        return ""
    left_out = len(tables) - len(shown)
    below = [
        f"{unit}; the darker, the more. Hatched: demand is not covered, with the share that is "
        "served. Framed: the cheapest that is covered.",
        *(
            [f"{left_out} more pairs of inputs are not shown; cases.csv has all cases."]
            if left_out
            else []
        ),
    ]
    return render(
        "heat_map.html",
        head="Two inputs against each other",
        tables=[_shown(each, objective) for each in shown],
        below=below,
    )


def _shown(table: CrossTable, objective: Objective) -> dict[str, Any]:
    costs = [
        cost
        for row in table.cells
        for cell in row
        if cell is not None and is_covered(cell) and (cost := amount(cell, objective)) is not None
    ]
    low, high = min(costs, default=0.0), max(costs, default=0.0)
    held = f"; {settings_label(table.held)}" if table.held else ""
    return {
        "caption": f"{input_label(table.down.path)} (down) and "
        f"{input_label(table.across.path)} (across){held}",
        "corner": f"{input_label(table.down.path)} \\ {input_label(table.across.path)}",
        "heads": [value_label(table.across.path, each) for each in table.across.values],
        "rows": [
            {
                "head": value_label(table.down.path, value),
                "cells": [_cell(each, objective, low, high) for each in row],
            }
            for value, row in zip(table.down.values, table.cells, strict=True)
        ],
    }


def _cell(case: CaseResult | None, objective: Objective, low: float, high: float) -> dict[str, Any]:
    if case is None:
        return {"text": "", "kind": "none", "heat": "0"}
    cost = amount(case, objective)
    if not is_covered(case) or cost is None:
        return {"text": coverage_label(case), "kind": "uncovered", "heat": "0"}
    heat = _DARKEST * (cost - low) / (high - low) if high > low else 0.0
    kind = "least" if cost == low else "covered"
    return {"text": amount_label(case, objective), "kind": kind, "heat": f"{heat:.3f}"}
