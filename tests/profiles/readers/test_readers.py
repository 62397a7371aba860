import contextlib
import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError, UsageError
from heteroplan.profiles.readers import READERS, Reader, read
from heteroplan.profiles.readers.document import Document
from heteroplan.profiles.readers.reading import Given, Reading

OWN = b"gpu,gpus,phase,batch,tokens,context,latency_ms,source\nH100,4,prefill,1,512,,61.5,\n"


def test_gzip_and_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "m.csv.gz"
    path.write_bytes(gzip.compress(b"\xef\xbb\xbf" + OWN))
    assert len(read(path).points) == 1


@pytest.mark.parametrize(
    ("content", "remedy"),
    [
        (b"", "is empty; a header line and rows are expected"),
        (
            b"a,b\n1,2\n",
            "names inside are of no known format (a, b); known are heteroplan, splitwise",
        ),
        (OWN.replace(b"H100", b"\xff"), "is no UTF-8 text"),
        (OWN + b'"', "is no CSV text"),
        ("gpu\n".encode("utf-16"), "is no UTF-8 text"),
        (b"{", "is no JSON"),
        (b"PK\x03\x04", "is no .npz file of plain numbers"),
    ],
)
def test_what_is_no_measurement_file(tmp_path: Path, content: bytes, remedy: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(content)
    with pytest.raises(InputError) as raised:
        read(path)
    assert raised.value.problems[0].remedy.startswith(remedy)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match="cannot be read"):
            read(path)


def test_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown measurement format 'x'; known are heteroplan"):
        read(tmp_path, "x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=300),
    st.sampled_from([b"", OWN, OWN[:40], b'{"prefill": ', b"PK\x03\x04"]),
    st.booleans(),
)
def test_any_bytes_are_read_or_refused(
    tmp_path: Path, junk: bytes, before: bytes, packed: bool
) -> None:
    path = tmp_path / ("m.csv.gz" if packed else "m.csv")
    path.write_bytes(before + junk)
    for name in (None, *READERS):
        with contextlib.suppress(InputError):
            read(path, name, Given("G", 1, "m"))


def test_a_file_that_may_be_of_two_formats_is_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = Reader(("a", "b", "c"), (Document,), lambda found, given: Reading(()))
    for name in ("one", "other"):
        monkeypatch.setitem(READERS, name, twin)
    path = tmp_path / "m.json"
    path.write_text('{"a": 1, "b": {"c": 2}}')
    with pytest.raises(InputError, match="may be one or other: say which with --format"):
        read(path)
    assert read(path, "other").points == ()


def test_a_format_of_another_kind_of_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(OWN)
    with pytest.raises(InputError, match="is a CSV table, and infera files are a JSON document"):
        read(path, "infera")
