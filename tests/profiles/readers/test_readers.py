import contextlib
import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
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


def packed(member: str, content: bytes) -> bytes:
    """A zip file of one member."""
    found = io.BytesIO()
    with zipfile.ZipFile(found, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr(member, content)
    return found.getvalue()


def npy(header: str) -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text


STRUCTURED = io.BytesIO()
np.savez(STRUCTURED, z_itl=np.zeros(2, dtype=[("a", "f8"), ("b", "i4")]))


@pytest.mark.parametrize(
    "content",
    [
        packed("word/document.xml", b"<xml/>"),
        packed("z_itl.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10**13,)}")),
        packed(
            "z_itl.npy",
            npy("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,)}"),
        ),
        packed("z_itl.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (")),
        packed("z_itl.npy", npy("{'descr': '<f8', 'fortran_order': False, 'shape': (2**70,)}")),
        STRUCTURED.getvalue(),
        b'{"z_itl": [1' + b"0" * 400 + b'], "x_kv_usage": [1], "y_context_length": [1]}',
        b'{"z_itl": [1], "z_itl": [2], "x_kv_usage": [1], "y_context_length": [1]}',
        b'{"a": ' * 100_000,
    ],
)
def test_hostile_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read(path, given=Given("G", 1))


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    for name, content in (
        ("m.csv.gz", gzip.compress(OWN * 100)),
        (
            "m.npz",
            packed("z_itl.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (20,)}")),
        ),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"more than 1000 bytes; .* --max-bytes"):
            read(tmp_path / name, most_bytes=1000)


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
    with pytest.raises(
        InputError, match="is a CSV table, and infera files are a JSON or YAML document"
    ):
        read(path, "infera")
