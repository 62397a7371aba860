import io
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from heteroplan.entities.arrivals import Arrivals, ArrivalsSource, Dispersion
from heteroplan.forecasting.bursts.measured import NOTHING_KNOWN, Bursts, Need
from heteroplan.forecasting.bursts.variance_time import WindowDispersion
from heteroplan.forecasting.curve.backtest import Backtest, Covered
from heteroplan.forecasting.curve.curve import Curve, CurveRow
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.outputs.demand.text import render_demand
from heteroplan.outputs.shared.clock_ticks import clock_ticks

CHAT = StepShape("chat", 1.0, 1000.0, 200.0, 1.0, 0.4, osl_cv=0.5)
TWO = (replace(CHAT, share=0.75), StepShape("long", 0.25, 5000.0, 400.0))

BURSTS = Bursts(
    Arrivals(
        (Dispersion(2.0, 0.95, 40.0, 10.0), Dispersion(10.0, 0.95, 50.0, 12.0)),
        ArrivalsSource.MEASURED,
    ),
    (WindowDispersion(1.0, 13.0, 12.5, None),),
    (Need(2.0, 0.95, 3.9, 3.1), Need(10.0, 0.95, 2.5, 4.2)),
)


def curve_of(
    rates: Sequence[float],
    *,
    start: str = "2026-11-23",
    zone: str = "Asia/Singapore",
    interval_s: int = 3600,
    classes: tuple[StepShape, ...] = (CHAT,),
    quantile: float | None = 0.95,
) -> Curve:
    """A median of half the planned rate in each interval and a mean of a quarter."""
    first = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    rows = tuple(
        CurveRow(
            start=(first + i * timedelta(seconds=interval_s)).astimezone(ZoneInfo(zone)),
            rps=rps,
            mean_rps=rps / 4,
            median_rps=rps / 2,
            classes=classes,
        )
        for i, rps in enumerate(rates)
    )
    error = 0.021 if classes else None
    return Curve(interval_s, rows, quantile, 14, 300, error, ("12 rows left out",), BURSTS)


DAY = curve_of([1.0, 4.0, 4.0, *[3.0] * 21])
LONGEST_DAY = curve_of([1.0] * 25, start="2026-10-25", zone="Europe/Berlin")
SHORTEST_DAY = curve_of([1.0] * 23, start="2026-03-29", zone="Europe/Berlin")
BACKTEST = Backtest(
    quantile=0.95,
    trained_days=11,
    held_back=(date(2026, 11, 21), date(2026, 11, 22)),
    intervals=48,
    measures=(
        Covered("requests", 0.94, 1.32, 0.12, datetime(2026, 11, 21, 18, 15)),
        Covered("input tokens", 0.91, 1.41, 0.31, datetime(2026, 11, 21, 18, 30)),
        Covered("output tokens", 1.0, float("inf"), 0.0, None),
    ),
    coverage_by_day=(0.97, 0.91),
)


def shown(curve: Curve, backtest: Backtest | None = None, width: int = 80) -> list[str]:
    out = io.StringIO()
    render_demand(curve, backtest, Console(file=out, width=width))
    return out.getvalue().splitlines()


def coloured(backtest: Backtest) -> str:
    out = io.StringIO()
    render_demand(DAY, backtest, Console(file=out, width=120, force_terminal=True))
    return out.getvalue()


def test_the_head_says_when_and_what_is_planned_for() -> None:
    assert shown(DAY)[0] == (
        "2026-11-23 00:00 to 2026-11-24 00:00 Asia/Singapore, 24 x 1 h, P95 of 14 days"
    )
    assert shown(replace(DAY, quantile=None))[0].endswith(", as recorded")
    assert shown(replace(DAY, quantile=0.999, days=1))[0].endswith(", P99.9 of 1 day")


def test_numbers_stand_in_a_row_a_rate() -> None:
    """1, 4, 4 and 21 of 3: mean 3, 75 % of the peak; 1,000 tokens in and 200 out of each."""
    rows = [line.split() for line in shown(DAY)]
    assert ["requests/s", "4", "01:00", "3", "75.0", "%", "1", "00:00"] in rows
    assert ["input", "tokens/s", "4,000", "01:00", "3,000", "75.0", "%", "1,000", "00:00"] in rows
    assert ["output", "tokens/s", "800", "01:00", "600", "75.0", "%", "200", "00:00"] in rows


