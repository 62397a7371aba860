"""Shapes of a day, for demand that nobody has measured yet: `shape:day-night:40`."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise

from heteroplan.entities.scenario import Horizon
from heteroplan.reading.numbers import parse_number_within

PREFIX = "shape:"
MOST_RPS = 1e9
_NIGHT = 0.25
"""Least rate of day-night, as a share of its peak."""
_LEAST_HOUR = 3.0
"""Hour of day-night's least rate; twelve hours later is its peak."""
_OFFICE = ((0.0, 0.1), (7.0, 0.1), (9.0, 1.0), (17.0, 1.0), (20.0, 0.2), (24.0, 0.1))
"""Hours and shares of the peak, with straight lines between them."""
_S_PER_HOUR, _S_PER_MINUTE = 3600, 60


def _day_night(hour: float) -> float:
    swing = math.cos(2.0 * math.pi * (hour - _LEAST_HOUR) / 24.0)
    return _NIGHT + (1.0 - _NIGHT) * (1.0 - swing) / 2.0


def _office_hours(hour: float) -> float:
    for (before, low), (after, high) in pairwise(_OFFICE):
        if hour <= after:
            return low + (high - low) * (hour - before) / (after - before)
    return _OFFICE[-1][1]


def _flat(hour: float) -> float:
    return 1.0


SHAPES: Mapping[str, Callable[[float], float]] = {
    "day-night": _day_night,
    "office-hours": _office_hours,
    "flat": _flat,
}
"""Share of the peak at an hour of the day (0 to 24), by name."""


@dataclass(frozen=True, slots=True)
class DailyShape:
    """A shape, and how high it is."""

    name: str
    peak_rps: float | None = None
    """Rate at the busiest moment [requests/s]; None where it is still to be chosen."""

    def rates_rps(self, horizon: Horizon) -> Iterator[float]:
        """The greatest rate of each interval, by the clocks of the horizon's time zone."""
        level = SHAPES[self.name]
        peak = 1.0 if self.peak_rps is None else self.peak_rps
        step_s = min(_S_PER_MINUTE, horizon.interval_s)
        for start in horizon.boundaries()[:-1]:
            wall = start.replace(tzinfo=None)
            moments = (
                wall + timedelta(seconds=s) for s in range(0, horizon.interval_s + 1, step_s)
            )
            yield peak * max(
                level(each.hour + each.minute / 60 + each.second / _S_PER_HOUR) for each in moments
            )


def parse_shape(text: str) -> DailyShape:
    """`shape:day-night:40`, or without a peak. Raises ValueError."""
    name, colon, peak = text.removeprefix(PREFIX).partition(":")
    if name not in SHAPES:
        known = ", ".join(f"{PREFIX}{each}" for each in SHAPES)
        raise ValueError(f"there is no shape {name!r}; there are {known}")
    if not colon:
        return DailyShape(name)
    try:
        return DailyShape(name, parse_number_within(peak, 1e-3, MOST_RPS))
    except ValueError as error:
        message = f"peak {peak!r}: {error}; write requests/s, such as {PREFIX}{name}:40"
        raise ValueError(message) from None
