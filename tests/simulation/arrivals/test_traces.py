"""Requests of traces: lengths, hits, times, what is rejected, and what is said of it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.steps.opened import ReadOptions
from heteroplan.simulation.arrivals.rates import Planned
from heteroplan.simulation.arrivals.traces import Scaling, from_traces
from heteroplan.simulation.requests import RequestStream
from tests import builders
from tests.builders import SHAPE
from tests.forecasting.made_traces import written
from tests.realdata import DATA, needs_data

HIT = replace(SHAPE, prefix_hit_rate=0.25)
TRACES = DATA / "traces"
AZURE, VIDUR = TRACES / "azure_llm_2023_code.csv", TRACES / "vidur_splitwise_code.csv"
MOONCAKE = TRACES / "mooncake_fast25_conversation.jsonl.gz"
ONE = builders.scenario([builders.workload("chat", rps=[10.0], classes=[HIT])])
TWO = builders.scenario([builders.workload("chat"), builders.workload("code", rps=[5.0])])


def replay(*paths: str | Path, of: Scenario = ONE, **options: Any) -> RequestStream:
    """The trace of the scenario's first workload."""
    name = of.workloads[0].name
    return from_traces(of, {name: [str(path) for path in paths]}, seed=1, **options)


def reading(**options: Any) -> ReadOptions:
    return ReadOptions(stamp_zone=ONE.horizon.start.tzinfo, **options)  # type: ignore[arg-type]


def azure(folder: Path, rows: Iterable[tuple[str, int, int]], name: str = "trace.csv") -> str:
    """Requests of 23 November 2026, the day of the scenario, by time of day."""
    return written(folder, (f"2026-11-23 {at},{isl},{osl}" for at, isl, osl in rows), name)


def mooncake(folder: Path, records: Sequence[dict[str, Any]]) -> str:
    path = folder / "trace.jsonl"
    path.write_text("".join(json.dumps(each) + "\n" for each in records))
    return str(path)


def own(folder: Path, rows: Sequence[str], header: str = "interval_start,rps,isl,osl") -> str:
    path = folder / "demand.csv"
    path.write_text("\n".join([header, *rows]))
    return str(path)


def test_as_it_came(tmp_path: Path) -> None:
    """Sorted, from the first arrival on; 25 % of the input tokens are cached, as planned; the last
    one would end after 5 s, a TTFT of 1 s and 20 tokens of 60 ms."""
    rows = [("10:00:05", 400, 20), ("10:00:00", 100, 10), ("10:00:01.5", 200, 30)]
    stream = replay(azure(tmp_path, rows))
    assert stream.arrival_s.tolist() == [0.0, 1.5, 5.0]
    assert stream.isl.tolist() == [100, 200, 400]
    assert stream.cached.tolist() == [25, 50, 100]
    assert stream.osl.tolist() == [10, 30, 20]
    assert stream.duration_s == pytest.approx(5.0 + 1.0 + 1.2)
    assert stream.notes == (
        "chat: 3 requests in the trace",
        "chat: it tells no prefix hits: 25.0 % of the input tokens are cached, as planned",
    )


def test_several_files_are_one_trace(tmp_path: Path) -> None:
    first = azure(tmp_path, [("10:00:00", 100, 10), ("10:00:04", 101, 10)], "a.csv")
    azure(tmp_path, [("10:00:02", 102, 10)], "b.csv")
    stream = replay(first, str(tmp_path / "b*.csv"))
    assert stream.isl.tolist() == [100, 102, 101]
    assert "chat: 2 files overlap in time; their requests are added up" in stream.notes


def test_what_is_no_request_is_rejected_by_reason(tmp_path: Path) -> None:
    rows = [("10:00:00", 100, 10), ("10:00:01", 0, 0), ("10:00:02", 7, 0), ("10:00:03", 5, 0)]
    stream = replay(azure(tmp_path, rows))
    assert stream.rejected == {"no input tokens": 1, "no output tokens": 2}
    assert (len(stream), stream.asked) == (1, 4)


def test_a_trace_of_none_that_can_be_sent_is_refused(tmp_path: Path) -> None:
    path = azure(tmp_path, [("10:00:00", 100, 0), ("10:00:01", 7, 0)])
    with pytest.raises(InputError) as raised:
        replay(path)
    assert str(raised.value) == (
        f"{path}: none of its requests comes to a replica of chat in the replay: 2 requests in the "
        "trace; it tells no prefix hits: 25.0 % of the input tokens are cached, as planned; 2 have "
        "no output tokens"
    )


def test_unknown_lengths_are_drawn_from_the_classes(tmp_path: Path) -> None:
    """Classes without variation have 1000 and 200 tokens; what the trace tells stays."""
    records: list[dict[str, Any]] = [
        {"timestamp": 0, "input_length": 40, "output_length": 5},
        {"timestamp": 1000, "input_length": 40},
        {"timestamp": 2000, "output_length": 5, "input_length": None},
    ]
    stream = replay(mooncake(tmp_path, records))
    assert stream.isl.tolist() == [40, 40, 1000]
    assert stream.osl.tolist() == [5, 200, 5]
    assert (
        "chat: 66.7 % of the requests tell no lengths; these are drawn from the workload's classes"
        in stream.notes
    )


