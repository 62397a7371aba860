import io

import pytest

from heteroplan.errors import InputError
from heteroplan.reading.input_size import (
    CSV_MARKS,
    JSON_MARKS,
    check_values,
    parse_size,
    size,
    too_large,
    whole,
    whole_values,
)


@pytest.mark.parametrize(
    ("text", "number"),
    [("2GiB", 2**31), ("2 GiB", 2**31), ("1.5kib", 1536), ("2G", 2 * 10**9), (1000, 1000)],
)
def test_sizes_are_read(text: str | int, number: int) -> None:
    assert parse_size(text) == number


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1_0", "nan", "inf", "1e400", "x", "2 miles", "٣", "5EiB", 0, -3]
)
def test_what_is_no_size(text: str | int) -> None:
    with pytest.raises(ValueError, match="no number of bytes; write for example 2GiB"):
        parse_size(text)


def test_sizes_are_shown_as_they_are_read() -> None:
    for number in (2**10, 2**20, 3 * 2**29, 2**40):
        assert parse_size(size(number)) == number
    assert [size(each) for each in (0, 1023, 1024, 1536, 2**20 - 1, 2**20)] == [
        "0 bytes", "1023 bytes", "1 KiB", "1.5 KiB", "1024 KiB", "1 MiB",
    ]  # fmt: skip
    assert [size(each) for each in (512 << 20, 2**30, 3 << 29, 5 << 40)] == [
        "512 MiB", "1 GiB", "1.5 GiB", "5120 GiB",
    ]  # fmt: skip


def test_sizes_go_from_a_byte_to_4_eib() -> None:
    assert (parse_size(1), parse_size(2**62 - 1)) == (1, 2**62 - 1)
    with pytest.raises(ValueError, match="no number of bytes"):
        parse_size(2**62)


def test_the_message_names_the_file_how_much_and_the_option() -> None:
    assert str(too_large("t.csv", "holds", 2**20, 3)) == (
        "t.csv:3: holds more than 1 MiB; split it, or allow more with --max-bytes"
    )


class Endless(io.RawIOBase):
    """Counts what is read of it."""

    taken = 0

    def read(self, size: int = -1, /) -> bytes:
        assert size >= 0
        self.taken += size
        return b"0" * size


def test_no_more_is_read_than_may_be_held() -> None:
    endless = Endless()
    with pytest.raises(InputError, match="f: takes in memory more than 1000 bytes"):
        whole(endless, "f", 1000)  # type: ignore[arg-type]
    assert endless.taken == 1001
    assert whole(io.BytesIO(b"x" * 1000), "f", 1000) == b"x" * 1000


class Slow(io.BytesIO):
    """Gives seven bytes at a time, as a pipe may."""

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        return super().read(min(7, size))


def test_a_stream_that_comes_in_pieces_is_read_whole() -> None:
    text = bytes(range(100))
    assert whole(Slow(text), "f", 100) == text
    with pytest.raises(InputError, match="more than 99 bytes"):
        whole(Slow(text), "f", 99)
    assert whole(io.BytesIO(b""), "f", 1) == b""


def test_what_is_larger_than_a_piece_is_read_whole() -> None:
    """9 MiB, read at most 8 MiB at a time."""
    text = bytes(9 << 20)
    assert len(whole(io.BytesIO(text), "f", 9 << 20)) == 9 << 20
    with pytest.raises(InputError, match="more than 9 MiB"):
        whole(io.BytesIO(text + b"x"), "f", 9 << 20)


def test_problems_of_size_are_of_the_file_as_a_whole() -> None:
    (problem,) = too_large("t.csv", "holds", 2**20).problems
    assert (problem.file, problem.line, problem.path, problem.value) == ("t.csv", 0, "", "")


@pytest.mark.parametrize(
    ("content", "marks", "bytes_held"),
    [
        (b"a,b\nc,d\n", CSV_MARKS, 2 * 8 + 64 * 4),
        (b'{"a": [1, 2, {}]}', JSON_MARKS, 2 * 17 + 64 * 5),
        (b"no mark", JSON_MARKS, 2 * 7),
    ],
)
def test_values_are_counted_before_they_are_made(
    content: bytes, marks: bytes, bytes_held: int
) -> None:
    """The text twice, and 64 bytes for each comma, line or bracket."""
    check_values(content, marks, "f", bytes_held)
    assert whole_values(io.BytesIO(content), marks, "f", bytes_held) == content
    with pytest.raises(InputError, match=f"f: takes in memory more than {bytes_held - 1} bytes"):
        check_values(content, marks, "f", bytes_held - 1)


def test_what_is_held_twice_may_be_half_as_long() -> None:
    assert whole(io.BytesIO(b"x" * 500), "f", 1000, copies=2) == b"x" * 500
    with pytest.raises(InputError, match="f: takes in memory more than 1000 bytes"):
        whole(io.BytesIO(b"x" * 501), "f", 1000, copies=2)
