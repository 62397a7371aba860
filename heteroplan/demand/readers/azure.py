"""Azure LLM inference traces: TIMESTAMP, ContextTokens, GeneratedTokens (CC-BY-4.0).

Stamps are wall clock with up to seven fractional digits and, in 2023, without a zone: they are
read in the zone given. In the hour that comes twice in autumn, the first one is meant.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.demand.readers.chunk import Chunk, csv_chunks
from heteroplan.demand.readers.source import Source

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("TIMESTAMP", "ContextTokens", "GeneratedTokens")


def chunks(source: Source, zone: ZoneInfo) -> Iterator[Chunk]:
    """Stream the requests, arrivals since 1970 UTC."""
    return csv_chunks(source, COLUMNS, _arrivals, zone)


def _arrivals(stamps: "pd.Series[str]", zone: ZoneInfo) -> "pd.Series[int]":
    import numpy as np
    import pandas as pd

    zoned = stamps.str.contains(r"(?:Z|[+-]\d\d:?\d\d)$")
    utc = pd.to_datetime(stamps.where(zoned), format="ISO8601", errors="coerce", utc=True)
    wall = pd.to_datetime(stamps.mask(zoned), format="ISO8601", errors="coerce")
    first = np.ones(len(wall), dtype=bool)
    local = wall.dt.tz_localize(zone, ambiguous=first, nonexistent="NaT").dt.tz_convert("UTC")
    return _since_1970_us(utc).fillna(_since_1970_us(local))


def _since_1970_us(moments: "pd.Series[pd.Timestamp]") -> "pd.Series[int]":
    import pandas as pd

    return ((moments - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, "us")).astype("Int64")
