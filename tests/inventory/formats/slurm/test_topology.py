"""Slurm's topology.conf."""

import pytest

from tests.inventory.sources import by_name, fits, nodes_by_path, read, refused, sample
from tests.realdata import needs_data

NAME = "slurm-topology"
TREE = """
# three levels
SwitchName=top Switches=spine[1-2]
switchname=spine1 SWITCHES=s[0-1] LinkSpeed=100
SwitchName=spine2 Switches=s2
SwitchName=s0 Nodes=gpu[0-1]   # the first rack
SwitchName=s1 Nodes=gpu[2-3],login
SwitchName=s2 \\
  Nodes="gpu4"
"""


def test_nodes_of_a_tree_have_the_path_from_its_top() -> None:
    found = read(NAME, TREE)
    assert {node.name: node.path for node in found.nodes} == {
        "gpu0": ("top", "spine1", "s0"),
        "gpu1": ("top", "spine1", "s0"),
        "gpu2": ("top", "spine1", "s1"),
        "gpu3": ("top", "spine1", "s1"),
        "login": ("top", "spine1", "s1"),
        "gpu4": ("top", "spine2", "s2"),
    }
    assert [by_name(found)[name].line for name in ("gpu0", "gpu2", "gpu4")] == [6, 7, 8]
    assert found.notes == ()


def test_blocks_are_nvlink_domains_and_rings_are_switches() -> None:
    found = read(NAME, "BlockName=b1 Nodes=n[1-2]\nBlockSizes=2,4\nRingName=r1 Nodes=n[2-3]\n")
    nodes = by_name(found)
    assert [nodes[f"n{i}"].nvlink_domain for i in (1, 2, 3)] == ["b1", "b1", None]
    assert [nodes[f"n{i}"].path for i in (1, 2, 3)] == [None, ("r1",), ("r1",)]


def test_of_several_places_the_first_counts_and_this_is_told() -> None:
    """Slurm takes such a file with a warning: node n2 has ports at two leaf switches."""
    text = (
        "SwitchName=a Nodes=n[1-2]\nSwitchName=b Nodes=n[2-3]\n"
        "SwitchName=x Switches=a,b\nSwitchName=y Switches=b\n"
    )
    found = read(NAME, text)
    assert by_name(found)["n2"].path == ("x", "a")
    assert by_name(found)["n3"].path == ("x", "b")
    assert found.notes == (
        "switch b is below x and y: it counts as below x",
        "1 node in several places of the file: the first counts (n2)",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SwitchName=a Nodes=n[2-1]", "f:1: Nodes: n[2-1]: range 2-1 runs backwards"),
        ("SwitchName=a Nodes=n1\nSwitchName=a Nodes=n2", "f:2: SwitchName: a: switch is defined t"),
        ("BlockName=a Nodes=n1\nBlockName=a Nodes=n2", "f:2: BlockName: a: block is defined twice"),
        ("SwitchName=a Switches=b\nSwitchName=c Nodes=n", "f:1: b: switch below a is not defined"),
        ("SwitchName=a Nodes=n1 Wide=3", "f:1: wide: unknown parameter; known are SwitchName"),
        ("SwitchName=a Nodes=n1\nNodes=n2", "f:2: no SwitchName, BlockName, RingName on this line"),
        ('SwitchName="" Nodes=n1', "f:1: name is empty; write one"),
        ("SwitchName=a Nodes=n1\nwhat is this", "f:2: what: unknown parameter"),
        ("SwitchName=a", "f: names no nodes"),
        (
            "SwitchName=a Switches=b Nodes=n1\nSwitchName=b Switches=a",
            "a: switch is below itself (a < b < a); cut the circle",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, message: str) -> None:
    assert message in refused(NAME, text)


def test_only_its_own_files_fit() -> None:
    assert fits(NAME, TREE)
    assert fits(NAME, "# blocks\nBlockSizes=4\n  blockname = b1 Nodes=n1")
    assert not fits(NAME, "NodeName=n1 Gres=gpu:8")
    assert not fits(NAME, "# SwitchName=a\nswitches:\n  a: {}\n")
    assert not fits(NAME, {"SwitchName": "a"})


@needs_data
def test_the_sample_tree() -> None:
    """By hand: 12 leaf switches of 8 nodes each, two below each of 6 spines, below one core."""
    found = sample(NAME, "slurm_topology_tree.conf")
    paths = nodes_by_path(found)
    assert sum(paths.values()) == 96
    assert set(paths.values()) == {8}
    assert len(paths) == 12
    assert by_name(found)["srv4205"].path == ("switch.3.1", "switch.2.4", "switch.1.8")


@needs_data
def test_the_sample_blocks() -> None:
    """By hand: 12 blocks of 8 nodes each."""
    found = sample(NAME, "slurm_topology_block.conf")
    domains = [node.nvlink_domain for node in found.nodes]
    assert (len(domains), len(set(domains))) == (96, 12)
    assert by_name(found)["srv6208"].nvlink_domain == "rack62"
