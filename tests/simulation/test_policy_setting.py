"""What policies know beforehand of their limits."""

from heteroplan.entities.workload import Role
from heteroplan.simulation.run import policy_setting
from heteroplan.simulation.system import serving_system
from tests import builders


def test_the_most_is_the_scenarios_or_what_the_fleet_holds() -> None:
    # 4 and 2 nodes of 8 GPUs: 12 replicas of 4 GPUs; a decode replica may stand there 5 times
    scenario = builders.scenario(
        [builders.workload(rps=[1000.0], max_replicas={Role.DECODE: 5})],
        in_fleet=builders.fleet({"l1": {"h100x8": 4}, "l2": {"h100x8": 2}}),
    )
    setting = policy_setting(serving_system(scenario, builders.candidates(scenario)))
    assert setting.max_replicas.tolist() == [[12.0, 5.0, 0.0]]
    assert setting.min_replicas.tolist() == [[1.0, 1.0, 0.0]]


def test_another_engine_on_the_same_gpus_adds_no_room_but_counts_as_what_it_serves() -> None:
    engines = (
        builders.engine("prefill", role=Role.PREFILL),
        builders.engine("cheap", gpus=4, capacity_rps=10.0),
        builders.engine("dear", gpus=8, capacity_rps=15.0),
    )
    scenario = builders.scenario(
        [builders.workload(rps=[1000.0], engines=engines)],
        in_fleet=builders.fleet({"l1": {"h100x8": 3}}),
    )
    setting = policy_setting(serving_system(scenario, builders.candidates(scenario)))
    # 6 of the cheap one, or 3 of the dear one that count 1.5 each
    assert setting.max_replicas[0, 1] == 6.0


def test_without_a_stated_maximum_it_is_twice_what_the_planned_peak_needs() -> None:
    # 35 requests/s at 10 a replica: 3.5 replicas, twice that is 7
    load = builders.workload(rps=[5.0, 35.0], max_replicas={Role.PREFILL: 9})
    scenario = builders.scenario([load], in_fleet=builders.fleet({"l1": {"h100x8": 30}}))
    setting = policy_setting(serving_system(scenario, builders.candidates(scenario)))
    assert setting.max_replicas.tolist() == [[9.0, 7.0, 0.0]]
