"""Minimum replicas that no plan can keep."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pulp
import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Part, RatioBand, Role
from heteroplan.optimize.bound.minima import NODES, UnmetMinimum, unmet_minima
from heteroplan.optimize.program.build import build_problem
from heteroplan.optimize.program.problem import Problem
from heteroplan.optimize.solvers import solver
from heteroplan.optimize.solvers.solver import Answer, Effort, Verdict
from tests.builders import engine, fleet, node_type, scenario, workload
from tests.optimize.case import problem_of
from tests.optimize.random_cases import random_case
from tests.optimize.reference import optimum_or_none

ROLES = (Role.PREFILL, Role.DECODE)


def unmet(problem: Problem) -> tuple[UnmetMinimum, ...]:
    return unmet_minima(problem, Effort())


def test_gpus_that_minima_lack_are_counted() -> None:
    """3 prefill and 1 decode replica of 4 GPUs take 16 GPUs, 8 are there: 2 replicas lack."""
    wanted = workload(rps=[1.0, 2.0], min_replicas={Role.PREFILL: 3, Role.DECODE: 1})
    problem = problem_of(scenario([wanted], in_fleet=fleet({"l1": {"h100x8": 1}})))
    found = unmet(problem)
    assert sum(each.missing for each in found) == 2
    assert sum(each.missing_gpus for each in found) == 8
    assert {each.workload for each in found} == {0}


def test_minima_that_fit_are_met_whatever_demand_asks() -> None:
    wanted = workload(rps=[1000.0], min_replicas={Role.PREFILL: 1, Role.DECODE: 1})
    assert unmet(problem_of(scenario([wanted], in_fleet=fleet({"l1": {"h100x8": 1}})))) == ()


def test_the_interval_with_fewest_nodes_counts() -> None:
    """4 decode replicas of 4 GPUs fit 2 nodes; one is out in the second hour: 8 GPUs lack."""
    wanted = workload(rps=[1.0, 1.0], min_replicas={Role.DECODE: 4})
    problem = problem_of(scenario([wanted], in_fleet=fleet({"l1": {"h100x8": 2}})))
    problem.supplies[0].gpus[1] = 8
    (found,) = unmet(problem)
    assert (found.interval, found.wanted, found.missing, found.missing_gpus) == (1, 4, 2, 8)


def test_workloads_share_the_gpus() -> None:
    """Each workload alone would fit."""
    loads = [workload(name, rps=[1.0], min_replicas={Role.DECODE: 2}) for name in ("a", "b")]
    found = unmet(problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}}))))
    assert sum(each.missing_gpus for each in found) == 8


def test_minima_of_a_workload_without_any_gpus_are_not_met() -> None:
    """Both of its engines run on A100, and there are none."""
    engines = [engine(role.value, role=role, gpu="A100") for role in (Role.PREFILL, Role.DECODE)]
    lost = workload(rps=[0.0, 0.0], engines=engines, min_replicas={Role.DECODE: 2})
    (found,) = unmet(problem_of(scenario([lost])))
    assert found == UnmetMinimum(0, Role.DECODE, 0, 2, 2, 2)


def with_minima(seed: int) -> Problem:
    """A random program in which workloads ask for up to three replicas of a role."""
    of, found = random_case(seed)
    draw = np.random.default_rng([seed, 3])
    loads = [
        replace(load, min_replicas={role: int(draw.integers(0, 4)) for role in ROLES})
        for load in of.workloads
    ]
    return build_problem(replace(of, workloads=tuple(loads)), found)


@pytest.mark.parametrize("seed", range(8300, 8340))
def test_minima_are_unmet_where_no_plan_keeps_them(seed: int) -> None:
    """Of one interval also the other way round: nothing but minima leaves it without a plan."""
    problem = with_minima(seed)
    found, best = unmet(problem), optimum_or_none(problem)
    assert not (found and best is not None)
    if problem.intervals == 1:
        assert bool(found) == (best is None)


def test_gpus_that_lack_are_those_of_the_smallest_engine() -> None:
    """Of 3 replicas of 4 or of 8 GPUs a node holds 2 of 4: one of 4 lacks."""
    engines = [engine(f"both-{gpus}", role=Role.AGGREGATED, gpus=gpus) for gpus in (8, 4)]
    wanted = workload(rps=[1.0], engines=engines, min_replicas={Role.AGGREGATED: 3})
    (found,) = unmet(problem_of(scenario([wanted], in_fleet=fleet({"l1": {"h100x8": 1}}))))
    assert (found.missing, found.missing_gpus) == (1, 4)


def test_the_interval_where_most_gpus_lack_counts() -> None:
    """In the first hour a replica of 8 GPUs lacks, in the second two of 2."""
    kinds = (("a", 8, 1), ("b", 2, 2))
    loads = [
        workload(
            name,
            rps=[1.0, 1.0],
            engines=[engine(name, role=Role.AGGREGATED, gpu=name, gpus=gpus)],
            min_replicas={Role.AGGREGATED: least},
        )
        for name, gpus, least in kinds
    ]
    types = [node_type(name, gpu=name) for name, *_ in kinds]
    on = fleet({"l1": {"a": 1, "b": 1}}, node_types=types)
    problem = problem_of(scenario(loads, in_fleet=on))
    for row in problem.supplies:
        row.gpus[["a", "b"].index(row.node_type)] = 0
    (found,) = unmet(problem)
    assert (found.interval, found.missing, found.missing_gpus) == (0, 1, 8)


def test_the_smaller_lack_is_the_answer() -> None:
    """A node holds the prefill replica of 8 GPUs or the decode replica of 2, not both."""
    engines = [engine("prefill", role=Role.PREFILL, gpus=8), engine("decode", gpus=2)]
    loads = [
        workload("free", rps=[1.0]),
        workload("bound", rps=[1.0], engines=engines, min_replicas=dict.fromkeys(ROLES, 1)),
    ]
    found = unmet(problem_of(scenario(loads, in_fleet=fleet({"l1": {"h100x8": 1}}))))
    assert found == (UnmetMinimum(1, Role.DECODE, 0, 1, 1, 2),)


@pytest.mark.parametrize(
    ("rules", "missing"),
    [
        ({}, 0),
        ({"pd_ratio": RatioBand(1.0, 2.0)}, 1),
        ({"affinity": Affinity.LEAF, "max_groups": 1}, 2),
    ],
)
def test_ratio_bands_and_groups_are_kept(rules: Mapping[str, Any], missing: int) -> None:
    """4 decode replicas of 4 GPUs on 24 GPUs of two leaves, 16 and 8.

    Beside as many prefill replicas 3 fit. On one leaf alone 4 fit, unless it is out: 2.
    """
    wanted = workload(rps=[1.0], min_replicas={Role.DECODE: 4}, **rules)
    on = fleet({"l1": {"h100x8": 2}, "l2": {"h100x8": 1}}, spines={"l1": "s", "l2": "s"})
    if "max_groups" in rules:
        on = fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}}, spines={"l1": "s", "l2": "s"})
    found = unmet(problem_of(scenario([wanted], in_fleet=on)))
    assert sum(each.missing for each in found) == missing


def test_second_halves_count_for_no_minimum() -> None:
    """4 GPUs hold one replica whose halves take 2 each, or two first halves: those count."""
    halves = [
        engine(f"half-{index}", gpus=gpus, part=Part("moe", f"half-{index}", index, None))
        for index, gpus in ((0, 2), (1, 1))
    ]
    engines = [engine("prefill", role=Role.PREFILL), *halves]
    wanted = workload(rps=[1.0], engines=engines, min_replicas={Role.DECODE: 3})
    small = node_type("h100x4", gpus=4)
    on = fleet({"l1": {"h100x4": 1}}, node_types=[small])
    (found,) = unmet(problem_of(scenario([wanted], in_fleet=on)))
    assert (found.missing, found.missing_gpus) == (1, 2)


def four_hours() -> Problem:
    """4 decode replicas on 16 GPUs."""
    wanted = workload(rps=[1.0] * 4, min_replicas={Role.DECODE: 4})
    return problem_of(scenario([wanted], in_fleet=fleet({"l1": {"h100x8": 2}})))


def runs_of(monkeypatch: pytest.MonkeyPatch, verdict: Verdict | None = None) -> list[bool]:
    """For each run of the solver whether it is of integers; `verdict` is what it says instead."""
    found: list[bool] = []
    run = solver.run

    def noted(lp: pulp.LpProblem, effort: Effort, *, integer: bool) -> Answer:
        found.append(integer)
        assert effort.nodes == NODES
        answer = run(lp, effort, integer=integer)
        return replace(answer, verdict=verdict or answer.verdict)

    monkeypatch.setattr(solver, "run", noted)
    return found


def test_each_supply_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 GPUs in the first and third hour, 8 in the others: that of the second is named."""
    problem = four_hours()
    for row in problem.supplies:
        row.gpus[[1, 3]] = 8
    runs = runs_of(monkeypatch)
    (found,) = unmet(problem)
    assert runs == [True, True]
    assert (found.interval, found.missing) == (1, 2)


