"""A latency curve through measured points, and which terms of it the points ask for.

A curve is `max(floor, columns @ values)` with no negative value: work that grows with the batch,
and where asked for a floor, as a pass takes no less than reading the weights or launching kernels
takes (the roofline of Williams et al., CACM 2009). Errors are relative, so that short latencies
weigh as much as long ones.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]
    type Indices = np.ndarray[tuple[int, ...], np.dtype[np.intp]]

FOLDS = 10
"""Every tenth point is left out, each in turn; with fewer points each one alone."""
GAIN = 0.05
"""Share of the error that a richer form must take away."""
REWEIGHTINGS = 5
HUBER = 1.345
"""Standard deviations from which an error counts linearly (Huber, Robust Statistics, 1981)."""
MAD_TO_DEVIATION = 1.4826
"""Standard deviations a median absolute deviation, of normal errors."""
SMALLEST_ERROR = 1e-9
"""Below it two curves are equally good."""
FLOOR_POINTS = 2
"""One low point shows no floor."""
FLAT = 0.1
"""Points of a floor lie this close to it."""
FLOORS_TRIED = 16
"""Shares of the points that may lie on the floor, evenly spread."""


@dataclass(frozen=True, slots=True)
class Form:
    """Which terms a curve has."""

    terms: tuple[int, ...]
    """Columns whose coefficients may be above 0."""
    floored: bool = False

    @property
    def fewest_points(self) -> int:
        """From which it can be found."""
        return len(self.terms) + FLOOR_POINTS * self.floored


@dataclass(frozen=True, slots=True)
class LatencyCurve:
    """Latencies max(floor, columns @ values) [ms]."""

    values: tuple[float, ...]
    """One coefficient a column."""
    floor_ms: float = 0.0

    def errors(self, columns: "Floats", latency_ms: "Floats") -> "Floats":
        """[point] relative errors, 0.02 where the curve is 2 % too high."""
        import numpy as np

        errors: Floats = np.maximum(self.floor_ms, columns @ np.array(self.values)) / latency_ms - 1
        return errors


@dataclass(frozen=True, slots=True)
class Prior:
    """What coefficients are expected to be, before the points are seen."""

    values: "Floats"
    """[column], all above 0."""
    weight: float
    """Of a coefficient that is off by all of its value, in relative errors of a point."""


def fitted(
    form: Form, columns: "Floats", latency_ms: "Floats", importance: "Floats | None" = None
) -> LatencyCurve:
    """The curve of `form` through [point, column] factors and [point] latencies.

    Squared errors count by [point] `importance`, equally without.

    Of a floored form the one of least summed absolute error over floors on which the first few,
    many, most of the points lie, in order of latency; one without a floor where none is flat.
    """
    import numpy as np

    if importance is None:
        importance = np.ones(len(latency_ms))
    straight = LatencyCurve(least(form.terms, columns, latency_ms, importance=importance))
    if not form.floored:
        return straight
    tried = [
        LatencyCurve(
            least(form.terms, columns[above], latency_ms[above], importance=importance[above]),
            floor_ms,
        )
        for floor_ms, above in _floors(latency_ms, len(latency_ms) - len(form.terms))
    ]
    if not tried:
        return straight
    return min(tried, key=lambda curve: float(np.abs(curve.errors(columns, latency_ms)).sum()))


def chosen(
    forms: Sequence[Form],
    columns: "Floats",
    latency_ms: "Floats",
    inner: "Indices",
    importance: "Floats | None" = None,
) -> tuple[Form, "Floats"]:
    """The form that the points ask for, and its relative errors at `inner` points left out.

    From the simplest to the richest of `forms`: one takes the place of the best before it where
    the mean absolute error at the points left out falls by the share GAIN or more. No errors where
    too few points remain; the first form then.
    """
    import numpy as np

    best, errors = forms[0], held_out(forms[0], columns, latency_ms, inner, importance)
    for form in forms[1:]:
        others = held_out(form, columns, latency_ms, inner, importance)
        if len(others) == 0:
            continue
        if np.abs(others).mean() < (1.0 - GAIN) * np.abs(errors).mean() - SMALLEST_ERROR:
            best, errors = form, others
    return best, errors


def held_out(
    form: Form,
    columns: "Floats",
    latency_ms: "Floats",
    inner: "Indices",
    importance: "Floats | None" = None,
) -> "Floats":
    """[inner point] relative errors of fits that do not see the point; none of too few points."""
    import numpy as np

    errors = np.full(len(inner), np.nan)
    for fold in range(min(FOLDS, len(inner))):
        out = inner[fold::FOLDS]
        kept = np.delete(np.arange(len(latency_ms)), out)
        if len(kept) < form.fewest_points:
            return np.empty(0)
        weights = None if importance is None else importance[kept]
        curve = fitted(form, columns[kept], latency_ms[kept], weights)
        errors[fold::FOLDS] = curve.errors(columns[out], latency_ms[out])
    return errors


def _floors(latency_ms: "Floats", most: int) -> Iterator[tuple[float, "Indices"]]:
    """Floors [ms] of at most so many points, and the indices of the points above."""
    import numpy as np

    order = np.argsort(latency_ms, kind="stable")
    counts = np.linspace(FLOOR_POINTS, max(FLOOR_POINTS, most), FLOORS_TRIED).round().astype(int)
    for low in np.unique(counts):
        on = latency_ms[order[:low]]
        floor_ms = float(np.median(on))
        if np.abs(on / floor_ms - 1.0).max() <= FLAT:
            yield floor_ms, order[low:]


def least(
    terms: Sequence[int],
    columns: "Floats",
    latency_ms: "Floats",
    prior: "Prior | None" = None,
    importance: "Floats | None" = None,
) -> tuple[float, ...]:
    """Coefficients of least relative error, none negative, outliers counted linearly (Huber).

    Non-negative least squares over columns scaled to length 1, weighted anew a few times. With a
    `prior`, a coefficient that is off by all of its expected value counts like a point whose error
    is `prior.weight`. Squared errors of points count by `importance`, equally without.
    """
    import numpy as np
    from scipy.optimize import nnls

    points, terms = len(latency_ms), list(terms)
    relative, wanted = columns[:, terms] / latency_ms[:, None], np.ones(points)
    if prior is not None:
        relative = np.vstack([relative, np.diag(prior.weight / prior.values[terms])])
        wanted = np.concatenate([wanted, np.full(len(terms), prior.weight)])
    lengths = np.linalg.norm(relative, axis=0)
    lengths[lengths == 0] = 1.0
    scaled, weights = relative / lengths, np.ones(len(relative))
    roots = np.ones(len(relative))
    if importance is not None:
        roots[:points] = np.sqrt(importance)
    for _ in range(REWEIGHTINGS):
        rows = roots * weights
        found, _ = nnls(scaled * rows[:, None], wanted * rows)
        off = np.abs(scaled[:points] @ found - 1.0)
        deviation = max(MAD_TO_DEVIATION * float(np.median(off)), SMALLEST_ERROR)
        weights[:points] = np.sqrt(np.minimum(1.0, HUBER * deviation / np.maximum(off, deviation)))
    values = np.zeros(columns.shape[1])
    values[terms] = found / lengths
    return tuple(float(value) for value in values)
