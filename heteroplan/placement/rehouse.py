"""Service that found no room goes to other pools of its group, into room that is left on nodes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import ceil

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.placement import Stay
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.optimize.mix import group_cover, mix_share, role_cover, safe_share
from heteroplan.optimize.problem import COVER_TOLERANCE, Ints, Problem
from heteroplan.placement.nodes import Hold, Nodes, Spot, nodes_of
from heteroplan.placement.pack import Packing, home_of, place_name

MOST = 16
"""Replicas of another group that may stand in for one."""


def rehoused(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    replicas: Ints,
    packing: Packing,
) -> tuple[Ints, Packing]:
    """`replicas` [P, T] without the homeless and with those that stand in for them, as packed.

    One that stands in starts anew, or starts earlier or stops later than it would. What nobody
    can stand in for is left out.
    """
    rooms = _Rooms(scenario, candidates, problem, replicas.copy(), packing)
    for each in packing.homeless:
        rooms.replicas[each.pool, rooms.times(each.first, each.intervals)] -= 1
    for each in sorted(packing.homeless, key=lambda each: each.first):
        for t in rooms.times(each.first, each.intervals):
            rooms.stand_in(each.pool, int(t))
    stays = tuple(sorted(rooms.stays, key=lambda stay: stay.pool))
    return rooms.replicas, Packing(stays, ())


@dataclass(frozen=True, slots=True)
class _Way:
    """A stay to add, or to put in the place of another, so that a pool serves one more."""

    stay: Stay
    instead: int | None
    """Index of the other."""
    hold: Hold
    """GPUs that it takes beside those held already."""
    after: tuple[int, Stay] | None = None
    """A stay that now is a move of the same replica, in the place of the one of that index."""


class _Rooms:
    """Stays as they grow, and the GPUs left on all nodes."""

    def __init__(
        self,
        scenario: Scenario,
        candidates: Sequence[Candidate],
        problem: Problem,
        replicas: Ints,
        packing: Packing,
    ) -> None:
        self.candidates, self.problem, self.replicas = candidates, problem, replicas
        self.stays = list(packing.stays)
        self.ids = Counter(stay.replica_id for stay in self.stays)
        self.of_pool: dict[int, list[int]] = {}
        types = dict.fromkeys(pool.node_type for pool in problem.pools)
        self.nodes = {name: nodes_of(scenario, name) for name in types}
        self.index = {
            name: {node: i for i, node in enumerate(nodes.names)}
            for name, nodes in self.nodes.items()
        }
        self.added = 0
        for i, stay in enumerate(self.stays):
            self.of_pool.setdefault(stay.pool, []).append(i)
            self._nodes(stay.pool).take(
                self._spot(stay),
                self._hold(stay.pool, stay.first - stay.lead, stay.first + stay.intervals),
            )

    def times(self, first: int, count: int) -> Ints:
        """Intervals of the horizon."""
        return np.arange(first, first + count) % self.problem.intervals

    def short(self, w: int, t: int) -> bool:
        """Whether demand of a workload is left unserved in an interval."""
        asked = self.problem.works[w].rps[:, t].any()
        groups = self.problem.groups(w).values()
        cover = sum(group_cover(self.problem, pools, self.replicas)[t] for pools in groups)
        safe = safe_share(self.problem, w, self.replicas)[t]
        return bool(asked and min(cover, safe) < 1.0 - COVER_TOLERANCE)

    def stand_in(self, pool: int, t: int) -> None:
        """Others serve in interval `t` until nothing is short or what one of `pool` would have.

        First those of its own group; then of others, first where some serve already.
        """
        w = self.problem.pools[pool].workload
        groups = self.problem.groups(w)
        own = self.problem.pools[pool].group
        lost = float(mix_share(self.problem, pool)[t])
        alike = self._alike(groups[own], self.problem.pools[pool].stages)
        for other in self._cheapest_first(alike, t, lost):
            gives = float(mix_share(self.problem, other)[t])
            while lost > COVER_TOLERANCE and self.short(w, t) and self._serve_more(other, t):
                lost -= gives
        used = {name: bool(self.replicas[members].any()) for name, members in groups.items()}
        for name in sorted(groups, key=lambda name: not used[name]):
            if name != own and (used[name] or not self.problem.is_choosy(w)):
                self._elsewhere(w, groups[name], t, lost)

    def _elsewhere(self, w: int, members: Sequence[int], t: int, lost: float) -> None:
        """Replicas of another group until nothing is short, on the side that could serve less."""
        able = [p for p in self._alike(members) if self._way(p, t) is not None]
        roles = {self.problem.pools[p].role for p in able}
        sides = [Role.AGGREGATED] if Role.AGGREGATED in roles else [Role.PREFILL, Role.DECODE]
        if not roles.issuperset(sides):
            return
        for _ in range(MOST):
            if not self.short(w, t):
                return
            less = min(
                sides, key=lambda role: role_cover(self.problem, members, self.replicas, role)[t]
            )
            alike = [p for p in able if self.problem.pools[p].role is less]
            if not any(self._serve_more(p, t) for p in self._cheapest_first(alike, t, lost)):
                return

    def _alike(self, pools: Iterable[int], stages: tuple[int, ...] | None = None) -> list[int]:
        """Pools that serve these stages, or any, whose engines are whole."""
        specs = self.problem.pools
        return [p for p in pools if specs[p].part is None and stages in (None, specs[p].stages)]

    def _cheapest_first(self, pools: Iterable[int], t: int, lost: float) -> list[int]:
        """Those that can serve, by what it costs that they serve a lost share of the demand."""
        cost = {}
        for p in pools:
            own, gives = self.problem.pools[p], float(mix_share(self.problem, p)[t])
            if gives > 0.0:
                cost[p] = ceil(max(lost, gives) / gives) * float(own.run_cost[t] + own.start_cost)
        return sorted(cost, key=lambda p: cost[p])

    def _serve_more(self, pool: int, t: int) -> bool:
        """One replica more in an interval; False where there is no room."""
        way = self._way(pool, t)
        if way is None:
            return False
        self._nodes(pool).take(self._spot(way.stay), way.hold)
        if way.instead is None:
            self.of_pool.setdefault(pool, []).append(len(self.stays))
            self.stays.append(way.stay)
            self.ids[way.stay.replica_id] += 1
        else:
            self.stays[way.instead] = way.stay
        if way.after is not None:
            self.stays[way.after[0]] = way.after[1]
            self.ids[way.stay.replica_id] += 1
        self.replicas[pool, t] += 1
        return True

    def _way(self, pool: int, t: int) -> _Way | None:
        """One stops later or starts earlier; or one starts, where no other stops or starts."""
        length = self.problem.intervals
        after = (t + 1) % length
        mine = [(i, self.stays[i]) for i in self.of_pool.get(pool, ())]
        ending = [(i, s) for i, s in mine if (s.first + s.intervals) % length == t]
        starting = [(i, s) for i, s in mine if s.first == after]
        if not self.problem.cyclic:
            ending = [(i, s) for i, s in ending if s.first + s.intervals == t]
            starting = [(i, s) for i, s in starting if s.first == t + 1]
        if ending and starting:
            way = self._bridge(pool, t, ending, starting)
            return way or self._linked(pool, t, ending, starting)
        if ending or starting:
            way = self._longer(pool, t, ending, starting)
            return way or self._linked(pool, t, ending, starting)
        return self._new(pool, t)

    def _longer(
        self,
        pool: int,
        t: int,
        ending: Sequence[tuple[int, Stay]],
        starting: Sequence[tuple[int, Stay]],
    ) -> _Way | None:
        lead = self.problem.pools[pool].lead
        for i, stay in (*ending, *starting):
            if self.ids[stay.replica_id] > 1 or stay.intervals + 1 >= self.problem.intervals:
                continue
            if starting:
                begins = t - (lead if self.problem.cyclic else min(lead, t))
                longer = replace(stay, first=t, intervals=stay.intervals + 1, lead=t - begins)
                hold = self._hold(pool, begins, t + 1 - stay.lead)
            else:
                longer = replace(stay, intervals=stay.intervals + 1)
                hold = self._hold(pool, t, t + 1)
            if self._nodes(pool).has_room(self._spot(stay), hold):
                return _Way(longer, i, hold)
        return None

    def _bridge(
        self,
        pool: int,
        t: int,
        ending: Sequence[tuple[int, Stay]],
        starting: Sequence[tuple[int, Stay]],
    ) -> _Way | None:
        """One that stops serves an interval more, and goes on as one that starts after it."""
        hold = self._hold(pool, t, t + 1)
        for (i, stay), (j, next_stay) in product(ending, starting):
            alone = self.ids[stay.replica_id] == self.ids[next_stay.replica_id] == 1
            apart = stay.intervals + 1 + next_stay.intervals < self.problem.intervals
            if i != j and alone and apart and self._nodes(pool).has_room(self._spot(stay), hold):
                longer = replace(stay, intervals=stay.intervals + 1)
                moved = replace(next_stay, replica_id=stay.replica_id, moved=True)
                return _Way(longer, i, hold, (j, moved))
        return None

    def _linked(
        self,
        pool: int,
        t: int,
        ending: Sequence[tuple[int, Stay]],
        starting: Sequence[tuple[int, Stay]],
    ) -> _Way | None:
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

    def _new(self, pool: int, t: int) -> _Way | None:
        own = self.problem.pools[pool]
        lead = own.lead if self.problem.cyclic else min(own.lead, t)
        if self.problem.intervals == 1:
            lead = 0
        nodes, home = self._nodes(pool), home_of(self._nodes(pool), own)
        hold = self._hold(pool, t - lead, t + 1)
        spot = nodes.find(home.rows, home.count, hold)
        if spot is None:
            return None
        self.added += 1
        name = f"{place_name(self.candidates, own)}/+{self.added}"
        leaf = nodes.leaves[nodes.leaf_of[spot[0]]].name
        names = tuple(nodes.names[node] for node in spot)
        return _Way(Stay(pool, name, leaf, names, t, 1, lead, moved=False), None, hold)

    def _nodes(self, pool: int) -> Nodes:
        return self.nodes[self.problem.pools[pool].node_type]

    def _spot(self, stay: Stay) -> Spot:
        index = self.index[self.problem.pools[stay.pool].node_type]
        return tuple(index[name] for name in stay.nodes)

    def _hold(self, pool: int, begin: int, end: int) -> Hold:
        share = min(self.problem.pools[pool].gpus, self._nodes(pool).gpus)
        return Hold.of(share, np.arange(begin, end), self.problem.intervals)
