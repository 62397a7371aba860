"""The cheapest fleet: nodes by a program that proves a bound, and a plan that stands on them.

1. The program of merged domains says which nodes would do, and that none cost less (`program`;
   where hours are paid, interval by interval: `rented`).
2. They are put on leaves (`site`), and a plan is made on them (`planned`).
3. Where that plan leaves demand unserved, the next cheapest nodes are tried, in larger steps the
   more have been; then cheaper ones between.
4. With the fleet known, the time left goes to its plan.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from time import monotonic

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.entities.offers import Offer, Offers
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.bill import bill, together
from heteroplan.sizing.offered import Offered, Rate
from heteroplan.sizing.outcome import Nodes, Sized
from heteroplan.sizing.planned import trial
from heteroplan.sizing.potential import Potential
from heteroplan.sizing.program import Counts, Least, node_model, usd_of
from heteroplan.sizing.rented import rented
from heteroplan.sizing.site import Built, Site, Standing, built, only_needed, placed
from heteroplan.sizing.spot import too_much
from heteroplan.sizing.starts import start_pools
from heteroplan.verify import verify

PROGRAM_SHARE = 0.3
"""Of the time, at most, for the first program of nodes."""
RENTED_SHARE = 0.6
"""The same where hours are paid."""
NEXT_SHARE = 0.05
"""Of the time, for each program after it."""
TRIAL_SHARE = 0.25
"""Of the time left, at most, for one plan on tried nodes."""
FIRST_TRIAL_SHARE = 0.7
"""The same for the first one."""
LEAST_TRIAL_S = 2.0
"""That a trial may take however late it is."""
TRIAL_STEPS = 14
"""Of the search for a plan on tried nodes."""
PLAN_SHARE = 0.5
"""Of the time left, for a better plan on the nodes that are chosen."""
FIRST_STEP = 1e-6
"""Relative difference of costs that are tried one after the other, to begin with."""
STEPS_ALIKE = 3
"""Trials that fail before the steps between costs grow."""
BUDGET_SHARE = 0.5
"""Of the time limit, beyond it, for a fleet within a budget that does not cover the demand."""
BETWEEN = 6
"""Trials between the last nodes that failed, or the bound, and the cheapest that covered."""
FEWER = 0.6
"""Of the nodes of an offer that are left where too much of a workload stands on them."""
HOURLY_ROOM = 1.25
"""Nodes by the hour that a plan may choose from, in those of the program: the rest is not paid."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """Nodes on leaves, the plan on them, and what they cost."""

    standing: Standing
    built: Built
    plan: Plan
    nodes: tuple[Nodes, ...]

    @property
    def cost_usd(self) -> float:
        return sum(row.cost_usd for row in self.nodes)

    @property
    def rank(self) -> tuple[float, float]:
        """Less is better: requests left unserved, then the cost."""
        return self.plan.report.unserved_requests, self.cost_usd


def size(
    scenario: Scenario,
    offers: Offers,
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
    rate: Rate = candidates_of,
) -> Sized:
    """The cheapest fleet of some offers that serves a scenario, with a plan on it and a bound.

    The nodes that the scenario's fleet has play no part: those that may be kept are offers. Its
    network says where nodes may stand. What runs when the horizon starts is not known of a fleet
    that does not stand yet, so its replicas begin ready. `progress` is told the cost of the best
    fleet, the bound and the seconds. `rate` says what engines serve on the nodes of a scenario.
    Raises UsageError where offers do not fit the scenario, NoPlanError where no fleet was found.
    """
    search = _Search(Offered.of(scenario, offers, rate), gap, time_limit_s, stop, progress)
    if not search.potential.servable:
        raise NoPlanError(
            "no offered node type serves all requests from prompt to last token; offer others, or "
            "relax the slo"
        )
    search.find()
    best = search.best
    if best is None:
        raise NoPlanError("no fleet of these offers was found; raise --time-limit")
    search.better_plan()
    best = search.best or best
    affordable = search.within_budget()
    if affordable is not None:
        best = affordable
    return Sized(
        nodes=best.nodes,
        fleet=best.built.fleet,
        plan=best.plan,
        cost_usd=best.cost_usd,
        bound_usd=min(search.bound_usd, best.cost_usd) if best.plan.covered else search.bound_usd,
        covered=best.plan.covered,
        binding=binding(search.offered, best, search.bound_usd),
    )


@dataclass
class _Search:
    """The best fleet so far, and what is proved of all of them."""

    offered: Offered
    gap: float
    time_limit_s: float
    stop: Stop
    progress: Progress
    began: float = field(default_factory=monotonic)
    best: Fitted | None = None
    bound_usd: float = 0.0
    potential: Potential = field(init=False)

    def __post_init__(self) -> None:
        self.potential = Potential.of(self.offered)

    @property
    def left_s(self) -> float:
        """Until the end; negative after it."""
        return self.began + self.time_limit_s - monotonic()

    @property
    def over(self) -> bool:
        return self.left_s <= 0 or self.stop()

    @property
    def closed(self) -> bool:
        """Whether the best fleet covers the demand within the gap."""
        if self.best is None or not self.best.plan.covered:
            return False
        return self.best.cost_usd - self.bound_usd <= self.gap * self.best.cost_usd

    def find(self) -> None:
        """Try nodes until a fleet covers the demand within the gap, or time is over."""
        if self.offered.hourly:
            self._find_rented()
            return
        for found in self._cheapest_first():
            fitted = self.fitted(found)
            if fitted is not None and (self.best is None or fitted.rank < self.best.rank):
                self.best = fitted
                self._told()
            if self.over or self.closed:
                return

    def _told(self) -> None:
        covered = self.best is not None and self.best.plan.covered
        cost = self.best.cost_usd if self.best is not None and covered else None
        self.progress(cost, self.bound_usd, monotonic() - self.began)

    def _cheapest_first(self) -> Iterator["Tried"]:
        """Nodes that would do, from the cheapest on; once some have covered, cheaper ones.

        Where the program has no good answer in time, more of each of its first nodes.
        """
        times = self.potential.busiest()
        model = node_model(self.potential, times)
        first = model.least(self._effort(PROGRAM_SHARE * self.time_limit_s))
        self.bound_usd = first.bound_usd
        self._told()
        if first.cost_usd is None:
            return
        found, step, failed = first, FIRST_STEP, 0
        while True:
            yield Tried(found, times)
            usd = usd_of(self.offered, found.counts)
            if self._covered:
                break
            failed += 1
            if failed > STEPS_ALIKE:
                step = max(2 * step, self.gap / 4)
            low = usd * (1 + step)
            model.cost_at_least(low)
            found = model.least(self._effort(NEXT_SHARE * self.time_limit_s))
            if found.verdict is Verdict.INFEASIBLE:
                return
            if found.cost_usd is None or found.cost_usd > low * (1 + self.gap):
                found = replace(first, counts=grown(self.offered, first.counts, low))
                if usd_of(self.offered, found.counts) < low * (1 - self.gap):
                    return
        failing = max(self.bound_usd, usd / (1 + step) if failed else 0.0)
        for _ in range(BETWEEN):
            best_usd = self.best.cost_usd if self.best is not None else usd
            if best_usd - failing <= self.gap * best_usd:
                return
            middle = (failing + best_usd) / 2
            yield Tried(replace(first, counts=grown(self.offered, first.counts, middle)), times)
            if self.best is not None and self.best.cost_usd == best_usd:
                failing = middle

    @property
    def _covered(self) -> bool:
        return self.best is not None and self.best.plan.covered

    def _effort(self, seconds: float) -> Effort:
        seconds = min(seconds, max(0.0, self.left_s))
        return Effort(gap=min(1e-4, self.gap), deadline=monotonic() + seconds, stop=self.stop)

    def _find_rented(self) -> None:
        """Nodes by the hour: as many in each interval as it needs, or any at any time."""
        found = rented(self.potential, self._effort(RENTED_SHARE * self.time_limit_s))
        self.bound_usd = found.least.bound_usd
        self._told()
        if found.least.cost_usd is None:
            return
        times = list(range(self.potential.program.intervals))
        for needed in (found.needed, None):
            fitted = self.fitted(Tried(found.least, times, needed))
            if fitted is not None and (self.best is None or fitted.rank < self.best.rank):
                self.best = fitted
                self._told()
            if self.closed or self.over:
                return

    def fitted(self, tried: "Tried") -> Fitted | None:
        """A plan on tried nodes; None where they find no room, or there is no plan.

        With fewer nodes of an offer, and others instead, while more of a workload stands on them
        than the offer allows.
        """
        counts = with_room(self.offered, tried.found.counts)
        while True:
            fitted = self._on_nodes(counts, tried)
            if fitted is None or not (over := too_much(fitted.plan, fitted.built.hourly)):
                return fitted
            for offer in over:
                counts = with_fewer(self.offered, counts, offer)
            tried = replace(tried, needed=None)

    def _on_nodes(self, counts: Counts, tried: "Tried") -> Fitted | None:
        standing = placed(self.offered, counts)
        if standing is None:
            return None
        made = built(self.offered, standing)
        if tried.needed is not None:
            made = only_needed(self.offered, made, tried.needed)
        scenario = _on(self.offered, made)
        starts = []
        if tried.found.replicas is not None:
            sizes = tried.found.replicas
            starts.append(start_pools(self.potential, tried.times, sizes, scenario))
        return self._planned(standing, made, starts, trying=True)

    def _planned(
        self, standing: Standing, made: Built, starts: list[tuple[Pool, ...]], *, trying: bool
    ) -> Fitted | None:
        scenario = _on(self.offered, made)
        candidates = self.offered.rate(scenario)
        plan = trial(
            scenario,
            candidates,
            starts,
            gap=1.0 if trying and (made.marginal.outages or not made.hourly) else self.gap / 2,
            seconds=max(LEAST_TRIAL_S, self.left_s * self._share(trying)),
            steps=TRIAL_STEPS if trying else None,
            stop=self.stop,
            hourly=made.hourly,
        )
        if plan is None:
            return None
        if made.hourly:
            plan = together(plan, made.hourly)
            verify(plan)
        return Fitted(standing, made, plan, bill(self.offered, standing, made, plan))

    def within_budget(self) -> Fitted | None:
        """Where the best fleet costs more than the budget, what serves most for the budget."""
        budget_usd = self.offered.limits.budget_usd
        if budget_usd is None or self.best is None or self.best.cost_usd <= budget_usd:
            return None
        times = list(range(self.potential.program.intervals))
        model = node_model(self.potential, times, allow_short=True)
        self.time_limit_s *= 1.0 + BUDGET_SHARE
        found = model.most_served(budget_usd, self._effort(self.left_s / 2))
        fitted = None if found.cost_usd is None else self.fitted(Tried(found, times))
        if fitted is None or fitted.cost_usd > budget_usd * (1 + ROUNDING):
            raise NoPlanError(
                f"no fleet within budget_usd {budget_usd:g} was found; covering the demand costs "
                f"{self.best.cost_usd:,.2f} USD; raise the budget or --time-limit"
            )
        return fitted

    def _share(self, trying: bool) -> float:
        """Of the time left, for one plan: most of it where there is no fleet yet."""
        if not trying:
            return PLAN_SHARE
        return FIRST_TRIAL_SHARE if self.best is None else TRIAL_SHARE

    def better_plan(self) -> None:
        """A better plan on the nodes of the best fleet, where there is time."""
        best = self.best
        if best is None or self.over:
            return
        found = self._planned(best.standing, best.built, [best.plan.pools], trying=False)
        if found is None or found.rank[0] > best.rank[0]:
            return
        if too_much(found.plan, found.built.hourly):
            return
        if found.rank < best.rank or found.plan.totals.gpu_hours < best.plan.totals.gpu_hours:
            self.best = found if found.cost_usd <= best.cost_usd else best


@dataclass(frozen=True, eq=False)
class Tried:
    """Nodes of the program of some intervals."""

    found: Least
    times: list[int]
    needed: dict[str, Ints] | None = None
    """Hourly offer -> [T] nodes that are there at most; None for no such limit."""


def binding(offered: Offered, best: Fitted, bound_usd: float) -> tuple[str, ...]:
    """Limits that the fleet has used up, in words."""
    site = Site(offered, dict(best.standing))
    found = [
        f"offer {offer.name} has no more than {offer.most_nodes} nodes"
        for offer in offered.offers
        if offer.most_nodes is not None and 0 < offer.most_nodes <= site.count(offer)
    ]
    found += [
        f"leaf {leaf} has no more than {places} rack places"
        for leaf, places in offered.limits.rack_places
        if places <= sum(n for (_, at), n in best.standing.items() if at == leaf)
    ]
    budget_usd = offered.limits.budget_usd
    if budget_usd is not None and bound_usd > budget_usd:
        found.append(
            f"the budget of {budget_usd:,.2f} USD is below the {bound_usd:,.2f} USD that covering "
            "the demand costs at least"
        )
    elif budget_usd is not None and not best.plan.covered:
        found.append(f"the budget of {budget_usd:,.2f} USD is spent")
    return tuple(found)


def _on(offered: Offered, made: Built) -> Scenario:
    """The scenario on a fleet, at what running its nodes costs more than to let them stand."""
    return replace(offered.scenario, fleet=made.marginal, objective=Objective.COST, current=None)


def with_room(offered: Offered, counts: Counts) -> Counts:
    """The nodes, and of those paid by the hour some more to choose from."""
    more = dict(counts)
    for offer in offered.hourly:
        wanted = int(counts.get(offer.name, 0) * HOURLY_ROOM) + 1
        more[offer.name] = wanted if offer.most_nodes is None else min(wanted, offer.most_nodes)
    return more


def grown(offered: Offered, counts: Counts, usd: float) -> Counts:
    """More of each offer that has nodes in proportion, until all of them cost so much."""
    more, now = dict(counts), usd_of(offered, counts)
    scale = usd / now if now > 0 else 1.0
    for offer in offered.paid:
        wanted = int(counts.get(offer.name, 0) * scale)
        more[offer.name] = min(wanted, offer.most_nodes) if offer.most_nodes else wanted
    able = [offer for offer in offered.paid if counts.get(offer.name, 0) > 0]
    while able and usd_of(offered, more) < usd:
        able = [o for o in able if o.most_nodes is None or more[o.name] < o.most_nodes]
        if not able:
            break
        least = min(able, key=lambda offer: more[offer.name] / counts[offer.name])
        more[least.name] += 1
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
