"""Measurements -> latency coefficients, their error and the range they hold in."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean, median, pstdev
from typing import TYPE_CHECKING, Self

from heteroplan.entities.workload import (
    DecodeCoefficients,
    PrefillCoefficients,
    Role,
    SourceKind,
    Span,
)
from heteroplan.profiles.fitting.regression import Form, chosen, fitted
from heteroplan.profiles.measurement import Measurement
from heteroplan.queueing.lengths import gamma_parts

if TYPE_CHECKING:
    from heteroplan.profiles.fitting.regression import Floats, Indices

FEWEST_POINTS = 4
"""Three coefficients need more than three points to show an error."""
SHAPE = 0.1
"""Share by which a length may differ from the only one that was measured."""
SPREAD = 1.0
"""Standard deviation over mean of prompt lengths; 0.96 in Azure's code trace."""
REST = 0.1
"""Importance of points, 1 in the mean, at which no prompts are expected."""
BEYOND = 0.6
"""Share of the largest batch from which batches are left out to tell the error beyond it."""
PREFILL_FORMS = (Form((0, 1)), Form((0, 1), True), Form((0, 1, 2)), Form((0, 1, 2), True))
"""Terms of the latency models that are tried, from the simplest."""
DECODE_FORMS = (Form((0, 1, 2)),)
"""Where contexts differ. Batches are often measured at one context alone; then no error tells the
term of a sequence from that of its context, or from a floor, and none is dropped or added for one.
"""
ONE_CONTEXT_FORMS = (Form((0, 1)), Form((0, 1), True))


@dataclass(frozen=True, slots=True)
class FitError:
    """Absolute relative errors of a fit, 0.02 is 2 %."""

    mape: float
    """Mean over the points."""
    worst: float

    @classmethod
    def of(cls, off: "Floats") -> Self:
        """Of [point] absolute relative errors."""
        return cls(mape=float(off.mean()), worst=float(off.max()))


