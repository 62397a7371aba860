"""What readers of traces hold of a file, and refuse to."""

import gzip
import io
import tracemalloc
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.forecasting.steps.steps import TraceOptions, read_steps
from heteroplan.forecasting.traces import csv_batches, lines
from heteroplan.forecasting.traces.source import open_trace
from heteroplan.reading.input_size import MOST_PACKING
from tests.forecasting.traces.whole_traces import rows_of, written

MIB = 1 << 20
ANSWER = b'{"status":"success","data":{"resultType":"matrix","result":['
AZURE = b"TIMESTAMP,ContextTokens,GeneratedTokens\n"
ROW = b"2026-11-23 08:00:00,100,10\n"
OWN = b"interval_start,rps\n2026-11-23T00:00,1\n2026-11-23T01:00,1\n"
MOONCAKE = b'{"timestamp": 27, "input_length": 70, "output_length": 5, "hash_ids": [1]}\n'


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


def parquet(stamps: "pa.Array", **options: object) -> bytes:
    """A table of Azure's columns."""
    ones = pa.array([1] * len(stamps))
    table = pa.table([stamps, ones, ones], AZURE.decode().strip().split(","))
    found = io.BytesIO()
    pq.write_table(table, found, **options)
    return found.getvalue()


def refused(path: Path, most_bytes: int = MIB) -> str:
    """The only message, without the file's name and the remedy."""
    utc = ZoneInfo("UTC")
    start = datetime(2026, 11, 23, tzinfo=UTC)
    with pytest.raises(InputError) as raised:
        read_steps(
            [str(path)],
            TraceOptions(step_s=300, zone=utc, stamp_zone=utc, start=start, max_bytes=most_bytes),
        )
    (message,) = str(raised.value).splitlines()
    assert message.endswith("; split it, or allow more with --max-bytes")
    return message.removeprefix(str(path)).partition(";")[0]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize(
    ("head", "piece", "message"),
    [
        (ANSWER, b" " * MIB, ": takes in memory more than 1 MiB"),
        (ANSWER, b"[]," * 10_000, ": takes in memory more than 1 MiB"),
        (OWN, b"\n" * MIB, ": takes in memory more than 1 MiB"),
        (OWN, b"x,y\n" * 10_000, ": takes in memory more than 1 MiB"),
        (b"PAR1", bytes(MIB), ": takes in memory more than 1 MiB"),
        (AZURE, b"x" * (MIB // 2), ":2: holds a line of more than 32 KiB"),
        (AZURE + ROW + b'"', b"\n" * (MIB // 2), ":3: holds a line of more than 32 KiB"),
        (MOONCAKE + b"[", b"1," * (MIB // 4), ":2: holds a line of more than 32 KiB"),
        (AZURE + ROW, b"\n" * MIB * 3, ": unpacks to more than 1 MiB"),
        (MOONCAKE, b"\n" * MIB * 3, ": unpacks to more than 1 MiB"),
    ],
)
def test_small_files_that_would_be_large(
    tmp_path: Path, pack: object, head: bytes, piece: bytes, message: str
) -> None:
    content = pack(head + piece)  # type: ignore[operator]
    assert len(content) < 32_000
    assert refused(written(tmp_path, content)) == message


def test_what_is_refused_was_not_held(tmp_path: Path) -> None:
    """100 MiB of blanks, of which 2 MiB may be held: the peak is some pieces of that size."""
    path = written(tmp_path, gzip.compress(ANSWER + b" " * (100 * MIB), 1))
    refused(path)
    tracemalloc.start()
    try:
        refused(path, 4 * MIB)
        assert tracemalloc.get_traced_memory()[1] < 10 * MIB
    finally:
        tracemalloc.stop()


def test_what_is_streamed_may_be_of_any_length(tmp_path: Path) -> None:
    """3 MB of rows, of which 64 KiB may be held, and a line of 2 KiB."""
    rows = b"".join(b"2026-11-23 08:00:00,%d,%d\n" % (i, i * i % 977) for i in range(100_000))
    for content in (AZURE + rows, gzip.compress(AZURE + rows), zstd(AZURE + rows)):
        assert len(content) * MOST_PACKING > len(rows)
        assert len(rows_of(written(tmp_path, content), most_bytes=1 << 16)) == 100_000


def test_more_may_be_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, gzip.compress(AZURE + ROW + b"\n" * (4 * MIB)))
    with pytest.raises(InputError, match="unpacks to more than 1 MiB"):
        rows_of(path, most_bytes=MIB)
    assert len(rows_of(path, most_bytes=5 * MIB)) == 1


def test_a_header_of_too_many_columns(tmp_path: Path) -> None:
    path = written(tmp_path, AZURE.strip() + b",x" * 50_000 + b"\n" + ROW)
    with pytest.raises(InputError, match=":1: has a header longer than 64 KiB"):
        rows_of(path, "azure")


def test_rows_of_commas_alone_are_passed_over_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_batches, "MOST_EMPTY_ROWS", 100)
    assert len(rows_of(written(tmp_path, AZURE + ROW + b",,\n" * 100))) == 1
    path = written(tmp_path, AZURE + ROW + b",,\n" * 101)
    with pytest.raises(InputError, match=":103: holds more than 100 empty rows; remove them"):
        rows_of(path)


def test_a_row_group_is_held_at_a_time(tmp_path: Path) -> None:
    """100,000 rows of three columns of 8 bytes are 2.4 MB as one group, and 0.24 MB as ten."""
    stamps = pa.array(range(100_000), pa.timestamp("us"))
    options = {"use_dictionary": False, "compression": "zstd"}
    assert refused(written(tmp_path, parquet(stamps, **options))) == (
        ": holds a row group of more than 1 MiB"
    )
    path = written(tmp_path, parquet(stamps, row_group_size=10_000, **options))
    assert len(rows_of(path, most_bytes=MIB)) == 100_000


def test_a_text_that_a_dictionary_repeats(tmp_path: Path) -> None:
    """One text of 10 kB for 1,000 rows is 10 MB."""
    texts = pa.array(["x" * 10_000] * 1000)
    assert refused(written(tmp_path, parquet(texts))) == ": holds rows of more than 1 MiB"
    stamps = pa.array(["2026-11-23 08:00:00"] * 1000)
    assert len(rows_of(written(tmp_path, parquet(stamps)), most_bytes=MIB)) == 1000


def test_long_rows_are_taken_fewer_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from heteroplan.forecasting.traces import parquet_batches
    from tests.forecasting.traces.whole_traces import batches_of

    monkeypatch.setattr(parquet_batches, "BATCH_BYTES", 24_000)
    stamps = pa.array(range(10_000), pa.timestamp("us"))
    path = written(tmp_path, parquet(stamps, use_dictionary=False, compression="none"))
    sizes = [len(each.arrival_us) for each in batches_of(path)]
    assert sum(sizes) == 10_000
    assert 900 <= max(sizes) <= 1000, "of 24 bytes each"


TEXTS = st.text('a,"\n', max_size=60).map(str.encode)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS, st.integers(1, 9), st.booleans())
def test_blocks_are_whole_lines_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, size: int, quoted: bool
) -> None:
    """None but the last ends inside quotes; what is left out is blank; lines are numbered."""
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    with open_trace(str(written(tmp_path, text))) as source:
        found = list(lines.blocks(source, quoted))
    at = 0
    for number, block in enumerate(found):
        begin = text.index(block.data, at)
        assert not text[at:begin].strip()
        assert block.line == 1 + text.count(b"\n", 0, begin)
        at = begin + len(block.data)
        if number < len(found) - 1:
            assert block.data.endswith(b"\n")
            assert not quoted or block.data.count(b'"') % 2 == 0
    assert not text[at:].strip()


@given(TEXTS, st.booleans())
def test_the_last_end_is_outside_quotes(data: bytes, inside: bool) -> None:
    ends = [
        at + 1
        for at in range(len(data))
        if data[at : at + 1] == b"\n" and (data.count(b'"', 0, at) + inside) % 2 == 0
    ]
    assert lines._last_end(data, inside) == max(ends, default=0)
