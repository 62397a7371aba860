"""Rows of Parquet traces."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from heteroplan.forecasting.traces.rows import Batch, Rows, Type
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.reading.input_size import too_large

ROWS = 1 << 18
"""Most rows that are held at a time."""
BATCH_BYTES = 64 << 20
"""Most memory of the rows that are held at a time [bytes]."""

type Path = tuple[str, ...]


def batches(
    source: TraceSource, wanted: Mapping[str, Type], paths: Mapping[str, Path]
) -> Iterator[Batch]:
    """The rows of a Parquet file; `paths` lead to the columns `wanted`.

    Raises InputError where a row group of them is too large to be held.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.ParquetFile(source.seekable()).schema_arrow
    texts = [field.name for field in schema if field.name in wanted and _is_text(field.type)]
    # With pre_buffer all of the file would be held in memory, and a text that a dictionary holds
    # once would be held a time for each of its rows.
    file = pq.ParquetFile(source.seekable(), pre_buffer=False, read_dictionary=texts)
    present = {name: path for name, path in paths.items() if name in wanted and _has(file, path)}
    read = list(dict.fromkeys(".".join(path) for path in present.values()))
    row = 1
    for batch in file.iter_batches(batch_size=_rows_at_a_time(file, read, source), columns=read):
        nulls = pa.nulls(batch.num_rows)
        columns = {
            name: _column(batch, present[name], source) if name in present else nulls
            for name in wanted
        }
        rows = Rows(columns, range(row, row + batch.num_rows), "row")
        yield Batch(rows, _same(rows))
        row += batch.num_rows


def _rows_at_a_time(file: Any, columns: list[str], source: TraceSource) -> int:
    """As many as `BATCH_BYTES` hold. Raises InputError for too large a row group."""
    rows = ROWS
    for number in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(number)
        chunks = [group.column(at) for at in range(group.num_columns)]
        held = sum(
            chunk.total_uncompressed_size
            for chunk in chunks
            if any(f"{chunk.path_in_schema}.".startswith(f"{name}.") for name in columns)
        )
        if held > source.most_bytes:
            raise too_large(source.file, "holds a row group of", source.most_bytes)
        rows = min(rows, BATCH_BYTES * max(group.num_rows, 1) // max(held, 1))
    return max(rows, 1)


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


def _is_text(kind: Any) -> bool:
    import pyarrow.types as pt

    return bool(pt.is_string(kind) or pt.is_large_string(kind))


def _column(batch: Any, path: Path, source: TraceSource) -> Any:
    import pyarrow.compute as pc
    import pyarrow.types as pt

    column = batch.column(path[0])
    if len(path) > 1:
        column = pc.struct_field(column, list(path[1:]))
    if not pt.is_dictionary(column.type):
        return column
    if _is_text(column.type.value_type):
        lengths = pc.take(pc.binary_length(column.dictionary), column.indices)
        if (pc.sum(lengths).as_py() or 0) > source.most_bytes:
            raise too_large(source.file, "holds rows of", source.most_bytes)
    return column.dictionary_decode()


def _same(rows: Rows) -> Callable[[], Iterator[Rows]]:
    """There is no slower way that tells more."""
    return lambda: iter([rows])
