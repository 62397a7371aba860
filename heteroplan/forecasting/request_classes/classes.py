"""Request classes of a trace: as few as keep the error of capacity within a tolerance.

A trace is summed in one pass into cells of a logarithmic grid of computed input tokens (those that
no prefix cache holds) and output tokens. A class is a range of computed tokens, its cells summed:
its means, its spread and the context that its decode steps hold are exact, so that decode needs no
further classes, and what is left of the error is the shape of the lengths inside a class. Of each
number of classes the cuts with the least error (`class_error`) are searched, and the least number
within the tolerance is taken.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import log, log1p, sqrt
from typing import Self

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.request_classes.class_error import Cuts, Family
from heteroplan.forecasting.steps.counting import COUNT, CROSS, OSL, OSL2, cell_begin
from heteroplan.numerics.tolerances import NOTHING

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

MOST_CLASSES, TOLERANCE = 8, 0.03
ONE_CLASS = "default"
FEW_CELLS = 16
"""Of output tokens, that hold answers of a few: of 15 at most."""
LEAST_FEW = 0.005
"""Share of the requests that has such an answer beyond those that the spread tells; of fewer they
are no class."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Sums of a trace by cell that holds requests."""

    steps: Ints
    """[cell] of the computed tokens, floor(PER_OCTAVE * log2(tokens))."""
    outputs: Ints
    """[cell] of the output tokens, in the same way."""
    sums: Floats
    """[cell, column]."""

    @classmethod
    def of(cls, cells: Floats) -> Self:
        """From [computed cell, osl cell, column]."""
        steps, outputs = np.nonzero(cells[..., COUNT])
        return cls(steps, outputs, cells[steps, outputs])

    @property
    def few(self) -> Self:
        """The part with answers of a few tokens."""
        return self._part(self.outputs < FEW_CELLS)

    @property
    def others(self) -> Self:
        """The part with longer answers."""
        return self._part(self.outputs >= FEW_CELLS)

    def _part(self, held: NDArray[np.bool_]) -> Self:
        return type(self)(self.steps[held], self.outputs[held], self.sums[held])


@dataclass(frozen=True, slots=True)
class ClassShape:
    """What a plan knows of a class."""

    share: float
    isl: float
    osl: float
    hit_rate: float
    """Share of the input tokens that a prefix cache holds."""
    cv: float
    """Coefficient of variation of the computed tokens."""
    context: float
    """Tokens that a decode step finds in the cache: sum osl (isl + osl / 2) / sum osl."""
    context_cv: float
    """Coefficient of variation of `context` over decode steps."""
    osl_cv: float
    """Coefficient of variation of the output tokens."""


def choose(
    grid: Grid, tolerance: float = TOLERANCE, most: int = MOST_CLASSES
) -> tuple[Cuts, float | None]:
    """Steps at which classes begin, the first apart, and the bound of their error.

    As few as keep within `tolerance`; if `most` do not, those with the least bound. Where any error
    will do, one class, whose error is not looked at (None).
    """
    if tolerance >= 1.0:
        return (), None
    if len(np.unique(grid.steps)) == 1:
        return (), 0.0
    family = Family(grid.steps, grid.sums)
    found: list[tuple[float, Cuts]] = []
    cuts: Cuts = ()
    for count in range(1, min(most, len(family.steps)) + 1):
        cuts = family.best(count, cuts)
        found.append((family.bound(cuts), cuts))
        if found[-1][0] <= tolerance:
            break
    bound, cuts = min(found)
    return cuts, bound


def has_few(grid: Grid) -> bool:
    """Whether answers of a few tokens are to be a class.

    They are where there are others, and more than twice as many, by `LEAST_FEW` of the requests at
    least, as either a gamma or a lognormal of the mean and spread of all answers tells.
    """
    from scipy.special import gammainc, ndtr

    requests, count = grid.sums[:, COUNT].sum(), grid.few.sums[:, COUNT].sum()
    of = shape(grid.sums, requests)
    if count == requests or of.osl_cv == 0.0:
        return False
    most, square = cell_begin(FEW_CELLS) / max(of.osl, NOTHING), of.osl_cv**2
    deviation = sqrt(log1p(square))
    lognormal = ndtr(log(most) / deviation + deviation / 2.0)
    told = max(gammainc(1.0 / square, most / square), lognormal)
    return bool(count / requests - told > max(LEAST_FEW, told))


def few_error(grid: Grid) -> float:
    """What the class of answers of a few tokens adds to the error, by its share of the requests."""
    few = grid.few
    share = float(few.sums[:, COUNT].sum() / grid.sums[:, COUNT].sum())
    return share * Family(few.steps, few.sums).bound(())


def shapes(grid: Grid, cuts: Cuts, apart: bool = False) -> list[ClassShape | None]:
    """The classes of `grid`, of all of a trace or of an interval of it; None of no requests.

    With `apart` answers of a few tokens are the last class, and in no other.
    """
    which = np.searchsorted(np.array(cuts), grid.steps, side="right")
    if apart:
        which[grid.outputs < FEW_CELLS] = len(cuts) + 1
    requests = float(grid.sums[:, COUNT].sum())
    parts = [grid.sums[which == each] for each in range(len(cuts) + 1 + apart)]
    return [shape(part, requests) if len(part) else None for part in parts]


def shape(cells: Floats, requests: float) -> ClassShape:
    """The class of some cells, a share of `requests`."""
    n, computed, o, squares, crosses, oo, isl = cells.sum(axis=0).tolist()
    steps = np.maximum(cells[:, OSL], NOTHING)
    context = (crosses + oo / 2) / max(o, NOTHING)
    own = (cells[:, CROSS] + cells[:, OSL2] / 2) / steps
    ramp = (cells[:, OSL] / cells[:, COUNT]) ** 2 / 12
    spread = float(steps @ ((own - context) ** 2 + ramp)) / float(steps.sum())
    cv = max(0.0, squares * n / max(computed, NOTHING) ** 2 - 1.0) ** 0.5
    return ClassShape(
        n / requests,
        isl / n,
        o / n,
        1.0 - computed / max(isl, NOTHING),
        cv,
        context,
        spread**0.5 / max(context, NOTHING),
        max(0.0, oo * n / max(o, NOTHING) ** 2 - 1.0) ** 0.5,
    )


def names(cuts: Cuts, of: str, apart: bool = False) -> list[str]:
    """The classes in words: `isl to 1447`, `isl 1448 to 5792`, `isl from 5793`, `osl to 15`."""
    if apart:
        return [*names(cuts, of), f"osl to {cell_begin(FEW_CELLS) - 1}"]
    if not cuts:
        return [ONE_CLASS]
    begins = [cell_begin(each) for each in cuts]
    inner = [f"{of} {low} to {high - 1}" for low, high in pairwise(begins)]
    return [f"{of} to {begins[0] - 1}", *inner, f"{of} from {begins[-1]}"]
