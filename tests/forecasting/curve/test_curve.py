"""Coming days as the past lets expect them."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta
from inspect import signature
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.curve.curve import Curve, CurveOptions, check, planned, step_of, zone_of
from heteroplan.forecasting.curve.events import Event
from heteroplan.forecasting.curve.history import History, history
from heteroplan.forecasting.steps import counting
from heteroplan.forecasting.steps.steps import Steps
from heteroplan.inputs.schemas.demand import TraceSpec
from heteroplan.pipelines import demand as pipeline
from tests.forecasting.made_traces import hourly, rates, steady, written
from tests.realdata import DATA, needs_data

MIDNIGHT = datetime(2026, 11, 2, tzinfo=UTC)
"""Of a Monday, with which `hourly` traces begin."""


def coming(*paths: str, **options: Any) -> Curve:
    return pipeline.demand(paths, **{"interval_s": 3600, **options}).curve


def test_like_days_give_their_rates_back(tmp_path: Path) -> None:
    """Five equal days: nothing differs, so that any quantile is what came."""
    day = [2 + (8 <= h < 20) * 6 for h in range(24)]
    curve = coming(hourly(tmp_path, [day] * 5))
    assert rates(curve) == pytest.approx(day)
    assert [row.median_rps for row in curve.rows] == pytest.approx(day)
    assert {row.start.date() for row in curve.rows} == {date(2026, 11, 7)}


def test_planned_rates_cover_what_comes_and_grow_with_the_quantile(tmp_path: Path) -> None:
    """Days alternate between 10 and 20 requests/s."""
    path = hourly(tmp_path, [[10 + 10 * (i % 2)] * 24 for i in range(10)])
    medians, usual, most = (coming(path, quantile=q) for q in (0.5, 0.95, 1.0))
    assert 10 <= min(rates(medians)) <= max(rates(medians)) <= 20
    assert min(rates(usual)) >= 20
    assert all(high >= low for high, low in zip(rates(most), rates(usual), strict=True))


def test_many_days_give_the_plain_quantile_of_like_intervals(tmp_path: Path) -> None:
    """399 days at 1 to 399 requests/s in a fixed disorder: P90 of each hour is about 359."""
    order = [(i * 263) % 399 + 1 for i in range(399)]
    curve = coming(hourly(tmp_path, [[rate] * 24 for rate in order]), quantile=0.9)
    assert rates(curve) == pytest.approx([359.2] * 24, rel=0.01)


@pytest.mark.parametrize("quantile", [0.95, None])
def test_growth_multiplies_requests_and_leaves_them_as_long(
    tmp_path: Path, quantile: float | None
) -> None:
    """Three days of 4 requests/s of 100 + 10 tokens, 40 of them cached: 6 a second of the same."""
    stamps = [f"{datetime(2026, 11, 2) + timedelta(hours=h)}" for h in range(72)]
    path = tmp_path / "demand.csv"
    rows = [f"{stamp},4,100,10,0.4" for stamp in stamps]
    path.write_text("\n".join(["interval_start,rps,isl,osl,prefix_hit_rate", *rows]))
    curve = coming(str(path), growth=1.5, quantile=quantile)
    for row in curve.rows:
        median = [row.median_rps] if quantile else []
        assert [row.rps, row.mean_rps, *median] == pytest.approx([6.0] * (2 + len(median)))
        assert row.shape is not None
        assert (row.shape.isl, row.shape.osl) == pytest.approx((100, 10))
        assert row.shape.prefix_hit_rate == pytest.approx(0.4)
    assert "rates multiplied by 1.5" in curve.notes


def test_quarters_of_an_hour_share_its_longest_lengths(tmp_path: Path) -> None:
    """A request a minute of 100 + 10 tokens. In each hour the second quarter has 200 input tokens,
    the last one 30 output tokens; hour 5 has 400 in its first. Rates are those of each quarter.
    """

    def tokens(minute: int) -> tuple[int, int]:
        hour, quarter = minute // 60, minute % 60 // 15
        return {
            0: (400 if hour == 5 else 100, 10), 1: (200, 10), 2: (100, 10), 3: (100, 30),
        }[quarter]  # fmt: skip

    begin = datetime(2026, 11, 23)
    rows = []
    for minute in range(1440):
        isl, osl = tokens(minute)
        rows.append(f"{begin + timedelta(minutes=minute)},{isl},{osl}")
    curve = coming(written(tmp_path, rows), interval_s=900, max_class_error=1.0)
    assert len(curve.rows) == 96
    for row in curve.rows:
        assert row.rps == pytest.approx(1 / 60)
        assert row.shape is not None
        wanted = (400 if row.start.hour == 5 else 200, 30)
        assert (row.shape.isl, row.shape.osl) == pytest.approx(wanted)


def test_weekends_are_told_apart_where_the_past_does(tmp_path: Path) -> None:
    """Four weeks of 10 requests/s on workdays and 2 on weekends; 2026-11-30 is a Monday."""
    path = hourly(tmp_path, [[10 if i % 7 < 5 else 2] * 24 for i in range(28)])
    curve = coming(path, first_day=date(2026, 11, 30), days=7)
    by_day = [rates(curve)[24 * i] for i in range(7)]
    assert by_day == pytest.approx([10] * 5 + [2] * 2)
    note = "P95 of 28 days, workdays and weekends apart, which forecast past days best"
    assert any(each.startswith(note) for each in curve.notes)
    alike = coming(path, weekdays="alike", first_day=date(2026, 12, 5))
    assert rates(alike)[0] > 5


def test_a_trend_is_carried_on_where_it_is_sure(tmp_path: Path) -> None:
    """Rates double each week over five weeks; a day after they are 100 * 2^5."""
    path = hourly(tmp_path, [[100 * 2.0 ** (i / 7)] * 24 for i in range(35)])
    curve = coming(path)
    assert rates(curve)[0] == pytest.approx(3200, rel=0.02)
    assert any(note.startswith("trend +100.0 % a week") for note in curve.notes)


@pytest.mark.parametrize(("days", "on"), [(35, 28), (10, 9)])
def test_a_trend_is_carried_on_as_far_as_the_past_and_a_month_at_most(
    tmp_path: Path, days: int, on: int
) -> None:
    """Rates double each week; half a year later they are those of 28 days after the last day, or
    of as many as lie between the first and the last."""
    path = hourly(tmp_path, [[round(1000 * 2 ** (i / 7))] * 24 for i in range(days)])
    curve = coming(path, trend=2.0, first_day=date(2027, 6, 1))
    assert rates(curve)[0] == pytest.approx(1000 * 2 ** ((days - 1 + on) / 7), rel=0.02)
    reached = date(2026, 11, 2) + timedelta(days=days - 1 + on)
    assert any(f"continued to {reached} at +100.0 %" in note for note in curve.notes)


def test_a_trend_may_be_stated_or_forbidden(tmp_path: Path) -> None:
    """Ten days of +10 % a week to 100 on a Wednesday: 110 on the Wednesday after."""
    path = hourly(tmp_path, [[100 * 1.1 ** (i / 7)] * 24 for i in range(-9, 1)])
    stated = coming(path, trend=1.1, first_day=date(2026, 11, 18), quantile=0.5)
    assert rates(stated)[0] == pytest.approx(110, rel=0.001)
    grown = hourly(tmp_path, [[100 * 2.0 ** (i / 7)] * 24 for i in range(35)])
    assert rates(coming(grown, trend=1.0, quantile=0.5))[0] < 1600


def test_an_odd_day_is_told_to_be_an_event_perhaps(tmp_path: Path) -> None:
    curve = coming(hourly(tmp_path, [[30 if i == 5 else 10] * 24 for i in range(14)]))
    assert any(
        note.startswith("07 Nov had 3.0 times the rate of like days: if it was an event")
        for note in curve.notes
    )


def test_events_that_touch_nothing_are_told(tmp_path: Path) -> None:
    events = tmp_path / "events.yaml"
    events.write_text("events:\n- {name: a, start: 2027-11-05, end: 2027-11-06, multiplier: 3}\n")
    curve = coming(hourly(tmp_path, [[1] * 24] * 3), events=str(events))
    assert "the event a touches neither the past nor these days" in curve.notes


def test_events_multiply_the_future_and_are_taken_out_of_the_past(tmp_path: Path) -> None:
    """A sale tripled the third of six days, and comes again on the seventh from noon on."""
    path = hourly(tmp_path, [[30 if i == 2 else 10] * 24 for i in range(6)])
    (tmp_path / "events.yaml").write_text(
        "events:\n"
        "- {name: sale, start: 2026-11-04, end: 2026-11-05, multiplier: 3}\n"
        "- {name: sale, start: 2026-11-08T12:00, end: 2026-11-09, multiplier: 3}\n"
    )
    curve = coming(path, events=str(tmp_path / "events.yaml"))
    assert rates(curve) == pytest.approx([10] * 12 + [30] * 12)


def test_an_event_that_ends_before_it_begins_is_a_problem(tmp_path: Path) -> None:
    events = tmp_path / "events.yaml"
    events.write_text("events:\n- {name: a, start: 2026-11-05, end: 2026-11-04, multiplier: 3}\n")
    with pytest.raises(InputError, match=r"events.yaml:2: events\[0\].end: .*not after start"):
        coming(hourly(tmp_path, [[1] * 24] * 2), events=str(events))


@pytest.mark.parametrize(("day", "hours"), [("2027-03-28", 23), ("2027-10-31", 25)])
def test_coming_days_on_which_clocks_change(tmp_path: Path, day: str, hours: int) -> None:
    """Rates are those of the wall-clock hour; the skipped one is skipped, the double one double."""
    path = hourly(tmp_path, [list(range(1, 25))] * 3)
    curve = coming(path, timezone="Europe/Berlin", first_day=date.fromisoformat(day))
    assert len(curve.rows) == hours
    assert rates(curve) == pytest.approx([row.start.hour + 1 for row in curve.rows])


@pytest.mark.parametrize(
    ("day", "starts"),
    [
        ("2027-04-04", ["00:00", "01:00", "01:30", *(f"{h:02d}:30" for h in range(2, 24))]),
        ("2027-10-03", ["00:00", "01:00", *(f"{h:02d}:30" for h in range(2, 24))]),
    ],
)
def test_where_clocks_change_by_half_an_hour_an_hour_lies_in_two_of_the_past(
    tmp_path: Path, day: str, starts: list[str]
) -> None:
    """Lord Howe: at 02:00 it is 01:30 again in April, and 02:30 in October. From then on an hour
    lies in two of the past, of which the greater counts; the last one in 23 and 0.
    """
    past = [50 + (-1) ** h * h for h in range(24)]
    curve = coming(
        hourly(tmp_path, [past] * 3),
        timezone="Australia/Lord_Howe",
        first_day=date.fromisoformat(day),
    )
    assert [f"{row.start:%H:%M}" for row in curve.rows] == starts
    wanted = [
        past[row.start.hour]
        if row.start.minute == 0
        else max(past[row.start.hour], past[(row.start.hour + 1) % 24])
        for row in curve.rows
    ]
    assert rates(curve) == pytest.approx(wanted)


def test_a_past_with_a_clock_change_lays_hours_on_hours(tmp_path: Path) -> None:
    """From 28 March 2026 in Berlin a request a minute: no hour of the day is lower for it."""
    path = steady(tmp_path, first="2026-03-27T23:00:00+00:00", seconds=3 * 86400 - 3600)
    curve = coming(path, timezone="Europe/Berlin", peak_s=3600)
    assert {f"{row.start:%F}" for row in curve.rows} == {"2026-03-31"}
    assert rates(curve) == pytest.approx([1 / 60] * 24)


def test_a_day_may_be_laid_of_two_halves(tmp_path: Path) -> None:
    """From noon to noon: the curve joins round midnight."""
    path = steady(tmp_path, first="2026-11-23T12:00:00", seconds=86400)
    assert rates(coming(path, peak_s=3600)) == pytest.approx([1 / 60] * 24)


def test_a_trace_that_does_not_reach_round_the_day_is_shown_as_recorded(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=7200)
    curve = coming(path)
    assert [f"{row.start:%F %H}" for row in curve.rows] == ["2026-11-23 08", "2026-11-23 09"]
    assert "the trace has no data for 22.0 h of the day: the intervals are as recorded" in (
        curve.notes
    )
    with pytest.raises(UsageError, match="the day; give a trace that"):
        coming(path, first_day=date(2026, 11, 24))


def test_that_requests_are_taken_alike_is_told_where_they_might_differ(tmp_path: Path) -> None:
    """Lengths of windows are means; single requests have classes; rates alone have no lengths."""
    told = "all requests of an interval are assumed to be equally long: the trace has means only"
    windows = hourly(tmp_path, [[4] * 24] * 2)
    bare = tmp_path / "bare.csv"
    rows = Path(windows).read_text().splitlines()
    bare.write_text("\n".join(",".join(row.split(",")[:2]) for row in rows))
    single = steady(tmp_path, first="2026-11-23T00:00:00", seconds=86_400)
    assert told in coming(windows).notes
    assert told not in coming(str(bare)).notes
    assert told not in coming(single).notes


def test_an_outage_is_missing_and_not_idle(tmp_path: Path) -> None:
    """A request a second for six days, none from 9 to 12 on the third: planned all the same."""
    begin = datetime(2026, 11, 23)
    seconds = [s for s in range(0, 6 * 86400, 10) if not 2 * 24 + 9 <= s // 3600 < 2 * 24 + 12]
    rows = (f"{begin + timedelta(seconds=s)},100,10" for s in seconds)
    path = written(tmp_path, rows)
    curve = coming(path, quantile=0.5, peak_s=3600)
    assert rates(curve) == pytest.approx([0.1] * 24)
    assert min(rates(coming(path, quantile=None, peak_s=3600))) == pytest.approx(0.1)
    assert (
        "3.0 h without any request, where like days have many, are assumed to be missing data"
        in curve.notes
    )


def test_nights_without_requests_stay_idle(tmp_path: Path) -> None:
    path = hourly(tmp_path, [[0] * 6 + [9] * 18] * 7)
    curve = coming(path)
    assert rates(curve)[:6] == [pytest.approx(0.0, abs=0.5)] * 6
    assert rates(curve)[6:] == pytest.approx([9] * 18, rel=0.01)


def test_tokens_are_covered_as_requests_are(tmp_path: Path) -> None:
    """Equal rates, but of 100 and 300 tokens on alternate days: planned for input tokens of at
    least 300 a request."""
    begin = datetime(2026, 11, 2)
    rows = [
        f"{(begin + timedelta(hours=h)).isoformat()},5,{300 if h // 24 % 2 else 100},10"
        for h in range(240)
    ]
    path = tmp_path / "demand.csv"
    path.write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    curve = coming(str(path))
    assert rates(curve) == pytest.approx([5] * 24)
    assert min(row.shape.isl for row in curve.rows if row.shape) >= 300


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interval_s": 7}, "an interval of 7 s does not divide the day"),
        ({"interval_s": 0}, "an interval of 0 s does not divide the day"),
        ({"quantile": 1.5}, "quantile 1.5 is not between 0 and 1"),
        ({"growth": 0.0}, "growth 0 is not above 0 and at most 1000"),
        ({"growth": float("nan")}, "growth nan is not above 0"),
        ({"growth": 1e4}, "growth 10000 is not above 0"),
        ({"quantile": None, "days": 2}, "as recorded take no other days and no events"),
        ({"start": datetime(2026, 3, 29, 2, 30), "timezone": "Europe/Berlin"}, "does not exist"),
        ({"timezone": "Mars/Base"}, "unknown time zone 'Mars/Base'"),
        ({"timezone": "../etc"}, "unknown time zone"),
        ({"format": "x"}, "unknown trace format 'x'; known are azure, vidur"),
        ({"weekdays": "x"}, "unknown weekdays 'x'; known are auto, alike, weekend, each"),
        ({"max_class_error": 0.0}, "class error 0 is not between 0 and 1"),
        ({"prefix_cache_tokens": 5}, "the trace lists no block hashes"),
        ({"backtest": True}, "a back-test that holds back 1 day"),
        ({"backtest": True, "quantile": None}, "a back-test needs a quantile"),
    ],
)
def test_wrong_arguments(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600)
    with pytest.raises(UsageError, match=message):
        coming(path, **changes)


def test_a_stamp_far_off_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, ["1970-01-01 00:00:00,1,1", "2026-11-23 00:00:00,1,1"])
    with pytest.raises(UsageError, match="spans 5,984,641 steps of 300 s, at most 1,500,000"):
        coming(path)


def test_a_trace_without_requests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no requests"):
        coming(written(tmp_path, []))


def test_formats_are_not_mixed(tmp_path: Path) -> None:
    vidur = tmp_path / "v.csv"
    vidur.write_text("arrived_at,num_prefill_tokens,num_decode_tokens\n0.0,1,1\n")
    azure = steady(tmp_path, first="2026-11-23T08:00:00", seconds=60)
    with pytest.raises(UsageError, match="different formats"):
        coming(azure, str(vidur))


@needs_data
def test_two_weeks_that_were_laid_end_to_end_are_two_weeks() -> None:
    """RAGPulse: the clock starts again at row 3,801; session ids put the rows after it one week
    later. 15 days from 10 September 2025, 12:00 in Shanghai, as both weeks end at noon.
    """
    path = str(DATA / "traces/ragpulse_week.jsonl.gz")
    zone = ZoneInfo("Asia/Shanghai")
    start = datetime(2025, 9, 10, 12, tzinfo=zone)
    curve = coming(path, start=start, timezone=zone.key, max_class_error=1.0)
    assert curve.days == 15
    assert curve.rows[0].start.date() == date(2025, 9, 25)
    assert any("starts again at request 3,801; later requests are moved by 7 day(s)" in note
               for note in curve.notes)  # fmt: skip


@pytest.mark.parametrize(("quantile", "piece_s"), [(0.95, 3600), (None, 3600)])
def test_the_busiest_piece_is_as_long_as_what_was_counted_together(
    tmp_path: Path, quantile: float | None, piece_s: int
) -> None:
    """Pieces of five minutes are asked for; windows of an hour tell nothing shorter."""
    assert coming(hourly(tmp_path, [[4] * 24] * 2), quantile=quantile).step_s == piece_s
    single = steady(tmp_path, first="2026-11-23T00:00:00", seconds=86_400)
    assert coming(single, quantile=quantile).step_s == 300


@pytest.mark.parametrize(("hours", "bridged"), [(22, True), (21, False)])
def test_two_hours_of_the_day_are_bridged_and_no_more(
    tmp_path: Path, hours: int, bridged: bool
) -> None:
    curve = coming(steady(tmp_path, first="2026-11-23T00:00:00", seconds=hours * 3600))
    assert len(curve.rows) == (24 if bridged else hours)
    assert any(note.startswith("the trace has no data for") for note in curve.notes) != bridged


@pytest.mark.parametrize(
    ("interval_s", "peak_s", "step_s"),
    [
        (900, 300, 300),
        (900, 400, 300),
        (900, 899, 450),
        (900, 900, 900),
        (60, 300, 60),
        (3600, 0, 1),
        (3600, -5, 1),
        (86_400, 43_199, 28_800),
        (1, 300, 1),
    ],
)
def test_pieces_are_the_longest_that_divide_an_interval(
    interval_s: int, peak_s: int, step_s: int
) -> None:
    assert step_of(interval_s, peak_s) == step_s


@pytest.mark.parametrize("name", ["Mars/Base", "../etc", "Europe", "", "/etc/passwd"])
def test_what_is_no_time_zone_is_refused(name: str) -> None:
    message = f"unknown time zone {name!r}; write an IANA name such as Asia/Singapore"
    with pytest.raises(UsageError) as raised:
        zone_of(name)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    "options",
    [
        CurveOptions(quantile=0.0),
        CurveOptions(quantile=1.0),
        CurveOptions(growth=1000.0),
        CurveOptions(growth=0.001),
        CurveOptions(max_class_error=1.0),
        CurveOptions(max_class_error=0.001),
        CurveOptions(trend=0.1),
        CurveOptions(trend=10.0),
        CurveOptions(quantile=None),
        CurveOptions(weekdays="each", days=30, first_day=date(2026, 11, 2)),
    ],
)
def test_options_up_to_their_bounds_are_taken(options: CurveOptions) -> None:
    check(options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (CurveOptions(quantile=-0.01), "quantile -0.01 is not between 0 and 1"),
        (CurveOptions(growth=-1.0), "growth -1 is not above 0 and at most 1000"),
        (CurveOptions(growth=1001.0), "growth 1001 is not above 0 and at most 1000"),
        (CurveOptions(max_class_error=1.01), "class error 1.01 is not between 0 and 1"),
        (CurveOptions(trend=0.09), "trend 0.09 is no factor a week between 0.1 and 10"),
        (CurveOptions(trend=10.1), "trend 10.1 is no factor a week between 0.1 and 10"),
        (
            CurveOptions(quantile=None, first_day=date(2026, 11, 2)),
            "intervals as recorded take no other days and no events",
        ),
        (
            CurveOptions(quantile=None, events=(Event("a", MIDNIGHT, MIDNIGHT, 2.0),)),
            "intervals as recorded take no other days and no events",
        ),
    ],
)
def test_options_beyond_their_bounds_are_refused(options: CurveOptions, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        check(options)
    assert str(raised.value) == message


def one_day_of_steps(step_s: int) -> History:
    """Of a request each, without lengths."""
    size = 86_400 // step_s
    counts = np.tile([1.0, 0.0, 0.0, 0.0, 0.0], (size, 1))
    start_us = int(MIDNIGHT.timestamp()) * 1_000_000
    known = np.ones(size, np.bool_)
    zone = ZoneInfo("UTC")
    return history(Steps(start_us, step_s, counts, known, None, False, 0, ()), zone)


def test_days_are_not_planned_in_intervals_under_a_minute() -> None:
    found = one_day_of_steps(54)
    message = "an interval of 54 s is too short to plan for, 60 s is the least; --quantile none"
    with pytest.raises(UsageError, match=message):
        planned(found, CurveOptions(54))
    assert len(planned(found, CurveOptions(54, quantile=None)).rows) == 1600
    assert len(planned(one_day_of_steps(60), CurveOptions(60)).rows) == 1440


def test_a_curve_is_by_default_the_same_wherever_it_is_asked_for() -> None:
    """By the demand command's pipeline, by a scenario, and by hand."""
    asked = signature(pipeline.demand).parameters
    spec = TraceSpec.model_fields
    for each in fields(CurveOptions):
        if each.name == "events":
            continue
        assert asked[each.name].default == each.default
        assert each.name not in spec or spec[each.name].default == each.default


