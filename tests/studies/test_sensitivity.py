"""The fleet of each test has H100 nodes on its leaves; engines `prefill` and `decode` need H100."""

from dataclasses import replace

import pytest

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Leaf, Network
from heteroplan.entities.workload import Part
from heteroplan.inputs.scenario import Loaded
from heteroplan.studies.case import Value
from heteroplan.studies.sensitivity import MOST_COUNTS, sensitivity
from tests import builders


def loaded(fleet: Fleet, *engines: str) -> Loaded:
    made = [builders.engine(name) for name in engines or ("prefill", "decode")]
    scenario = builders.scenario([builders.workload(engines=made)], in_fleet=fleet)
    return Loaded(scenario, builders.candidates(scenario))


def set_by(of: Loaded) -> dict[str, list[Value]]:
    """Values of each path, in the order of the cases."""
    found: dict[str, list[Value]] = {}
    for case in sensitivity(of).cases:
        for path, value in case.inputs:
            found.setdefault(path, []).append(value)
    return found


def test_each_input_is_a_tenth_less_and_a_tenth_more() -> None:
    """H100 at 2 USD; of 20 nodes two, and of 4 nodes one, since a tenth is none."""
    fleet = builders.fleet({"l1": {"h100x8": 20}, "l2": {"h100x8": 4}})
    assert set_by(loaded(fleet)) == {
        "demand": ["*0.9", "*1.1"],
        "fleet.node_types.h100x8.usd_per_gpu_hour": [1.8, 2.2],
        "profile.prefill.speed_factor": ["*0.9", "*1.1"],
        "profile.decode.speed_factor": ["*0.9", "*1.1"],
        "fleet.l1.h100x8": [18, 22],
        "fleet.l2.h100x8": [3, 5],
    }


def test_the_first_case_sets_nothing_and_each_other_one_input() -> None:
    cases = sensitivity(loaded(builders.fleet())).cases
    assert [case.place for case in cases] == list(range(len(cases)))
    assert [len(case.inputs) for case in cases] == [0] + [1] * (len(cases) - 1)


def test_what_no_plan_can_use_is_left_out() -> None:
    """No A100 stands anywhere, and an engine without capacity serves nothing."""
    types = (builders.node_type(), builders.node_type("a100x8", gpu="A100"))
    fleet = builders.fleet({"l1": {"h100x8": 4, "a100x8": 0}}, node_types=types)
    made = [
        builders.engine("used"),
        builders.engine("slow", capacity_rps=0.0),
        builders.engine("elsewhere", gpu="A100"),
    ]
    scenario = builders.scenario([builders.workload(engines=made)], in_fleet=fleet)
    found = set_by(Loaded(scenario, builders.candidates(scenario)))
    assert list(found) == [
        "demand",
        "fleet.node_types.h100x8.usd_per_gpu_hour",
        "profile.used.speed_factor",
        "fleet.l1.h100x8",
    ]


def test_a_fleet_of_one_domain_has_its_nodes_at_the_top() -> None:
    fleet = replace(builders.fleet(), network=Network((_one_domain(),)))
    assert set_by(loaded(fleet))["fleet.nodes.h100x8"] == [4, 6]


def _one_domain() -> Leaf:
    return Leaf("fleet", "fleet", "fleet", {"h100x8": 5})


def test_parts_of_a_divided_engine_are_one_input() -> None:
    made = [
        builders.engine(f"moe-{name}", part=Part("moe", name, i, None))
        for i, name in enumerate(("attention", "ffn"))
    ]
    scenario = builders.scenario([builders.workload(engines=made)])
    found = set_by(Loaded(scenario, builders.candidates(scenario)))
    assert [path for path in found if path.startswith("profile.")] == ["profile.moe.speed_factor"]


def test_of_many_numbers_of_nodes_the_largest_of_each_type_are_varied() -> None:
    """100 leaves of H100 and one with few A100: that one is among them, and the notes say so."""
    types = (builders.node_type(), builders.node_type("a100x8", gpu="A100"))
    nodes = {f"l{i}": {"h100x8": 10 + i} for i in range(100)} | {"last": {"a100x8": 1}}
    found = sensitivity(loaded(builders.fleet(nodes, node_types=types)))
    paths = {path for case in found.cases for path, _ in case.inputs}
    counted = {path for path in paths if path.startswith("fleet.l")}
    largest = {f"fleet.l{i}.h100x8" for i in range(100 - MOST_COUNTS + 1, 100)}
    assert counted == largest | {"fleet.last.a100x8"}
    assert found.notes == (
        f"{MOST_COUNTS} of 101 numbers of nodes are varied: of each node type the largest",
    )


@pytest.mark.parametrize(
    ("share", "expected"), [(0.25, ["*0.75", "*1.25"]), (0.5, ["*0.5", "*1.5"])]
)
def test_the_share_may_be_another(share: float, expected: list[Value]) -> None:
    cases = sensitivity(loaded(builders.fleet()), share).cases
    assert [case.inputs[0][1] for case in cases[1:3]] == expected
