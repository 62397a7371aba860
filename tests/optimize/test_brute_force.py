"""Random tiny scenarios: the method and the reference model against enumeration."""

import random
from contextlib import suppress
from functools import cache
from itertools import count

import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import RatioBand, Role, Workload
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solve import solve
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.optimize.case import batches
from tests.optimize.enumeration import Best, TooLargeError, best_plan
from tests.optimize.reference import optimum

INSTANCES = 200
BATCHES = 8


def tiny(seed: int) -> Scenario:
    """Up to 2 workloads, 2 node types, 2 leaves (of one spine or two) and 3 intervals."""
    draw = random.Random(seed)
    types = [
        node_type(
            f"t{i}", gpu=f"G{i}", gpus=draw.choice((1, 2)), usd_per_gpu_hour=draw.choice((1, 2, 3))
        )
        for i in range(draw.choice((1, 2)))
    ]
    leaves = [f"l{i}" for i in range(draw.choice((1, 2)))]
    intervals = draw.choice((1, 2, 3, 3))
    shared = draw.random() < 0.5
    return scenario(
        [_workload(draw, f"w{i}", len(types), intervals) for i in range(draw.choice((1, 2)))],
        in_fleet=fleet(
            {leaf: {shape.name: draw.choice((0, 1, 2, 3)) for shape in types} for leaf in leaves},
            node_types=types,
            spines={leaf: "s" if shared else f"s-{leaf}" for leaf in leaves},
        ),
        cyclic=draw.random() < 0.6,
    )


def _workload(draw: random.Random, name: str, types: int, intervals: int) -> Workload:
    wanted = draw.choice(
        (
            (Role.PREFILL, Role.DECODE),
            (Role.PREFILL, Role.DECODE, Role.DECODE),
            (Role.PREFILL, Role.DECODE, Role.AGGREGATED),
            (Role.AGGREGATED,),
        )
    )
    startup_s, drain_s = draw.choice((0, 0, 900, 3600)), draw.choice((0, 0, 900))
    engines = [
        engine(
            f"e{i}",
            role=role,
            gpu=f"G{draw.randrange(types)}",
            gpus=draw.choice((1, 1, 2)),
            capacity_rps=draw.choice((1.0, 2.0, 3.0)),
            startup_s=startup_s,
            drain_s=drain_s,
        )
        for i, role in enumerate(wanted)
    ]
    return workload(
        name,
        rps=[draw.choice((0.0, 0.5, 1.0, 1.5, 2.5, 4.0)) for _ in range(intervals)],
        engines=engines,
        affinity=draw.choice((Affinity.LEAF, Affinity.SPINE)),
        priority=draw.choice((1, 1, 2)),
        pd_ratio=RatioBand(*draw.choice(((0.5, 2.0), (1.0, 1.0)))) if draw.random() < 0.2 else None,
        max_replicas={Role.DECODE: draw.choice((1, 2))} if draw.random() < 0.1 else None,
    )


@cache
def instances(batch: int) -> list[tuple[int, Problem, Best]]:
    """(seed, program, optimum) of the batch's scenarios that are small enough to enumerate."""
    found: list[tuple[int, Problem, Best]] = []
    for seed in count(batch * 1000):
        of = tiny(seed)
        with suppress(TooLargeError):
            best = best_plan(of, candidates(of))
            found.append((seed, build_problem(of, candidates(of)), best))
        if len(found) == INSTANCES // BATCHES:
            break
    return found


@pytest.mark.parametrize("batch", range(BATCHES))
def test_reference_model_finds_what_enumeration_finds(batch: int) -> None:
    """Unserved requests agree class by class (3600 s an interval), then the cost does."""
    for seed, problem, best in instances(batch):
        found = optimum(problem)
        assert found.unserved == pytest.approx(requests(best), abs=1e-3), seed
        assert found.cost == pytest.approx(best.cost, abs=1e-6), seed


@pytest.mark.parametrize("batch", batches(BATCHES, BATCHES // 8, gate=BATCHES // 2))
def test_method_finds_what_enumeration_finds(batch: int) -> None:
    """`solve` leaves as much unserved at the same cost, and its bound is not above the optimum.

    Every difference is listed.
    """
    wrong: list[tuple[object, ...]] = []
    for seed, problem, best in instances(batch):
        outcome = solve(problem, gap=0.0, time_limit_s=20)
        if outcome.unserved != pytest.approx(requests(best), abs=1e-3):
            wrong.append((seed, "unserved", outcome.unserved, requests(best)))
        elif outcome.objective != pytest.approx(best.cost, abs=1e-6):
            wrong.append((seed, "objective", outcome.objective, best.cost))
        if outcome.bound > best.cost + 1e-6:
            wrong.append((seed, "bound", outcome.bound, best.cost))
    assert not wrong


def requests(best: Best) -> dict[int, float]:
    return {priority: rps * 3600 for priority, rps in best.short_rps.items()}
