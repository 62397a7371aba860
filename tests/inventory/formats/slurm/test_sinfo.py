"""`sinfo --json`; texts are made up after Slurm's data_parser where no sample has GPUs."""

from typing import Any

import pytest

from heteroplan.inventory.node import NodeRecord
from tests.inventory.sources import by_name, fits, read, refused, sample
from tests.realdata import needs_data

NAME = "slurm-sinfo"
META = {"Slurm": {"release": "23.02.5"}}


def group(nodes: list[str], gres: str, state: list[str], partition: str) -> dict[str, Any]:
    return {
        "node": {"state": state},
        "nodes": {"total": len(nodes), "nodes": nodes},
        "gres": {"total": gres, "used": ""},
        "cluster": "dgx",
        "reason": {"description": "disk", "time": 0, "user": ""},
        "partition": {"name": partition},
    }


def test_groups_of_nodes_are_read_once_for_all_partitions() -> None:
    """Nodes g1 to g3 in partition a, and g3 in partition b as well."""
    found = read(
        NAME,
        {
            "meta": META,
            "sinfo": [
                group(["g1", "g2"], "gpu:h100:8(S:0-1)", ["MIXED"], "a"),
                group(["g3"], "gpu:h100:8(S:0-1)", ["IDLE", "DRAIN"], "a"),
                group(["g3"], "gpu:h100:8(S:0-1)", ["IDLE", "DRAIN"], "b"),
                group(["c[1-2]"], "", ["IDLE"], "b"),
            ],
        },
    )
    shared = {"gpu": "h100", "gpus": 8, "cluster": "dgx"}
    assert found.nodes == (
        NodeRecord(name="g1", **shared),  # type: ignore[arg-type]
        NodeRecord(name="g2", **shared),  # type: ignore[arg-type]
        NodeRecord(name="g3", **shared, out="DRAIN: disk"),  # type: ignore[arg-type]
        NodeRecord(name="c1", gpus=0, cluster="dgx"),
        NodeRecord(name="c2", gpus=0, cluster="dgx"),
    )
    assert found.notes == ()


def test_entries_of_nodes_are_read_in_both_forms_of_states() -> None:
    listed = [
        {
            "name": "g1",
            "hostname": "g1.site",
            "state": "idle",
            "state_flags": ["DRAIN"],
            "gres": "gpu:a100:4,gpu:1g.5gb:7",
            "reason": "fan",
        },
        {
            "name": "g2",
            "hostname": "g2",
            "state": ["MIXED"],
            "gres": "gpu:a100:8",
            "instance_id": "i-01",
            "instance_type": "p4d.24xlarge",
            "cluster_name": "(null)",
        },
    ]
    found = read(NAME, {"nodes": listed})
    assert found.nodes == (
        NodeRecord(
            name="g1",
            aliases=("g1.site",),
            gpu="a100",
            gpus=4,
            gpus_left_out=1,
            out="DRAIN: fan",
        ),
        NodeRecord(name="g2", aliases=("i-01",), gpu="a100", gpus=8, instance_type="p4d.24xlarge"),
    )
    assert found.notes == ("at least 1 GPU in slices (MIG), left out of 1 node (g1)",)


def test_where_no_node_has_gpus_nothing_is_told_of_them() -> None:
    """So that another source can; where one has some, the others have none."""
    found = read(NAME, {"nodes": [{"name": "n1", "state": "idle", "gres": ""}]})
    assert found.nodes[0].gpus is None
    assert found.notes == ("no node has GPUs in its GRES: name a source that tells them",)


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            {"nodes": [{"name": "n", "state": "idle", "gres": "gpu:a:b:c"}]},
            "f: nodes[0].gres: gpu:a:b:c: is no GRES",
        ),
        ({"nodes": [{"state": "idle"}]}, "f: nodes[0].name: is missing"),
        ({"nodes": [{"name": ""}]}, 'f: nodes[0].name: "": is empty; write a name'),
        ({"nodes": [{"name": 1}]}, "f: nodes[0].name: 1: is no text; write it in quotes"),
        ({"nodes": {}}, "f: nodes: {}: is no list"),
        ([], "f: []: is no mapping of keys; is it --format?"),
        ({"sinfo": [{"nodes": {"nodes": ["n[2-1]"]}}]}, "f: sinfo[0].nodes.nodes: n[2-1]: range"),
        ({"sinfo": [{}]}, "f: sinfo[0].nodes: is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(
    document: dict[str, Any] | list[Any], message: str
) -> None:
    assert message in refused(NAME, document)


def test_only_its_own_files_fit() -> None:
    assert fits(NAME, {"sinfo": []})
    assert fits(NAME, {"meta": META, "nodes": []})
    assert fits(NAME, {"nodes": [{"name": "n", "state": "idle", "gres": ""}]})
    assert not fits(NAME, {"nodes": [{"name": "n"}]})
    assert not fits(NAME, {"items": []})
    assert not fits(NAME, "sinfo")


@needs_data
def test_the_sample_of_nodes() -> None:
    """By hand: four nodes, none with GPUs; cs5 is down."""
    found = by_name(sample(NAME, "slurm_sinfo_nodes.json"))
    assert {name.partition(".")[0]: node.out for name, node in found.items()} == {
        "cs2": None,
        "cs3": None,
        "cs4": None,
        "cs5": "DOWN",
    }
    assert {node.gpus for node in found.values()} == {None}


@needs_data
def test_the_sample_of_groups() -> None:
    """By hand: one node, allocated, without GPUs."""
    assert sample(NAME, "slurm_sinfo_dataparser.json").nodes == (NodeRecord(name="localhost"),)
