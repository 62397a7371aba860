"""A plan on nodes that are tried: as quick as it gets, for whether they serve all demand."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic

from heteroplan.clock import Stop
from heteroplan.entities.capacity import Candidate
from heteroplan.entities.offers import Offer
from heteroplan.entities.plan import Plan, Pool
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import NoPlanError
from heteroplan.optimize.incumbent import incumbent
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.solve import solve
from heteroplan.optimize.solvers.solver import Effort
from heteroplan.placement.settle import settle
from heteroplan.planning.assemble import assemble, sizes_of
from heteroplan.planning.minima import refuse_unmet_minima
from heteroplan.sizing.spot import backed
from heteroplan.verify import verify

WITHOUT = frozenset({"fewer changes"})
"""What a trial has no use for."""
PACKING_SHARE = 0.3
"""Of the time of a trial, for its replicas to find nodes."""


def trial(
    scenario: Scenario,
    candidates: Sequence[Candidate],
    starts: Sequence[Sequence[Pool]],
    *,
    gap: float,
    seconds: float,
    steps: int | None,
    stop: Stop,
    hourly: Mapping[str, Offer],
) -> Plan | None:
    """A plan that serves as much as the search finds in some steps or seconds; None without one.

    It ends with the first plan that serves all demand within the `gap` of the cost. `starts` are
    pools that the search may begin at, `hourly` the offers of node types that are paid by the hour.
    """
    began = monotonic()
    problem = replace(build_problem(scenario, candidates), hardware=())
    problem = backed(problem, hourly)
    try:
        refuse_unmet_minima(scenario, problem, Effort(deadline=began + seconds, stop=stop))
        outcome = solve(
            problem,
            gap=gap,
            time_limit_s=seconds * (1 - PACKING_SHARE),
            stop=stop,
            starts=[sizes_of(problem, candidates, pools) for pools in starts],
            without=WITHOUT,
            beside=False,
            steps=steps,
        )
        plan = incumbent(problem, outcome.solution)
        end = began + seconds
        settled = settle(scenario, candidates, problem, plan, (), gap, stop, deadline=end)
    except NoPlanError:
        return None
    effort = Effort(deadline=end, stop=stop)
    extra, took_s = settled.moves_cost(problem), monotonic() - began
    final = outcome.of_plan(problem, settled.plan, extra, gap, took_s, effort)
    made = assemble(scenario, candidates, problem, final, settled.packing.stays)
    verify(made)
    return made
