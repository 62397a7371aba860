"""Azure LLM inference traces: TIMESTAMP, ContextTokens, GeneratedTokens (CC-BY-4.0).

Stamps are wall clock with up to nine fractional digits and, in 2023, without a zone: they are
read in the zone given. In the hour that comes twice in autumn, the first one is meant.
"""

from collections.abc import Iterator

from heteroplan.forecasting.traces.head import Head
from heteroplan.forecasting.traces.reading import Asked, read
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.source import Source
from heteroplan.forecasting.traces.values import Clock

SHAPE = "TIMESTAMP,ContextTokens,GeneratedTokens"
DATED = True
LAYOUT = Layout("TIMESTAMP", Clock.WALL, "ContextTokens", "GeneratedTokens")


def fits(head: Head) -> bool:
    """Whether a file begins like this."""
    return head.is_table_of(*LAYOUT.columns)


def requests(source: Source, asked: Asked) -> Iterator[Requests]:
    """Stream the requests, arrivals since 1970 UTC."""
    return read(source, LAYOUT, asked)
