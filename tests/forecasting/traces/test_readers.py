import contextlib
import gzip
import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.traces import lines
from heteroplan.forecasting.traces.formats import FORMATS
from heteroplan.forecasting.traces.recognition import format_of
from heteroplan.forecasting.traces.source import expanded, open_trace
from tests.forecasting.traces.whole_traces import batches_of, rows_of, written
from tests.realdata import DATA, needs_data

AZURE = b"TIMESTAMP,ContextTokens,GeneratedTokens\r\n2026-11-23 08:00:00.0000001,100,10\r\n"
VIDUR = b"arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,100,10\n"
MOONCAKE = b'{"timestamp": 27, "input_length": 70, "output_length": 5, "hash_ids": [1]}\n'
RAGPULSE = b'{"timestamp": "8", "input_length": 7, "output_length": 5, "hash_ids": {"a": [1]}}\n'
DYNAMO = (
    b'{"event_type": "request_end", "event_time_unix_ms": 1777312801000, "request": {"replay":'
    b' {"trace_block_size": 64, "input_length": 12, "input_sequence_hashes": [1]}}}\n'
)
ROWS = [(1_795_420_800_000_000, 100, 10)]


def name_of(path: Path) -> str:
    with open_trace(str(path)) as source:
        reader = format_of(source, None, {})
    return next(name for name, each in FORMATS.items() if each is reader)


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_packed_files_and_byte_order_marks(tmp_path: Path, pack: object, mark: bytes) -> None:
    assert rows_of(written(tmp_path, pack(mark + AZURE))) == ROWS  # type: ignore[operator]


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_packed_files_laid_end_to_end(tmp_path: Path, pack: object) -> None:
    row = AZURE.splitlines(keepends=True)[1]
    content = b"".join(map(pack, [AZURE, row, row]))  # type: ignore[call-overload]
    assert rows_of(written(tmp_path, content)) == ROWS * 3


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    content = pack(AZURE)  # type: ignore[operator]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert rows_of("-") == ROWS


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_parquet_from_standard_input(monkeypatch: pytest.MonkeyPatch, pack: object) -> None:
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    columns = {"arrived_at": [0.5], "num_prefill_tokens": [7], "num_decode_tokens": [1]}
    pq.write_table(pa.table(columns), sink)
    content = pack(sink.getvalue())  # type: ignore[operator]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert rows_of("-") == [(500_000, 7, 1)]


def test_patterns_that_no_shell_has_expanded(tmp_path: Path) -> None:
    names = [str(tmp_path / name) for name in ("a[1].csv", "b.csv", "c.csv")]
    for name in names:
        Path(name).touch()
    assert expanded([str(tmp_path / "*.csv")]) == names
    assert expanded([names[0], "-", "none.csv"]) == [names[0], "-", "none.csv"]
    with pytest.raises(InputError) as raised:
        expanded([str(tmp_path / "*.json"), str(tmp_path / "?.csv"), "[x]*"])
    assert [(p.file, p.remedy) for p in raised.value.problems] == [
        (str(tmp_path / "*.json"), "matches no file"),
        ("[x]*", "matches no file"),
    ]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (AZURE, "azure"),
        (AZURE.replace(b"TIMESTAMP", b'"TIMESTAMP"').replace(b",Con", b", Con"), "azure"),
        (VIDUR, "vidur"),
        (MOONCAKE, "mooncake"),
        (MOONCAKE.replace(b"27", b"27.5"), "mooncake"),
        (MOONCAKE.replace(b', "hash_ids": [1]', b""), "mooncake"),
        (MOONCAKE.replace(b"{", b'{"chat_id": 7, '), "bailian"),
        (RAGPULSE, "ragpulse"),
        (b"\n" + RAGPULSE, "ragpulse"),
        (DYNAMO, "dynamo"),
        (b"interval_start,rps\n2026-11-23,1\n", "heteroplan"),
        (b'{"status": "success", "data": {"resultType": "matrix", "result": []}}', "prometheus"),
        (b"day,window_start_s,req_per_s,active_clients\n0,0,1,1\n", "servegen"),
    ],
)
def test_formats_are_known_by_how_they_begin(tmp_path: Path, content: bytes, name: str) -> None:
    assert name_of(written(tmp_path, content)) == name


@needs_data
@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("azure_llm_2023_code.csv", "azure"),
        ("vidur_splitwise_code.csv", "vidur"),
        ("mooncake_fast25_conversation.jsonl.gz", "mooncake"),
        ("ragpulse_week.jsonl.gz", "ragpulse"),
        ("servegen_m-large_demand_10min.csv", "servegen"),
    ],
)
def test_real_traces_are_known(file: str, name: str) -> None:
    assert name_of(DATA / "traces" / file) == name


