import csv
import io

import numpy as np
import pyarrow.parquet as pq

from heteroplan.outputs.replay.files import intervals_csv, write_requests
from heteroplan.outputs.replay.rows import request_columns
from heteroplan.simulation.results import Replay
from tests.replays import day, intervals, policy, replay, requests, stream

NAN = float("nan")
TABLE = intervals([[1000, 0]], [[900, 0]])
STREAM = stream([0.0, 10.0, 20.0, 30.0], osl=[101, 1, 101, 101])
"""100 gaps between tokens, or none."""
HAPPENED = requests(STREAM.arrival_s.tolist(), [0.5, 10.25, 21.0, NAN], [3.5, 10.25, NAN, NAN])


def rows_of(of: Replay) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO("".join(intervals_csv(of)))))


def test_csv_has_a_row_a_policy_workload_and_interval() -> None:
    made, _ = day(policies=3, workloads=2)
    found = rows_of(made)
    assert len(found) == 3 * 2 * 96
    assert len({(r["policy"], r["workload"], r["interval_start"]) for r in found}) == len(found)


def test_csv_tells_what_came_and_whether_the_slo_was_kept() -> None:
    first, second = rows_of(replay([policy("plan", TABLE)]))
    assert first["interval_start"] == "2026-11-23T00:00:00+08:00"
    assert (first["requests"], first["attained_both"]) == ("1000", "900")
    assert first["came_rps"] == "0.277777778"
    assert (first["in_time_share"], first["met"]) == ("0.9", "0")
    assert first["plan"] == "0123456789abcdef"
    assert (second["in_time_share"], second["met"], second["ttft_p50_ms"]) == ("", "", "")


def test_csv_comes_in_pieces_of_one_workload() -> None:
    made, _ = day(policies=3, workloads=2)
    assert [piece.count("\n") for piece in intervals_csv(made)] == [1] + [96] * 6


def test_latencies_of_requests_by_hand() -> None:
    """500 ms to the first token, then 100 gaps in 3 s; one token has no gap."""
    (found,) = request_columns(STREAM, HAPPENED)
    np.testing.assert_allclose(found["ttft_ms"], [500.0, 250.0, 1000.0, NAN])
    np.testing.assert_allclose(found["itl_ms"], [30.0, 0.0, NAN, NAN])


def test_parquet_has_a_row_a_policy_and_request() -> None:
    made = replay([policy(name, TABLE, requests=HAPPENED) for name in ("plan", "hpa")])
    file = io.BytesIO()
    write_requests(made, STREAM, file)
    found = pq.read_table(file).to_pylist()
    assert len(found) == 8
    assert [each["policy"] for each in found] == ["plan"] * 4 + ["hpa"] * 4
    assert found[0] == {
        "policy": "plan", "workload": "chat", "arrival_s": 0.0, "isl_tokens": 1000,
        "cached_tokens": 200, "osl_tokens": 101, "first_token_s": 0.5, "last_token_s": 3.5,
        "ttft_ms": 500.0, "itl_ms": 30.0, "outcome": "finished", "restarts": 0,
    }  # fmt: skip
    assert found[3]["outcome"] == "unfinished"
    assert found[3]["ttft_ms"] is None
    assert found[3]["first_token_s"] is None


def test_batches_are_parts_of_the_whole() -> None:
    made, asked = day(policies=1)
    table = made.policies[0].requests
    assert table is not None
    batches = list(request_columns(asked, table, 1000))
    assert {len(batch["ttft_ms"]) for batch in batches[:-1]} == {1000}
    (whole,) = request_columns(asked, table, len(asked))
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([b[name] for b in batches]), values)


def test_the_fluid_level_has_no_requests_to_write() -> None:
    made = replay([policy("plan", TABLE)], level="fluid")
    file = io.BytesIO()
    write_requests(made, STREAM, file)
    assert pq.read_table(file).num_rows == 0
