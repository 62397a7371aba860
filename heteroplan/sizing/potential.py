"""Offers beside their scenario, and the program on as many nodes as wanted, all domains merged.

Sums of the pools and flows of a plan, on whichever nodes and leaves, meet this program. So what is
needed of it is needed of every fleet.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Network
from heteroplan.entities.offers import Offer, OfferKind, Offers, SizeLimits
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.coarser import one_domain, window
from heteroplan.optimize.program.problem import Floats, Ints, Problem, ProgramResilience
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.units import s_to_hours

type Rate = Callable[[Scenario], Sequence[Candidate]]


@dataclass(frozen=True)
class Offered:
    """Offers beside the scenario that they are for."""

    scenario: Scenario
    offers: tuple[Offer, ...]
    limits: SizeLimits
    rate: Rate = candidates_of
    """What each engine serves on the nodes of a scenario."""

    @classmethod
    def of(cls, scenario: Scenario, offers: Offers, rate: Rate = candidates_of) -> "Offered":
        """Raises UsageError with everything that does not fit together."""
        problems = list(_problems(scenario, offers))
        if problems:
            raise UsageError(*problems)
        return cls(scenario, offers.offers, offers.limits, rate)

    @cached_property
    def hours(self) -> float:
        """Length of the horizon [h]."""
        return self.scenario.horizon.intervals * self.scenario.horizon.interval_hours

    @cached_property
    def by_name(self) -> dict[str, Offer]:
        return {each.name: each for each in self.offers}

    @cached_property
    def paid(self) -> tuple[Offer, ...]:
        """Offers of which every hour of the horizon is paid."""
        return tuple(each for each in self.offers if not each.hourly)

    @cached_property
    def hourly(self) -> tuple[Offer, ...]:
        """Offers of which the hours in which a node runs are paid."""
        return tuple(each for each in self.offers if each.hourly)

    @cached_property
    def node_types(self) -> tuple[str, ...]:
        """That are offered, in the order of the fleet."""
        offered = {each.node_type for each in self.offers}
        return tuple(
            shape.name for shape in self.scenario.fleet.node_types if shape.name in offered
        )

    @cached_property
    def places(self) -> dict[str, int | None]:
        """By leaf: nodes that it has room for; None for as many as wanted."""
        limited = dict(self.limits.rack_places)
        return {leaf.name: limited.get(leaf.name) for leaf in self.scenario.fleet.network.leaves}

    def gpus(self, offer: Offer) -> int:
        """Of a node."""
        return self.scenario.fleet.node_type(offer.node_type).gpus

    def leaves(self, offer: Offer) -> tuple[str, ...]:
        """Where nodes of an offer may stand, in the order of the fleet."""
        network = self.scenario.fleet.network
        return tuple(
            leaf.name for leaf in network.leaves if not offer.leaves or leaf.name in offer.leaves
        )

    def usd(self, offer: Offer) -> float:
        """Of a node for the horizon, all of its hours paid [USD]."""
        return offer.usd_per_node_hour * self.hours


def _problems(scenario: Scenario, offers: Offers) -> Iterator[str]:
    shapes = {shape.name for shape in scenario.fleet.node_types}
    leaves = {leaf.name for leaf in scenario.fleet.network.leaves}
    spines = {leaf.spine for leaf in scenario.fleet.network.leaves}
    if not offers.offers:
        yield "no offers: say at least one way to have nodes of a type"
    for name, times in Counter(each.name for each in offers.offers).items():
        if times > 1:
            yield f"offer {name}: {times} offers have this name; give each its own"
    for each in offers.offers:
        if each.node_type not in shapes:
            yield f"offer {each.name}: node_type {each.node_type} is none of the fleet's"
        for leaf in each.leaves:
            if leaf not in leaves:
                yield f"offer {each.name}: leaf {leaf} is none of the fleet's"
        if each.usd_per_node_hour < 0:
            yield f"offer {each.name}: a price below 0; write 0 or more"
        if each.kind is OfferKind.EXISTING and each.most_nodes is None:
            yield f"offer {each.name}: existing nodes are counted; give most_nodes"
    for leaf, _ in offers.limits.rack_places:
        if leaf not in leaves:
            yield f"rack_places: leaf {leaf} is none of the fleet's"
    for spine, _ in offers.limits.power_w:
        if spine not in spines:
            yield f"power_w: spine {spine} is none of the fleet's"
    watts = {name for name, _ in offers.limits.node_watts}
    offered = {each.node_type for each in offers.offers}
    for name in sorted(offered - watts) if offers.limits.power_w else ():
        yield f"power_w: the watts of a {name} are not known; give node_watts"


MANY_NODES = 100_000
"""Of each offered type on each leaf: more than any demand is of use for."""

CELLS, LEAST_TIMES = 1_200, 8
"""Pools times intervals of a program of the busiest ones, and intervals at least."""


@dataclass(frozen=True, eq=False)
class Potential:
    """The merged program, and how many GPUs its pools hold at most."""

    offered: Offered
    candidates: tuple[Candidate, ...]
    program: Problem
    """One domain, without supply rows: nodes are not counted yet."""
    resilience: tuple[ProgramResilience | None, ...]
    """Of each workload before domains were merged."""

    @classmethod
    def of(cls, offered: Offered) -> "Potential":
        """Engines on all offered node types wherever the network has a leaf for them."""
        scenario = everywhere(offered)
        candidates = offered.rate(scenario)
        whole = build_problem(scenario, candidates)
        merged = one_domain(whole, proves=True).program
        program = replace(merged.without_stability(), supplies=(), before=None)
        kept = tuple(each.resilience for each in whole.workloads)
        return cls(offered, tuple(candidates), program, kept)

    @cached_property
    def on_a_node(self) -> Ints:
        """[P] replicas of a pool that may be lost with a node; none where nothing survives that."""
        found = []
        for pool in self.program.pools:
            kept = self.resilience[pool.workload]
            gpus = 0 if kept is None else kept.node_gpus.get(pool.node_type, 0)
            found.append(-(-gpus // pool.gpus))
        return np.array(found, dtype=np.int64)

    def surviving(self, t: int) -> Problem:
        """The program of interval t, in which workloads survive the loss of a node as one group.

        In several groups they may take less: this says where replicas may begin, and no bound.
        """
        alone = self.at([t])
        works = (
            replace(work, resilience=kept) if kept is not None and kept.node_gpus else work
            for work, kept in zip(alone.workloads, self.resilience, strict=True)
        )
        return replace(alone, workloads=tuple(works))

    @property
    def servable(self) -> bool:
        """Whether every class that asks for something has a pool for each of its stages."""
        for work in self.program.workloads:
            for k, t in np.argwhere(work.rps > 0):
                able = [
                    self.program.pools[p]
                    for p in work.pools
                    if np.isfinite(self.program.pools[p].load[k, t])
                ]
                if {stage for pool in able for stage in pool.stages} != set(range(work.stages)):
                    return False
        return True

    def loads(self) -> Floats:
        """[*, T] what the intervals ask for: one that asks for no more of anything needs no more
        nodes."""
        rows = [
            np.where(np.isfinite(pool.load) & (self._asked(pool.workload) > 0), pool.load, 0.0)
            for pool in self.program.pools
        ]
        asked = [(work.rps > 0).astype(np.float64) for work in self.program.workloads]
        return np.concatenate([*rows, *asked])

    def _asked(self, w: int) -> Floats:
        return self.program.workloads[w].rps

    def busiest(self) -> list[int]:
        """Intervals that no other one outdoes in everything, in their order.

        Of a large program those that cost most; fewer only make a bound weaker.
        """
        loads, kept = self.loads(), list[int]()
        for t in np.argsort(-loads.sum(axis=0), kind="stable"):
            if not (loads[:, kept] >= loads[:, [t]]).all(axis=0).any():
                kept.append(int(t))
        most = max(LEAST_TIMES, CELLS // max(1, len(self.program.pools)))
        cost = self.about_usd()
        return sorted(sorted(kept, key=lambda t: -float(cost[t]))[:most])

    def with_starts(self, times: Iterable[int]) -> list[int]:
        """The intervals, and those after them whose starts hold GPUs in them."""
        lead = int(self.program.leads.max(initial=0))
        last = self.program.intervals
        found = {t + ahead for t in times for ahead in range(min(lead, last - 1) + 1)}
        if self.program.cyclic:
            return sorted({t % last for t in found})
        return sorted(t for t in found if t < last)

    def about_usd(self) -> Floats:
        """[T] what an interval costs where each role has the pool that serves it for least."""
        cheapest: dict[tuple[int, Role], Floats] = {}
        for pool in self.program.pools:
            usd = np.where(np.isfinite(pool.mix_load), pool.mix_load * pool.plain_cost, np.inf)
            known = cheapest.get((pool.workload, pool.role), usd)
            cheapest[pool.workload, pool.role] = np.minimum(known, usd)
        total = np.zeros(self.program.intervals)
        for usd in cheapest.values():
            total += np.where(np.isfinite(usd), usd, 0.0)
        return total

    @property
    def least_pause_intervals(self) -> float:
        """Intervals that a node by the hour is paid for at least once it runs again.

        Before a day that does not repeat is over it need not drain.
        """
        engines = [each.engine for each in self.candidates]
        pause_s = min((each.startup_s for each in engines), default=0.0)
        if self.program.cyclic:
            pause_s += min((each.drain_s for each in engines), default=0.0)
        return self._at_most_one(pause_s)

    def pause_intervals(self, node_type: str) -> float:
        """Intervals that a node by the hour is paid for once it runs again, to start and drain."""
        engines = [each.engine for each in self.candidates if each.node_type == node_type]
        pause_s = max((each.startup_s + each.drain_s for each in engines), default=0.0)
        return self._at_most_one(pause_s)

    def _at_most_one(self, pause_s: float) -> float:
        """Seconds as intervals, one at most."""
        return min(1.0, s_to_hours(pause_s) / self.offered.scenario.horizon.interval_hours)

    def earlier(self, t: int, intervals: int) -> int:
        """The interval some intervals before t; -1 for one before the horizon."""
        before = t - intervals
        if self.program.cyclic:
            return before % self.program.intervals
        return max(-1, before)

    def at(self, times: list[int]) -> Problem:
        """The program of some intervals, each on its own: nothing starts or stops."""
        part = window(self.program, times)
        pools = (replace(pool, start_cost=0.0, lead=0, change_cost=0.0) for pool in part.pools)
        return replace(part, pools=tuple(pools))


def everywhere(offered: Offered) -> Scenario:
    """The scenario with many nodes of each type wherever an offer allows it, and of no other type.

    Nothing runs before it and nothing is away. Cost is minimised.
    """
    scenario = offered.scenario
    fleet = scenario.fleet
    allowed = {
        (leaf, offer.node_type) for offer in offered.offers for leaf in offered.leaves(offer)
    }
    leaves = tuple(
        replace(
            leaf,
            nodes={name: MANY_NODES for name in offered.node_types if (leaf.name, name) in allowed},
        )
        for leaf in fleet.network.leaves
    )
    shapes = tuple(shape for shape in fleet.node_types if shape.name in offered.node_types)
    return replace(
        scenario,
        fleet=replace(fleet, node_types=shapes, network=Network(leaves), outages=()),
        objective=Objective.COST,
        current=None,
    )
