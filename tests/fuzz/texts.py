"""CSV spoiled by cell, row and column, and any text or bytes spoiled as such."""

import csv
import gzip
import io
from collections.abc import Callable
from random import Random
from typing import Literal

from tests.fuzz import values
from tests.fuzz.trees import Change

type Table = list[list[str]]


def spoiled_csv(content: bytes, draw: Random) -> tuple[bytes, Change]:
    """The table with one to three changes."""
    table = list(csv.reader(io.StringIO(content.decode())))
    told = []
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        row = draw.randrange(len(table)) if draw.random() < 0.15 else _body(table, draw)
        column = draw.randrange(max(1, len(table[row])))
        told.append(draw.choices(*_CSV)[0](table, row, column, draw))
    made = io.StringIO()
    separator = draw.choices([",", ";", "\t"], [40, 1, 1])[0]
    quoting: Literal[0, 1] = csv.QUOTE_ALL if draw.random() < 0.1 else csv.QUOTE_MINIMAL
    ends = draw.choices(["\n", "\r\n", "\r"], [40, 3, 1])[0]
    writer = csv.writer(made, delimiter=separator, quoting=quoting, lineterminator=ends)
    writer.writerows(table)
    return made.getvalue().encode(errors="replace"), Change("; ".join(told))


def _body(table: Table, draw: Random) -> int:
    return draw.randrange(1, len(table)) if len(table) > 1 else 0


def _cell(table: Table, row: int, column: int, draw: Random) -> str:
    found = draw.choice([values.number(draw).text, values.text(draw)])
    if not table[row]:
        table[row].append("")
    table[row][column] = found
    return f"cell {row},{column} {found!r:.40}"


def _no_column(table: Table, row: int, column: int, draw: Random) -> str:
    for each in table:
        del each[column : column + 1]
    return f"no column {column}"


def _column_twice(table: Table, row: int, column: int, draw: Random) -> str:
    for each in table:
        each[column:column] = each[column : column + 1]
    return f"column {column} twice"


def _more_cells(table: Table, row: int, column: int, draw: Random) -> str:
    table[row] += [values.text(draw)] * draw.choice([1, 1, 50])
    return f"more cells in {row}"


def _fewer_cells(table: Table, row: int, column: int, draw: Random) -> str:
    del table[row][column:]
    return f"fewer cells in {row}"


def _row_twice(table: Table, row: int, column: int, draw: Random) -> str:
    count = draw.choice([1, 1, 2, 1_000, 20_000])
    table[row:row] = [list(table[row]) for _ in range(count)]
    return f"row {row} {count} times more"


def _no_row(table: Table, row: int, column: int, draw: Random) -> str:
    del table[row : row + draw.choice([1, 1, 5, len(table)])]
    if not table:
        table.append([])
    return f"no row {row}"


def _moved_row(table: Table, row: int, column: int, draw: Random) -> str:
    table.insert(draw.randrange(len(table)), table.pop(row))
    return f"row {row} moved"


_CSV: tuple[list[Callable[[Table, int, int, Random], str]], list[int]] = (
    [_cell, _no_column, _column_twice, _more_cells, _fewer_cells, _row_twice, _no_row, _moved_row],
    [60, 4, 4, 6, 6, 8, 6, 6],
)


def spoiled_bytes(content: bytes, draw: Random) -> tuple[bytes, Change]:
    """Any file with one change to its bytes."""
    change = draw.choice(_BYTES)
    return change(content, draw), Change(f"bytes: {change.__name__.strip('_')}")


def _cut(content: bytes, draw: Random) -> bytes:
    return content[: draw.randrange(len(content) + 1)]


def _empty(content: bytes, draw: Random) -> bytes:
    return draw.choice([b"", b"\n", b" ", b"\xef\xbb\xbf", b"\x00"])


def _byte_order_mark(content: bytes, draw: Random) -> bytes:
    return b"\xef\xbb\xbf" * draw.choice([1, 2]) + content


def _other_encoding(content: bytes, draw: Random) -> bytes:
    encoding = draw.choice(["utf-16", "utf-16-le", "utf-32", "utf-7", "cp037"])
    return content.decode("utf-8", "replace").encode(encoding, "replace")


def _inserted(content: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    found = draw.choice(
        [
            b"\x00",
            b"\xff",
            b"\xc3",
            b"\xed\xa0\x80",
            b"\x1a",
            b"\r",
            b'"',
            b"'",
            b"\x1b[31m",
            b"\n",
            b"\n\n\n",
            b"\xe2\x80\xa8",
            b"\xc2\x85",
            b"#",
            b"\t",
            b"{",
            b"]",
            b",",
            b"%",
            b" " * 100_000,
            b"x" * 1_000_000,
            b"\x00" * 100_000,
            values.COMMAND.encode(),
            f'"\n{values.COMMAND}"'.encode(),
        ]
    )
    return content[:at] + found + content[at:]


def _overwritten(content: bytes, draw: Random) -> bytes:
    made = bytearray(content)
    for _ in range(draw.choice([1, 1, 3, 20])):
        if made:
            made[draw.randrange(len(made))] = draw.randrange(256)
    return bytes(made)


def _removed(content: bytes, draw: Random) -> bytes:
    at = draw.randrange(len(content) + 1)
    return content[:at] + content[at + draw.choice([1, 2, 10, 100]) :]


def _line_ends(content: bytes, draw: Random) -> bytes:
    return content.replace(
        b"\n", draw.choice([b"\r\n", b"\r", b"\n\n", b"\n\x00", b"\xe2\x80\xa8"])
    )


def _twice(content: bytes, draw: Random) -> bytes:
    return content * draw.choice([2, 2, 50])


def _gzipped(content: bytes, draw: Random) -> bytes:
    packed = gzip.compress(content, mtime=0)
    return draw.choice(
        [packed, packed[:-5], packed + b"x", packed * 2, gzip.compress(packed, mtime=0)]
    )


def _other_kind(content: bytes, draw: Random) -> bytes:
    return draw.choice(
        [b"PK\x03\x04" + content, b"PAR1" + content, b"\x1f\x8b\x08" + content,
         b"\x28\xb5\x2f\xfd" + content, b"\x93NUMPY" + content, b"{" + content, b"[" + content,
         b"%PDF-1.4\n", b"\x89PNG\r\n\x1a\n", b"SQLite format 3\x00", b"\x80\x04\x95\x00."]
    )  # fmt: skip


_BYTES: tuple[Callable[[bytes, Random], bytes], ...] = (
    _cut,
    _cut,
    _empty,
    _byte_order_mark,
    _other_encoding,
    _inserted,
    _inserted,
    _overwritten,
    _overwritten,
    _removed,
    _line_ends,
    _twice,
    _gzipped,
    _other_kind,
)
