"""Measurements -> latency coefficients, their error and the range they hold in."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import TYPE_CHECKING

from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    Role,
    Source,
    SourceKind,
    Span,
)
from heteroplan.profiles.measurement import Measurement

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

FEWEST_POINTS = 4
"""Three coefficients need more than three points to show an error."""
FOLDS = 5
"""Every fifth point is left out, each in turn."""


@dataclass(frozen=True, slots=True)
class FitError:
    """Absolute relative errors of a fit, 0.02 is 2 %."""

    mape: float
    """Mean over the points."""
    worst: float


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
    batch_tokens_range: Span | None
    """Of a PREFILL fit [tokens a batch]."""
    batch_range: Span | None
    """Of a DECODE fit [sequences]."""
    context_range: Span | None
    """Of a DECODE fit [tokens]."""
    kind: SourceKind
    """FITTED, or MODELLED where any point was."""

    @property
    def error_mape(self) -> float:
        """Mean error to expect: at points held out where there are such."""
        return (self.held_out or self.seen).mape


@dataclass(frozen=True, slots=True)
class Within:
    """Part of what was measured to fit; None is all of it."""

    batch_tokens: Span | None = None
    batch: Span | None = None
    """Of decode."""
    context: Span | None = None
    """Of decode."""


ALL = Within()


def fit(points: Sequence[Measurement], within: Within = ALL) -> Fit:
    """The latency model of one GPU type, engine size and phase (all `points` are of one).

    Non-negative least squares on relative error, so that short latencies weigh as much as long
    ones, over columns scaled to length 1:

        prefill [ms] = overhead + per_token * sum(n) + squared * sum(n^2)    (n: tokens a prompt)
        decode  [ms] = base + per_sequence * batch + per_context_token * batch * context

    Prefill is fitted to batches of one prompt, as `capacity` runs them, where there are enough.
    Points outside `within` are left out. Raises ValueError with a remedy when fewer than
    `FEWEST_POINTS` distinct settings remain.
    """
    first = points[0]
    used = [point for point in points if _is_within(point, within)]
    if first.phase is Role.PREFILL:
        used = _single_prompts(used)
    settings = _settings(used)
    if len(settings) < FEWEST_POINTS:
        raise ValueError(
            f"{len(settings)} distinct {first.phase} settings of {first.gpu} x{first.gpus} "
            f"in range; measure at least {FEWEST_POINTS}, or widen the range"
        )
    columns, latency_ms = _columns(settings)
    values = _solve(columns, latency_ms)
    prefill = first.phase is Role.PREFILL
    tokens = Span(
        min(p.batch * p.tokens for p in settings), max(p.batch * p.tokens for p in settings)
    )
    batch = Span(min(p.batch for p in settings), max(p.batch for p in settings))
    context = Span(min(p.context for p in settings), max(p.context for p in settings))
    modelled = any(point.source is SourceKind.MODELLED for point in used)
    return Fit(
        gpu=first.gpu,
        gpus=first.gpus,
        phase=first.phase,
        coefficients=PrefillCoefficients(*values) if prefill else DecodeCoefficients(*values),
        points=len(settings),
        measurements=len(used),
        seen=_error(columns, latency_ms, values),
        held_out=_held_out(columns, latency_ms, settings),
        batch_tokens_range=tokens if prefill else None,
        batch_range=None if prefill else batch,
        context_range=None if prefill else context,
        kind=SourceKind.MODELLED if modelled else SourceKind.FITTED,
    )


def fitted_engine(engine: Engine, points: Sequence[Measurement], origin: str) -> Engine:
    """`engine` with coefficients, ranges and source from the `points` of its GPU type and size.

    An aggregated engine takes both phases. Ranges that the engine states already limit which
    points are used. `error_mape` is the one held out, the worse phase's. Raises ValueError with a
    remedy when points are too few.
    """
    roles = (Role.PREFILL, Role.DECODE) if engine.role is Role.AGGREGATED else (engine.role,)
    within = Within(engine.batch_tokens_range, engine.batch_range, engine.context_range)
    fits = [fit(_of_engine(engine, points, role), within) for role in roles]
    for found in fits:
        if isinstance(found.coefficients, PrefillCoefficients):
            engine = replace(
                engine, prefill=found.coefficients, batch_tokens_range=found.batch_tokens_range
            )
        else:
            engine = replace(
                engine,
                decode=found.coefficients,
                batch_range=found.batch_range,
                context_range=found.context_range,
            )
    modelled = any(found.kind is SourceKind.MODELLED for found in fits)
    source = Source(
        kind=SourceKind.MODELLED if modelled else SourceKind.FITTED,
        origin=origin,
        error_mape=max(found.error_mape for found in fits),
        points=sum(found.points for found in fits),
    )
    return replace(engine, source=source)


def _of_engine(engine: Engine, points: Sequence[Measurement], phase: Role) -> list[Measurement]:
    found = [
        point
        for point in points
        if (point.gpu, point.gpus, point.phase) == (engine.gpu, engine.gpus, phase)
    ]
    if not found:
        there = sorted({f"{p.gpu} x{p.gpus} {p.phase}" for p in points})
        raise ValueError(
            f"no {phase} measurements of {engine.gpu} x{engine.gpus}; "
            f"there are {', '.join(there) or 'none'}"
        )
    return found


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


def _settings(points: Sequence[Measurement]) -> list[Measurement]:
    """One point a measured setting, its latency the median of the repeats, in order of work."""
    repeats: dict[tuple[float, float, float], list[Measurement]] = {}
    for point in points:
        repeats.setdefault((point.batch, point.tokens, point.context), []).append(point)
    merged = [
        replace(same[0], latency_ms=median(p.latency_ms for p in same)) for same in repeats.values()
    ]
    return sorted(merged, key=lambda p: (p.batch * p.tokens, p.batch, p.context))


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


def _solve(columns: "Floats", latency_ms: "Floats") -> tuple[float, float, float]:
    import numpy as np
    from scipy.optimize import nnls

    relative = columns / latency_ms[:, None]
    lengths = np.linalg.norm(relative, axis=0)
    scaled, _ = nnls(relative / lengths, np.ones(len(latency_ms)))
    overhead, linear, other = (float(value) for value in scaled / lengths)
    return overhead, linear, other


def _error(columns: "Floats", latency_ms: "Floats", values: tuple[float, float, float]) -> FitError:
    import numpy as np

    off = np.abs(columns @ np.array(values) / latency_ms - 1.0)
    return FitError(mape=float(off.mean()), worst=float(off.max()))


def _held_out(
    columns: "Floats", latency_ms: "Floats", settings: Sequence[Measurement]
) -> FitError | None:
    """Error at points left out, every fifth in turn, so that each inner point is left out once.

    Points at an end of the range stay in: plans never leave the range either.
    """
    import numpy as np

    inner = [i for i in range(len(settings)) if _is_inner(settings, i)]
    off: list[float] = []
    for fold in range(FOLDS):
        out = inner[fold::FOLDS]
        kept = [i for i in range(len(settings)) if i not in out]
        if not out or len(kept) < FEWEST_POINTS - 1:
            continue
        values = np.array(_solve(columns[kept], latency_ms[kept]))
        off.extend(np.abs(columns[out] @ values / latency_ms[out] - 1.0).tolist())
    return FitError(mape=sum(off) / len(off), worst=max(off)) if off else None


def _is_inner(settings: Sequence[Measurement], index: int) -> bool:
    """Whether the others still reach as far in tokens, batch and context."""
    places = [(p.batch * p.tokens, p.batch, p.context) for p in settings]
    own, others = places[index], places[:index] + places[index + 1 :]
    return all(
        min(values) <= mine <= max(values)
        for mine, values in zip(own, zip(*others, strict=True), strict=True)
    )