def test_a_curve_of_one_day_is_of_no_quantile(tmp_path: Path) -> None:
    """Nothing tells how days differ, and of that it is planned as recorded; two days tell it."""
    one, two = (coming(hourly(tmp_path, [[4] * 24] * days)) for days in (1, 2))
    assert (one.days, one.quantile) == (1, None)
    assert (two.days, two.quantile) == (2, 0.95)
    assert [curve.interval_s for curve in (one, two)] == [3600, 3600]


@pytest.mark.parametrize(
    ("days", "strange"),
    [(1, ""), (2, "Saturday"), (3, "Saturday, Sunday"), (9, "Saturday, Sunday")],
)
def test_days_like_none_of_the_past_are_named(tmp_path: Path, days: int, strange: str) -> None:
    """Two weeks from Monday to Friday; planned is from a Friday on."""
    stamps = [MIDNIGHT + timedelta(hours=hour) for hour in range(14 * 24)]
    rows = [f"{at:%FT%T},4,100,10" for at in stamps if at.weekday() < 5]
    path = tmp_path / "workdays.csv"
    path.write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    curve = coming(str(path), weekdays="each", first_day=date(2026, 12, 4), days=days)
    found = [note for note in curve.notes if "no past day" in note]
    wanted = [f"no past day is a like day of {strange}: all days are used"] if strange else []
    assert found == wanted


