"""Scenarios that name a trace: the demand of the horizon's days is made when they are loaded."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from heteroplan.entities.arrivals import POISSON
from heteroplan.entities.workload import Workload
from heteroplan.errors import InputError
from heteroplan.forecasting.bursts.counted import UNKNOWN
from heteroplan.pipelines import demand as pipeline
from tests.forecasting.made_traces import hourly, steady
from tests.scenario_files import ScenarioFiles

DEMAND = "scenario.yaml: workloads[0].demand"


def traced(
    files: ScenarioFiles, days: Iterable[Iterable[int]] = ([4] * 24,) * 3, **options: Any
) -> ScenarioFiles:
    """Demand of traces/demand.csv, from Monday 2 November 2026 on; Monday 9th is planned."""
    (files.folder / "traces").mkdir(exist_ok=True)
    hourly(files.folder / "traces", days)
    return with_demand(files, **{"trace": "traces/demand.csv", **options})


def with_demand(files: ScenarioFiles, **options: Any) -> ScenarioFiles:
    files.workload["demand"] = {"max_class_error": 1.0, **options}
    files.workload.pop("requests", None)
    files.scenario["horizon"] = {"start": "2026-11-09", "interval": "1h"}
    return files


def planned(files: ScenarioFiles) -> Workload:
    (workload,) = files.load().scenario.workloads
    return workload


def rates(files: ScenarioFiles) -> list[float]:
    return [interval.rps for interval in planned(files).demand]


def test_the_days_of_the_horizon_are_planned_from_the_trace(files: ScenarioFiles) -> None:
    """Five equal days of 100 + 10 tokens a request."""
    day = [1 + hour for hour in range(24)]
    workload = planned(traced(files, [day] * 5))
    assert [interval.rps for interval in workload.demand] == pytest.approx(day)
    (shape,) = workload.demand[0].classes
    assert (shape.share, shape.isl, shape.osl) == pytest.approx((1.0, 100, 10))


def test_the_quantile_is_that_of_the_scenario(files: ScenarioFiles) -> None:
    """Days of 10 and 20: the median 15; the greatest 15 * (1 + 1 / sqrt(3)) (see `season`)."""
    days = [[10] * 24, [20] * 24]
    assert rates(traced(files, days, quantile=0.5)) == pytest.approx([15] * 24)
    assert rates(traced(files, days, quantile=1.0)) == pytest.approx([15 * (1 + 3**-0.5)] * 24)


def test_growth_and_headroom_multiply(files: ScenarioFiles) -> None:
    files.workload["headroom"] = 0.5
    assert rates(traced(files, growth=1.2)) == pytest.approx([4 * 1.2 * 1.5] * 24)


def test_events_of_the_past_and_of_the_horizon(files: ScenarioFiles) -> None:
    """A sale tripled Tuesday, and comes again on the planned day from noon on."""
    sale = {"name": "sale", "multiplier": 3}
    events = [
        sale | {"start": "2026-11-03", "end": "2026-11-04"},
        sale | {"start": "2026-11-09T12:00", "end": "2026-11-10"},
    ]
    days = [[4] * 24, [12] * 24, [4] * 24]
    assert rates(traced(files, days, events=events)) == pytest.approx([4] * 12 + [12] * 12)


def test_weekdays_may_be_told(files: ScenarioFiles) -> None:
    """One week of 10 on workdays and 2 on weekends: planned is a Monday."""
    days = [[10] * 24] * 5 + [[2] * 24] * 2
    assert rates(traced(files, days, weekdays="weekend")) == pytest.approx([10] * 24)
    assert rates(traced(files, days, weekdays="alike"))[0] != pytest.approx(10)


def test_stamps_may_be_of_another_zone_than_the_horizon(files: ScenarioFiles) -> None:
    """00:00 in UTC is 08:00 in Singapore: the hour with 9 is there at 8."""
    traced(files, [[9, *[1] * 23]] * 3, trace_timezone="UTC")
    files.scenario["horizon"]["timezone"] = "Asia/Singapore"
    assert rates(files).index(max(rates(files))) == 8


def test_a_trace_of_requests_gives_their_classes(files: ScenarioFiles) -> None:
    """Two days of a request a minute, named by a glob; the busiest 5 minutes have 5 in 300 s."""
    steady(files.folder, first="2026-11-02T00:00:00", seconds=86_400, name="a1.csv")
    steady(files.folder, first="2026-11-03T00:00:00", seconds=86_400, name="a2.csv")
    workload = planned(with_demand(files, trace="a?.csv"))
    assert [each.rps for each in workload.demand] == pytest.approx([1 / 60] * 24)
    (shape,) = workload.demand[0].classes
    assert shape.name == "default"
    assert (shape.isl, shape.osl) == pytest.approx((100, 10))
    assert (shape.isl_cv, shape.context) == (pytest.approx(0.0, abs=1e-6), pytest.approx(105))
    other = with_demand(files, trace=["a1.csv", "a2.csv"])
    assert rates(other) == pytest.approx([1 / 60] * 24)


def test_columns_and_a_start_are_passed_on(files: ScenarioFiles) -> None:
    """Seconds since a start that only the scenario tells; a day of a request a minute."""
    rows = "".join(f"{s},100,10\n" for s in range(0, 86_400, 60))
    (files.folder / "t.csv").write_text("when,prompt,answer\n" + rows)
    named = {"timestamp_s": "when", "isl": "prompt", "osl": "answer"}
    traced_ = with_demand(files, trace="t.csv", map=named, start="2026-11-02")
    assert rates(traced_) == pytest.approx([1 / 60] * 24)
    del files.workload["demand"]["start"]
    assert files.problems() == [
        f"{DEMAND}.trace: t.csv: the trace has no date; say when it starts (start 2026-11-23T00:00)"
    ]


def test_the_length_of_the_busiest_piece_is_passed_on(files: ScenarioFiles) -> None:
    """A burst of 60 more requests in the first 5 minutes of hour 8: 65 / 300 s, or 120 / 3600."""
    stamps = [f"2026-11-02T{m // 60:02d}:{m % 60:02d}:00" for m in range(1440)]
    stamps += [f"2026-11-02T08:{s // 60:02d}:{s % 60:02d}" for s in range(0, 300, 5)]
    rows = [f"{stamp},100,10" for stamp in stamps]
    (files.folder / "t.csv").write_text(
        "\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows])
    )
    assert rates(with_demand(files, trace="t.csv"))[8] == pytest.approx(65 / 300)
    assert rates(with_demand(files, trace="t.csv", peak="1h"))[8] == pytest.approx(120 / 3600)


def test_prefix_cache_is_passed_on(files: ScenarioFiles) -> None:
    """Mooncake's blocks: every request holds the same two of 512 tokens, and 24 more tokens."""
    rows = [
        f'{{"timestamp": {60_000 * m}, "input_length": 1048, "output_length": 10, '
        f'"hash_ids": [1, 2, {m + 3}]}}'
        for m in range(1440)
    ]
    (files.folder / "m.jsonl").write_text("\n".join(rows))
    given = {"trace": "m.jsonl", "start": "2026-11-02"}
    (shape,) = planned(with_demand(files, **given)).demand[5].classes
    assert shape.prefix_hit_rate == 0.0
    (shape,) = planned(with_demand(files, **given, prefix_cache=10_000)).demand[5].classes
    assert shape.prefix_hit_rate == pytest.approx(1024 / 1048, rel=1e-3)
    assert shape.isl == pytest.approx(1048)


