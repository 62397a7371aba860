"""A solver's flow, within its tolerances, becomes flow that meets every equation."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heteroplan.entities.plan import Termination
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Loss, Part, Resilience, Role
from heteroplan.optimize.incumbent import Incumbent, incumbent
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Floats, Problem, Solution, unserved_by_class
from heteroplan.optimize.solve import Outcome
from heteroplan.placement import pack
from heteroplan.planning.assemble import assemble
from heteroplan.planning.flow import exact_flow
from heteroplan.verify.plan import verify
from tests.builders import SHAPE, candidates, engine, fleet, scenario, workload
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
        return float(unserved_by_class(problem, problem.workloads[0], flow)[0, 0])

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
        assert not packing.unplaced
        plan = assemble(of, candidates(of), problem, outcome, packing.stays)
        verify(plan, gap=0.0)
        assert plan.report.unserved_requests == pytest.approx(
            sum(best.unserved.values()), rel=1e-5, abs=0.1
        )
        assert all(shortage.reasons for shortage in plan.shortages)


def exact(of: Scenario, shares: Mapping[tuple[str, str], list[list[float]]]) -> Any:
    """{(engine, domain): flow [class][interval]} made exact, of pools with replicas enough."""
    considered = candidates(of)
    problem = build_problem(of, considered)
    names = [(considered[pool.candidate].engine.name, pool.domain) for pool in problem.pools]
    shape = (len(of.workloads[0].demand[0].classes), problem.intervals)
    given = tuple(np.array(shares.get(name, np.zeros(shape))) for name in names)
    before = [flow.copy() for flow in given]
    replicas = np.full((len(names), problem.intervals), 9)
    found = exact_flow(problem, Solution(replicas, given))
    assert [flow.tolist() for flow in given] == [flow.tolist() for flow in before]
    return {
        name: pytest.approx(flow) for name, flow in zip(names, found, strict=True) if name in shares
    }


def test_each_group_passes_on_what_its_smaller_half_handles() -> None:
    """Of two spines one prefills more than it decodes, the other less; in two hours apart."""
    of = scenario(
        [workload(rps=[20.0, 20.0])], in_fleet=fleet({leaf: {"h100x8": 4} for leaf in ("l1", "l2")})
    )
    shares = {
        ("prefill", "l1-spine"): [[0.6, 0.1]],
        ("decode", "l1-spine"): [[0.4, 0.3]],
        ("prefill", "l2-spine"): [[0.2, 0.5]],
        ("decode", "l2-spine"): [[0.5, 0.4]],
    }
    wanted = {"l1-spine": np.array([[0.4, 0.1]]), "l2-spine": np.array([[0.2, 0.4]])}
    assert exact(of, shares) == {key: wanted[key[1]] for key in shares}


def test_engines_of_a_role_give_way_in_proportion_class_by_class() -> None:
    """Of one class half as much is prefilled as two engines decode, of another a third too much."""
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    engines = [engine("p", role=Role.PREFILL), engine("d1"), engine("d2")]
    of = scenario([workload(rps=[20.0], classes=classes, engines=engines)])
    shares = {
        ("p", "l1-spine"): [[0.3], [0.8]],
        ("d1", "l1-spine"): [[0.4], [0.2]],
        ("d2", "l1-spine"): [[0.2], [0.4]],
    }
    wanted = {"p": [[0.3], [0.6]], "d1": [[0.2], [0.2]], "d2": [[0.1], [0.4]]}
    assert exact(of, shares) == {key: np.array(wanted[key[0]]) for key in shares}


@pytest.mark.parametrize(
    ("prefill", "halves"),
    [(0.3, (0.15, 0.15)), (0.9, (0.2, 0.2))],
    ids=["less is prefilled", "less is decoded"],
)
def test_halves_of_an_engine_handle_the_same_leaf_by_leaf(
    prefill: float, halves: tuple[float, float]
) -> None:
    """On l1 3/10 of one half and 2/10 of the other, on l2 2/10 and 4/10: 2/10 on each."""
    engines = [
        engine("p", role=Role.PREFILL),
        engine("moe/a", part=Part("moe", "a", 0, None)),
        engine("moe/f", part=Part("moe", "f", 1, None)),
    ]
    of = scenario(
        [workload(rps=[20.0], engines=engines)],
        in_fleet=fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 4}}, spines={"l1": "s", "l2": "s"}),
    )
    shares = {
        ("p", "s"): [[prefill]],
        ("moe/a", "l1"): [[0.3]],
        ("moe/f", "l1"): [[0.2]],
        ("moe/a", "l2"): [[0.2]],
        ("moe/f", "l2"): [[0.4]],
    }
    found = exact(of, shares)
    assert found.pop(("p", "s")) == np.array([[sum(halves)]])
    each = dict(zip(("l1", "l2"), halves, strict=True))
    assert found == {key: np.array([[each[key[1]]]]) for key in found}


def test_no_more_is_served_than_asked_by_all_engines_together() -> None:
    """Pairs serve half of the demand and engines of both roles 3/4: each gives way a fifth."""
    engines = [
        engine("p", role=Role.PREFILL),
        engine("d"),
        engine("both", role=Role.AGGREGATED),
    ]
    of = scenario([workload(rps=[20.0], engines=engines)])
    shares = {
        ("p", "l1-spine"): [[0.5]],
        ("d", "l1-spine"): [[0.5]],
        ("both", "l1-spine"): [[0.75]],
    }
    wanted = {"p": 0.4, "d": 0.4, "both": 0.6}
    assert exact(of, shares) == {key: np.array([[wanted[key[0]]]]) for key in shares}


def test_a_promise_lets_no_more_flow_than_is_left_after_a_loss() -> None:
    """9 replicas of 10 requests/s on either spine; half of what is served is promised without one.

    Of 360 requests/s a quarter is left without either, so half of all may be served, not 3/4.
    """
    both = engine("both", role=Role.AGGREGATED)
    of = scenario(
        [workload(rps=[360.0], engines=[both], resilience=Resilience(Loss.SPINE, 0.5))],
        in_fleet=fleet({leaf: {"h100x8": 9} for leaf in ("l1", "l2")}),
    )
    shares = {("both", "l1-spine"): [[0.45]], ("both", "l2-spine"): [[0.3]]}
    assert exact(of, shares) == {
        ("both", "l1-spine"): np.array([[0.3]]),
        ("both", "l2-spine"): np.array([[0.2]]),
    }


def test_rounding_is_two_millionths_of_each_class() -> None:
    classes = [replace(SHAPE, name=name, share=0.5) for name in "ab"]
    of = scenario(
        [workload(rps=[20.0, 20.0], classes=classes, engines=[engine("b", role=Role.AGGREGATED)])]
    )
    problem = build_problem(of, candidates(of))
    flow = (1.0 - np.array([[1.9e-6, 0.2], [2.1e-6, 0.0]]),)
    found = unserved_by_class(problem, problem.workloads[0], flow)
    assert found == pytest.approx(np.array([[0.0, 0.2], [2.1e-6, 0.0]]))
