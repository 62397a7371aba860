import numpy as np

from heteroplan.outputs.replay.frames import intervals_frame, policies_frame, requests_frame
from tests.replays import day, intervals, policy, replay

DAY, STREAM = day(policies=3, workloads=2)


def test_policies_have_a_row_each() -> None:
    frame = policies_frame(DAY)
    assert list(frame["policy"]) == [each.policy for each in DAY.policies]
    first = DAY.policies[0]
    row = frame.iloc[0]
    assert row["in_time_share"] == first.attainment.both
    assert row["rejected"] == 31
    assert row["prefill_utilization"] == 0.61
    assert np.isnan(row["aggregated_utilization"])
    assert row["ttft_p95_ms"] == first.ttft_ms.p95
    assert row["slo_kept"]


def test_intervals_have_a_row_a_policy_and_workload() -> None:
    frame = intervals_frame(DAY)
    assert len(frame) == 3 * 2 * 96
    table = DAY.policies[1].intervals
    one = frame[(frame["policy"] == DAY.policies[1].policy) & (frame["workload"] == "chat-8b")]
    np.testing.assert_array_equal(one["requests"], table.requests[1])
    np.testing.assert_array_equal(one["gpus"], table.gpus[1])
    assert one["interval_start"].iloc[4].isoformat() == "2026-11-23T01:00:00+08:00"


def test_requests_have_a_row_a_policy() -> None:
    frame = requests_frame(DAY, STREAM)
    assert len(frame) == 3 * len(STREAM)
    last = frame.iloc[-1]
    assert last["policy"] == "static_peak"
    assert last["workload"] == STREAM.workloads[STREAM.workload[-1]]
    assert last["outcome"] == "finished"
    assert last["arrival_s"] == STREAM.arrival_s[-1]


def test_the_fluid_level_has_no_rows_of_requests() -> None:
    made = replay([policy("plan", intervals([[9]], [[9]]))], level="fluid")
    frame = requests_frame(made, STREAM)
    assert len(frame) == 0
    assert list(frame.columns) == list(requests_frame(DAY, STREAM).columns)
