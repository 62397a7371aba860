"""`max_engines`: what a search may open, what it decides before, and whole plans that keep it."""

import numpy as np
import pytest

from heteroplan.entities.plan import Plan
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Part, Role
from heteroplan.optimize.program.problem import Ints, Problem
from heteroplan.optimize.rules import broken_limits, closing_fields, open_pools, pool_choices
from heteroplan.planning import make_plan
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_case

PREFILL = tuple(engine(f"p{i}", role=Role.PREFILL, capacity_rps=10.0 + i) for i in range(3))
DECODE = tuple(engine(f"d{i}", role=Role.DECODE) for i in range(2))


def limited(limit: int | None = 1, name: str = "w") -> Problem:
    """Three engines of prefill, p2 the best of them, and two of decode, on two spines."""
    on = fleet({"l1": {"h100x8": 9}, "l2": {"h100x8": 9}})
    load = workload(name, engines=(*PREFILL, *DECODE), max_engines=limit)
    return problem_of(scenario([load], in_fleet=on))


def sizes(problem: Problem, *names: str) -> Ints:
    """One replica of each of these engines on the first spine that has it."""
    found = np.zeros((len(problem.pools), problem.intervals), dtype=np.int64)
    for name in names:
        found[next(p for p, pool in enumerate(problem.pools) if pool.engine == name)] = 1
    return found


def engines_of(problem: Problem, pools: object) -> set[str]:
    assert isinstance(pools, set | frozenset)
    return {problem.pools[p].engine for p in pools}


def test_engines_in_use_stay_open_in_all_domains_and_others_close_at_the_limit() -> None:
    problem = limited(2)
    assert len(open_pools(problem, 0, sizes(problem))) == len(problem.pools)
    assert len(open_pools(problem, 0, sizes(problem, "p0"))) == len(problem.pools)
    found = open_pools(problem, 0, sizes(problem, "p0", "p1"))
    assert engines_of(problem, set(found)) == {"p0", "p1", "d0", "d1"}
    assert len(found) == 2 * 4


def test_nothing_opens_in_a_window_of_time() -> None:
    problem = limited(2)
    found = open_pools(problem, 0, sizes(problem, "p0"), opening=False)
    assert engines_of(problem, set(found)) == {"p0", "d0", "d1"}


def test_engines_too_many_are_counted_role_by_role() -> None:
    problem = limited(1)
    assert broken_limits(problem, sizes(problem, "p0", "d1")) == 0
    assert broken_limits(problem, sizes(problem, "p0", "p1", "p2", "d0", "d1")) == 2 + 1
    assert broken_limits(limited(None), sizes(problem, "p0", "p1", "p2")) == 0


def test_choices_begin_with_the_cheapest_engines() -> None:
    """p2 serves most for the same price."""
    problem = limited(1)
    choices = pool_choices(problem, 0)
    assert engines_of(problem, set(choices[0])) == {"p2", "d0"}
    assert len(choices) == 3 * 2
    assert len({frozenset(choice) for choice in choices}) == 6
    assert pool_choices(limited(3), 0) == []


def test_the_field_that_closes_engines_is_named() -> None:
    problem = limited(1)
    others = [p for p, pool in enumerate(problem.pools) if pool.engine == "p1"]
    assert closing_fields(problem, 0, others, sizes(problem, "p0")) == ["max_engines"]
    assert closing_fields(problem, 0, others, sizes(problem, "p1")) == []


def test_parts_of_a_divided_engine_are_one_engine() -> None:
    parts = tuple(
        engine(f"big-{i}", role=Role.DECODE, part=Part("big", f"big-{i}", i, None))
        for i in range(2)
    )
    load = workload(engines=(PREFILL[0], *parts, DECODE[0]), max_engines=1)
    problem = problem_of(scenario([load], in_fleet=fleet({"l1": {"h100x8": 9}})))
    assert [engines_of(problem, set(each)) for each in pool_choices(problem, 0)] == [
        {"p0", "d0"},
        {"p0", "big"},
    ]


def used(plan: Plan) -> dict[tuple[str, Role], set[str]]:
    found: dict[tuple[str, Role], set[str]] = {}
    for pool in plan.pools:
        if any(pool.replicas):
            found.setdefault((pool.workload, pool.role), set()).add(pool.engine)
    return found


def test_a_plan_gives_up_the_cheap_engine_that_cannot_serve_all() -> None:
    """As the case `most_engines` of the whole program: 40 instead of 28 USD."""
    engines = (
        engine("small", role=Role.PREFILL, gpu="S", gpus=4, capacity_rps=10.0),
        engine("large", role=Role.PREFILL, gpu="L", gpus=8, capacity_rps=20.0),
        engine("decode", role=Role.DECODE, gpu="D", gpus=8, capacity_rps=30.0),
    )
    shapes = (
        node_type("s", gpu="S", gpus=4, usd_per_gpu_hour=1.0),
        node_type("l", gpu="L", gpus=8, usd_per_gpu_hour=2.0),
        node_type("d", gpu="D", gpus=8, usd_per_gpu_hour=1.0),
    )
    on = fleet({"l1": {"s": 1, "l": 2, "d": 1}}, node_types=shapes)

    def cost(limit: int | None) -> float:
        of = scenario([workload(rps=[30.0], engines=engines, max_engines=limit)], in_fleet=on)
        return make_plan(of, candidates(of), gap=0.0).report.objective

    assert cost(None) == pytest.approx(28.0)
    assert cost(2) == pytest.approx(28.0)
    assert cost(1) == pytest.approx(40.0)


@pytest.mark.parametrize("seed", range(5000, 5012))
def test_plans_on_their_nodes_keep_the_limit(seed: int) -> None:
    made, found = random_case(seed, "max_engines")
    plan = make_plan(made, found, gap=0.01, time_limit_s=20.0)
    limit_of = limits(made)
    for (name, _), engines in used(plan).items():
        assert len(engines) <= limit_of[name]


def limits(made: Scenario) -> dict[str, int]:
    return {each.name: each.max_engines or 0 for each in made.workloads}
