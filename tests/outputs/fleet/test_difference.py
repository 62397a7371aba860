"""Two fleets compared."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.fleet import Fleet, Outage
from heteroplan.entities.network import Leaf, Network
from heteroplan.inputs.fleet_files import read_fleet
from heteroplan.outputs.fleet.difference import Change, difference, difference_json
from heteroplan.outputs.fleet.difference_text import render_difference
from heteroplan.outputs.shared.terminal import make_console
from tests.docs.pages import ROOT

TWO = read_fleet(str(ROOT / "fleets" / "two-spine.yaml"))


def with_leaves(*leaves: Leaf) -> Fleet:
    return replace(TWO, network=Network(leaves))


def test_a_fleet_is_the_same_as_itself() -> None:
    found = difference(TWO, TWO)
    assert found.same
    assert json.loads(difference_json(found))["same"] is True


def test_nodes_that_come_and_go_are_told_by_leaf_in_gpus_and_in_money() -> None:
    """a-s1-l1 has 6 H100 nodes: 2 fewer are 16 GPUs at 2.5 USD, 960 USD a day."""
    first, *others = TWO.network.leaves
    fewer = replace(first, nodes={"h100x8": 4, "a100x8": 4})
    found = difference(TWO, with_leaves(fewer, *others))
    (leaf,) = found.leaves
    assert (leaf.leaf, leaf.change, leaf.nodes) == ("a-s1-l1", "changed", {"h100x8": Change(6, 4)})
    assert found.gpus["H100-SXM-80GB"] == Change(176, 160)
    assert found.usd_per_day.before - found.usd_per_day.after == 960
    (node_type,) = found.node_types
    assert (node_type.node_type, node_type.nodes) == ("h100x8", Change(22, 20))


def test_leaves_may_be_new_gone_and_elsewhere() -> None:
    first, second, third, fourth = TWO.network.leaves
    moved = replace(second, spine="a-s2")
    new = replace(fourth, name="new")
    found = difference(TWO, with_leaves(first, moved, third, new))
    assert [(each.leaf, each.change, each.place) for each in found.leaves] == [
        ("a-s1-l2", "moved", "a/a-s1 to a/a-s2"),
        ("a-s2-l2", "removed", "a/a-s2"),
        ("new", "added", "a/a-s2"),
    ]
    assert not found.node_types


def test_prices_bandwidth_and_outages_differ() -> None:
    h100, a100 = TWO.node_types
    out = Outage(
        "a-s1-l1",
        "h100x8",
        2,
        datetime(2026, 11, 23, tzinfo=UTC),
        datetime(2026, 11, 24, tzinfo=UTC),
    )
    after = replace(
        TWO,
        node_types=(replace(h100, usd_per_gpu_hour=3.0), a100),
        across_spines=0.25,
        outages=(out,),
    )
    found = difference(TWO, after)
    assert found.node_types[0].figures == {"usd_per_gpu_hour": Change(2.5, 3.0)}
    assert found.bandwidth == {"across_spines": Change(0.5, 0.25)}
    assert found.outages_added == (
        "a-s1-l1: 2 h100x8 from 2026-11-23T00:00+00:00 to 2026-11-24T00:00+00:00",
    )
    assert difference(after, TWO).outages_removed == found.outages_added
    assert found.usd_per_day == Change(24 * (176 * 2.5 + 128 * 1.2), 24 * (176 * 3 + 128 * 1.2))


def test_signs_and_amounts_are_shown() -> None:
    first, *others = TWO.network.leaves
    more = replace(first, nodes={"h100x8": 9, "a100x8": 4})
    console = make_console()
    console.width = 80
    with console.capture() as captured:
        render_difference(difference(TWO, with_leaves(more, *others)), console)
    text = captured.get()
    assert "H100-SXM-80GB           176     200     +24\n" in text
    assert "USD a day, all used  14,246  15,686  +1,440\n" in text
    assert "~ h100x8: +3 nodes\n" in text
    assert "~ a-s1-l1 (a/a-s1): +3 h100x8\n" in text


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=4))
def test_leaves_add_up_to_node_types_and_these_to_gpus(counts: list[tuple[int, int]]) -> None:
    leaves = [
        Leaf(f"l{i}", "s", "c", {"h100x8": one, "a100x8": other})
        for i, (one, other) in enumerate(counts)
    ]
    found = difference(TWO, with_leaves(*leaves))
    changes = {each.node_type: each.nodes.after - each.nodes.before for each in found.node_types}
    for name, gpu in (("h100x8", "H100-SXM-80GB"), ("a100x8", "A100-SXM-80GB")):
        by_leaf = [each.nodes[name] for each in found.leaves if name in each.nodes]
        change = sum(each.after - each.before for each in by_leaf)
        assert changes.get(name, 0) == change
        assert found.gpus[gpu].after - found.gpus[gpu].before == 8 * change
