"""How much of an input may be held at a time: one bound for every reader, and its message.

What is streamed may be of any length: there the bound is on a line, a block or a row group. What
is packed may not unpack to more than it plausibly holds.
"""

from typing import IO

from heteroplan.errors import InputError, InputProblem

MOST_BYTES = 512 << 20
"""Most that is held of a trace at a time, where nobody allows more [bytes]."""
MOST_MEASURED_BYTES = 128 << 20
"""Most that is held of a file of measurements, where nobody allows more [bytes]."""
MOST_SOURCE_BYTES = 1 << 30
"""Most that is held of a source of a fleet, where nobody allows more [bytes].

`kubectl get nodes -o json` of 10,000 nodes takes 200 MB: it lists the images of each.
"""
MOST_PACKING = 200
"""Times its size that a packed file may unpack to while it is streamed; real ones reach 64."""
LINE_SHARE = 32
"""Part of the bound that one line may take, which is held several times while it is cut."""
VALUE_BYTES = 64
"""Least memory that a number, a short text or an empty list takes in Python [bytes]."""
JSON_MARKS, CSV_MARKS = b",[{", b",\n"
"""Bytes that stand before or after a value in a JSON or a CSV text."""
_PIECE_BYTES = 8 << 20


def size(number: int) -> str:
    """A number of bytes as messages show it, such as `512 MiB`."""
    for unit, shift in (("GiB", 30), ("MiB", 20), ("KiB", 10)):
        if number >= 1 << shift:
            return f"{number / (1 << shift):.4g} {unit}"
    return f"{number} bytes"


def parse_size(text: str | int) -> int:
    """`2GiB` or 2000000000 [bytes]. Raises ValueError."""
    from pydantic import ByteSize, TypeAdapter

    written = str(text)
    try:
        if not written.isascii() or "_" in written:
            raise ValueError(written)
        found = int(TypeAdapter(ByteSize).validate_python(written))
    except (ValueError, OverflowError):
        found = 0
    if not 0 < found < 2**62:
        raise ValueError("no number of bytes; write for example 2GiB")
    return found


def too_large(file: str, what: str, most_bytes: int, line: int = 0) -> InputError:
    """The one message of all bounds; `what` says of what there is more than `most_bytes`."""
    remedy = f"{what} more than {size(most_bytes)}; split it, or allow more with --max-bytes"
    return InputError([InputProblem(file, line, "", "", remedy)])


def whole(stream: IO[bytes], file: str, most_bytes: int, copies: int = 1) -> bytearray:
    """All that `stream` holds. Raises InputError where `copies` of it are above `most_bytes`."""
    content = bytearray()
    room = most_bytes // copies
    while part := stream.read(min(_PIECE_BYTES, room + 1 - len(content))):
        content += part
        if len(content) > room:
            raise too_large(file, "takes in memory", most_bytes)
    return content


def values(content: bytes | bytearray, marks: bytes) -> int:
    """How many values a text holds at most, by its `marks`."""
    return sum(content.count(mark) for mark in marks)


def check_values(content: bytes | bytearray, marks: bytes, file: str, most_bytes: int) -> None:
    """Raise InputError where the values in a text would take more than `most_bytes` as objects.

    They are counted before any of them is made; the text itself is held twice.
    """
    if 2 * len(content) + VALUE_BYTES * values(content, marks) > most_bytes:
        raise too_large(file, "takes in memory", most_bytes)


def whole_values(stream: IO[bytes], marks: bytes, file: str, most_bytes: int) -> bytearray:
    """All that `stream` holds, a text of values. Raises InputError as `check_values` does."""
    content = whole(stream, file, most_bytes, copies=2)
    check_values(content, marks, file, most_bytes)
    return content
