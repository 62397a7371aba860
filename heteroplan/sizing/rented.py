"""Nodes by the hour: intervals one by one, tied by the nodes that are paid all the time.

For nodes x[o] that are paid anyway, f_t(x) is the least cost of nodes that interval t rents beside
them: a small integer program. The least of Σ_o usd[o]·x[o] + Σ_t f_t(x) is what a fleet costs at
least. With prices mu[j,t] >= 0 of a node of type j that interval t takes,

    Σ_t min(rent of t + Σ_j mu[j,t]·nodes taken of j) + Σ_o most[o]·min(0, usd[o] - Σ_t mu[j(o),t])

bounds that from below: of any fleet, each interval may take no more than x[j] nodes, and paying mu
for them adds Σ_t mu[j,t]·x[j] at most. An offer without a limit needs Σ_t mu[j,t] <= usd[o]. Prices
are the duals of the program whose nodes may be fractional.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil, floor, inf
from time import monotonic

import numpy as np
import pulp

from heteroplan.numerics.tolerances import SOLVER_TOLERANCE
from heteroplan.optimize.incumbent import of_sizes
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.problem import Floats, Ints, Problem
from heteroplan.optimize.program.sizes import at_sizes
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Answer, Effort, Verdict
from heteroplan.sizing.counts import Counts
from heteroplan.sizing.potential import MANY_NODES, Offered, Potential
from heteroplan.sizing.program import (
    Least,
    NodeModel,
    NodePrices,
    define_sizes,
    node_model,
    survive_losses,
)
from heteroplan.sizing.spot import limit_shares

NODES = 2_000
"""Branch-and-bound nodes of one interval; counted, so that a run does not depend on the clock."""
FLOOR_GAP, RENT_GAP = 1e-2, 1e-3
"""To which all intervals are solved for a bound at first, and then."""
CHOSEN_GAP, AGAIN_GAP = 1e-2, 3e-3
"""The same where nodes beside those bought are looked for, not a bound: at first, and again."""
BELOW, ABOVE = 0, 1
"""Replicas of a pool, by which its size may be less or more than in the fractional program."""
SIZED_ROUNDS = 3
"""Times that an interval is solved where capacities depend on the sizes of pools."""
LAP_SHARE = 0.25
"""Of the time left: where all intervals took no more, each is decided again in half of it."""
FEW_STARTS = 0.05
"""Of what the GPUs of a starting replica cost, where there is room for it: few starts are easier to
put on nodes."""
STARTS = 0.5
"""Of what the GPUs cost that a starting replica holds: some start on nodes that run only then."""


@dataclass(frozen=True, slots=True)
class Rent:
    """What one interval rents."""

    usd: float
    rented: tuple[int, ...]
    """[hourly offer]"""
    replicas: tuple[int, ...]
    """[P] of the merged pools."""


@dataclass(slots=True)
class IntervalModel:
    """The program of one interval."""

    offered: Offered
    model: Model
    scale_usd: float
    taken: list[pulp.LpVariable]
    rented: list[pulp.LpVariable]
    starting: Terms = field(default_factory=list)
    """What starts beside the intervals before and after cost, in `scale_usd`."""

    def start_after(self, potential: Potential, earlier: "Rent") -> None:
        """Count what starts since the interval before.

        A replica that starts holds its GPUs in that one as well: of a node that runs then, or for
        less time of one that runs only from then on.
        """
        fleet = self.offered.scenario.fleet
        hours = self.offered.scenario.horizon.interval_hours
        for p, pool in enumerate(potential.program.pools):
            up = self.model.lp.add_variable(f"up_{p}", 0)
            row: Terms = [(up, 1.0), (self.model.n[p][0], -1.0)]
            self.model.add(row, ">=", -earlier.replicas[p], f"starts_{p}")
            usd = pool.gpus * hours * fleet.node_type(pool.node_type).usd_per_gpu_hour
            self.starting.append((up, STARTS * pool.lead * usd / self.scale_usd))

    def next_to(self, potential: Potential, other: "Rent", most: Floats, *, later: bool) -> None:
        """Count starts from an interval, already decided, to this one, or from this to a `later`.

        Replicas hold GPUs in the interval before the one that they start for: of nodes that run in
        it, of those that run only from then on, or of others, for which that interval is paid. Of
        `most` [node type] nodes none is paid.
        """
        program, tag = potential.program, int(later)
        ups = []
        for p, pool in enumerate(program.pools):
            up = self.model.lp.add_variable(f"up_{p}_{tag}", 0)
            sign = 1.0 if later else -1.0
            row: Terms = [(up, 1.0), (self.model.n[p][0], sign)]
            self.model.add(row, ">=", sign * other.replicas[p], f"starts_{p}_{tag}")
            self.starting.append((up, FEW_STARTS * pool.start_cost / self.scale_usd))
            ups.append(up)
        for j, node_type in enumerate(self.offered.node_types):
            size = float(self.offered.scenario.fleet.node_type(node_type).gpus)
            row, there = [], size * float(most[j])
            for p, pool in enumerate(program.pools):
                if pool.node_type == node_type and pool.lead > 0:
                    row.append((ups[p], float(pool.gpus)))
                    if later:
                        row.append((self.model.n[p][0], float(pool.gpus)))
                    else:
                        there -= pool.gpus * other.replicas[p]
            for i, offer in enumerate(self.offered.hourly):
                if offer.node_type == node_type:
                    row += self._nodes_started(potential, i, other.rented[i], later=later)
                    there += 0.0 if later else size * other.rented[i]
            self.model.add(row, "<=", there, f"starting_{j}_{tag}")

    def _nodes_started(self, potential: Potential, i: int, others: int, *, later: bool) -> Terms:
        """Minus the GPUs of an offer's nodes on which replicas may start, of those not counted."""
        offer, tag = self.offered.hourly[i], int(later)
        size = float(self.offered.scenario.fleet.node_type(offer.node_type).gpus)
        usd = offer.usd_per_node_hour * self.offered.scenario.horizon.interval_hours
        new = self.model.lp.add_variable(f"y_up_{i}_{tag}", 0, None, INTEGER)
        sign = 1.0 if later else -1.0
        row: Terms = [(new, 1.0), (self.rented[i], sign)]
        self.model.add(row, ">=", sign * others, f"nodes_started_{i}_{tag}")
        pause = potential.pause_intervals(offer.node_type)
        self.starting.append((new, pause * usd / self.scale_usd))
        if later:
            return [(new, -size), (self.rented[i], -size)]
        extra = self.model.lp.add_variable(f"y_more_{i}", 0, None, INTEGER)
        self.starting.append((extra, usd / self.scale_usd))
        return [(new, -size), (extra, -size)]

    def stay_near(self, prices_usd: Floats, most: Floats, effort: Effort, on_a_node: Ints) -> None:
        """Leave only sizes that differ little from those of the program whose sizes and nodes may
        be fractional: most of the cheapest are among them, and found far sooner.

        By more where as many replicas as are `on_a_node` [P] may be lost, of which fractional
        choices know little."""
        if self.least(prices_usd, most, effort, integer=False) is None:
            return
        for (count,), lost in zip(self.model.n, on_a_node.tolist(), strict=True):
            value = count.varValue or 0.0
            low, high = floor(value + SOLVER_TOLERANCE), ceil(value - SOLVER_TOLERANCE)
            count.lowBound, count.upBound = max(0, low - BELOW), high + ABOVE + lost

    @classmethod
    def of(
        cls, potential: Potential, alone: Problem, *, by_size: bool = False, whole: bool = False
    ) -> "IntervalModel":
        """Of the program of an interval alone; with the capacities of each size where they count
        (`program`)."""
        offered = potential.offered
        hours = offered.scenario.horizon.interval_hours
        model = build_model(alone, allow_short=False)
        survive_losses(model, potential)
        if by_size:
            define_sizes(model)
        taken = [
            model.lp.add_variable(f"u_{j}", 0, MANY_NODES, INTEGER)
            for j in range(len(offered.node_types))
        ]
        rented = [
            model.lp.add_variable(f"y_{i}", 0, offer.most_nodes, INTEGER)
            for i, offer in enumerate(offered.hourly)
        ]
        for j, node_type in enumerate(offered.node_types):
            size = float(offered.scenario.fleet.node_type(node_type).gpus)
            terms: Terms = [
                (model.n[p][0], float(pool.gpus))
                for p, pool in enumerate(model.problem.pools)
                if pool.node_type == node_type
            ]
            terms.append((taken[j], -size))
            terms += [
                (y, -size)
                for y, offer in zip(rented, offered.hourly, strict=True)
                if offer.node_type == node_type
            ]
            model.add(terms, "<=", 0.0, f"nodes_{j}")
        by_name = {offer.name: y for offer, y in zip(offered.hourly, rented, strict=True)}
        paid = {name: [u] for name, u in zip(offered.node_types, taken, strict=True)}
        limit_shares(model, offered, 0, by_name, paid, whole=whole)
        prices = [offer.usd_per_node_hour * hours for offer in offered.hourly]
        return cls(offered, model, max(prices, default=1.0) or 1.0, taken, rented)

    def least(
        self, prices_usd: Floats, most: Floats, effort: Effort, *, integer: bool = True
    ) -> Rent | None:
        """The cheapest at prices [node type] of nodes taken, `most` [node type] of them."""
        answer = self._answer(prices_usd, most, effort, integer=integer)
        if answer.verdict is Verdict.INFEASIBLE or not answer.has_solution:
            return None
        value = answer.objective if answer.objective is not None else answer.bound or 0.0
        return Rent(
            usd=value * self.scale_usd,
            rented=tuple(round(y.varValue or 0.0) for y in self.rented),
            replicas=tuple(round(over[0].varValue or 0.0) for over in self.model.n),
        )

    def floor_usd(
        self, prices_usd: Floats, most: Floats, effort: Effort, *, integer: bool
    ) -> float:
        """What the interval costs at least at such prices; 0 where nothing is proved."""
        answer = self._answer(prices_usd, most, effort, integer=integer)
        if answer.bound is None or answer.verdict not in (Verdict.OPTIMAL, Verdict.LIMIT):
            return 0.0
        return max(0.0, answer.bound * self.scale_usd * (1.0 - SOLVER_TOLERANCE))

    def _answer(self, prices_usd: Floats, most: Floats, effort: Effort, *, integer: bool) -> Answer:
        hours = self.offered.scenario.horizon.interval_hours
        terms: Terms = [
            (u, float(price) / self.scale_usd)
            for u, price in zip(self.taken, prices_usd, strict=True)
        ]
        terms += [
            (y, offer.usd_per_node_hour * hours / self.scale_usd)
            for y, offer in zip(self.rented, self.offered.hourly, strict=True)
        ]
        for u, nodes in zip(self.taken, most.tolist(), strict=True):
            u.upBound = nodes
        self.model.lp.setObjective(pulp.LpAffineExpression.from_list(terms + self.starting))
        return solver.run(self.model.lp, effort, integer=integer)