def test_rates_shape_and_classes_are_sentences() -> None:
    lines = shown(DAY, width=120)
    assert (
        "planned rates are 4 times the mean rates; the rate of an interval is that of its "
        "busiest 5 min"
    ) in lines
    assert "planned rates are 4 times the mean rates" in shown(replace(DAY, step_s=3600))
    assert any(
        line.startswith("mean request: 1,000 input tokens (isl_cv 1), 200 output tokens (osl_cv ")
        for line in lines
    )
    assert "1 class of requests; more of them would change capacity by at most 2.1 %" in lines
    assert lines[-1] == "12 rows left out"


def test_bursts_are_told_with_what_they_take() -> None:
    """At the peak of 4 requests/s: the capacity K with (1 - 2 (1 - 1/K) / 41) exp(-16 (K - 1) / 41)
    = 0.05, and a gamma number of mean 51 and variance 51 * 12 over 40.
    """
    told = " ".join(line.strip() for line in shown(DAY))
    assert (
        "bursts: the variance of the number of requests in windows of 1 s is 13 times that of "
        "Poisson arrivals so that 95 % of the prompts wait 2 s at most, prefill needs a capacity "
        "of 8.56 times the planned rate at the peak; where a request decodes for 10 s, 95 % of the "
        "time at most 2.43 times the planned number decode beside it"
    ) in told
    unknown = replace(DAY, bursts=NOTHING_KNOWN)
    assert not any("burst" in line or "wait" in line for line in shown(unknown))


def test_requests_are_weighted_by_their_rate() -> None:
    """1 request/s of 100 tokens in and 3 of 500: 400 in."""
    curve = curve_of([1.0, 3.0])
    rows = tuple(
        replace(row, classes=(StepShape("default", 1.0, isl, 50.0),))
        for row, isl in zip(curve.rows, (100.0, 500.0), strict=True)
    )
    assert "mean request: 400 input tokens, 50 output tokens" in shown(replace(curve, rows=rows))


def test_classes_are_a_table_where_there_are_several() -> None:
    lines = shown(curve_of([1.0, 4.0], classes=TWO))
    start = lines.index("Classes at the peak, 01:00")
    assert [line.split() for line in lines[start + 1 : start + 4]] == [
        ["class", "share", "isl", "osl", "isl_cv", "prefix", "hits"],
        ["chat", "75.0", "%", "1,000", "200", "1", "40.0", "%"],
        ["long", "25.0", "%", "5,000", "400", "-", "-"],
    ]
    assert "2 classes of requests; more of them would change capacity by at most 2.1 %" in lines
    assert not [line for line in shown(DAY) if line.startswith("Classes")]


def test_a_peak_within_several_days_has_its_date() -> None:
    assert ["requests/s", "4", "24", "Nov", "00:00"] in [
        line.split()[:5] for line in shown(curve_of([1.0] * 24 + [4.0] + [1.0] * 23))
    ]


def test_the_backtest_says_wanted_and_found() -> None:
    lines = shown(DAY, BACKTEST, 120)
    start = next(i for i, line in enumerate(lines) if line.startswith("Backtest"))
    assert lines[start] == (
        "Backtest: the last 2 days (2026-11-21 to 2026-11-22, 48 intervals) "
        "planned from the 11 days before"
    )
    assert [" ".join(line.split()) for line in lines[start + 2 : start + 5]] == [
        "requests 94.0 % 95.0 % 1.32 12.0 % 21 Nov 18:15",
        "input tokens 91.0 % 95.0 % 1.41 31.0 % 21 Nov 18:30",
        "output tokens 100.0 % 95.0 % - none",
    ]
    assert lines[start + 5] == "requests by day:  21 Nov 97.0 %  22 Nov 91.0 %"


def test_one_day_held_back_is_not_told_twice() -> None:
    one = replace(BACKTEST, held_back=(date(2026, 11, 22),), coverage_by_day=(0.94,))
    text = "\n".join(shown(DAY, one, 120))
    assert "Backtest: the last day (2026-11-22, 48 intervals)" in text
    assert "by day" not in text


def test_coverage_is_green_within_two_hundredths_and_else_yellow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    text = coloured(BACKTEST).replace("\N{NO-BREAK SPACE}", " ")
    assert re.search(r"\x1b\[32m *94\.0 %", text)
    assert re.search(r"\x1b\[33m *91\.0 %", text)
    assert "\x1b[32m21 Nov 97.0 %" in text