def test_days_follow_the_trace_one_after_the_other(tmp_path: Path) -> None:
    """After Monday 2 to Wednesday 4 November: as many days as asked for, from a day that is asked
    for if one is."""
    path = hourly(tmp_path, [[4] * 24] * 3)
    after = coming(path, days=2)
    assert [row.start for row in after.rows] == [
        MIDNIGHT + timedelta(days=3, hours=hour) for hour in range(48)
    ]
    asked = coming(path, first_day=date(2027, 1, 30))
    assert (asked.rows[0].start, len(asked.rows)) == (datetime(2027, 1, 30, tzinfo=UTC), 24)


def test_days_begin_after_the_last_that_is_known() -> None:
    """Of three days the last one tells nothing: planned from it on."""
    found = three_days_with_a_mixed_hour()
    known = replace(found.steps, known=np.arange(72) < 48)
    curve = planned(history(known, found.zone), CurveOptions(3600, max_class_error=1.0))
    assert curve.rows[0].start == MIDNIGHT + timedelta(days=2)
    assert curve.days == 2


def test_planned_mean_and_median_rates_are_told_apart(tmp_path: Path) -> None:
    """Half hours of 10 and 4 requests/s on one day, of 20 and 8 on the other: hours are planned for
    their greater half, of a profile of 15 and two ratios that are 1 -+ 1/3 * sqrt(3) (see
    `season`); their median is 15 itself, and the mean of all four halves 10.5.
    """
    stamps = [MIDNIGHT + timedelta(minutes=30 * i) for i in range(96)]
    rows = [
        f"{stamp:%FT%T},{(10, 4)[i % 2] * (1 + i // 48)},100,10" for i, stamp in enumerate(stamps)
    ]
    path = tmp_path / "halves.csv"
    path.write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    for row in coming(str(path), peak_s=1800).rows:
        assert row.rps == pytest.approx(15 * (1 + 3**0.5 / 3))
        assert (row.mean_rps, row.median_rps) == pytest.approx((10.5, 15.0))


