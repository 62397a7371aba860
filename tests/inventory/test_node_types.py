"""Nodes that are alike, and those that are left out."""

import pytest

from heteroplan.errors import UsageError
from heteroplan.inventory.node import NodeRecord
from heteroplan.inventory.node_types import Given, NamedGpu, Typed, typed
from tests.inventory.records import bare, node


def of(*nodes: NodeRecord, given: Given | None = None) -> Typed:
    return typed(nodes, given or Given())


def test_nodes_of_one_gpu_type_and_number_are_one_node_type() -> None:
    found = of(node("n1"), node("n2"), node("n3", gpu="NVIDIA-L40S", gpus=4))
    assert [(each.name, each.gpu, each.gpus) for each in found.node_types] == [
        ("h100x8", "H100-SXM-80GB", 8),
        ("l40sx4", "L40S-48GB", 4),
    ]
    assert [node_type.name for _, node_type in found.nodes] == ["h100x8", "h100x8", "l40sx4"]
    assert found.notes == ()


def test_names_are_as_long_as_they_must_be() -> None:
    found = of(
        node("n1"),
        node("n2", gpu="NVIDIA-H100-PCIe"),
        node("n3", instance_type="p5.48xlarge"),
        node("n4", instance_type="p5.48xlarge", gpus=7),
        node("n5", gpu="NVIDIA-GeForce-RTX-4090", gpus=2),
    )
    assert {each.name for each in found.node_types} == {
        "h100-sxm-80gb-x8",
        "h100-pcie-80gb-x8",
        "p5-48xlarge-x8",
        "p5-48xlarge-x7",
        "rtx-4090x2",
    }


def test_nodes_of_another_nic_are_of_another_type() -> None:
    found = of(node("n1", nic_gbit_per_s=3200.0), node("n2", nic_gbit_per_s=400.0))
    assert [(each.name, each.nic_gbit_per_s) for each in found.node_types] == [
        ("h100x8-3200g", 3200.0),
        ("h100x8-400g", 400.0),
    ]


def test_unknown_gpu_types_are_told_and_left_out() -> None:
    found = of(node("n1", gpu="G2"), node("n2", gpu="G2"), node("n3"))
    assert [each.name for each, _ in found.nodes] == ["n3"]
    assert found.notes == (
        "unknown GPU type G2: 2 nodes with 16 GPUs left out (n1, n2); name it with --gpu "
        "G2=GPU-TYPE",
    )


def test_the_user_may_name_an_unknown_gpu_type() -> None:
    given = Given(gpus={"G2": NamedGpu("H100-SXM-80GB")})
    found = of(node("n1", gpu="G2"), given=given)
    assert found.nodes[0][1].gpu == "H100-SXM-80GB"
    assert found.notes == ()


def test_a_gpu_type_that_is_not_built_in_needs_its_memory() -> None:
    """Given, or as the source has it: 16,384 MiB are 16 GiB."""
    with pytest.raises(UsageError, match=r"P100 is not built in; write its memory after it"):
        of(node("n1", gpu="P100"), given=Given(gpus={"P100": NamedGpu("P100")}))
    stated = of(node("n1", gpu="P100"), given=Given(gpus={"P100": NamedGpu("P100", 16.0)}))
    assert stated.gpu_types == {"P100": 16.0}
    measured = of(
        node("n1", gpu="P100", gpu_memory_mib=16384.0), given=Given(gpus={"P100": NamedGpu("P100")})
    )
    assert measured.gpu_types == {"P100": 16.0}


def test_a_name_that_no_node_has_is_told() -> None:
    found = of(node("n1"), given=Given(gpus={"G7": NamedGpu("H100-SXM-80GB")}))
    assert found.notes == ("--gpu G7: no node has a GPU type or an instance type of this name",)


def test_nodes_whose_gpus_nobody_states_are_left_out_unless_the_user_does() -> None:
    assert of(bare("n1")).nodes == ()
    assert of(bare("n1")).notes == (
        "no source says the GPUs of 1 node (n1): left out; state them with --assume-gpus "
        "GPU-TYPE:GPUS, or add a source that does",
    )
    given = Given(assumed=(NamedGpu("GB200-186GB"), 4))
    found = of(bare("n1"), bare("n2", gpus=0), node("n3"), given=given)
    assert [(each.name, kind.gpu, kind.gpus) for each, kind in found.nodes] == [
        ("n1", "GB200-186GB", 4),
        ("n3", "H100-SXM-80GB", 8),
    ]
    assert found.notes == (
        "1 node without GPUs left out (n2)",
        "GPUs of 1 node are those of --assume-gpus (n1)",
    )


def test_a_number_without_a_type_takes_the_type_that_the_user_states() -> None:
    """Slurm's `gpu:8`."""
    unstated = of(bare("n1", gpus=8))
    assert "GPU type not stated: 1 node with 8 GPUs left out" in unstated.notes[0]
    given = Given(assumed=(NamedGpu("H100-SXM-80GB"), 4))
    ((_, kind),) = of(bare("n1", gpus=8), given=given).nodes
    assert (kind.gpu, kind.gpus) == ("H100-SXM-80GB", 8)


def test_an_instance_type_says_the_gpu() -> None:
    ((_, kind),) = of(bare("n1", gpus=8, instance_type="p5.48xlarge")).nodes
    assert kind.gpu == "H100-SXM-80GB"


def test_a_node_whose_gpus_are_all_divided_is_not_one_without_gpus() -> None:
    """Its reader says why they are left out."""
    found = of(node("n1", gpus=0, gpus_left_out=8), node("n2", gpus=6, gpus_left_out=2))
    assert [(each.name, kind.gpus) for each, kind in found.nodes] == [("n2", 6)]
    assert found.notes == ()
