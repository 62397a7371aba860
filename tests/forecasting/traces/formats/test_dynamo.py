import json
from pathlib import Path
from typing import Any

import pytest

from heteroplan.errors import InputError
from heteroplan.forecasting.traces.requests import UNKNOWN
from tests.forecasting.traces.whole_traces import batches_of, blocks_of, cached_of, rows_of, written

T0 = 1_777_312_800_000
TOOL = {"schema": "dynamo.request.trace.v1", "event_type": "tool_end", "tool": {"request": 1}}
PAYLOAD = {"event_type": "request_payload", "request": None, "schema": "dynamo.request.trace.v1"}


def ended(received: int | None = T0, hashes: tuple[int, ...] = (1,), **more: Any) -> dict[str, Any]:
    replay = {"trace_block_size": 64, "input_length": 100, "input_sequence_hashes": [*hashes]}
    request = {"request_id": "r", "output_tokens": 16, "replay": replay, **more}
    if received is not None:
        request["request_received_ms"] = received
    return {
        "schema": "dynamo.request.trace.v1",
        "event_type": "request_end",
        "event_time_unix_ms": T0 + 1000,
        "request": request,
    }


def trace(folder: Path, *events: dict[str, Any]) -> Path:
    return written(folder, "".join(json.dumps(event) + "\n" for event in events))


def test_requests_are_taken_and_other_events_left_out(tmp_path: Path) -> None:
    path = trace(tmp_path, PAYLOAD, TOOL, ended(), TOOL, ended(T0 + 7))
    assert rows_of(path) == [(T0 * 1000, 100, 16), ((T0 + 7) * 1000, 100, 16)]


def test_events_may_be_wrapped(tmp_path: Path) -> None:
    path = trace(tmp_path, *({"timestamp": 3, "event": each} for each in (TOOL, ended())))
    assert rows_of(path) == [(T0 * 1000, 100, 16)]


def test_hashes_of_64_bits_are_prefix_blocks(tmp_path: Path) -> None:
    path = trace(tmp_path, TOOL, ended(hashes=(14879255164371896291, 274632075616497421)))
    assert blocks_of(path) == [[14879255164371896291 - 2**64, 274632075616497421]]
    assert [each.blocks.tokens for each in batches_of(path) if each.blocks] == [64]


def test_blocks_of_another_size_are_left_out_and_that_is_said(tmp_path: Path) -> None:
    other = ended()
    other["request"]["replay"]["trace_block_size"] = 32
    notes: list[str] = []
    path = trace(tmp_path, ended(), other)
    assert blocks_of(path, notes=notes) == [[1], []]
    assert notes == ["requests with another trace_block_size than the first have no prefix blocks"]


def test_cached_tokens_where_they_are_known(tmp_path: Path) -> None:
    assert cached_of(trace(tmp_path, ended(cached_tokens=64), ended())) == [[64, UNKNOWN]]
    assert cached_of(trace(tmp_path, ended())) == [None]


def test_what_lacks(tmp_path: Path) -> None:
    """Without its arrival a request came 300 ms before its end; without replay it has a length."""
    path = trace(
        tmp_path,
        ended(None, total_time_ms=300.0, output_tokens=None),
        ended(None, replay=None, input_tokens=70),
    )
    assert rows_of(path) == [((T0 + 700) * 1000, 100, UNKNOWN), ((T0 + 1000) * 1000, 70, 16)]
    assert blocks_of(path) == [[1], []]


def test_bad_rows_keep_their_lines(tmp_path: Path) -> None:
    path = trace(tmp_path, TOOL, ended(), PAYLOAD, ended(-5, output_tokens="many"))
    with pytest.raises(InputError) as raised:
        rows_of(path)
    assert [(p.line, p.path, p.value) for p in raised.value.problems] == [
        (4, "request.output_tokens", "many"),
        (4, "request.request_received_ms", "-5"),
    ]


def test_a_trace_without_requests(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no request_end events"):
        rows_of(trace(tmp_path, TOOL, PAYLOAD))