def test_requests_beside_a_trace_say_what_it_does_not(files: ScenarioFiles) -> None:
    """Lengths are the trace's, the hit rate and the spread the scenario's."""
    traced(files)
    files.workload["requests"] = {"isl": 7, "osl": 7, "prefix_hit_rate": 0.25, "isl_cv": 0.5}
    (shape,) = planned(files).demand[0].classes
    assert (shape.isl, shape.osl) == pytest.approx((100, 10))
    assert (shape.prefix_hit_rate, shape.isl_cv) == (0.25, 0.5)


@pytest.mark.parametrize(("told", "planned_for"), [("0.4", 0.4), ("0", 0.0), ("", 0.25)])
def test_a_hit_rate_of_the_trace_goes_before_that_of_requests(
    files: ScenarioFiles, told: str, planned_for: float
) -> None:
    """0.25 of `requests` counts where the trace tells none, not where it tells that none hit."""
    column = ",prefix_hit_rate" if told else ""
    rows = [
        f"2026-11-0{day}T{hour:02d}:00,4,100,10" + (f",{told}" if told else "")
        for day in (2, 3)
        for hour in range(24)
    ]
    (files.folder / "t.csv").write_text("\n".join([f"interval_start,rps,isl,osl{column}", *rows]))
    with_demand(files, trace="t.csv")
    files.workload["requests"] = {"isl": 7, "osl": 7, "prefix_hit_rate": 0.25}
    for interval in planned(files).demand:
        (shape,) = interval.classes
        assert shape.prefix_hit_rate == pytest.approx(planned_for)


