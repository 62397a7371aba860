"""Mooncake's JSON lines, which Dynamo and AIPerf replay too.

`timestamp` [ms since the start], `input_length`, `output_length`, `hash_ids`: one id for each
block of 512 prompt tokens, the same where the block and all before it are (Mooncake FAST'25). As
AIPerf takes them, stamps may be fractional, lengths and ids may lack, and there may be other keys
(docs/benchmark-modes/trace-replay.md of ai-dynamo/aiperf). Rows that wait for an answer (`delay`
and no `timestamp`) have no arrival, so they are problems.
"""

from heteroplan.forecasting.traces.head import Head
from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.trace_format import format_of_layout
from heteroplan.forecasting.traces.values import StampUnit

BLOCK_TOKENS = 512
SHAPE = '{"timestamp": ms, "input_length", "output_length", "hash_ids": [...]}'
LAYOUT = Layout(
    "timestamp",
    StampUnit.MS,
    "input_length",
    "output_length",
    blocks="hash_ids",
    block_tokens=BLOCK_TOKENS,
    may_lack=True,
)


def fits(head: Head) -> bool:
    """Whether a file begins like this; seconds as text with ids by component are RAGPulse's."""
    stamp, ids = (head.record.get(key) for key in ("timestamp", "hash_ids"))
    has_keys = {"timestamp", "input_length"} <= set(head.names) and "chat_id" not in head.names
    return head.is_json and has_keys and not (isinstance(stamp, str) and isinstance(ids, dict))


FORMAT = format_of_layout(LAYOUT, SHAPE, dated=False, fits=fits)
