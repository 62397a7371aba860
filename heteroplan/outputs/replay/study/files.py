"""A signal study as tables for other programs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from heteroplan.outputs.replay.files import csv_cell, csv_text
from heteroplan.simulation.study.results import SignalStudy

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = (
    *("workload", "signal", "unit", "assumed", "load", "came_rps", "mean", "deviation"),
    *("in_time_share", "plan"),
)


def signals_csv(study: SignalStudy) -> str:
    """One row a signal and load; `assumed` is 1 or 0, what is not known is empty."""
    return csv_text(
        [
            COLUMNS,
            *(
                (*row[:3], int(row[3]), *(csv_cell(float(v)) for v in row[4:9]), row[9])
                for row in _rows(study)
            ),
        ]
    )


def signals_frame(study: SignalStudy) -> "DataFrame":
    """The rows of the CSV, NaN where nothing is known."""
    from pandas import DataFrame

    return DataFrame(list(_rows(study)), columns=list(COLUMNS))


type _Row = tuple[str, str, str, bool, float, float, float, float, float, str]


def _rows(study: SignalStudy) -> Iterator[_Row]:
    for curve in study.curves:
        for n, load in enumerate(study.loads.tolist()):
            yield (
                study.workload, curve.name, curve.unit, curve.assumed,
                load, load * study.capacity_rps, float(curve.means[n]),
                float(curve.deviations[n]), float(study.in_time[n]), study.plan_id or "",
            )  # fmt: skip