def test_blocks_are_played_through_a_cache_of_the_size_asked_for(tmp_path: Path) -> None:
    """The second request has the first two blocks of the first one; the last of its 1024 tokens is
    computed for certain. A cache of one block holds the first one alone."""
    records = [
        {"timestamp": 0, "input_length": 1500, "output_length": 5, "hash_ids": [1, 2, 3]},
        {"timestamp": 1000, "input_length": 1024, "output_length": 5, "hash_ids": [1, 2]},
    ]
    path = mooncake(tmp_path, records)
    assert replay(path, reading=reading(cache_tokens=10_000)).cached.tolist() == [0, 1023]
    assert replay(path, reading=reading(cache_tokens=512)).cached.tolist() == [0, 512]
    without = replay(path)
    assert without.cached.tolist() == [375, 256]
    assert without.notes[-1].endswith(
        "as planned; with --prefix-cache TOKENS a cache of that size is played on its prefix blocks"
    )


def test_a_cache_for_a_trace_without_blocks_is_refused(tmp_path: Path) -> None:
    path = azure(tmp_path, [("10:00:00", 100, 10)])
    with pytest.raises(UsageError, match="no trace tells prefix blocks; leave out --prefix-cache"):
        replay(path, reading=reading(cache_tokens=512))


def test_a_rate_squeezes_all_gaps_alike(tmp_path: Path) -> None:
    """Three requests in 4 s have a mean gap of 2 s; at 4 requests/s it is an eighth of that."""
    rows = [("10:00:00", 100, 10), ("10:00:01", 100, 10), ("10:00:04", 100, 10)]
    stream = replay(azure(tmp_path, rows), scaling=Scaling(rate_rps=4.0))
    assert stream.arrival_s.tolist() == [0.0, 0.125, 0.5]
    assert "chat: its gaps are multiplied by 0.125" in stream.notes


def test_a_rate_is_that_of_all_traces_together(tmp_path: Path) -> None:
    """1 and 0.5 requests/s make 1.5; at 3 all gaps are halved."""
    chat = azure(tmp_path, [("10:00:00", 100, 10), ("10:00:01", 100, 10)], "chat.csv")
    code = azure(tmp_path, [("10:00:00", 100, 10), ("10:00:02", 100, 10)], "code.csv")
    scaling = Scaling(rate_rps=3.0)
    stream = from_traces(TWO, {"code": [code], "chat": [chat]}, seed=1, scaling=scaling)
    assert stream.arrival_s.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert stream.workload.tolist() == [0, 1, 0, 1]


