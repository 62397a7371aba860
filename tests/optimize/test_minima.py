"""Minimum replicas that no plan can keep."""

from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.optimize.build import build_problem
from heteroplan.optimize.minima import UnmetMinimum, unmet_minima
from heteroplan.optimize.problem import Problem
from heteroplan.optimize.solver import Effort
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
    assert (found.role, found.wanted, found.missing) == (Role.DECODE, 2, 2)


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
