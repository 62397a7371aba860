"""Vidur's processed traces: arrived_at [s], num_prefill_tokens, num_decode_tokens (MIT).

Arrivals are seconds since the start of the trace and know no date.
"""

from collections.abc import Iterator

from heteroplan.forecasting.traces.head import Head
from heteroplan.forecasting.traces.reading import Asked, read
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.source import Source
from heteroplan.forecasting.traces.values import Clock

SHAPE = "arrived_at,num_prefill_tokens,num_decode_tokens"
DATED = False
LAYOUT = Layout("arrived_at", Clock.S, "num_prefill_tokens", "num_decode_tokens")


def fits(head: Head) -> bool:
    """Whether a file begins like this."""
    return head.is_table_of(*LAYOUT.columns)


def requests(source: Source, asked: Asked) -> Iterator[Requests]:
    """Stream the requests, arrivals since the start of the trace."""
    return read(source, LAYOUT, asked)
