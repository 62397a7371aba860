"""Alibaba's Bailian traces (qwen-bailian-usagetraces-anon), JSON lines.

`timestamp` [s since the start], `input_length`, `output_length`, `hash_ids`: one id for each block
of 16 prompt tokens (docs/tutorials/bailian-trace.md of ai-dynamo/aiperf). Told from Mooncake's,
which count ms and 512 tokens, by their `chat_id`.
"""

from dataclasses import replace

from heteroplan.forecasting.traces.formats import mooncake
from heteroplan.forecasting.traces.head import Head
from heteroplan.forecasting.traces.trace_format import format_of_layout
from heteroplan.forecasting.traces.values import StampUnit

SHAPE = '{"chat_id", "timestamp": s, "input_length", "output_length", "hash_ids": [...]}'
BLOCK_TOKENS = 16
LAYOUT = replace(mooncake.LAYOUT, clock=StampUnit.S, block_tokens=BLOCK_TOKENS)


def fits(head: Head) -> bool:
    """Whether a file begins like this."""
    return head.is_json and {"chat_id", "timestamp", "input_length"} <= set(head.names)


FORMAT = format_of_layout(LAYOUT, SHAPE, dated=False, fits=fits)
