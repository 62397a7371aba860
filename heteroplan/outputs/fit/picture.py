"""What pictures of fits show: which series and points, on which axes; on terminals and in HTML."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from heteroplan.entities.workload import SourceKind
from heteroplan.outputs.shared.plot import Axis
from heteroplan.outputs.shared.words import rate
from heteroplan.profiles.fitting.fit import Mark
from heteroplan.profiles.fitting.fitted import Fitted, Line

MOST_POINTS = 2000
LOG_SPAN = 20.0
"""Work that spans more than this factor goes on two logarithmic axes, milliseconds on one."""
_LEAST_SPAN = 2.0
"""A logarithmic axis spans no less, so that a constant stays a flat line."""
_MARGIN = 0.04
"""Of an axis beyond its outermost points."""


@dataclass(frozen=True, slots=True)
class Series:
    """Points that differ only in their work."""

    name: str
    """Empty where there is but one."""
    marks: tuple[Mark, ...]
    """By their work."""

    @property
    def is_line(self) -> bool:
        """Whether there is more than one work to draw a line over."""
        return self.marks[0].work < self.marks[-1].work


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a picture shows of a latency."""

    series: tuple[Series, ...]
    notes: tuple[str, ...]
    """What it leaves out, one sentence each."""

    def axes(self) -> tuple[Axis, Axis]:
        """Of the work, and of the milliseconds."""
        marks = [mark for each in self.series for mark in each.marks]
        works = [mark.work for mark in marks]
        times_ms = [time for mark in marks for time in (mark.measured_ms, mark.fitted_ms)]
        log = _spans_far(works) and min(times_ms) > 0
        return _axis(works, log), _axis(times_ms, log or _spans_far(times_ms))


def heading(fitted: Fitted) -> str:
    """Such as `H100-SXM-80GB x4 decode, vllm 0.12.0`."""
    engine = fitted.engine
    name = f"{engine.gpu} x{engine.gpus} {engine.role.value}"
    return f"{name}, {fitted.variant}" if fitted.variant else name


def latency(line: Line) -> str:
    """What the milliseconds are: `a step`, `of TPOT`."""
    return {"prefill": "a batch", "decode": "a step"}.get(line.what, f"of {line.what}")


def points_are(fitted: Fitted) -> str:
    """`measured`, or `modelled` where another tool's model was asked."""
    kind = fitted.engine.source.kind
    return kind.value if kind is SourceKind.MODELLED else SourceKind.MEASURED.value


def not_drawn(fitted: Fitted) -> str:
    """Why an engine without latencies has no picture."""
    capacity = fitted.engine.capacity_rps
    stated = "" if capacity is None else f" of {rate(capacity)} per replica"
    return f"states a capacity{stated}: no latencies to draw"


def drawn(line: Line, most_series: int) -> Drawn:
    """The series with the most points, in the order of their settings, not too many of them."""
    marks: dict[str, list[Mark]] = {}
    for mark in line.marks:
        marks.setdefault(mark.series, []).append(mark)
    ordered = sorted(marks, key=_numbers)
    fullest = sorted(ordered, key=lambda name: -len(marks[name]))[:most_series]
    points = sum(len(marks[name]) for name in fullest)
    share = min(1.0, MOST_POINTS / max(1, points))
    series = tuple(
        Series(name, _thinned(marks[name], max(1, int(share * len(marks[name])))))
        for name in ordered
        if name in fullest
    )
    shown = sum(len(each.marks) for each in series)
    notes = []
    if len(ordered) > len(series):
        notes.append(
            f"{len(ordered) - len(series)} of {len(ordered)} series left out; "
            f"these {len(series)} have the most points"
        )
    if shown < points:
        notes.append(f"{shown:,} of {points:,} points drawn, evenly taken")
    return Drawn(series, tuple(notes))


def _spans_far(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) > LOG_SPAN * min(values)


def _axis(values: Sequence[float], log: bool) -> Axis:
    """Around `values`; from zero where it is not logarithmic."""
    low, high = min(values), max(values)
    if log:
        middle = sqrt(low * high)
        half = sqrt(max(_LEAST_SPAN, high / low)) ** (1 + 2 * _MARGIN)
        return Axis(middle / half, middle * half, log)
    low, high = min(0.0, low), max(0.0, high)
    return Axis(low, high + _MARGIN * (high - low) or 1.0, log)


def _thinned(marks: Sequence[Mark], count: int) -> tuple[Mark, ...]:
    """By their work; `count` of them, evenly, with the first and the last."""
    ordered = sorted(marks, key=lambda mark: (mark.work, mark.fitted_ms))
    last = len(ordered) - 1
    return tuple(ordered[i * last // max(1, count - 1)] for i in range(count))


def _numbers(series: str) -> list[float]:
    """Of a name, to order by."""
    return [float(number) for number in re.findall(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?", series)]