@dataclass(frozen=True, slots=True)
class Mark:
    """One measured setting beside what the fit says of it."""

    work: float
    """What the latency grows with."""
    series: str
    """Name that settings share which differ only in their work."""
    measured_ms: float
    fitted_ms: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients of one engine and phase, and how well they hold."""

    gpu: str
    gpus: int
    phase: Role
    coefficients: PrefillCoefficients | DecodeCoefficients
    """As `phase` says."""
    points: int
    """Distinct measured settings; repeats count once, by their median."""
    measurements: int
    """Rows behind the points."""
    seen: FitError
    """At the points that the coefficients come from."""
    held_out: FitError | None
    """At points that a fit did not see; None where none can be left out."""
    spread: float | None
    """Relative standard deviation of repeats of a setting; None where nothing was repeated."""
    batch_tokens_range: Span | None
    """Of a PREFILL fit [tokens a batch]."""
    batch_range: Span | None
    """Of a DECODE fit [sequences]."""
    context_range: Span | None
    """Of a DECODE fit [tokens]."""
    kind: SourceKind
    """FITTED, or MODELLED where any point was."""
    beyond: float | None = None
    """Mean error of a DECODE fit at the largest batches, of a fit without them."""
    marks: tuple[Mark, ...] = ()
    """The settings."""

    @property
    def error(self) -> FitError:
        """Error to expect: at points held out where there are such."""
        return self.held_out or self.seen


@dataclass(frozen=True, slots=True)
class Within:
    """Part of what was measured to fit; None is all of it."""

    batch_tokens: Span | None = None
    batch: Span | None = None
    """Of decode."""
    context: Span | None = None
    """Of decode."""


ALL = Within()


def fit(points: Sequence[Measurement], within: Within = ALL, isl: float | None = None) -> Fit:
    """The latency model of one GPU type, engine size and phase (all `points` are of one).

        prefill [ms] = overhead + per_token * sum(n) + squared * sum(n^2)    (n: tokens a prompt)
        decode  [ms] = base + per_sequence * batch + per_context_token * batch * context

    both never below a floor. Which terms count is chosen by the errors at points left out; see
    `regression`. Prefill is fitted to batches of one prompt, as `capacity` runs them, where there
    are enough. With `isl` its points count by the time that prompts of this mean and a usual spread
    take near them. Points outside `within` are left out. Raises ValueError with a remedy when fewer
    than `FEWEST_POINTS` distinct settings remain.
    """
    import numpy as np

    first, used = points[0], _used(points, within)
    repeats = _repeats(used)
    settings = _settings(repeats)
    if len(settings) < FEWEST_POINTS:
        raise ValueError(
            f"{len(settings)} distinct {first.phase} settings of {first.gpu} x{first.gpus} "
            f"in range; measure at least {FEWEST_POINTS}, or widen the range"
        )
    columns, latency_ms = _columns(settings)
    prefill = first.phase is Role.PREFILL
    importance = _importance(columns[:, 1], latency_ms, isl) if prefill and isl else None
    form, left_out = chosen(_forms(settings), columns, latency_ms, _inner(settings), importance)
    curve = fitted(form, columns, latency_ms, importance)
    off = curve.errors(columns, latency_ms)
    modelled = any(point.source is SourceKind.MODELLED for point in used)
    coefficients = PrefillCoefficients if prefill else DecodeCoefficients
    constant, linear, other = curve.values
    return Fit(
        gpu=first.gpu,
        gpus=first.gpus,
        phase=first.phase,
        coefficients=coefficients(constant, linear, other, curve.floor_ms),
        points=len(settings),
        measurements=len(used),
        seen=FitError.of(np.abs(off)),
        held_out=FitError.of(np.abs(left_out)) if len(left_out) else None,
        spread=_spread(repeats),
        batch_tokens_range=Span.of(p.batch * p.tokens for p in settings) if prefill else None,
        batch_range=None if prefill else Span.of(p.batch for p in settings),
        context_range=None if prefill else reach(p.context for p in settings),
        kind=SourceKind.MODELLED if modelled else SourceKind.FITTED,
        beyond=None if prefill else _error_beyond(form, columns, latency_ms),
        marks=_marks(settings, (off + 1.0) * latency_ms),
    )


def reach(lengths: Iterable[float]) -> Span:
    """The lengths that a fit to some holds for: their range, or `SHAPE` around a single one."""
    span = Span.of(lengths)
    if span.high > (1.0 + SHAPE) * span.low:
        return span
    return Span((1.0 - SHAPE) * span.low, (1.0 + SHAPE) * span.high)


def settings_of(points: Sequence[Measurement]) -> list[Measurement]:
    """What `fit` takes of `points`: one a measured setting, in order of work."""
    return _settings(_repeats(_used(points, ALL)))


def _used(points: Sequence[Measurement], within: Within) -> list[Measurement]:
    used = [point for point in points if _is_within(point, within)]
    return _single_prompts(used) if points[0].phase is Role.PREFILL else used


def _is_within(point: Measurement, within: Within) -> bool:
    checks = (
        [(point.batch * point.tokens, within.batch_tokens)]
        if point.phase is Role.PREFILL
        else [(point.batch, within.batch), (point.context, within.context)]
    )
    return all(span is None or span.low <= value <= span.high for value, span in checks)


def _single_prompts(points: list[Measurement]) -> list[Measurement]:
    singles = [point for point in points if point.batch == 1]
    return singles if len({point.tokens for point in singles}) >= FEWEST_POINTS else points


def _marks(settings: Sequence[Measurement], fitted_ms: "Floats") -> tuple[Mark, ...]:
    prefill = settings[0].phase is Role.PREFILL
    return tuple(
        Mark(p.batch * p.tokens, "", p.latency_ms, float(fitted))
        if prefill
        else Mark(p.batch, f"context {p.context:g}", p.latency_ms, float(fitted))
        for p, fitted in zip(settings, fitted_ms, strict=True)
    )


def _repeats(points: Sequence[Measurement]) -> list[list[Measurement]]:
    """Points by measured setting, in order of work."""
    repeats: dict[tuple[float, float, float, float], list[Measurement]] = {}
    for p in points:
        repeats.setdefault((p.batch * p.tokens, p.batch, p.tokens, p.context), []).append(p)
    return [repeats[setting] for setting in sorted(repeats)]


def _settings(repeats: Sequence[Sequence[Measurement]]) -> list[Measurement]:
    """One point a measured setting, its latency the median of the repeats."""
    return [
        replace(same[0], latency_ms=median(p.latency_ms for p in same))
        if len(same) > 1
        else same[0]
        for same in repeats
    ]


def _spread(repeats: Sequence[Sequence[Measurement]]) -> float | None:
    """Root mean square of the relative standard deviations of what was repeated."""
    squares = [
        (pstdev(latencies) / fmean(latencies)) ** 2 * len(latencies) / (len(latencies) - 1)
        for latencies in ([p.latency_ms for p in same] for same in repeats)
        if len(latencies) > 1
    ]
    return sqrt(fmean(squares)) if squares else None


def _forms(settings: Sequence[Measurement]) -> tuple[Form, ...]:
    if settings[0].phase is Role.PREFILL:
        return PREFILL_FORMS
    return DECODE_FORMS if len({p.context for p in settings}) > 1 else ONE_CONTEXT_FORMS


def _columns(settings: Sequence[Measurement]) -> tuple["Floats", "Floats"]:
    """[setting, 3] factors of the coefficients, and [setting] latencies [ms]."""
    import numpy as np

    factors = [
        (1.0, p.batch * p.tokens, p.batch * p.tokens**2)
        if p.phase is Role.PREFILL
        else (1.0, p.batch, p.batch * p.context)
        for p in settings
    ]
    return np.array(factors, dtype=float), np.array([p.latency_ms for p in settings], dtype=float)


def _error_beyond(form: Form, columns: "Floats", latency_ms: "Floats") -> float | None:
    """Mean error at decode batches above `BEYOND` of the largest, of a fit without them."""
    batches = columns[:, 1]
    large = batches > BEYOND * batches.max()
    if (~large).sum() < max(FEWEST_POINTS, form.fewest_points):
        return None
    curve = fitted(form, columns[~large], latency_ms[~large])
    return float(abs(curve.errors(columns[large], latency_ms[large])).mean())


def _importance(tokens: "Floats", latency_ms: "Floats", isl: float) -> "Floats":
    """[point] share of the prefill time, 1 in the mean, that it is interpolated from; and `REST`.

    Of prompts of mean `isl` and a `SPREAD` of lengths, those within the measured ones.
    """
    import numpy as np

    shares, lengths = gamma_parts(SPREAD)
    grid, place, alike = np.unique(tokens, return_inverse=True, return_counts=True)
    time_ms = np.bincount(place, latency_ms) / alike
    lengths = lengths * isl
    inside = (grid[0] <= lengths) & (lengths <= grid[-1])
    lengths, spent = lengths[inside], (shares * np.interp(lengths, grid, time_ms))[inside]
    above = np.clip(np.searchsorted(grid, lengths), 1, len(grid) - 1)
    part = (lengths - grid[above - 1]) / (grid[above] - grid[above - 1])
    weights = np.bincount(above, part * spent, len(grid))
    weights += np.bincount(above - 1, (1.0 - part) * spent, len(grid))
    if not weights.any():
        return np.ones(len(tokens))
    each: Floats = REST + (weights / alike)[place] * len(tokens) / weights.sum()
    return each


def _inner(settings: Sequence[Measurement]) -> "Indices":
    """Settings without which the others still reach as far in tokens, batch and context.

    Only these are left out in turn: plans never leave the range either.
    """
    import numpy as np

    places = np.array([(p.batch * p.tokens, p.batch, p.context) for p in settings], dtype=float)
    ends = np.zeros(len(settings), dtype=bool)
    for end in (places.min(axis=0), places.max(axis=0)):
        at_end = places == end
        ends |= (at_end & (at_end.sum(axis=0) == 1)).any(axis=1)
    return np.flatnonzero(~ends)
