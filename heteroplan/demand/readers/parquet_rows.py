"""Rows of Parquet traces."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from heteroplan.demand.readers.rows import Batch, Rows, Type
from heteroplan.demand.readers.source import Source

ROWS = 1 << 18
"""Held in memory at a time."""

type Path = tuple[str, ...]


def batches(
    source: Source, wanted: Mapping[str, Type], paths: Mapping[str, Path]
) -> Iterator[Batch]:
    """The rows of a Parquet file; `paths` lead to the columns `wanted`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # With pre_buffer all of the file would be held in memory.
    file = pq.ParquetFile(source.seekable(), pre_buffer=False)
    present = {name: path for name, path in paths.items() if name in wanted and _has(file, path)}
    read = list(dict.fromkeys(".".join(path) for path in present.values()))
    row = 1
    for batch in file.iter_batches(batch_size=ROWS, columns=read):
        nulls = pa.nulls(batch.num_rows)
        columns = {
            name: _column(batch, present[name]) if name in present else nulls for name in wanted
        }
        rows = Rows(columns, range(row, row + batch.num_rows), "row")
        yield Batch(rows, _same(rows))
        row += batch.num_rows


def _has(file: Any, path: Path) -> bool:
    import pyarrow.types as pt

    fields = file.schema_arrow
    for name in path:
        at = fields.get_field_index(name) if hasattr(fields, "get_field_index") else -1
        if at < 0:
            return False
        fields = fields.field(at).type
        fields = fields if pt.is_struct(fields) else ()
    return True


def _column(batch: Any, path: Path) -> Any:
    import pyarrow.compute as pc
    import pyarrow.types as pt

    column = batch.column(path[0])
    if len(path) > 1:
        column = pc.struct_field(column, list(path[1:]))
    return column.dictionary_decode() if pt.is_dictionary(column.type) else column


def _same(rows: Rows) -> Callable[[], Rows]:
    """There is no slower way that tells more."""
    return lambda: rows
