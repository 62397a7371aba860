"""Rates of coming days, as the days of the past let expect them."""

import warnings
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.curve.history import RPS, History
from heteroplan.forecasting.curve.intervals import (
    LEAST_KNOWN,
    covered,
    means_of,
    median_over_days,
    peaks_of,
)
from heteroplan.forecasting.curve.season import DayPlan, planned_day, planned_from_others
from heteroplan.forecasting.curve.weekdays import (
    AUTO,
    KINDS,
    MOST_LEFT_OUT,
    chosen,
    classes_of,
    is_enough_for,
    trend_of,
)
from heteroplan.forecasting.steps.local_days import S_PER_DAY, wall_seconds
from heteroplan.text import percent

if TYPE_CHECKING:
    from heteroplan.forecasting.curve.curve import CurveOptions

type Floats = NDArray[np.float64]

CHOICE_S = 900
"""Intervals by which it is found which days are like one another."""
ODD_DAY = 0.5
"""A day that is covered less by all others was an odd one."""
LATE_DAYS = 14
FARTHEST = timedelta(days=28)
"""That a trend is carried on."""
MEAN_RPS, MEDIAN_RPS = 4, 5
"""Kinds of rates beside those of `history`: mean over like intervals, median of their peaks."""
_KIND_WORDS = {
    "alike": "all are like days",
    "weekend": "workdays and weekends apart",
    "each": "each weekday apart",
}


