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
from functools import cached_property
from itertools import chain
from time import monotonic

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.entities.offers import Offers
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.errors import NoPlanError
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.bill import bill
from heteroplan.sizing.offered import Offered, Rate
from heteroplan.sizing.outcome import Nodes, Sized, binding
from heteroplan.sizing.planned import Trying, start_pools, trial
from heteroplan.sizing.potential import Potential
from heteroplan.sizing.program import (
    Counts,
    Least,
    grown,
    node_model,
    scaled,
    usd_of,
    with_fewer,
    with_room,
)
from heteroplan.sizing.rented import rented
from heteroplan.sizing.site import Built, Site, Standing, built, only_needed, placed
from heteroplan.sizing.spot import too_much

PROGRAM_SHARE = 0.15
"""Of the time, at most, for the first program of nodes."""
RENTED_SHARE = 0.6
"""The same where hours are paid."""
PROVING_SHARE = 0.8
"""Of what is left of it, for the program of all intervals at the end."""
NEXT_SHARE = 0.05
"""Of the time, for each program after it."""
TRIAL_SHARE = 0.3
"""Of the time left, at most, for one plan on tried nodes."""
FIRST_TRIAL_SHARE = 0.2
"""The same for the first one."""
LEAST_TRIAL_S = 2.0
"""That a trial may take however late it is."""
TRIAL_STEPS = 20
"""Of the search for a plan on tried nodes, beside one for each workload."""
GROWTH = (1.03, 1.06, 1.1, 1.3, 1.7, 2.5, 4.0, 8.0)
"""Of the nodes tried last, where time ended before any covered."""
PATIENT_S, PATIENT_STEPS = 600.0, 4
"""Of a plan on them: steps, and seconds in case these never end."""
PLAN_SHARE = 0.5
"""Of the time left, for a better plan on the nodes that are chosen."""
EXACT_CELLS = 400
"""Pools times intervals of a program that says what small pools serve."""
FIRST_STEP = 1e-6
"""Relative difference of costs of nodes that the program tries one after the other."""
MOST_NEXT = 3
"""Answers of the program that are tried after the first."""
GROWN = 0.02
"""Of the cost, by which nodes grow then at first; twice as much each time."""
BUDGET_SHARE = 0.5
"""Of the time limit, beyond it, for a fleet within a budget that does not cover the demand."""
BETWEEN = 6
"""Trials between the last nodes that failed, or the bound, and the cheapest that covered."""


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
    search.cover()
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
        binding=(
            *binding(search.offered, best.standing, search.bound_usd, covered=best.plan.covered),
            *search.hurried,
        ),
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
    counts: Counts = field(default_factory=dict)
    """Nodes that were tried last."""
    last: Fitted | None = None
    """The one that was tried last; None where there was no plan on it."""
    bound_usd: float = 0.0
    impossible: bool = False
    """Whether the limits are known to leave no fleet that covers the demand."""
    hurried: tuple[str, ...] = ()
    """In words, where time did not suffice for a fleet that is as small as it may be."""
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
        return self._covered and self._best_usd - self.bound_usd <= self.gap * self._best_usd

    def find(self) -> None:
        """Try nodes until a fleet covers the demand within the gap, or time is over."""
        if self.offered.hourly:
            self._find_rented()
            return
        for tried in chain(self._cheapest_first(), self._of_all()):
            self._try(tried)
            if self.over or self.closed:
                return

    def cover(self) -> None:
        """Where no fleet that was tried in time covers the demand: larger ones, until one does.

        However long that takes, as a plan with room is soon found: else a machine that is busy with
        other work would have no answer at all.
        """
        if self._covered or self.impossible:
            return
        counts = self.counts or self._rounded_up()
        for factor in GROWTH:
            if self.stop():
                return
            more = scaled(self.offered, counts, factor)
            self._try(Tried(Least(Verdict.LIMIT, 0.0, 0.0, more), [], patient=True))
            if self._covered:
                self.hurried = (
                    f"the time limit of {self.time_limit_s:g} s: it ended before a fleet covered "
                    "the demand, so nodes were added until one did; raise --time-limit",
                )
                return
            if more == scaled(self.offered, more, 2.0):
                return

    def _rounded_up(self) -> Counts:
        """Nodes of the program in which they may be fractional; all there are, and one of those
        without a limit, where it has no answer."""
        model = node_model(self.potential, self.potential.busiest())
        if model.duals(Effort(stop=self.stop)) is None:
            return {each.name: each.most_nodes or 1 for each in self.offered.offers}
        return model.rounded_up()

    def _try(self, tried: "Tried") -> None:
        """Keep a fleet of these nodes if it is better than the best."""
        self.counts = tried.found.counts
        self.last = self.fitted(tried)
        if self.last is not None and (self.best is None or self.last.rank < self.best.rank):
            self.best = self.last
            self._told()

    def _told(self) -> None:
        cost = self._best_usd if self._covered else None
        self.progress(cost, self.bound_usd, monotonic() - self.began)

    def _cheapest_first(self) -> Iterator["Tried"]:
        """Nodes that would do, from the cheapest on; once some have covered, cheaper ones.

        First those that the interval which costs most needs. Where a plan on them goes short in
        another one, that becomes part of the program. After some of them, and where the program has
        no good answer in time, more of each, by larger and larger steps: a plan on many nodes is
        found soon, that there is none on few nodes never.
        """
        first = tried = self._first()
        self.impossible = tried.found.verdict is Verdict.INFEASIBLE
        low_usd, step, nexts = 0.0, GROWN, MOST_NEXT
        while tried.found.cost_usd is not None:
            yield tried
            if self._covered:
                yield from self._between(tried, max(self.bound_usd, low_usd))
                yield from self._fewer()
                return
            low_usd = usd_of(self.offered, tried.found.counts) * (1 + FIRST_STEP)
            again = self._next(tried, low_usd) if nexts > 0 else None
            if self.impossible:
                return
            nexts -= 1
            if again is None:
                nexts = 0
                counts = grown(self.offered, first.found.counts, low_usd * (1 + step))
                again, step = first.with_counts(counts), 2 * step
                if usd_of(self.offered, counts) < low_usd:
                    return
            tried = again

    def _of_all(self) -> Iterator["Tried"]:
        """Those of the program of all intervals that no other outdoes, for what it proves too.

        Where they are many, and the first program had few of them.
        """
        if self._exact(self._busiest):
            return
        share = max(0.0, self.left_s) * PROVING_SHARE / self.time_limit_s
        tried = self._of_program(self._busiest, share, by_size=False)
        usd = tried.found.cost_usd
        if usd is not None and (self.best is None or usd < self._best_usd):
            yield tried

    def _next(self, tried: "Tried", low_usd: float) -> "Tried | None":
        """The cheapest nodes that cost more than those tried; None where too little is known."""
        times = self._short_elsewhere(tried.times)
        again = self._of_program(times or tried.times, NEXT_SHARE, low_usd)
        self.impossible = again.found.verdict is Verdict.INFEASIBLE
        usd = again.found.cost_usd
        return again if usd is not None and usd <= (1 + self.gap) * low_usd else None

    @cached_property
    def _busiest(self) -> list[int]:
        """Intervals that no other one outdoes, and those whose starts hold GPUs in them."""
        return self.potential.with_starts(self.potential.busiest())

    def _first(self) -> "Tried":
        """Of all intervals that no other one outdoes, if they are few; else of the dearest."""
        busiest = self._busiest
        if not self._exact(busiest):
            return self._of_program(self._dearest(busiest), PROGRAM_SHARE)
        plain = self._of_program(busiest, PROGRAM_SHARE, by_size=False)
        if not self.potential.program.sized or plain.found.cost_usd is None:
            return plain
        close = self._of_program(busiest, PROGRAM_SHARE)
        known = close.found.cost_usd is not None
        return close if known and close.found.bound_usd >= plain.found.bound_usd else plain

    def _dearest(self, busiest: list[int]) -> list[int]:
        """The interval for which most is paid, and those whose starts hold GPUs in it."""
        prices = node_model(self.potential, busiest).duals(self._effort(self.left_s))
        if prices is None:
            return busiest
        self.bound_usd = max(self.bound_usd, prices.bound_usd)
        worth = prices.usd.sum(axis=0)
        return self.potential.with_starts([busiest[int(worth.argmax())]])

    def _exact(self, times: list[int]) -> bool:
        """Whether a program of so many intervals may look closely."""
        return len(times) * len(self.potential.program.pools) <= EXACT_CELLS

    def _of_program(
        self, times: list[int], share: float, low_usd: float = 0.0, *, by_size: bool = True
    ) -> "Tried":
        """The cheapest nodes of the program of some intervals that cost so much at least."""
        by_size = by_size and self.potential.program.sized and self._exact(times)
        model = node_model(self.potential, times, by_size=by_size)
        if low_usd > 0.0:
            model.cost_at_least(low_usd)
        found = model.least(self._effort(share * self.time_limit_s))
        if low_usd == 0.0:
            self.bound_usd = max(self.bound_usd, found.bound_usd)
            self._told()
        return Tried(found, times)

    def _short_elsewhere(self, times: list[int]) -> list[int] | None:
        """The intervals, and that in which the last plan goes shortest of others; None where there
        is none, or they would be too many."""
        if self.last is None:
            return None
        short: dict[int, float] = {}
        for each in self.last.plan.shortages:
            if each.interval not in times:
                short[each.interval] = short.get(each.interval, 0.0) + each.unserved_rps
        if not short:
            return None
        worst = max(short, key=lambda t: short[t])
        more = sorted({*times, *self.potential.with_starts([worst])})
        return more if self._exact(more) else None

    def _between(self, tried: "Tried", failing_usd: float) -> Iterator["Tried"]:
        """Nodes that cost less than those that covered, and more than what did not."""
        for _ in range(BETWEEN):
            best_usd = self._best_usd
            if best_usd - failing_usd <= self.gap / 2 * best_usd:
                return
            middle = (failing_usd + best_usd) / 2
            counts = grown(self.offered, tried.found.counts, middle)
            if usd_of(self.offered, counts) >= best_usd:
                return
            yield tried.with_counts(counts)
            if self._best_usd == best_usd:
                failing_usd = middle

    def _fewer(self) -> Iterator["Tried"]:
        """The nodes that covered, but one: the dearest offer first, again where that covers."""
        for offer in sorted(self.offered.paid, key=lambda each: -each.usd_per_node_hour):
            while True:
                best = self.best
                if best is None or offer.usd_per_node_hour <= 0:
                    break
                counts = Site(self.offered, dict(best.standing)).counts
                if counts.get(offer.name, 0) == 0:
                    break
                counts[offer.name] -= 1
                least = Least(Verdict.LIMIT, 0.0, usd_of(self.offered, counts), counts)
                yield Tried(least, [])
                if self.best is best:
                    break

    @property
    def _best_usd(self) -> float:
        assert self.best is not None
        return self.best.cost_usd

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
            self._try(Tried(found.least, times, needed))
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
        starts: list[tuple[Pool, ...]] = []
        if tried.found.replicas is not None and self.offered.hourly:
            sizes = tried.found.replicas
            starts.append(start_pools(self.potential, tried.times, sizes, scenario))
        enough = made.marginal.outages or not made.hourly or tried.patient
        share = FIRST_TRIAL_SHARE if self.best is None else TRIAL_SHARE
        seconds = PATIENT_S if tried.patient else max(LEAST_TRIAL_S, self.left_s * share)
        steps = PATIENT_STEPS if tried.patient else TRIAL_STEPS + len(scenario.workloads)
        calm = not self.offered.hourly
        trying = Trying(1.0 if enough else self.gap / 2, seconds, steps, self.stop, calm)
        return self._planned(standing, made, starts, trying)

    def _planned(
        self, standing: Standing, made: Built, starts: list[tuple[Pool, ...]], trying: Trying
    ) -> Fitted | None:
        scenario = _on(self.offered, made)
        plan = trial(scenario, self.offered.rate(scenario), starts, trying, made.hourly)
        if plan is None:
            return None
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

    def better_plan(self) -> None:
        """A better plan on the nodes of the best fleet, where there is time."""
        best = self.best
        if best is None or self.over:
            return
        trying = Trying(self.gap / 2, PLAN_SHARE * self.left_s, None, self.stop)
        found = self._planned(best.standing, best.built, [best.plan.pools], trying)
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
    patient: bool = False
    """Whether the plan may take as long as a few steps take."""

    def with_counts(self, counts: Counts) -> "Tried":
        return replace(self, found=replace(self.found, counts=counts))


def _on(offered: Offered, made: Built) -> Scenario:
    """The scenario on a fleet, at what running its nodes costs more than to let them stand."""
    return replace(offered.scenario, fleet=made.marginal, objective=Objective.COST, current=None)
