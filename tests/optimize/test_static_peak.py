"""The cheapest constant sizes, against hand arithmetic and against the reference model."""

import random
from dataclasses import replace
from datetime import datetime
from functools import partial
from time import monotonic
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import RatioBand, RequestClass, Role
from heteroplan.inputs import load
from heteroplan.optimize.model import build_model
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Effort, Verdict
from heteroplan.optimize.static_peak import ConstantSizes, cheapest_constant
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.test_brute_force import tiny
from tests.realdata import DATA, needs_data

UTC = ZoneInfo("UTC")
BOTH = engine("both", role=Role.AGGREGATED)


def problem_of(of: Scenario) -> Problem:
    return build_problem(of, candidates(of))


def found(problem: Problem, gap: float = 0.0) -> ConstantSizes:
    sizes = cheapest_constant(problem, gap=gap)
    assert isinstance(sizes, ConstantSizes)
    return sizes


def counts(sizes: ConstantSizes) -> list[int]:
    """Replicas of each pool."""
    found: list[int] = sizes.solution.replicas[:, 0].tolist()
    return found


def test_the_busiest_interval_decides() -> None:
    """Peak 25 on replicas of 10: 3 of 4 GPUs all 3 hours at 2 USD: 72 USD; starts cost nothing."""
    sizes = found(problem_of(scenario([workload(rps=[5.0, 25.0, 10.0], engines=(BOTH,))])))
    assert counts(sizes) == [3]
    assert sizes.cost == pytest.approx(72.0)
    assert sizes.bound == pytest.approx(72.0)


def test_cheapest_mix_of_node_types() -> None:
    """25 requests/s: H100 serves 10 for 8 USD, L40S 4 for 3 USD: 2 H100 and 2 L40S, 22 USD."""
    engines = (BOTH, engine("small", role=Role.AGGREGATED, gpu="L40S", gpus=3, capacity_rps=4.0))
    types = (node_type(), node_type("l40sx9", gpu="L40S", gpus=9, usd_per_gpu_hour=1.0))
    problem = problem_of(
        scenario(
            [workload(rps=[25.0], engines=engines)],
            in_fleet=fleet({"l1": {"h100x8": 2, "l40sx9": 2}}, node_types=types),
        )
    )
    assert found(problem).cost == pytest.approx(
        min(8 * a + 3 * b for a in range(4) for b in range(8) if 10 * a + 4 * b >= 25)
    )
    alone = cheapest_constant(problem, node_types=["h100x8"], gap=0.0)
    assert isinstance(alone, ConstantSizes)
    assert alone.cost == pytest.approx(24.0)


def test_supply_is_the_least_there_ever_is() -> None:
    """2 nodes, one away in hour 1 when little is asked for: no constant 4 replicas then."""
    away = Outage(
        "l1",
        "h100x8",
        1,
        datetime(2026, 11, 23, 1, tzinfo=UTC),
        datetime(2026, 11, 23, 2, tzinfo=UTC),
    )
    loads = [workload(rps=[40.0, 5.0], engines=(BOTH,))]
    whole = fleet({"l1": {"h100x8": 2}})
    assert counts(found(problem_of(scenario(loads, in_fleet=whole)))) == [4]
    problem = problem_of(scenario(loads, in_fleet=replace(whole, outages=(away,))))
    assert cheapest_constant(problem, gap=0.0) is Verdict.INFEASIBLE


def test_peaks_of_two_workloads_at_different_times_both_need_their_gpus() -> None:
    """Peaks of 20 at hours 0 and 1: 2 + 2 replicas of 4 GPUs; 2 nodes hold them, 1 does not."""
    loads = [
        workload("a", rps=[20.0, 0.0], engines=(BOTH,)),
        workload("b", rps=[0.0, 20.0], engines=(BOTH,)),
    ]
    two = problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 2}})))
    assert counts(found(two)) == [2, 2]
    one = problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}})))
    assert cheapest_constant(one, gap=0.0) is Verdict.INFEASIBLE


