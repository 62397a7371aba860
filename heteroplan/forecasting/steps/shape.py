"""Shapes of requests in a step of a curve."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt


@dataclass(frozen=True, slots=True)
class StepShape:
    """Shape of a class of requests in a step, as far as it is known."""

    name: str
    share: float
    """Of the requests of the step."""
    isl: float
    """Mean input tokens."""
    osl: float
    """Mean output tokens."""
    isl_cv: float | None = None
    """Coefficient of variation of the input length, of what a prefix cache does not hold."""
    prefix_hit_rate: float | None = None
    """Share of the input tokens found in a prefix cache."""
    context: float | None = None
    """Tokens in the KV cache of a decode step: sum osl (isl + osl / 2) / sum osl."""
    context_cv: float | None = None
    """Coefficient of variation of `context` over decode steps."""
    osl_cv: float | None = None
    """Coefficient of variation of the output length."""
    targets: tuple[tuple[str, float], ...] = ()
    """Fields of an SLO of its own, and their values; none where that of the workload holds."""


def together(shapes: Sequence[StepShape], weights: Sequence[float] | None = None) -> StepShape:
    """All as one, each with its share, times a weight where several steps are put together.

    The spread of the lengths grows by that of their means.
    """
    times = [1.0] * len(shapes) if weights is None else weights
    parts = [each.share * weight for each, weight in zip(shapes, times, strict=True)]
    if sum(parts) <= 0.0:
        return shapes[0]
    missed = [each.isl * (1.0 - (each.prefix_hit_rate or 0.0)) for each in shapes]
    isl, osl = _mean([each.isl for each in shapes], parts), _mean([e.osl for e in shapes], parts)
    steps = [part * each.osl for part, each in zip(parts, shapes, strict=True)]
    context, context_cv = _spread([(e.context, e.context_cv) for e in shapes], steps)
    _, isl_cv = _spread(
        [(each, shape.isl_cv) for each, shape in zip(missed, shapes, strict=True)], parts
    )
    _, osl_cv = _spread([(each.osl, each.osl_cv) for each in shapes], parts)
    hits = None
    if all(each.prefix_hit_rate is not None for each in shapes):
        hits = 1.0 - _mean(missed, parts) / isl
    name, targets = shapes[0].name, shapes[0].targets
    return StepShape(name, sum(parts), isl, osl, isl_cv, hits, context, context_cv, osl_cv, targets)


def _mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


def _spread(
    parts: Sequence[tuple[float | None, float | None]], weights: Sequence[float]
) -> tuple[float | None, float | None]:
    """Mean and coefficient of variation of all, from those of the parts; None where one is."""
    means = [mean for mean, _ in parts if mean is not None]
    if len(means) < len(parts):
        return None, None
    mean = _mean(means, weights)
    cvs = [cv for _, cv in parts if cv is not None]
    if len(cvs) < len(parts):
        return mean, None
    squares = [each**2 * (1.0 + cv**2) for each, cv in zip(means, cvs, strict=True)]
    return mean, sqrt(max(0.0, _mean(squares, weights) / mean**2 - 1.0))
