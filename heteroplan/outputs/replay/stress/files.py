"""A stress test as tables for other programs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from heteroplan.outputs.replay.files import csv_text
from heteroplan.simulation.stress.results import Stress

if TYPE_CHECKING:
    from pandas import DataFrame

COLUMNS = (
    *("policy", "stressor", "factor", "workload", "in_time_share", "percentile", "kept"),
    *("intervals_missed", "intervals", "requests", "unfinished", "gpu_hours", "plan"),
)
"""From `intervals_missed` on of all workloads together."""


def runs_csv(stress: Stress) -> str:
    """One row a replay and workload that had requests; `kept` is 1 or 0."""
    return csv_text(
        [
            COLUMNS,
            *(
                [f"{value:.9g}" if isinstance(value, float) else value for value in row]
                for row in _rows(stress)
            ),
        ]
    )


def runs_frame(stress: Stress) -> "DataFrame":
    """The rows of the CSV."""
    from pandas import DataFrame

    return DataFrame(list(_rows(stress)), columns=list(COLUMNS))


def _rows(stress: Stress) -> Iterator[tuple[str | float | int, ...]]:
    for run in (*stress.runs, *stress.searched):
        for workload, share in run.shares.items():
            yield (
                stress.policy, run.stressor.value, run.factor, workload,
                share, stress.percentiles[workload], int(workload not in run.short),
                run.missed, run.intervals, run.requests, run.unfinished, run.gpu_hours,
                stress.plan_id or "",
            )  # fmt: skip
