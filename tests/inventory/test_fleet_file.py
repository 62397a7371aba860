"""The text of a fleet file is the fleet."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.inputs.fleet_files import read_fleet
from heteroplan.inputs.schemas.fleet import FailuresSpec, FleetFile
from heteroplan.inventory.fleet_file import Bandwidth, fleet_spec, fleet_text, natural
from heteroplan.inventory.levels import place
from heteroplan.inventory.limits import absences
from heteroplan.inventory.node import NodeRecord
from heteroplan.inventory.node_places import node_places
from heteroplan.inventory.node_types import Given, NamedGpu, typed
from heteroplan.inventory.prices import Figures, priced
from heteroplan.reading.yaml_source import parse_document
from tests.inventory.records import node

ANY = Figures(usd_per_gpu_hour={"*": 2.5}, nic_gbit_per_s={"*": 3200.0})


def spec_of(
    *nodes: NodeRecord, name: str = "prod", bandwidth: Bandwidth | None = None
) -> FleetFile:
    found = typed(nodes, Given(gpus={"G2": NamedGpu("G2", 40.5)}))
    placed = place([each for each, _ in found.nodes], name)
    out = sorted(absences(found.nodes, placed.places, ()))
    prices = priced(Counter(kind for _, kind in found.nodes), ANY)
    return fleet_spec(name, found, placed, prices, out, bandwidth or Bandwidth())


def read(text: str) -> FleetFile:
    return FleetFile.model_validate(parse_document(text, "fleet.yaml")[0].data)


def test_the_whole_file() -> None:
    spec = spec_of(
        node("n1", path=("s1", "l2"), out="cordoned"),
        node("n2", path=("s1", "l10")),
        node("n3", path=("s1", "l10"), gpu="G2", gpus=4),
        bandwidth=Bandwidth(0.8, 0.25),
    )
    assert fleet_text(spec, ["Of nodes.json."]) == (
        "# Of nodes.json.\n"
        "name: prod\n"
        "gpu_types:\n"
        "  - {name: G2, memory_gib: 40.5}\n"
        "node_types:\n"
        "  - name: h100x8\n"
        "    gpu: H100-SXM-80GB\n"
        "    gpus: 8\n"
        "    nic_gbit_per_s: 3200\n"
        "    usd_per_gpu_hour: 2.5\n"
        "  - name: g2x4\n"
        "    gpu: G2\n"
        "    gpus: 4\n"
        "    nic_gbit_per_s: 3200\n"
        "    usd_per_gpu_hour: 2.5\n"
        "network:\n"
        "  - cluster: prod\n"
        "    spines:\n"
        "      - spine: s1\n"
        "        leaves:\n"
        "          - {leaf: l2, nodes: {h100x8: 1}}\n"
        "          - {leaf: l10, nodes: {h100x8: 1, g2x4: 1}}\n"
        "bandwidth: {across_leaves: 0.8, across_spines: 0.25}\n"
        "unavailable:\n"
        '  - {leaf: l2, node_type: h100x8, nodes: 1, start: "2000-01-01T00:00:00+00:00", '
        'end: "2199-01-01T00:00:00+00:00"}\n'
    )


def test_rates_of_failure_are_kept() -> None:
    """Of one node type, of all others, and where nobody gave any."""
    spec = spec_of(node("n1"), node("n2", gpu="G2", gpus=4))
    assert "failures" not in fleet_text(spec)
    rates = FailuresSpec(nodes_per_1000_days=5, repair_hours=24)
    spec = spec.model_copy(update={"failures": rates})
    spec.node_types[0] = spec.node_types[0].model_copy(
        update={"failures": FailuresSpec(nodes_per_1000_days=0.5, repair_hours=8)}
    )
    assert read(fleet_text(spec)) == spec


def test_nodes_without_a_network_are_one_domain_with_a_valid_name() -> None:
    spec = spec_of(node("n1"), node("n2", out="DRAIN"), name="My fleet")
    assert (spec.name, spec.nodes, spec.network) == ("my-fleet", {"h100x8": 2}, None)
    assert spec.unavailable[0].leaf == "my-fleet"
    assert read(fleet_text(spec)) == spec


def test_a_name_that_no_fleet_may_have_is_refused() -> None:
    with pytest.raises(InputError, match=r"fleet \(not written\): name: =x: begins with ="):
        spec_of(node("n1", path=("l1",)), name="=x")


def test_a_plan_finds_the_nodes_that_are_out_at_the_end(tmp_path: Path) -> None:
    nodes = [
        node("n1", path=("s1", "l1"), out="cordoned"),
        node("n10", path=("s1", "l1")),
        node("n9", path=("s1", "l1")),
    ]
    spec = spec_of(*nodes)
    found = node_places(typed(nodes, Given()).nodes, place(nodes, "prod"), spec)
    assert [(each.node, each.fleet_node, each.out) for each in found] == [
        ("n9", "l1-h100x8-001", ""),
        ("n10", "l1-h100x8-002", ""),
        ("n1", "l1-h100x8-003", "cordoned"),
    ]
    file = tmp_path / "fleet.yaml"
    file.write_text(fleet_text(spec), encoding="utf-8")
    fleet = read_fleet(str(file))
    (leaf,) = fleet.network.leaves
    (outage,) = fleet.outages
    assert (leaf.nodes, outage.nodes) == ({"h100x8": 3}, 1)
    assert fleet.nodes_available(leaf, "h100x8", outage.start, outage.end) == 2


NAMES = st.sampled_from(["l1", "null", "true", "1101", "1e5", "0x1f", "no", "~", "a: b", "#x", "☃"])


@given(st.lists(st.tuples(NAMES, NAMES, st.booleans()), min_size=1, max_size=6))
def test_the_text_reads_as_what_it_was_written_from(nodes: list[tuple[str, str, bool]]) -> None:
    spec = spec_of(
        *(
            node(f"n{i}", path=(spine, leaf), out="out\nside" if out else None)
            for i, (spine, leaf, out) in enumerate(nodes)
        )
    )
    assert read(fleet_text(spec, ["a\nb", "long " * 60])) == spec


def test_names_sort_as_people_count() -> None:
    assert sorted(["r10", "r2", "r1a"], key=natural) == ["r1a", "r2", "r10"]