def test_every_interval_is_covered_when_the_mix_changes() -> None:
    """Two classes with an engine each: 20 of the one at hour 0, 30 of the other at hour 1.

    Neither hour outdoes the other: 2 + 3 replicas of 4 GPUs, 2 hours at 2 USD: 80 USD.
    """
    kinds = (RequestClass("one", 0.5, 500.0, 100.0), RequestClass("two", 0.5, 4000.0, 400.0))
    engines = (engine("e1", role=Role.AGGREGATED), engine("e2", role=Role.AGGREGATED))
    of = scenario([workload(rps=[40.0, 60.0], engines=engines, classes=kinds)])
    by_class = {("e1", "one"): 10.0, ("e1", "two"): 0.0, ("e2", "one"): 0.0, ("e2", "two"): 10.0}
    problem = build_problem(of, candidates(of, by_class=by_class))
    (work,) = problem.workloads
    skewed = np.array([[20.0, 5.0], [5.0, 30.0]])
    pools = tuple(
        replace(pool, load=np.where(np.isfinite(pool.load), skewed / 10.0, np.inf))
        for pool in problem.pools
    )
    sizes = found(replace(problem, workloads=(replace(work, rps=skewed),), pools=pools))
    assert counts(sizes) == [2, 3]
    assert sizes.cost == pytest.approx(80.0)


def test_limits_and_ratio_band_hold() -> None:
    """40 requests/s want 4 prefill and 1 decode; 2 to 1 at most; then 3 decode at least."""
    engines = (engine("prefill", role=Role.PREFILL), engine("decode", capacity_rps=40.0))
    load = workload(rps=[40.0], engines=engines)
    banded = problem_of(scenario([replace(load, pd_ratio=RatioBand(0.5, 2.0))]))
    assert counts(found(banded)) == [4, 2]
    limited = problem_of(scenario([replace(load, min_replicas={Role.DECODE: 3})]))
    assert counts(found(limited)) == [4, 3]
    capped = problem_of(scenario([replace(load, max_replicas={Role.PREFILL: 3})]))
    assert cheapest_constant(capped, gap=0.0) is Verdict.INFEASIBLE


def test_sizes_that_fit_only_the_sum_of_the_domains_cost_more() -> None:
    """20 requests/s, affinity leaf, pairs of 8 + 4 GPUs, two leaves of 16 and 8 GPUs.

    All together 24 GPUs would hold 2 prefill and 2 decode replicas, but the small leaf holds no
    pair: it takes nothing and the large one a single pair. Nothing covers 20; 10 does.
    """
    engines = (engine("prefill", role=Role.PREFILL, gpus=8), engine("decode", gpus=4))
    leaves = fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 1}})
    near = [workload(rps=[20.0], engines=engines, affinity=Affinity.LEAF)]
    assert cheapest_constant(problem_of(scenario(near, in_fleet=leaves)), gap=0.0) is (
        Verdict.INFEASIBLE
    )
    wide = [workload(rps=[20.0], engines=engines, affinity=Affinity.CLUSTER)]
    assert counts(found(problem_of(scenario(wide, in_fleet=leaves)))) == [2, 2]


def test_flow_serves_every_interval_within_capacity() -> None:
    """Peak 25, 3 replicas: at 5, 25 and 10 requests/s 0.5, 2.5 and 1 of them are busy."""
    problem = problem_of(scenario([workload(rps=[5.0, 25.0, 10.0], engines=(BOTH,))]))
    sizes = found(problem)
    assert sizes.solution.flow[0].tolist() == [[1.0, 1.0, 1.0]]
    assert (sizes.solution.flow[0] * problem.pools[0].load).sum(axis=0).tolist() == [0.5, 2.5, 1.0]


def test_no_demand_needs_nothing() -> None:
    assert found(problem_of(scenario([workload(rps=[0.0, 0.0])]))).cost == 0.0


def test_search_without_time_claims_no_more_than_it_knows() -> None:
    stopped = cheapest_constant(large(), deadline=monotonic() - 1.0)
    if isinstance(stopped, Verdict):
        assert stopped is Verdict.LIMIT
    else:
        best = found(large(), gap=1e-3)
        assert stopped.bound <= best.cost
        assert stopped.cost >= best.bound


