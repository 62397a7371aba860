"""A fleet as a tree."""

import json
from dataclasses import replace

from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Leaf, Network
from heteroplan.inputs.fleet_files import read_fleet
from heteroplan.outputs.fleet.tree import fleet_json, render_fleet, shown_leaves
from heteroplan.outputs.shared.terminal import make_console
from tests.docs.pages import ROOT

FOUR = read_fleet(str(ROOT / "fleets" / "four-type.yaml"))


def text(fleet: Fleet, leaves: bool | None = None, width: int = 80) -> str:
    console = make_console()
    console.width = width
    with console.capture() as captured:
        render_fleet(fleet, console, leaves)
    return captured.get()


def test_priorities_are_those_of_the_fleet() -> None:
    for leaf, shown in zip(FOUR.network.leaves, shown_leaves(FOUR), strict=True):
        assert shown.priority is FOUR.leaf_priority(leaf)
        assert shown.spine_priority is FOUR.spine_priority(leaf.spine)


def test_the_tree_counts_nodes_and_gpus_and_says_what_is_out() -> None:
    """176 nodes of 8 GPUs; the outages of the file have stamps without an offset."""
    shown = text(FOUR)
    assert shown.startswith("four-type  176 nodes, 1,408 GPUs, 2 clusters, 5 spines, 12 leaves\n")
    assert "├── a-s1  high  8 h200x8, 20 h100x8, 8 l40sx8  288 GPUs\n" in shown
    assert "│   ├── a-s1-l1  medium  8 h200x8  64 GPUs\n" in shown
    assert "out: 4 h200x8 from 2026-11-23 09:00 to 2026-11-23 12:00 UTC\n" in shown


def test_many_leaves_are_shown_on_request() -> None:
    many = replace(
        FOUR,
        network=Network(tuple(Leaf(f"l{i}", "s", "c", {"h100x8": 1}) for i in range(101))),
        outages=(),
    )
    assert "l77" not in text(many)
    assert text(many).endswith("101 leaves: --leaves shows them.\n")
    assert "l77  low  1 h100x8  8 GPUs" in text(many, True)
    assert "a-s1-l1" not in text(FOUR, False)


def test_the_json_has_every_leaf() -> None:
    document = json.loads(fleet_json(FOUR))
    assert document["gpus"] == 1408
    assert sum(sum(leaf["gpus"].values()) for leaf in document["leaves"]) == 1408
    assert document["leaves"][0]["priority"] == "medium"


def test_numbers_are_whole_on_a_narrow_terminal() -> None:
    lines = text(FOUR, width=40).splitlines()
    assert "h200x8     H200-SXM-141GB     28   224" in lines
    assert max(map(len, lines)) <= 40