def test_intervals_without_requests_are_of_the_usual_lengths(tmp_path: Path) -> None:
    """In turn 1/2 request/s of 100 + 10 tokens, 3/2 of 300 + 20 and none: of all the mean is 250 +
    17.5. Each hour keeps its own, and growth changes no length.
    """
    rows = [
        f"{MIDNIGHT + timedelta(hours=hour):%FT%T},{told}"
        for hour in range(24)
        for told in [("0.5,100,10", "1.5,300,20", "0,1,1")[hour % 3]]
    ]
    path = tmp_path / "demand.csv"
    path.write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    curve = coming(str(path), quantile=None, growth=2.0)
    for hour, row in enumerate(curve.rows):
        assert row.rps == (1, 3, 0)[hour % 3]
        assert row.shape is not None
        wanted = ((100, 10), (300, 20), (250, 17.5))[hour % 3]
        assert (row.shape.isl, row.shape.osl) == pytest.approx(wanted)
        assert row.shape.prefix_hit_rate is None
        assert row.shape.osl_cv is None
    assert (curve.class_error, curve.quantile, curve.days) == (None, None, 1)


def test_windows_do_not_share_their_lengths_within_the_hour(tmp_path: Path) -> None:
    """They tell no classes: quarters of 100 to 400 tokens keep their own on coming days too."""
    rows = [
        f"{MIDNIGHT + timedelta(minutes=15 * i):%FT%T},4,{100 * (1 + i % 4)},10"
        for i in range(9 * 96)
    ]
    path = tmp_path / "quarters.csv"
    path.write_text("\n".join(["interval_start,rps,isl,osl", *rows]))
    shapes = [row.shape for row in coming(str(path), interval_s=900).rows]
    found = [shape.isl for shape in shapes if shape]
    assert found == pytest.approx([100, 200, 300, 400] * 24)


