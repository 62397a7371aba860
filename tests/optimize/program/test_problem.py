"""What a program asks for, by hand: replicas of 10 requests/s on 8 GPUs."""

from dataclasses import replace

import pytest

from heteroplan.entities.workload import Role
from tests.builders import SHAPE, engine, fleet, scenario, workload
from tests.optimize.case import problem_of


def test_gpus_asked_for_where_no_engine_serves_all_classes() -> None:
    """Of 30 requests/s 10 are short: 2 replicas of 8 for the long ones, 1 of 4 for the short."""
    classes = [
        replace(SHAPE, name="long", share=2 / 3),
        replace(SHAPE, name="short", share=1 / 3),
    ]
    engines = [
        engine("large", role=Role.AGGREGATED, gpus=8),
        engine("small", role=Role.AGGREGATED, gpus=4),
    ]
    loads = [
        workload("both", rps=[30.0], engines=engines, classes=classes),
        workload("one", rps=[20.0], engines=engines[:1]),
    ]
    of = scenario(loads, in_fleet=fleet({"l1": {"h100x8": 9}}))
    problem = problem_of(of, {("large", "short"): 0.0, ("small", "long"): 0.0})
    assert problem.asked_gpus() == pytest.approx([20.0, 16.0])