def test_a_spread_of_the_trace_goes_before_that_of_requests(files: ScenarioFiles) -> None:
    """Prompts of 100 and 300 tokens in turn: 200 on average, 100 from it."""
    stamps = [f"2026-11-02T{m // 60:02d}:{m % 60:02d}:00" for m in range(1440)]
    rows = [f"{stamp},{300 if i % 2 else 100},10" for i, stamp in enumerate(stamps)]
    (files.folder / "t.csv").write_text(
        "\n".join(["TIMESTAMP,ContextTokens,GeneratedTokens", *rows])
    )
    with_demand(files, trace="t.csv", peak="1h")
    files.workload["requests"] = {"isl": 7, "osl": 7, "isl_cv": 3.0}
    (shape,) = planned(files).demand[0].classes
    assert (shape.isl, shape.isl_cv) == pytest.approx((200, 0.5))


def test_a_trace_without_lengths_needs_requests(files: ScenarioFiles) -> None:
    rows = [f"2026-11-0{d}T{h:02d}:00,4" for d in (2, 3) for h in range(24)]
    (files.folder / "r.csv").write_text("\n".join(["interval_start,rps", *rows]))
    with_demand(files, trace="r.csv")
    (problem,) = files.problems()
    assert problem.endswith("the trace has no lengths; give those of the requests (requests:)")
    files.workload["requests"] = {"isl": 1000, "osl": 200}
    (shape,) = planned(files).demand[0].classes
    assert (shape.isl, shape.osl) == (1000, 200)


def test_what_the_trace_holds_counts_among_the_inputs(files: ScenarioFiles) -> None:
    """Two traces of the same plan, one of them with a space more; and the same one again."""
    traced(files)
    path = files.folder / "traces/demand.csv"
    one, again = (files.load().scenario.inputs_sha256 for _ in range(2))
    path.write_text(path.read_text().replace(",4,", ", 4,", 1))
    other = files.load().scenario
    assert one == again != other.inputs_sha256
    assert other.workloads[0].demand[0].rps == pytest.approx(4)


def test_paths_are_of_the_scenarios_folder(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    traced(files)
    monkeypatch.chdir(elsewhere)
    assert rates(files) == pytest.approx([4] * 24)
    with_demand(files, trace="elsewhere/none.csv")
    (problem,) = files.problems()
    assert problem.endswith(
        ".demand.trace: elsewhere/none.csv: none.csv: cannot be read: No such file or directory"
    )


@pytest.mark.parametrize(
    ("horizon", "hours"),
    [
        ({"start": "2027-03-27", "days": 2}, 47),
        ({"start": "2027-10-30", "days": 2}, 49),
        ({"start": "2027-10-31T06:00", "intervals": 30}, 30),
    ],
)
def test_horizons_over_a_change_of_clocks(
    files: ScenarioFiles, horizon: dict[str, Any], hours: int
) -> None:
    """Berlin: each interval has the rate of its hour by the wall clock."""
    traced(files, [range(1, 25)] * 3)
    files.scenario["horizon"] = {**horizon, "interval": "1h", "timezone": "Europe/Berlin"}
    scenario = files.load().scenario
    starts = scenario.horizon.boundaries()[:-1]
    assert len(starts) == hours
    found = [interval.rps for interval in scenario.workloads[0].demand]
    assert found == pytest.approx([start.hour + 1 for start in starts])


def test_a_horizon_may_begin_within_a_day(files: ScenarioFiles) -> None:
    traced(files, [range(1, 25)] * 3)
    files.scenario["horizon"] = {"start": "2026-11-09T20:00", "intervals": 8, "interval": "1h"}
    assert rates(files) == pytest.approx([21, 22, 23, 24, 1, 2, 3, 4])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"quantile": 1.5}, f"{DEMAND}.quantile: 1.5: must be at most 1 (Quantile of past rates "
                            "at the same time on like days: 0.95 covers 95 % of them)"),
        ({"quantil": 0.5}, f"{DEMAND}.quantil: 0.5: unknown key; did you mean 'quantile'?"),
        ({"growth": 0}, f"{DEMAND}.growth: 0: must be greater than 0 (Multiplies all rates)"),
        ({"weekdays": "none"}, f"{DEMAND}.weekdays: none: must be 'auto', 'alike', 'weekend' or "
                               "'each'"),
        ({"peak": 5}, f"{DEMAND}.peak: 5: has no unit; write 5min (or s, h, d)"),
        ({"trace": []}, f"{DEMAND}.trace: []: too few entries; at least 1 (Trace files or globs, "
                        "relative to the scenario's folder)"),
        ({"prefix_cache": -1}, f"{DEMAND}.prefix_cache: -1: must be at least 0 (Size of a "
                               "simulated prefix cache [tokens]; the trace must list block "
                               "hashes)"),
        ({"start": "soon"}, f"{DEMAND}.start: soon: not a date or time; write 2026-11-23 or "
                            "2026-11-23T06:00"),
    ],
)  # fmt: skip
def test_wrong_options_are_told_with_their_field(
    files: ScenarioFiles, changes: dict[str, Any], expected: str
) -> None:
    assert traced(files, **changes).problems() == [expected]


