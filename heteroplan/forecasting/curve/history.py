"""What came, laid on local days: the past as the curve looks at it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.curve.events import Event, multipliers
from heteroplan.forecasting.curve.intervals import median_over_days
from heteroplan.forecasting.steps.counting import CACHED, INPUT, OUTPUT, REQUESTS, WITH_LENGTHS
from heteroplan.forecasting.steps.local_days import S_PER_DAY, wall_seconds
from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.forecasting.steps.steps import Steps

type Floats = NDArray[np.float64]

RPS, INPUT_RATE, OUTPUT_RATE, MISSED_RATE = range(4)
"""Kinds of rates: requests, input tokens, output tokens and input tokens that prefill computes,
each a second."""
IDLE_LIMIT = 20.0
"""An empty spell in which like times bring this many requests is missing data and not idle."""


@dataclass(frozen=True, slots=True)
class History:
    """Rates of the past by local day and time of day."""

    zone: ZoneInfo
    step_s: int
    days: tuple[date, ...]
    """One after the other."""
    rates: Floats
    """[kind, day, step of the day]; NaN is not known. Of an hour that comes twice the greater."""
    has_lengths: bool
    """Whether token counts are known at all; their rates are NaN where not."""
    steps: Steps
    """What was laid, by elapsed time."""
    notes: tuple[str, ...]

    def spans(self, start_s: float, end_s: float) -> bool:
        """Whether the trace reaches into a stretch of time [Unix s]."""
        begin_s = self.steps.start_us / US_PER_S
        return start_s < begin_s + len(self.steps.known) * self.step_s and end_s > begin_s

    @property
    def last_day(self) -> date:
        """The last day of which anything is known."""
        known = ~np.isnan(self.rates[RPS]).all(axis=1)
        return self.days[int(np.flatnonzero(known)[-1])]


def history(steps: Steps, zone: ZoneInfo, events: Sequence[Event] = ()) -> History:
    """Lay `steps` on the days of `zone`; what events brought is taken out."""
    rates = rates_of(steps) / multipliers(events, steps.start_us, steps.step_s, len(steps.known))
    wall_s = wall_seconds(steps.start_us, steps.step_s, len(steps.known), zone)
    ordinals, seconds = np.divmod(wall_s, S_PER_DAY)
    first, size = int(ordinals[0]), int(ordinals[-1] - ordinals[0]) + 1
    laid = np.full((len(rates), size, S_PER_DAY // steps.step_s), np.nan)
    places = (ordinals - first) * laid.shape[2] + seconds // steps.step_s
    for kind, of_kind in zip(laid, np.where(steps.known, rates, np.nan), strict=True):
        np.fmax.at(kind.reshape(-1), places, of_kind)
    days = tuple(date(1970, 1, 1) + timedelta(days=first + i) for i in range(size))
    notes = list(steps.notes)
    inside = np.flatnonzero(steps.known)
    if missing := int((~steps.known[inside[0] : inside[-1]]).sum()):
        notes.append(
            f"{hours_text(missing * steps.step_s)} of the trace are missing, not zero traffic"
        )
    lost = _lost(laid[RPS] * steps.step_s, days)
    if lost.any():
        laid[:, lost] = np.nan
        steps = replace(steps, known=steps.known & ~lost.ravel()[places])
        notes.append(
            f"{hours_text(int(lost.sum()) * steps.step_s)} without any request, where like days "
            "have many, are assumed to be missing data"
        )
    has_lengths = bool(steps.counts[:, WITH_LENGTHS].any())
    return History(zone, steps.step_s, days, laid, has_lengths, steps, tuple(notes))


def weekend(day: date) -> bool:
    """Whether it is a Saturday or a Sunday."""
    return day.weekday() >= 5


def rates_of(steps: Steps) -> Floats:
    """[kind, step]; requests without lengths are assumed as long as those with lengths."""
    counts = steps.counts
    requests, with_lengths = counts[:, REQUESTS], counts[:, WITH_LENGTHS]
    total = with_lengths.sum()
    tokens = [counts[:, INPUT], counts[:, OUTPUT], counts[:, INPUT] - counts[:, CACHED]]
    rates = [requests]
    for each in tokens:
        mean = each.sum() / total if total else np.nan
        known = with_lengths > 0
        lengths = np.divide(each, with_lengths, out=np.full(len(each), mean), where=known)
        rates.append(requests * lengths)
    return np.stack(rates) / steps.step_s


def _lost(counts: Floats, days: Sequence[date]) -> NDArray[np.bool_]:
    """[day, step]: whether it lies in an empty spell that is unlikely to be idle."""
    expected = np.zeros_like(counts)
    for kind in (False, True):
        like = np.array([weekend(day) is kind for day in days])
        expected[like] = np.nan_to_num(median_over_days(counts[like]))
    empty = (counts == 0).ravel()
    spells = np.concatenate([[0], np.flatnonzero(np.diff(empty)) + 1])
    sums = np.add.reduceat(expected.ravel(), spells)
    lengths = np.diff(np.append(spells, len(empty)))
    lost: NDArray[np.bool_] = empty & np.repeat(sums >= IDLE_LIMIT, lengths)
    return lost.reshape(counts.shape)


def hours_text(seconds: int) -> str:
    """A length of time, in words."""
    return f"{seconds // 60} min" if seconds < 2 * 3600 else f"{seconds / 3600:.1f} h"
