"""HeteroScale's greedy scheduler (Algorithm 4), replayed on the demand of a plan.

Interval by interval, with the demand known as far ahead as a start takes: first every workload
gives back what it no longer needs, then, in order of priority, each takes what it lacks from
its groups, low subgroup priority first, on the engines that are cheapest for the demand served.
The variants differ in one thing only:

- *As published*: each role is sized and placed on its own over all groups that have
  nodes for both engines, prefill first, and nothing is ever rolled back. A replica
  counts as capacity even if its group has none of the other role.
- *P/D paired*, corrected: capacity is what groups serve; both roles of a group, or nothing.

Ratio bands and resilience are no part of the algorithm.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import partial
from itertools import groupby, product
from math import ceil, floor, inf

import numpy as np

from heteroplan.clock import Stop, never
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import PAIRED, Role
from heteroplan.numerics.division import quotient
from heteroplan.numerics.tolerances import COVER_TOLERANCE
from heteroplan.optimize.construct.greedy_ledger import Ledger
from heteroplan.optimize.program.mix import cover_of, mixed_flow, part_pairs, role_cover
from heteroplan.optimize.program.problem import Floats, Ints, Problem, unserved_requests
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.rules import is_choosy, open_pools

DAYS = 2
"""Replayed of a cyclic day; the last one counts, since it follows one like itself."""
SIZED_ROUNDS = 2
"""Times that a pool is sized, with the capacity of the size found before."""
type PoolSet = tuple[list[int], ...]
"""Pools that count together: of whole engines, or of both parts of divided ones."""
type Section = dict[Role, list[PoolSet]]
"""Where prefill and decode are taken to serve each other."""
type Places = dict[str, list[tuple[int, ...]]]
"""Of an engine, or a part 0 and a part 1, that serve a role: its pool by group, in scale-out order,
or its two pools on each leaf."""


@dataclass(frozen=True, slots=True, eq=False)
class GreedyDay:
    """What the greedy scheduler runs."""

    replicas: Ints
    """[P, T]"""
    whole: bool
    """Whether every interval was replayed."""
    stranded_replica_hours: float
    """Idle: too little prefill or decode in their group [replica-hours]."""


def greedy_topology(
    problem: Problem,
    scenario: Scenario,
    *,
    pairs: bool,
    by_class: bool = False,
    stop: Stop = never,
) -> GreedyDay:
    """Replay the scheduler on the problem of `scenario`; `pairs` is the repaired variant.

    It never takes from workloads of later priority classes what these hold already. `by_class`
    replays the whole day of a class before the next one begins, beside what it has by then.
    Where `stop()` ends it, later intervals keep what the replay before left there, or nothing.
    Where capacity depends on the size of a pool, replayed again with that of the pools found as
    long as they leave demand unserved, `SIZED_ROUNDS` times at most; the best counts.
    """
    replayed = partial(_replayed, problem, scenario=scenario, pairs=pairs, stop=stop)
    order = sorted(range(len(problem.workloads)), key=lambda w: problem.workloads[w].priority)
    one_by_one = groupby(order, key=lambda w: problem.workloads[w].priority)
    classes = [list(members) for _, members in one_by_one] if by_class else [order]
    best = replayed(problem, classes=classes)
    least, found = _unserved(problem, best), best
    for _ in range(SIZED_ROUNDS if problem.sized else 0):
        if least == 0.0 or not found.whole or stop():
            break
        found = replayed(at_sizes(problem, found.replicas), classes=classes)
        left = _unserved(problem, found)
        if found.whole and left < least:
            best, least = found, left
    return best


def _unserved(problem: Problem, day: GreedyDay) -> float:
    """Requests that the day leaves unserved; not asked where no size matters."""
    if not problem.sized:
        return 0.0
    return sum(unserved_requests(problem, mixed_flow(problem, day.replicas)).values())


def _replayed(
    problem: Problem,
    assumed: Problem,
    *,
    scenario: Scenario,
    pairs: bool,
    classes: Sequence[Sequence[int]],
    stop: Stop,
) -> GreedyDay:
    """One replay, with the capacities of the program `assumed`."""
    replicas, whole = problem.no_replicas(), True
    for workloads in classes:
        scaled = [p for w in workloads for p in problem.workloads[w].pools]
        ledger = Ledger(assumed, DAYS, replicas, scaled)
        services = [_Service(assumed, scenario, w, ledger, pairs) for w in workloads]
        whole = _replay(problem, ledger, services, stop) and whole
        replicas = ledger.replicas
        for _ in range(2):  # the second time for starts that take the whole day
            _wait_overnight(problem, replicas, scaled)
    return GreedyDay(replicas, whole, problem.hours * _stranded(problem, replicas))


def _replay(problem: Problem, ledger: Ledger, services: "Sequence[_Service]", stop: Stop) -> bool:
    """In each interval: scale in, give way to maintenance, scale out; whether `stop()` let it.

    A day that is not cyclic begins with what its first interval needs, running already. Of
    a cyclic one it is the second day; starts at its turn that find no room the evening before
    wait until they do.
    """
    times = range(problem.intervals)
    last_first = [p for service in reversed(services) for p in reversed(service.group)]
    for day, t in product(range(DAYS if problem.cyclic else 1), times):
        if stop():
            if any((left < 0).any() for left in problem.residual(ledger.replicas)):
                ledger.replicas[:, t:] = ledger.standing[:, t:]
            return False
        ledger.advance(day, t)
        for service in services:
            service.forget()
            service.scale_in()
        withdrawn = ledger.withdraw(last_first)
        for service in services:
            if withdrawn:
                service.forget()
            service.scale_out()
    return True


def group_priority(fleet: Fleet, level: Affinity, domain: str) -> SubgroupPriority:
    """Subgroup priority of a deployment group in `domain`; of a cluster its scarcest spine's."""
    leaves = fleet.network.domains(level)[domain]
    if level is Affinity.LEAF:
        return fleet.leaf_priority(leaves[0])
    return max(
        (fleet.spine_priority(leaf.spine) for leaf in leaves), key=list(SubgroupPriority).index
    )