@dataclass(frozen=True, eq=False)
class Rented:
    """Nodes that are paid anyway, and what each interval rents beside them."""

    least: Least
    needed: dict[str, Ints]
    """Hourly offer -> [T] nodes."""
    prices: NodePrices | None
    """Of a node that is taken of those paid anyway; None where time ran out."""


def rented(potential: Potential, effort: Effort) -> Rented:
    """The nodes that are paid anyway, those that are rented beside them, and a bound.

    What is bought is what the program of fractional nodes and replicas says, rounded. The bound
    is that of the program; `priced_bound` has a better one.
    """
    model = node_model(potential, list(range(potential.program.intervals)))
    prices = model.duals(effort)
    if prices is None:
        return Rented(Least(Verdict.LIMIT, 0.0, None, {}), {}, None)
    offered = potential.offered
    bought = _rounded(model, effort)
    rents = _beside(potential, bought, effort)
    if any(each is None for each in rents):
        rents = [each or _of_program(model, t) for t, each in enumerate(rents)]
    whole = [each for each in rents if each is not None]
    replicas = np.array([each.replicas for each in whole], dtype=np.int64).T
    needed = _needed(potential, bought, whole, replicas)
    counts = bought | {name: int(count.max(initial=0)) for name, count in needed.items()}
    usd = sum(offered.usd(offer) * bought[offer.name] for offer in offered.paid)
    usd += sum(each.usd for each in whole)
    least = Least(Verdict.LIMIT, prices.bound_usd, usd, counts, replicas)
    return Rented(least, needed, prices)


