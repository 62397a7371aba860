from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heteroplan.errors import InputError
from tests.forecasting.traces.reading import batches_of, rows_of, written
from tests.realdata import DATA, needs_data

HEADER = "TIMESTAMP,ContextTokens,GeneratedTokens\n"


def moments(folder: Path, stamps: list[str], zone: str) -> list[int]:
    path = written(folder, HEADER + "".join(f"{stamp},1,1\n" for stamp in stamps))
    return [us for us, _, _ in rows_of(path, zone=zone)]


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp()) * 10**6


@pytest.mark.parametrize(
    ("stamp", "moment"),
    [
        ("2026-11-23 08:00:00.9999999", us("2026-11-23T08:00:00+08:00") + 999_999),
        ("2026-11-23 08:00:00.123456789", us("2026-11-23T08:00:00+08:00") + 123_456),
        ("2026-11-23 08:00:00", us("2026-11-23T08:00:00+08:00")),
        ("2026-11-23 08:00:00.25+00:00", us("2026-11-23T16:00:00+08:00") + 250_000),
        ("2026-11-23T08:00:00Z", us("2026-11-23T16:00:00+08:00")),
    ],
)
def test_stamps_without_an_offset_are_wall_clock_in_the_zone_given(
    tmp_path: Path, stamp: str, moment: int
) -> None:
    assert moments(tmp_path, [stamp], "Asia/Singapore") == [moment]


def test_stamps_with_and_without_an_offset_may_be_mixed(tmp_path: Path) -> None:
    stamps = ["2026-11-23T08:00:00.5Z", "2026-11-23 08:00:00", " 2026-11-23T08:00:00+0100"]
    assert moments(tmp_path, stamps, "Asia/Singapore") == [
        us("2026-11-23T08:00:00Z") + 500_000,
        us("2026-11-23T00:00:00Z"),
        us("2026-11-23T07:00:00Z"),
    ]


@pytest.mark.parametrize("others", [[], ["2026-03-29T02:30:00Z"]])
def test_a_stamp_that_the_clocks_skip_is_a_problem(tmp_path: Path, others: list[str]) -> None:
    with pytest.raises(InputError) as raised:
        moments(tmp_path, [*others, "2026-03-29 02:30:00"], "Europe/Berlin")
    assert str(raised.value).endswith(
        f":{2 + len(others)}: TIMESTAMP: 2026-03-29 02:30:00: not a time that exists"
    )


def test_in_the_hour_that_comes_twice_the_first_is_meant(tmp_path: Path) -> None:
    stamps = ["2026-10-25 01:30:00", "2026-10-25 02:30:00", "2026-10-25 03:30:00"]
    assert moments(tmp_path, stamps, "Europe/Berlin") == [
        us("2026-10-25T01:30:00+02:00"),
        us("2026-10-25T02:30:00+02:00"),
        us("2026-10-25T03:30:00+01:00"),
    ]


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns"])
def test_a_year_of_hours_is_where_the_standard_library_puts_it(tmp_path: Path, zone: str) -> None:
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    walls = [datetime(2026, 1, 1, 0, 7) + timedelta(minutes=30 * n) for n in range(2 * 8760)]
    back = [
        wall.replace(tzinfo=ZoneInfo(zone)).timestamp()
        for wall in walls
        if datetime.fromtimestamp(
            wall.replace(tzinfo=ZoneInfo(zone)).timestamp(), ZoneInfo(zone)
        ).replace(tzinfo=None)
        == wall
    ]
    stamps = [
        str(wall)
        for wall in walls
        if datetime.fromtimestamp(
            wall.replace(tzinfo=ZoneInfo(zone)).timestamp(), ZoneInfo(zone)
        ).replace(tzinfo=None)
        == wall
    ]
    assert len(stamps) >= 2 * 8760 - 4
    assert moments(tmp_path, stamps, zone) == [int(each) * 10**6 for each in back]


@pytest.mark.parametrize("zone", [None, "UTC"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_the_same_columns_as_parquet(tmp_path: Path, unit: str, zone: str | None) -> None:
    """08:00 by the clocks of Berlin is 07:00 UTC in November."""
    stamps = pa.array([datetime(2026, 11, 23, 8, 0, 0, 7000)], pa.timestamp(unit, zone))
    table = pa.table(
        {"GeneratedTokens": [2], "x": ["y"], "TIMESTAMP": stamps, "ContextTokens": [1]}
    )
    pq.write_table(table, tmp_path / "t.parquet")
    eight = us("2026-11-23T08:00:00Z" if zone else "2026-11-23T07:00:00Z")
    assert rows_of(tmp_path / "t.parquet", zone="Europe/Berlin") == [(eight + 7000, 1, 2)]


@needs_data
def test_the_real_trace_has_the_requests_of_its_copy_for_vidur() -> None:
    azure = rows_of(DATA / "traces/azure_llm_2023_code.csv")
    vidur = rows_of(DATA / "traces/vidur_splitwise_code.csv")
    assert len(azure) == 8819
    first = azure[0][0]
    assert [(moment - first, isl, osl) for moment, isl, osl in azure] == vidur
    assert sum(isl for _, isl, _ in azure) / 8819 == pytest.approx(2047.8, abs=0.05)


@needs_data
def test_batches_hold_arrays_of_whole_numbers() -> None:
    batches = batches_of(DATA / "traces/azure_llm_2023_code.csv")
    assert batches
    for batch in batches:
        for array in (batch.arrival_us, batch.input_tokens, batch.output_tokens):
            assert array.dtype == "int64"
        assert batch.cached_tokens is None
        assert batch.blocks is None
