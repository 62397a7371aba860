"""Nodes that are tried one after the other: the plan on each, the best so far, and the clock."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from time import monotonic

from heteroplan.clock import Progress, Stop
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.optimize.program.problem import Ints
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.sizing.counts import Counts, with_fewer, with_room
from heteroplan.sizing.outcome import Nodes, bill, without_idle
from heteroplan.sizing.planned import Trying, trial, without
from heteroplan.sizing.potential import Offered, Potential
from heteroplan.sizing.site import (
    Built,
    Section,
    Standing,
    built,
    on_section,
    only_needed,
    placed,
    sections,
    with_standing,
)
from heteroplan.sizing.spot import too_much
from heteroplan.sizing.starts import start_pools

TRIAL_SHARE = 0.2
"""Of the time left, at most, for one plan on tried nodes."""
LEAST_TRIAL_S = 8.0
"""That a trial may take however late it is: a first plan takes some seconds."""
TRIAL_STEPS = 20
"""Of the search for a plan on tried nodes, beside one for each workload."""
PATIENT_S, PATIENT_STEPS = 600.0, 4
"""Of a plan on them where time is over: steps, and seconds in case these never end."""
PLAN_SHARE = 0.5
"""Of the time left, for a better plan on the nodes that are chosen."""


@dataclass(frozen=True, eq=False)
class Share:
    """Nodes of a section, and what its program says of them."""

    section: Section
    counts: Counts
    times: Sequence[int] = ()
    """Intervals of the program that found them."""
    replicas: Ints | None = None
    """[P, times] its sizes of the merged pools."""
    needed: dict[str, Ints] | None = None
    """Hourly offer -> [T] nodes that are there at most; None for no such limit."""


@dataclass(frozen=True, eq=False)
class Tried:
    """Nodes to try."""

    counts: Counts
    shares: Sequence[Share] = ()
    """Of sections; those that were tried last are in proportion to them."""
    pools: Sequence[Pool] = ()
    """Of a plan on nodes like these, at which the search may begin as well."""
    patient: bool = False
    """Whether the plan may take as long as a few steps take, and is made on those that find room
    where not all do."""

    @classmethod
    def of(cls, shares: Sequence[Share], pools: Sequence[Pool] = ()) -> "Tried":
        """The nodes of all sections."""
        counts = Counter[str]()
        for each in shares:
            counts.update(each.counts)
        return cls(dict(counts), tuple(shares), pools)

    @property
    def all_there(self) -> "Tried":
        """With nodes by the hour there in all intervals."""
        shares = tuple(replace(each, needed=None) for each in self.shares)
        return replace(self, shares=shares)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Nodes on leaves, the plan on them, and what they cost."""

    counts: Counts
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