def test_recorded_intervals_do_not_share_their_lengths_within_the_hour(tmp_path: Path) -> None:
    """A request a minute, quarters of 100 to 400 tokens."""
    rows = [
        f"{MIDNIGHT + timedelta(minutes=m):%F %T},{100 * (1 + m // 15 % 4)},10" for m in range(240)
    ]
    curve = coming(written(tmp_path, rows), interval_s=900, quantile=None, max_class_error=1.0)
    found = [row.shape.isl for row in curve.rows if row.shape]
    assert found == pytest.approx([100, 200, 300, 400] * 4)


def test_an_hour_shares_its_lengths_on_its_own_day_alone(tmp_path: Path) -> None:
    """A request a minute for two weeks, Mondays of 200 input tokens and the other days of 100."""
    minutes = (MIDNIGHT + timedelta(minutes=m) for m in range(14 * 1440))
    rows = (f"{at:%F %T},{100 if at.weekday() else 200},10" for at in minutes)
    curve = coming(written(tmp_path, rows), weekdays="each", days=2, max_class_error=1.0)
    found = [row.shape.isl for row in curve.rows if row.shape]
    assert found == pytest.approx([200] * 24 + [100] * 24)


def three_days_with_a_mixed_hour() -> History:
    """Hours of 2,500 requests of 100 + 20 tokens, from Monday to Wednesday; on Tuesday from 15:00
    half of the outputs are of 10 tokens and half of 30: a standard deviation of half their mean."""
    size = 2500
    counts = np.tile([size, size, 100 * size, 20 * size, 0.0], (72, 1))
    shapes = np.zeros((counting.HOURS, 60, 40, counting.SUMS))
    for hour in range(72):
        osl = np.resize([10, 30] if hour == 24 + 15 else [20], size)
        counting.count(
            counting.Columns(
                np.zeros(size, np.int64),
                np.full(size, 100, np.int64),
                osl.astype(np.int64),
                np.empty(0, np.int64),
            ),
            0,
            1,
            np.array([hour], np.int64),
            counting.cell_table(),
            np.zeros((1, 5)),
            shapes,
        )
    start_us = int(MIDNIGHT.timestamp()) * 1_000_000
    steps = Steps(start_us, 3600, counts, np.ones(72, np.bool_), shapes, False, 0, ())
    return history(steps, ZoneInfo("UTC"))