@pytest.mark.parametrize(
    "content",
    [
        MOONCAKE.replace(b"27", b"27.5").replace(b', "hash_ids": [1]', b""),
        MOONCAKE.replace(b"27", b'"27"'),
        RAGPULSE.replace(b', "hash_ids": {"a": [1]}', b""),
        RAGPULSE.replace(b'"8"', b"8"),
    ],
)
def test_seconds_or_milliseconds_is_asked_where_the_file_does_not_tell(
    tmp_path: Path, content: bytes
) -> None:
    path = written(tmp_path, content)
    with pytest.raises(UsageError, match=r"may be mooncake or ragpulse: .*--format mooncake"):
        rows_of(path)
    with contextlib.suppress(InputError):
        rows_of(path, "mooncake")
    assert len(rows_of(path, "ragpulse")) == 1


def test_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown trace format 'x'; known are azure, vidur"):
        rows_of(written(tmp_path, AZURE), "x")


@pytest.mark.parametrize(
    ("content", "suggestion"),
    [
        (
            b"id,Prompt Tokens,created_at,completion_tokens\n1,2,2026-11-23,3\n",
            "--map 'timestamp=created_at,isl=Prompt Tokens,osl=completion_tokens'",
        ),
        (b'{"ts": 0.5, "input_tokens": 3}\n', "--map timestamp_s=ts,isl=input_tokens"),
        (b"a,b\n1,2\n", "--map timestamp=ts,isl=prompt_tokens,osl=completion_tokens"),
    ],
)
def test_a_table_of_no_known_format(tmp_path: Path, content: bytes, suggestion: str) -> None:
    with pytest.raises(InputError) as raised:
        rows_of(written(tmp_path, content))
    remedy = raised.value.problems[0].remedy
    assert remedy.startswith("is a CSV table with ") or remedy.startswith("is JSON lines with ")
    assert "no known format. Known are azure (TIMESTAMP,ContextTokens,GeneratedTokens);" in remedy
    assert remedy.endswith(suggestion)


def test_blocks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b"".join(b"2026-11-23 08:%02d:00,%d,10\n" % (m, m) for m in range(60))
    path = written(tmp_path, AZURE + rows + b'"2026-11-23",1,"2"')
    whole = rows_of(path)
    for size in (1, 7, 100):
        monkeypatch.setattr(lines, "BLOCK_BYTES", size)
        assert rows_of(path) == whole


def test_bad_rows_are_named_by_line_and_blank_ones_skipped(tmp_path: Path) -> None:
    content = AZURE + (
        b"\r\n"
        b"yesterday,100,10\r\n"
        b"2026-11-23 08:00:02,many,-1\r\n"
        b"2026-11-23 08:00:03\r\n"
        b"2026-11-23 08:00:04,nan,inf\r\n"
        b",,\r\n"
        b"2026-11-23 08:00:05,1.5,1099511627777\r\n"
        b"2026-11-23 08:00:06,100.0,1e3,\r\n"
    )
    with pytest.raises(InputError) as raised:
        rows_of(written(tmp_path, content))
    assert [(p.line, p.path, p.value, p.remedy) for p in raised.value.problems] == [
        (4, "TIMESTAMP", "yesterday", "not a time that exists"),
        (5, "ContextTokens", "many", "not a count of tokens"),
        (5, "GeneratedTokens", "-1", "not a count of tokens"),
        (6, "ContextTokens", "", "not a count of tokens"),
        (6, "GeneratedTokens", "", "not a count of tokens"),
        (7, "ContextTokens", "nan", "not a count of tokens"),
        (7, "GeneratedTokens", "inf", "not a count of tokens"),
        (9, "ContextTokens", "1.5", "not a count of tokens"),
        (9, "GeneratedTokens", "1099511627777", "not a count of tokens"),
    ]


def test_blank_lines_decimal_counts_and_empty_fields_at_the_end_are_no_mistakes(
    tmp_path: Path,
) -> None:
    content = AZURE + b"\r\n,,\r\n2026-11-23 08:00:06,100.0,1e3,\r\n\r\n"
    assert rows_of(written(tmp_path, content)) == [*ROWS, (1_795_420_806_000_000, 100, 1000)]


@pytest.mark.parametrize("size", [1, 40, 10**6])
@pytest.mark.parametrize("line", [2, 3, 500, 999])
def test_bad_rows_keep_their_lines_wherever_blocks_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, line: int
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", size)
    text = VIDUR.splitlines(keepends=True)[:1] + [b"1.0,1,1\n", b"\n"] * 500
    text[line - 1] = b"-3.0,1,1\n"
    with pytest.raises(InputError) as raised:
        rows_of(written(tmp_path, b"".join(text)))
    assert [(p.line, p.path) for p in raised.value.problems] == [(line, "arrived_at")]


@pytest.mark.parametrize("more", [1, 3])
@pytest.mark.parametrize("rows_before", [0, 1, 5])
def test_rows_wider_than_the_header_are_named(tmp_path: Path, more: int, rows_before: int) -> None:
    """Line 1 is the header, so a row after n others is line n + 2."""
    header, row = AZURE.splitlines()
    wide = row + b",x" * more
    with pytest.raises(InputError, match=f":{rows_before + 2}:.*has more fields than the header"):
        rows_of(written(tmp_path, b"\n".join([header, *[row] * rows_before, wide])))


