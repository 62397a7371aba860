import gzip
import io
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.reading.byte_streams import begun, input_errors, unpacked


def zstd(content: bytes) -> bytes:
    return bytes(pa.compress(content, codec="zstd", asbytes=True))


@given(st.binary(max_size=50), st.sampled_from([bytes, gzip.compress, zstd]))
def test_what_is_packed_is_unpacked(content: bytes, pack: Callable[[bytes], bytes]) -> None:
    stream, is_packed = unpacked(io.BytesIO(pack(b"a" + content)), "f", 1000)
    assert (stream.read(), is_packed) == (b"a" + content, pack is not bytes)


@given(st.binary(max_size=20), st.integers(0, 25), st.lists(st.integers(0, 10), max_size=4))
def test_the_beginning_is_seen_and_is_read_again(
    content: bytes, size: int, sizes: list[int]
) -> None:
    begin, stream = begun(io.BytesIO(content), size)
    assert begin == content[:size]
    assert b"".join([*(stream.read(each) for each in sizes), stream.read()]) == content


def test_a_mark_at_the_beginning_is_left_out() -> None:
    begin, stream = begun(io.BytesIO(b"markabc"), 6, without=b"mark")
    assert (begin, stream.read()) == (b"ab", b"abc")


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_what_unpacks_out_of_proportion_is_refused(pack: Callable[[bytes], bytes]) -> None:
    stream, _ = unpacked(io.BytesIO(pack(bytes(10**7))), "f", 1000)
    with pytest.raises(InputError, match=r"f: unpacks to more than .*allow more with --max-bytes"):
        stream.read()


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (FileNotFoundError(2, "No such file or directory"), "cannot be read: No such file"),
        (EOFError("cut short"), "cannot be read: cut short"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), "is no UTF-8 text: "),
        (ValueError("embedded null byte"), "cannot be read: embedded null byte"),
        (KeyError("told"), "cannot be read: 'told'"),
    ],
)
def test_what_fails_while_a_file_is_read_is_told(error: Exception, told: str) -> None:
    with pytest.raises(InputError, match=f"^f: {told}"), input_errors("f", KeyError):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(ValueError, match=r"^a bug$"), input_errors("f"):
        raise ValueError("a bug")
