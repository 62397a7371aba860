"""Demand CSV (`interval_start,rps[,isl,osl,...]`) -> a regular series of demand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from heteroplan.entities.arrivals import Arrivals
from heteroplan.entities.scenario import Horizon
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.tables import stamped_rows
from heteroplan.inputs.tables.stamped_rows import StampedRow
from heteroplan.reading import csv_rows
from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.numbers import parse_number_within

LEAST = {
    "rps": 0.0,
    "isl": 1.0,
    "osl": 1.0,
    "isl_cv": 0.0,
    "prefix_hit_rate": 0.0,
    "context": 1.0,
    "context_cv": 0.0,
    "osl_cv": 0.0,
    "share": 0.0,
    "ttft_ms": 1e-6,
    "itl_ms": 1e-6,
    "percentile": 1e-9,
    "ttft_slowdown": 1.0 + 1e-9,
    "itl_slowdown": 1.0 + 1e-9,
    "e2e_slowdown": 1.0 + 1e-9,
}
"""Least value of each number of a row."""
_MOST_CV = 100.0
MOST = {
    "isl_cv": _MOST_CV,
    "prefix_hit_rate": 1.0 - 1e-9,
    "context_cv": _MOST_CV,
    "osl_cv": _MOST_CV,
    "share": 1.0,
    "percentile": 1.0 - 1e-9,
    "ttft_slowdown": 1000.0,
    "itl_slowdown": 1000.0,
    "e2e_slowdown": 1000.0,
}
SHAPE = ("isl", "osl", "isl_cv", "prefix_hit_rate", "context", "context_cv", "osl_cv")
"""Columns of a shape of requests; the first two go together, the others with them."""
_NUMBERS = ("rps", *SHAPE)
_MAX_NUMBER = 1e9
NOT_PLANNED = ("mean_rps", "median_rps", "input_tokens_per_s", "output_tokens_per_s")
"""Columns that `heteroplan demand` writes for people; planning does not look at them."""
_COLUMNS = ("interval_start", *_NUMBERS, *NOT_PLANNED)


@dataclass(frozen=True, slots=True)
class DemandSeries:
    """Demand in equal steps of elapsed time."""

    start_s: int
    """Start of the first step [Unix s]."""
    step_s: int
    """Length of a step [s]."""
    rps: tuple[float, ...]
    """Requests a second, one a step."""
    shapes: tuple[tuple[StepShape, ...], ...] | None = None
    """Classes of each step, the same ones in all; None where the file tells no lengths."""
    notes: tuple[str, ...] = ()
    """What was made of the traces that it comes from."""
    arrivals: Arrivals | None = None
    """How bursty arrivals are; None where the file does not tell."""
    trace_end: datetime | None = None
    """When the last request of the trace came; None where it comes from no trace."""


@dataclass(frozen=True, slots=True)
class _DemandRow(StampedRow):
    numbers: dict[str, float]


def read_demand(
    text: str, file: str, zone: ZoneInfo | None, horizon: Horizon | None
) -> DemandSeries | None:
    """The series in `text`.

    Stamps without an offset are wall-clock time in `zone`. Without a zone or a horizon only
    what needs neither is checked and None returned.
    Raises InputError with the problems of all rows (the first 20).
    """
    found = FileProblems(file)
    rows = _rows(text, found)
    starts = [] if zone is None else stamped_rows.row_starts(rows, zone, found)
    found.done()
    if zone is None or horizon is None:
        return None
    step_s = stamped_rows.common_step_s(starts)
    stamped_rows.check_regular(rows, starts, step_s, found)
    found.done()
    stamped_rows.check_covered(starts, step_s, horizon, found)
    found.done()
    rps = tuple(row.numbers["rps"] for row in rows)
    shapes = tuple((step_shape(row.numbers),) for row in rows) if "isl" in rows[0].numbers else None
    return DemandSeries(int(starts[0].timestamp()), step_s, rps, shapes)


def numbers_of(
    cells: Mapping[str, str], names: Sequence[str], line: int, found: FileProblems
) -> dict[str, float]:
    """The numbers in those of the columns that are there; what is none is a problem."""
    numbers = {}
    for name in names:
        if name not in cells:
            continue
        try:
            least, most = LEAST[name], MOST.get(name, _MAX_NUMBER)
            numbers[name] = parse_number_within(cells[name], least, most)
        except ValueError as error:
            found.problem(line, name, cells[name], str(error))
    return numbers


def step_shape(numbers: dict[str, float], name: str = "default") -> StepShape:
    """The shape that columns tell."""
    return StepShape(
        name,
        numbers.get("share", 1.0),
        numbers["isl"],
        numbers["osl"],
        numbers.get("isl_cv"),
        numbers.get("prefix_hit_rate"),
        numbers.get("context"),
        numbers.get("context_cv"),
        numbers.get("osl_cv"),
    )


def _rows(text: str, found: FileProblems) -> list[_DemandRow]:
    rows = [
        _DemandRow(line, cells["interval_start"], numbers_of(cells, _NUMBERS, line, found))
        for line, cells in csv_rows.rows(text, found, _COLUMNS, _needed)
    ]
    if len(rows) < 2 and not found.problems:
        remedy = (
            "one row; write at least two, because one does not say how long a step is"
            if rows
            else "no rows; write one per step under interval_start,rps"
        )
        found.problem(0, "", "", remedy)
    return rows


def _needed(header: Sequence[str]) -> Sequence[str]:
    return _COLUMNS[:4] if set(SHAPE) & set(header) else _COLUMNS[:2]
