"""`aws ec2 describe-instance-topology`; texts are made up after InstanceTopology of the EC2 API."""

from typing import Any

import pytest

from heteroplan.inventory.node import NodeRecord
from tests.inventory.sources import fits, read, refused

NAME = "aws-topology"


def instance(name: str, nodes: list[str] | None, **others: str) -> dict[str, Any]:
    return {
        "InstanceId": name,
        "InstanceType": "p5.48xlarge",
        "NetworkNodes": nodes,
        "AvailabilityZone": "us-west-2a",
        "ZoneId": "usw2-az2",
        **others,
    }


def test_network_nodes_run_from_the_top_down() -> None:
    listing = {
        "Instances": [
            instance("i-1", ["nn-1", "nn-2", "nn-3"]),
            instance("i-2", ["nn-1", "nn-2", "nn-4", "nn-5"], CapacityBlockId="cb-9"),
        ]
    }
    shared = {"instance_type": "p5.48xlarge", "cluster": "us-west-2a"}
    assert read(NAME, listing).nodes == (
        NodeRecord(name="i-1", path=("nn-1", "nn-2", "nn-3"), **shared),  # type: ignore[arg-type]
        NodeRecord(
            name="i-2",
            path=("nn-1", "nn-2", "nn-4", "nn-5"),
            nvlink_domain="cb-9",
            **shared,  # type: ignore[arg-type]
        ),
    )


def test_instances_without_network_nodes_and_further_pages_are_told() -> None:
    listing = {
        "Instances": [instance("i-1", ["nn-1"]), instance("i-2", None), instance("i-3", [])],
        "NextToken": "abc",
    }
    found = read(NAME, listing)
    assert [node.path for node in found.nodes] == [("nn-1",), None, None]
    assert found.notes == (
        "2 of 3 instances without network nodes (i-2, i-3): they do not run, or their type has "
        "none",
        "the listing goes on (NextToken): the instances of other pages are missing",
    )


@pytest.mark.parametrize(
    ("listing", "message"),
    [
        ({"Instances": [{"NetworkNodes": []}]}, "f: Instances[0].InstanceId: is missing"),
        ({"Instances": [instance("i", [1])]}, "f: Instances[0].NetworkNodes[0]: 1: is no text"),  # type: ignore[list-item]
    ],
)
def test_what_is_wrong_is_told_with_its_field(listing: dict[str, Any], message: str) -> None:
    assert message in refused(NAME, listing)


def test_only_its_own_files_fit() -> None:
    assert fits(NAME, {"Instances": [instance("i-1", [])]})
    assert not fits(NAME, {"Instances": [{"InstanceId": "i"}]})
    assert not fits(NAME, {"Reservations": []})
    assert not fits(NAME, {"instances": [{"id": "i", "network_layers": []}]})
