import csv

import pytest

from heteroplan.inputs.gpu_types import BUILT_IN
from tests.realdata import DATA, needs_data


def test_an_h100_has_80_gib() -> None:
    """85,899,345,920 bytes / 2^30 = 80 GiB."""
    assert BUILT_IN["H100-SXM-80GB"].memory_gib == 80.0


@needs_data
def test_memory_is_that_of_the_source() -> None:
    path = DATA / "perf" / "aiconfigurator_gpu_specs.csv"
    with path.open(newline="", encoding="utf-8") as file:
        published = sorted(int(row["mem_capacity_B"]) / 2**30 for row in csv.DictReader(file))
    assert sorted(each.memory_gib for each in BUILT_IN.values()) == pytest.approx(published)
