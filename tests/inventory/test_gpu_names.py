import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inputs.gpu_types import built_in
from heteroplan.inventory.gpu_names import MEMORY_TOLERANCE, NAMES, of_node, resolve
from heteroplan.inventory.node import NodeRecord


def rows() -> list[dict[str, str]]:
    with NAMES.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_every_name_stands_for_a_built_in_type_and_has_a_source() -> None:
    for row in rows():
        assert row["gpu"] in built_in(), row
        assert row["source"].strip(), row


def test_a_name_of_several_boards_asks_for_memory() -> None:
    boards: dict[str, set[str]] = {}
    for row in rows():
        boards.setdefault(row["written"].lower().replace("_", "-"), set()).add(row["gpu"])
    several = {name for name, gpus in boards.items() if len(gpus) > 1}
    asking = {row["written"].lower() for row in rows() if row["needs_memory"]}
    assert several <= asking


@pytest.mark.parametrize("gpu", sorted(built_in()))
def test_our_own_names_are_known(gpu: str) -> None:
    assert resolve(gpu) == gpu
    assert resolve(gpu, built_in()[gpu].memory_gib * 1024) == gpu


@pytest.mark.parametrize(
    ("written", "memory_mib", "gpu"),
    [
        # nvidia-smi's names and memory, as GPU feature discovery writes them.
        ("NVIDIA-H100-80GB-HBM3", 81559, "H100-SXM-80GB"),
        ("NVIDIA-H100-PCIe", 81559, "H100-PCIE-80GB"),
        ("NVIDIA-H200", 143771, "H200-SXM-141GB"),
        ("NVIDIA-B200", 183359, "B200-SXM-180GB"),
        ("NVIDIA-B300-SXM6-AC", 275040, "B300-SXM-288GB"),
        ("NVIDIA-GB200", 189471, "GB200-186GB"),
        ("NVIDIA-GH200-480GB", 97871, "GH200-96GB"),
        ("NVIDIA-GH200-144G-HBM3e", 147456, "GH200-144GB"),
        ("NVIDIA-A100-SXM4-40GB", 40536, "A100-SXM-40GB"),
        ("A100-SXM4-40GB", 39538, "A100-SXM-40GB"),
        ("NVIDIA-A100-80GB-PCIe", 81920, "A100-PCIE-80GB"),
        ("NVIDIA-L4", 23034, "L4-24GB"),
        ("NVIDIA-L40S", 46068, "L40S-48GB"),
        ("NVIDIA-A10", 23028, "A10-24GB"),
        ("Tesla-T4", 15360, "T4-16GB"),
        ("Tesla-V100-SXM2-32GB", 32768, "V100-SXM-32GB"),
        ("NVIDIA-H20", 97871, "H20-SXM-96GB"),
        ("NVIDIA H100 80GB HBM3", None, "H100-SXM-80GB"),
        ("nvidia_h100_80gb_hbm3", None, "H100-SXM-80GB"),
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", None, "A100-SXM-40GB"),
        ("NVIDIA-A100-SXM4-80GB-SHARED", 81920, "A100-SXM-80GB"),
        ("AMD_Instinct_MI300X_OAM", 196608, "MI300X-192GB"),
        ("74a1", None, "MI300X-192GB"),
        # Accelerators and machine types of clouds.
        ("nvidia-h100-mega-80gb", None, "H100-SXM-80GB"),
        ("nvidia-tesla-a100", None, "A100-SXM-40GB"),
        ("nvidia-a100-80gb", None, "A100-SXM-80GB"),
        ("p4d.24xlarge", None, "A100-SXM-40GB"),
        ("p4de.24xlarge", None, "A100-SXM-80GB"),
        ("p5en.48xlarge", None, "H200-SXM-141GB"),
        ("g6e.12xlarge", None, "L40S-48GB"),
        ("a3-ultragpu-8g", None, "H200-SXM-141GB"),
        ("Standard_NC24ads_A100_v4", None, "A100-PCIE-80GB"),
        ("BM.GPU4.8", None, "A100-SXM-40GB"),
        ("BM.GPU.MI300X.8", None, "MI300X-192GB"),
        ("H100_NVLINK_80GB", None, "H100-SXM-80GB"),
        # Slurm, where one board has the name or memory tells.
        ("l40s", None, "L40S-48GB"),
        ("gh200", 97871, "GH200-96GB"),
        ("gh200", 147456, "GH200-144GB"),
        # The board that knavigator's virtual nodes carry; no product, but it leaves no doubt.
        ("NVIDIA-H100-SXM4-80GB", None, "H100-SXM-80GB"),
    ],
)
def test_names_that_are_certain(written: str, memory_mib: float | None, gpu: str) -> None:
    assert resolve(written, memory_mib) == gpu


