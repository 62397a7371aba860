"""Paths become clusters, spines and leaves."""

import re

from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inputs.schemas.base import LABEL
from heteroplan.inventory.levels import Place, Placed, as_label, place, unique
from heteroplan.inventory.node import NodeRecord
from tests.inventory.records import node


def places(*nodes: NodeRecord, labels: tuple[str, ...] = ()) -> list[tuple[str, str, str]]:
    found = place(nodes, "prod", labels).places
    return [(at.cluster, at.spine, at.leaf) for at in (found[each.name] for each in nodes)]


def test_three_levels_are_cluster_spine_and_leaf() -> None:
    assert places(node("n1", path=("core", "s1", "l1")), node("n2", path=("core", "s1", "l2"))) == [
        ("core", "s1", "l1"),
        ("core", "s1", "l2"),
    ]


def test_fewer_levels_are_completed_from_above() -> None:
    assert places(node("n1", path=("s1", "l1"))) == [("prod", "s1", "l1")]
    assert places(node("n1", path=("l1",))) == [("prod", "prod", "l1")]
    assert places(node("n1", path=("l1",), cluster="zone-a")) == [("zone-a", "zone-a", "l1")]
    assert places(node("n1", cluster="zone-a")) == [("zone-a",) * 3]


def test_without_any_path_there_is_one_domain_and_no_network() -> None:
    found = place([node("n1"), node("n2")], "prod")
    assert set(found.places.values()) == {Place("prod", "prod", "prod")}
    assert not found.has_network
    below = "no source says which switches nodes are below: "
    assert found.notes == (f"{below}the fleet is one network domain",)
    zones = place([node("n1", cluster="a")], "prod")
    assert zones.has_network
    assert zones.notes == (f"{below}each cluster is one leaf",)


def test_racks_of_one_name_in_two_zones_are_two_leaves() -> None:
    """The whole path tells domains apart, as Kueue does it."""
    assert places(
        node("n1", cluster="zone-a", path=("block-1", "rack-1")),
        node("n2", cluster="zone-b", path=("block-1", "rack-1")),
        node("n3", cluster="zone-b", path=("block-1", "rack-2")),
    ) == [
        ("zone-a", "zone-a-block-1", "zone-a-block-1-rack-1"),
        ("zone-b", "zone-b-block-1", "zone-b-block-1-rack-1"),
        ("zone-b", "zone-b-block-1", "zone-b-block-1-rack-2"),
    ]


def test_the_widest_of_more_than_three_levels_are_joined_into_the_cluster() -> None:
    """Four levels that all divide the nodes: 2, 3, 4 and 5 domains."""
    nodes = [
        node("n1", path=("r1", "c1", "s1", "l1")),
        node("n2", path=("r1", "c1", "s1", "l2")),
        node("n3", path=("r1", "c1", "s2", "l3")),
        node("n4", path=("r1", "c2", "s3", "l4")),
        node("n5", path=("r2", "c3", "s4", "l5")),
    ]
    assert places(*nodes) == [
        ("r1-c1", "s1", "l1"),
        ("r1-c1", "s1", "l2"),
        ("r1-c1", "s2", "l3"),
        ("r1-c2", "s3", "l4"),
        ("r2-c3", "s4", "l5"),
    ]
    (note,) = place(nodes, "prod").notes
    assert note == (
        "4 network levels: the 2 widest are joined into the cluster; nodes of two clusters "
        "exchange no KV cache"
    )


def test_an_nvlink_domain_is_a_leaf_below_the_switches() -> None:
    """Two racks below one leaf switch each: the switch says nothing that the rack does not."""
    nodes = [
        node("n1", path=("core", "s1", "l1"), nvlink_domain="nvl-1"),
        node("n2", path=("core", "s1", "l2"), nvlink_domain="nvl-2"),
        node("n3", path=("core", "s2", "l3"), nvlink_domain="nvl-3"),
    ]
    assert places(*nodes) == [
        ("core", "s1", "nvl-1"),
        ("core", "s1", "nvl-2"),
        ("core", "s2", "nvl-3"),
    ]
    (note,) = place(nodes, "prod").notes
    assert "1 level that divided the nodes as the level below did is left out" in note


