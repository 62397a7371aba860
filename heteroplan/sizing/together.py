"""A plan's replicas on other nodes of their leaves, so that fewer node-hours are paid.

A node by the hour is paid as a whole while anything serves on it. So what serves at the same times
shares nodes, and where a pool shrinks that replica stops whose node is empty then. Found by ruin
and recreate (Schrimpf et al. 2000): the replicas of some nodes are taken off, perhaps end in
another order, and stand anew where each adds least. Rounds are counted, and random numbers begin
alike, so that a plan always comes out the same.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from random import Random

import numpy as np

from heteroplan.entities.network import Leaf
from heteroplan.entities.placement import Stay, node_names
from heteroplan.entities.scenario import Scenario
from heteroplan.optimize.program.problem import Floats, Ints
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


TRIES = 5_000
"""Parts of the time of a node that are looked at for what may be elsewhere then."""
LEAST_SAVED = 1e-6
"""Intervals of a node that a replica elsewhere saves at least."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a replica of a pool takes, and how long a node is paid for its start and drain."""

    node_type: str
    gpus: int
    pause_s: float


def together(
    scenario: Scenario, shapes: Sequence[Shape], stays: Sequence[Stay], node_types: Collection[str]
) -> tuple[Stay, ...]:
    """The stays of replicas, `shapes` by pool, on fewer node-hours of some node types.

    A replica that moves stays on one node if all find room so; else those that move stay where they
    are, and so do all of a leaf and node type that find no room anew. Where one moves from leaf to
    leaf, it stays as it is.
    """
    leaves: dict[tuple[int, str], list[str]] = {}
    for stay in stays:
        leaves.setdefault((stay.pool, stay.replica_id), []).append(stay.leaf)
    moving = {key for key, places in leaves.items() if len(places) > 1}
    abroad = {key for key in moving if len(set(leaves[key])) > 1}
    found = list[Stay]()
    for leaf in scenario.fleet.network.leaves:
        here = [stay for stay in stays if stay.leaf == leaf.name]
        for node_type in dict.fromkeys(shapes[stay.pool].node_type for stay in here):
            mine = [stay for stay in here if shapes[stay.pool].node_type == node_type]
            if node_type in node_types:
                mine = Shelf.of(scenario, shapes, leaf, node_type).filled(mine, moving, abroad)
            found += mine
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Part:
    """The beginning or the end of a time that a node runs, in intervals from its first one."""

    place: int
    first: int
    length: int
    begin: int
    end: int

    def divided(self, stay: Stay, after: int, horizon: int) -> tuple[Stay, ...] | None:
        """A stay that begins some intervals after the first: inside of the part, and what is left
        outside; None where it does not serve then."""
        low, high = max(after, self.begin), min(after + stay.intervals, self.end)
        if low >= high:
            return None
        inside = replace(stay, first=(self.first + low) % horizon, intervals=high - low)
        if after < low:
            earlier = replace(stay, intervals=low - after)
            return replace(inside, moved=True), earlier
        if high < after + stay.intervals:
            first, left = (self.first + high) % horizon, after + stay.intervals - high
            return inside, replace(stay, first=first, intervals=left, moved=True)
        return (inside,)


