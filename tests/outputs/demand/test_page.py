import re
from dataclasses import replace
from itertools import pairwise

import pytest

from heteroplan.forecasting.curve.backtest import Backtest
from heteroplan.forecasting.curve.curve import Curve
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.outputs.demand.page import class_chart, demand_chart, demand_html, token_chart
from tests.outputs.demand.test_text import (
    BACKTEST,
    CHAT,
    DAY,
    LONGEST_DAY,
    SHORTEST_DAY,
    curve_of,
    recorded,
)
from tests.outputs.demand.test_text import TWO as CLASSES
from tests.pages import NASTY, addresses, tags

TWO = curve_of([1.0, 4.0], classes=CLASSES)


def changing() -> Curve:
    """The long ones are a quarter of the requests and then a half."""
    second = tuple(replace(each, share=0.5) for each in CLASSES)
    return replace(TWO, rows=(TWO.rows[0], replace(TWO.rows[1], classes=second)))


def body(curve: Curve, backtest: Backtest | None = None) -> str:
    return demand_html(curve, backtest).split("<body>")[1]


def test_the_page_says_when_and_what_is_planned_for() -> None:
    text = body(DAY)
    assert "2026-11-23 00:00 to 2026-11-24 00:00 Asia/Singapore, 24 x 1 h, P95 of 14 days" in text
    assert '<b>4</b><span class="soft">requests/s at the peak, 01:00</span>' in text
    assert '<b>3</b><span class="soft">on average, 75.0 % of the peak</span>' in text
    assert '<p class="note">12 rows left out</p>' in text


def test_a_band_is_between_planned_and_median() -> None:
    """A rate an interval, and the last one up to its end."""
    mean, median, planned = demand_chart(curve_of([1.0, 4.0])).data
    assert (list(planned.y), list(median.y), list(mean.y)) == (
        [1.0, 4.0, 4.0],
        [0.5, 2.0, 2.0],
        [0.25, 1.0, 1.0],
    )
    assert (median.fill, planned.fill, mean.fill) == (None, "tonexty", None)
    assert planned.name == "planned (P95 of 14 days)"
    assert planned.hovertext[1] == (
        "<b>Mon 23 Nov 01:00 +0800</b><br>planned 4<br>mean 1<br>median 2"
    )


def test_recorded_intervals_have_no_median() -> None:
    mean, planned = demand_chart(recorded(DAY)).data
    assert (mean.name, planned.fill) == ("mean", "tonexty")
    assert planned.hovertext[1].endswith("planned 4<br>mean 1")


def test_the_axis_is_the_local_clock_without_an_offset() -> None:
    chart = demand_chart(curve_of([1.0, 4.0], start="2026-11-23T10:30"))
    assert list(chart.data[0].x) == [
        "2026-11-23 10:30:00",
        "2026-11-23 11:30:00",
        "2026-11-23 12:30:00",
    ]
    assert chart.layout.xaxis.tickvals is None


@pytest.mark.parametrize(
    ("curve", "hours", "shown"),
    [
        (LONGEST_DAY, 25, {"00:00": 0, "06:00": 7, "12:00": 13, "18:00": 19}),
        (SHORTEST_DAY, 23, {"00:00": 0, "06:00": 5, "12:00": 11, "18:00": 17}),
    ],
)
def test_a_day_whose_clocks_change_does_not_fold(
    curve: Curve, hours: int, shown: dict[str, int]
) -> None:
    """Moments are an hour apart; labels say what the clock shows so many hours after midnight."""
    chart = demand_chart(curve)
    places = list(chart.data[0].x)
    assert len(set(places)) == len(places) == hours + 1
    assert all(before < after for before, after in pairwise(places))
    axis = chart.layout.xaxis
    ticks = dict(zip(axis.ticktext[:-1], axis.tickvals, strict=False))
    assert {label: places.index(ticks[label]) for label in shown} == shown
    assert "Clocks change" in body(curve)
    assert "Clocks change" not in body(DAY)


def test_the_hour_that_comes_twice_says_which_one() -> None:
    texts = demand_chart(LONGEST_DAY).data[2].hovertext
    assert [text.split("<")[1][2:] for text in texts[2:4]] == [
        "Sun 25 Oct 02:00 +0200",
        "Sun 25 Oct 02:00 +0100",
    ]


def test_tokens_stand_one_above_the_other() -> None:
    tokens_in, tokens_out = token_chart(curve_of([1.0, 4.0])).data
    assert list(tokens_in.y) == [1000.0, 4000.0, 4000.0]
    assert list(tokens_out.y) == [200.0, 800.0, 800.0]
    assert tokens_in.yaxis != tokens_out.yaxis


def test_classes_that_change_are_stacked() -> None:
    chat, long = class_chart(changing()).data
    assert (list(chat.y), list(long.y)) == ([0.75, 0.5, 0.5], [0.25, 0.5, 0.5])
    assert chat.stackgroup == long.stackgroup
    assert 'id="classes"' in body(changing())


def test_classes_that_stay_are_a_table_only() -> None:
    text = body(TWO)
    assert "<h2>Classes at the peak, 01:00</h2>" in text
    assert 'id="classes"' not in text
    assert "Classes" not in body(DAY)


def test_no_lengths_have_no_tokens() -> None:
    text = body(curve_of([1.0, 2.0], classes=()))
    assert 'id="tokens"' not in text
    assert "tokens" not in text


def test_too_little_coverage_is_bold_and_that_is_told() -> None:
    text = body(DAY, BACKTEST)
    assert "<tr class=bold><td class=text>input tokens</td>" in text
    cells = re.sub(r' data-head=".*?"', "", text)
    assert "<tr><td class=text>requests</td><td>94.0 %</td><td>95.0 %</td>" in cells
    assert "In bold: covered less than wanted." in text
    assert "requests by day: 21 Nov 97.0 %, 22 Nov 91.0 %" in text
    assert "Backtest" not in body(DAY)


@pytest.mark.parametrize("rates", [[2.0], [0.0], [0.0] * 24])
@pytest.mark.parametrize("classes", [(), (CHAT,), CLASSES])
def test_odd_curves_do_no_harm(rates: list[float], classes: tuple[StepShape, ...]) -> None:
    assert "nan" not in re.sub(r"<script.*?</script>", "", body(curve_of(rates, classes=classes)))


def named(name: str) -> str:
    """A page in which all that a user names has one name."""
    classes = tuple(replace(each, name=f"{i}{name}") for i, each in enumerate(CLASSES))
    curve = curve_of([1.0, 2.0], classes=classes)
    later = tuple(replace(each, share=0.5) for each in classes)
    rows = (curve.rows[0], replace(curve.rows[1], classes=later))
    return demand_html(replace(curve, rows=rows, notes=(name,)), None)


def test_names_are_text_and_make_no_elements() -> None:
    assert tags(named(NASTY)) == tags(named("plain"))


def test_page_loads_nothing() -> None:
    page = demand_html(TWO, BACKTEST)
    assert addresses(page) == []
    assert "default-src 'none'" in page
