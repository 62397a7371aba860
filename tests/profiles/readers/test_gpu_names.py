import pytest

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
        "NVIDIA GH200 480GB",
        "NVIDIA H20",
        "NVIDIA H800",
        "NVIDIA A100-SXM4-40GB",
        "NVIDIA A100-PCIE-40GB",
        "A100",
        "NVIDIA A10",
        "NVIDIA L40",
        "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb",
        "NVIDIA A100-SXM4-80GB MIG 3g.40gb",
        "NVIDIA-H100-80GB-HBM3-SHARED",
        "NVIDIA RTX PRO 6000 Blackwell Server Edition",
        "Tesla V100-SXM2-16GB",
        "AMD Instinct MI300X",
        "XH200",
        "H200X",
        "²",
    ],
)
def test_what_a_name_leaves_open_is_not_guessed(product: str) -> None:
    """Slices and shares of a GPU are not that GPU."""
    assert gpu_type(product) is None


@pytest.mark.parametrize("name", [name for _, name in WORDS])
def test_our_own_names_are_known(name: str) -> None:
    assert gpu_type(name) == name
