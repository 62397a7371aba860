"""Text traces in blocks of whole lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from heteroplan.forecasting.traces.ahead import ahead
from heteroplan.forecasting.traces.rows import Batch, Rows, Type
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.reading.input_size import LINE_SHARE, too_large

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK_BYTES = 8 << 20
"""Text that is read at a time [bytes]."""
QUOTE = b'"'


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Whole lines of a file."""

    data: bytes
    line: int
    """Number of the first line, from 1."""


def blocks(source: TraceSource, quoted: bool) -> Iterator[TextBlock]:
    """The whole of `source`, the next block read and unpacked while one is parsed.

    With `quoted`, line ends between double quotes do not end a line. Raises InputError for lines
    longer than `longest_line`, UnicodeDecodeError.
    """
    yield from ahead(_blocks(source, quoted))


def longest_line(source: TraceSource) -> int:
    """Most bytes of a line of `source`."""
    return source.most_bytes // LINE_SHARE


def _blocks(source: TraceSource, quoted: bool) -> Iterator[TextBlock]:
    """Blank blocks are left out: no reader makes anything of blank lines."""
    rest, line, inside = b"", 1, False
    while more := source.stream.read(BLOCK_BYTES):
        cut = _last_end(more, inside) if quoted else more.rfind(b"\n") + 1
        if cut:
            data, rest, inside = rest + more[:cut], more[cut:], False
            more = rest
            if not data.isspace():
                yield _block(data, line)
            line += data.count(b"\n")
        else:
            rest += more
        inside ^= quoted and more.count(QUOTE) % 2 == 1
        if len(rest) > longest_line(source):
            raise too_large(source.file, "holds a line of", longest_line(source), line)
    if rest and not rest.isspace():
        yield _block(rest, line)


def _block(data: bytes, line: int) -> TextBlock:
    if not data.isascii():
        data.decode()
    return TextBlock(data, line)


def _last_end(data: bytes, inside: bool) -> int:
    """Where the last whole line ends, 0 where none does; `inside` where it begins in quotes."""
    import numpy as np

    end = data.rfind(b"\n") + 1
    if not end or (inside + data.count(QUOTE, 0, end)) % 2 == 0:
        return end
    found = np.frombuffer(data, np.uint8)
    odd = (np.cumsum(found == QUOTE[0], dtype=np.uint8) + np.uint8(inside)) % 2 == 1
    ends = (found == ord("\n")) & ~odd
    return len(data) - int(ends[::-1].argmax()) if ends.any() else 0


type Read = Callable[[TextBlock, dict[str, Any]], Rows | None]
"""The rows of a block with its columns as Arrow types, None where they are not of them."""


class Attempts:
    """Reads blocks as the types that may fit, those first that fitted the block before."""

    def __init__(self, wanted: "Mapping[str, Type]", tries: "Mapping[Type, list[Any]]") -> None:
        kinds = list(dict.fromkeys(wanted.values()))
        self._types = [
            {name: types[kinds.index(kind)] for name, kind in wanted.items()}
            for types in product(*(tries[kind] for kind in kinds))
        ]

    def batch(self, block: TextBlock, read: Read, again: Callable[[], Iterator[Rows]]) -> Batch:
        """`block` by `read`, or else by `again`."""
        for types in self._types:
            rows = read(block, types)
            if rows is not None:
                self._types.remove(types)
                self._types.insert(0, types)
                return Batch(rows, again)
        return Batch(None, again)
