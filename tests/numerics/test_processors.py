"""How many processors there are to use."""

from pathlib import Path

import pytest

from heteroplan.numerics.processors import cores


@pytest.mark.parametrize(
    ("written", "found"), [("100000 100000", 1), ("50000 100000", 1), ("max 100000", None)]
)
def test_a_container_may_have_fewer_processors(
    tmp_path: Path, written: str, found: int | None
) -> None:
    limit = tmp_path / "cpu.max"
    everything = cores(limit)
    assert everything >= 1
    limit.write_text(f"{written}\n", encoding="ascii")
    assert cores(limit) == (found or everything)