@pytest.mark.parametrize("quantile", [0.95, None])
def test_an_hour_has_the_classes_of_its_hour_of_the_week(quantile: float | None) -> None:
    monday = {} if quantile is None else {"first_day": date(2026, 11, 9), "days": 3}
    options = CurveOptions(3600, quantile, weekdays="each", max_class_error=1.0, **monday)  # type: ignore[arg-type]
    rows = planned(three_days_with_a_mixed_hour(), options).rows
    assert len(rows) == 72
    spreads = [row.shape and row.shape.osl_cv for row in rows]
    assert spreads == pytest.approx([0.5 if hour == 39 else 0.0 for hour in range(72)], abs=1e-6)


def test_days_that_are_alike_share_their_classes() -> None:
    """From 15:00 on a sixth of the outputs each is of 10 and of 30 tokens: a variance of 100/3."""
    options = CurveOptions(3600, weekdays="alike", max_class_error=1.0)
    rows = planned(three_days_with_a_mixed_hour(), options).rows
    wanted = [(1 / 12) ** 0.5 if hour == 15 else 0.0 for hour in range(24)]
    assert [row.shape and row.shape.osl_cv for row in rows] == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(("allowed", "error"), [(0.03, 0.0), (1.0, None)])
def test_the_error_of_telling_no_more_classes_apart_is_told(
    allowed: float, error: float | None
) -> None:
    """Of prompts of one length it is none; it is not looked at where any error will do."""
    options = CurveOptions(3600, max_class_error=allowed)
    assert planned(three_days_with_a_mixed_hour(), options).class_error == error


