"""GPU product names, as drivers and Kubernetes labels give them -> our GPU types."""

import re

WORDS = (
    (("GB300",), "GB300-279GB"),
    (("GB200",), "GB200-186GB"),
    (("GH200", "144GB"), "GH200-144GB"),
    (("GH200", "480GB"), "GH200-96GB"),
    (("GH200", "120GB"), "GH200-96GB"),
    (("GH200", "96GB"), "GH200-96GB"),
    (("B300",), "B300-SXM-288GB"),
    (("B200",), "B200-SXM-180GB"),
    (("H200",), "H200-SXM-141GB"),
    (("H100", "PCIE"), "H100-PCIE-80GB"),
    (("H100", "80GB", "HBM3"), "H100-SXM-80GB"),
    (("H100", "SXM"), "H100-SXM-80GB"),
    (("H800", "PCIE"), "H800-PCIE-80GB"),
    (("H800", "SXM"), "H800-SXM-80GB"),
    (("NVIDIA", "H800"), "H800-SXM-80GB"),
    (("H20", "141GB"), None),
    (("H20",), "H20-SXM-96GB"),
    (("A100", "PCIE", "80GB"), "A100-PCIE-80GB"),
    (("A100", "SXM", "80GB"), "A100-SXM-80GB"),
    (("A100", "PCIE", "40GB"), "A100-PCIE-40GB"),
    (("A100", "SXM", "40GB"), "A100-SXM-40GB"),
    (("A800", "PCIE", "80GB"), "A800-PCIE-80GB"),
    (("A800", "SXM", "80GB"), "A800-SXM-80GB"),
    (("A30",), "A30-24GB"),
    (("A10",), "A10-24GB"),
    (("L40S",), "L40S-48GB"),
    (("L40",), "L40-48GB"),
    (("L20",), "L20-48GB"),
    (("L4",), "L4-24GB"),
    (("T4",), "T4-16GB"),
    (("V100", "PCIE", "16GB"), "V100-PCIE-16GB"),
    (("V100", "PCIE", "32GB"), "V100-PCIE-32GB"),
    (("V100", "SXM", "16GB"), "V100-SXM-16GB"),
    (("V100", "SXM", "32GB"), "V100-SXM-32GB"),
    (("RTX", "4090"), "RTX-4090-24GB"),
    (("RTX", "6000", "ADA"), "RTX-6000-ADA-48GB"),
    (("MI300X",), "MI300X-192GB"),
    (("MI325X",), "MI325X-256GB"),
    (("MI355X",), "MI355X-288GB"),
    (("HL", "325L"), "GAUDI-3-OAM-128GB"),
    (("GAUDI", "3", "OAM"), "GAUDI-3-OAM-128GB"),
)
"""Words that a product name has, the first that fits; names that fit none are not guessed.

Drivers call GH200 by the memory of its CPU, 480GB or 120GB, where its GPU has 96 GB. They write
NVIDIA H800 for the SXM board alone; H800 without the maker may be any.
"""
PARTS = {"MIG", "SHARED", "DPX", "QPX", "CPX", "NVL", "NVL16", "3E", "LAPTOP", "D"}
"""Words of a slice or a share of a GPU, and of products with other memory, clocks or cores."""
VGPU = re.compile(r"[0-9]+[ABCQ]")
"""Size and kind of a virtual GPU, as in NVIDIA A10-24Q."""
SPELLINGS = {
    "SXM2": "SXM",
    "SXM4": "SXM",
    "SXM5": "SXM",
    "SXM6": "SXM",
    "40G": "40GB",
    "80G": "80GB",
    "144G": "144GB",
}


def gpu_type(product: str) -> str | None:
    """Such as H100-SXM-80GB for `NVIDIA-H100-80GB-HBM3`; None where the name leaves it open."""
    found = {SPELLINGS.get(word, word) for word in re.split(r"[^A-Z0-9]+", product.upper())}
    if found & PARTS or any(map(VGPU.fullmatch, found)):
        return None
    return next((name for words, name in WORDS if found.issuperset(words)), None)
