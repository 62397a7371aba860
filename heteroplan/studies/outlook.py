"""What the demand of a workload may be: its median, and how whole days come out from it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from math import exp, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import DemandError
from heteroplan.forecasting.curve.day_errors import DayErrors

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

S_PER_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Days:
    """Where the intervals of a horizon lie in its local days."""

    day: Ints
    """[T] from 0."""
    wall_s: Ints
    """[T] time of day at which an interval starts, by the clock [s]."""
    first: date

    @classmethod
    def of(cls, horizon: Horizon) -> "Days":
        """Of the horizon's own time zone."""
        starts = horizon.boundaries()[:-1]
        first = starts[0].date()
        return cls(
            np.array([(start.date() - first).days for start in starts]),
            np.array([start.hour * 3600 + start.minute * 60 + start.second for start in starts]),
            first,
        )


@dataclass(frozen=True, slots=True)
class PastErrors:
    """Errors of past forecasts: days of the horizon come out as days of the past did."""

    errors: DayErrors

    def factors(self, days: Days, begin: date | None, rng: np.random.Generator) -> Floats:
        """[T, piece] of the median, of as many past days as the horizon has.

        The first is `begin`, or any; the others follow it, and the first of all follows the last.
        """
        ratios = self.errors.ratios
        known = self.errors.days
        drawn = int(rng.integers(len(known)))
        at = drawn if begin is None else known.index(begin)
        slots = days.wall_s * ratios.shape[1] // S_PER_DAY
        found: Floats = ratios[(at + days.day) % len(known), slots]
        return found


@dataclass(frozen=True, slots=True)
class StatedErrors:
    """Errors as the scenario states them: log-normal, of each day and of each interval."""

    stated: DemandError

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm of one interval's rate."""
        return sqrt(self.stated.day**2 + self.stated.interval**2)

    def at(self, quantile: float) -> float:
        """A quantile of the rate of an interval, over its median."""
        return exp(self.spread * NormalDist().inv_cdf(quantile))

    def factors(self, days: Days, begin: date | None, rng: np.random.Generator) -> Floats:
        """[T, 1] of the median; `begin` is of other kinds of errors."""
        of_day = self.stated.day * rng.standard_normal(int(days.day.max()) + 1)
        of_interval = self.stated.interval * rng.standard_normal(len(days.day))
        found: Floats = np.exp(of_day[days.day] + of_interval)[:, None]
        return found


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the demand of a workload may be."""

    workload: str
    planned_quantile: float
    """That the scenario plans for, beside its headroom."""
    median_rps: tuple[float, ...]
    """[T] without headroom."""
    errors: PastErrors | StatedErrors


def common_days(outlooks: Sequence[Outlook]) -> tuple[date, ...]:
    """Past days that all workloads have errors of, so that they can be drawn together.

    None where they are less than half of those that a workload has.
    """
    known = [each.errors.errors.days for each in outlooks if isinstance(each.errors, PastErrors)]
    if not known:
        return ()
    common = set(known[0]).intersection(*known[1:])
    return tuple(sorted(common)) if 2 * len(common) >= max(map(len, known)) else ()