@pytest.mark.parametrize(("peak_s", "told"), [(300, True), (3600, False)])
def test_windows_longer_than_the_pieces_hide_what_is_busier(
    tmp_path: Path, peak_s: int, told: bool
) -> None:
    curve = coming(hourly(tmp_path, [[4] * 24] * 2), peak_s=peak_s)
    assert ("rates are means over 60 min: shorter peaks do not show" in curve.notes) == told


@pytest.mark.parametrize(
    ("start", "end", "touches"),
    [
        ("2026-11-01", "2026-11-02", False),
        ("2026-11-01", "2026-11-02T00:30", True),
        ("2026-11-04T23:30", "2026-11-05", True),
        ("2026-11-05", "2026-11-06", False),
        ("2026-11-09", "2026-11-10", False),
        ("2026-11-09", "2026-11-10T00:30", True),
        ("2026-11-11T23:15", "2026-11-11T23:45", True),
        ("2026-11-12", "2026-11-13", False),
    ],
)
def test_an_event_is_told_to_touch_nothing_where_it_touches_no_interval(
    tmp_path: Path, start: str, end: str, touches: bool
) -> None:
    """The past is 2 to 4 November, the days to come are 10 and 11 November."""
    events = tmp_path / "events.yaml"
    events.write_text(f"events:\n- {{name: a, start: {start}, end: {end}, multiplier: 3}}\n")
    path = hourly(tmp_path, [[1] * 24] * 3)
    curve = coming(path, events=str(events), first_day=date(2026, 11, 10), days=2)
    told = "the event a touches neither the past nor these days" in curve.notes
    assert told != touches


