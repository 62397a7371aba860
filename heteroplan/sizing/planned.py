"""A plan on nodes that are tried: as quick as it gets, for whether they serve all demand.

Of nodes by the hour it begins at the replicas with which the program chose them (`start_pools`),
mended first in the hours in which these go short. On nodes that are paid anyway it begins at
nothing, and starts count more than they cost (`CALM`): what changes little finds room on nodes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic

import numpy as np

from heteroplan.clock import Late, Stop, silent
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.fleet import Outage
from heteroplan.entities.offers import Offer
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.optimize.bound.minima import refuse_unmet_minima
from heteroplan.optimize.improve.repair import repair
from heteroplan.optimize.incumbent import incumbent, of_sizes
from heteroplan.optimize.program.before import without_handover
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.program.supply import Places, supply_rows
from heteroplan.optimize.search import FOR_A_TRIAL, Search
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.placement.pack import Packing
from heteroplan.placement.settle import settle
from heteroplan.planning.assemble import assemble, sizes_of
from heteroplan.sizing.spot import backed
from heteroplan.sizing.together import Shape, together
from heteroplan.verify import verify

MENDING_SHARE = 0.2
"""Of the time of a trial, for hours in which its starts go short."""
PACKING_SHARE = 0.3
"""Of the time of a trial, for its replicas to find nodes."""
TOGETHER_S = 20.0
"""That fewer node-hours may take however late it is."""
CALM = 10.0
"""Multiple of the cost of a start. On four-type's fleet for 23,270 USD plans have 1,392 starts at
1 and leave 18,428 requests without nodes, 744 at 10 and leave none; with 100 sizes are found no
more that serve all demand."""


@dataclass(frozen=True, slots=True)
class Trying:
    """How long and how well a plan is looked for."""

    gap: float
    """Of its cost; the first plan that serves all demand within it ends the search."""
    seconds: float
    steps: int | None
    stop: Stop
    calm: bool = False
    """Whether few starts count more than their cost does."""


def trial(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    starts: Sequence[Sequence[Pool]],
    trying: Trying,
    hourly: Mapping[str, Offer],
    not_needed: tuple[Outage, ...] = (),
) -> Plan | None:
    """A plan that serves as much as the search finds in some steps or seconds; None without one.

    `starts` are pools that the search may begin at. `hourly` are the offers of node types that are
    paid by the hour: few of their nodes run at a time. `not_needed` are nodes on which pools do not
    count, but on which replicas find room where they do not fit on others.
    """
    began = monotonic()
    seconds, stop, gap = trying.seconds, trying.stop, trying.gap
    whole = backed(replace(build_problem(scenario, candidates), hardware=()), hourly)
    needed = Places(without(scenario, not_needed))
    problem = replace(whole, supplies=tuple(supply_rows(needed, whole.pools)))
    sizes = [within_supply(problem, sizes_of(problem, candidates, pools)) for pools in starts]
    try:
        refuse_unmet_minima(scenario, problem, Effort(deadline=began + seconds, stop=stop))
        begun = []
        if sizes:
            mending = replace(trying, seconds=seconds * MENDING_SHARE)
            begun = [of_sizes(problem, mended(problem, sizes, mending))]
        outcome = solve(
            calmer(problem) if trying.calm else problem,
            gap=gap,
            time_limit_s=began + seconds * (1 - PACKING_SHARE) - monotonic(),
            stop=stop,
            starts=[each.solution.replicas for each in begun if each.covered or hourly],
            without=FOR_A_TRIAL,
            beside=False,
            steps=trying.steps,
        )
        found = incumbent(problem, outcome.solution)
        plan = min((found, *begun), key=lambda each: each.rank)
        end = began + seconds
        if trying.calm:
            outcome = outcome.weakened(1 / CALM)
            whole = calmer(whole)
            plan = incumbent(whole, plan.solution)
        settled = settle(scenario, candidates, whole, plan, (), gap, stop, deadline=end)
        settled = replace(settled, plan=incumbent(problem, settled.plan.solution))
    except NoPlanError:
        return None
    effort = Effort(deadline=end, stop=stop)
    if hourly:
        late = replace(effort, deadline=max(end, monotonic() + TOGETHER_S))
        packing = _together(scenario, candidates, whole, settled.packing, hourly, late)
        settled = replace(settled, packing=packing)
    extra, took_s = settled.moves_cost(problem), monotonic() - began
    final = outcome.of_plan(problem, settled.plan, extra, gap, took_s, effort)
    made = assemble(scenario, candidates, problem, final, settled.packing.stays)
    verify(made)
    return made


def without(scenario: Scenario, nodes: tuple[Outage, ...]) -> Scenario:
    """The scenario on the fleet without some nodes."""
    return replace(scenario, fleet=replace(scenario.fleet, outages=nodes))


def calmer(problem: Problem) -> Problem:
    """The program in which starts count `CALM` times: no plan costs more than so many times what
    it does in the program itself."""
    pools = (replace(pool, start_cost=CALM * pool.start_cost) for pool in problem.pools)
    return replace(problem, pools=tuple(pools))


def _together(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    problem: Problem,
    packing: Packing,
    hourly: Mapping[str, Offer],
    effort: Effort,
) -> Packing:
    shapes = []
    for pool in problem.pools:
        engine = candidates[pool.candidate].engine
        pause_s = engine.startup_s + engine.drain_s
        shapes.append(Shape(pool.node_type, pool.gpus, pause_s, pool.lead))
    stays = together(scenario, shapes, packing.stays, hourly, effort)
    return replace(packing, stays=stays)


def mended(problem: Problem, starts: Sequence[Ints], trying: Trying) -> Ints:
    """The best of some sizes [P, T], mended in the hours that go short."""
    free = without_handover(problem).without_stability()
    stop, seconds = trying.stop, trying.seconds
    search = Search.within(seconds, free, trying.gap, stop=stop, progress=silent)
    for sizes in starts:
        search.offer_sizes(sizes)
    late = Late(stop, search.end)
    if not search.plan.covered:
        for _ in repair(search, search.plan):
            if search.plan.covered or late():
                break
    return search.plan.solution.replicas


def within_supply(problem: Problem, replicas: Ints) -> Ints:
    """Sizes [P, T] that hold no more GPUs than there are.

    Where starts of an interval find no room, what does not go on stops before it; where that does
    not suffice, nothing runs there.
    """
    sizes = replicas.copy()
    leads = int(problem.leads.max(initial=0))
    for _ in range(leads + 1):
        later = problem.shift(sizes, 1)
        if not problem.cyclic:
            later[:, -1] = sizes[:, -1]
        over = _overdrawn(problem, sizes)
        if not over:
            return sizes
        for pools, times in over:
            sizes[np.ix_(pools, times)] = np.minimum(sizes, later)[np.ix_(pools, times)]
    while over := _overdrawn(problem, sizes):
        for pools, times in over:
            for ahead in range(leads + 1):
                sizes[np.ix_(pools, (times + ahead) % problem.intervals)] = 0
    return sizes


def _overdrawn(problem: Problem, replicas: Ints) -> list[tuple[list[int], Ints]]:
    """Pools that draw on what holds more GPUs than there are, and in which intervals."""
    return [
        (list(row.pools), np.flatnonzero(left < 0))
        for row, left in zip(problem.supplies, problem.residual(replicas), strict=True)
        if (left < 0).any()
    ]
