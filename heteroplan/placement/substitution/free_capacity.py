"""Stays as they grow and go, and the GPUs that are left on all nodes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.placement import Stay
from heteroplan.entities.scenario import Scenario
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.one_group import is_plain
from heteroplan.optimize.program.mix import group_cover, safe_share
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules import open_pools
from heteroplan.placement.before import is_known, left_on_nodes
from heteroplan.placement.first_fit import Footprint
from heteroplan.placement.nodes import Hold, Nodes, Spot, nodes_of
from heteroplan.placement.pack import Packing, footprint_of, place_name

type Stays = list[tuple[int, Stay]]
"""With their numbers."""


@dataclass(frozen=True, slots=True)
class Extension:
    """A stay to add, or to put in the place of another, so that a pool serves one more."""

    stay: Stay
    instead: int | None
    """Index of the other."""
    hold: Hold
    """GPUs that it takes beside those held already."""
    after: tuple[int, Stay] | None = None
    """A stay that now is a move of the same replica, in the place of the one of that index."""


@dataclass(frozen=True, slots=True)
class Cut:
    """A stay that serves less, so that another finds room."""

    number: int
    kept: Stay | None
    """What is left of it."""
    lost: tuple[int, ...]
    """Intervals in which it no longer serves."""


@dataclass(slots=True, eq=False)
class FreeCapacity:
    """Stays by number, and the GPUs left on all nodes."""

    candidates: Sequence[Candidate]
    problem: Problem
    replicas: Ints
    """[P, T]"""
    nodes: dict[str, Nodes]
    """By node type. Where it is known what runs before the horizon, the last interval is that
    before the first one."""
    index: dict[str, dict[str, int]]
    """Number of a node by its name, by node type."""
    footprints: Sequence[Footprint]
    """[P]"""
    plain: Sequence[bool]
    """[W] whether nothing but demand and supply ties the sizes of a workload's pools."""
    stays: dict[int, Stay] = field(default_factory=dict)
    ids: Counter[str] = field(default_factory=Counter)
    """Stays of each replica."""
    of_pool: dict[int, tuple[int, ...]] = field(default_factory=dict)
    added: int = 0
    """Stays so far, those that went included."""

    @classmethod
    def of(
        cls,
        scenario: Scenario,
        candidates: Sequence[Candidate],
        problem: Problem,
        replicas: Ints,
        packing: Packing,
    ) -> "FreeCapacity":
        """What is packed of `replicas` [P, T]."""
        types = dict.fromkeys(pool.node_type for pool in problem.pools)
        nodes = {name: nodes_of(scenario, name) for name in types}
        index = {name: {node: i for i, node in enumerate(nodes[name].names)} for name in types}
        footprints = [footprint_of(nodes[pool.node_type], pool) for pool in problem.pools]
        plain = [is_plain(problem, w) for w in range(len(problem.workloads))]
        if is_known(problem):
            left, _ = left_on_nodes(scenario, candidates, problem, nodes, packing.stays)
            nodes = {name: _with_last(on, left[name]) for name, on in nodes.items()}
        free_capacity = cls(candidates, problem, replicas.copy(), nodes, index, footprints, plain)
        for stay in packing.stays:
            free_capacity._add(stay)
        for each in packing.unplaced:
            free_capacity.replicas[each.pool, free_capacity.times(each.first, each.intervals)] -= 1
        return free_capacity

    def copy(self) -> "FreeCapacity":
        """A copy of this state; what changes in one does not in the other."""
        return replace(
            self,
            replicas=self.replicas.copy(),
            nodes={name: nodes.copy() for name, nodes in self.nodes.items()},
            stays=dict(self.stays),
            ids=self.ids.copy(),
            of_pool=dict(self.of_pool),
        )

    def packed(self) -> Packing:
        """All stays."""
        return Packing(tuple(sorted(self.stays.values(), key=lambda stay: stay.pool)), ())

    def times(self, first: int, count: int) -> Ints:
        """Intervals of the horizon."""
        return np.arange(first, first + count) % self.problem.intervals

    def missing(self, w: int, t: int) -> float:
        """Share of a workload's demand that is left unserved in an interval."""
        if not self.problem.workloads[w].rps[:, t].any():
            return 0.0
        groups = self.problem.groups(w).values()
        cover = sum(group_cover(self.problem, pools, self.replicas)[t] for pools in groups)
        missing = 1.0 - min(cover, safe_share(self.problem, w, self.replicas)[t])
        return float(missing) if missing > COVER_TOLERANCE else 0.0

    def unneeded(self, pool: int, t: int) -> bool:
        """Whether one of a pool less in an interval leaves no more unserved."""
        w = self.problem.pools[pool].workload
        missing = self.missing(w, t)
        self.replicas[pool, t] -= 1
        without = self.missing(w, t)
        self.replicas[pool, t] += 1
        return without <= missing + COVER_TOLERANCE

    def serve_more(self, pool: int, t: int) -> bool:
        """One replica more in an interval; False without room, or where a rule closes the pool."""
        way = self.way(pool, t)
        w = self.problem.pools[pool].workload
        if way is None or pool not in open_pools(self.problem, w, self.replicas):
            return False
        if way.instead is None:
            self._add(way.stay, way.hold)
        else:
            self._nodes(pool).take(self._spot(way.stay), way.hold)
            self.stays[way.instead] = way.stay
        if way.after is not None:
            self.stays[way.after[0]] = way.after[1]
            self.ids[way.stay.replica_id] += 1
        self.replicas[pool, t] += 1
        return True

    def in_the_way(self, pool: int, t: int) -> list[Cut]:
        """Cuts that make room for one more of `pool` in `t`, those that lose least first.

        Of replicas that stand where it could, and of workloads without limits that might break.
        """
        nodes, own = self._nodes(pool), self.problem.pools[pool]
        footprint, hold = self.footprints[pool], self._start(pool, t)
        found: list[Cut] = []
        for number, stay in self.stays.items():
            other = self.problem.pools[stay.pool]
            if other.node_type != own.node_type or not self.plain[other.workload]:
                continue
            spot = self._spot(stay)[: footprint.count]
            inside = footprint.rows.start <= spot[0] and spot[-1] < footprint.rows.stop
            if inside and len(spot) == footprint.count:
                free = nodes.free[hold.at[:, None], list(spot)]
                missing = (hold.gpus - free).max(axis=1)
                times = hold.at[missing > 0]
                if (
                    0 < missing.max() <= self.footprints[stay.pool].share
                    and (times < self.problem.intervals).all()
                ):
                    found += self.cuts(number, times)
        return sorted(found, key=self._lost_gpus)

    def _lost_gpus(self, cut: Cut) -> tuple[int, int]:
        return len(cut.lost) * self.problem.pools[self.stays[cut.number].pool].gpus, cut.number

    def cuts(self, number: int, times: Ints) -> Iterator[Cut]:
        """Without a stay, or with it only before or only after `times`; none where it moves."""
        stay = self.stays[number]
        length, lead = self.problem.intervals, self.problem.pools[stay.pool].lead
        offset = (times - stay.first + stay.lead) % length - stay.lead
        endless = stay.lead + stay.intervals >= length
        if endless or self.ids[stay.replica_id] > 1 or offset.max() >= stay.intervals:
            return
        served = self.times(stay.first, stay.intervals).tolist()
        yield Cut(number, None, tuple(served))
        kept, after = int(offset.min()), int(offset.max()) + 1 + lead
        if kept > 0 and not self._starting(stay.pool, served[kept]):
            yield Cut(number, replace(stay, intervals=kept), tuple(served[kept:]))
        if after < stay.intervals and not self._ending(stay.pool, served[after]):
            later = replace(stay, first=served[after], intervals=stay.intervals - after, lead=lead)
            yield Cut(number, later, tuple(served[:after]))

    def make(self, cut: Cut) -> None:
        """A stay serves less."""
        stay = self.stays[cut.number]
        nodes, spot = self._nodes(stay.pool), self._spot(stay)
        nodes.give(spot, self._held_by(stay))
        if cut.kept is None:
            del self.stays[cut.number]
            self.ids[stay.replica_id] -= 1
            self.of_pool[stay.pool] = tuple(i for i in self.of_pool[stay.pool] if i != cut.number)
        else:
            nodes.take(spot, self._held_by(cut.kept))
            self.stays[cut.number] = cut.kept
        self.replicas[stay.pool, list(cut.lost)] -= 1

    def way(self, pool: int, t: int) -> Extension | None:
        """One stops later or starts earlier; or one starts, where no other stops or starts."""
        after = (t + 1) % self.problem.intervals if self.problem.cyclic else t + 1
        ending, starting = self._ending(pool, t), self._starting(pool, after)
        if ending and starting:
            way = self._bridge(pool, t, ending, starting)
            return way or self._linked(pool, t, ending, starting)
        if ending or starting:
            way = self._longer(pool, t, ending, starting)
            return way or self._linked(pool, t, ending, starting)
        return self._new(pool, t)

    def _ending(self, pool: int, t: int) -> Stays:
        """Stays that serve until right before `t`, with their numbers."""
        length = self.problem.intervals
        ends = (t, t + length) if self.problem.cyclic else (t,)
        return [each for each in self._of(pool) if each[1].first + each[1].intervals in ends]

    def _starting(self, pool: int, t: int) -> Stays:
        """Stays that serve from `t` on, with their numbers."""
        return [each for each in self._of(pool) if each[1].first == t]

    def _of(self, pool: int) -> Stays:
        """Stays of a pool that begin and end, with their numbers."""
        mine = [(i, self.stays[i]) for i in self.of_pool.get(pool, ())]
        if not self.problem.cyclic:
            return mine
        return [(i, stay) for i, stay in mine if stay.intervals < self.problem.intervals]

    def _longer(self, pool: int, t: int, ending: Stays, starting: Stays) -> Extension | None:
        for i, stay in (*ending, *starting):
            if self.ids[stay.replica_id] > 1 or stay.intervals + 1 >= self.problem.intervals:
                continue
            if starting:
                lead = self._lead(pool, t)
                longer = replace(stay, first=t, intervals=stay.intervals + 1, lead=lead)
                hold = self._hold(pool, t - lead - self._early(pool, t), t + 1 - stay.lead)
            else:
                longer = replace(stay, intervals=stay.intervals + 1)
                hold = self._hold(pool, t, t + 1)
            if self._nodes(pool).has_room(self._spot(stay), hold):
                return Extension(longer, i, hold)
        return None

    def _bridge(self, pool: int, t: int, ending: Stays, starting: Stays) -> Extension | None:
        """One that stops serves an interval more, and goes on as one that starts after it."""
        hold = self._hold(pool, t, t + 1)
        for (i, stay), (j, next_stay) in product(ending, starting):
            alone = self.ids[stay.replica_id] == self.ids[next_stay.replica_id] == 1
            apart = stay.intervals + 1 + next_stay.intervals < self.problem.intervals
            if i != j and alone and apart and self._nodes(pool).has_room(self._spot(stay), hold):
                longer = replace(stay, intervals=stay.intervals + 1)
                moved = replace(next_stay, replica_id=stay.replica_id, moved=True)
                return Extension(longer, i, hold, (j, moved))
        return None

    def _linked(self, pool: int, t: int, ending: Stays, starting: Stays) -> Extension | None:
        """One that stops moves to other nodes, or moves on to be one that starts, or both."""
        way = self._new(pool, t)
        if way is None:
            return None
        for first, last in product(ending or (None,), starting or (None,)):
            ends = [each for each in (first, last) if each is not None]
            alone = len({i for i, _ in ends}) == len(ends) and all(
                self.ids[stay.replica_id] == 1 for _, stay in ends
            )
            if alone and sum(stay.intervals for _, stay in ends) + 1 < self.problem.intervals:
                stay, after = way.stay, None
                if first is not None:
                    stay = replace(stay, replica_id=first[1].replica_id, moved=True)
                if last is not None:
                    after = last[0], replace(last[1], replica_id=stay.replica_id, moved=True)
                return replace(way, stay=stay, after=after)
        return None

    def _new(self, pool: int, t: int) -> Extension | None:
        own, nodes = self.problem.pools[pool], self._nodes(pool)
        footprint, hold = self.footprints[pool], self._start(pool, t)
        spot = nodes.find(footprint.rows, footprint.count, hold)
        if spot is None:
            return None
        name = f"{place_name(self.candidates, own)}/+{self.added + 1}"
        leaf = nodes.leaves[nodes.leaf_of[spot[0]]].name
        names = tuple(nodes.names[node] for node in spot)
        stay = Stay(pool, name, leaf, names, t, 1, self._lead(pool, t), moved=False)
        return Extension(stay, None, hold)

    def _add(self, stay: Stay, hold: Hold | None = None) -> None:
        self._nodes(stay.pool).take(self._spot(stay), hold or self._held_by(stay))
        self.stays[self.added] = stay
        self.ids[stay.replica_id] += 1
        self.of_pool[stay.pool] = (*self.of_pool.get(stay.pool, ()), self.added)
        self.added += 1

    def _nodes(self, pool: int) -> Nodes:
        return self.nodes[self.problem.pools[pool].node_type]

    def _spot(self, stay: Stay) -> Spot:
        index = self.index[self.problem.pools[stay.pool].node_type]
        return tuple(index[name] for name in stay.nodes)

    def _lead(self, pool: int, t: int) -> int:
        """Intervals in which one that starts to serve at `t` holds GPUs before."""
        lead = self.problem.pools[pool].lead
        if self.problem.cyclic:
            return 0 if self.problem.intervals == 1 else lead
        return min(lead, t)

    def _early(self, pool: int, t: int) -> int:
        """1 where one that starts to serve at `t` holds GPUs before the horizon, which counts."""
        return int(is_known(self.problem) and t < self.problem.pools[pool].lead)

    def _start(self, pool: int, t: int) -> Hold:
        """What one takes that serves in `t` alone."""
        return self._hold(pool, t - self._lead(pool, t) - self._early(pool, t), t + 1)

    def _held_by(self, stay: Stay) -> Hold:
        return self._hold(stay.pool, stay.first - stay.lead, stay.first + stay.intervals)

    def _hold(self, pool: int, begin: int, end: int) -> Hold:
        times = np.arange(begin, end)
        return Hold.of(self.footprints[pool].share, times, len(self._nodes(pool).free))


def _with_last(nodes: Nodes, free: Ints) -> Nodes:
    """The nodes with one interval more, after the last one."""
    return replace(nodes, free=np.vstack([nodes.free, np.maximum(0, free)]).astype(np.int32))
