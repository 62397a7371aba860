"""Published fleets and switch trees as fleet files: plans stand on them, checked by node."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import batched
from pathlib import Path
from typing import Any

import pytest
import yaml

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import Plan
from heteroplan.pipelines.plan import plan as make_plan
from heteroplan.verify import verify
from tests.realdata import DATA, needs_data
from tests.scenario_files import ScenarioFiles, engine

FLEET = DATA / "fleet"
OPENB_GIB = {"T4": 16, "P100": 16, "V100M16": 16, "V100M32": 32, "A10": 24, "G2": 64, "G3": 64}
"""Memory of a GPU; G2 and G3 are codes that nobody explains, so theirs is made up."""

type Tree = Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]]
"""Nodes by type of each leaf of each spine of each cluster."""


def network(tree: Tree) -> list[dict[str, Any]]:
    """`network` of a fleet file."""
    return [
        {
            "cluster": cluster,
            "spines": [
                {
                    "spine": spine,
                    "leaves": [
                        {"leaf": leaf, "nodes": dict(nodes)} for leaf, nodes in leaves.items()
                    ],
                }
                for spine, leaves in spines.items()
            ],
        }
        for cluster, spines in tree.items()
    ]


def openb_fleet() -> dict[str, Any]:
    """openb's nodes in file order: 16 a leaf, 8 leaves a spine, 4 spines a cluster."""
    with (FLEET / "alibaba_openb_node_list_gpu_node.csv").open(encoding="utf-8") as file:
        shapes = [(row["model"], int(row["gpu"])) for row in csv.DictReader(file)]
    leaves = [Counter(node_type(*shape) for shape in nodes) for nodes in batched(shapes, 16)]
    spines = [
        {f"s{s}-l{i}": leaf for i, leaf in enumerate(group)}
        for s, group in enumerate(batched(leaves, 8))
    ]
    clusters = batched(enumerate(spines), 4)
    tree = {f"c{c}": {f"s{s}": spine for s, spine in group} for c, group in enumerate(clusters)}
    return {
        "name": "openb",
        "gpu_types": [{"name": name, "memory_gib": gib} for name, gib in OPENB_GIB.items()],
        "node_types": [
            {
                "name": node_type(model, gpus),
                "gpu": model,
                "gpus": gpus,
                "nic_gbit_per_s": 100,
                "usd_per_gpu_hour": OPENB_GIB[model] / 32,
            }
            for model, gpus in sorted(set(shapes))
        ],
        "network": network(tree),
    }


def node_type(model: str, gpus: int) -> str:
    return f"{model.lower()}x{gpus}"


def topograph_fleet(path: Path) -> dict[str, Any]:
    """A switch tree of three levels; each node 8 H100, which the file does not say."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    below = {name: switch["switches"] for name, switch in document["switches"].items()}
    nodes: Counter[str] = Counter()
    for block in document["blocks"]:
        nodes[block["switch"]] += sum(len(expanded(each)) for each in block["nodes"])
    roots = below.keys() - {child for children in below.values() for child in children}
    tree = {
        root: {
            spine: {leaf: {"h100x8": nodes[leaf]} for leaf in below[spine]} for spine in below[root]
        }
        for root in sorted(roots)
    }
    plain = {"name": "h100x8", "gpu": "H100-SXM-80GB", "gpus": 8}
    return {
        "name": path.stem,
        "node_types": [plain | {"nic_gbit_per_s": 3200, "usd_per_gpu_hour": 2.5}],
        "network": network(tree),
    }


def expanded(nodes: str) -> list[str]:
    """Names that a bracket range such as node[1101-1118] stands for."""
    match = re.fullmatch(r"(.*)\[(\d+)-(\d+)\]", nodes)
    if match is None:
        return [nodes]
    prefix, first, last = match.groups()
    return [f"{prefix}{i:0{len(first)}}" for i in range(int(first), int(last) + 1)]


def files_of(
    folder: Path,
    fleet: dict[str, Any],
    engines: Sequence[dict[str, Any]],
    peaks_rps: Sequence[float],
) -> ScenarioFiles:
    """A leaf-, a spine- and a cluster-affine workload, four intervals of six hours."""
    files = ScenarioFiles(folder)
    files.fleet = fleet
    files.profile["engines"] = list(engines)
    files.scenario["horizon"] = {"start": "2026-11-23", "intervals": 4, "interval": "6h"}
    files.scenario["workloads"] = [
        files.workload
        | {"name": f"{level}-affine", "affinity": level.value, "demand": f"{level}.csv"}
        for level in Affinity
    ]
    for level, peak_rps in zip(Affinity, peaks_rps, strict=True):
        rows = [
            f"2026-11-23T{6 * t:02}:00,{peak_rps * share:g}"
            for t, share in enumerate((0.2, 0.7, 1.0, 0.6))
        ]
        (folder / f"{level}.csv").write_text("\n".join(["interval_start,rps", *rows, ""]))
    return files


def planned(files: ScenarioFiles) -> Plan:
    """A plan that serves everything and keeps every rule, node by node."""
    plan = make_plan(files.write(), gap=0.05, time_limit_s=5.0).plan
    verify(plan, gap=0.05)
    assert plan.covered
    assert {stay.pool for stay in plan.stays} == set(range(len(plan.pools)))
    return plan


@needs_data
def test_openb_nodes_plan(tmp_path: Path) -> None:
    """1,213 nodes: 75 leaves of 16 and one of 13, so 10 spines; 6,212 GPUs.

    The leaf-affine workload keeps to one spine: 46 of its nodes have 8 G2 each.
    """
    engines = [
        engine("g2-4-prefill", "prefill", gpu="G2", gpus=4, capacity_rps=8),
        engine("t4-2-prefill", "prefill", gpu="T4", gpus=2, capacity_rps=1.2),
        engine("g2-8-decode", "decode", gpu="G2", gpus=8, capacity_rps=9),
        engine("v100-4-decode", "decode", gpu="V100M32", gpus=4, capacity_rps=2),
    ]
    files = files_of(tmp_path, openb_fleet(), engines, (90, 300, 200))
    files.scenario["workloads"][0]["pin"] = ["s5"]
    plan = planned(files)
    fleet = plan.scenario.fleet
    assert len(fleet.network.domains(Affinity.LEAF)) == 76
    assert len(fleet.network.domains(Affinity.SPINE)) == 10
    assert sum(use.supply[0] for use in plan.supply) == 6212


@needs_data
@pytest.mark.parametrize(
    ("name", "leaves", "nodes"),
    [("medium", 4, 8), ("nvl72", 4, 72), ("dual-xclr-regular", 12, 96)],
)
def test_topograph_switches_plan(tmp_path: Path, name: str, leaves: int, nodes: int) -> None:
    """A pair of 4 GPUs each serves 10 requests/s, as does a node: six tenths of them are needed."""
    engines = [engine("p", "prefill"), engine("d", "decode")]
    fleet = topograph_fleet(FLEET / f"topograph_{name}.yaml")
    plan = planned(files_of(tmp_path, fleet, engines, [2.0 * nodes] * 3))
    below = plan.scenario.fleet.network.leaves
    assert [leaf.nodes["h100x8"] for leaf in below] == [nodes // leaves] * leaves
