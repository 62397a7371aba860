import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.traces.requests import UNKNOWN
from tests.forecasting.traces.whole_traces import batches_of, cached_of, rows_of, written

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
NOON_S = int(NOON.timestamp())
BOTH = {"timestamp": "ts", "isl": "in"}


def table(folder: Path, stamps: list[Any], **more: list[Any]) -> Path:
    path = folder / "t.parquet"
    pq.write_table(pa.table({"ts": stamps, "in": [1] * len(stamps), **more}), path)
    return path


def test_all_columns(tmp_path: Path) -> None:
    path = written(tmp_path, "id,out,ts,in,hit\na,2,2026-11-23T12:00:00Z,10,8\n")
    columns = {**BOTH, "osl": "out", "cached": "hit"}
    assert rows_of(path, columns=columns) == [(NOON_S * 10**6, 10, 2)]
    assert cached_of(path, columns=columns) == [[8]]
    assert rows_of(path, columns=BOTH) == [(NOON_S * 10**6, 10, UNKNOWN)]


def test_lengths_that_a_row_lacks_are_unknown(tmp_path: Path) -> None:
    path = written(tmp_path, "ts,in,out,hit\n2026-11-23T12:00:00Z,10,,\n\n2026-11-23 12:00,,5,\n")
    columns = {**BOTH, "osl": "out", "cached": "hit"}
    assert rows_of(path, columns=columns) == [
        (NOON_S * 10**6, 10, UNKNOWN),
        (NOON_S * 10**6, UNKNOWN, 5),
    ]
    assert cached_of(path, columns=columns) == [None]


@pytest.mark.parametrize(("digits", "per_s"), [(0, 1), (3, 10**3), (6, 10**6), (9, 10**9)])
@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_the_size_of_a_number_tells_its_unit(
    tmp_path: Path, kind: str, digits: int, per_s: int
) -> None:
    stamp = (NOON_S + 1) * per_s - (1 if digits else 0)
    moment = stamp * 10**6 // per_s
    if kind == "parquet":
        path = table(tmp_path, [stamp])
    elif kind == "csv":
        path = written(tmp_path, f"ts,in\n{stamp},1\n")
    else:
        path = written(tmp_path, json.dumps({"ts": stamp, "in": 1}))
    assert rows_of(path, columns=BOTH) == [(moment, 1, UNKNOWN)]


def test_decimal_seconds_since_1970(tmp_path: Path) -> None:
    path = written(tmp_path, f"ts,in\n{NOON_S}.25,1\n{NOON_S},1\n")
    assert [us for us, _, _ in rows_of(path, columns=BOTH)] == [
        NOON_S * 10**6 + 250_000,
        NOON_S * 10**6,
    ]


@pytest.mark.parametrize("stamp", ["5", "0", "1e10", "-1763899200"])
def test_numbers_that_no_unit_explains_are_not_guessed(tmp_path: Path, stamp: str) -> None:
    with pytest.raises(InputError, match=r"ts: .*map timestamp_s, timestamp_ms"):
        rows_of(written(tmp_path, f"ts,in\n{stamp},1\n"), columns=BOTH)


@pytest.mark.parametrize(
    ("name", "us"),
    [
        ("timestamp_s", 5_000_000),
        ("timestamp_ms", 5_000),
        ("timestamp_us", 5),
        ("timestamp_ns", 0),
    ],
)
def test_units_that_are_named(tmp_path: Path, name: str, us: int) -> None:
    path = written(tmp_path, "ts,in\n5,1\n")
    assert rows_of(path, columns={name: "ts", "isl": "in"}) == [(us, 1, UNKNOWN)]


def test_nested_columns(tmp_path: Path) -> None:
    record = {"t.s": "2026-11-23T12:00:00Z", "usage": {"prompt": {"n": 7}, "out": 2}, "m": "x"}
    columns = {"timestamp": "t.s", "isl": "usage.prompt.n", "osl": "usage.out"}
    path = written(tmp_path, json.dumps(record) + "\n")
    assert rows_of(path, columns=columns) == [(NOON_S * 10**6, 7, 2)]
    parquet = tmp_path / "t.parquet"
    pq.write_table(pa.Table.from_pylist([record]), parquet)
    assert rows_of(parquet, columns=columns) == [(NOON_S * 10**6, 7, 2)]