@dataclass
class Attempts:
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
    full: bool = False
    """Whether those find no room on the leaves."""
    bound_usd: float = 0.0
    impossible: bool = False
    """Whether the limits are known to leave no fleet that covers the demand."""
    potential: Potential = field(init=False)
    shares: Sequence[Share] = ()
    """Sections that were tried last."""

    def __post_init__(self) -> None:
        self.potential = Potential.of(self.offered)

    @cached_property
    def sections(self) -> tuple[Section, ...]:
        """Where nodes stand, and what they serve."""
        return sections(self.potential)

    @property
    def left_s(self) -> float:
        """Until the end; negative after it."""
        return self.began + self.time_limit_s - monotonic()

    @property
    def over(self) -> bool:
        return self.left_s <= 0 or self.stop()

    @property
    def best_usd(self) -> float:
        assert self.best is not None
        return self.best.cost_usd

    @property
    def covered(self) -> bool:
        """Whether the best fleet covers the demand."""
        return self.best is not None and self.best.plan.covered

    @property
    def closed(self) -> bool:
        """Whether it does so within the gap."""
        return self.covered and self.best_usd - self.bound_usd <= self.gap * self.best_usd

    def effort(self, seconds: float) -> Effort:
        """Of a program of nodes."""
        seconds = min(seconds, max(0.0, self.left_s))
        return Effort(gap=min(1e-4, self.gap), deadline=monotonic() + seconds, stop=self.stop)

    def raise_bound(self, usd: float) -> None:
        """No fleet that covers the demand costs less."""
        self.bound_usd = max(self.bound_usd, usd)
        self._tell()

    def attempt(self, tried: Tried) -> None:
        """Keep a fleet of these nodes if it is better than the best."""
        self.counts = tried.counts
        self.shares = tried.shares or self.shares
        self.last = self.fitted(tried)
        if self.last is not None and (self.best is None or self.last.rank < self.best.rank):
            self.best = self.last
            self._tell()

    def _tell(self) -> None:
        cost = self.best_usd if self.covered else None
        self.progress(cost, self.bound_usd, monotonic() - self.began)

    def fitted(self, tried: Tried) -> Fitted | None:
        """A plan on tried nodes; None where they find no room, or there is no plan.

        With fewer nodes of an offer, and others instead, while more of a workload stands on them
        than the offer allows.
        """
        counts = with_room(self.offered, tried.counts)
        while True:
            fitted = self._on_nodes(counts, tried)
            if fitted is None or not (over := too_much(fitted.plan, fitted.built.hourly)):
                return fitted
            for offer in over:
                counts = with_fewer(self.offered, counts, offer)
            tried = tried.all_there

    def _on_nodes(self, counts: Counts, tried: Tried) -> Fitted | None:
        among = [(each.section.leaves, each.counts) for each in tried.shares or self.shares]
        standing = placed(self.offered, counts, among)
        self.full = standing is None
        if tried.patient:
            standing = placed(self.offered, counts, among, partly=True)
        if standing is None:
            return None
        made = built(self.offered, standing)
        needed = [
            (each.section.leaves, each.needed) for each in tried.shares if each.needed is not None
        ]
        if needed:
            made = only_needed(self.offered, made, needed)
        starts = list(self._starts(tried, made))
        if tried.pools:
            starts.append(tuple(tried.pools))
        enough = made.not_needed or not made.hourly or tried.patient
        seconds = PATIENT_S if tried.patient else max(LEAST_TRIAL_S, self.left_s * TRIAL_SHARE)
        trying = Trying(
            gap=1.0 if enough else self.gap / 2,
            seconds=seconds,
            steps=PATIENT_STEPS if tried.patient else self._steps,
            stop=self.stop,
            calm=not self.offered.hourly,
        )
        return self._planned(counts, standing, made, starts, trying)

    def _starts(self, tried: Tried, made: Built) -> Iterator[tuple[Pool, ...]]:
        """At which a plan on nodes by the hour begins: those of all sections."""
        known = [each for each in tried.shares if each.replicas is not None]
        if not known or not self.offered.hourly:
            return
        limited, pools = without(self._on(made), made.not_needed), list[Pool]()
        for each in known:
            here, sizes = on_section(limited, each.section), each.replicas
            assert sizes is not None
            potential = each.section.potential
            pools += start_pools(potential, each.times, sizes, here, made.hourly)
        yield tuple(pools)

    @property
    def _steps(self) -> int:
        """Of the search for one plan."""
        return TRIAL_STEPS + len(self.offered.scenario.workloads)

    def _planned(
        self,
        counts: Counts,
        standing: Standing,
        made: Built,
        starts: list[tuple[Pool, ...]],
        trying: Trying,
    ) -> Fitted | None:
        scenario = self._on(made)
        candidates = self.offered.rate(scenario)
        plan = trial(scenario, candidates, starts, trying, made.hourly, made.not_needed)
        if plan is None:
            return None
        return Fitted(counts, standing, made, plan, bill(self.offered, standing, made, plan))

    def _on(self, made: Built) -> Scenario:
        """The scenario on a fleet, at what running its nodes costs more than to let them stand."""
        scenario = self.offered.scenario
        return replace(scenario, fleet=made.marginal, objective=Objective.COST, current=None)

    def give_back_idle(self, *, patient: bool) -> None:
        """The best fleet without nodes on which nothing stands, from the sizes of its plan.

        After the end as well, for some seconds or as long as a few steps take.
        """
        best = self.best
        if best is None or not best.plan.covered or self.stop():
            return
        left = without_idle(self.offered, best.standing, best.plan)
        if left == best.standing:
            return
        seconds = PATIENT_S if patient else max(LEAST_TRIAL_S, self.left_s)
        trying = Trying(1.0, seconds, PATIENT_STEPS, self.stop)
        made = replace(built(self.offered, left), not_needed=best.built.not_needed)
        found = self._planned(_counted(left), left, made, [best.plan.pools], trying)
        if found is None or found.rank >= best.rank or too_much(found.plan, found.built.hourly):
            return
        self.best = found
        self._tell()

    def keep_what_stands(self) -> None:
        """The best fleet with nodes that stand in place of new ones beside them; its plan stays."""
        best = self.best
        if best is None:
            return
        standing = with_standing(self.offered, best.standing)
        if standing == best.standing:
            return
        made = replace(built(self.offered, standing), not_needed=best.built.not_needed)
        nodes = bill(self.offered, standing, made, best.plan)
        self.best = Fitted(_counted(standing), standing, made, best.plan, nodes)

    def better_plan(self) -> None:
        """A better plan on the nodes of the best fleet, where there is time."""
        best = self.best
        if best is None or self.over:
            return
        trying = Trying(self.gap / 2, PLAN_SHARE * self.left_s, self._steps, self.stop)
        pools = [best.plan.pools]
        found = self._planned(best.counts, best.standing, best.built, pools, trying)
        if found is None or found.rank[0] > best.rank[0]:
            return
        if too_much(found.plan, found.built.hourly):
            return
        if found.rank < best.rank or found.plan.totals.gpu_hours < best.plan.totals.gpu_hours:
            self.best = found if found.cost_usd <= best.cost_usd else best


def _counted(standing: Standing) -> Counts:
    """Nodes by offer."""
    counts = Counter[str]()
    for (name, _), nodes in standing.items():
        counts[name] += nodes
    return dict(counts)
