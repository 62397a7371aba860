"""Calendar overrides: windows in which demand is a multiple of what like times bring."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.steps.stamps import US_PER_S


@dataclass(frozen=True, slots=True)
class Event:
    """A launch, a sale, a holiday.

    In the future demand is multiplied; in the past it is divided, so that it is like other days.
    """

    name: str
    start: datetime
    """Zone-aware."""
    end: datetime
    """Zone-aware; not part of it."""
    multiplier: float


def multipliers(
    events: Iterable[Event], start_us: int, step_s: int, steps: int
) -> NDArray[np.float64]:
    """Of each step [microseconds since 1970 UTC, s]; of several events together, the product.

    A step that an event only touches counts whole.
    """
    edges_s = start_us // US_PER_S + np.arange(steps + 1) * step_s
    found = np.ones(steps)
    for event in events:
        touched = (edges_s[1:] > event.start.timestamp()) & (edges_s[:-1] < event.end.timestamp())
        found[touched] *= event.multiplier
    return found