def test_files_that_are_missing(files: ScenarioFiles) -> None:
    assert with_demand(files, trace="none.csv").problems() == [
        f"{DEMAND}.trace: none.csv: cannot be read: No such file or directory"
    ]
    (problem,) = with_demand(files, trace="*.parquet").problems()
    assert problem.endswith("*.parquet: matches no file")


def test_a_bad_row_of_a_trace_is_told_with_its_line(files: ScenarioFiles) -> None:
    (files.folder / "t.csv").write_text("interval_start,rps\n2026-11-02,1\n2026-11-03,x\n")
    with_demand(files, trace="t.csv").write()
    with pytest.raises(InputError, match=r"^t.csv:3: rps: x: not a number$"):
        files.load()


def test_a_trace_that_does_not_reach_round_the_day(files: ScenarioFiles) -> None:
    rows = [f"2026-11-02T{h:02d}:00,4,100,10" for h in range(8, 18)]
    (files.folder / "t.csv").write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    assert with_demand(files, trace="t.csv").problems() == [
        f"{DEMAND}.trace: t.csv: the trace has no data for 14.0 h of the day; give a trace that "
        "covers all 24 hours"
    ]


def test_what_may_be_held_of_a_trace_is_a_field(files: ScenarioFiles) -> None:
    """Its three days are 1.7 kB, and are held twice."""
    assert traced(files, max_bytes="1KiB").problems() == [
        "traces/demand.csv: takes in memory more than 1 KiB; split it, or allow more with max_bytes"
    ]
    assert rates(traced(files, max_bytes="64KiB")) == pytest.approx([4] * 24)
    assert rates(traced(files, max_bytes=65_536)) == pytest.approx([4] * 24)
    assert traced(files, max_bytes="64 miles").problems() == [
        f"{DEMAND}.max_bytes: 64 miles: no number of bytes; write for example 2GiB"
    ]


def test_the_problem_of_a_trace_has_the_line_of_its_field(files: ScenarioFiles) -> None:
    traced(files)
    files.scenario["horizon"] = {"start": "2026-11-09", "intervals": 3, "interval": "7h"}
    with pytest.raises(InputError) as caught:
        files.load()
    (problem,) = caught.value.problems
    lines = (files.folder / "scenario.yaml").read_text().splitlines()
    assert lines[problem.line - 1].strip() == "trace: traces/demand.csv"
    assert str(replace(problem, line=0)) == (
        f"{DEMAND}.trace: traces/demand.csv: a trace needs a horizon whose interval divides the "
        "day, 25200 s does not"
    )


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-09", "2026-11-09", "end: '2026-11-09': not after start"),
        ("2027-03-28T02:30", "2027-03-29", "start: 2027-03-28T02:30: does not exist in "),
    ],
)
def test_events_that_cannot_be(files: ScenarioFiles, start: str, end: str, expected: str) -> None:
    traced(files, events=[{"name": "a", "start": start, "end": end, "multiplier": 2}])
    files.scenario["horizon"]["timezone"] = "Europe/Berlin"
    (problem,) = files.problems()
    assert problem.replace("'", "").startswith(f"{DEMAND}.events[0].{expected}".replace("'", ""))


def test_classes_beside_a_trace_are_a_problem(files: ScenarioFiles) -> None:
    traced(files)
    files.workload["classes"] = [{"name": "a", "share": 1, "isl": 10, "osl": 10}]
    (problem,) = files.problems()
    assert problem.endswith("the trace gives the request classes; leave classes out")


def test_two_workloads_may_share_a_trace(files: ScenarioFiles) -> None:
    traced(files)
    files.scenario["workloads"].append(files.workload | {"name": "other"})
    first, second = files.load().scenario.workloads
    assert first.demand == second.demand