def longest_gap_s(found: History, interval_s: int) -> int:
    """Longest time of the day, round the clock, at which no day tells anything [s]."""
    peaks = peaks_of(found.rates[RPS], interval_s // found.step_s)
    known = np.flatnonzero(~np.isnan(peaks).all(axis=0))
    if len(known) == 0:
        return S_PER_DAY
    gaps = np.diff(np.append(known, known[0] + peaks.shape[1])) - 1
    return int(gaps.max()) * interval_s


def hours_touched(start: datetime, interval_s: int) -> list[int]:
    """Hours of the day that an interval touches, by the wall clock it starts by."""
    seconds = start.minute * 60 + start.second + interval_s
    return [(start.hour + i) % 24 for i in range(min(24, -(-seconds // 3600)))]


class Forecast:
    """What a coming day must be planned for, by its weekday. The past reaches round the day."""

    def __init__(self, found: History, options: "CurveOptions") -> None:
        assert options.quantile is not None
        interval_s, quantile, weekdays = options.interval_s, options.quantile, options.weekdays
        self._found = found
        self._interval_s = interval_s
        self._quantile = quantile
        pieces = interval_s // found.step_s
        self._peaks = peaks_of(found.rates, pieces)
        self._means = means_of(found.rates[RPS], pieces)
        kept = ~np.isnan(self._peaks[RPS]).all(axis=1)
        self._days = [day for day, keep in zip(found.days, kept, strict=True) if keep]
        self._peaks, self._means = self._peaks[:, kept], self._means[kept]
        self._is_chosen = weekdays == AUTO
        self.kind = self._chosen() if self._is_chosen else weekdays
        self._classes = classes_of(self._days, self.kind)
        self.trend = trend_of(self._peaks[RPS], self._classes)
        self._weekly = 1.0
        if options.trend is not None:
            self._weekly = options.trend
        elif self.trend is not None and self.trend.holds:
            self._weekly = self.trend.weekly
        self._plans: dict[tuple[int, int], DayPlan] = {}

    @property
    def days(self) -> int:
        """Of the past."""
        return len(self._days)

    def _chosen(self) -> str:
        """Which days are like one another: those of which half is known, by `CHOICE_S`.

        It is the same whatever the interval is.
        """
        values = peaks_of(self._found.rates[RPS], _pieces(self._found.step_s))
        known = (~np.isnan(values)).mean(axis=1) >= LEAST_KNOWN
        days = [day for day, is_known in zip(self._found.days, known, strict=True) if is_known]
        return chosen(values[known], days, self._quantile) if days else KINDS[0]

    def rates(self, start_us: int, size: int) -> Floats:
        """[kind, interval] of `size` intervals from a local midnight on."""
        wall_s = wall_seconds(start_us, self._interval_s, size, self._found.zone)
        ordinals, seconds = np.divmod(wall_s, S_PER_DAY)
        places, offsets = np.divmod(seconds, self._interval_s)
        rates = np.empty((MEDIAN_RPS + 1, size))
        for ordinal in np.unique(ordinals):
            rows = ordinals == ordinal
            of_day = self.day_rates(date(1970, 1, 1) + timedelta(days=int(ordinal)))
            rates[:, rows] = of_day[:, places[rows]]
            # Where clocks changed by less than an interval it lies in two of the past.
            split = rows & (offsets > 0)
            later = (places[split] + 1) % of_day.shape[1]
            rates[:, split] = np.maximum(rates[:, split], of_day[:, later])
        return rates

    def like_hours(self, start: datetime) -> tuple[int, ...]:
        """Hours of the week that are like those which an interval touches."""
        classes = classes_of([start.date(), *_WEEK], self.kind)
        like = (day.weekday() for day, each in zip(_WEEK, classes[1:], strict=True)
                if each == classes[0])  # fmt: skip
        return tuple(
            weekday * 24 + hour
            for weekday in like
            for hour in hours_touched(start, self._interval_s)
        )

    def notes(self, first: date, last: date) -> list[str]:
        """How the days were looked at; planned are those from `first` to `last`."""
        if self.days == 1:
            return ["one day: planned as recorded, nothing is known of other days"]
        wanted = [first + timedelta(days=i) for i in range(min(7, (last - first).days + 1))]
        others = self._alternatives(wanted) if self._is_chosen else ""
        basis = f"P{100 * self._quantile:g} of {self.days} days, {_KIND_WORDS[self.kind]}"
        found = [f"{basis}{others}"]
        strange = [
            f"{day:%A}" for day in wanted if classes_of([day], self.kind)[0] not in self._classes
        ]
        if strange:
            found.append(f"no past day is a like day of {', '.join(strange)}: all days are used")
        share, worst, day = self._left_out()
        found.append(
            f"forecasts of each day from the others cover {percent(share, 0)} of the intervals, "
            f"on the worst day ({day:%d %b}) {percent(worst, 0)}"
        )
        if worst < ODD_DAY:
            found.append(
                f"{day:%d %b} had {self._times(day):.1f} times the rate of like days: if it was an "
                "event, list it under events, so that it does not raise other days"
            )
        if self.trend is not None:
            weekly, low, high = (
                100 * (each - 1) for each in (self.trend.weekly, self.trend.low, self.trend.high)
            )
            use = "not applied"
            if self._weekly != 1.0:
                at = 100 * (self._weekly - 1)
                use = f"continued to {self._reach(last)} at {at:+.1f} %"
            found.append(f"trend {weekly:+.1f} % a week ({low:+.1f} to {high:+.1f} %), {use}")
        if (first - self._days[-1]).days > LATE_DAYS:
            found.append(
                f"the trace ended {(first - self._days[-1]).days} days before the forecast"
            )
        return found

    def _alternatives(self, wanted: Sequence[date]) -> str:
        """What other ways to tell days apart would plan for `wanted`, in all; may be empty."""
        own = self._planned_requests(self.kind, wanted)
        if own <= 0:
            return ""
        found = []
        for kind in KINDS:
            if kind != self.kind and is_enough_for(kind, self._days):
                more = self._planned_requests(kind, wanted) / own - 1
                change = f"{percent(abs(more))} {'more' if more > 0 else 'less'}"
                same = change.startswith("0.0 %")
                found.append(f"{'as much' if same else change} with --weekdays {kind}")
        if not found:
            return ""
        return f", which forecast past days best; planned would be {', '.join(found)}"

    def _planned_requests(self, kind: str, wanted: Sequence[date]) -> float:
        """Sum of the rates planned for some days if days were told apart so."""
        values, classes = self._flat(self._peaks[RPS]), classes_of(self._days, kind)
        return sum(
            float(planned_day(values, classes, int(each), self._quantile).planned.sum())
            for each in classes_of(wanted, kind)
        )

    def _reach(self, day: date) -> date:
        """How far a trend is carried on: as far as the past reaches back, a month at most."""
        span = min(self._days[-1] - self._days[0], FARTHEST)
        return max(self._days[0], min(day, self._days[-1] + span))

    def day_rates(self, day: date) -> Floats:
        """[kind, interval of the day]."""
        wanted = int(classes_of([day], self.kind)[0])
        ahead = (self._reach(day) - self._days[-1]).days
        growth = float(self._weekly ** (ahead / 7))
        plans = [self._plan(kind, wanted) for kind in range(len(self._peaks))]
        like = self._classes == wanted
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            flat = self._flat(self._means)[like if like.any() else slice(None)]
            means = np.nanmean(flat, axis=0)
            means = np.where(np.isnan(means), np.nanmean(self._flat(self._means), axis=0), means)
        median = plans[RPS].median
        rates: Floats = np.stack([*(each.planned for each in plans), _bridged(means), median])
        return rates * growth

    def _plan(self, kind: int, wanted: int) -> DayPlan:
        if (kind, wanted) not in self._plans:
            values = self._flat(self._peaks[kind])
            if np.isnan(values).all():
                nothing = np.full(values.shape[1], np.nan)
                self._plans[kind, wanted] = DayPlan(nothing, nothing, 0)
            else:
                plan = planned_day(values, self._classes, wanted, self._quantile)
                self._plans[kind, wanted] = plan
        return self._plans[kind, wanted]

    def _flat(self, values: Floats) -> Floats:
        """`values` [day, ...] at the level of the last day, where there is a trend."""
        if self._weekly == 1.0:
            return values
        behind = np.array([(self._days[-1] - day).days for day in self._days])
        flat: Floats = values * np.power(self._weekly, behind / 7)[:, None]
        return flat

    def _times(self, day: date) -> float:
        """Level of a day over that of like ones."""
        values, at = self._flat(self._means), self._days.index(day)
        like = (self._classes == self._classes[at]) & (np.arange(self.days) != at)
        usual = median_over_days(values[like if like.any() else slice(None)])
        both = ~np.isnan(values[at]) & ~np.isnan(usual)
        total = float(usual[both].sum())
        return float(values[at][both].sum()) / total if total > 0 else 1.0

    def _left_out(self) -> tuple[float, float, date]:
        """Share of intervals covered when days are left out; the worst day's, and that day."""
        values = self._flat(self._peaks[RPS])
        picked = range(max(0, self.days - MOST_LEFT_OUT), self.days)
        shares = []
        for i in picked:
            planned = planned_from_others(values, self._classes, i, self._quantile)
            shares.append(float(covered(values[i], planned)[~np.isnan(values[i])].mean()))
        worst = int(np.argmin(shares))
        return float(np.mean(shares)), shares[worst], self._days[picked[worst]]


def _pieces(step_s: int) -> int:
    """Steps of `CHOICE_S`, or a few less that divide the day; 1 where steps are longer."""
    a_day = S_PER_DAY // step_s
    most = max(1, CHOICE_S // step_s)
    return next(pieces for pieces in range(most, 0, -1) if a_day % pieces == 0)


def _bridged(values: Floats) -> Floats:
    """Unknown entries as the line between their neighbours, round the clock."""
    known = np.flatnonzero(~np.isnan(values))
    return np.interp(np.arange(len(values)), known, values[known], period=len(values))


_WEEK = [date(2024, 1, 1) + timedelta(days=i) for i in range(7)]
"""Monday to Sunday."""
