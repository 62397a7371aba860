"""Hand cases of what starts before the horizon; GPUs cost 2 USD an hour."""

from dataclasses import replace

from heteroplan.entities.scenario import Running
from heteroplan.entities.workload import Role
from heteroplan.optimize.program.problem import Problem
from tests.builders import engine, fleet, scenario, workload
from tests.optimize.case import Case, problem_of


def held_before() -> Problem:
    """40 requests/s in three hours, which a replica of 8 GPUs serves; it starts for half an hour.

    On the only node a replica of 4 GPUs ran before, so the large one starts in the first hour,
    whose 144,000 requests nobody serves: 8 USD to start and 32 USD for two hours. From the
    beginning it would be 8 and 48 USD.
    """
    small = engine("small", role=Role.AGGREGATED, startup_s=1800.0)
    large = engine("large", role=Role.AGGREGATED, gpus=8, startup_s=1800.0, capacity_rps=40.0)
    of = scenario(
        [workload(rps=[40.0, 40.0, 40.0], engines=(small, large))],
        in_fleet=fleet({"l1": {"h100x8": 1}}),
        cyclic=False,
    )
    return problem_of(replace(of, current=(Running("w", "small", "h100x8", "l1", ()),)))


HANDOVER_CASES = {
    "held_before": Case(held_before, 40.0, {1: 144_000.0}, ("HandoverRule",)),
}