def test_a_trace_planned_by_the_scenario_is_as_the_demand_command_plans_it(
    files: ScenarioFiles,
) -> None:
    days = [[3 + (hour * 7 + i * 5) % 11 for hour in range(24)] for i in range(9)]
    found = rates(traced(files, days, quantile=0.9))
    curve = pipeline.demand(
        ["traces/demand.csv"], interval_s=3600, quantile=0.9, first_day=date(2026, 11, 9)
    ).curve
    assert found == pytest.approx([row.rps for row in curve.rows])
    assert curve.rows[0].start == datetime.fromisoformat("2026-11-09T00:00+00:00")


def test_a_trace_brings_its_arrivals_unless_the_scenario_says_other_ones(
    files: ScenarioFiles,
) -> None:
    """Counts in windows: how requests arrive is assumed."""
    assert planned(traced(files)).arrivals.prefill(1.0, 0.95) == pytest.approx(UNKNOWN)
    files.workload["arrivals"] = "poisson"
    assert planned(files).arrivals == POISSON
    files.workload["arrivals"] = {"dispersion": 3}
    assert planned(files).arrivals.prefill(1.0, 0.95) == pytest.approx(3.0)
    (files.folder / "arrivals.csv").write_text("scale_s,percentile,prefill,decode\n1,0.9,5,2\n")
    files.workload["arrivals"] = "arrivals.csv"
    assert planned(files).arrivals.decode(10.0, 0.95) == pytest.approx(2.0)


def test_what_is_wrong_with_an_arrivals_file_is_told_with_the_others(files: ScenarioFiles) -> None:
    files.workload["arrivals"] = "arrivals.csv"
    (files.folder / "arrivals.csv").write_text("scale_s,percentile,prefill,decode\n1,0.9,0,2\n")
    with pytest.raises(InputError) as raised:
        planned(files)
    (problem,) = raised.value.problems
    assert (problem.file, problem.line, problem.path) == ("arrivals.csv", 2, "prefill")
    (files.folder / "arrivals.csv").unlink()
    with pytest.raises(InputError) as raised:
        planned(files)
    assert raised.value.problems[0].path == "workloads[0].arrivals"


def test_a_scenario_takes_what_demand_wrote(files: ScenarioFiles, tmp_path: Path) -> None:
    """demand.csv, classes.csv and arrivals.csv of one run: spreads of lengths are not lost."""
    (tmp_path / "made").mkdir()
    path = steady(tmp_path, first="2026-11-09T00:00:00", seconds=86_400, every_s=60)
    pipeline.demand(path, interval_s=3600, quantile=None).write(files.folder / "made")
    files.workload["demand"] = "made/demand.csv"
    files.workload["classes"] = "made/classes.csv"
    files.workload["arrivals"] = "made/arrivals.csv"
    files.workload.pop("requests", None)
    files.scenario["horizon"] = {"start": "2026-11-09", "interval": "1h"}
    workload = planned(files)
    (shape,) = workload.demand[0].classes
    assert (shape.isl_cv, shape.osl_cv) == (0.0, 0.0)
    assert None not in (shape.context, shape.context_cv)
    assert len(workload.arrivals.points) == 40


def requests_of(files: ScenarioFiles, rows: Iterable[str], **options: Any) -> ScenarioFiles:
    """Demand of requests.csv, whose rows a test writes."""
    text = "ts,isl,osl\n" + "".join(f"{row}\n" for row in rows)
    (files.folder / "requests.csv").write_text(text, encoding="utf-8")
    columns = {"timestamp": "ts", "isl": "isl", "osl": "osl"}
    return with_demand(files, trace="requests.csv", map=columns, **options)


def stamped(days: Iterable[int]) -> list[str]:
    """A request every ten minutes of days of November 2026, the last one at 23:50."""
    return [
        f"2026-11-{day:02}T{hour:02}:{minute:02}:00,100,10"
        for day in days
        for hour in range(24)
        for minute in range(0, 60, 10)
    ]


def test_a_trace_may_end_no_earlier_than_its_greatest_age_allows(files: ScenarioFiles) -> None:
    """Monday 9th is planned; the last request came at 23:50 on Friday 6th: 2 d 10 min before."""
    requests_of(files, stamped(range(2, 7)), max_trace_age="49h")
    assert planned(files).trace_end == datetime.fromisoformat("2026-11-06T23:50+00:00")
    requests_of(files, stamped(range(2, 7)), max_trace_age="2d")
    assert files.problems() == [
        f"{DEMAND}.max_trace_age: 2d: the last request came at 2026-11-06T23:50:00+00:00, 2 d "
        "before the horizon starts at 2026-11-09T00:00:00+00:00; add the logs since then, plan a "
        "day that is nearer, or allow a greater age"
    ]


