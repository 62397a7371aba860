import csv

import pytest

from heteroplan.inputs.gpu_types import built_in
from tests.realdata import DATA, needs_data


def test_an_h100_has_80_gib() -> None:
    """85,899,345,920 bytes / 2^30 = 80 GiB."""
    h100 = built_in()["H100-SXM-80GB"]
    assert h100.memory_gib == 80.0
    assert h100.memory_bytes_per_s == 3.35e12


def test_a_type_without_a_precision_says_nothing_of_it() -> None:
    assert set(built_in()["A100-SXM-80GB"].peak_per_s) == {"bf16", "int8"}
    assert set(built_in()["B200-SXM-180GB"].peak_per_s) == {"bf16", "fp8", "fp4", "int8"}


@needs_data
def test_facts_are_those_of_the_source() -> None:
    path = DATA / "perf" / "aiconfigurator_gpu_specs.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for ours, theirs in (
        ([each.memory_gib * 2**30 for each in built_in().values()], "mem_capacity_B"),
        ([each.memory_bytes_per_s for each in built_in().values()], "mem_bw_Bps"),
        ([each.peak_per_s["bf16"] for each in built_in().values()], "bf16_flops"),
    ):
        assert sorted(ours, key=lambda value: value or 0.0) == pytest.approx(
            sorted(float(row[theirs]) for row in rows)
        )
