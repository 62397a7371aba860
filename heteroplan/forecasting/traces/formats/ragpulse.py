"""RAGPulse's JSON lines (MIT): `timestamp` (a text, s since the start), lengths, `hash_ids`.

Its ids name whole components of a prompt (system prompt, passages, history, web search, question),
whose lengths are in five files of their own (README and example/*/preprocess_data.py of
flashserve/RAGPulse). They are no blocks of one size, so cache hits in tokens do not follow from
this file, and none are given.
"""

from collections.abc import Iterator

from heteroplan.forecasting.traces.head import Head
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.rows import Layout
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.forecasting.traces.trace_format import AskedOfTrace, TraceFormat, read_requests
from heteroplan.forecasting.traces.values import StampUnit

SHAPE = '{"timestamp": "s", "input_length", "output_length", "hash_ids": {...}}'
LAYOUT = Layout("timestamp", StampUnit.S, "input_length", "output_length", may_lack=True)
NO_BLOCKS = (
    "RAGPulse's hash_ids name parts of prompts whose lengths the trace does not tell, so what a "
    "prefix cache holds is not known"
)


def fits(head: Head) -> bool:
    """Whether a file begins like this; whole ms, or numbers with a list of ids, are Mooncake's."""
    stamp, ids = (head.record.get(key) for key in ("timestamp", "hash_ids"))
    has_keys = {"timestamp", "input_length"} <= set(head.names) and "chat_id" not in head.names
    is_number = isinstance(stamp, int | float) and isinstance(ids, list)
    is_whole = isinstance(stamp, int) and not isinstance(ids, dict)
    return head.is_json and has_keys and not is_number and not is_whole


def requests(source: TraceSource, asked: AskedOfTrace) -> Iterator[Requests]:
    """Stream the requests, arrivals since the start of the trace."""
    asked.note(NO_BLOCKS)
    return read_requests(source, LAYOUT, asked)


FORMAT = TraceFormat(fits, False, SHAPE, requests=requests)
