import pytest

from heteroplan.inputs.gpu_types import built_in
from heteroplan.profiles.readers.gpu_names import WORDS, gpu_type


@pytest.mark.parametrize(
    ("product", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100-SXM-80GB"),
        ("NVIDIA-H100-80GB-HBM3", "H100-SXM-80GB"),
        ("nvidia-h100-80gb-hbm3", "H100-SXM-80GB"),
        ("NVIDIA H100 SXM5 80GB", "H100-SXM-80GB"),
        ("NVIDIA H100 PCIe", "H100-PCIE-80GB"),
        ("NVIDIA-H100-PCIe", "H100-PCIE-80GB"),
        ("NVIDIA H200", "H200-SXM-141GB"),
        ("NVIDIA B200", "B200-SXM-180GB"),
        ("NVIDIA B300 SXM6 AC", "B300-SXM-288GB"),
        ("NVIDIA GB200", "GB200-186GB"),
        ("NVIDIA GB300", "GB300-279GB"),
        ("NVIDIA A100-SXM4-80GB", "A100-SXM-80GB"),
        ("A100-SXM-80GB", "A100-SXM-80GB"),
        ("NVIDIA A100 80GB PCIe", "A100-PCIE-80GB"),
        ("NVIDIA-A100-PCIE-80GB", "A100-PCIE-80GB"),
        ("NVIDIA A30", "A30-24GB"),
        ("NVIDIA L40S", "L40S-48GB"),
        ("NVIDIA L4", "L4-24GB"),
        ("Tesla-L4", "L4-24GB"),
        ("NVIDIA H20", "H20-SXM-96GB"),
        ("NVIDIA-H20", "H20-SXM-96GB"),
        ("NVIDIA L20", "L20-48GB"),
        ("NVIDIA A100-SXM4-40GB", "A100-SXM-40GB"),
        ("NVIDIA-A100-PCIE-40GB", "A100-PCIE-40GB"),
        ("NVIDIA A800-SXM4-80GB", "A800-SXM-80GB"),
        ("NVIDIA-A800-80GB-SXM4", "A800-SXM-80GB"),
        ("NVIDIA A800 80GB PCIe", "A800-PCIE-80GB"),
        ("NVIDIA H800", "H800-SXM-80GB"),
        ("NVIDIA-H800", "H800-SXM-80GB"),
        ("H800 SXM5", "H800-SXM-80GB"),
        ("NVIDIA H800 PCIe", "H800-PCIE-80GB"),
        ("NVIDIA A10", "A10-24GB"),
        ("Tesla V100-SXM2-16GB", "V100-SXM-16GB"),
        ("Tesla-V100-SXM2-32GB", "V100-SXM-32GB"),
        ("Tesla V100-PCIE-16GB", "V100-PCIE-16GB"),
        ("Tesla V100-PCIE-32GB", "V100-PCIE-32GB"),
        ("Tesla T4", "T4-16GB"),
        ("AMD Instinct MI300X", "MI300X-192GB"),
        ("AMD_Instinct_MI300X_OAM", "MI300X-192GB"),
        ("AMD Instinct MI300X-NPS1-SPX-192GB-750W", "MI300X-192GB"),
        ("AMD Instinct MI325X", "MI325X-256GB"),
        ("AMD Instinct MI355X 288GB HBM3e", "MI355X-288GB"),
        ("HL-325L", "GAUDI-3-OAM-128GB"),
        ("NVIDIA L40", "L40-48GB"),
        ("NVIDIA GH200 480GB", "GH200-96GB"),
        ("NVIDIA GH200 120GB", "GH200-96GB"),
        ("NVIDIA GH200 144G HBM3e", "GH200-144GB"),
        ("NVIDIA GeForce RTX 4090", "RTX-4090-24GB"),
        ("NVIDIA-GeForce-RTX-4090", "RTX-4090-24GB"),
        ("NVIDIA RTX 6000 Ada Generation", "RTX-6000-ADA-48GB"),
    ],
)
def test_products_are_known(product: str, name: str) -> None:
    assert gpu_type(product) == name


@pytest.mark.parametrize(
    "product",
    [
        "",
        "   ",
        "NVIDIA",
        "H100",
        "NVIDIA H100 NVL",
        "NVIDIA H200 NVL",
        "A100",
        "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb",
        "NVIDIA A100-SXM4-80GB MIG 3g.40gb",
        "NVIDIA-H100-80GB-HBM3-SHARED",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "NVIDIA H20-3e",
        "NVIDIA-H20-141GB",
        "NVIDIA H20 NVL16",
        "NVIDIA H800 NVL",
        "H800",
        "GH200",
        "NVIDIA A100-SXM-64GB",
        "NVIDIA A100-SXM4-40GB MIG 1g.5gb",
        "NVIDIA A800-SXM4-40GB",
        "NVIDIA A800 40GB Active",
        "A800",
        "NVIDIA A10G",
        "NVIDIA A10-24Q",
        "GRID T4-8C",
        "NVIDIA L40S-48B",
        "Tesla-T4-SHARED",
        "Tesla V100-FHHL-16GB",
        "Tesla V100S-PCIE-32GB",
        "Tesla V100-SXM3-32GB",
        "V100",
        "AMD Instinct MI300A",
        "AMD Instinct MI308X",
        "AMD Instinct MI300X CPX",
        "Intel Gaudi 3",
        "HL-338",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA RTX A6000",
        "Quadro RTX 6000",
        "NVIDIA RTX 5000 Ada Generation",
        "XH200",
        "H200X",
        "²",
    ],
)
def test_what_a_name_leaves_open_is_not_guessed(product: str) -> None:
    """Slices and shares of a GPU are not that GPU, nor is a board with other memory or clocks."""
    assert gpu_type(product) is None


@pytest.mark.parametrize("name", sorted({name for _, name in WORDS if name}))
def test_our_own_names_are_known(name: str) -> None:
    assert gpu_type(name) == name


def test_what_products_are_mapped_to_is_built_in() -> None:
    assert {name for _, name in WORDS if name} <= set(built_in())
