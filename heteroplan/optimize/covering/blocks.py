"""The covering block: replicas of some engines that cover a workload's demand over the day.

    min  Σ_t [ Σ_e price[e,t]·n[e,t] (or a floor, where that is higher)
               + Σ_e start[e,t]·max(0, n[e,t] - n[e,t-1])
               + Σ_e change[e]·[n[e,t] != n[e,t-1]]
               + Σ_s penalty[s,t]·max(0, need[t] - Σ_{e on side s} share[e,t]·n[e,t]) ]
    over integers low[e,t] <= n[e,t] <= high[e,t]

There is one side a stage of the requests: prefill and decode, and their parts where an engine
is divided. An aggregated engine counts on all sides.

A dynamic program over the grid of counts solves it exactly. Costs of starts and of changes are
separable by engine, so a step in time is, engine by engine, to stay, or `change` and a running
minimum: with slope `start` upwards, free downwards; O(cells) an interval, no pairs of states.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.covering.losses import LeastLost, NodeLoss
from heteroplan.optimize.program.problem import Floats, Ints

if TYPE_CHECKING:
    from heteroplan.optimize.covering.arrays import Arrays


@dataclass(frozen=True, slots=True, eq=False)
class Filling:
    """What serving the rest costs at least with engines outside the grid, by how much is left."""

    cost: Floats
    """[S, T, G + 1] for g = 0..G steps of `step` or more on each side."""
    step: float
    """Share of the demand."""


@dataclass(frozen=True, slots=True, eq=False)
class Floors:
    """Lines below which what running replicas cost does not lie, each rising no slower than it."""

    constant: Floats
    """[L, T]"""
    price: Floats
    """[L, E, T] of one running replica, no less than that of the block."""


@dataclass(frozen=True, eq=False)
class Block:
    """E engines over T intervals; the docstring of the module has the program."""

    price: Floats
    """[E, T] of one running replica."""
    start: Floats
    """[E, T] of one replica that starts to serve at t."""
    share: Floats
    """[E, T] share of the demand that one replica serves."""
    low: Ints
    """[E, T]"""
    high: Ints
    """[E, T]"""
    need: Floats
    """[T] share of the demand to be served."""
    penalty: Floats
    """[T] or [S, T] for leaving all demand unserved on a side; inf where it must be served."""
    fewest: Ints
    """[T] replicas of all engines together."""
    most: Ints | None = None
    before: Ints | None = None
    """[E] replicas that ran before the first interval of a day that is not cyclic, where known."""
    sides: NDArray[np.bool_] | None = None
    """[S, E] engines that count on each side; None where all count on one."""
    node_loss: NodeLoss | None = None
    least_lost: LeastLost | None = None
    """In the place of `node_loss` where pools are added up, each engine with a queue of its own."""
    weight: Floats | None = None
    """[R, E] GPUs of a supply row that one replica holds; None where no two engines share one."""
    room: Ints | None = None
    """[R, T] GPUs left on those rows."""
    filling: Filling | None = None
    """Charged for what is missing where it is more than `penalty`."""
    by_count: Floats | None = None
    """[E, N + 1, T] share of the demand that 0, 1, ..., N replicas serve together, where it is more
    than so many times what one does; then `share` is at least what any of them serves."""
    change: Floats | None = None
    """[E] of a change of an engine's count between two intervals; None where all are free."""
    floors: Floors | None = None
    queue: Ints | None = None
    """[E] the first engine of those whose replicas are one queue: each serves what `by_count` says
    of as many as all of them have. None where each engine has its own."""

    def all_sides(self) -> NDArray[np.bool_]:
        """[S, E] the sides, one where none are named."""
        return np.ones((1, len(self.low)), dtype=bool) if self.sides is None else self.sides

    @cached_property
    def engines(self) -> list[int]:
        """Those that may run at all; the first where none may."""
        return [int(e) for e in np.flatnonzero((self.high > 0).any(axis=1))] or [0]

    @cached_property
    def arrays(self) -> "Arrays":
        """Of the engines that may run."""
        from heteroplan.optimize.covering.arrays import arrays_of

        return arrays_of(self, self.engines)

    @cached_property
    def quietest(self) -> int:
        """The interval in which the fewest replicas do."""
        fewest = quotient(self.need, self.share, np.inf).min(axis=0, initial=np.inf)
        return int(np.argmin(np.where(self.need > 0, fewest, 0.0))) if len(self.need) else 0

    def missing(self, counts: Ints) -> Floats:
        """[S, T] share of the demand that counts [E, T] leave unserved on each side."""
        from heteroplan.numerics.compiling import own
        from heteroplan.optimize.covering.compiled import missing

        return missing(self.arrays, own(counts[self.engines]))

    def cells(self) -> float:
        """Mean number of states an interval."""
        widths = np.maximum(0, self.high - self.low) + 1
        return float(np.prod(widths, axis=0, dtype=np.float64).mean()) if len(self.need) else 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """A schedule of a block."""

    counts: Ints
    """[E, T]"""
    cost: float
    """Of the schedule, penalties included."""
    bound: float
    """No schedule costs less."""


