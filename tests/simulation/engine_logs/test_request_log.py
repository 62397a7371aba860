"""Logs of requests: what is read of them, and errors by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from heteroplan.errors import InputError
from heteroplan.simulation.engine_logs.request_log import latency_errors, read_request_log

EARLY = {
    "request_id": "a",
    "input_toks": 10,
    "output_toks": 1,
    "arrival_time": 1e9,
    "queued_ts": 100.0,
    "first_token_ts": 100.5,
    "last_token_ts": 100.5,
}
LATE = EARLY | {"output_toks": 5, "queued_ts": 101.0, "last_token_ts": 105.0, "first_token_ts": 103}


def written(folder: Path, *lines: object) -> Path:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def test_times_are_since_the_first(tmp_path: Path) -> None:
    log = read_request_log(written(tmp_path, LATE, EARLY))
    assert (list(log.isl), list(log.osl)) == ([10, 10], [1, 5])
    assert list(log.arrival_s) == [0.0, 1.0]
    assert (list(log.ttft_s), list(log.tpot_s), list(log.e2e_s)) == ([0.5, 2], [0, 0.5], [0.5, 4])
    assert (len(log.part(1, 2)), log.part(1, 2).e2e_s[0]) == (1, 4.0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (LATE | {"first_token_ts": 105.5}, "1: must be in the order queued_ts, first_token_ts"),
        (LATE | {"output_toks": 0}, "1.output_toks: 0: "),
        ({name: LATE[name] for name in LATE if name != "queued_ts"}, "1.queued_ts: "),
    ],
)
def test_bad_line(tmp_path: Path, line: object, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read_request_log(written(tmp_path, EARLY, line))
    assert message in str(raised.value)


def test_no_json(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("input_toks,output_toks\n1,2\n")
    with pytest.raises(InputError, match="is no JSON; write a request a line"):
        read_request_log(path)


def test_errors() -> None:
    """Means 2 and 2.5; P95 is nine tenths of the way from the least to the most of two."""
    off = latency_errors(np.array([1.0, 3.0]), np.array([0.5, 4.5]))
    assert off.mean == pytest.approx(0.25)
    assert off.p95 == pytest.approx((0.5 + 0.95 * 4.0) / (1.0 + 0.95 * 2.0) - 1.0)
    assert off.request == pytest.approx((0.5 + 1.5) / 2 / 2)