def _needed(
    potential: Potential, bought: Counts, rents: Sequence[Rent], replicas: Ints
) -> dict[str, Ints]:
    """Hourly offer -> [T] nodes on which replicas start and serve.

    Nodes for starts are of the first hourly offer of a type that has enough of them.
    """
    offered, program = potential.offered, potential.program
    needed = {
        offer.name: np.array([each.rented[i] for each in rents], dtype=np.int64)
        for i, offer in enumerate(offered.hourly)
    }
    held = program.held(replicas)
    for node_type in offered.node_types:
        size = offered.scenario.fleet.node_type(node_type).gpus
        mine = [p for p, pool in enumerate(program.pools) if pool.node_type == node_type]
        there = sum(
            count for name, count in bought.items() if offered.by_name[name].node_type == node_type
        )
        offers = [offer for offer in offered.hourly if offer.node_type == node_type]
        missing = -(-held[mine].sum(axis=0) // size) - there
        missing -= sum((needed[offer.name] for offer in offers), start=np.zeros_like(missing))
        for offer in offers:
            room = missing if offer.most_nodes is None else offer.most_nodes - needed[offer.name]
            more = np.clip(missing, 0, np.maximum(0, room))
            needed[offer.name] = needed[offer.name] + more
            missing = missing - more
    return needed


def _rounded(model: NodeModel, effort: Effort) -> Counts:
    """Nodes of the offers that are paid anyway: those of the program, each rounded so that it
    costs least while the others may be fractional."""
    counts: Counts = {}
    for name, nodes in model.bought.items():
        low = floor((nodes.varValue or 0.0) + SOLVER_TOLERANCE)
        most = inf if nodes.upBound is None else nodes.upBound
        able = [count for count in (low, low + 1) if count <= most]
        values = {}
        for count in able:
            nodes.lowBound = nodes.upBound = count
            answer = solver.run(model.model.lp, effort, integer=False)
            if answer.verdict is Verdict.OPTIMAL and answer.objective is not None:
                values[count] = answer.objective
        counts[name] = min(values, key=lambda count: values[count], default=able[-1])
        nodes.lowBound = nodes.upBound = counts[name]
    solver.run(model.model.lp, effort, integer=False)
    return counts


def _beside(potential: Potential, bought: Counts, effort: Effort) -> list[Rent | None]:
    """What each interval rents beside the nodes that are paid anyway; None where time ran out.

    Each after the one before, whose replicas need not start: else two intervals that are alike
    could have different nodes of the same cost. Where time suffices, each again between the one
    before and the one after, with room for what starts.
    """
    offered, intervals = potential.offered, potential.program.intervals
    most = np.zeros(len(offered.node_types))
    for offer in offered.paid:
        most[offered.node_types.index(offer.node_type)] += bought[offer.name]
    found: list[Rent | None] = [None] * intervals
    began = monotonic()
    for t in range(intervals):
        if effort.over():
            return found
        earlier = found[t - 1] if t else None
        found[t] = _chosen(potential, t, (None, earlier, None), most, effort)
    if effort.deadline is not None:
        now, left_s = monotonic(), effort.deadline - monotonic()
        if now - began > LAP_SHARE * left_s:
            return found
        effort = replace(effort, deadline=now + left_s / 2)
    for t in range(intervals):
        if effort.over():
            return found
        before = potential.earlier(t, 1)
        after = (t + 1) % intervals if potential.program.cyclic else t + 1
        earlier = found[before] if before >= 0 else None
        later = found[after] if after < intervals else None
        found[t] = _chosen(potential, t, (found[t], earlier, later), most, effort)
    return found


def _chosen(
    potential: Potential,
    t: int,
    known: tuple[Rent | None, Rent | None, Rent | None],
    most: Floats,
    effort: Effort,
) -> Rent | None:
    """What interval t rents beside at most so many nodes [node type]; `known` are what it rented
    until now, and what the intervals before and after it do.

    Again with the capacities in smaller pools until those found serve all demand; at last with
    those of single replicas.
    """
    now, earlier, later = known
    alone, free = potential.surviving(t), np.zeros(len(most))
    guess = now or earlier
    lost = potential.on_a_node[:, None]
    sizes = None if guess is None else _left(guess, lost)
    found = now
    for turn in range(SIZED_ROUNDS + 1):
        if sizes is not None and turn == SIZED_ROUNDS:
            sizes = 0 * sizes
        program = alone if sizes is None else at_sizes(alone, sizes)
        model = IntervalModel.of(potential, program, whole=True)
        if now is None and earlier is not None:
            model.start_after(potential, earlier)
        for other in (earlier, later) if now is not None else ():
            if other is not None:
                model.next_to(potential, other, most, later=other is later)
        if now is None:
            model.stay_near(free, most, effort, potential.on_a_node)
        gap = CHOSEN_GAP if now is None else AGAIN_GAP
        tried = model.least(free, most, replace(effort, nodes=NODES, gap=gap))
        if tried is None:
            return found
        counts = np.array(tried.replicas, dtype=np.int64)[:, None]
        covered = of_sizes(alone, counts).covered
        counts = _left(tried, lost)
        if covered or now is None:
            found = tried
        if covered:
            break
        sizes = counts if sizes is None else np.minimum(sizes, counts)
    return found


def _left(rent: Rent, lost: Ints) -> Ints:
    """[P, 1] replicas after a loss of as many [P, 1], one at least of those that there are."""
    counts = np.array(rent.replicas, dtype=np.int64)[:, None]
    fewer: Ints = np.minimum(counts, np.maximum(1, counts - lost))
    return fewer


def _of_program(model: NodeModel, t: int) -> Rent:
    """What an interval rents in the program of fractional nodes, rounded up."""
    whole = [ceil((over[t].varValue or 0.0) - SOLVER_TOLERANCE) for over in model.rented.values()]
    sizes = [ceil((over[t].varValue or 0.0) - SOLVER_TOLERANCE) for over in model.model.n]
    hours = model.offered.scenario.horizon.interval_hours
    offers = model.offered.hourly
    usd = sum(n * offer.usd_per_node_hour * hours for n, offer in zip(whole, offers, strict=True))
    return Rent(usd, tuple(whole), tuple(sizes))


def priced_bound(potential: Potential, prices_usd: Floats, effort: Effort) -> float:
    """The bound at prices [node type, T] of nodes taken.

    Each interval first counts what fractional nodes cost in it, then whole ones to a wide gap as
    far as time suffices, at last those with the capacities of each size. Where no node is paid
    anyway, more of them than in the interval before start up, for which they are paid too.
    """
    offered, program = potential.offered, potential.program
    fair = _affordable(offered, prices_usd)
    bought = {offer.node_type for offer in offered.paid}
    most = np.array([float(MANY_NODES * (name in bought)) for name in offered.node_types])
    floors = np.zeros(program.intervals)
    passes = [(False, False, 0.0), (True, False, FLOOR_GAP), (True, program.sized, RENT_GAP)]
    for integer, by_size, gap in passes:
        each = replace(effort, nodes=NODES, gap=gap)
        for t in range(program.intervals):
            if integer and effort.over():
                break
            model = IntervalModel.of(potential, potential.at([t]), by_size=by_size)
            late = each if integer else replace(each, deadline=None)
            found = model.floor_usd(fair[:, t], most, late, integer=integer)
            floors[t] = max(floors[t], found)
    bound = _worth_at_most(offered, fair) + float(floors.sum())
    if not offered.paid:
        rises = np.maximum(0.0, floors - np.roll(floors, 1))[not program.cyclic :]
        bound += potential.least_pause_intervals * float(rises.sum())
    return bound


def _affordable(offered: Offered, prices_usd: Floats) -> Floats:
    """Prices whose sum over the horizon no offer without a limit is below."""
    fair = prices_usd.copy()
    for j, node_type in enumerate(offered.node_types):
        limits = [
            offered.usd(offer)
            for offer in offered.paid
            if offer.node_type == node_type and offer.most_nodes is None
        ]
        total = float(fair[j].sum())
        if limits and total > min(limits):
            fair[j] *= min(limits) / total * (1.0 - SOLVER_TOLERANCE)
    return fair


def _worth_at_most(offered: Offered, prices_usd: Floats) -> float:
    """Σ_o most[o]·min(0, usd[o] - Σ_t mu[j(o),t]) of offers with a limit."""
    total = dict(zip(offered.node_types, prices_usd.sum(axis=1).tolist(), strict=True))
    limited = (offer for offer in offered.paid if offer.most_nodes is not None)
    worth = 0.0
    for offer in limited:
        worth += (offer.most_nodes or 0) * min(0.0, offered.usd(offer) - total[offer.node_type])
    return worth
