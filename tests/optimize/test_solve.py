"""The method behind `solve`: what it promises beside the optimum."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.clock import never, silent
from heteroplan.entities.plan import Termination
from heteroplan.entities.workload import Role
from heteroplan.errors import NoPlanError
from heteroplan.optimize.bound.bound import priced_bound
from heteroplan.optimize.construct.all_workloads import by_size, place_all
from heteroplan.optimize.incumbent import Incumbent, of_sizes
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.prices import supply_prices
from heteroplan.optimize.program.problem import Problem, Solution
from heteroplan.optimize.search import Search
from heteroplan.optimize.solve import Outcome, Spare, solve
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of


def day(*, nodes: int = 3, seed: int = 1, intervals: int = 48) -> Problem:
    """Three workloads on two types below two spines: tight enough to need every stage."""
    draw = np.random.default_rng(seed)
    types = [node_type("t0", gpu="G0", usd_per_gpu_hour=1.0), node_type("t1", gpu="G1")]
    loads = []
    for name in ("a", "b", "c"):
        engines = [
            engine(
                f"{role}-{i}",
                role=role,
                gpu=f"G{i}",
                gpus=int(draw.choice([2, 4])),
                capacity_rps=float(draw.uniform(2, 4)),
                startup_s=180,
            )
            for i in (0, 1)
            for role in (Role.PREFILL, Role.DECODE)
        ]
        hours = np.arange(intervals) / intervals * 2 * np.pi
        rps = [float(x) for x in 8 + 6 * np.sin(hours + draw.uniform(0, 6))]
        loads.append(workload(name, rps=rps, engines=engines))
    leaves = {leaf: {"t0": nodes, "t1": nodes} for leaf in ("l1", "l2")}
    made = scenario(loads, in_fleet=fleet(leaves, node_types=types), interval_s=1800)
    return build_problem(made, candidates(made))


def same(one: Outcome, other: Outcome) -> bool:
    return np.array_equal(one.solution.replicas, other.solution.replicas) and (
        one.objective,
        one.bound,
    ) == (other.objective, other.bound)


@pytest.mark.slow
def test_the_same_problem_gives_the_same_plan_while_bounds_rise_and_costs_fall() -> None:
    """Prices, sweeps and small MIPs included: the first placement is 7 % above the bound."""
    seen: list[tuple[float | None, float]] = []
    one, other = (
        solve(
            day(nodes=4, intervals=24),
            gap=0.045,
            progress=lambda cost, bound, seconds: seen.append((cost, bound)),
        ),
        solve(day(nodes=4, intervals=24), gap=0.045),
    )
    assert one.termination is Termination.GAP_REACHED
    assert same(one, other)
    assert len(seen) > 1
    costs = [cost for cost, _ in seen if cost is not None]
    bounds = [bound for cost, bound in seen if cost is not None]
    assert costs == sorted(costs, reverse=True)
    assert bounds == sorted(bounds)
    assert bounds[-1] <= costs[-1]


def test_an_interrupt_ends_with_the_best_plan_so_far() -> None:
    calls = iter(range(10**9))
    best = solve(day(), gap=0.0, stop=lambda: next(calls) > 40)
    assert best.termination is Termination.INTERRUPTED
    assert not any(best.unserved.values())
    assert 0 < best.bound <= best.objective


def test_time_that_is_out_at_once_still_gives_the_plan_that_was_there() -> None:
    """And a bound, of the blocks without prices."""
    problem = day(nodes=6)
    first = place_all(problem, np.zeros((len(problem.supplies), 48)), by_size(problem))
    assert first.covered
    best = solve(problem, gap=0.0, time_limit_s=0.0, starts=[first.solution.replicas])
    assert best.termination is Termination.TIME_LIMIT
    assert best.objective == first.cost
    blocks = priced_bound(problem, supply_prices(problem), never)
    assert 0.0 < best.bound == blocks.value <= best.objective


@pytest.mark.parametrize(
    ("stands", "ended"), [(True, Termination.OPTIMAL), (False, Termination.TIME_LIMIT)]
)
def test_spare_time_is_for_the_search_where_its_plan_stands(
    stands: bool, ended: Termination
) -> None:
    """Time is out at once, another minute enough; whether the plan stands is asked once."""
    problem = day(nodes=6, intervals=4)
    first = place_all(problem, np.zeros((len(problem.supplies), 4)), by_size(problem))
    asked: list[Solution] = []

    def standing(plan: Solution) -> bool:
        asked.append(plan)
        return stands

    starts = [first.solution.replicas]
    best = solve(
        problem, gap=0.0, time_limit_s=0.0, starts=starts, spare=Spare(60.0, standing), beside=False
    )
    (plan,) = asked
    assert np.array_equal(plan.replicas, first.solution.replicas)
    assert best.termination is ended


def test_no_spare_time_for_a_plan_that_breaks_limits_or_is_close_enough() -> None:
    """Nobody asks whether it stands: nothing would be gained, or another plan is needed."""
    problem = day(nodes=6, intervals=4)
    nothing = of_sizes(problem, problem.no_replicas())
    search = Search.within(60.0, problem, gap=0.5, stop=never, progress=silent)
    spare = Spare(60.0, lambda plan: pytest.fail("asked"))
    assert spare.granted(search) == 0.0
    search.best = replace(nothing, broken=1.0)
    assert spare.granted(search) == 0.0
    first = place_all(problem, np.zeros((len(problem.supplies), 4)), by_size(problem))
    search.best, search.covering_bound = first, first.cost
    assert spare.granted(search) == 0.0


def test_limits_that_no_plan_keeps_end_without_one() -> None:
    """Two prefill replicas wanted at all times, room for the GPUs of one."""
    made = scenario(
        [workload(min_replicas={Role.PREFILL: 2, Role.DECODE: 1})],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
    )
    with pytest.raises(NoPlanError, match="min_replicas"):
        solve(build_problem(made, candidates(made)), time_limit_s=5.0)


@pytest.mark.parametrize("excess", [1e-8, 1e-7, 9e-7])
def test_demand_a_hair_above_whole_replicas_proves_no_false_bound(excess: float) -> None:
    """3 replicas and a hair: the solver may call three enough, so the bound must allow it."""
    made = scenario(
        [
            workload(
                rps=[10.0 * (3 + excess)],
                engines=[engine("a", role=Role.AGGREGATED, gpus=4)],
            )
        ]
    )
    best = solve(build_problem(made, candidates(made)), gap=0.0)
    assert best.bound <= best.objective


def test_placement_serves_the_last_hair_of_demand() -> None:
    """20.00005 replicas asked for and room for 30: the 21st runs, nothing is left unserved."""
    made = scenario(
        [
            workload(
                rps=[20.00005],
                engines=[engine("a", role=Role.AGGREGATED, gpus=8, capacity_rps=1.0)],
            )
        ],
        in_fleet=fleet({"l1": {"h100x8": 30}}),
    )
    problem = build_problem(made, candidates(made))
    plan = place_all(problem, np.zeros((1, 1)), by_size(problem))
    assert plan.covered
    assert plan.solution.replicas.tolist() == [[21]]


def test_noise_in_a_shortage_does_not_outrank_cost() -> None:
    empty = Solution(np.zeros((0, 1), dtype=np.int64), ())
    cheap = Incumbent(empty, 0.0, {1: 2700.0000037}, 50.0)
    dear = replace(cheap, unserved={1: 2700.0}, cost=51.0)
    assert cheap.rank < dear.rank


def test_nothing_more_is_proved_of_a_short_plan_once_the_user_ends_it() -> None:
    """The LP that would bound its cost may take all the time that is left."""
    problem = problem_of(scenario([workload(rps=[47.0])]))
    start = solve(problem).solution.replicas
    ended = solve(problem, starts=[start], stop=lambda: True)
    assert ended.termination is Termination.INTERRUPTED
    assert sum(ended.unserved.values()) == pytest.approx(7 * 3600)
    assert ended.bound == 0.0


@pytest.mark.slow
def test_steps_end_a_search_with_the_same_plan_whatever_the_time_limit() -> None:
    """Two of them are too few for the gap; none more are taken."""
    few = [
        solve(day(nodes=4, intervals=24), gap=0.0, steps=2, time_limit_s=limit)
        for limit in (100.0, 300.0)
    ]
    assert same(*few)
    assert few[0].termination is Termination.EFFORT_REACHED
    more = solve(day(nodes=4, intervals=24), gap=0.0, steps=24, time_limit_s=100.0)
    assert (sum(more.unserved.values()), more.objective) < (
        sum(few[0].unserved.values()),
        few[0].objective,
    )
    assert more.bound >= few[0].bound


def test_a_search_that_ends_at_its_start_gives_urgent_classes_first() -> None:
    """One pair; the start gives it to priority 2, and the first step is the last."""
    loads = [workload("batch", priority=2), workload("urgent", priority=1)]
    problem = problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}})))
    wrong = problem.no_replicas()
    wrong[list(problem.workloads[0].pools)] = 1
    found = solve(problem, starts=[wrong], steps=1)
    assert found.unserved == pytest.approx({1: 0.0, 2: 36_000.0})
