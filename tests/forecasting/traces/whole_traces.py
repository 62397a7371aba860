"""All requests of a file, in one, and what readers say about it."""

from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from heteroplan.forecasting.traces.recognition import format_of
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.source import open_trace
from heteroplan.forecasting.traces.trace_format import AskedOfTrace
from heteroplan.reading.input_size import MOST_BYTES


def batches_of(
    path: Path | str,
    form: str | None = None,
    columns: dict[str, str] | None = None,
    zone: str = "UTC",
    notes: list[str] | None = None,
    most_bytes: int = MOST_BYTES,
) -> list[Requests]:
    """What the reader of `form`, or the detected one, streams."""
    asked = AskedOfTrace(ZoneInfo(zone), columns or {}, [] if notes is None else notes)
    with open_trace(str(path), most_bytes) as source:
        reader = format_of(source, form, asked.columns)
        assert reader.requests is not None
        return list(reader.requests(source, asked))


def rows_of(path: Path | str, *args: Any, **options: Any) -> list[tuple[int, int, int]]:
    """Microseconds, input and output tokens of each request."""
    parts = [
        np.stack([each.arrival_us, each.input_tokens, each.output_tokens], axis=1)
        for each in batches_of(path, *args, **options)
    ]
    return [tuple(row) for part in parts for row in part.tolist()]


def cached_of(path: Path | str, *args: Any, **options: Any) -> list[list[int] | None]:
    """Cached tokens of each batch."""
    return [
        None if each.cached_tokens is None else each.cached_tokens.tolist()
        for each in batches_of(path, *args, **options)
    ]


def blocks_of(path: Path | str, *args: Any, **options: Any) -> list[list[int]]:
    """Block ids of each request."""
    found: list[list[int]] = []
    for each in batches_of(path, *args, **options):
        assert each.blocks is not None
        ids, offsets = each.blocks.ids.tolist(), each.blocks.offsets.tolist()
        found += [ids[a:b] for a, b in pairwise(offsets)]
    return found


def written(folder: Path, text: str | bytes, name: str = "trace") -> Path:
    """A file of `text`."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path