@dataclass(eq=False)
class Shelf:
    """Nodes of one type on one leaf, and what stands on them when."""

    size: int
    """GPUs of a node."""
    names: tuple[str, ...]
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
    def of(cls, scenario: Scenario, shapes: Sequence[Shape], leaf: Leaf, node_type: str) -> "Shelf":
        """Empty nodes."""
        horizon, fleet = scenario.horizon, scenario.fleet
        names, size = node_names(leaf, node_type), fleet.node_type(node_type).gpus
        there = np.zeros((len(names), horizon.intervals), dtype=np.int64)
        for t, (start, end) in enumerate(pairwise(horizon.boundaries())):
            there[: fleet.nodes_available(leaf, node_type, start, end), t] = size
        pause_s = max((each.pause_s for each in shapes if each.node_type == node_type), default=0.0)
        return cls(
            size=size,
            names=names,
            gpus=tuple(min(size, each.gpus) for each in shapes),
            cyclic=horizon.cyclic,
            left=there,
            serving=np.zeros_like(there),
            pause=s_to_hours(pause_s) / horizon.interval_hours,
        )

    def filled(
        self,
        stays: Sequence[Stay],
        moving: Collection[tuple[int, str]],
        abroad: Collection[tuple[int, str]],
    ) -> list[Stay]:
        """The stays of a leaf and node type, where they cost least.

        By pool and identity: replicas that move, and those of them that stand on other leaves too.
        """
        fixed, chains, free = list[Stay](), list[Stay](), list[Stay]()
        for stay in stays:
            key = (stay.pool, stay.replica_id)
            (fixed if key in abroad else chains if key in moving else free).append(stay)
        for stay in fixed:
            self.put(stay, self.places(stay))
        joined = self._joined(chains)
        if chains and joined is not None:
            found = self._placed(dict(enumerate([*free, *joined])), Random(0), 0.0)
            if found is not None:
                return [*fixed, *self._emptied(self._improved(found))]
        for stay in chains:
            self.put(stay, self.places(stay))
        found = self._placed(dict(enumerate(free)), Random(0), 0.0)
        if found is None:
            found = dict(enumerate(free))
            for stay in free:
                self.put(stay, self.places(stay))
        return [*fixed, *chains, *self._emptied(self._improved(found))]

    def _joined(self, chains: Sequence[Stay]) -> list[Stay] | None:
        """Replicas that move as one stay each; None where one does not go on all the time."""
        intervals = self.left.shape[1]
        whole: dict[tuple[int, str], list[Stay]] = {}
        for stay in chains:
            whole.setdefault((stay.pool, stay.replica_id), []).append(stay)
        found = []
        for parts in whole.values():
            begins = [stay for stay in parts if not stay.moved]
            if len(begins) != 1 or sum(stay.intervals for stay in parts) >= intervals:
                return None
            length = 0
            for stay in sorted(parts, key=lambda stay: (stay.first - begins[0].first) % intervals):
                if (stay.first - begins[0].first) % intervals != length:
                    return None
                length += stay.intervals
            found.append(replace(begins[0], intervals=length))
        return found

    def places(self, stay: Stay) -> list[int]:
        return [self.number[name] for name in stay.nodes]

    def put(self, stay: Stay, places: Sequence[int], times: int = 1) -> None:
        """Let it stand on some nodes; with `times` -1 take it off them."""
        holds, serves = self._times(stay, stay.lead), self._times(stay, 0)
        for place in places:
            self.left[place, holds] -= times * self.gpus[stay.pool]
            self.serving[place, serves] += times

    def _improved(self, standing: dict[int, Stay]) -> list[Stay]:
        """Some placed anew, time and again, where that costs no more."""
        random = Random(1)
        for _ in range(min(ROUNDS, CELLS // max(1, self.left.size))):
            running = np.flatnonzero(self.serving.any(axis=1))
            if len(running) < 2:
                break
            count = random.randint(min(RUINED[0], len(running)), min(RUINED[1], len(running)))
            drawn = _drawn(self._waste()[running], count, random)
            ruined = {int(running[i]) for i in drawn}
            self._anew(
                standing,
                [i for i in standing if ruined.intersection(self.places(standing[i]))],
                random,
            )
        return list(standing.values())

    def _emptied(self, stays: list[Stay]) -> list[Stay]:
        """Some nodes run later, or are given back sooner: what serves on them then is elsewhere.

        A replica that goes on elsewhere starts there first. It does so where that saves more
        node-hours than its start and drain hold GPUs.
        """
        tries = TRIES
        gained = True
        while gained:
            gained = False
            for place in np.argsort(-self._waste(), kind="stable").tolist():
                for part in self._parts(place, stays):
                    tries -= 1
                    if tries < 0:
                        return stays
                    found = self._elsewhere(stays, part)
                    if found is not None:
                        stays, gained = found, True
                        break
        return stays

    def _parts(self, place: int, stays: Sequence[Stay]) -> list[Part]:
        """Beginnings and ends of each time that a node runs, up to where what stands on it changes;
        the longest first."""
        found = list[Part]()
        here = [stay for stay in stays if place in self.places(stay)]
        for first, length in self._stretches(place):
            cuts = {0, length}
            for stay in here:
                begin = self._after(first, stay)
                cuts |= {cut for cut in (begin, begin + stay.intervals) if cut < length}
            found += [Part(place, first, length, cut, length) for cut in cuts if cut < length]
            found += [Part(place, first, length, 0, cut) for cut in cuts if 0 < cut < length]
        return sorted(found, key=lambda part: part.begin - part.end)

    def _stretches(self, place: int) -> list[tuple[int, int]]:
        """(first interval, intervals) of each time that a node runs; none of one that always
        does."""
        running = self.serving[place] > 0
        before = np.roll(running, 1)
        if not self.cyclic:
            before[0] = False
        found = []
        for first in np.flatnonzero(running & ~before).tolist():
            later = np.roll(running, -first)
            if not self.cyclic:
                later[len(running) - first :] = False
            length = len(running) if later.all() else int(np.argmin(later))
            found.append((first, length))
        return found

    def _after(self, first: int, stay: Stay) -> int:
        """Intervals from one to the first of a stay."""
        return (stay.first - first) % int(self.left.shape[1])

    def _elsewhere(self, stays: list[Stay], part: Part) -> list[Stay] | None:
        """The stays, those of part of a node's time on other nodes; None where that saves
        nothing."""
        rest, old, kept, away = list[Stay](), list[Stay](), list[Stay](), list[Stay]()
        moves = 0
        for stay in stays:
            divided = None
            if part.place in self.places(stay):
                divided = part.divided(stay, self._after(part.first, stay), self.left.shape[1])
            if divided is None:
                rest.append(stay)
                continue
            if len(stay.nodes) > 1:
                return None
            old.append(stay)
            away.append(divided[0])
            kept += divided[1:]
            moves += self.gpus[stay.pool] * len(divided[1:])
        if not old:
            return None
        before = self._cost()
        self._put_all(old, -1)
        self._put_all(kept)
        found = self._placed(dict(enumerate(away)), Random(0), 0.0, without=part.place)
        there = [] if found is None else list(found.values())
        saved = before - self._cost() if found is not None else 0.0
        if saved > self.pause * moves / self.size + LEAST_SAVED:
            return [*rest, *kept, *there]
        self._put_all([*there, *kept], -1)
        self._put_all(old)
        return None

    def _put_all(self, stays: Sequence[Stay], times: int = 1) -> None:
        for stay in stays:
            self.put(stay, self.places(stay), times)

    def _anew(self, standing: dict[int, Stay], chosen: Sequence[int], random: Random) -> None:
        """Take some off and put them where each adds least; back where that costs more."""
        before, old = self._cost(), {i: standing[i] for i in chosen}
        for stay in old.values():
            self.put(stay, self.places(stay), -1)
        lives = dict(old)
        if random.random() < SWAPPED:
            self._swap_ends(lives, random)
        found = self._placed(lives, random, UNLIKE)
        if found is not None and self._cost() <= before:
            standing.update(found)
            return
        for stay in (found or {}).values():
            self.put(stay, self.places(stay), -1)
        for stay in old.values():
            self.put(stay, self.places(stay))

    def _placed(
        self, lives: Mapping[int, Stay], random: Random, noise: float, without: int = -1
    ) -> dict[int, Stay] | None:
        """All where they add least, the longest first, which some noise changes; None, and nothing
        placed, where one finds no room."""
        key = {
            i: (
                -stay.intervals * (1 + noise * (random.random() - 0.5)),
                -self.gpus[stay.pool],
            )
            for i, stay in lives.items()
        }
        done: dict[int, Stay] = {}
        for i in sorted(lives, key=lambda i: key[i]):
            places = self._cheapest(lives[i], without)
            if places is None:
                for stay in done.values():
                    self.put(stay, self.places(stay), -1)
                return None
            done[i] = replace(lives[i], nodes=tuple(self.names[place] for place in places))
            self.put(done[i], places)
        return done

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

    def _cheapest(self, stay: Stay, without: int) -> list[int] | None:
        """Nodes with room, but one, on which it adds least to what is paid, of those the
        fullest."""
        holds, serves = self._times(stay, stay.lead), self._times(stay, 0)
        room = self.left[:, holds].min(axis=1) - self.gpus[stay.pool]
        if without >= 0:
            room[without] = -1
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