def open_day(block: Block, *, cyclic: bool, counted: bool = True) -> Path | None:
    """The cheapest schedule, or None where none meets `need`.

    A cyclic day is opened where its demand is least: starts and changes into that interval are
    free. No schedule costs less. Its counts are all 0 where they need not be `counted`.
    """
    first = block.quietest if cyclic else 0
    counts, value = _open_path(block, first, None, counted=counted)
    value += _given_up(block)
    return None if counts is None else Path(counts, value, value)


def cheapest_path(block: Block, *, cyclic: bool) -> Path | None:
    """The cheapest schedule, or None where none meets `need`.

    A cyclic day is closed at the state that `open_day` found: its `cost` and `bound` agree unless
    the best closed day avoids that state (and, where changes cost, the one before).
    """
    path = open_day(block, cyclic=cyclic)
    if path is None or not cyclic:
        return path
    counts, bound, join = path.counts, path.bound, block.quietest
    cost = bound + _closing_cost(block, counts, join)
    if cost > bound + ROUNDING * abs(bound):
        before = counts[:, join - 1]
        inside = (block.low[:, join] <= before) & (before <= block.high[:, join])
        steady = block.change is not None and inside.all()
        for state in (counts[:, join], before) if steady else (counts[:, join],):
            closed, closed_cost = _open_path(block, join, state)
            if closed is not None and closed_cost < cost:
                counts, cost = closed, closed_cost
    return Path(counts, cost, min(bound, cost))


def _closing_cost(block: Block, counts: Ints, join: int) -> float:
    """Of the starts and changes [E, T] into the interval where a cyclic day is opened."""
    grown = counts[:, join] - counts[:, join - 1]
    cost = float(block.start[:, join] @ np.maximum(0, grown))
    return cost if block.change is None else cost + float(block.change @ (grown != 0))


def _open_path(
    block: Block, first: int, fixed: Ints | None, *, counted: bool = True
) -> tuple[Ints | None, float]:
    """Cheapest schedule from `first` once around, what changes into it free.

    With `fixed` [E] the day begins there and returns there, starts and changes paid.
    """
    from heteroplan.optimize.covering.compiled import open_path

    engines = block.engines
    no_state = np.zeros(0, dtype=np.int64)
    total, found = open_path(
        block.arrays,
        first,
        no_state if fixed is None else fixed[engines],
        no_state if block.before is None else block.before[engines],
        counted,
    )
    if not np.isfinite(total):
        return None, np.inf
    counts = np.zeros(block.low.shape, dtype=np.int64)
    counts[engines] = found
    return counts, float(total)


def _given_up(block: Block) -> float:
    """What changes cost of engines that ran before and may not run."""
    if block.change is None or block.before is None:
        return 0.0
    return float(np.delete(block.change * (block.before > 0), block.engines).sum())
