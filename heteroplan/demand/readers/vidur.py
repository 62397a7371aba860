"""Vidur's processed traces: arrived_at [s], num_prefill_tokens, num_decode_tokens (MIT).

Arrivals are seconds since the start of the trace and know no date.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.demand.readers.chunk import Chunk, csv_chunks
from heteroplan.demand.readers.source import Source

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("arrived_at", "num_prefill_tokens", "num_decode_tokens")
US_PER_S = 1e6
LONGEST_S = 1e9


def chunks(source: Source, zone: ZoneInfo) -> Iterator[Chunk]:
    """Stream the requests, arrivals since the start of the trace."""
    return csv_chunks(source, COLUMNS, _arrivals, zone)


def _arrivals(seconds: "pd.Series[str]", zone: ZoneInfo) -> "pd.Series[int]":
    import pandas as pd

    numbers = pd.to_numeric(seconds, errors="coerce").astype("float64")
    known = numbers.where(numbers.between(0.0, LONGEST_S))
    return (known * US_PER_S).round().astype("Int64")
