"""Azure LLM inference traces: TIMESTAMP, ContextTokens, GeneratedTokens (CC-BY-4.0).

Stamps are wall clock with up to nine fractional digits and, in 2023, without a zone: they are
read in the zone given. In the hour that comes twice in autumn, the first one is meant.
"""

from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.trace_format import format_of_layout
from heteroplan.forecasting.traces.values import StampUnit

LAYOUT = Layout("TIMESTAMP", StampUnit.WALL, "ContextTokens", "GeneratedTokens")
FORMAT = format_of_layout(LAYOUT, "TIMESTAMP,ContextTokens,GeneratedTokens", dated=True)