def test_times_as_texts_in_parquet(tmp_path: Path) -> None:
    path = table(tmp_path, ["2026-11-23T12:00:00.5Z", "2026-11-23 13:00:00+01:00"])
    assert [us for us, _, _ in rows_of(path, columns=BOTH)] == [
        NOON_S * 10**6 + 500_000,
        NOON_S * 10**6,
    ]


def test_bad_values_in_parquet_are_named_by_row(tmp_path: Path) -> None:
    path = table(tmp_path, [NOON, NOON, None], out=[1.0, -2.0, 2.5])
    with pytest.raises(InputError) as raised:
        rows_of(path, columns={**BOTH, "osl": "out"})
    assert [(p.line, p.path, p.value) for p in raised.value.problems] == [
        (0, "out of row 2", "-2.0"),
        (0, "out of row 3", "2.5"),
        (0, "ts of row 3", ""),
    ]


def test_a_time_that_no_calendar_holds_is_named_by_its_number(tmp_path: Path) -> None:
    """9e18 µs are in the year 287,000."""
    stamps = pa.array([9 * 10**18], pa.timestamp("us", tz="UTC"))
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"ts": stamps, "in": [1]}), path)
    with pytest.raises(InputError) as raised:
        rows_of(path, columns=BOTH)
    assert [(p.path, p.value) for p in raised.value.problems] == [("ts of row 1", str(9 * 10**18))]


def test_more_cached_than_there_is(tmp_path: Path) -> None:
    path = written(tmp_path, "ts,in,hit\n2026-11-23T12:00Z,10,8\n2026-11-23T12:00Z,10,11\n")
    with pytest.raises(InputError, match=":3: hit: 11: more than the input tokens"):
        rows_of(path, columns={**BOTH, "cached": "hit"})


def test_burstgpt(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
        "5,ChatGPT,472,18,490,Conversation log\n"
        "45.5,GPT-4,1087,230,1317,API log\n",
    )
    columns = {"timestamp_s": "Timestamp", "isl": "Request tokens", "osl": "Response tokens"}
    assert rows_of(path, columns=columns) == [(5_000_000, 472, 18), (45_500_000, 1087, 230)]


def test_texts_with_line_ends_between_quotes(tmp_path: Path) -> None:
    rows = '"a ""b""\n\nc",2026-11-23T12:00:00Z,1\n' * 3
    path = written(tmp_path, f"prompt,ts,in\n{rows}")
    assert len(rows_of(path, columns=BOTH)) == 3
    with pytest.raises(InputError, match=":11: in: x: not a count"):
        rows_of(written(tmp_path, f"prompt,ts,in\n{rows}a,2026-11-23,x\n"), columns=BOTH)


@pytest.mark.parametrize("kind", ["csv", "json", "parquet"])
def test_columns_that_are_not_there(tmp_path: Path, kind: str) -> None:
    if kind == "parquet":
        path = table(tmp_path, [NOON])
    else:
        path = written(tmp_path, "ts,in\n1,2\n" if kind == "csv" else '{"ts": 1, "in": 2}\n')
    with pytest.raises(InputError) as raised:
        rows_of(path, columns={"timestamp": "time", "isl": "in", "osl": "in.x"})
    assert [(p.path, p.remedy) for p in raised.value.problems] == [
        ("time", "there is no such column; the file has ts, in"),
        ("in.x", "there is no such column; the file has ts, in"),
    ]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"isl": "in"}, "must name isl and one of timestamp, timestamp_s"),
        ({"timestamp": "ts"}, "must name isl"),
        ({"timestamp": "ts", "timestamp_s": "ts", "isl": "in"}, "one of timestamp"),
        ({"timestamp": "ts", "isl": "in", "model": "m"}, "unknown name model; known are"),
    ],
)
def test_mapped_wrongly(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        rows_of(written(tmp_path, "ts,in\n1,2\n"), columns=columns)


def test_columns_that_are_named_win_over_a_known_format(tmp_path: Path) -> None:
    path = written(tmp_path, "TIMESTAMP,ContextTokens,GeneratedTokens\n2026-11-23T12:00Z,1,2\n")
    columns = {"timestamp": "TIMESTAMP", "isl": "GeneratedTokens"}
    for form in (None, "azure", "table"):
        assert [each.input_tokens.tolist() for each in batches_of(path, form, columns)] == [[2]]


def test_the_format_without_columns(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--map must name isl"):
        rows_of(written(tmp_path, "ts,in\n1,2\n"), "table")