def test_one_moment_of_arrival_has_no_rate(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the trace of chat has one moment of arrival"):
        replay(azure(tmp_path, [("10:00:00", 100, 10)]), scaling=Scaling(rate_rps=3.0))


def test_aligned_requests_arrive_when_they_did(tmp_path: Path) -> None:
    """The horizon is the hour from midnight; what comes before and after it is left out."""
    rows = [("00:30:00", 100, 10), ("00:59:59", 200, 10), ("01:00:00", 300, 10)]
    stream = replay(azure(tmp_path, rows), scaling=Scaling(align=True))
    assert stream.arrival_s.tolist() == [1800.0, 3599.0]
    assert stream.duration_s == 3600.0
    assert stream.asked == 2
    assert "chat: left out before and after the replay: 1 of them" in stream.notes


def test_an_aligned_trace_of_another_day_is_refused_unless_it_is_moved(tmp_path: Path) -> None:
    path = written(tmp_path, ["2026-11-22 10:00:00,100,10"])
    with pytest.raises(InputError, match=r"the trace begins at 2026-11-22T10:00:00\+00:00, the"):
        replay(path, scaling=Scaling(align=True))
    moved = reading(start=datetime(2026, 11, 23, 0, 10, tzinfo=UTC))
    stream = replay(path, scaling=Scaling(align=True), reading=moved)
    assert stream.arrival_s.tolist() == [600.0]


def test_an_aligned_trace_without_dates_needs_a_start(tmp_path: Path) -> None:
    path = mooncake(tmp_path, [{"timestamp": 1, "input_length": 40, "output_length": 5}])
    with pytest.raises(UsageError, match="the trace has no date; say when it starts"):
        replay(path, scaling=Scaling(align=True))


def test_scaled_to_demand_each_interval_has_the_planned_number(tmp_path: Path) -> None:
    """0.01 and 0.03 requests/s without 10 % headroom, times 2: 72 and 216 an hour, of a trace of
    100; of ten requests one has no output, so 1 of each full ten is rejected, each time."""
    load = builders.workload("chat", rps=[0.011, 0.033])
    scenario = builders.scenario([replace(load, headroom=0.1)])
    rows = [
        (f"10:00:{s // 2:02}.{s % 2 * 5}", 100 + s, 0 if s % 10 == 9 else 10) for s in range(100)
    ]
    scaling = Scaling(scale_to_demand=True, planned=Planned(factor=2.0))
    stream = replay(azure(tmp_path, rows), of=scenario, scaling=scaling)
    assert stream.duration_s == 7200.0
    assert stream.asked == 72 + 216
    assert stream.rejected == {"no output tokens": 28}
    assert int((stream.arrival_s < 3600.0).sum()) == 72 - 7
    assert stream.isl[:10].tolist() == [100, 101, 102, 103, 104, 105, 106, 107, 108, 110]
    assert "chat: it is gone through 2.88 times to come at the planned rates" in stream.notes


def test_windows_are_drawn_from(tmp_path: Path) -> None:
    """10 requests/s of 100 + 10 tokens for an hour, then 40 of 200 + 20, a fifth of them cached."""
    rows = ["2026-11-23T00:00,10,100,10,0", "2026-11-23T01:00,40,200,20,0.2"]
    path = own(tmp_path, rows, "interval_start,rps,isl,osl,prefix_hit_rate")
    scenario = builders.scenario([builders.workload("chat", rps=[1.0, 1.0])])
    stream = replay(path, of=scenario, scaling=Scaling(align=True))
    first = stream.arrival_s < 3600.0
    assert int(first.sum()) == pytest.approx(36_000, abs=5 * 36_000**0.5)
    assert int((~first).sum()) == pytest.approx(144_000, abs=5 * 144_000**0.5)
    for of, tokens in ((first, (100, 0, 10)), (~first, (200, 40, 20))):
        for column, value in zip((stream.isl, stream.cached, stream.osl), tokens, strict=True):
            assert set(column[of].tolist()) == {value}
    assert any("single requests are drawn from its 2 windows" in note for note in stream.notes)


def test_windows_without_lengths_have_those_of_the_classes(tmp_path: Path) -> None:
    path = own(tmp_path, ["2026-11-23T00:00,1", "2026-11-23T01:00,0"], "interval_start,rps")
    stream = replay(path)
    assert set(stream.isl.tolist()) == {1000}
    assert set(stream.cached.tolist()) == {250}
    assert set(stream.osl.tolist()) == {200}


def test_windows_of_no_requests_are_refused(tmp_path: Path) -> None:
    path = own(tmp_path, ["2026-11-23T00:00,0,9,9", "2026-11-23T01:00,0,9,9"])
    with pytest.raises(InputError, match="so little demand that no request was drawn"):
        replay(path)


def test_a_workload_without_a_trace_is_drawn_as_long_as_the_others_last(tmp_path: Path) -> None:
    path = azure(tmp_path, [("10:00:00", 100, 10), ("10:05:00", 100, 10)])
    stream = replay(path, of=TWO)
    assert stream.duration_s == pytest.approx(300.0 + 1.6)
    assert int((stream.workload == 0).sum()) == 2
    assert int((stream.workload == 1).sum()) == pytest.approx(1508, abs=5 * 1508**0.5)
    assert stream.notes[-1] == (
        "code: there is no trace: requests are drawn from the planned demand without headroom: "
        "Poisson arrivals"
    )


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        (Scaling(align=True, rate_rps=1.0), "--align and --rate exclude each other"),
        (Scaling(rate_rps=0.0), "--rate 0: write a number above 0"),
        (Scaling(duration_s=-1.0), "duration .s. -1: write a number above 0"),
    ],
)
def test_options_that_do_not_fit_are_refused(scaling: Scaling, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        replay("absent.csv", scaling=scaling)


def test_a_trace_of_an_unknown_workload_is_refused() -> None:
    with pytest.raises(UsageError, match="no such workload; workloads are chat, code"):
        from_traces(TWO, {"char": ["absent.csv"]}, seed=1)


@needs_data
def test_one_trace_in_two_formats_is_one_stream() -> None:
    """Vidur's file is Azure's, with seconds since its first request."""
    azure_stream, vidur_stream = replay(AZURE), replay(VIDUR)
    assert len(azure_stream) == 8819
    assert azure_stream.arrival_s == pytest.approx(vidur_stream.arrival_s, abs=1e-5)
    for name in ("isl", "cached", "osl"):
        assert (getattr(azure_stream, name) == getattr(vidur_stream, name)).all()


@needs_data
def test_hits_of_mooncake_are_those_of_a_plain_set_of_blocks() -> None:
    """A cache that holds everything: leading blocks of a request that any before it had."""
    import gzip

    stream = replay(MOONCAKE, reading=reading(cache_tokens=10**12))
    seen: set[int] = set()
    expected = []
    with gzip.open(MOONCAKE, "rt") as lines:
        for record in map(json.loads, lines):
            ids = record["hash_ids"]
            hits = next((i for i, each in enumerate(ids) if each not in seen), len(ids))
            seen.update(ids)
            expected.append(min(512 * hits, record["input_length"] - 1))
    assert stream.cached.tolist() == expected
    assert np.sum(expected) > 0
