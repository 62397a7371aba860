"""A replay as tables for other programs: CSV by interval, Parquet by request."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from math import isnan
from typing import IO, TYPE_CHECKING

import numpy as np

from heteroplan.outputs.replay.rows import (
    REQUEST_COLUMNS,
    boundaries,
    interval_columns,
    request_columns,
    texts_of,
)
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import Replay

if TYPE_CHECKING:
    import pyarrow as pa


def intervals_csv(replay: Replay) -> Iterator[str]:
    """One row a policy, workload and interval, in pieces; units stand in the column names.

    `interval_start` is ISO 8601 with offset, `plan` the plan's id. What is not known is empty.
    """
    starts = [moment.isoformat() for moment in boundaries(replay)[:-1]]
    names = list(interval_columns(replay, replay.policies[0])) if replay.policies else []
    yield csv_text([("policy", "workload", "interval_start", *names, "plan")])
    for policy in replay.policies:
        columns = interval_columns(replay, policy).values()
        for w, workload in enumerate(replay.workloads):
            cells = zip(*(column[w].tolist() for column in columns), strict=True)
            yield csv_text(
                (policy.policy, workload, start, *map(csv_cell, row), replay.plan_id or "")
                for start, row in zip(starts, cells, strict=True)
            )


def write_requests(replay: Replay, stream: RequestStream, file: IO[bytes]) -> None:
    """Parquet of one row a policy and request, written in batches.

    Times are since the start of the replay [s]; null is what did not happen.
    """
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter

    schema = _schema()
    policies = pa.array([each.policy for each in replay.policies], pa.string())
    with ParquetWriter(file, schema, compression="zstd") as writer:
        for i, policy in enumerate(replay.policies):
            if policy.requests is None:
                continue
            for columns in request_columns(stream, policy.requests):
                indices = np.full(len(columns["arrival_s"]), i, np.int32)
                arrays = [pa.DictionaryArray.from_arrays(indices, policies)]
                for name, values in columns.items():
                    kind, texts = schema.field(name).type, texts_of(name, stream)
                    # NaN is null.
                    arrays.append(
                        pa.array(values, kind, from_pandas=True)
                        if texts is None
                        else pa.DictionaryArray.from_arrays(
                            values.astype(np.int32), pa.array(texts, pa.string())
                        )
                    )
                writer.write_batch(pa.record_batch(arrays, schema=schema))


def _schema() -> "pa.Schema":
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    types = {"workload": text, "outcome": text, "restarts": pa.int8()}
    types |= dict.fromkeys(("isl_tokens", "cached_tokens", "osl_tokens"), pa.int64())
    return pa.schema(
        [("policy", text), *((name, types.get(name, pa.float64())) for name in REQUEST_COLUMNS)]
    )


def csv_cell(value: float) -> str:
    """Nine digits, empty for what is not known."""
    if isinstance(value, int):
        return str(value)
    return "" if isnan(value) else f"{value:.9g}"


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Lines of CSV."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
