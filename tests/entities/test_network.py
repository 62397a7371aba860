import pytest

from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.workload import Workload
from tests.builders import workload

NETWORK = Network(
    (
        Leaf("a-s1-l1", "a-s1", "a", {}),
        Leaf("b-s1-l1", "b-s1", "b", {}),
        Leaf("a-s2-l1", "a-s2", "a", {}),
        Leaf("a-s2-l2", "a-s2", "a", {}),
        Leaf("c-s1-l1", "c-s1", "c", {}),
        Leaf("c-s1-l2", "c-s1", "c", {}),
    )
)
"""Cluster a has a spine of one leaf and one of two, b one leaf, c one spine of two leaves."""


@pytest.mark.parametrize(
    ("level", "names"),
    [
        (Affinity.LEAF, ["a-s1-l1", "b-s1-l1", "a-s2-l1", "a-s2-l2", "c-s1-l1", "c-s1-l2"]),
        (Affinity.SPINE, ["a-s1", "b-s1", "a-s2", "c-s1"]),
        (Affinity.CLUSTER, ["a", "b", "c"]),
    ],
)
def test_domains_are_in_file_order(level: Affinity, names: list[str]) -> None:
    assert list(NETWORK.domains(level)) == names


def test_a_domain_has_the_leaves_below_it() -> None:
    assert [leaf.name for leaf in NETWORK.domains(Affinity.CLUSTER)["a"]] == [
        "a-s1-l1",
        "a-s2-l1",
        "a-s2-l2",
    ]


@pytest.mark.parametrize(
    ("level", "domain", "span"),
    [
        (Affinity.LEAF, "a-s2-l1", Affinity.LEAF),
        (Affinity.SPINE, "a-s1", Affinity.LEAF),
        (Affinity.SPINE, "a-s2", Affinity.SPINE),
        (Affinity.CLUSTER, "a", Affinity.CLUSTER),
        (Affinity.CLUSTER, "b", Affinity.LEAF),
        (Affinity.CLUSTER, "c", Affinity.SPINE),
    ],
)
def test_a_domain_spans_no_more_than_its_leaves(
    level: Affinity, domain: str, span: Affinity
) -> None:
    assert NETWORK.span(level, domain) is span


@pytest.mark.parametrize(
    ("load", "allowed"),
    [
        (workload(), ["a-s1", "b-s1", "a-s2", "c-s1"]),
        (workload(pin=["a-s1", "c"]), ["a-s1", "c-s1"]),
        (workload(exclude=["a", "c-s1"]), ["b-s1"]),
        (workload(pin=["a"], exclude=["a-s2"]), ["a-s1"]),
        (workload(affinity=Affinity.CLUSTER, exclude=["a"]), ["b", "c"]),
        (workload(affinity=Affinity.LEAF, pin=["a-s2"], exclude=["a-s2-l1"]), ["a-s2-l2"]),
    ],
)
def test_groups_live_in_domains_that_are_pinned_and_not_excluded(
    load: Workload, allowed: list[str]
) -> None:
    """By their own name or by that of a domain around them."""
    assert list(load.domains(NETWORK)) == allowed
