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

Of a workload that is to serve a share after the loss of any one of S domains, each stage has
capacity for S / (S - 1) times that share.

It knows no domains and no single nodes: every fleet that covers the demand meets it, so that its
bound holds for all of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, inf

import numpy as np
import pulp

from heteroplan.entities.offers import Offer
from heteroplan.numerics.tolerances import SHORT_MARGIN, SOLVER_TOLERANCE
from heteroplan.optimize.model import (
    build_model,
    cap_shortage,
    minimise_shortage,
    shortage_terms,
)
from heteroplan.optimize.program.problem import Floats, Ints, PoolSpec
from heteroplan.optimize.program.sizes import kind_of
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.sizing.counts import Counts
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.spot import leave_enough, limit_shares

RANGE_GROWTH = 1.5
"""Of a range of sizes, by which its end lies above its beginning."""
ALIKE = 0.002
"""Of what a replica serves at most, that larger pools cannot add: they are one range."""


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
    problem = potential.at(list(times))
    model = build_model(problem, allow_short=allow_short, constant=constant, by_pool=by_size)
    survive_losses(model, potential)
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


@dataclass(frozen=True, slots=True, eq=False)
class LoadModel:
    """How much of some bought nodes the fractional replicas of a program need."""

    made: NodeModel
    share: pulp.LpVariable
    rows: dict[str, pulp.LpConstraint]
    """By offer: its nodes are that share of those there are."""

    @classmethod
    def of(cls, potential: Potential, times: Sequence[int]) -> "LoadModel":
        """Of some intervals, in which nothing is paid by the hour."""
        made = node_model(potential, times)
        share = made.model.lp.add_variable("share", 0)
        rows = {}
        for name, x in made.bought.items():
            x.upBound = None
            rows[name] = made.model.add([(x, 1.0), (share, -1.0)], "==", 0.0, f"share_{name}")
        made.model.lp.setObjective(pulp.LpAffineExpression.from_list([(share, 1.0)]))
        return cls(made, share, rows)

    def load(self, counts: Counts, effort: Effort) -> float:
        """Least share of the nodes that serves all demand; infinite without one in time."""
        for name, row in self.rows.items():
            row[self.share] = -float(counts.get(name, 0))
        answer = solver.run(self.made.model.lp, effort, integer=False)
        if answer.verdict is not Verdict.OPTIMAL or answer.objective is None:
            return inf
        return answer.objective


def survive_losses(model: Model, potential: Potential) -> None:
    """Workloads that may lose a domain have the capacity that they need for that at least."""
    for w, kept in enumerate(potential.resilience):
        need = 1.0 if kept is None else kept.need
        for i in range(model.problem.intervals) if need > 1.0 else ():
            leave_enough(model, i, w, need, "survive")


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


def size_ranges(pool: PoolSpec, t: int, most: int) -> list[SizeRange]:
    """Ranges up to `most` that grow by half, until a replica serves all but `ALIKE` of the most."""
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
    """Capacity by ranges of the size of a pool, where small pools serve less a replica.

    Of the replicas on all node types that are one pool.
    """
    problem = model.problem
    kinds: dict[tuple[object, ...], list[int]] = {}
    for p, pool in enumerate(problem.pools):
        kinds.setdefault((pool.workload, *kind_of(pool)), []).append(p)
    for pools in kinds.values():
        for t in range(problem.intervals):
            most = sum(int(problem.pools[p].most[t]) for p in pools)
            ranges = size_ranges(problem.pools[pools[0]], t, most)
            if ranges[0].share < 1.0:
                _add_ranges(model, pools, t, ranges)


def _add_ranges(model: Model, pools: Sequence[int], t: int, ranges: Sequence[SizeRange]) -> None:
    chosen: Terms = []
    sizes: Terms = [(model.n[p][t], 1.0) for p in pools]
    served: Terms = [
        (flow, float(model.problem.pools[p].load[k, t]))
        for p in pools
        for k, over in enumerate(model.x[p])
        if (flow := over[t]) is not None
    ]
    at = f"{pools[0]}_{t}"
    for s, each in enumerate(ranges):
        used = model.lp.add_variable(f"z_{at}_{s}", 0, 1, INTEGER)
        size = model.lp.add_variable(f"m_{at}_{s}", 0)
        model.add([(size, 1.0), (used, -float(each.low))], ">=", 0.0, f"low_{at}_{s}")
        model.add([(size, 1.0), (used, -float(each.high))], "<=", 0.0, f"high_{at}_{s}")
        chosen.append((used, 1.0))
        sizes.append((size, -1.0))
        served.append((size, -each.share))
    model.add(chosen, "<=", 1.0, f"range_{at}")
    model.add(sizes, "==", 0.0, f"size_{at}")
    model.add(served, "<=", 0.0, f"by_size_{at}")


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
