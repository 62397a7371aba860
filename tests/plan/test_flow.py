"""A solver's flow, within its tolerances, becomes flow that meets every equation."""

import numpy as np
import pytest

from heteroplan.entities.plan import Termination
from heteroplan.entities.workload import Loss, Resilience, Role
from heteroplan.optimize.build import build_problem
from heteroplan.optimize.primal import Incumbent, incumbent
from heteroplan.optimize.problem import Floats, Problem, Solution
from heteroplan.optimize.solve import Outcome
from heteroplan.placement import pack
from heteroplan.plan.assemble import assemble
from heteroplan.plan.flow import exact_flow, unserved_share
from heteroplan.plan.verify import verify
from tests.builders import candidates, fleet, scenario, workload
from tests.optimize.reference import optimum
from tests.optimize.test_brute_force import tiny


def pair() -> Problem:
    """Prefill and decode replicas that serve 10 of 20 requests/s."""
    of = scenario([workload(rps=[20.0])])
    return build_problem(of, candidates(of))


def made_exact(replicas: list[int], *shares: float) -> list[float]:
    flow: tuple[Floats, ...] = tuple(np.array([[share]]) for share in shares)
    solution = Solution(np.array([[n] for n in replicas]), flow)
    return [float(share[0, 0]) for share in exact_flow(pair(), solution)]


@pytest.mark.parametrize(
    ("replicas", "given", "exact"),
    [
        ([2, 2], (1.0, 1.0), [1.0, 1.0]),
        ([2, 2], (1.0 + 1e-7, 1.0), [1.0, 1.0]),
        ([2, 2], (1.0, 1.0 - 1e-7), [1.0 - 1e-7, 1.0 - 1e-7]),
        ([2, 2], (1.0 + 1e-7, 1.0 + 1e-7), [1.0, 1.0]),
        ([2, 2], (-1e-9, 0.0), [0.0, 0.0]),
        ([0, 2], (1e-7, 1e-7), [0.0, 0.0]),
    ],
)
def test_flow_is_lowered_to_what_both_halves_and_demand_allow(
    replicas: list[int], given: tuple[float, float], exact: list[float]
) -> None:
    assert made_exact(replicas, *given) == pytest.approx(exact, abs=1e-15)


def test_rounding_leaves_nothing_unserved_but_a_shortage_does() -> None:
    problem = pair()

    def unserved(share: float) -> float:
        flow = (np.array([[share]]), np.array([[share]]))
        return float(unserved_share(problem, problem.works[0], flow)[0, 0])

    assert unserved(1.0 - 1e-7) == 0.0
    assert unserved(0.99) == pytest.approx(0.01)


def proven_best(best: Incumbent) -> Outcome:
    return Outcome(
        solution=best.solution,
        objective=best.cost,
        bound=best.cost,
        unserved=best.unserved,
        unserved_bound=best.unserved,
        least_unserved=sum(best.unserved.values()),
        termination=Termination.OPTIMAL,
        seconds=0.0,
    )


@pytest.mark.parametrize("share", [1e-7, 1e-3])
def test_a_trickle_that_no_promise_allows_does_not_flow(share: float) -> None:
    """One node holds the only pair of replicas: without it nothing is served, so nothing is now."""
    asked = workload(
        min_replicas={Role.PREFILL: 1, Role.DECODE: 1}, resilience=Resilience(Loss.NODE, 1.0)
    )
    of = scenario([asked], in_fleet=fleet({"l1": {"h100x8": 1}}))
    problem = build_problem(of, candidates(of))
    flow = (np.array([[share]]), np.array([[share]]))
    best = incumbent(problem, Solution(np.array([[1], [1]]), flow))
    packing = pack(of, candidates(of), problem, best.solution.replicas)
    plan = assemble(of, candidates(of), problem, proven_best(best), packing.stays)
    verify(plan, gap=0.0)
    assert plan.report.unserved_requests == pytest.approx(36_000.0)


@pytest.mark.parametrize("batch", range(4))
def test_optimum_of_the_reference_model_becomes_a_plan_that_verifies(batch: int) -> None:
    """Random tiny scenarios with shortages, ratio bands, starts, two levels of affinity."""
    for seed in range(batch * 100, batch * 100 + 30):
        of = tiny(seed)
        problem = build_problem(of, candidates(of))
        best = optimum(problem)
        outcome = proven_best(best)
        packing = pack(of, candidates(of), problem, best.solution.replicas)
        assert not packing.homeless
        plan = assemble(of, candidates(of), problem, outcome, packing.stays)
        verify(plan, gap=0.0)
        assert plan.report.unserved_requests == pytest.approx(
            sum(best.unserved.values()), rel=1e-5, abs=0.1
        )
        assert all(shortage.limited_by for shortage in plan.shortages)
        assert plan.covered or "time-limit" not in "".join(s.limited_by for s in plan.shortages), (
            seed
        )