@pytest.mark.parametrize("multiplier", [5, 0.5])
def test_an_event_multiplies_all_rates_and_leaves_requests_as_long(
    tmp_path: Path, multiplier: float
) -> None:
    """Of three days at 10 requests/s; from 22:30 on five times or half as many, in two hours."""
    events = tmp_path / "events.yaml"
    events.write_text(
        "events:\n- {name: a, start: 2026-11-05T22:30, end: 2026-11-06, "
        f"multiplier: {multiplier}}}\n"
    )
    curve = coming(hourly(tmp_path, [[10] * 24] * 3), events=str(events))
    for row in curve.rows:
        wanted = 10 * multiplier if row.start.hour >= 22 else 10
        assert (row.rps, row.mean_rps, row.median_rps) == pytest.approx([wanted] * 3)
        assert row.shape is not None
        assert (row.shape.isl, row.shape.osl) == pytest.approx((100, 10))
    assert "events change 2 of 24 intervals" in curve.notes
    quiet = coming(hourly(tmp_path, [[10] * 24] * 3))
    assert not any(note.startswith("events change") for note in quiet.notes)


def test_windows_of_several_files_are_one_trace(tmp_path: Path) -> None:
    """A day at 4 requests/s and the one after at 7."""
    paths = []
    for name, rate, first in (("a", 4, "2026-11-02"), ("b", 7, "2026-11-03")):
        (tmp_path / name).mkdir()
        paths.append(hourly(tmp_path / name, [[rate] * 24], first))
    assert rates(coming(*paths, quantile=None)) == [4] * 24 + [7] * 24


@pytest.mark.parametrize(("growth", "told"), [(0.5, True), (1.0, False)])
def test_that_rates_were_multiplied_is_told(tmp_path: Path, growth: float, told: bool) -> None:
    curve = coming(hourly(tmp_path, [[4] * 24] * 2), growth=growth)
    assert (f"rates multiplied by {growth:g}" in curve.notes) == told