def test_the_switch_above_several_nvlink_domains_is_the_spine() -> None:
    assert places(
        node("n1", path=("s1",), nvlink_domain="nvl-1"),
        node("n2", path=("s1",), nvlink_domain="nvl-2"),
    ) == [("prod", "s1", "nvl-1"), ("prod", "s1", "nvl-2")]


def test_an_nvlink_domain_without_switches_is_a_leaf() -> None:
    assert places(node("n1", nvlink_domain="a.1"), node("n2", nvlink_domain="a.2")) == [
        ("prod", "prod", "a-1"),
        ("prod", "prod", "a-2"),
    ]


def test_leaf_switches_stay_on_one_level_where_only_some_nodes_have_nvlink() -> None:
    """The spine of the plain nodes is that of the racks' switch, s1, in the same cluster."""
    found = places(
        node("n1", path=("s1", "l1"), nvlink_domain="nvl-1"),
        node("n2", path=("s1", "l1"), nvlink_domain="nvl-2"),
        node("n3", path=("s1", "l2")),
    )
    assert found == [("s1", "l1", "nvl-1"), ("s1", "l1", "nvl-2"), ("s1", "l2", "l2")]


def test_a_tree_of_uneven_depth_keeps_its_leaves_on_one_level() -> None:
    assert places(node("n1", path=("core", "s1", "l1")), node("n2", path=("core", "l2"))) == [
        ("core", "s1", "l1"),
        ("core", "core", "l2"),
    ]


def test_nodes_without_a_place_are_told_and_stand_apart() -> None:
    found = place([node("n1", path=("s1", "l1")), node("n2")], "prod")
    assert found.places["n2"] == Place("prod", "unplaced", "unplaced")
    assert found.notes == (
        "1 node without a place in the network (n2): on a leaf of their own, named unplaced",
    )


def test_labels_that_are_levels_make_the_path() -> None:
    """Those of a Kueue Topology; a node without them keeps what it has, and this is told."""
    nodes = [
        node("n1", labels={"block": "b1", "rack": "r1"}),
        node("n2", labels={"block": "b1"}),
    ]
    found = place(nodes, "prod", ("block", "rack"))
    assert found.places["n1"] == Place("prod", "b1", "r1")
    assert found.notes[0] == "1 node without the labels block, rack (n2)"


def test_names_that_become_equal_as_labels_stay_two() -> None:
    found = places(node("n1", path=("Rack_A",)), node("n2", path=("rack-a",)))
    assert len({leaf for _, _, leaf in found}) == 2


def test_labels_are_valid_and_long_ones_differ() -> None:
    assert as_label("MF0;A09-P1-IBLEAF-04-04:MQM9701/U1") == "mf0-a09-p1-ibleaf-04-04-mqm9701-u1"
    long = [as_label("a" * 80 + end) for end in "bc"]
    assert long[0] != long[1]
    assert all(re.fullmatch(LABEL, each) for each in (*long, as_label("…"), as_label("-a-")))
    assert unique("a", ["a", "a-2"]) == "a-3"


STEPS = st.sampled_from(["a", "A", "b", "a-b", "a_b", "", "1", "x" * 70])


@given(
    st.lists(
        st.tuples(
            st.lists(STEPS, max_size=5).map(tuple),
            st.none() | STEPS,
            st.none() | STEPS,
        ),
        min_size=1,
        max_size=8,
    )
)
def test_domains_nest_and_have_valid_names_that_are_theirs_alone(
    given_nodes: list[tuple[tuple[str, ...], str | None, str | None]],
) -> None:
    nodes = [
        node(f"n{i}", path=path or None, nvlink_domain=nvlink, cluster=cluster)
        for i, (path, nvlink, cluster) in enumerate(given_nodes)
    ]
    found: Placed = place(nodes, "prod")
    above: dict[str, str] = {}
    for at in found.places.values():
        assert all(re.fullmatch(LABEL, name) for name in (at.cluster, at.spine, at.leaf))
        assert above.setdefault(f"leaf {at.leaf}", at.spine) == at.spine
        assert above.setdefault(f"spine {at.spine}", at.cluster) == at.cluster
    for (first, one), (second, other) in zip(
        zip(nodes, found.places.values(), strict=True),
        list(zip(nodes, found.places.values(), strict=True))[1:],
        strict=False,
    ):
        alike = (first.path, first.nvlink_domain, first.cluster) == (
            second.path,
            second.nvlink_domain,
            second.cluster,
        )
        assert not alike or one == other