@dataclass(frozen=True, slots=True)
class _Lift:
    """A pool that is to help its section serve more."""

    pool: int
    share: float
    """Of the demand that a replica serves."""
    excess: float
    """Share that its side can serve more without another replica."""

    def reach(self, count: int) -> float:
        """Share more that the side can serve with `count` replicas added."""
        return self.excess + self.share * count

    def count(self, extra: float) -> int:
        """Replicas to add for `extra` more; none where they serve nothing."""
        if self.share <= 0.0:
            return 0
        return max(0, ceil((extra - self.excess - COVER_TOLERANCE) / self.share))


class _Service:
    """One workload under the scheduler."""

    def __init__(
        self, problem: Problem, scenario: Scenario, w: int, ledger: Ledger, pairs: bool
    ) -> None:
        self.problem, self.w, self.ledger, self.pairs = problem, w, ledger, pairs
        self.work, self.pools = problem.workloads[w], problem.pools
        self.asked = (self.work.rps.sum(axis=0) > 0).tolist()
        self.share: dict[int, list[float]] = {
            p: problem.pools[p].mix_share.tolist() for p in self.work.pools
        }
        level = scenario.workloads[w].affinity
        scarcity = {
            group: list(SubgroupPriority).index(group_priority(scenario.fleet, level, group))
            for group in problem.groups(w)
        }
        self.groups = dict(sorted(problem.groups(w).items(), key=lambda item: scarcity[item[0]]))
        self.group = {p: group for group, pools in self.groups.items() for p in pools}
        self.rank = {group: rank for rank, group in enumerate(self.groups)}
        self.sections = (
            [_section(problem, pools) for pools in self.groups.values()]
            if pairs
            else [_section(problem, list(self.group), by_leaf=False)]
        )
        self.where = {
            p: (i, role, pool_set, part)
            for i, section in enumerate(self.sections)
            for role, pool_sets in section.items()
            for pool_set in pool_sets
            for part in pool_set
            for p in part
        }
        self.members = {role: problem.members(w, role) for role in Role}
        self.reach = [dict.fromkeys(Role, 0.0) for _ in self.sections]
        """Share that each role of a section could serve, but for what is in `stale`."""
        self.served = [0.0] * (2 * len(self.sections))
        """Share that each section serves by pairs, and by aggregated engines."""
        self.stale: set[tuple[int, Role]] = set()
        """Sections and their roles that changed since that was summed."""
        self.price: dict[int, list[float]] = {
            p: quotient(self.pools[p].plain_cost, self.pools[p].mix_share, inf).tolist()
            for p in self.work.pools
        }
        """Of running what serves all demand of each interval."""
        self.ways = self._ways()
        self.choosy = is_choosy(problem, w)
        self.allowed = self._allowed()

    def forget(self) -> None:
        """What was summed in another interval, or before replicas were withdrawn."""
        now = self.ledger.now
        self.stale |= {self.where[p][:2] for p in self.work.pools if now[p]}
        self.stale |= {
            (i, role) for i, found in enumerate(self.reach) for role in Role if found[role]
        }

    def scale_in(self) -> None:
        """Give back what demand and minima do not need, high subgroup priority first."""
        running = [p for p in self.work.pools if self.ledger.now[p]]
        for p in sorted(running, key=lambda p: (-self.rank[self.group[p]], -self._price(p))):
            share = self.share[p][self.ledger.t]
            count = self.ledger.now[p]
            if share > 0:
                count = min(count, floor((self._spare(p) + COVER_TOLERANCE) / share))
            minimum = self.work.min_replicas.get(self.pools[p].role, 0)
            if minimum and self.pools[p].counts:
                count = min(count, self._count(self.pools[p].role) - minimum)
            if count > 0:
                self._change(p, -count)

    def scale_out(self) -> None:
        """Add what demand and minima lack, low subgroup priority first."""
        self.allowed = self._allowed()
        if self._rest() > COVER_TOLERANCE:
            if self.pairs:
                self._add_pairs()
                self.scale_in()  # a large replica may have made a small one unneeded
            else:
                self._add_roles()
        for role, minimum in self.work.min_replicas.items():
            ranked = sorted(self.members[role], key=lambda p: self.rank[self.group[p]])
            for p in sorted(ranked, key=lambda p: (self._price(p), self.pools[p].plain_cost)):
                self._add(p, min(self._room(p), minimum - self._count(role)))

    def _add_roles(self) -> None:
        """Cheapest engines first, prefill before decode, in all groups that have both."""
        for way in self.ways[self.ledger.t]:
            groups = [group for group in self.groups if all(group in places for places in way)]
            for pools in (part for places in way for part in _parts(places, groups)):
                lacking = self._rest() - self._excess(pools[0])
                for p in pools:
                    if lacking <= COVER_TOLERANCE:
                        break
                    lift = _Lift(p, self.share[p][self.ledger.t], 0.0)
                    count = min(self._room(p), lift.count(lacking))
                    self._add(p, count)
                    lacking -= lift.reach(count)

    def _add_pairs(self) -> None:
        """Cheapest engines first: as much of both as fits in each group."""
        rest = self._rest()
        for way in self.ways[self.ledger.t]:
            for group in self.groups:
                for together in product(*(places.get(group, ()) for places in way)):
                    if self._add_whole([p for place in together for p in place], rest):
                        rest = self._rest()
                    if rest <= COVER_TOLERANCE:
                        return

    def _ways(self) -> list[list[tuple[Places, ...]]]:
        """[T] engines that serve requests from end to end, cheapest first."""
        choices = self._choices()
        found = [
            *product(*(choices[role] for role in PAIRED)),
            *((places,) for places in choices[Role.AGGREGATED]),
        ]
        examples = [[p for each in way for p in next(iter(each.values()))[0]] for way in found]
        price = [np.sum([self.price[p] for p in pools], axis=0) for pools in examples]
        prices = np.reshape(price, (len(found), self.problem.intervals)).T
        cheapest = np.argsort(prices, axis=1, kind="stable")
        return [[found[i] for i in order if prices[t, i] < inf] for t, order in enumerate(cheapest)]

    def _add_whole(self, pools: list[int], rest: float) -> bool:
        """Let pools of one group together serve as much of `rest` as fits; whether any."""
        lifts = [_Lift(p, self.share[p][self.ledger.t], self._excess(p)) for p in pools]
        most = min(rest, *(lift.reach(self._room(lift.pool)) for lift in lifts))
        if most <= COVER_TOLERANCE or self._add_all(lifts, most):
            return most > COVER_TOLERANCE
        reached = {lift.reach(n) for lift in lifts for n in range(1, lift.count(most) + 1)}
        extras = sorted(extra for extra in reached if COVER_TOLERANCE < extra < most)
        fits = bisect_left(extras, True, key=lambda extra: not self._fits(lifts, extra))
        return fits > 0 and self._add_all(lifts, extras[fits - 1])

    def _fits(self, lifts: list[_Lift], extra: float) -> bool:
        fits = self._add_all(lifts, extra)
        if fits:
            self._undo([(lift.pool, lift.count(extra)) for lift in lifts])
        return fits

    def _add_all(self, lifts: list[_Lift], extra: float) -> bool:
        """Add what serves the `extra` share; where some of it does not fit, nothing."""
        done: list[tuple[int, int]] = []
        for lift in lifts:
            count = lift.count(extra)
            if count > self._room(lift.pool):
                self._undo(done)
                return False
            self._add(lift.pool, count)
            done.append((lift.pool, count))
        return True

    def _undo(self, done: list[tuple[int, int]]) -> None:
        for p, count in done:
            self._change(p, -count)
        self.allowed = self._allowed()

    def _add(self, p: int, count: int) -> None:
        if count > 0:
            self._change(p, count)
            self.allowed = self._allowed()

    def _change(self, p: int, count: int) -> None:
        self.ledger.add(p, count)
        self.stale.add(self.where[p][:2])

    def _sum_again(self) -> None:
        """What changed."""
        for i, role in self.stale:
            self.reach[i][role] = sum(
                min(map(self._cover, pool_set)) for pool_set in self.sections[i][role]
            )
        for i in {i for i, _ in self.stale}:
            reach = self.reach[i]
            self.served[2 * i] = min(reach[role] for role in PAIRED)
            self.served[2 * i + 1] = reach[Role.AGGREGATED]
        self.stale.clear()

    def _allowed(self) -> AbstractSet[int]:
        """Pools in which the workload may have replicas now."""
        if not self.choosy:
            return self.where.keys()
        return open_pools(self.problem, self.w, self.ledger.replicas)

    def _room(self, p: int) -> int:
        """Replicas that can be added to pool p under supply and the role's maximum."""
        if p not in self.allowed:
            return 0
        room, role = self.ledger.room(p), self.pools[p].role
        if self.pools[p].counts and role in self.work.max_replicas:
            room = min(room, self.work.max_replicas[role] - self._count(role))
        return max(0, room)

    def _count(self, role: Role) -> int:
        return sum(self.ledger.now[p] for p in self.members[role])

    def _rest(self) -> float:
        """Share of the demand that is left; negative where capacity is left."""
        if self.stale:
            self._sum_again()
        return float(self.asked[self.ledger.t]) - sum(self.served)

    def _spare(self, p: int) -> float:
        """Share of the demand that the pool's side of its section can give up."""
        rest = -self._rest()
        i, role, _, _ = self.where[p]
        spare = max(0.0, rest) if self.pairs else rest
        return self._excess(p) + min(self._served(i, role), spare)

    def _excess(self, p: int) -> float:
        """Share that the pool's side could serve beyond what its section serves through it."""
        if self.stale:
            self._sum_again()
        i, role, pool_set, part = self.where[p]
        beyond_parts = (
            self._cover(part) - min(map(self._cover, pool_set)) if len(pool_set) > 1 else 0.0
        )
        return beyond_parts + self.reach[i][role] - self._served(i, role)

    def _served(self, i: int, role: Role) -> float:
        """Share that section i serves by pairs (of which `role` is one role) or aggregated."""
        return self.served[2 * i + (role is Role.AGGREGATED)]

    def _cover(self, part: list[int]) -> float:
        now, t = self.ledger.now, self.ledger.t
        return sum(now[p] * self.share[p][t] for p in part if now[p])

    def _price(self, p: int) -> float:
        """Of running what serves all demand of the interval."""
        return self.price[p][self.ledger.t]

    def _choices(self) -> dict[Role, list[Places]]:
        found: dict[Role, dict[tuple[int, ...], Places]] = {role: {} for role in Role}
        for group, pools in self.groups.items():
            for role, pool_sets in _section(self.problem, pools).items():
                for place in (place for pool_set in pool_sets for place in product(*pool_set)):
                    engines = tuple(self.pools[p].candidate for p in place)
                    places = found[role].setdefault(engines, {})
                    places.setdefault(group, []).append(place)
        return {role: [*engines.values()] for role, engines in found.items()}


