from datetime import UTC, datetime, timedelta

import pytest

from heteroplan.entities.fleet import Outage
from heteroplan.entities.network import Affinity, SubgroupPriority
from tests.builders import fleet, node_type

TYPES = (
    node_type("h100x8"),
    node_type("h100x4", gpus=4),
    node_type("l40sx8", gpu="L40S"),
)
SPINES = {"l1": "s1", "l2": "s1"}
LOW, MEDIUM, HIGH = SubgroupPriority


@pytest.mark.parametrize(
    ("first", "second", "spine", "leaves"),
    [
        ({"h100x8": 1}, {"h100x8": 2}, LOW, [LOW, LOW]),
        ({"h100x8": 1}, {}, LOW, [LOW, LOW]),
        ({"h100x8": 1}, {"l40sx8": 1}, MEDIUM, [MEDIUM, MEDIUM]),
        ({"h100x8": 1, "l40sx8": 1}, {"h100x8": 1}, HIGH, [HIGH, MEDIUM]),
        ({"h100x8": 1, "l40sx8": 1}, {"h100x8": 1, "l40sx8": 1}, HIGH, [HIGH, HIGH]),
    ],
)
def test_priority_follows_from_the_gpu_types_below(
    first: dict[str, int],
    second: dict[str, int],
    spine: SubgroupPriority,
    leaves: list[SubgroupPriority],
) -> None:
    """Low: a spine of one type. Medium: a spine of several, each leaf of one. High: a mixed leaf.

    A leaf of one type below a spine with a mixed leaf is medium: only its spine is mixed.
    """
    place = fleet({"l1": first, "l2": second}, node_types=TYPES, spines=SPINES)
    assert place.spine_priority("s1") is spine
    assert [place.leaf_priority(leaf) for leaf in place.network.leaves] == leaves


def test_two_node_types_of_one_gpu_are_not_mixed_hardware() -> None:
    place = fleet({"l1": {"h100x8": 1, "h100x4": 1}}, node_types=TYPES)
    assert place.leaf_priority(place.network.leaves[0]) is LOW


def test_node_types_without_nodes_do_not_count() -> None:
    place = fleet({"l1": {"h100x8": 1, "l40sx8": 0}}, node_types=TYPES)
    assert place.leaf_priority(place.network.leaves[0]) is LOW


def test_priority_is_that_of_the_own_spine() -> None:
    place = fleet({"l1": {"h100x8": 1}, "l2": {"l40sx8": 1}}, node_types=TYPES)
    assert [place.leaf_priority(leaf) for leaf in place.network.leaves] == [LOW, LOW]


@pytest.mark.parametrize(
    ("level", "factor"), [(Affinity.LEAF, 1.0), (Affinity.SPINE, 0.8), (Affinity.CLUSTER, 0.5)]
)
def test_bandwidth_factors(level: Affinity, factor: float) -> None:
    assert fleet().bandwidth_factor(level) == factor


@pytest.mark.parametrize(("hour", "nodes"), [(0, 4), (1, 3), (2, 0), (3, 4)])
def test_nodes_that_are_away_do_not_count(hour: int, nodes: int) -> None:
    """One of four is away from 01:00 to 03:00, five more (all that is left) from 02:00."""
    start = datetime(2026, 11, 23, tzinfo=UTC)
    hours = timedelta(hours=1)
    place = fleet(
        {"l1": {"h100x8": 4}},
        outages=[
            Outage("l1", "h100x8", 1, start + 1 * hours, start + 3 * hours),
            Outage("l1", "h100x8", 5, start + 2 * hours, start + 3 * hours),
        ],
    )
    (leaf,) = place.network.leaves
    begin = start + hour * hours
    assert place.nodes_available(leaf, "h100x8", begin, begin + hours) == nodes
