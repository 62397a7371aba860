"""ibnetdiscover's listings, and the levels of a fabric; texts are made up after a real listing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inventory.formats.fabric_levels import levels_of
from tests.inventory.sources import by_name, fits, nodes_by_path, read, refused, sample
from tests.realdata import needs_data

NAME = "ibnetdiscover"


def switch(guid: str, description: str, *ports: str) -> str:
    lines = [
        "vendid=0x2c9",
        f"switchguid=0x{guid}({guid})",
        f'Switch\t65 "S-{guid}"\t\t# "{description}" enhanced port 0 lid 73 lmc 0',
        *(f"[{number}]\t{port}" for number, port in enumerate(ports, start=1)),
    ]
    return "\n".join(lines) + "\n\n"


def host(guid: str, description: str, rate: str = "4xNDR", port: int = 1) -> str:
    return f'"H-{guid}"[{port}]({guid}) \t\t# "{description}" lid 647 {rate}'


def uplink(guid: str) -> str:
    return f'"S-{guid}"[32]\t\t# "MF0;SPINE:MQM9701/U1" lid 236 4xNDR'


RAILS = (
    "# Topology file: generated on Wed Aug  6 16:11:23 2025\n#\n\n"
    + switch(
        "a1",
        "MF0;LEAF-01:MQM9701/U1",
        host("11", "gpu1 mlx5_0"),
        host("21", "gpu2 mlx5_0"),
        uplink("c1"),
        host("a9", "Mellanox Technologies Aggregation Node"),
    )
    + switch(
        "a2",
        "MF0;LEAF-02:MQM9701/U1",
        host("12", "gpu1 mlx5_1"),
        host("22", "gpu2 mlx5_1"),
        uplink("c1"),
    )
    + switch("b1", "MF0;LEAF-03:MQM9701/U1", host("31", "gpu3 HCA-1", "4xHDR"), uplink("c1"))
    + switch("c1", "MF0;SPINE:MQM9701/U1", uplink("a1"), uplink("a2"), uplink("b1"))
    + 'Ca\t1 "H-11"\t\t# "gpu1 mlx5_0"\n[1](11) \t"S-a1"[1]\t\t# lid 647 lmc 0 "x" lid 73 4xNDR\n'
)


def test_rails_are_one_leaf_and_rates_of_ports_add_up() -> None:
    """gpu1 and gpu2 have two ports of 4 x 100 Gbit/s each, gpu3 one of 4 x 50 Gbit/s."""
    found = read(NAME, RAILS)
    assert {node.name: (node.path, node.nic_gbit_per_s) for node in found.nodes} == {
        "gpu1": (("SPINE", "LEAF-01"), 800.0),
        "gpu2": (("SPINE", "LEAF-01"), 800.0),
        "gpu3": (("SPINE", "LEAF-03"), 200.0),
    }
    assert found.notes == (
        "3 leaf switches are 2 leaves, each named after its first switch: hosts have ports at "
        "several of them (rails)",
    )
    assert by_name(found)["gpu3"].line == 21


def test_a_host_that_may_have_more_ports_has_no_bandwidth() -> None:
    """gpu2's second adapter has the name of its model, as nobody set another."""
    unnamed = "MT4129 ConnectX7   Mellanox Technologies"
    found = read(NAME, RAILS.replace("gpu2 mlx5_1", unnamed))
    assert {node.name: node.nic_gbit_per_s for node in found.nodes} == {
        "gpu1": 800.0,
        "gpu2": None,
        "gpu3": 200.0,
    }
    assert found.notes[1:] == (
        "1 adapter left out, whose descriptions name no host",
        "no bandwidth of 1 host (gpu2), with fewer ports than most at their leaf: adapters without "
        "a host may be theirs",
    )


def test_switches_without_names_of_their_own_have_their_id() -> None:
    text = switch("a1", "Quantum Mellanox Technologies", host("11", "n1 mlx5_0")) + switch(
        "a2", "leaf", host("12", "n2 mlx5_0")
    )
    assert set(nodes_by_path(read(NAME, text))) == {("S-a1",), ("leaf",)}


def test_switches_of_one_name_have_their_ids() -> None:
    text = switch("a1", "leaf", host("11", "n1 mlx5_0")) + switch(
        "a2", "leaf", host("12", "n2 mlx5_0")
    )
    assert set(nodes_by_path(read(NAME, text))) == {("S-a1",), ("S-a2",)}


@pytest.mark.parametrize(
    ("description", "host_name"),
    [
        ("gpu01 mlx5_0", "gpu01"),
        ("gpu01 HCA-1", "gpu01"),
        ("gpu01", "gpu01"),
        ("MTL-gpu1 ibp12s0", "MTL-gpu1"),
        ("localhost mlx5_0", None),
        ("localhost.localdomain mlx5_0", None),
        ("MT4129 ConnectX7   Mellanox Technologies", None),
        ("MT25408 HCA-1", None),
        ("Mellanox Technologies", None),
        ("Mellanox Technologies Aggregation Node", None),
    ],
)
def test_hosts_are_named_by_the_first_word_of_what_they_are_called(
    description: str, host_name: str | None
) -> None:
    text = switch("a1", "leaf", host("11", "n1 mlx5_0"), host("12", description))
    names = {node.name for node in read(NAME, text).nodes}
    assert names - {"n1"} == ({host_name} if host_name else set())


