"""A plan's replicas on other nodes of their leaves, so that fewer node-hours are paid.

A node by the hour is paid as a whole while anything serves on it. So what serves at the same times
shares nodes, and where a pool shrinks that replica stops whose node is empty then. Found by ruin
and recreate (Schrimpf et al. 2000): the replicas of some nodes are taken off, perhaps end in
another order, and stand anew where each adds least. Rounds are counted, and random numbers begin
alike, so that a plan always comes out the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random

import numpy as np

from heteroplan.entities.placement import Stay, node_names
from heteroplan.entities.plan import Plan
from heteroplan.optimize.program.problem import Floats, Ints
from heteroplan.sizing.bill import engines_of, node_hours
from heteroplan.units import s_to_hours

ROUNDS = 600
"""Times that some nodes are emptied and filled anew."""
CELLS = 4_000_000
"""Nodes times intervals of all rounds, at most: fewer rounds of a large fleet."""
RUINED = (2, 4)
"""Nodes that are emptied at a time, at least and at most."""
UNLIKE = 0.3
"""Relative change of how long a replica counts as serving, for another order."""
SWAPPED = 0.5
"""Share of rounds in which replicas end in another order."""


def together(plan: Plan, node_types: Mapping[str, object]) -> Plan:
    """The plan on fewer node-hours of some node types.

    Replicas that move stay where they are, and so do those of node types on which not all find
    room anew.
    """
    moving = {stay.replica_id for stay in plan.stays if stay.moved}
    stays = list(plan.stays)
    for leaf in plan.scenario.fleet.network.leaves:
        for node_type in node_types:
            mine = [
                i
                for i, stay in enumerate(stays)
                if stay.leaf == leaf.name and plan.pools[stay.pool].node_type == node_type
            ]
            if not mine:
                continue
            shelf = Shelf.of(plan, node_names(leaf, node_type), stays[mine[0]])
            free = [i for i in mine if stays[i].replica_id not in moving]
            for i in mine:
                if i not in free:
                    shelf.put(stays[i], shelf.places(stays[i]))
            anew = shelf.refilled([stays[i] for i in free])
            for i, stay in zip(free, anew, strict=True):
                stays[i] = stay
    other = replace(plan, stays=tuple(stays))
    hours = [sum(node_hours(each, node_types).values()) for each in (plan, other)]
    return other if hours[1] < hours[0] else plan


@dataclass(eq=False)
class Shelf:
    """Nodes of one type on one leaf, and what stands on them when."""

    names: tuple[str, ...]
    size: int
    """GPUs of a node."""
    gpus: tuple[int, ...]
    """Of a node that a replica of each pool takes."""
    cyclic: bool
    left: Ints
    """[nodes, T] GPUs that nothing holds."""
    serving: Ints
    """[nodes, T] replicas that serve."""
    pause: float
    """Intervals that a node is paid for once it runs again, to start and to drain."""
    number: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.number = {name: i for i, name in enumerate(self.names)}

    @classmethod
    def of(cls, plan: Plan, names: tuple[str, ...], one: Stay) -> "Shelf":
        """Empty nodes of the leaf and type of one stay."""
        horizon, node_type = plan.scenario.horizon, plan.pools[one.pool].node_type
        size = plan.scenario.fleet.node_type(node_type).gpus
        shape = (len(names), horizon.intervals)
        engines = [each for key, each in engines_of(plan).items() if key[2] == node_type]
        pause_s = max((each.startup_s + each.drain_s for each in engines), default=0.0)
        return cls(
            names=names,
            size=size,
            gpus=tuple(min(size, pool.gpus_per_replica) for pool in plan.pools),
            cyclic=horizon.cyclic,
            left=size * _present(plan, one, shape).astype(np.int64),
            serving=np.zeros(shape, dtype=np.int64),
            pause=s_to_hours(pause_s) / horizon.interval_hours,
        )

    def places(self, stay: Stay) -> list[int]:
        return [self.number[name] for name in stay.nodes]

    def put(self, stay: Stay, places: Sequence[int], times: int = 1) -> None:
        """Let it stand on some nodes; with `times` -1 take it off them."""
        holds, serves = self._times(stay, stay.lead), self._times(stay, 0)
        for place in places:
            self.left[place, holds] -= times * self.gpus[stay.pool]
            self.serving[place, serves] += times

    def refilled(self, stays: Sequence[Stay]) -> list[Stay]:
        """The stays on other nodes, where that costs less; some may end in another order."""
        standing = list(stays)
        for stay in standing:
            self.put(stay, self.places(stay))
        everything = list(range(len(standing)))
        self._anew(standing, everything, Random(0), noise=0.0)
        random = Random(1)
        for _ in range(min(ROUNDS, CELLS // self.left.size)):
            running = np.flatnonzero(self.serving.any(axis=1))
            if len(running) < 2:
                break
            count = random.randint(min(RUINED[0], len(running)), min(RUINED[1], len(running)))
            waste = self._waste()[running]
            ruined = {int(running[i]) for i in _drawn(waste, count, random)}
            chosen = [
                i for i, stay in enumerate(standing) if ruined.intersection(self.places(stay))
            ]
            self._anew(standing, chosen, random, noise=UNLIKE)
        return standing

    def _anew(self, standing: list[Stay], chosen: list[int], random: Random, noise: float) -> None:
        """Take some off and put them where each adds least; back where that costs more."""
        before = self._cost()
        old = {i: standing[i] for i in chosen}
        for stay in old.values():
            self.put(stay, self.places(stay), -1)
        lives = dict(old)
        if noise and random.random() < SWAPPED:
            self._swap_ends(lives, random)
        order = sorted(
            chosen,
            key=lambda i: (
                -lives[i].intervals * (1 + noise * (random.random() - 0.5)),
                -self.gpus[lives[i].pool],
            ),
        )
        done: list[int] = []
        for i in order:
            places = self._cheapest(lives[i])
            if places is None:
                break
            lives[i] = replace(lives[i], nodes=tuple(self.names[place] for place in places))
            self.put(lives[i], places)
            done.append(i)
        if len(done) == len(order) and self._cost() <= before:
            for i in chosen:
                standing[i] = lives[i]
            return
        for i in done:
            self.put(lives[i], self.places(lives[i]), -1)
        for stay in old.values():
            self.put(stay, self.places(stay))

    def _swap_ends(self, lives: dict[int, Stay], random: Random) -> None:
        """Of two replicas of a pool that serve at the same time, each ends as the other did."""
        intervals = self.left.shape[1]
        order = list(lives)
        random.shuffle(order)
        for i, j in pairwise(sorted(order, key=lambda i: lives[i].pool)):
            one, other = lives[i], lives[j]
            later = other.first - one.first
            later = later % intervals if self.cyclic else later
            if one.pool != other.pool or not 0 <= later < one.intervals:
                continue
            longer = later + other.intervals
            if max(one.intervals, other.intervals, longer) >= intervals:
                continue
            lives[i] = replace(one, intervals=longer)
            lives[j] = replace(other, intervals=one.intervals - later)

    def _cheapest(self, stay: Stay) -> list[int] | None:
        """Nodes with room on which it adds least to what is paid, of those the fullest."""
        holds, serves = self._times(stay, stay.lead), self._times(stay, 0)
        room = self.left[:, holds].min(axis=1) - self.gpus[stay.pool]
        able = np.flatnonzero(room >= 0)
        if len(able) < len(stay.nodes):
            return None
        idle = self.serving[able] == 0
        added = idle[:, serves].sum(axis=1) + self.pause * self._begins(idle, serves)
        filled = self.left[np.ix_(able, holds)].sum(axis=1)
        best = able[np.lexsort((able, filled, added))][: len(stay.nodes)]
        return [int(place) for place in best]

    def _begins(self, idle: np.ndarray, serves: Ints) -> Floats:
        """[*] times more that a node runs anew where it serves in these intervals too."""
        after = idle.copy()
        after[:, serves] = False
        return self._runs(~after) - self._runs(~idle)

    def _runs(self, running: np.ndarray) -> Floats:
        before = np.roll(running, 1, axis=1)
        if not self.cyclic:
            before[:, 0] = False
        return np.asarray((running & ~before).sum(axis=1), dtype=np.float64)

    def _cost(self) -> float:
        """Intervals that are paid."""
        running = self.serving > 0
        return float(running.sum() + self.pause * self._runs(running).sum())

    def _waste(self) -> Floats:
        """[nodes] GPUs of intervals that are paid and not held."""
        return np.asarray((self.left * (self.serving > 0)).sum(axis=1), dtype=np.float64)

    def _times(self, stay: Stay, lead: int) -> Ints:
        intervals = self.left.shape[1]
        times = range(stay.first - lead, stay.first + stay.intervals)
        if self.cyclic:
            return np.array([t % intervals for t in times], dtype=np.int64)
        return np.array([t for t in times if 0 <= t < intervals], dtype=np.int64)


def _drawn(weights: Floats, count: int, random: Random) -> list[int]:
    """Places of some weights, the larger ones more often."""
    keys = [random.random() ** (1.0 / (1.0 + weight)) for weight in weights.tolist()]
    return sorted(range(len(keys)), key=lambda i: -keys[i])[:count]


def _present(plan: Plan, stay: Stay, shape: tuple[int, int]) -> np.ndarray:
    """[nodes, T] whether each node of a stay's leaf and node type is there: the last ones are
    those that are away."""
    fleet, moments = plan.scenario.fleet, plan.scenario.horizon.boundaries()
    (leaf,) = (each for each in fleet.network.leaves if each.name == stay.leaf)
    there = np.zeros(shape, dtype=np.bool_)
    for t, (start, end) in enumerate(pairwise(moments)):
        there[: fleet.nodes_available(leaf, plan.pools[stay.pool].node_type, start, end), t] = True
    return there
