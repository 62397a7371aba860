"""Request classes of each hour of the week, and of an interval with its own token rates."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.curve.history import History
from heteroplan.forecasting.request_classes import classes
from heteroplan.forecasting.request_classes.classes import ONE_CLASS, ClassShape, Grid
from heteroplan.forecasting.steps.counting import COUNT
from heteroplan.forecasting.steps.shape import StepShape, together

type Floats = NDArray[np.float64]

FEWEST_REQUESTS = 2000
"""In like hours, from which classes are taken from them alone and not from the whole trace."""
LEAST_SHARE = 1e-4
"""Of a class in an interval, so that all intervals have the same classes."""
_MOST_HITS = 1.0 - 1e-6
_STEEPEST, _HALVINGS = 100.0, 60
"""Of a tilt, in longest classes."""


class Mix:
    """Classes of requests as a trace has them."""

    def __init__(self, shapes: Floats, max_error: float, has_cached: bool) -> None:
        self._by_hour = shapes
        self._all = Grid.of(shapes.sum(axis=0))
        self.has_cached = has_cached
        self._apart = max_error < 1.0 and classes.has_few(self._all)
        prompts = self._all.others if self._apart else self._all
        self._cuts, self.error = classes.choose(prompts, max_error)
        if self.error is not None and self._apart:
            self.error += classes.few_error(self._all)
        of = "new tokens" if has_cached else "isl"
        self._names = classes.names(self._cuts, of, self._apart)
        found = classes.shapes(self._all, self._cuts, self._apart)
        self._whole = [each for each in found if each is not None]
        self._found: dict[tuple[int, ...], tuple[StepShape, ...]] = {}

    def shapes(self, hours: Sequence[int]) -> tuple[StepShape, ...]:
        """The classes in some hours of the week; of the whole trace where few came in them."""
        key = tuple(hours)
        if key not in self._found:
            self._found[key] = self._shapes(key)
        return self._found[key]

    def _shapes(self, hours: tuple[int, ...]) -> tuple[StepShape, ...]:
        cells = self._by_hour[list(hours)].sum(axis=0)
        grid = Grid.of(cells) if cells[..., COUNT].sum() >= FEWEST_REQUESTS else self._all
        came = classes.shapes(grid, self._cuts, self._apart)
        means = [
            usual if found is None or found.share < LEAST_SHARE else found
            for found, usual in zip(came, self._whole, strict=True)
        ]
        shares = [0.0 if found is None else found.share for found in came]
        shares = [max(share, LEAST_SHARE) for share in shares]
        total = sum(shares)
        return tuple(
            self._step_shape(name, share / total, each)
            for name, share, each in zip(self._names, shares, means, strict=True)
        )

    def _step_shape(self, name: str, share: float, found: ClassShape) -> StepShape:
        return StepShape(
            name,
            share,
            max(1.0, found.isl),
            max(1.0, found.osl),
            found.cv,
            min(_MOST_HITS, max(0.0, found.hit_rate)) if self.has_cached else None,
            max(1.0, found.context),
            found.context_cv,
            found.osl_cv,
        )


def mix_of(found: History, max_error: float) -> Mix | None:
    """The classes of a trace; None where it tells no single requests with lengths."""
    shapes = found.steps.shapes
    if shapes is None or not found.has_lengths:
        return None
    return Mix(shapes, max_error, found.steps.has_cached)


def shaped(
    mix: Mix | None, hours: Sequence[int], isl: float, osl: float, missed: float | None
) -> tuple[StepShape, ...]:
    """Classes of an interval whose mean lengths are `isl` and `osl`.

    Those of like hours: with more of the long ones where the interval has longer prompts, and
    outputs times one factor. `missed` of the input tokens are not found in a prefix cache; None
    where that is not means.
    """
    hit_rate = None if missed is None else min(_MOST_HITS, max(0.0, 1.0 - missed / isl))
    if mix is None:
        return (StepShape(ONE_CLASS, 1.0, isl, osl, None, hit_rate),)
    shapes = tilted(mix.shapes(hours), isl)
    whole = together(shapes)
    longer = isl / whole.isl, osl / whole.osl
    scaled = tuple(_scaled(each, *longer) for each in shapes)
    return scaled if hit_rate is None else _with_hits(scaled, hit_rate)


def tilted(shapes: Sequence[StepShape], isl: float) -> tuple[StepShape, ...]:
    """The classes `shapes`, shares times exp(tilt * isl) so that their mean comes to `isl`.

    As near to it as they reach with `LEAST_SHARE` of each: lengths themselves stay as they came.
    """
    shares = np.array([each.share for each in shapes])
    lengths = np.array([each.isl for each in shapes])
    scaled = lengths / lengths.max()
    low, high = -_STEEPEST, _STEEPEST
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        found = _shares(shares, scaled, middle)
        low, high = (middle, high) if float(found @ lengths) < isl else (low, middle)
    found = _shares(shares, scaled, (low + high) / 2)
    return tuple(
        replace(each, share=float(share)) for each, share in zip(shapes, found, strict=True)
    )


def _shares(shares: Floats, lengths: Floats, tilt: float) -> Floats:
    exponents = tilt * lengths
    found = shares * np.exp(exponents - exponents.max())
    found = np.maximum(found / found.sum(), LEAST_SHARE)
    tilted_shares: Floats = found / found.sum()
    return tilted_shares


def _scaled(shape: StepShape, longer_in: float, longer_out: float) -> StepShape:
    """With lengths and context times a factor."""
    isl, osl = max(1.0, shape.isl * longer_in), max(1.0, shape.osl * longer_out)
    context = shape.context
    if context is not None:
        context *= (isl + osl / 2.0) / (shape.isl + shape.osl / 2.0)
    return replace(shape, isl=isl, osl=osl, context=context)


def _with_hits(shapes: Sequence[StepShape], hit_rate: float) -> tuple[StepShape, ...]:
    """Misses of all classes times one factor, up to all of their tokens, so that `hit_rate` is that

    of all together.
    """
    tokens = np.array([each.share * each.isl for each in shapes])
    misses = 1.0 - np.array([each.prefix_hit_rate or 0.0 for each in shapes])
    low, high = 0.0, 1.0 / (1.0 - _MOST_HITS)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        missed = float(tokens @ np.minimum(1.0, misses * middle))
        low, high = (middle, high) if missed < (1.0 - hit_rate) * tokens.sum() else (low, middle)
    return tuple(
        replace(each, prefix_hit_rate=min(_MOST_HITS, max(0.0, 1.0 - float(missed) * high)))
        for each, missed in zip(shapes, misses, strict=True)
    )