def test_the_age_of_windows_is_that_of_the_end_of_the_last_one(files: ScenarioFiles) -> None:
    """Three whole days from Monday 2nd on: they end with Wednesday, 4 days before the 9th."""
    assert rates(traced(files, max_trace_age="4d")) == pytest.approx([4] * 24)
    (problem,) = traced(files, max_trace_age="95h").problems()
    assert "came at 2026-11-05T00:00:00+00:00, 4 d before the horizon starts" in problem


def test_the_age_is_by_elapsed_time_where_clocks_change(files: ScenarioFiles) -> None:
    """From 23:50 on 24 October to midnight of the 26th are 25 h 10 min in Berlin, not 24."""
    rows = [row.replace("2026-11-", "2026-10-") for row in stamped(range(20, 25))]
    requests_of(files, rows, max_trace_age="25h")
    files.scenario["horizon"] |= {"start": "2026-10-26", "timezone": "Europe/Berlin"}
    (problem,) = files.problems()
    assert ", 1 d 1 h before the horizon starts at 2026-10-26T00:00:00+01:00" in problem


def test_bad_rows_within_the_budget_are_left_out_and_told(files: ScenarioFiles) -> None:
    """Of 720 rows two are bad: a time that is none, and half a token."""
    rows = stamped(range(2, 7))
    whole = rates(requests_of(files, rows))
    rows = [*rows[:9], "yesterday,100,10", *rows[9:], "2026-11-06T23:55:00,0.5,10"]
    for budget in (2, "0.3%"):
        workload = planned(requests_of(files, rows, max_bad_rows=budget))
        assert [interval.rps for interval in workload.demand] == pytest.approx(whole)
        assert (
            "2 of 722 rows are bad and left out, the first one in "
            "requests.csv:11: ts: yesterday: not a time that exists"
        ) in workload.demand_notes


def test_more_bad_rows_than_the_budget_are_an_error_with_the_first_ones(
    files: ScenarioFiles,
) -> None:
    rows = [*stamped(range(2, 7)), *["2026-11-07T00:00:00,many,10"] * 8, "x,y,z,z"]
    found = [
        "requests.csv: 9 of 729 rows are bad (1.2 %), and max_bad_rows allows 1.0 %; correct "
        "them (the first ones are listed), or allow more",
        *["requests.csv: isl: many: not a count of tokens"] * 5,
    ]
    assert sorted(requests_of(files, rows, max_bad_rows="1%").problems()) == sorted(found)
    of_count = requests_of(files, rows, max_bad_rows=8).problems()
    assert of_count[0].startswith("requests.csv: 9 of 729 rows are bad so far, and max_bad_rows")
    assert len(requests_of(files, rows).problems()) == 9


@pytest.mark.parametrize("budget", ["100%", -1, "some", "0.5"])
def test_a_budget_of_bad_rows_that_is_none(files: ScenarioFiles, budget: Any) -> None:
    (problem,) = requests_of(files, stamped([2, 3]), max_bad_rows=budget).problems()
    assert problem.startswith(f"{DEMAND}.max_bad_rows: ")


def test_a_workload_takes_the_requests_of_its_model(files: ScenarioFiles) -> None:
    """Of a request a minute every second one is of chat: 2 or 3 in five minutes."""
    models = ["chat", "code"] * 720
    rows = "".join(f"{60 * i},100,10,{model}\n" for i, model in enumerate(models))
    (files.folder / "t.csv").write_text("when,prompt,answer,model\n" + rows)
    named = {"timestamp_s": "when", "isl": "prompt", "osl": "answer"}
    options = {"trace": "t.csv", "map": named, "start": "2026-11-02"}
    assert rates(with_demand(files, **options)) == pytest.approx([1 / 60] * 24)
    of_chat = with_demand(files, **options, where={"model": "chat"})
    assert rates(of_chat) == pytest.approx([3 / 300] * 24)
    both = with_demand(files, **options, where={"model": ["chat", "code"]})
    assert rates(both) == pytest.approx([1 / 60] * 24)
    files.workload["demand"]["where"] = {"modle": "chat"}
    assert files.problems() == [
        "t.csv: modle: there is no such column; the file has when, prompt, answer, model"
    ]