def test_only_the_first_problems_are_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        rows_of(written(tmp_path, AZURE + b"x,1,1\n" * 1000))
    assert [p.line for p in raised.value.problems] == list(range(3, 23))


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"", "is a CSV table without names: no known format"),
        (b"a,b\n1,2\n", "is a CSV table with a,b: no known format"),
        (b"[1, 2]", "is a JSON document without names"),
        (b'{"a": [\n1]}', "is a JSON document with a: no known format"),
        (AZURE.replace(b"100", b"\xff"), "is no UTF-8 text"),
        (AZURE + b'"', "is no CSV text"),
        (gzip.compress(AZURE, mtime=0)[:30], "cannot be read"),
        (zstd(AZURE)[:-5], "cannot be read"),
        (b"PAR1 is no table", "is no Parquet file"),
    ],
)
def test_what_is_no_trace(tmp_path: Path, content: bytes, remedy: str) -> None:
    with pytest.raises(InputError) as raised:
        rows_of(written(tmp_path, content))
    assert raised.value.problems[0].remedy.startswith(remedy)


def test_a_format_that_the_header_is_not_of(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r":1: TIMESTAMP.*the header must hold arrived_at,num_"):
        rows_of(written(tmp_path, AZURE), "vidur")


def test_a_line_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 100)
    path = written(tmp_path, AZURE + b"x" * 2000)
    with pytest.raises(
        InputError, match=r":3: holds a line of more than 1000 bytes; .*--max-bytes"
    ):
        rows_of(path, most_bytes=32_000)


@pytest.mark.parametrize("path", ["", "none.csv", "a\0b"])
def test_missing_file_and_folder(tmp_path: Path, path: str) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        rows_of(f"{tmp_path}/{path}")


def test_texts_that_nest_deeply(tmp_path: Path) -> None:
    path = written(tmp_path, MOONCAKE + b'{"a":' + b"[" * 1_000_000)
    with pytest.raises(InputError, match=r":2: .*is no JSON object"):
        rows_of(path)


def test_a_long_text_beside_the_columns(tmp_path: Path) -> None:
    """The trailing comma keeps Arrow from reading it; Python's csv has a limit of its own."""
    header, row = AZURE.splitlines()
    content = b"%s,prompt\n%s,%s,\n" % (header, row, b"x" * 200_000)
    assert rows_of(written(tmp_path, content)) == ROWS


NUMBERS = st.integers(0, 2**40).map(str) | st.floats(0, 2**40).map(lambda x: f"{x:.0f}.0")
STAMPS = st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1)).map(str)
WIDE = st.text(st.characters(codec="utf-8", exclude_characters='"\r\0'), max_size=5)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(STAMPS, NUMBERS, NUMBERS, WIDE), min_size=1, max_size=9), st.booleans())
def test_the_slow_way_reads_what_the_fast_way_reads(
    tmp_path: Path, rows: list[tuple[str, str, str, str]], quoted: bool
) -> None:
    """A field too many at the end has the whole block read the slow way."""
    mark = '"' if quoted else ""
    texts = [(f"{mark}{a}{mark}", b, c, f'"{text}"') for a, b, c, text in rows]
    lines_ = [AZURE.splitlines()[0].decode() + ",text", *(",".join(row) for row in texts)]
    content = "\n".join(lines_) + "\n"
    assume(_exist(rows))
    fast = rows_of(written(tmp_path, content), zone="Europe/Berlin")
    assert rows_of(written(tmp_path, f"{content[:-1]},\n"), zone="Europe/Berlin") == fast
    assert [(isl, osl) for _, isl, osl in fast] == [
        (int(float(isl)), int(float(osl))) for _, isl, osl, _ in rows
    ]


def _exist(rows: list[tuple[str, str, str, str]]) -> bool:
    zone = ZoneInfo("Europe/Berlin")
    stamps = [datetime.fromisoformat(row[0]) for row in rows]
    return all(
        stamp.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == stamp
        for stamp in stamps
    )


def test_formats_are_listed_without_heavy_imports() -> None:
    code = (
        "import sys, heteroplan.forecasting.traces.recognition as found;"
        "assert list(found.FORMATS.values()); print({'pyarrow', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_file_without_rows_holds_nothing(tmp_path: Path) -> None:
    assert batches_of(written(tmp_path, AZURE.splitlines()[0])) == []


BEGINNINGS = [b"", AZURE, VIDUR, AZURE[:60], MOONCAKE, RAGPULSE, DYNAMO, MOONCAKE[:30], b"PAR1"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=200) | st.text(max_size=100).map(str.encode),
    st.sampled_from(BEGINNINGS),
    st.sampled_from([bytes, gzip.compress, zstd]),
)
def test_any_bytes_are_read_or_refused(
    tmp_path: Path, junk: bytes, before: bytes, pack: object
) -> None:
    path = written(tmp_path, pack(before + junk))  # type: ignore[operator]
    for name in (None, *(name for name, reader in FORMATS.items() if reader.requests)):
        for columns in ({}, {"timestamp": "timestamp", "isl": "input_length"}):
            with contextlib.suppress(InputError, UsageError):
                for each in batches_of(path, name, columns):
                    assert len(each.input_tokens) == len(each.arrival_us)
