from pathlib import Path

import pytest

from heteroplan.demand.curve import demand_curve
from heteroplan.errors import InputError

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def starts(folder: Path, stamps: list[str], timezone: str) -> list[str]:
    path = folder / "t.csv"
    path.write_text(HEADER + "".join(f"{stamp},1,1\n" for stamp in stamps))
    curve = demand_curve([str(path)], interval_s=1, timezone=timezone)
    return [row.start.isoformat() for row in curve.rows]


@pytest.mark.parametrize(
    ("stamp", "start"),
    [
        ("2026-11-23 08:00:00.9999999", "2026-11-23T08:00:00+08:00"),
        ("2026-11-23 08:00:00", "2026-11-23T08:00:00+08:00"),
        ("2026-11-23 08:00:00.25+00:00", "2026-11-23T16:00:00+08:00"),
        ("2026-11-23T08:00:00Z", "2026-11-23T16:00:00+08:00"),
    ],
)
def test_stamps_without_an_offset_are_wall_clock_in_the_zone_given(
    tmp_path: Path, stamp: str, start: str
) -> None:
    assert starts(tmp_path, [stamp], "Asia/Singapore") == [start]


def test_a_stamp_that_the_clocks_skip_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        starts(tmp_path, ["2026-03-29 02:30:00"], "Europe/Berlin")
    assert str(raised.value.problems[0]).endswith(
        ":2: TIMESTAMP: 2026-03-29 02:30:00: not a time that exists"
    )


def test_in_the_hour_that_comes_twice_the_first_is_meant(tmp_path: Path) -> None:
    assert starts(tmp_path, ["2026-10-25 02:30:00"], "Europe/Berlin") == [
        "2026-10-25T02:30:00+02:00"
    ]
