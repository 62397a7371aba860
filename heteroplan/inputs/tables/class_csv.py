"""Classes CSV (`[interval_start,]class,share,isl,osl[,isl_cv,...][,ttft_ms,...]`).

The classes of the requests that a demand CSV counts: one row a class, or one a step and class. A
class may have an SLO of its own, the same in all steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.schemas.workload import SloSpec
from heteroplan.inputs.tables import stamped_rows
from heteroplan.inputs.tables.demand_csv import SHAPE, DemandSeries, numbers_of, step_shape
from heteroplan.inputs.tables.stamped_rows import StampedRow
from heteroplan.reading import csv_rows
from heteroplan.reading.file_problems import FileProblems
from heteroplan.text import wrong_name

_NUMBERS = ("share", *SHAPE)
_TARGETS = ("ttft_ms", "itl_ms", "percentile", "ttft_slowdown", "itl_slowdown", "e2e_slowdown")
"""Columns of an SLO; empty where the class has none."""
_COLUMNS = ("interval_start", "class", *_NUMBERS, *_TARGETS)
_SUM_TOLERANCE = 1e-3
"""Written shares are rounded."""


@dataclass(frozen=True, slots=True)
class _ClassRow(StampedRow):
    shape: StepShape


def with_classes(series: DemandSeries, text: str, file: str, zone: ZoneInfo) -> DemandSeries:
    """`series` with the classes in `text`, whose steps must be those of the series.

    Raises InputError with the problems of all rows (the first 20).
    """
    found = FileProblems(file)
    rows = [
        _row(cells, line, found)
        for line, cells in csv_rows.rows(text, found, _COLUMNS, lambda header: _COLUMNS[1:5])
    ]
    steps = [list(group) for _, group in groupby(rows, key=lambda row: row.stamp)]
    if not rows and not found.problems:
        found.problem(0, "", "", "no rows; write one per class")
    for step in steps:
        _check_step(step, steps[0], found)
    stamped = bool(rows) and rows[0].stamp != ""
    if stamped:
        firsts = [step[0] for step in steps]
        starts = stamped_rows.row_starts(firsts, zone, found)
        wanted = [series.start_s + i * series.step_s for i in range(len(series.rps))]
        if not found.problems and [int(each.timestamp()) for each in starts] != wanted:
            remedy = "are not the steps of the demand file; make both files in one run"
            found.problem(0, stamped_rows.FIELD, "", remedy)
    found.done()
    shapes = [_whole([row.shape for row in step]) for step in steps]
    return replace(series, shapes=tuple(shapes) if stamped else tuple(shapes * len(series.rps)))


def _row(cells: dict[str, str], line: int, found: FileProblems) -> _ClassRow:
    given = numbers_of(cells, _NUMBERS, line, found)
    numbers = {**dict.fromkeys(_NUMBERS[:3], 1.0), **given}
    name = cells["class"]
    if wrong := wrong_name(name):
        found.problem(line, "class", name, wrong)
    stamp = cells.get("interval_start", "")
    if "interval_start" in cells and not stamp:
        remedy = "empty; write a moment, or leave the column out"
        found.problem(line, "interval_start", "", remedy)
    shape = replace(step_shape(numbers, name), targets=_targets(cells, line, found))
    return _ClassRow(line, stamp, shape)


def _targets(
    cells: dict[str, str], line: int, found: FileProblems
) -> tuple[tuple[str, float], ...]:
    """Fields of the class's SLO, and their values; a latency without a target is a problem."""
    written = {name: cells[name] for name in _TARGETS if cells.get(name)}
    numbers = numbers_of(written, _TARGETS, line, found)
    if written and len(numbers) == len(written):
        try:
            SloSpec.model_validate(numbers)
        except ValidationError as error:
            for each in error.errors():
                found.problem(line, "", "", each["msg"].removeprefix("Value error, "))
    return tuple(numbers.items())


def _check_step(step: Sequence[_ClassRow], first: Sequence[_ClassRow], found: FileProblems) -> None:
    """Note what is wrong with the classes of a step: their names and the sum of their shares."""
    line, stamp = step[0].line, step[0].stamp
    names, wanted = ([row.shape.name for row in each] for each in (step, first))
    total = sum(row.shape.share for row in step)
    if len(set(names)) < len(names):
        remedy = "a class appears twice in this step; rename or remove one"
        found.problem(line, "class", stamp, remedy)
    elif names != wanted:
        remedy = f"classes are {', '.join(names)}; in the first step {', '.join(wanted)}"
        found.problem(line, "class", stamp, remedy)
    else:
        for row, before in zip(step, first, strict=True):
            if row.shape.targets != before.shape.targets:
                remedy = "the latency targets are not those of the first step; write the same ones"
                found.problem(row.line, "class", row.shape.name, remedy)
    if abs(total - 1.0) > _SUM_TOLERANCE:
        remedy = f"shares sum to {total:.6g}; make them sum to 1"
        found.problem(line, "share", stamp, remedy)
    if any(row.shape.share <= 0.0 for row in step):
        remedy = "a share is 0; leave the class out, or give it a small share"
        found.problem(line, "share", stamp, remedy)


def _whole(shapes: Sequence[StepShape]) -> tuple[StepShape, ...]:
    """`shapes` with shares that sum to 1 exactly."""
    total = sum(each.share for each in shapes)
    return tuple(replace(each, share=each.share / total) for each in shapes)
