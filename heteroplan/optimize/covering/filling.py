"""What engines beside the grid of a block cost, by how much of the demand is left to them."""

from dataclasses import dataclass

import numpy as np

from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.problem import Floats


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """What serving the rest costs at least with engines outside the grid, by how much is left."""

    cost: Floats
    """[S, T, G + 1] for g = 0..G steps of `step` or more on each side."""
    step: float
    """Share of the demand."""

    def of(self, side: int, times: slice, missing: Floats) -> Floats:
        """[t, ...] cost of what is `missing` [t, ...] on a side."""
        table = self.cost[side, times]
        at = (missing * (1.0 / self.step) - ROUNDING).astype(np.int64).clip(0)
        rows = np.arange(len(table)).reshape([-1, *[1] * (missing.ndim - 1)])
        return np.asarray(table[rows, at])
