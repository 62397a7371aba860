"""Classes CSV (`[interval_start,]class,share,isl,osl[,isl_cv,...]`).

The classes of the requests that a demand CSV counts: one row a class, or one a step and class.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, islice
from zoneinfo import ZoneInfo

from heteroplan.errors import MOST_NOTED, InputError, InputProblem
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.tables import stamped_rows
from heteroplan.inputs.tables.demand_csv import SHAPE, DemandSeries, numbers_of, shape_of
from heteroplan.inputs.tables.stamped_rows import StampedRow
from heteroplan.reading import csv_rows
from heteroplan.text import wrong_name

_NUMBERS = ("share", *SHAPE)
_COLUMNS = ("interval_start", "class", *_NUMBERS)
_SUM_TOLERANCE = 1e-3
"""Written shares are rounded."""


@dataclass(frozen=True, slots=True)
class _Row(StampedRow):
    shape: StepShape


def with_classes(series: DemandSeries, text: str, file: str, zone: ZoneInfo) -> DemandSeries:
    """`series` with the classes in `text`, whose steps must be those of the series.

    Raises InputError with the problems of all rows (the first 20).
    """
    problems: list[InputProblem] = []
    rows = [
        _row(cells, line, file, problems)
        for line, cells in csv_rows.rows(text, file, _COLUMNS, _needed, problems)
    ]
    steps = [list(group) for _, group in groupby(rows, key=lambda row: row.stamp)]
    if not rows and not problems:
        problems.append(InputProblem(file, 0, "", "", "no rows; write one a class"))
    found = (problem for step in steps for problem in _step_problems(step, steps[0], file))
    problems.extend(islice(found, MOST_NOTED))
    stamped = bool(rows) and rows[0].stamp != ""
    if stamped:
        firsts = [step[0] for step in steps]
        starts = stamped_rows.moments(firsts, file, zone, problems)
        wanted = [series.start_s + i * series.step_s for i in range(len(series.rps))]
        if not problems and [int(each.timestamp()) for each in starts] != wanted:
            remedy = "are not the steps of the demand file; make both files in one run"
            problems.append(InputProblem(file, 0, stamped_rows.FIELD, "", remedy))
    if problems:
        raise InputError(sorted(problems))
    shapes = [_whole([row.shape for row in step]) for step in steps]
    return replace(series, shapes=tuple(shapes) if stamped else tuple(shapes * len(series.rps)))


def _needed(header: Sequence[str]) -> Sequence[str]:
    return _COLUMNS[1:5]


def _row(cells: dict[str, str], line: int, file: str, problems: list[InputProblem]) -> _Row:
    found = numbers_of(cells, _NUMBERS, line, file, problems)
    numbers = {**dict.fromkeys(_NUMBERS[:3], 1.0), **found}
    name = cells["class"].strip()
    if wrong := wrong_name(name):
        problems.append(InputProblem(file, line, "class", name, wrong))
    stamp = cells.get("interval_start", "").strip()
    if "interval_start" in cells and not stamp:
        remedy = "empty; write a moment, or leave the column out"
        problems.append(InputProblem(file, line, "interval_start", "", remedy))
    shape = shape_of(numbers, name)
    return _Row(line, stamp, shape)


def _step_problems(step: Sequence[_Row], first: Sequence[_Row], file: str) -> list[InputProblem]:
    """What is wrong with the classes of a step: their names and the sum of their shares."""
    line, stamp = step[0].line, step[0].stamp
    names, wanted = ([row.shape.name for row in each] for each in (step, first))
    total = sum(row.shape.share for row in step)
    found = []
    if len(set(names)) < len(names):
        remedy = "a class stands twice in this step; rename or remove one"
        found.append(InputProblem(file, line, "class", stamp, remedy))
    elif names != wanted:
        remedy = f"classes are {', '.join(names)}; in the first step {', '.join(wanted)}"
        found.append(InputProblem(file, line, "class", stamp, remedy))
    if abs(total - 1.0) > _SUM_TOLERANCE:
        remedy = f"shares sum to {total:.6g}; make them sum to 1"
        found.append(InputProblem(file, line, "share", stamp, remedy))
    if any(row.shape.share <= 0.0 for row in step):
        remedy = "a share is 0; leave the class out, or give it a small share"
        found.append(InputProblem(file, line, "share", stamp, remedy))
    return found


def _whole(shapes: Sequence[StepShape]) -> tuple[StepShape, ...]:
    """The same with shares that sum to 1 exactly."""
    total = sum(each.share for each in shapes)
    return tuple(replace(each, share=each.share / total) for each in shapes)