def test_of_equal_lacks_the_first_is_named() -> None:
    """2 of 4 lack in either: where one leaf is out, and where the other one is."""
    wanted = workload(rps=[1.0] * 3, min_replicas={Role.DECODE: 4}, affinity=Affinity.LEAF)
    on = fleet({"l1": {"h100x8": 1}, "l2": {"h100x8": 1}})
    problem = problem_of(scenario([wanted], in_fleet=on))
    for row in problem.supplies:
        row.gpus[{"l1": 2, "l2": 1}[row.domain]] = 0
    (found,) = unmet(problem)
    assert (found.interval, found.missing) == (1, 2)


def test_what_a_pool_has_room_for_counts_like_supply() -> None:
    problem = four_hours()
    pools = [replace(pool, most=np.minimum(pool.most, [4, 4, 1, 4])) for pool in problem.pools]
    (found,) = unmet(replace(problem, pools=tuple(pools)))
    assert (found.interval, found.missing, found.missing_gpus) == (2, 3, 12)


def test_without_minima_nothing_is_solved(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = runs_of(monkeypatch)
    assert unmet(problem_of(scenario([workload()]))) == ()
    assert not runs


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.OPTIMAL])
def test_nothing_is_said_of_what_is_not_decided(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict
) -> None:
    wanted = workload(min_replicas={Role.DECODE: 3})
    problem = problem_of(scenario([wanted], in_fleet=fleet({"l1": {"h100x8": 1}})))
    assert unmet(problem)
    runs_of(monkeypatch, verdict)
    assert unmet(problem) == ()
