"""GPU product names, as drivers and Kubernetes labels give them -> our GPU types."""

import re

WORDS = (
    (("GB300",), "GB300-279GB"),
    (("GB200",), "GB200-186GB"),
    (("B300",), "B300-SXM-288GB"),
    (("B200",), "B200-SXM-180GB"),
    (("H200",), "H200-SXM-141GB"),
    (("H100", "PCIE"), "H100-PCIE-80GB"),
    (("H100", "80GB", "HBM3"), "H100-SXM-80GB"),
    (("H100", "SXM"), "H100-SXM-80GB"),
    (("A100", "PCIE", "80GB"), "A100-PCIE-80GB"),
    (("A100", "SXM", "80GB"), "A100-SXM-80GB"),
    (("A30",), "A30-24GB"),
    (("L40S",), "L40S-48GB"),
    (("L4",), "L4-24GB"),
)
"""Words that a product name has, the first that fits; names that fit none are not guessed."""
PARTS = {"MIG", "NVL", "SHARED"}
"""Words of a slice or a share of a GPU, and of boards on PCIe with other clocks."""
SPELLINGS = {"SXM4": "SXM", "SXM5": "SXM", "SXM6": "SXM", "80G": "80GB"}


def gpu_type(product: str) -> str | None:
    """Such as H100-SXM-80GB for `NVIDIA-H100-80GB-HBM3`; None where the name leaves it open."""
    found = {SPELLINGS.get(word, word) for word in re.split(r"[^A-Z0-9]+", product.upper())}
    if found & PARTS:
        return None
    return next((name for words, name in WORDS if found.issuperset(words)), None)