def _parts(places: Places, groups: Iterable[str]) -> list[list[int]]:
    """Pools of each part in some groups, in the order of the groups."""
    found = [place for group in groups for place in places[group]]
    return [list(dict.fromkeys(part)) for part in zip(*found, strict=True)]


def _section(problem: Problem, pools: list[int], *, by_leaf: bool = True) -> Section:
    """Sets of pools by role: whole engines, and divided ones by leaf or all together."""
    section: Section = {}
    for role in Role:
        mine = [p for p in pools if problem.pools[p].role is role]
        whole = [p for p in mine if problem.pools[p].part is None]
        section[role] = [(whole,), *part_pairs(problem, mine, by_leaf=by_leaf)]
    return section


def _stranded(problem: Problem, replicas: Ints) -> int:
    """Replicas with too little of the other role in their group, summed over the intervals.

    Of n replicas floor(n (1 - served / alone)): what their group serves, and what they alone
    could serve, both at most the demand.
    """
    total = 0
    for w in range(len(problem.workloads)):
        for pools in problem.groups(w).values():
            section = _section(problem, pools)
            reach = {role: role_cover(problem, pools, replicas, role) for role in PAIRED}
            served = np.minimum(*reach.values())
            for role in PAIRED:
                used = _share_of(served, reach[role])
                for pool_set in section[role]:
                    total += _idle(problem, pool_set, replicas, used)
    return total


