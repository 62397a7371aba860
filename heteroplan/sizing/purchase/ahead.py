"""A look ahead over the quarters of a purchase plan: what a node is worth later.

One linear program has all quarters, each with the demand of its end, merged domains and fractional
nodes and replicas, as `program` has them for one:

    x[o,q]    nodes of offer o ordered for quarter q; they stay until their term ends
    e[o,q]    nodes kept of those that stand; e[o,q] <= e[o,q-1]
    y[o,t]    nodes by the hour

Its cost is a bound for every purchase plan of the offers. The dual μ[j,q] of its rows of nodes is
what one more node of type j is worth in quarter q. So the price of an order that counts in its
first quarter is what it costs until the end of its term or of the plan, less what it is worth in
the quarters after that; of a node that stands, less what it is worth to have it still. No offer is
cheaper at these prices than those that the program takes, which are preferred by a little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property

import pulp

from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.entities.purchasing import Growth, Payment, Purchasing
from heteroplan.entities.scenario import Scenario
from heteroplan.numerics.tolerances import SOLVER_TOLERANCE
from heteroplan.optimize.model import build_model
from heteroplan.optimize.rules.mip import Model, Terms
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.program import survive_losses
from heteroplan.sizing.spot import limit_shares

QUARTERS_A_YEAR = 4
MONTHS = 3
"""Of a quarter."""
PREFERRED = 0.02
"""Share by which what the program takes counts as cheaper: duals alone may leave a tie."""
TAKEN = 1e-6
"""Nodes from which on the program takes an offer."""
LEAST_PRICE = 1e-3
"""Share of its price that counts of an offer at least: what is of no use costs something."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the look ahead says."""

    bound_usd: float
    """No purchase plan of the offers costs less in all quarters."""
    prices: tuple[Mapping[str, float], ...]
    """By quarter: offer -> USD of a node-hour that counts in it."""
    stays: tuple[frozenset[str], ...] = ()
    """By quarter: nodes that stand, all of an offer, and are worth more later than they cost."""


def months_later(moment: datetime, months: int) -> datetime:
    """The same day and time some months later, or the last day of a shorter month."""
    year, month = divmod(moment.month - 1 + months, 12)
    for day in range(moment.day, moment.day - 4, -1):
        try:
            return moment.replace(year=moment.year + year, month=month + 1, day=day)
        except ValueError:
            continue
    raise AssertionError("a month has 28 days at least")


def hours_of(first: datetime, quarter: int) -> float:
    """Hours of a quarter, numbered from 0, of a plan that begins at `first`."""
    start, end = (months_later(first, MONTHS * (quarter + i)) for i in (0, 1))
    return (end - start).total_seconds() / 3600.0


def price_in(quarter: int, since: int, payment: Payment, kind: OfferKind | None) -> float | None:
    """USD an hour of a node that was ordered for quarter `since`; None where its term is over."""
    years = payment.years
    if years is None or quarter - since < years * QUARTERS_A_YEAR:
        return payment.usd_per_node_hour
    return None if kind is OfferKind.RESERVED else payment.running_usd_per_node_hour


def look_ahead(scenario: Scenario, terms: Purchasing, effort: Effort) -> Ahead | None:
    """None where time ran out, or the demand cannot be served with what comes in time."""
    assert terms.growth is not None
    offered = Offered.of(replace(scenario, fleet=terms.fleet), terms.offers)
    times = Potential.of(offered).busiest() if not offered.hourly else None
    every = range(scenario.horizon.intervals)
    program = _Program(offered, terms, terms.growth, tuple(every if times is None else times))
    return program.solved(effort)


