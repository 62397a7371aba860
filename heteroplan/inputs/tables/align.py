"""Demand in the file's steps -> demand in planning intervals.

An interval takes the steps that it overlaps, wholly or in part. Its rate is the greatest of
theirs, because the plan must cover each of them; its lengths are their mean over requests,
that is weighted by rate and by seconds of overlap. Where the interval lies in one step it takes
that step's values. Nothing depends on one being a multiple of the other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from heteroplan.entities.scenario import Horizon
from heteroplan.forecasting.steps.shape import StepShape, together
from heteroplan.inputs.tables.demand_csv import DemandSeries


@dataclass(frozen=True, slots=True)
class AlignedDemand:
    """Demand of one planning interval, headroom not yet applied."""

    rps: float
    """Requests a second."""
    shapes: tuple[StepShape, ...] | None
    """Classes of requests, where the file tells lengths."""


def aligned(series: DemandSeries, horizon: Horizon) -> Iterator[AlignedDemand]:
    """Demand of each planning interval. `series` must cover the horizon."""
    offset_s = int(horizon.start.timestamp()) - series.start_s
    for t in range(horizon.intervals):
        start_s = offset_s + t * horizon.interval_s
        end_s = start_s + horizon.interval_s
        steps = range(start_s // series.step_s, -(-end_s // series.step_s))
        overlap_s = [
            min(end_s, (i + 1) * series.step_s) - max(start_s, i * series.step_s) for i in steps
        ]
        requests = [series.rps[i] * s for i, s in zip(steps, overlap_s, strict=True)]
        weights = requests if any(requests) else overlap_s
        yield AlignedDemand(max(series.rps[i] for i in steps), _shapes(series, steps, weights))


def _shapes(
    series: DemandSeries, steps: range, weights: Sequence[float]
) -> tuple[StepShape, ...] | None:
    if series.shapes is None:
        return None
    if len(steps) == 1:
        return series.shapes[steps[0]]
    total = sum(weights)
    of_class = zip(*(series.shapes[i] for i in steps), strict=True)
    return tuple(together(shapes, [each / total for each in weights]) for shapes in of_class)
