"""The deciding numbers of a demand curve and of its backtest, as terminal and page show them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import isfinite
from typing import TYPE_CHECKING

from heteroplan.entities.scenario import Horizon
from heteroplan.outputs.shared.words import figure, horizon_text
from heteroplan.text import percent

if TYPE_CHECKING:
    from heteroplan.forecasting.curve.backtest import Backtest, Covered
    from heteroplan.forecasting.curve.curve import Curve, CurveRow
    from heteroplan.forecasting.steps.shape import StepShape

TOLERANCE = 0.02
"""Coverage may be as much less than wanted without a warning; it is of few intervals."""
RATE_HEADS = ("planned", "peak", "at", "mean", "of the peak", "trough", "at")
CLASS_HEADS = ("class", "share", "isl", "osl", "isl_cv", "prefix hits")
BURST_HEADS = ("time scale", "prefill", "capacity recorded", "decode", "in flight recorded")
BACKTEST_HEADS = ("", "covered", "wanted", "planned / true", "worst shortfall", "at")
TOLD_WINDOW_S, TOLD_WAIT_S, TOLD_STAY_S, TOLD_PERCENTILE = 1.0, 2.0, 10.0, 0.95
"""Of all time scales and percentiles those that sentences tell."""
_UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class DayCovered:
    """Coverage of requests on a day held back."""

    text: str
    """Such as `22 Nov 95.8 %`."""
    is_enough: bool


def horizon_of(curve: "Curve") -> Horizon:
    """The time of the curve."""
    start = curve.rows[0].start
    return Horizon(start, len(curve.rows), curve.interval_s, str(start.tzinfo), False)


def heading(curve: "Curve") -> str:
    """Such as `2026-11-23 00:00 to 2026-11-24 00:00 UTC, 96 x 15 min, P95 of 14 days`."""
    return f"{horizon_text(horizon_of(curve))}, {basis(curve)}"


def basis(curve: "Curve") -> str:
    """What is planned for: `P95 of 14 days`, or `as recorded`."""
    if curve.quantile is None:
        return "as recorded"
    return f"{_quantile(curve.quantile)} of {_counted(curve.days, 'day')}"


def peak_row(curve: "Curve") -> "CurveRow":
    """The first of the intervals with the greatest rate of requests."""
    return max(curve.rows, key=lambda row: row.rps)


def rate_rows(curve: "Curve") -> list[tuple[str, ...]]:
    """A row for requests and, where they are known, for tokens; see `RATE_HEADS`."""
    rows = [_rate_row("requests/s", curve, lambda row: row.rps)]
    if curve.rows[0].classes:
        rows.append(_rate_row("input tokens/s", curve, input_rate))
        rows.append(_rate_row("output tokens/s", curve, output_rate))
    return rows


def input_rate(row: "CurveRow") -> float:
    """Planned [tokens/s]; 0 where no lengths are known."""
    return 0.0 if row.shape is None else row.rps * row.shape.isl


def output_rate(row: "CurveRow") -> float:
    """Planned [tokens/s]; 0 where no lengths are known."""
    return 0.0 if row.shape is None else row.rps * row.shape.osl


def has_median(curve: "Curve") -> bool:
    """Whether it is of its own; recorded intervals have no like ones."""
    return any(row.median_rps not in (row.mean_rps, row.rps) for row in curve.rows)


def planned_over_mean(curve: "Curve") -> float | None:
    """Planned rates over mean ones; None where nothing came."""
    mean = sum(row.mean_rps for row in curve.rows)
    return sum(row.rps for row in curve.rows) / mean if mean > 0 else None


def shape_of(curve: "Curve") -> "StepShape | None":
    """All planned requests together; None where no lengths are known."""
    from heteroplan.forecasting.steps.shape import together

    shapes = [row.shape for row in curve.rows]
    total = sum(row.rps for row in curve.rows)
    weights = [row.rps / total if total > 0 else 1 / len(shapes) for row in curve.rows]
    known = [
        replace(shape, share=weight)
        for shape, weight in zip(shapes, weights, strict=True)
        if shape is not None and weight > 0
    ]
    return together(tuple(known)) if known else None


def sentences(curve: "Curve") -> list[str]:
    """Planned rates, bursts, mean request and what classes are good for."""
    found = []
    if (ratio := planned_over_mean(curve)) is not None:
        busiest = ""
        if curve.step_s < curve.interval_s:
            busiest = f"; the rate of an interval is that of its busiest {curve.step_s / 60:g} min"
        found.append(f"planned rates are {figure(ratio)} times the mean rates{busiest}")
    found += _bursts(curve)
    if (shape := shape_of(curve)) is not None:
        of_isl = "" if shape.isl_cv is None else f" (isl_cv {figure(shape.isl_cv)})"
        of_osl = "" if shape.osl_cv is None else f" (osl_cv {figure(shape.osl_cv)})"
        hits = shape.prefix_hit_rate
        cached = "" if hits is None else f", {percent(hits)} of the input in a prefix cache"
        found.append(
            f"mean request: {figure(shape.isl)} input tokens{of_isl}, "
            f"{figure(shape.osl)} output tokens{of_osl}{cached}"
        )
    if curve.class_error is not None:
        count = _counted(len(curve.rows[0].classes), "class", "classes")
        error = percent(curve.class_error)
        found.append(f"{count} of requests; more of them would change capacity by at most {error}")
    return found


def dispersion_at(curve: "Curve", window_s: float) -> float | None:
    """Variance over mean of the requests in windows of that length; None where not measured."""
    found = (each.requests for each in curve.bursts.windows if each.window_s == window_s)
    return next(found, None)


def burst_rows(curve: "Curve") -> list[tuple[str, ...]]:
    """Dispersions at `TOLD_PERCENTILE`, and what they come from, by time scale; `BURST_HEADS`."""
    bursts = curve.bursts
    needs = bursts.needs or [None] * len(bursts.arrivals.points)
    return [
        (
            f"{point.scale_s:g} s",
            figure(point.prefill),
            _UNKNOWN if need is None else figure(need.prefill),
            figure(point.decode),
            _UNKNOWN if need is None else figure(need.decode),
        )
        for point, need in zip(bursts.arrivals.points, needs, strict=True)
        if point.percentile == TOLD_PERCENTILE
    ]


def _bursts(curve: "Curve") -> list[str]:
    """How bursty arrivals are, as far as it is measured, and what they take at the peak."""
    found, share = [], percent(TOLD_PERCENTILE, 0)
    if (dispersion := dispersion_at(curve, TOLD_WINDOW_S)) is not None:
        found.append(
            f"bursts: the variance of the number of requests in windows of {TOLD_WINDOW_S:g} s is "
            f"{figure(dispersion)} times that of Poisson arrivals"
        )
    if (takes := needed_at_peak(curve)) is not None:
        capacity, others = takes
        found.append(
            f"so that {share} of the prompts wait {TOLD_WAIT_S:g} s at most, prefill needs a "
            f"capacity of {figure(capacity)} times the planned rate at the peak; where a request "
            f"decodes for {TOLD_STAY_S:g} s, {share} of the time at most {figure(others)} times "
            "the planned number decode beside it"
        )
    return found


def needed_at_peak(curve: "Curve") -> tuple[float, float] | None:
    """Capacity of prefill for `TOLD_WAIT_S`, and sequences in flight for `TOLD_STAY_S`.

    Both at `TOLD_PERCENTILE`, in multiples of what is planned at the peak, with the dispersion that
    is planned with; None where nothing is known or nothing comes.
    """
    from heteroplan.forecasting.bursts.inversion import capacity_for, others_for

    arrivals, peak = curve.bursts.arrivals, peak_row(curve)
    if not arrivals.points or peak.rps <= 0.0:
        return None
    shape = peak.shape
    cv = 1.0 if shape is None or shape.isl_cv is None else shape.isl_cv
    of_prefill = arrivals.prefill(TOLD_WAIT_S, TOLD_PERCENTILE)
    of_decode = arrivals.decode(TOLD_STAY_S, TOLD_PERCENTILE)
    planned = peak.rps * TOLD_STAY_S
    return (
        capacity_for(of_prefill, peak.rps, TOLD_WAIT_S, TOLD_PERCENTILE, cv),
        others_for(of_decode, planned, TOLD_PERCENTILE) / planned,
    )


def class_rows(curve: "Curve") -> list[tuple[str, ...]]:
    """Classes at the peak where there are several; see `CLASS_HEADS`."""
    classes = peak_row(curve).classes
    if len(classes) < 2:
        return []
    return [
        (
            each.name,
            percent(each.share),
            figure(each.isl),
            figure(each.osl),
            _UNKNOWN if each.isl_cv is None else figure(each.isl_cv),
            _UNKNOWN if each.prefix_hit_rate is None else percent(each.prefix_hit_rate),
        )
        for each in classes
    ]


def class_heading(curve: "Curve") -> str:
    """Such as `Classes at the peak, 18:15`."""
    return f"Classes at the peak, {when(curve, peak_row(curve).start)}"


def backtest_heading(backtest: "Backtest") -> str:
    """Which days were held back and what they were planned from."""
    days = backtest.held_back
    last = "the last day" if len(days) == 1 else f"the last {len(days)} days"
    dates = f"{days[0]}" if len(days) == 1 else f"{days[0]} to {days[-1]}"
    trained = _counted(backtest.trained_days, "day")
    count = _counted(backtest.intervals, "interval")
    return f"Backtest: {last} ({dates}, {count}) planned from the {trained} before"


def backtest_rows(backtest: "Backtest") -> list[tuple[str, ...]]:
    """What was planned against what came; see `BACKTEST_HEADS`."""
    return [
        (
            each.what,
            percent(each.coverage),
            percent(backtest.quantile),
            figure(each.planned_over_true) if isfinite(each.planned_over_true) else _UNKNOWN,
            *_shortfall(each),
        )
        for each in backtest.measures
    ]


def is_enough(coverage: float, backtest: "Backtest") -> bool:
    """Whether about as many intervals were covered as wanted."""
    return coverage >= backtest.quantile - TOLERANCE


def days_covered(backtest: "Backtest") -> list[DayCovered]:
    """Of requests, one a day held back."""
    return [
        DayCovered(f"{day:%d %b} {percent(covered)}", is_enough(covered, backtest))
        for day, covered in zip(backtest.held_back, backtest.coverage_by_day, strict=True)
    ]


def when(curve: "Curve", moment: datetime) -> str:
    """`18:15`, with its date where the curve is of several days."""
    several = curve.rows[0].start.date() != curve.rows[-1].start.date()
    return moment.strftime("%d %b %H:%M" if several else "%H:%M")


def _rate_row(what: str, curve: "Curve", rate: "Callable[[CurveRow], float]") -> tuple[str, ...]:
    rates = [rate(row) for row in curve.rows]
    peak, trough, mean = max(rates), min(rates), sum(rates) / len(rates)
    return (
        what,
        figure(peak),
        when(curve, curve.rows[rates.index(peak)].start),
        figure(mean),
        percent(mean / peak) if peak > 0 else _UNKNOWN,
        figure(trough),
        when(curve, curve.rows[rates.index(trough)].start),
    )


def _shortfall(covered: "Covered") -> Sequence[str]:
    """How much was missing at worst, and when."""
    if covered.worst_start is None:
        return "none", ""
    return percent(covered.worst_shortfall), f"{covered.worst_start:%d %b %H:%M}"


def _quantile(quantile: float) -> str:
    return f"P{100 * quantile:g}"


def _counted(count: int, one: str, many: str = "") -> str:
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
