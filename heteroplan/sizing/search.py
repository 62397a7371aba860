"""The cheapest fleet: nodes by a program that proves a bound, and a plan that stands on them.

1. The program of merged domains says which nodes would do, and that none cost less (`program`).
2. They are put on leaves (`site`), and a plan is made on them.
3. Where that plan leaves demand unserved, the next cheapest nodes are tried.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import monotonic

from heteroplan.clock import Progress, Stop, never, silent
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.offers import Offers
from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.errors import NoPlanError
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.planning import make_plan
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.sizing.bill import bill, together
from heteroplan.sizing.offered import Offered
from heteroplan.sizing.outcome import Nodes, Sized
from heteroplan.sizing.potential import Potential
from heteroplan.sizing.program import Counts, Least, node_model, usd_of
from heteroplan.sizing.site import Built, Standing, built, placed
from heteroplan.verify import verify

PROGRAM_SHARE = 0.4
"""Of the time, at most, for the program of nodes."""
LEAST_STEP = 1e-6
"""Relative difference of costs that are tried one after the other."""
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


def size(
    scenario: Scenario,
    offers: Offers,
    *,
    gap: float = 0.01,
    time_limit_s: float = 60.0,
    stop: Stop = never,
    progress: Progress = silent,
) -> Sized:
    """The cheapest fleet of some offers that serves a scenario, with a plan on it and a bound.

    The nodes that the scenario's fleet has play no part: those that are kept are offers. Its
    network says where nodes may stand. Raises UsageError where offers do not fit the scenario, and
    NoPlanError where no fleet was found.
    """
    began = monotonic()
    end = began + time_limit_s
    offered = Offered.of(scenario, offers)
    potential = Potential.of(offered)
    if not potential.servable:
        raise NoPlanError(
            "no offered node type serves all requests from prompt to last token; offer others, or "
            "relax the slo"
        )
    best: Fitted | None = None
    bound_usd = 0.0
    effort = Effort(gap=gap / 10, deadline=began + PROGRAM_SHARE * time_limit_s, stop=stop)
    for found in _cheapest_first(potential, effort):
        bound_usd = max(bound_usd, found.bound_usd) if best is None else bound_usd
        fitted = _fitted(offered, found.counts, gap, end - monotonic(), stop)
        if fitted is not None and (best is None or _rank(fitted) < _rank(best)):
            best = fitted
            progress(best.cost_usd, bound_usd, monotonic() - began)
        if best is not None and best.plan.covered:
            break
        if monotonic() >= end or stop():
            break
    if best is None:
        raise NoPlanError("no fleet of these offers was found; raise --time-limit")
    return Sized(
        nodes=best.nodes,
        fleet=best.built.fleet,
        plan=best.plan,
        cost_usd=best.cost_usd,
        bound_usd=min(bound_usd, best.cost_usd),
        covered=best.plan.covered,
    )


def _rank(fitted: Fitted) -> tuple[float, float]:
    return fitted.plan.report.unserved_requests, fitted.cost_usd


def _cheapest_first(potential: Potential, effort: Effort) -> Iterator[Least]:
    """Nodes that would do, each the cheapest of those not tried before."""
    offered = potential.offered
    hourly = bool(offered.hourly)
    times = list(range(potential.program.intervals)) if hourly else potential.busiest()
    model = node_model(potential, times)
    while True:
        found = model.least(effort)
        if found.verdict is Verdict.INFEASIBLE or found.cost_usd is None:
            return
        yield found
        if hourly:
            return
        model.cost_at_least(usd_of(offered, found.counts) * (1 + LEAST_STEP))
        effort = replace(effort, deadline=monotonic() + 5.0)


def _fitted(
    offered: Offered, counts: Counts, gap: float, seconds: float, stop: Stop
) -> Fitted | None:
    """A plan on so many nodes; None where they find no room, or there is no plan."""
    standing = placed(offered, with_room(offered, counts))
    if standing is None or seconds <= 0:
        return None
    made = built(offered, standing)
    scenario = replace(
        offered.scenario, fleet=made.marginal, objective=Objective.COST, current=None
    )
    candidates = candidates_of(scenario)
    try:
        plan = make_plan(
            scenario,
            candidates,
            gap=gap if made.hourly else 1.0,
            time_limit_s=seconds,
            stop=stop,
            compare=False,
        )
    except NoPlanError:
        return None
    return fitted(offered, standing, made, plan, candidates)


def fitted(
    offered: Offered, standing: Standing, made: Built, plan: Plan, candidates: list[Candidate]
) -> Fitted:
    """What a plan on some nodes costs, its replicas put together on few of those paid by hour."""
    if made.hourly:
        plan = together(plan, made.hourly)
        verify(plan)
    return Fitted(standing, made, plan, bill(offered, standing, made, plan))


def with_room(offered: Offered, counts: Counts) -> Counts:
    """The nodes, and of those paid by the hour some more to choose from."""
    more = dict(counts)
    for offer in offered.hourly:
        wanted = int(counts.get(offer.name, 0) * HOURLY_ROOM) + 1
        more[offer.name] = wanted if offer.most_nodes is None else min(wanted, offer.most_nodes)
    return more
