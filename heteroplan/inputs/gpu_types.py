"""GPU types that a fleet may name without describing them, and what their vendors say of them.

gpu_types.csv: memory, its bandwidth, dense FLOP/s by precision (integer operations for int8), power
and source. These are peaks, which no model reaches. Empty is what a type lacks, and what its vendor
does not publish; fp16_flops is filled where a type has no bf16, as others do both at one rate.
Vendors' GB of memory are read as GiB, and what ECC takes of GDDR6 is not taken off, except in what
comes from aiconfigurator-core (Apache-2.0). Sparse figures are halved.
"""

import csv
from functools import cache
from pathlib import Path

from heteroplan.entities.fleet import GpuType
from heteroplan.units import BYTES_PER_GIB

FACTS = Path(__file__).with_name("gpu_types.csv")
PRECISIONS = ("bf16_flops", "fp16_flops", "fp8_flops", "fp4_flops", "int8_ops")


@cache
def built_in() -> dict[str, GpuType]:
    """Built-in GPU types by name."""
    with FACTS.open(newline="", encoding="utf-8") as file:
        return {row["gpu"]: _gpu_type(row) for row in csv.DictReader(file)}


def _gpu_type(row: dict[str, str]) -> GpuType:
    return GpuType(
        name=row["gpu"],
        memory_gib=int(row["memory_bytes"]) / BYTES_PER_GIB,
        memory_bytes_per_s=float(row["memory_bytes_per_s"]),
        peak_per_s={name.partition("_")[0]: float(row[name]) for name in PRECISIONS if row[name]},
        power_w=float(row["power_w"]) if row["power_w"] else None,
    )
