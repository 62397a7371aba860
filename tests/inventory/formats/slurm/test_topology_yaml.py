"""Slurm's topology.yaml; the first text is the example of its manual with two kinds more."""

import pytest

from tests.inventory.sources import by_name, fits, read, refused

NAME = "slurm-topology-yaml"
TEXT = """
---
- topology: blocks
  cluster_default: false
  block:
    block_sizes: [2, 4]
    blocks:
      - block: b1
        nodes: node[01-02]
      - block: b2
        nodes: node[03-04]
- topology: tree
  cluster_default: true
  tree:
    switches:
      - switch: sw_root
        children: s[1-2]
      - switch: s1
        nodes: node[01-02]
      - switch: s2
        nodes: node[03-04]
- topology: flat
  flat: true
- topology: ring
  ring:
    rings:
      - ring: ring0
        nodes: node[04-05]
- topology: torus
  torus3d:
    toruses:
      - name: pod1
        dims: {x: 4, y: 4, z: 2}
        regions:
          - {anchor: {x: 0, y: 0, z: 0}, dims: {x: 4, y: 4, z: 1}, nodes: "t[1-16]"}
          - {anchor: {x: 0, y: 0, z: 1}, dims: {x: 4, y: 4, z: 1}, nodes: "t[17-32]"}
      - name: pod2
        nodes: u[1-2]
"""


def test_all_kinds_of_topologies_are_read() -> None:
    found = read(NAME, TEXT)
    nodes = by_name(found)
    assert len(nodes) == 5 + 32 + 2
    assert (nodes["node02"].path, nodes["node02"].nvlink_domain) == (("sw_root", "s1"), "b1")
    assert nodes["node05"].path == ("ring0",)
    assert (nodes["t32"].path, nodes["u1"].path) == (("pod1",), ("pod2",))


def test_the_default_of_the_cluster_counts_first() -> None:
    """node04 is on switch s2 of the default tree and in a ring."""
    found = read(NAME, TEXT)
    assert by_name(found)["node04"].path == ("sw_root", "s2")
    assert found.notes == (
        "topology flat is flat: it tells nothing of places",
        "1 node in several places of the file: the first counts (node04)",
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- topology: t\n  tree: {}", "f: [0].tree.switches: is missing"),
        (
            "- topology: t\n  tree: {switches: [{switch: 1, nodes: n1}]}",
            "f: [0].tree.switches[0].switch: 1: is no text; write it in quotes",
        ),
        (
            "- topology: t\n  tree: {switches: [{switch: a, nodes: 'n[2-1]'}]}",
            "f: [0].tree.switches[0].nodes: n[2-1]: range 2-1 runs backwards",
        ),
        (
            "- topology: t\n  tree: {switches: [{switch: a, children: b}]}",
            "f: b: switch below a is not defined",
        ),
        ("- topology: t\n  flat: true", "f: names no nodes"),
        ("- topology: [", "f:2: not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(text: str, message: str) -> None:
    assert message in refused(NAME, text)


def test_only_its_own_files_fit() -> None:
    assert fits(NAME, TEXT)
    assert not fits(NAME, "- topology: t\n  levels: 3\n")
    assert not fits(NAME, "switches:\n  tree:\n    switches: [a]\nblocks: []\n")
