"""Vidur's processed traces: arrived_at [s], num_prefill_tokens, num_decode_tokens (MIT).

Arrivals are seconds since the start of the trace and know no date.
"""

from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.trace_format import format_of_layout
from heteroplan.forecasting.traces.values import StampUnit

LAYOUT = Layout("arrived_at", StampUnit.S, "num_prefill_tokens", "num_decode_tokens")
FORMAT = format_of_layout(LAYOUT, "arrived_at,num_prefill_tokens,num_decode_tokens", dated=False)