@pytest.mark.parametrize(
    ("rate", "gbit_per_s"),
    [("4xFDR", 56.0), ("4xEDR", 100.0), ("2xNDR", 200.0), ("4xXDR", 800.0), ("4xNEW", None)],
)
def test_rates_are_those_of_their_names(rate: str, gbit_per_s: float | None) -> None:
    text = switch("a1", "leaf", host("11", "n1 mlx5_0", rate))
    assert read(NAME, text).nodes[0].nic_gbit_per_s == gbit_per_s


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RAILS[: RAILS.index('"gpu2 mlx5_1"')], "is no port of a switch; was the listing cut?"),
        (
            switch("a1", "leaf", host("11", "localhost HCA-1")),
            "f: has no switch with a named host; was the listing written to the end?",
        ),
    ],
)
def test_what_is_wrong_is_told(text: str, message: str) -> None:
    assert message in refused(NAME, text)


def test_only_its_own_files_fit() -> None:
    assert fits(NAME, RAILS)
    assert not fits(NAME, "SwitchName=a Nodes=n1")
    assert not fits(NAME, "# Topology file: generated")


@st.composite
def fabrics(draw: st.DrawFn) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]], int]:
    """Units of hosts with rails and spines above: links of leaves and of all, and the units.

    Less than half of the ports of a switch are down.
    """
    units, rails = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    size, spines = draw(st.integers(3, 8)), draw(st.integers(1, 3))
    hosts: dict[str, Counter[str]] = {}
    neighbours: dict[str, Counter[str]] = {}
    for unit in range(units):
        for rail in range(rails):
            leaf = f"leaf-{unit}-{rail}"
            down = draw(st.integers(0, size - 1)) if rail else None
            hosts[leaf] = Counter(f"{unit}-{i}" for i in range(size) if i != down)
            for spine in range(spines):
                neighbours.setdefault(leaf, Counter())[f"spine-{spine}"] += 1
                neighbours.setdefault(f"spine-{spine}", Counter())[leaf] += 1
    return hosts, neighbours, units


@given(fabrics())
def test_a_unit_of_a_rail_fabric_is_a_leaf(
    fabric: tuple[dict[str, Counter[str]], dict[str, Counter[str]], int],
) -> None:
    hosts, neighbours, units = fabric
    levels = levels_of(hosts, neighbours)
    assert levels.leaves == units
    for members in hosts.values():
        for member in members:
            unit = member.partition("-")[0]
            assert levels.path(member) == ("spine-0", f"leaf-{unit}-0")


def test_pods_of_a_fat_tree_of_three_levels() -> None:
    """Two pods of two leaves and two spines each, and two cores above all spines."""
    hosts: dict[str, Counter[str]] = {}
    neighbours: dict[str, Counter[str]] = {}

    def link(one: str, two: str) -> None:
        neighbours.setdefault(one, Counter())[two] += 1
        neighbours.setdefault(two, Counter())[one] += 1

    for pod in "AB":
        for leaf in "12":
            hosts[f"leaf{pod}{leaf}"] = Counter(f"{pod}{leaf}{i}" for i in range(4))
            for spine in "12":
                link(f"leaf{pod}{leaf}", f"spine{pod}{spine}")
        for spine in "12":
            for core in "12":
                link(f"spine{pod}{spine}", f"core{core}")
    levels = levels_of(hosts, neighbours)
    assert levels.path("A10") == ("core1", "spineA1", "leafA1")
    assert levels.path("B23") == ("core1", "spineB1", "leafB2")


def test_a_host_that_is_plugged_in_elsewhere_joins_no_leaves() -> None:
    """Of 8 hosts at each leaf, one of the first has a port at the second: it stays where most are.

    With two ports at its own leaf it is in that one.
    """
    hosts = {
        "a": Counter({**{f"a{i}": 1 for i in range(8)}, "a0": 2}),
        "b": Counter({**{f"b{i}": 1 for i in range(8)}, "a0": 1}),
    }
    levels = levels_of(hosts, {})
    assert levels.leaves == 2
    assert levels.path("a0") == ("a",)


@needs_data
def test_the_sample() -> None:
    """By hand: grep of the names finds 31 leaf switches IBLEAF-RAIL-UNIT, 4 rails of 8 units but
    for rail 3 of unit 1, and 119 hosts with the unit in their names (`dgx-04`), 109 with 4 ports
    of 400 Gbit/s and 10, those of unit 1, with 3. Two more hosts, without it, manage the fabric.
    """
    found = sample(NAME, "ibnetdiscover_example.out.gz")
    paths = nodes_by_path(found)
    assert len(paths) == 8
    assert {path[0] for path in paths if path} == {"A10-P1-IBSPINE-01"}
    for node in found.nodes:
        assert node.path is not None
        if "-dgx-" in node.name:
            unit = node.name.split("-")[3]
            assert node.path[1].endswith(f"-IBLEAF-01-{unit}")
            assert node.nic_gbit_per_s == (1200.0 if unit == "01" else 1600.0)
    assert Counter(node.nic_gbit_per_s for node in found.nodes) == {
        1600.0: 109,
        1200.0: 10,
        None: 2,
    }