@pytest.mark.parametrize(
    ("written", "memory_mib"),
    [
        ("h100", None),  # SXM, PCIe and NVL
        ("h100", 81559),  # SXM and PCIe have 80 GB
        ("a100", 40536),
        ("a100", None),
        ("v100", 32768),
        ("h200", None),  # SXM and NVL
        ("gh200", None),
        ("gh200", 480 * 1024),  # memory of the CPU
        ("NVIDIA-H20", None),
        ("NVIDIA-H20", 143771),  # the board of 141 GB
        ("NVIDIA-H20-3e", 143771),
        ("NVIDIA-H100-NVL", 95830),
        ("NVIDIA-H200-NVL", 143771),
        ("NVIDIA-A10G", 23028),  # Amazon's, with half the FLOP/s of the A10
        ("Tesla-V100S-PCIE-32GB", 32768),
        ("NVIDIA-A100-SXM4-80GB", 40536),  # name and memory contradict each other
        ("g5.48xlarge", None),
        ("g6f.xlarge", None),  # a part of an L4
        ("g4-standard-24", None),  # half an RTX PRO 6000
        ("Standard_NV6ads_A10_v5", None),  # a sixth of an A10
        ("m7i.large", None),
        ("G2", None),
        ("G3", None),
        ("P100", None),
        ("V100M32", None),
        ("gpu", None),
        ("", None),
    ],
)
def test_names_that_are_not_certain_are_unknown(written: str, memory_mib: float | None) -> None:
    assert resolve(written, memory_mib) is None


@given(st.sampled_from(rows()))
def test_case_and_separators_make_no_difference(row: dict[str, str]) -> None:
    written = row["written"].replace("*", "48xlarge")
    assert resolve(written.upper().replace("-", "_")) == resolve(written)
    assert resolve(f" {written.lower().replace('-', ' ')} ") == resolve(written)


@given(st.sampled_from(rows()), st.floats(1, 1e6))
def test_memory_never_makes_another_type_of_a_name(row: dict[str, str], memory_mib: float) -> None:
    """With memory a name is one of its own types that has about this memory, or unknown."""
    gpu = resolve(row["written"], memory_mib)
    own = {other["gpu"] for other in rows() if other["written"] == row["written"]}
    if gpu is not None and not row["written"].endswith("*"):
        assert gpu in own
        expected_mib = built_in()[gpu].memory_gib * 1024
        assert abs(memory_mib - expected_mib) <= MEMORY_TOLERANCE * expected_mib


def test_a_node_is_known_by_its_instance_type_where_its_gpu_is_not() -> None:
    assert of_node(NodeRecord(name="n", gpu="h100", instance_type="p5.48xlarge")) == "H100-SXM-80GB"
    assert of_node(NodeRecord(name="n", instance_type="BM.GPU.H200.8")) == "H200-SXM-141GB"
    assert of_node(NodeRecord(name="n", gpu="G2")) is None
    assert of_node(NodeRecord(name="n")) is None


def test_a_node_whose_names_contradict_each_other_is_unknown() -> None:
    node = NodeRecord(name="n", gpu="NVIDIA-L4", instance_type="p5.48xlarge")
    assert of_node(node) is None
