"""The program of a fleet: integer replicas in merged domains, on integer nodes of offers.

    x[o]    nodes of offer o that are paid for the whole horizon     integer
    y[o,t]  nodes of an hourly offer that run in interval t          integer
    s[o,l]  nodes of offer o on leaf l, where places are limited     >= 0

beside the replicas and flows of `optimize.rules.mip`. For each node type j and interval t

    Σ_{p on j} gpus[p]·n[p,t] <= gpus[j]·(Σ_{o of j} x[o] + y[o,t])       [GPUs]

and Σ usd[o]·x[o] + Σ usd_per_hour[o]·hours·y[o,t] is least. Of a type that is only bought, starting
replicas hold GPUs too before they serve, where both intervals are in the program:

    up[p,t] >= n[p,t] - n[p,t-1],   n[p,t] + Σ_{j=1..lead[p]} up[p,t+j] in place of n[p,t]

With `by_size` small pools serve less a replica (`optimize.program.sizes`): of sizes up to hi[s] no
more than share[p,s] of what the program says, with z[p,s,t] for which of the ranges counts:

    Σ_k load[p,k,t]·x[p,k,t] <= Σ_s share[p,s]·m[p,s,t],   lo[s]·z <= m <= hi[s]·z,   n = Σ_s m

It knows no domains and no single nodes: every fleet that covers the demand meets it, so that its
bound holds for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, inf

import numpy as np
import pulp

from heteroplan.clock import Stop
from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.numerics.tolerances import SHORT_MARGIN, SOLVER_TOLERANCE
from heteroplan.optimize.formulation.model import (
    build_model,
    cap_shortage,
    minimise_shortage,
    shortage_terms,
)
from heteroplan.optimize.program.problem import Floats, Ints, PoolSpec
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.potential import Potential
from heteroplan.sizing.spot import limit_shares

RANGE_GROWTH = 1.5
"""Of a range of sizes, by which its end lies above its beginning."""
ALIKE = 0.002
"""Of what a replica serves at most, that larger pools cannot add: they are one range."""
FEWER = 0.6
"""Of the nodes of an offer that are left where too much of a workload stands on them."""
HOURLY_ROOM = 1.25
"""Nodes by the hour that a plan may choose from, in those of the program: the rest is not paid."""

type Counts = dict[str, int]
"""Offer -> nodes; of an hourly offer the most that run at a time."""


@dataclass(frozen=True, slots=True)
class Least:
    """The cheapest nodes of a program."""

    verdict: Verdict
    bound_usd: float
    """Nothing costs less; 0 where nothing is proved."""
    cost_usd: float | None
    """None where no nodes were found."""
    counts: Counts
    replicas: Ints | None = None
    """[P, times] sizes of the merged pools."""


@dataclass(frozen=True, slots=True, eq=False)
class NodePrices:
    """What the program says whose replicas and nodes may be fractional."""

    bound_usd: float
    usd: Floats
    """[node type, times] of one more node."""


@dataclass(slots=True)
class NodeModel:
    """The program of some intervals, and its node variables."""

    offered: Offered
    times: Sequence[int]
    model: Model
    scale_usd: float
    bought: dict[str, pulp.LpVariable] = field(default_factory=dict)
    rented: dict[str, list[pulp.LpVariable]] = field(default_factory=dict)
    """By offer, one an interval of `times`."""
    rows: list[list[pulp.LpConstraint]] = field(default_factory=list)
    """[node type][times] replicas stand on nodes."""
    beside: list[dict[str, pulp.LpConstraint]] = field(default_factory=list)
    """[times] by node type: replicas beside those on offers of a limited share."""
    floors: int = 0
    """Rows that leave cheap nodes out."""

    @property
    def paid_by_type(self) -> dict[str, list[pulp.LpVariable]]:
        """Node type -> nodes that are paid for the whole horizon."""
        found: dict[str, list[pulp.LpVariable]] = {}
        for name, x in self.bought.items():
            found.setdefault(self.offered.by_name[name].node_type, []).append(x)
        return found

    @property
    def cost(self) -> Terms:
        """In `scale_usd`."""
        by_name, hours = self.offered.by_name, self.offered.scenario.horizon.interval_hours
        terms = [
            (x, self.offered.usd(by_name[name]) / self.scale_usd) for name, x in self.bought.items()
        ]
        for name, over_time in self.rented.items():
            usd = by_name[name].usd_per_node_hour * hours / self.scale_usd
            terms += [(y, usd) for y in over_time]
        return terms

    def least(self, effort: Effort) -> Least:
        """Solve it."""
        answer = solver.run(self.model.lp, effort, integer=True)
        bound = 0.0
        if answer.bound is not None and answer.verdict in (Verdict.OPTIMAL, Verdict.LIMIT):
            bound = max(0.0, answer.bound * self.scale_usd * (1.0 - SOLVER_TOLERANCE))
        if not answer.has_solution or answer.objective is None:
            return Least(answer.verdict, bound, None, {})
        counts = {name: round(x.varValue or 0.0) for name, x in self.bought.items()}
        for name, over_time in self.rented.items():
            counts[name] = max((round(y.varValue or 0.0) for y in over_time), default=0)
        sizes = np.array(
            [[round(n.varValue or 0.0) for n in over_time] for over_time in self.model.n],
            dtype=np.int64,
        ).reshape(len(self.model.n), len(self.times))
        return Least(answer.verdict, bound, answer.objective * self.scale_usd, counts, sizes)

    def duals(self, effort: Effort) -> NodePrices | None:
        """What nodes are worth by interval where they may be fractional; None where it ran out."""
        answer = solver.run(self.model.lp, effort, integer=False)
        if answer.verdict is not Verdict.OPTIMAL or answer.objective is None:
            return None
        fleet = self.offered.scenario.fleet
        prices = np.array(
            [
                [
                    _worth(row, beside.get(name)) * fleet.node_type(name).gpus
                    for row, beside in zip(rows, self.beside, strict=True)
                ]
                for name, rows in zip(self.offered.node_types, self.rows, strict=True)
            ]
        )
        bound = answer.objective * self.scale_usd * (1.0 - SOLVER_TOLERANCE)
        return NodePrices(max(0.0, bound), prices * self.scale_usd)

    def rounded_up(self) -> Counts:
        """The nodes of the last solve, fractional ones rounded up."""
        counts = {name: _whole(x) for name, x in self.bought.items()}
        for name, over_time in self.rented.items():
            counts[name] = max(map(_whole, over_time), default=0)
        return counts

    def cost_at_least(self, usd: float) -> None:
        """Leave out what costs less, from now on."""
        self.floors += 1
        self.model.add(self.cost, ">=", usd / self.scale_usd, f"cost_at_least_{self.floors}")

    def most_served(self, budget_usd: float, effort: Effort) -> Least:
        """The nodes that leave least unserved, class by class, for no more than a budget.

        Of those the cheapest. Only of a program that allows for shortages.
        """
        self.model.add(self.cost, "<=", budget_usd / self.scale_usd, "budget")
        for priority in sorted({work.priority for work in self.model.problem.workloads}):
            scale = minimise_shortage(self.model, priority)
            answer = solver.run(self.model.lp, effort, integer=True)
            if not answer.has_solution or answer.objective is None:
                return Least(answer.verdict, 0.0, None, {})
            asked = sum(weight for _, weight in shortage_terms(self.model, priority))
            least = answer.objective * scale + SHORT_MARGIN * asked
            cap_shortage(self.model, {priority: least})
        self.model.lp.setObjective(pulp.LpAffineExpression.from_list(self.cost))
        return self.least(effort)


def node_model(
    potential: Potential,
    times: Sequence[int],
    *,
    allow_short: bool = False,
    constant: bool = False,
    by_size: bool = False,
) -> NodeModel:
    """The program of some intervals. Hourly offers are paid in these alone.

    With `constant` pools keep one size, as they do where nothing scales. `by_size` is a tighter
    program with many more integers.
    """
    offered = potential.offered
    program = potential.at(list(times))
    model = build_model(program, allow_short=allow_short, constant=constant)
    prices = [offered.usd(each) for each in offered.offers]
    made = NodeModel(offered, times, model, max(prices, default=1.0) or 1.0)
    for offer in offered.paid:
        made.bought[offer.name] = _nodes(model, offer, f"x_{len(made.bought)}")
    for offer in offered.hourly:
        number = len(made.rented)
        made.rented[offer.name] = [
            _nodes(model, offer, f"y_{number}_{i}") for i in range(len(times))
        ]
    _define_rows(made, potential, starts=not constant)
    if by_size:
        define_sizes(model)
    for i in range(len(times)):
        rented = {name: over_time[i] for name, over_time in made.rented.items()}
        made.beside.append(limit_shares(model, offered, i, rented, made.paid_by_type))
    define_places(made)
    model.lp.setObjective(pulp.LpAffineExpression.from_list(made.cost))
    return made


def _nodes(model: Model, offer: Offer, name: str) -> pulp.LpVariable:
    return model.lp.add_variable(name, 0, offer.most_nodes, INTEGER)


def _worth(*rows: pulp.LpConstraint | None) -> float:
    """What the right sides of rows are worth together."""
    return max(0.0, -sum(row.pi or 0.0 for row in rows if row is not None))


def _whole(nodes: pulp.LpVariable) -> int:
    return ceil((nodes.varValue or 0.0) - SOLVER_TOLERANCE)


def _define_rows(made: NodeModel, potential: Potential, *, starts: bool) -> None:
    """Replicas stand on nodes, and of types that are only bought those that start as well."""
    offered, model = made.offered, made.model
    by_name = offered.by_name
    hourly = {offer.node_type for offer in offered.hourly}
    for j, node_type in enumerate(offered.node_types):
        size = float(offered.scenario.fleet.node_type(node_type).gpus)
        pools = [p for p, pool in enumerate(model.problem.pools) if pool.node_type == node_type]
        held: list[Terms] = [
            [(model.n[p][i], float(model.problem.pools[p].gpus)) for p in pools]
            for i in range(len(made.times))
        ]
        for p in pools if starts and node_type not in hourly else ():
            _add_starts(made, potential, p, held)
        made.rows.append([])
        for i, terms in enumerate(held):
            terms += [
                (x, -size)
                for name, x in made.bought.items()
                if by_name[name].node_type == node_type
            ]
            terms += [
                (over_time[i], -size)
                for name, over_time in made.rented.items()
                if by_name[name].node_type == node_type
            ]
            made.rows[-1].append(model.add(terms, "<=", 0.0, f"nodes_{j}_{i}"))


def _add_starts(made: NodeModel, potential: Potential, p: int, held: list[Terms]) -> None:
    """To what pool p holds [times] what its starts do, where the interval before is there too."""
    pool, place = potential.program.pools[p], {t: i for i, t in enumerate(made.times)}
    model = made.model
    for i in range(len(made.times)) if pool.lead > 0 else ():
        before = place.get(potential.earlier(made.times[i], 1))
        if before is None or before == i:
            continue
        up = model.lp.add_variable(f"up_{p}_{i}", 0)
        row: Terms = [(up, 1.0), (model.n[p][i], -1.0), (model.n[p][before], 1.0)]
        model.add(row, ">=", 0.0, f"starts_{p}_{i}")
        for ahead in range(1, pool.lead + 1):
            at = place.get(potential.earlier(made.times[i], ahead))
            if at is not None and (ahead == 1 or at != i):
                held[at].append((up, float(pool.gpus)))


@dataclass(frozen=True, slots=True)
class SizeRange:
    """Sizes of a pool from `low` to `high`, and what a replica serves in them at most."""

    low: int
    high: int
    share: float
    """Of what it serves in the program without `by_size`."""


def size_ranges(pool: PoolSpec, t: int) -> list[SizeRange]:
    """Ranges that grow by half, up to where a replica serves all but `ALIKE` of the most."""
    most = int(pool.most[t])
    if pool.by_size is None or most < 1:
        return [SizeRange(1, max(1, most), 1.0)]
    loads = pool.by_size.load[1:, :, t]
    able = np.isfinite(loads) & (loads > 0) & np.isfinite(pool.load[:, t])
    shares = np.where(able, pool.load[:, t] / np.where(able, loads, 1.0), 0.0).max(axis=1)
    at_most = np.minimum(1.0, np.maximum.accumulate(shares))
    found, low = list[SizeRange](), 1
    while low <= most:
        high = min(most, int(low * RANGE_GROWTH))
        share = float(at_most[min(high, len(at_most)) - 1])
        if share >= 1.0 - ALIKE or low > len(at_most):
            return [*found, SizeRange(low, most, 1.0)]
        found.append(SizeRange(low, high, share))
        low = high + 1
    return found


def define_sizes(model: Model) -> None:
    """Capacity by ranges of the size of a pool, where small pools serve less a replica."""
    for p, pool in enumerate(model.problem.pools):
        for t in range(model.problem.intervals):
            ranges = size_ranges(pool, t)
            if ranges[0].share < 1.0:
                _add_ranges(model, p, t, ranges)


def _add_ranges(model: Model, p: int, t: int, ranges: Sequence[SizeRange]) -> None:
    chosen: Terms = []
    sizes: Terms = [(model.n[p][t], 1.0)]
    load = model.problem.pools[p].load[:, t]
    served: Terms = [
        (flow, float(load[k])) for k, over in enumerate(model.x[p]) if (flow := over[t]) is not None
    ]
    for s, each in enumerate(ranges):
        used = model.lp.add_variable(f"z_{p}_{t}_{s}", 0, 1, INTEGER)
        size = model.lp.add_variable(f"m_{p}_{t}_{s}", 0)
        model.add([(size, 1.0), (used, -float(each.low))], ">=", 0.0, f"low_{p}_{t}_{s}")
        model.add([(size, 1.0), (used, -float(each.high))], "<=", 0.0, f"high_{p}_{t}_{s}")
        chosen.append((used, 1.0))
        sizes.append((size, -1.0))
        served.append((size, -each.share))
    model.add(chosen, "<=", 1.0, f"range_{p}_{t}")
    model.add(sizes, "==", 0.0, f"size_{p}_{t}")
    model.add(served, "<=", 0.0, f"by_size_{p}_{t}")


def define_places(made: NodeModel) -> None:
    """Nodes stand where offers allow it, no more than leaves have places and spines power for."""
    offered = made.offered
    if not offered.limits.rack_places and not offered.limits.power_w:
        return
    watts = dict(offered.limits.node_watts)
    spine_of = {leaf.name: leaf.spine for leaf in offered.scenario.fleet.network.leaves}
    on_leaf: dict[str, Terms] = {}
    in_spine: dict[str, Terms] = {}
    for o, offer in enumerate(offered.offers):
        here: Terms = []
        for i, leaf in enumerate(offered.leaves(offer)):
            part = made.model.lp.add_variable(f"s_{o}_{i}", 0)
            here.append((part, 1.0))
            on_leaf.setdefault(leaf, []).append((part, 1.0))
            power_w = watts.get(offer.node_type, 0.0)
            in_spine.setdefault(spine_of[leaf], []).append((part, power_w))
        nodes = made.rented.get(offer.name) or [made.bought[offer.name]]
        for i, count in enumerate(nodes):
            made.model.add([*here, (count, -1.0)], ">=", 0.0, f"standing_{o}_{i}")
    for i, (leaf, places) in enumerate(offered.limits.rack_places):
        if leaf in on_leaf:
            made.model.add(on_leaf[leaf], "<=", float(places), f"places_{i}")
    for i, (spine, most_w) in enumerate(offered.limits.power_w):
        terms = [(part, power_w / most_w) for part, power_w in in_spine.get(spine, [])]
        if terms and most_w > 0:
            made.model.add(terms, "<=", 1.0, f"power_{i}")


def usd_of(offered: Offered, counts: Mapping[str, int]) -> float:
    """What nodes that are paid anyway cost in the horizon [USD]."""
    return sum(offered.usd(offer) * counts.get(offer.name, 0) for offer in offered.paid)


def value_usd(offered: Offered, counts: Mapping[str, int]) -> float:
    """What nodes that are paid anyway cost in the horizon, free ones at the lowest price of others
    [USD]."""
    prices = [usd for each in offered.paid if (usd := offered.usd(each)) > 0]
    return max(usd_of(offered, counts), min(prices, default=0.0) * sum(counts.values()))


def rounded_up(potential: Potential, stop: Stop) -> Counts:
    """Nodes of the program in which they may be fractional; all there are, and one of those without
    a limit, where it has no answer."""
    model = node_model(potential, potential.busiest())
    if model.duals(Effort(stop=stop)) is None:
        return {each.name: each.most_nodes or 1 for each in potential.offered.offers}
    return model.rounded_up()


def with_room(offered: Offered, counts: Counts) -> Counts:
    """The nodes, all that stand for nothing more, and of those by the hour some to choose from."""
    more = dict(counts)
    for offer in offered.paid:
        if offer.kind is OfferKind.EXISTING and offer.usd_per_node_hour == 0.0:
            more[offer.name] = offer.most_nodes or 0
    for offer in offered.hourly:
        wanted = int(counts.get(offer.name, 0) * HOURLY_ROOM) + 1
        more[offer.name] = wanted if offer.most_nodes is None else min(wanted, offer.most_nodes)
    return more


def grown(offered: Offered, counts: Counts, usd: float) -> Counts:
    """More of each offer that has nodes in proportion, until all of them cost so much.

    Of those that have no more nodes, the cheapest other ones of their node type.
    """
    more, now = dict(counts), usd_of(offered, counts)
    scale = usd / now if now > 0 else 1.0
    for offer in offered.paid:
        wanted = int(counts.get(offer.name, 0) * scale)
        more[offer.name] = min(wanted, offer.most_nodes) if offer.most_nodes else wanted
    able = [offer for offer in offered.paid if counts.get(offer.name, 0) > 0]
    types = dict.fromkeys(offer.node_type for offer in able)
    while usd_of(offered, more) < usd:
        here = [o for o in able if _left(o, more) > 0] or [
            offer for each in types for offer in _open(offered, each, more)[:1]
        ]
        if not here:
            break
        least = min(here, key=lambda offer: more[offer.name] / max(1, counts.get(offer.name, 0)))
        more[least.name] += 1
    return more


def _left(offer: Offer, counts: Counts) -> float:
    """Nodes that may still be taken of an offer."""
    return inf if offer.most_nodes is None else offer.most_nodes - counts.get(offer.name, 0)


def _open(offered: Offered, node_type: str, counts: Counts) -> list[Offer]:
    """Offers of a node type that more may be taken of, paid for all hours, the cheapest first."""
    mine = [o for o in offered.paid if o.node_type == node_type and _left(o, counts) > 0]
    return sorted(mine, key=lambda offer: offer.usd_per_node_hour)


def scaled(offered: Offered, counts: Counts, factor: float) -> Counts:
    """So many times the nodes of each offer; of one that has too few, other ones of its type."""
    more = {name: ceil(factor * nodes) for name, nodes in counts.items()}
    for offer in offered.offers:
        over = -_left(offer, more)
        if over <= 0:
            continue
        more[offer.name] -= int(over)
        for other in _open(offered, offer.node_type, more):
            if over > 0:
                taken = int(min(over, _left(other, more)))
                more[other.name] = more.get(other.name, 0) + taken
                over -= taken
    return more


def with_fewer(offered: Offered, counts: Counts, offer: Offer) -> Counts:
    """Part of the nodes of an offer, and as many more of the cheapest of their type without a limit
    of its share."""
    left = int(counts.get(offer.name, 0) * FEWER)
    more = counts | {offer.name: left}
    others = [
        each
        for each in offered.offers
        if each.node_type == offer.node_type and each.most_share >= 1.0
    ]
    if others:
        other = min(others, key=lambda each: (not each.hourly, each.usd_per_node_hour))
        wanted = counts.get(other.name, 0) + counts.get(offer.name, 0) - left
        limit = wanted if other.most_nodes is None else other.most_nodes
        more[other.name] = min(wanted, limit)
    return more
