"""A fleet file without a scenario."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heteroplan.errors import InputError
from heteroplan.inputs.one_fleet import read_fleet

UTC = ZoneInfo("UTC")
FLEETS = Path(__file__).parents[2] / "fleets"


def test_gpus_of_a_shipped_fleet() -> None:
    """(6 + 4 + 12) nodes of 8 H100 and (4 + 12) of 8 A100."""
    fleet = read_fleet(FLEETS / "two-spine.yaml", UTC)
    assert (fleet.name, fleet.gpus) == ("two-spine", 22 * 8 + 16 * 8)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(
        "name: f\nnode_types:\n  - {name: h, gpu: H100, gpus: 0, nic_gbit_per_s: 1,"
        " usd_per_gpu_hour: 1}\nnodes: {h: 1}\nother: 1\n",
        encoding="utf-8",
    )
    with pytest.raises(InputError) as caught:
        read_fleet(file, UTC)
    assert [each.path for each in caught.value.problems] == ["node_types[0].gpus", "other"]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.yaml: no such file"):
        read_fleet(tmp_path / "none.yaml", UTC)
