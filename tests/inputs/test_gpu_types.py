import csv

import pytest

from heteroplan.inputs.gpu_types import FACTS, built_in
from heteroplan.profiles.readers.formats.aiconfigurator import SYSTEMS
from tests.realdata import DATA, needs_data
from tests.scenario_files import ScenarioFiles, node_type

AS_FAST_IN_8_BITS = {"B60-24GB", "GAUDI-3-OAM-128GB"}
"""Whose vendors state one rate for 8 and 16 bits."""


def test_an_h100_has_80_gib() -> None:
    """85,899,345,920 bytes / 2^30 = 80 GiB."""
    h100 = built_in()["H100-SXM-80GB"]
    assert h100.memory_gib == 80.0
    assert h100.memory_bytes_per_s == 3.35e12


def test_a_type_without_a_precision_says_nothing_of_it() -> None:
    assert set(built_in()["A100-SXM-80GB"].peak_per_s) == {"bf16", "int8"}
    assert set(built_in()["B200-SXM-180GB"].peak_per_s) == {"bf16", "fp8", "fp4", "int8"}


@pytest.mark.parametrize(
    ("name", "gib", "bytes_per_s"),
    [
        ("H20-SXM-96GB", 96, 4e12),
        ("L20-48GB", 48, 864e9),
        ("A100-PCIE-40GB", 40, 1.555e12),
        ("A100-SXM-40GB", 40, 1.555e12),
        ("A800-PCIE-80GB", 80, 1.935e12),
        ("A800-SXM-80GB", 80, 2.039e12),
        ("H800-PCIE-80GB", 80, 2e12),
        ("H800-SXM-80GB", 80, 3.35e12),
        ("A10-24GB", 24, 600e9),
        ("V100-PCIE-16GB", 16, 900e9),
        ("V100-PCIE-32GB", 32, 900e9),
        ("V100-SXM-16GB", 16, 900e9),
        ("V100-SXM-32GB", 32, 900e9),
        ("T4-16GB", 16, 320e9),
        ("MI300X-192GB", 192, 5.3e12),
        ("MI325X-256GB", 256, 6e12),
        ("MI355X-288GB", 288, 8e12),
        ("GAUDI-3-OAM-128GB", 128, 3.7e12),
        ("L40-48GB", 48, 864e9),
        ("GH200-96GB", 96, 4e12),
        ("GH200-144GB", 144, 4.9e12),
        ("RTX-4090-24GB", 24, 1.008e12),
        ("RTX-6000-ADA-48GB", 48, 960e9),
    ],
)
def test_a_fleet_may_name_it(
    files: ScenarioFiles, name: str, gib: float, bytes_per_s: float
) -> None:
    files.fleet["node_types"].append(node_type("other", name))
    gpu = files.load().scenario.fleet.node_type("other").gpu
    assert (gpu.memory_gib, gpu.memory_bytes_per_s) == (gib, bytes_per_s)


def test_a_fleet_that_describes_it_itself_is_believed(files: ScenarioFiles) -> None:
    files.fleet["gpu_types"] = [{"name": "MI300X-192GB", "memory_gib": 190}]
    files.fleet["node_types"].append(node_type("other", "MI300X-192GB"))
    assert files.load().scenario.fleet.node_type("other").gpu.memory_gib == 190


@pytest.mark.parametrize("name", built_in())
def test_names_end_with_the_memory(name: str) -> None:
    """Within 7 %, which ECC takes of GDDR6 where the source counts it."""
    stated = float(name.rpartition("-")[2].removesuffix("GB"))
    assert 0.93 * stated <= built_in()[name].memory_gib <= stated


@pytest.mark.parametrize("name", built_in())
def test_facts_are_of_hardware_that_there_may_be(name: str) -> None:
    """All memory takes 5 to 100 ms to read; dense rates double with half the bits."""
    gpu = built_in()[name]
    assert gpu.memory_bytes_per_s is not None
    assert 0.005 < gpu.memory_gib * 2**30 / gpu.memory_bytes_per_s < 0.1
    peak = gpu.peak_per_s
    assert ("bf16" in peak) != ("fp16" in peak)
    if "fp8" in peak:
        times = 1 if name in AS_FAST_IN_8_BITS else 2
        assert peak["fp8"] == pytest.approx(times * peak["bf16"], rel=0.02)
    if "fp4" in peak:
        assert 2 * peak["fp8"] <= peak["fp4"] * 1.001 <= 3.2 * peak["fp8"]


@pytest.mark.parametrize(
    ("name", "like"),
    [
        ("A100-PCIE-40GB", "A100-PCIE-80GB"),
        ("A100-SXM-40GB", "A100-SXM-80GB"),
        ("A800-SXM-80GB", "A100-SXM-80GB"),
        ("H800-PCIE-80GB", "H100-PCIE-80GB"),
        ("H800-SXM-80GB", "H100-SXM-80GB"),
        ("GH200-96GB", "H100-SXM-80GB"),
        ("V100-SXM-16GB", "V100-SXM-32GB"),
        ("MI325X-256GB", "MI300X-192GB"),
    ],
)
def test_boards_of_one_chip_compute_alike(name: str, like: str) -> None:
    assert built_in()[name].peak_per_s == pytest.approx(built_in()[like].peak_per_s, rel=0.002)


def test_every_fact_has_a_source_and_every_type_one_row() -> None:
    rows = _facts()
    assert [row["gpu"] for row in rows if not row["source"].strip()] == []
    assert [row["gpu"] for row in rows] == sorted({row["gpu"] for row in rows})


@needs_data
def test_facts_are_those_of_the_source() -> None:
    path = DATA / "perf" / "aiconfigurator_gpu_specs.csv"
    with path.open(newline="", encoding="utf-8") as file:
        theirs = {SYSTEMS[row["system"]]: row for row in csv.DictReader(file)}
    ours = {row["gpu"]: row for row in _facts() if "aiconfigurator" in row["source"]}
    assert ours.keys() == theirs.keys()
    for name, row in theirs.items():
        gpu = built_in()[name]
        assert gpu.memory_gib * 2**30 == float(row["mem_capacity_B"])
        assert gpu.memory_bytes_per_s == float(row["mem_bw_Bps"])
        assert gpu.peak_per_s["bf16"] == float(row["bf16_flops"])
        assert gpu.peak_per_s.get("fp8") == (float(row["fp8_flops"] or 0) or None)


def _facts() -> list[dict[str, str]]:
    with FACTS.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
