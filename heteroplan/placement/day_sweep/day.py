"""A part of the fleet as it fills and empties in the course of a day: state, moves, and a log."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from heteroplan.optimize.program.problem import Ints
from heteroplan.placement.first_fit import Footprint
from heteroplan.placement.nodes import Nodes, Spot

type Flags = NDArray[np.bool_]


class Begin(NamedTuple):
    """A replica takes its nodes. Times count intervals from where the day is cut open."""

    pool: int
    spot: Spot
    wanted: int
    """When it should serve; 0 or less: it does when the day begins."""
    serves: int
    """When it does."""


class End(NamedTuple):
    """A replica of a pool leaves its nodes, the last that began to serve there."""

    pool: int
    spot: Spot
    at: int


class Missed(NamedTuple):
    """Service that a replica never gave, as it found no room."""

    pool: int
    wanted: int
    at: int
    """When it was no longer wanted."""


class Cancel(NamedTuple):
    """A late replica that is no longer wanted when it could serve gives its nodes back."""

    begun: Begin
    at: int


type Event = Begin | End | Missed | Cancel


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """What is to be placed: P pools on n nodes over T intervals, from where the day is cut open."""

    nodes: Nodes
    footprints: tuple[Footprint, ...]
    """[P] narrow domains first, then large replicas."""
    sizes: Ints
    """[P, T]"""
    starts: Ints
    """[P, T]"""
    room: Ints
    """[T, n] GPUs."""
    cyclic: bool

    @property
    def intervals(self) -> int:
        return int(self.sizes.shape[1])

    def share(self) -> Ints:
        """[P] GPUs that a replica takes on a node."""
        return np.array([footprint.share for footprint in self.footprints], dtype=np.int64)

    def leaving(self, t: int) -> Ints:
        """[P] replicas that stop at `t`, in 1..T."""
        return np.asarray(np.maximum(0, self.sizes[:, t - 1] - self.sizes[:, t % self.intervals]))

    def starting(self, pool: int, t: int) -> int:
        """Replicas that serve from `t` on and not before; may lie past the end of the day."""
        within = self.cyclic or t < self.intervals
        return int(self.starts[pool, t % self.intervals]) if within else 0


@dataclass(slots=True, eq=False)
class State:
    """A day at `t`: what stands where, and all that happened until then."""

    day: Day
    serving: Ints
    """[P, n] replicas that could stop, of pools whose replicas fit a node."""
    wide: list[tuple[Spot, ...]]
    """[P] spots of replicas that could stop, of pools whose replicas have several nodes."""
    used: Ints
    """[n] GPUs."""
    late: list[tuple[int, ...]]
    """[P] when those that have found no room yet should have served."""
    starting: dict[int, tuple[Begin, ...]] = field(default_factory=dict)
    """By when they serve."""
    moving: dict[int, tuple[tuple[int, Spot], ...]] = field(default_factory=dict)
    """Pool and nodes of replicas that serve there until one serves elsewhere instead, by when."""
    log: list[Event] = field(default_factory=list)
    t: int = 0

    @classmethod
    def empty(cls, day: Day) -> "State":
        pools, nodes = len(day.footprints), day.room.shape[1]
        serving = np.zeros((pools, nodes), dtype=np.int64)
        return cls(day, serving, [()] * pools, np.zeros(nodes, dtype=np.int64), [()] * pools)

    def copy(self) -> "State":
        return replace(
            self,
            serving=self.serving.copy(),
            wide=list(self.wide),
            used=self.used.copy(),
            late=list(self.late),
            starting=dict(self.starting),
            moving=dict(self.moving),
            log=list(self.log),
        )

    def free(self) -> Ints:
        """[n] GPUs left."""
        return np.asarray(self.day.room[self.t % self.day.intervals] - self.used)

    def begin(self, pool: int, spot: Spot, wanted: int) -> None:
        """A replica holds its nodes from now on, and serves after its lead."""
        footprint = self.day.footprints[pool]
        begun = Begin(pool, spot, wanted, wanted if self.t == 0 else self.t + footprint.lead)
        self.log.append(begun)
        self._take(spot, footprint.share)
        if begun.serves <= self.t:
            self._serve(begun)
        else:
            self.starting[begun.serves] = (*self.starting.get(begun.serves, ()), begun)

    def end(self, pool: int, spot: Spot) -> None:
        """A replica that serves stops."""
        self.log.append(End(pool, spot, self.t))
        self._take(spot, -self.day.footprints[pool].share)
        if len(spot) == 1:
            self.serving[pool, spot[0]] -= 1
        else:
            self.wide[pool] = _without(self.wide[pool], spot)

    def move(self, pool: int, here: int, there: int) -> None:
        """A replica that serves on a node stops there when one instead of it serves on another."""
        serves = self.t + self.day.footprints[pool].lead
        self.begin(pool, (there,), serves)
        self.serving[pool, here] -= 1
        self.moving[serves] = (*self.moving.get(serves, ()), (pool, (here,)))

    def leave(self) -> None:
        """Replicas stop instead of which others now serve."""
        for pool, spot in self.moving.pop(self.t, ()):
            self.log.append(End(pool, spot, self.t))
            self._take(spot, -self.day.footprints[pool].share)

    def cancel(self, begun: Begin) -> None:
        """A late replica that has not served yet never will."""
        self.log.append(Cancel(begun, self.t))
        self._take(begun.spot, -self.day.footprints[begun.pool].share)
        self.starting[begun.serves] = _without(self.starting[begun.serves], begun)

    def promote(self) -> None:
        """Those that began to serve in the interval before now could stop."""
        for begun in self.starting.pop(self.t - 1, ()):
            self._serve(begun)

    def _serve(self, begun: Begin) -> None:
        if len(begun.spot) == 1:
            self.serving[begun.pool, begun.spot[0]] += 1
        else:
            self.wide[begun.pool] = (*self.wide[begun.pool], begun.spot)

    def _take(self, spot: Spot, gpus: int) -> None:
        """GPUs more on each node of a spot, or fewer."""
        for node in spot:
            self.used[node] += gpus


def _without[T](some: tuple[T, ...], one: T) -> tuple[T, ...]:
    at = some.index(one)
    return (*some[:at], *some[at + 1 :])
