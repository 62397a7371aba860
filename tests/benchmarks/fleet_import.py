"""Seconds to import large fleets: `python -m tests.benchmarks.fleet_import` (about a minute).

Made-up nodes as `kubectl get nodes -o json` writes them (labels of GPU feature discovery and of
topograph, conditions, addresses, 50 images each as the kubelet lists them), alone and joined with a
topology.conf of Slurm, imported in a process of its own. Every fleet is read back and its GPUs
counted. CPU seconds are those of that process, and other load on the machine does not lengthen
them.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from heteroplan.inputs.fleet_files import read_fleet
from tests.benchmarks.markdown import header, row

SIZES = (1_000, 10_000)
NODES_PER_LEAF, LEAVES_PER_SPINE = 16, 8
IMAGES = 50
"""That a kubelet reports (nodeStatusMaxImages)."""
TYPES = (
    ("NVIDIA-H100-80GB-HBM3", "81559"),
    ("NVIDIA-H200", "143771"),
    ("NVIDIA-A100-SXM4-80GB", "81920"),
)


def main() -> None:
    header(
        "Imports of fleets",
        "`python -m tests.benchmarks.fleet_import`",
        ("nodes", "GPUs", "sources", "MB", "seconds", "CPU seconds"),
    )
    for nodes in SIZES:
        with TemporaryDirectory() as name:
            folder = Path(name)
            kubernetes, slurm = folder / "nodes.json", folder / "topology.conf"
            kubernetes.write_text(json.dumps(kubectl(nodes)), encoding="utf-8")
            slurm.write_text(topology(nodes), encoding="utf-8")
            for sources in ([kubernetes], [kubernetes, slurm]):
                measure(nodes, sources, folder / "fleet.yaml")


def measure(nodes: int, sources: list[Path], out: Path) -> None:
    """One line of the table."""
    command = [sys.executable, "-m", "heteroplan", "fleet", "import", *map(str, sources)]
    options = ["--price", "2.5", "--nic-gbit-per-s", "3200", "--out", str(out)]
    began, cpu_began = perf_counter(), _cpu_s()
    subprocess.run([*command, *options], check=True, capture_output=True)
    seconds, cpu_s = perf_counter() - began, _cpu_s() - cpu_began
    gpus = read_fleet(str(out)).gpus
    assert gpus == 8 * nodes, gpus
    size = sum(path.stat().st_size for path in sources) / 1e6
    names = ", ".join(path.name for path in sources)
    row(f"{nodes:,}", f"{gpus:,}", names, f"{size:.0f}", f"{seconds:.1f}", f"{cpu_s:.1f}")


def kubectl(nodes: int) -> dict[str, Any]:
    """A list of nodes with 8 GPUs each."""
    return {"apiVersion": "v1", "kind": "List", "items": [_node(i) for i in range(nodes)]}


def topology(nodes: int) -> str:
    """The same leaves and spines as labels give, below one core switch."""
    leaves = -(-nodes // NODES_PER_LEAF)
    spines = -(-leaves // LEAVES_PER_SPINE)
    lines = [f"SwitchName=core Switches=s[0-{spines - 1}]"]
    for spine in range(spines):
        first = spine * LEAVES_PER_SPINE
        last = min(leaves, first + LEAVES_PER_SPINE) - 1
        lines.append(f"SwitchName=s{spine} Switches=l[{first}-{last}]")
    for leaf in range(leaves):
        first = leaf * NODES_PER_LEAF
        last = min(nodes, first + NODES_PER_LEAF) - 1
        lines.append(f"SwitchName=l{leaf} Nodes=gpu-{first}" if first == last else
                     f"SwitchName=l{leaf} Nodes=gpu-[{first}-{last}]")  # fmt: skip
    return "\n".join(lines) + "\n"


def _node(index: int) -> dict[str, Any]:
    leaf = index // NODES_PER_LEAF
    product, memory = TYPES[leaf % len(TYPES)]
    resources = {"cpu": "192", "memory": "2113418872Ki", "nvidia.com/gpu": "8", "pods": "110"}
    labels = {
        "kubernetes.io/hostname": f"gpu-{index}",
        "topology.kubernetes.io/zone": "zone-a",
        "nvidia.com/gpu.product": product,
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.memory": memory,
        "nvidia.com/gpu.replicas": "1",
        "nvidia.com/mig.strategy": "single",
        "fabric.topograph.run/tier-0": f"l{leaf}",
        "fabric.topograph.run/tier-1": f"s{leaf // LEAVES_PER_SPINE}",
        "fabric.topograph.run/tier-2": "core",
    }
    labels |= {f"feature.node.kubernetes.io/cpu-cpuid.FLAG{i}": "true" for i in range(60)}
    conditions = [
        {"type": kind, "status": "True" if kind == "Ready" else "False", "reason": "r" * 20,
         "message": "m" * 40, "lastTransitionTime": "2026-11-23T00:00:00Z"}
        for kind in ("MemoryPressure", "DiskPressure", "PIDPressure", "Ready")
    ]  # fmt: skip
    images = [
        {
            "names": [
                f"registry.example.com/team-{i}/image-{i}@sha256:{i:064x}",
                f"registry.example.com/team-{i}/image-{i}:v1.{i}",
            ],
            "sizeBytes": 10**9 + i,
        }
        for i in range(IMAGES)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": f"gpu-{index}", "labels": labels, "uid": f"{index:036x}"},
        "spec": {"providerID": f"aws:///zone-a/i-{index:017x}"},
        "status": {
            "allocatable": resources,
            "capacity": resources,
            "conditions": conditions,
            "addresses": [{"type": "Hostname", "address": f"gpu-{index}"}],
            "images": images,
        },
    }


def _cpu_s() -> float:
    """Of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
