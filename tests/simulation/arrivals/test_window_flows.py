"""Traces of windows as rates: when they come, how many, how long, and what is refused."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from heteroplan.entities.scenario import Scenario
from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.steps.opened import ReadOptions
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.simulation.arrivals.rates import Planned
from heteroplan.simulation.arrivals.traces import Scaling, from_traces
from heteroplan.simulation.arrivals.window_flows import TraceWindows, flows_of_windows, read_windows
from heteroplan.simulation.rate_stream import RateStream
from tests import builders
from tests.builders import SHAPE
from tests.forecasting.made_traces import written

ONE = builders.scenario([builders.workload("chat", rps=[10.0, 20.0, 30.0])])
TWO = builders.scenario([builders.workload("chat"), builders.workload("code", rps=[5.0])])
READING = ReadOptions(stamp_zone=ZoneInfo(ONE.horizon.timezone))
WITHOUT_HITS = "interval_start,rps,isl,osl"
WITH_HITS = "interval_start,rps,isl,osl,prefix_hit_rate"


def table(folder: Path, rows: Sequence[str], header: str = WITH_HITS) -> str:
    path = folder / "demand.csv"
    path.write_text("\n".join([header, *rows]))
    return str(path)


def hours(folder: Path) -> str:
    """10 requests/s for an hour, 40 for the next one."""
    return table(folder, ["2026-11-23T00:00,10,100,10,0", "2026-11-23T01:00,40,200,20,0.25"])


def rates(path: str, of: Scenario = ONE, burstiness: float = 1.0, **scaling: Any) -> RateStream:
    found = read_windows({"chat": [path]}, READING, by_date=scaling.get("align", False))
    assert found is not None
    return flows_of_windows(of, found, seed=1, scaling=Scaling(**scaling), burstiness=burstiness)


def test_as_it_came(tmp_path: Path) -> None:
    stream = rates(hours(tmp_path))
    assert stream.edges_s.tolist() == [0.0, 3600.0, 7200.0]
    assert stream.rps.tolist() == [[10.0, 40.0]]
    assert stream.asked == 180_000
    first, second = (stream.mixes[0][n] for n in stream.mix[0])
    assert (first.isl.tolist(), first.cached.tolist(), first.osl.tolist()) == ([100], [0], [10])
    assert (second.isl.tolist(), second.cached.tolist(), second.osl.tolist()) == ([200], [50], [20])


def test_by_date_over_the_horizon(tmp_path: Path) -> None:
    """The second hour of the trace begins with the horizon; what came before is left out."""
    rows = ["2026-11-22T23:00,10,100,10,0", "2026-11-23T00:00,40,200,20,0"]
    stream = rates(table(tmp_path, rows), align=True)
    assert stream.by_interval(3600.0).tolist() == [[144_000.0, 0.0, 0.0]]
    assert "chat: left out before and after the replay: 36,000 requests" in stream.notes
    assert any("--start moves the trace" in note for note in stream.notes)


def test_a_mean_rate_stretches_time_and_keeps_the_requests(tmp_path: Path) -> None:
    """25 requests/s on average become 50: half as long, twice as fast."""
    stream = rates(hours(tmp_path), rate_rps=50.0)
    assert stream.edges_s.tolist() == [0.0, 1800.0, 3600.0]
    assert stream.rps.tolist() == [[20.0, 80.0]]
    assert stream.asked == 180_000


def test_a_factor_multiplies_windows_and_planned_demand(tmp_path: Path) -> None:
    stream = rates(hours(tmp_path), TWO, planned=Planned(factor=3.0), duration_s=3600.0)
    assert stream.rps.tolist() == [[30.0], [15.0]]
    assert "code: there is no trace: rates are those of the planned demand" in stream.notes
    assert "chat: its rates are multiplied by 3" in stream.notes


def test_what_windows_do_not_tell_is_as_planned() -> None:
    """No lengths in the second hour: those of the classes, 1000 and 200 tokens on average."""
    hour = 3_600_000_000
    windows = Windows(
        start_us=np.array([0, hour]),
        end_us=np.array([hour, 2 * hour]),
        requests=np.array([3600.0, 3600.0]),
        with_lengths=np.array([9.0, 0.0]),
        input_tokens=np.array([900.0, 0.0]),
        output_tokens=np.array([90.0, 0.0]),
    )
    trace = {"chat": TraceWindows(windows, ())}
    stream = flows_of_windows(ONE, trace, seed=1, scaling=Scaling())
    first, second = (stream.mixes[0][n] for n in stream.mix[0])
    assert (first.isl.tolist(), first.osl.tolist()) == ([100], [10])
    assert second.isl.mean() == pytest.approx(1000.0)
    assert second.osl.mean() == pytest.approx(200.0)
    assert any("50.0 % of the requests tell no lengths" in note for note in stream.notes)


def test_prefix_hits_are_as_planned_where_no_window_tells(tmp_path: Path) -> None:
    hit = builders.workload("chat", rps=[1.0], classes=[replace(SHAPE, prefix_hit_rate=0.25)])
    path = table(tmp_path, ["2026-11-23T00:00,1,100,10", "2026-11-23T01:00,1,200,20"], WITHOUT_HITS)
    stream = rates(path, builders.scenario([hit]))
    cached = [stream.mixes[0][n].cached.tolist() for n in stream.mix[0]]
    assert cached == [[25], [50]]


def test_as_many_as_are_drawn(tmp_path: Path) -> None:
    path = hours(tmp_path)
    for scaling in (Scaling(), Scaling(align=True), Scaling(rate_rps=100.0)):
        drawn = from_traces(ONE, {"chat": [path]}, seed=3, scaling=scaling)
        found = read_windows({"chat": [path]}, READING, by_date=scaling.align)
        assert found is not None
        stream = flows_of_windows(ONE, found, seed=3, scaling=scaling)
        assert stream.asked == pytest.approx(len(drawn), abs=5 * len(drawn) ** 0.5)
        half_s = stream.edges_s[1] if not scaling.align else 3600.0
        early = float(
            np.interp(
                half_s,
                stream.edges_s,
                np.r_[0.0, np.cumsum(stream.rps[0] * np.diff(stream.edges_s))],
            )
        )
        assert int((drawn.arrival_s < half_s).sum()) == pytest.approx(early, rel=0.05)


def test_traces_of_requests_have_no_windows(tmp_path: Path) -> None:
    single = written(tmp_path, ["2026-11-23 10:00:00,100,10"], "trace.csv")
    assert read_windows({"chat": [single]}, READING, by_date=False) is None
    both = {"chat": [hours(tmp_path)], "code": [single]}
    assert read_windows(both, READING, by_date=False) is None


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    path = hours(tmp_path)
    with pytest.raises(UsageError, match="--scale-to-demand: windows have no single requests"):
        rates(path, scale_to_demand=True)
    with pytest.raises(UsageError, match="exclude each other"):
        rates(path, align=True, rate_rps=3.0)
    with pytest.raises(UsageError, match="burstiness"):
        rates(path, burstiness=-1.0)
    with pytest.raises(InputError, match="none of its requests comes in the replay"):
        rates(table(tmp_path, ["2026-11-20T00:00,9,9,9,0", "2026-11-20T01:00,9,9,9,0"]), align=True)
    with pytest.raises(InputError, match="none of its requests"):
        rates(table(tmp_path, ["2026-11-23T00:00,0,9,9,0", "2026-11-23T01:00,0,9,9,0"]))