def _idle(problem: Problem, pool_set: PoolSet, replicas: Ints, used: Floats) -> int:
    """Idle replicas of some pools; the other role uses a share `used` [T] of their capacity."""
    covers = [cover_of(problem, part, replicas[part]) for part in pool_set]
    least = np.min(covers, axis=0)
    total = 0
    for part, cover in zip(pool_set, covers, strict=True):
        idle = np.where(cover > 0, 1.0 - used * _share_of(least, cover), 0.0)
        count = replicas[part].sum(axis=0)
        total += int(np.floor(count * idle + COVER_TOLERANCE).sum())
    return total


def _share_of(served: Floats, alone: Floats) -> Floats:
    """[T] part of demand served / part that could be, 0 where nothing could."""
    could = np.minimum(1.0, alone)
    return np.minimum(1.0, served) / np.where(could > 0, could, 1.0)


def _wait_overnight(problem: Problem, replicas: Ints, scaled: Sequence[int]) -> None:
    """Put off starts of pools `scaled` at the turn of the day until they hold no GPUs before it."""
    for row, left in zip(problem.supplies, problem.residual(replicas), strict=True):
        for p in set(row.pools).intersection(scaled) if (left < 0).any() else ():
            early = replicas[p, : problem.pools[p].lead]
            early[:] = np.minimum.accumulate(np.minimum(early, replicas[p, -1]))
