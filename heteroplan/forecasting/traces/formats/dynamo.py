"""Dynamo's request traces: JSON lines of events, of which `request_end` tells a request.

Schema `dynamo.request.trace.v1` and its forerunner `dynamo.agent.trace.v1`, the event itself or
under `event` (docs.nvidia.com/dynamo, Request Trace Reference; lib/data-gen of ai-dynamo/dynamo).
`request.request_received_ms` [Unix ms] and all token counts may lack: a request without the former
came `request.total_time_ms` before `event_time_unix_ms`. `request.replay.input_sequence_hashes`
has one 64-bit hash for each begun block of `trace_block_size` tokens, which stands for the block
and all before it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from heteroplan.errors import InputError
from heteroplan.forecasting.traces.head import Head, head_of
from heteroplan.forecasting.traces.requests import Requests
from heteroplan.forecasting.traces.rows import Layout, Rows, Type
from heteroplan.forecasting.traces.source import TraceSource
from heteroplan.forecasting.traces.trace_format import AskedOfTrace, TraceFormat, read_requests
from heteroplan.forecasting.traces.values import StampUnit

SHAPE = '{"event_type": "request_end", "request": {...}}'
REQUEST = "request_end"
OTHER_BLOCKS = "requests with another trace_block_size than the first have no prefix blocks"


def fits(head: Head) -> bool:
    """Whether a file begins like this, with whatever kind of event."""
    event = head.record.get("event", head.record)
    if not head.is_json or not isinstance(event, dict) or "event_type" not in event:
        return False
    return str(event.get("schema")).startswith("dynamo.") or "request" in event


def requests(source: TraceSource, asked: AskedOfTrace) -> Iterator[Requests]:
    """Stream the requests, arrivals since 1970 UTC. Raises InputError where there is none."""
    prefix = "event." if "event" in head_of(source).names else ""
    is_empty = True
    for some in read_requests(source, _Events(prefix, asked).layout(), asked):
        is_empty = False
        yield some
    if is_empty and not asked.where.wanted:
        raise InputError([source.problem(0, "", "", f"holds no {REQUEST} events")])


class _Events:
    def __init__(self, prefix: str, asked: AskedOfTrace) -> None:
        self._asked = asked
        self._block_tokens = 0
        self._event = prefix + "event_type"
        self._ended = prefix + "event_time_unix_ms"
        self._received, self._took, self._input = (
            f"{prefix}request.{name}"
            for name in ("request_received_ms", "total_time_ms", "input_tokens")
        )
        self._size = prefix + "request.replay.trace_block_size"
        self._layout = Layout(
            self._received,
            StampUnit.MS,
            prefix + "request.replay.input_length",
            prefix + "request.output_tokens",
            prefix + "request.cached_tokens",
            prefix + "request.replay.input_sequence_hashes",
            may_lack=True,
            others={
                self._event: Type.TEXT,
                self._ended: Type.NUMBER,
                self._took: Type.NUMBER,
                self._input: Type.COUNT,
                self._size: Type.COUNT,
            },
            prepared=self._prepared,
        )

    def layout(self) -> Layout:
        """Columns of the events, of which those of requests are selected."""
        return self._layout

    def _prepared(self, source: TraceSource, rows: Rows) -> tuple[Rows, Layout]:
        import pyarrow.compute as pc

        wanted = pc.fill_null(pc.equal(rows.columns[self._event], REQUEST), False)
        columns = {name: column.filter(wanted) for name, column in rows.columns.items()}
        columns[self._received] = self._arrivals(columns)
        given = columns[self._layout.input_tokens]
        columns[self._layout.input_tokens] = pc.coalesce(given, columns[self._input])
        assert self._layout.blocks is not None
        columns[self._layout.blocks] = self._blocks(columns)
        places = pc.indices_nonzero(wanted).to_pylist()
        lines = [rows.lines[place] for place in places]
        layout = replace(self._layout, block_tokens=self._block_tokens, prepared=None)
        return replace(rows, columns=columns, lines=lines), layout

    def _arrivals(self, columns: dict[str, Any]) -> Any:
        import pyarrow as pa
        import pyarrow.compute as pc

        received = columns[self._received]
        if not received.null_count:
            return received
        try:
            given, ended, took = (
                columns[name].cast(pa.float64())
                for name in (self._received, self._ended, self._took)
            )
        except pa.ArrowInvalid:
            return received
        return pc.coalesce(given, pc.subtract(ended, pc.coalesce(took, pa.scalar(0.0))))

    def _blocks(self, columns: dict[str, Any]) -> Any:
        """The hashes, none where a block has not as many tokens as those before."""
        import pyarrow as pa
        import pyarrow.compute as pc

        assert self._layout.blocks is not None
        hashes = columns[self._layout.blocks]
        try:
            sizes = columns[self._size].cast(pa.float64())
        except pa.ArrowInvalid:
            return hashes
        known = pc.drop_null(sizes)
        if not self._block_tokens and len(known):
            self._block_tokens = int(known[0].as_py())
        same = pc.equal(sizes, float(self._block_tokens))
        if pc.any(pc.invert(same)).as_py():
            self._asked.note(OTHER_BLOCKS)
        return pc.if_else(pc.fill_null(same, False), hashes, pa.scalar(None, hashes.type))


FORMAT = TraceFormat(fits, True, SHAPE, requests=requests)