def test_planned_is_a_line_above_the_dots_of_the_median_and_the_mean() -> None:
    """Flat at 4, 2 and 1 of 4.16: dots 46, 23 and 12 of 48 from below; a row has 4 of them."""
    lines = shown(curve_of([4.0] * 24))[2:14]
    assert [i for i, line in enumerate(lines) if line.strip("│┤ 01234")] == [0, 6, 8]
    assert lines[0].startswith("4┤⠒⠒⠒")
    assert set(lines[6][2:]) < set("⠁⠂⠄⡀")
    assert shown(curve_of([4.0] * 24))[16] == (
        "requests/s:  ⠤⠤ planned (P95 of 14 days)  ⠄⠄ median on like days  ⠄ ⠄ mean"
    )


def recorded(curve: Curve) -> Curve:
    """There are no like intervals, so the median is the mean."""
    rows = tuple(replace(row, median_rps=row.mean_rps) for row in curve.rows)
    return replace(curve, rows=rows, quantile=None)


def test_recorded_intervals_have_no_median() -> None:
    text = "\n".join(shown(recorded(DAY)))
    assert "requests/s:  ⠤⠤ planned (as recorded)  ⠄ ⠄ mean\n" in text
    assert "median" not in text


@pytest.mark.parametrize(
    ("curve", "ticks"),
    [
        (DAY, "00:00 03:00 06:00 09:00 12:00 15:00 18:00 21:00 00:00"),
        (LONGEST_DAY, "00:00 03:00 06:00 09:00 12:00 15:00 18:00 21:00 00:00"),
        (curve_of([1.0] * 48), "Mon 23 06:00 12:00 18:00 Tue 24 06:00 12:00 18:00 Wed 25"),
        (
            curve_of([1.0] * 24 * 7),
            "Mon 23 Tue 24 Wed 25 Thu 26 Fri 27 Sat 28 Sun 29 Mon 30",
        ),
        (
            curve_of([1.0] * 70, interval_s=86400),
            "23 Nov 07 Dec 21 Dec 04 Jan 18 Jan 01 Feb",
        ),
        (curve_of([1.0]), "00:00 01:00"),
    ],
)
def test_ticks_are_round_local_times(curve: Curve, ticks: str) -> None:
    lines = shown(curve)
    below = next(lines[i + 1] for i, line in enumerate(lines) if "┬" in line)
    assert " ".join(below.split()) == ticks


def test_ticks_of_the_longest_day_leave_room_for_the_hour_that_comes_twice() -> None:
    """From 00:00 to 03:00 are 4 hours, to 06:00 3 more."""
    moments = [*(row.start for row in LONGEST_DAY.rows)]
    assert clock_ticks(moments, 75)[:3] == [(0, "00:00"), (4, "03:00"), (7, "06:00")]


def test_ticks_of_the_shortest_day_skip_what_is_skipped() -> None:
    """At 02:00 it is 03:00."""
    moments = [*(row.start for row in SHORTEST_DAY.rows)]
    assert clock_ticks(moments, 200)[:4] == [(0, "00:00"), (1, "01:00"), (2, "03:00"), (3, "04:00")]


@pytest.mark.parametrize(("width", "widest"), [(80, 80), (120, 100)])
def test_all_keeps_to_the_width(width: int, widest: int) -> None:
    lines = shown(curve_of([1234.5, 40000.0] * 48, classes=TWO), BACKTEST, width)
    assert max(map(len, lines)) <= width
    assert next(len(line) for line in lines if "┬" in line) == widest
    assert not [line for line in lines if line != line.rstrip()]


@pytest.mark.parametrize("rates", [[2.0], [0.0], [0.0] * 24, [0.0, 1e-9], [1e-3, 1e6]])
@pytest.mark.parametrize("classes", [(), (CHAT,), TWO])
@pytest.mark.parametrize("width", [20, 80])
def test_odd_curves_do_no_harm(
    rates: list[float], classes: tuple[StepShape, ...], width: int
) -> None:
    text = "\n".join(shown(curve_of(rates, classes=classes, quantile=None), None, width))
    assert "nan" not in text
    assert ("mean request:" in " ".join(text.split())) == bool(classes)


def test_no_lengths_have_no_tokens() -> None:
    text = "\n".join(shown(curve_of([1.0, 2.0], classes=())))
    assert "tokens" not in text
    assert "change capacity" not in text


def test_an_ascii_console_gets_ascii_only() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    render_demand(DAY, BACKTEST, Console(file=stream, width=80))
    stream.flush()
    text = raw.getvalue().decode()
    assert "# planned (P95 of 14 days)  - median on like days  . mean" in text
    assert "++--------+" in text


def test_names_are_no_markup() -> None:
    named = (replace(TWO[0], name="[red]x"), TWO[1])
    text = "\n".join(shown(replace(curve_of([1.0], classes=named), notes=("[blue]y",))))
    assert "[red]x" in text
    assert "[blue]y" in text
