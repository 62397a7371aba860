import contextlib
import gzip
import io
import sys
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.demand.curve import Curve, demand_curve
from heteroplan.demand.readers import READERS, chunk
from heteroplan.errors import InputError, UsageError

AZURE = b"TIMESTAMP,ContextTokens,GeneratedTokens\r\n2026-11-23 08:00:00.0000001,100,10\r\n"
VIDUR = b"arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,100,10\n"


def curve_of(folder: Path, content: bytes, **options: object) -> Curve:
    path = folder / "trace.csv"
    path.write_bytes(content)
    return demand_curve([str(path)], **options)  # type: ignore[arg-type]


def test_gzip_and_byte_order_mark(tmp_path: Path) -> None:
    packed = gzip.compress(b"\xef\xbb\xbf" + AZURE)
    assert curve_of(tmp_path, packed) == curve_of(tmp_path, AZURE)


@pytest.mark.parametrize("packed", [False, True])
def test_standard_input(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, packed: bool) -> None:
    content = gzip.compress(AZURE) if packed else AZURE
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    assert demand_curve(["-"]) == curve_of(tmp_path, AZURE)


def test_chunks_make_no_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = b"".join(b"2026-11-23 08:%02d:00,%d,10\n" % (m, m) for m in range(60))
    whole = curve_of(tmp_path, AZURE + rows)
    monkeypatch.setattr(chunk, "ROWS", 7)
    assert curve_of(tmp_path, AZURE + rows) == whole


def test_bad_rows_are_named_by_line_and_blank_ones_skipped(tmp_path: Path) -> None:
    content = AZURE + (
        b"\r\n"
        b"yesterday,100,10\r\n"
        b"2026-11-23 08:00:02,many,-1\r\n"
        b"2026-11-23 08:00:03\r\n"
        b"2026-11-23 08:00:04,nan,inf\r\n"
    )
    with pytest.raises(InputError) as raised:
        curve_of(tmp_path, content)
    assert [(p.line, p.path, p.value, p.remedy) for p in raised.value.problems] == [
        (4, "TIMESTAMP", "yesterday", "not a time that exists"),
        (5, "ContextTokens", "many", "not a count of tokens"),
        (5, "GeneratedTokens", "-1", "not a count of tokens"),
        (6, "ContextTokens", "", "not a count of tokens"),
        (6, "GeneratedTokens", "", "not a count of tokens"),
        (7, "ContextTokens", "nan", "not a count of tokens"),
        (7, "GeneratedTokens", "inf", "not a count of tokens"),
    ]


def test_bad_rows_of_a_later_chunk_keep_their_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunk, "ROWS", 2)
    content = VIDUR + b"1.0,1,1\n2.0,1,1\n-3.0,1,1\n"
    with pytest.raises(InputError) as raised:
        curve_of(tmp_path, content, start=datetime(2026, 11, 23))
    assert [(p.line, p.path) for p in raised.value.problems] == [(5, "arrived_at")]


@pytest.mark.parametrize("more", [1, 3])
@pytest.mark.parametrize("rows_before", [0, 1, 5])
def test_rows_wider_than_the_header_are_named(tmp_path: Path, more: int, rows_before: int) -> None:
    """Line 1 is the header, so a row after n others is line n + 2."""
    header, row = AZURE.splitlines()
    wide = row + b",x" * more
    with pytest.raises(InputError, match=f":{rows_before + 2}:.*has more fields than the header"):
        curve_of(tmp_path, b"\n".join([header, *[row] * rows_before, wide]))


def test_only_the_first_problems_are_listed(tmp_path: Path) -> None:
    with pytest.raises(InputError) as raised:
        curve_of(tmp_path, AZURE + b"x,1,1\n" * 1000)
    assert [p.line for p in raised.value.problems] == list(range(3, 23))


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"", "the header must hold TIMESTAMP,ContextTokens,GeneratedTokens; arrived_at,"),
        (b"a,b\n1,2\n", "the header must hold TIMESTAMP,"),
        (AZURE.replace(b"100", b"\xff"), "is no UTF-8 text"),
        (AZURE + b'"', "is no CSV text"),
        (gzip.compress(AZURE)[:30], "cannot be read"),
    ],
)
def test_what_is_no_trace(tmp_path: Path, content: bytes, remedy: str) -> None:
    with pytest.raises(InputError) as raised:
        curve_of(tmp_path, content)
    assert raised.value.problems[0].remedy.startswith(remedy)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match="cannot be read"):
            demand_curve([str(path)])


def test_formats_are_not_mixed(tmp_path: Path) -> None:
    paths = [tmp_path / "a.csv", tmp_path / "v.csv"]
    for path, content in zip(paths, (AZURE, VIDUR), strict=True):
        path.write_bytes(content)
    with pytest.raises(UsageError, match="different formats"):
        demand_curve([str(path) for path in paths])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200), st.sampled_from([b"", AZURE, VIDUR, AZURE[:60]]), st.booleans())
def test_any_bytes_are_read_or_refused(
    tmp_path: Path, junk: bytes, before: bytes, packed: bool
) -> None:
    content = gzip.compress(before + junk) if packed else before + junk
    for name in (None, *READERS):
        with contextlib.suppress(InputError, UsageError):
            curve_of(tmp_path, content, format=name)
