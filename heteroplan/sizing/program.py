"""The program of a fleet: integer replicas in merged domains, on integer nodes of offers.

    x[o]    nodes of offer o that are paid for the whole horizon     integer
    y[o,t]  nodes of an hourly offer that run in interval t          integer
    s[o,l]  nodes of offer o on leaf l, where places are limited     >= 0

beside the replicas and flows of `optimize.rules.mip`. For each node type j and interval t

    Σ_{p on j} gpus[p]·n[p,t] <= gpus[j]·(Σ_{o of j} x[o] + y[o,t])       [GPUs]

and Σ usd[o]·x[o] + Σ usd_per_hour[o]·hours·y[o,t] is least. It knows no domains, no starts and no
single nodes: every fleet that covers the demand meets it, so that its bound holds for all of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pulp

from heteroplan.entities.offers import Offer
from heteroplan.numerics.tolerances import SHORT_MARGIN, SOLVER_TOLERANCE
from heteroplan.optimize.formulation.model import (
    build_model,
    cap_shortage,
    minimise_shortage,
    shortage_terms,
)
from heteroplan.optimize.program.problem import Floats, Ints
from heteroplan.optimize.rules.mip import INTEGER, Model, Terms
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.potential import Potential
from heteroplan.sizing.spot import limit_shares

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
) -> NodeModel:
    """The program of some intervals. Hourly offers are paid in these alone.

    With `constant` pools keep one size, as they do where nothing scales.
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
    _define_rows(made)
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


def _define_rows(made: NodeModel) -> None:
    """Replicas stand on nodes."""
    by_name, program = made.offered.by_name, made.model.problem
    for j, node_type in enumerate(made.offered.node_types):
        size = float(made.offered.scenario.fleet.node_type(node_type).gpus)
        pools = [p for p, pool in enumerate(program.pools) if pool.node_type == node_type]
        made.rows.append([])
        for i in range(len(made.times)):
            terms: Terms = [(made.model.n[p][i], float(program.pools[p].gpus)) for p in pools]
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
            made.rows[-1].append(made.model.add(terms, "<=", 0.0, f"nodes_{j}_{i}"))


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
