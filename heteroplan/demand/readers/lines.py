"""Text traces in blocks of whole lines."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from heteroplan.demand.readers.ahead import ahead
from heteroplan.demand.readers.rows import Batch, Rows, Type
from heteroplan.demand.readers.source import Source
from heteroplan.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

BLOCK_BYTES = 8 << 20
"""Read at a time."""
LONGEST_LINE = 64 << 20
QUOTE = b'"'


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines of a file."""

    data: bytes
    line: int
    """Number of the first, from 1."""


def blocks(source: Source, quoted: bool) -> Iterator[Block]:
    """The whole of `source`, the next block read and unpacked while one is parsed.

    With `quoted`, line ends between double quotes do not end a line. Raises InputError for lines
    longer than `LONGEST_LINE`, UnicodeDecodeError.
    """
    yield from ahead(_blocks(source, quoted))


def _blocks(source: Source, quoted: bool) -> Iterator[Block]:
    rest, line = b"", 1
    while True:
        more = source.stream.read(BLOCK_BYTES)
        whole = rest + more
        cut = _last_end(whole, quoted) if more else len(whole)
        if not cut and len(whole) > LONGEST_LINE:
            remedy = f"is longer than {LONGEST_LINE >> 20} MiB: no line of a trace"
            raise InputError([source.problem(line, "", "", remedy)])
        data, rest = whole[:cut], whole[cut:]
        if data:
            if not data.isascii():
                data.decode()
            yield Block(data, line)
            line += data.count(b"\n")
        if not more:
            return


def _last_end(data: bytes, quoted: bool) -> int:
    """Where the last whole line ends, 0 where none does."""
    end = data.rfind(b"\n") + 1
    if not quoted or QUOTE not in data:
        return end
    inside = data.count(QUOTE, 0, end) % 2
    while end and inside:
        before = data.rfind(b"\n", 0, end - 1) + 1
        inside ^= data.count(QUOTE, before, end) % 2
        end = before
    return end


type Read = Callable[[Block, dict[str, Any]], Rows | None]
"""The rows of a block with its columns as Arrow types, None where they are not of them."""


class Attempts:
    """Reads blocks as the types that may fit, those first that fitted the block before."""

    def __init__(self, wanted: "Mapping[str, Type]", tries: "Mapping[Type, list[Any]]") -> None:
        kinds = list(dict.fromkeys(wanted.values()))
        self._types = [
            {name: types[kinds.index(kind)] for name, kind in wanted.items()}
            for types in product(*(tries[kind] for kind in kinds))
        ]

    def batch(self, block: Block, read: Read, again: Callable[[], Rows]) -> Batch:
        """`block` by `read`, or else by `again`."""
        for types in self._types:
            rows = read(block, types)
            if rows is not None:
                self._types.remove(types)
                self._types.insert(0, types)
                return Batch(rows, again)
        return Batch(None, again)
