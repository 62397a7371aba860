import contextlib
import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.errors import MOST_SHOWN, InputError, UsageError
from heteroplan.profiles.readers.document import MeasurementDocument
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.formats import FORMATS, splitwise
from heteroplan.profiles.readers.measurement_format import MeasurementFormat
from heteroplan.profiles.readers.read import read_measurements
from tests.formats import add_format

OWN = b"gpu,gpus,phase,batch,tokens,context,latency_ms,source\nH100,4,prefill,1,512,,61.5,\n"


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


@pytest.mark.parametrize("pack", [bytes, gzip.compress, zstd])
def test_packed_files_and_byte_order_mark(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(pack(b"\xef\xbb\xbf" + OWN))
    assert len(read_measurements(path).points) == 1


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_a_damaged_packed_file_is_refused(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "m.csv"
    for content in (pack(OWN)[:-9], pack(OWN)[:6] + b"damaged" + pack(OWN)[13:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"m\.csv: cannot be read: "):
            read_measurements(path)


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
        read_measurements(path)
    assert raised.value.problems[0].remedy.startswith(remedy)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.csv"):
        with pytest.raises(InputError, match="cannot be read"):
            read_measurements(path)


def test_unknown_format_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="unknown measurement format 'x'; known are heteroplan"):
        read_measurements(tmp_path, "x")


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
        read_measurements(path, given=Given("G", 1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("m.json", b" " * 600 + b"{}", "takes in memory more than 1000 bytes"),
        ("m.json", b"[{},{},{},{},{},{},{},{}]", "takes in memory more than 1000 bytes"),
        ("m.csv", b"a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p\n", "takes in memory more than 1000 bytes"),
        ("m.yaml", b"a: [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]", "takes in memory more than 1000 bytes"),
    ],
)
def test_what_would_take_too_much_memory_is_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    """A text is held twice, and a value takes 64 bytes: 16 of them more than a thousand."""
    path = tmp_path / name
    path.write_bytes(content if len(content) < 600 else content * 2)
    with pytest.raises(InputError, match=f"{message}; split it, or allow more with --max-bytes"):
        read_measurements(path, most_bytes=1000)


def test_arrays_are_measured_by_their_headers(tmp_path: Path) -> None:
    """A thousand numbers of a byte each are 64 kB as Python numbers, however well they pack."""
    path = tmp_path / "m.npz"
    np.savez_compressed(path, z_itl=np.zeros(1000, dtype=np.uint8))
    with pytest.raises(InputError, match=r"unpacks to more than 62\.5 KiB; "):
        read_measurements(path, "dynamo", Given("G", 1), 64_000)
    with pytest.raises(InputError, match="z_itl"):
        read_measurements(path, "dynamo", Given("G", 1), 70_000)


def test_a_message_lists_some_models(tmp_path: Path) -> None:
    names = ",".join(splitwise.COLUMNS)
    rows = [f"m{i:03},h100-80gb,1,1,1,1,1,1" for i in range(100)]
    (tmp_path / "m.csv").write_text("\n".join([names, *rows]))
    with pytest.raises(InputError, match=r"holds m000, m001, .* m019 and 80 more; name one"):
        read_measurements(tmp_path / "m.csv")


def test_an_endless_device_is_refused() -> None:
    with pytest.raises(InputError, match="/dev/zero: takes in memory more than 10 KiB"):
        read_measurements(Path("/dev/zero"), most_bytes=10 * 1024)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.csv", OWN.splitlines()[0] + b"\n" + b"x,,,,,,,\n" * 1000),
        ("m.json", b"[" + b",".join([b'{"completed": 1}'] * 1000) + b"]"),
        ("m.json", b'{"x_kv_usage": [' + b",".join([b"0"] * 1000) + b"]}"),
    ],
)
def test_reading_stops_after_some_problems(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    form = {b"g": "heteroplan", b"[": "vllm", b"{": "dynamo"}[content[:1]]
    with pytest.raises(InputError) as raised:
        read_measurements(path, form, Given("G", 1))
    assert len(raised.value.problems) == MOST_SHOWN + 1
    last = raised.value.problems[-1]
    assert "and at least 80 more problems" in last.remedy
    assert last.line < 100, "of a thousand"


def test_values_that_do_not_fit_are_counted_where_they_are_many(tmp_path: Path) -> None:
    tputs = [["x"] * 1000]
    profile = {"gpu": "a", "cost": 1, "tputs": tputs, "indexes": [[1], [2]], "created": 1}
    path = tmp_path / "m.json"
    path.write_text(json.dumps(profile))
    with pytest.raises(InputError, match=r"m.json: 1,000 values do not fit; is it --format\?$"):
        read_measurements(path, given=Given("G", 1))


def test_what_unpacks_to_too_much_is_refused(tmp_path: Path) -> None:
    for name, content in (
        ("m.csv.gz", gzip.compress(OWN * 100, mtime=0)),
        (
            "m.npz",
            packed("z_itl.npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (20,)}")),
        ),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=r"more than 1000 bytes; .* --max-bytes"):
            read_measurements(tmp_path / name, most_bytes=1000)


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
    for name in (None, *FORMATS):
        with contextlib.suppress(InputError):
            read_measurements(path, name, Given("G", 1, "m"))


def test_a_file_that_may_be_of_two_formats_is_not_guessed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = MeasurementFormat(
        ("a", "b", "c"), (MeasurementDocument,), lambda found, given: FileMeasurements(())
    )
    for name in ("one", "other"):
        add_format(monkeypatch, FORMATS, name, twin)
    path = tmp_path / "m.json"
    path.write_text('{"a": 1, "b": {"c": 2}}')
    with pytest.raises(UsageError, match="may be one or other: say which with --format one"):
        read_measurements(path)
    assert read_measurements(path, "other").points == ()


def test_a_format_of_another_kind_of_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(OWN)
    with pytest.raises(
        InputError, match="is a CSV table, and infera files are a JSON or YAML document"
    ):
        read_measurements(path, "infera")
