"""What pools use, by hand."""

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.plan.usage import busy_share, spent
from tests.builders import candidates, engine, fleet, scenario, workload
from tests.optimize.case import problem_of
from tests.plans import stay


def test_utilization_is_of_gpus_not_of_replicas() -> None:
    """Replicas of 2, 4 and 8 GPUs that serve 10 requests/s.

    Of one of 2 a half is busy, of three of 4 two, of one of 8 a quarter: 1 + 8 + 2 of 22 GPUs.
    """
    engines = [
        engine(f"both-{gpus}", role=Role.AGGREGATED, gpus=gpus, capacity_rps=10.0)
        for gpus in (2, 4, 8)
    ]
    on = fleet({"l1": {"h100x8": 4}})
    problem = problem_of(scenario([workload(rps=[27.5], engines=engines)], in_fleet=on))
    flow = [np.array([[rps / 27.5]]) for rps in (5.0, 20.0, 2.5)]
    assert busy_share(problem, np.array([[1], [3], [1]]), flow) == pytest.approx(11 / 22)


def test_utilization_weighs_hours_by_the_gpus_that_serve() -> None:
    """1 of 1 replica busy for an hour, 1 of 3 for the next: 2 of 4; none serve: 0."""
    both = engine("both", role=Role.AGGREGATED)
    problem = problem_of(scenario([workload(rps=[10.0, 10.0], engines=[both])]))
    flow = [np.array([[1.0, 1.0]])]
    assert busy_share(problem, np.array([[1, 3]]), flow) == pytest.approx(0.5)
    assert busy_share(problem, np.array([[0, 0]]), [np.zeros((1, 2))]) == 0.0


def test_a_move_starts_and_drains() -> None:
    """A replica of 4 GPUs for two hours, which goes on elsewhere in the second.

    Start of half an hour, drain of a quarter: 4 x (2 + 0.5 + 0.25) GPU-hours at 2 USD.
    """
    both = engine("both", role=Role.AGGREGATED, startup_s=1800.0, drain_s=900.0)
    of = scenario([workload(rps=[10.0, 10.0], engines=[both])], cyclic=False)
    problem = problem_of(of)
    stays = (stay(leaf="l1"), stay(leaf="l1", first=1, lead=1, moved=True))
    assert spent(of, candidates(of), problem, np.array([[1, 1]]), stays) == {
        "gpu_hours": 11.0,
        "cost_usd": 22.0,
        "starts": 1,
        "moves": 1,
    }