@pytest.mark.parametrize("batch", range(4))
def test_as_cheap_as_the_reference_model_on_random_tiny_scenarios(batch: int) -> None:
    """The model itself, over all intervals and domains, every pool of one size."""
    for seed in range(batch * 100, batch * 100 + 40):
        problem = problem_of(tiny(seed))
        model = build_model(problem, allow_short=False, constant=True)
        for r, row in enumerate(problem.supplies):
            least = float(row.gpus.min())
            terms = [(model.n[p][0], float(problem.pools[p].gpus)) for p in row.pools]
            model.add(terms, "<=", least, f"least_{r}")
        answer = solver.run(model.lp, Effort(), integer=True)
        sizes = cheapest_constant(problem, gap=0.0)
        if isinstance(sizes, Verdict):
            assert answer.verdict is sizes is Verdict.INFEASIBLE, seed
            continue
        assert answer.objective is not None, seed
        assert sizes.cost == pytest.approx(answer.objective * model.cost_scale), seed
        assert sizes.bound == pytest.approx(sizes.cost, rel=1e-6), seed


def large(workloads: int = 10, types: int = 4, spines: int = 4) -> Problem:
    """Workloads with an engine a role and type; capacity near proportional to price."""
    draw = random.Random(7)
    shapes = [
        node_type(f"t{i}", gpu=f"G{i}", usd_per_gpu_hour=round(draw.uniform(0.8, 3.0), 2))
        for i in range(types)
    ]
    loads = []
    for w in range(workloads):
        engines = [
            engine(
                f"{role}-{i}",
                role=role,
                gpu=f"G{i}",
                gpus=(gpus := draw.choice((2, 4, 8))),
                capacity_rps=shape.usd_per_gpu_hour * gpus * draw.uniform(0.7, 1.3) / 5,
            )
            for i, shape in enumerate(shapes)
            for role in (Role.PREFILL, Role.DECODE)
        ]
        peak = 8.0 * draw.lognormvariate(0.0, 0.5)
        loads.append(workload(f"w{w}", rps=[peak / 3, peak, peak / 2], engines=engines))
    nodes = {f"l{s}": {shape.name: 10 for shape in shapes} for s in range(spines)}
    return problem_of(scenario(loads, in_fleet=fleet(nodes, node_types=shapes)))


def test_ten_workloads_four_types_four_domains_within_a_thousandth() -> None:
    sizes = found(large(), gap=1e-3)
    assert sizes.cost - sizes.bound <= 1e-3 * sizes.cost


@needs_data
def test_five_workloads_on_twenty_thousand_gpus() -> None:
    loaded = load(str(DATA / "scale" / "small2"))
    sizes = found(build_problem(loaded.scenario, loaded.candidates), gap=1e-3)
    assert sizes.cost - sizes.bound <= 1e-3 * sizes.cost


def test_two_runs_agree() -> None:
    first, second = found(large(4), gap=1e-3), found(large(4), gap=1e-3)
    assert counts(first) == counts(second)
    assert first.bound == second.bound


def test_sizes_are_impossible_only_where_all_were_tried() -> None:
    """On no leaf stands a decode replica of 8 GPUs beside a prefill replica of 4, though two nodes
    together hold one and two: 20 requests/s take two replicas of 4 GPUs at 9 USD, one on each.

    However often it may ask before it is ended, what is found is that or nothing.
    """
    engines = [
        engine("prefill", role=Role.PREFILL),
        engine("decode", gpus=8, capacity_rps=20.0),
        engine("both", role=Role.AGGREGATED, gpu="L40S"),
    ]
    types = (node_type(), node_type("l40sx4", gpu="L40S", gpus=4, usd_per_gpu_hour=9.0))
    leaf = {"h100x8": 1, "l40sx4": 1}
    problem = problem_of(
        scenario(
            [workload(rps=[20.0], engines=engines, affinity=Affinity.LEAF)],
            in_fleet=fleet({"l1": leaf, "l2": leaf}, node_types=types),
        )
    )
    seen: set[Verdict | float] = set()
    for asked in range(50):
        answers = iter([False] * asked)
        sizes = cheapest_constant(problem, stop=partial(next, answers, True))
        seen.add(sizes if isinstance(sizes, Verdict) else round(sizes.cost, 6))
    assert seen == {Verdict.LIMIT, 72.0}