@dataclass
class _Program:
    """All quarters at once."""

    offered: Offered
    terms: Purchasing
    growth: Growth
    times: tuple[int, ...]
    """Of the horizon, in each quarter."""
    ordered: dict[tuple[str, int], pulp.LpVariable] = field(default_factory=dict)
    kept: dict[tuple[str, int], pulp.LpVariable] = field(default_factory=dict)
    rented: dict[str, list[pulp.LpVariable]] = field(default_factory=dict)
    cost: Terms = field(default_factory=list)
    rows: dict[tuple[str, int], list[pulp.LpConstraint]] = field(default_factory=dict)
    """(node type, quarter) -> replicas stand on nodes."""

    @cached_property
    def quarters(self) -> range:
        return range(self.growth.quarters)

    @cached_property
    def hours(self) -> list[float]:
        first = self.offered.scenario.horizon.start
        return [hours_of(first, q) for q in self.quarters]

    def solved(self, effort: Effort) -> Ahead | None:
        """Build it and solve it."""
        scenario = self.offered.scenario
        length = scenario.horizon.intervals
        potential = Potential.of(replace(self.offered, scenario=self._all_quarters()))
        at = [q * length + t for q in self.quarters for t in self.times]
        model = build_model(potential.at(at), allow_short=False)
        survive_losses(model, potential)
        for offer in self.offered.offers:
            self._define(model, offer)
        self._define_rows(model)
        scale = max((usd for _, usd in self.cost), default=1.0) or 1.0
        terms = [(variable, usd / scale) for variable, usd in self.cost]
        model.lp.setObjective(pulp.LpAffineExpression.from_list(terms))
        answer = None if effort.over() else solver.run(model.lp, effort, integer=False)
        if answer is None or answer.verdict is not Verdict.OPTIMAL or answer.objective is None:
            return None
        worth = {key: scale * self._dual(key[0], rows) for key, rows in self.rows.items()}
        prices = [
            {each.name: self._price(each, q, worth) for each in self.offered.offers}
            for q in self.quarters
        ]
        counted = tuple(
            {name: self._counted(name, q, usd) for name, usd in here.items()}
            for q, here in enumerate(prices)
        )
        stays = tuple(
            frozenset(name for name, usd in here.items() if usd < 0.0 and self._all_kept(name, q))
            for q, here in enumerate(prices)
        )
        bound_usd = max(0.0, answer.objective * scale * (1.0 - SOLVER_TOLERANCE))
        return Ahead(bound_usd, counted, stays)

    def _counted(self, name: str, quarter: int, usd: float) -> float:
        usd = max(LEAST_PRICE * self.offered.by_name[name].usd_per_node_hour, usd)
        return usd * (1.0 - PREFERRED) if self._nodes(name, quarter) > TAKEN else usd

    def _nodes(self, name: str, quarter: int) -> float:
        """That the program takes of an offer in a quarter, at most at a time."""
        first = quarter * len(self.times)
        here = self.rented.get(name, ())[first : first + len(self.times)] or [
            each[name, quarter] for each in (self.kept, self.ordered) if (name, quarter) in each
        ]
        return max((each.varValue or 0.0 for each in here), default=0.0)

    def _all_kept(self, name: str, quarter: int) -> bool:
        most = self.offered.by_name[name].most_nodes or 0
        return (name, quarter) in self.kept and self._nodes(name, quarter) > most - TAKEN

    def _all_quarters(self) -> Scenario:
        """The horizon of each quarter after that of the one before."""
        scenario = self.offered.scenario
        horizon = scenario.horizon
        return replace(
            scenario,
            horizon=replace(
                horizon, intervals=len(self.quarters) * horizon.intervals, cyclic=False
            ),
            workloads=tuple(
                replace(
                    load,
                    demand=tuple(
                        replace(each, rps=each.rps * self.growth.factor(q))
                        for q in self.quarters
                        for each in load.demand
                    ),
                )
                for load in scenario.workloads
            ),
        )

    def _paid(self, offer: Offer, since: int, quarter: int) -> float | None:
        """USD of a node in a quarter; None after its term."""
        price = price_in(quarter, since, self.terms.payments[offer.name], offer.kind)
        return None if price is None else price * self.hours[quarter]

    def _in_time(self, offer: Offer, quarter: int) -> bool:
        first = self.offered.scenario.horizon.start
        return offer.lead_time_days <= (months_later(first, MONTHS * quarter) - first).days

    def _define(self, model: Model, offer: Offer) -> None:
        """Variables of an offer, what they cost, and how many there are at most."""
        o = self.offered.offers.index(offer)
        most, add = offer.most_nodes, model.lp.add_variable
        if offer.hourly:
            share = offer.paid_per_serving * self.offered.scenario.horizon.interval_hours
            made: list[pulp.LpVariable] = []
            for q in self.quarters:
                usd = offer.usd_per_node_hour * share * self.hours[q] / self.offered.hours
                limit = most if self._in_time(offer, q) else 0
                here = [add(f"y_{o}_{q}_{i}", 0, limit) for i in range(len(self.times))]
                made += here
                self.cost += [(y, usd) for y in here]
            self.rented[offer.name] = made
            return
        for q in self.quarters:
            if offer.kind is OfferKind.EXISTING:
                least = most if offer.name in self.terms.kept else 0
                e = self.kept[offer.name, q] = add(f"e_{o}_{q}", least, most)
                self.cost.append((e, offer.usd_per_node_hour * self.hours[q]))
                if q > 0:
                    model.add(
                        [(e, 1.0), (self.kept[offer.name, q - 1], -1.0)], "<=", 0.0, f"e_{o}_{q}"
                    )
                continue
            x = add(f"x_{o}_{q}", 0, most if self._in_time(offer, q) else 0)
            self.ordered[offer.name, q] = x
            self.cost.append((x, self._whole_usd(offer, q)))
        for q in self.quarters if most is not None and offer.kind is not OfferKind.EXISTING else ():
            standing: Terms = [(x, 1.0) for x in self._standing(offer, q)]
            model.add(standing, "<=", float(most or 0), f"most_{o}_{q}")

    def _whole_usd(self, offer: Offer, since: int) -> float:
        """Of a node ordered for a quarter, until the end of its term or of the plan."""
        return sum(self._paid(offer, since, q) or 0.0 for q in self.quarters if q >= since)

    def _standing(self, offer: Offer, quarter: int) -> list[pulp.LpVariable]:
        """Nodes that are paid in a quarter, whenever they were ordered."""
        if offer.kind is OfferKind.EXISTING:
            return [self.kept[offer.name, quarter]]
        return [
            self.ordered[offer.name, since]
            for since in range(quarter + 1)
            if self._paid(offer, since, quarter) is not None
        ]

    def _define_rows(self, model: Model) -> None:
        """Replicas stand on nodes."""
        pools = model.problem.pools
        for q in self.quarters:
            paid: dict[str, list[pulp.LpVariable]] = {}
            for offer in self.offered.paid:
                paid.setdefault(offer.node_type, []).extend(self._standing(offer, q))
            for at in range(len(self.times)):
                i = q * len(self.times) + at
                rented = {name: over[i] for name, over in self.rented.items()}
                for j, node_type in enumerate(self.offered.node_types):
                    size = float(self.terms.fleet.node_type(node_type).gpus)
                    terms: Terms = [
                        (model.n[p][i], float(pool.gpus))
                        for p, pool in enumerate(pools)
                        if pool.node_type == node_type
                    ]
                    terms += [(x, -size) for x in paid.get(node_type, ())]
                    terms += [
                        (rented[each.name], -size)
                        for each in self.offered.hourly
                        if each.node_type == node_type
                    ]
                    row = model.add(terms, "<=", 0.0, f"nodes_{j}_{i}")
                    self.rows.setdefault((node_type, q), []).append(row)
                for node_type, row in limit_shares(model, self.offered, i, rented, paid).items():
                    self.rows[node_type, q].append(row)

    def _dual(self, node_type: str, rows: Sequence[pulp.LpConstraint]) -> float:
        gpus = self.terms.fleet.node_type(node_type).gpus
        return max(0.0, -sum(row.pi or 0.0 for row in rows)) * gpus

    def _price(self, offer: Offer, quarter: int, worth: Mapping[tuple[str, int], float]) -> float:
        """USD of a node-hour that counts in a quarter: less what the node is worth afterwards."""
        plain = offer.usd_per_node_hour
        if offer.hourly:
            return plain * offer.paid_per_serving
        later = [(q, worth[offer.node_type, q]) for q in self.quarters if q > quarter]
        if offer.kind is OfferKind.EXISTING:
            still_usd = 0.0
            for q, usd in reversed(later):
                still_usd = max(0.0, usd - plain * self.hours[q] + still_usd)
            usd_in = plain * self.hours[quarter] - still_usd
        else:
            served = sum(usd for q, usd in later if self._paid(offer, quarter, q) is not None)
            usd_in = self._whole_usd(offer, quarter) - served
        return usd_in / self.hours[quarter]
