import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from heteroplan.entities.workload import Source, SourceKind
from heteroplan.outputs.fit.picture import drawn
from heteroplan.outputs.fit.report import MOST_SERIES, fit_chart, fit_html
from heteroplan.profiles.fitting.fit import Mark
from heteroplan.profiles.fitting.fitted import Fitted
from tests.outputs.fit.test_plot import ENGINE, FAR_OFF, STATED, fitted_to, many_series
from tests.pages import addresses

TWO = fitted_to(
    [
        Mark(4, "context 512", 12.0, 12.3),
        Mark(1, "context 512", 10.0, 9.0),
        Mark(1, "context 4096", 11.0, 11.0),
    ],
    variant="vllm",
)
BOTH = replace(TWO, lines=(*TWO.lines, replace(TWO.lines[0], what="TPOT")))


def chart(fitted: Fitted) -> Any:
    (line,) = fitted.lines
    return fit_chart(drawn(line, MOST_SERIES), line, "measured")


def body(*fitted: Fitted) -> str:
    return fit_html(fitted).split("<body>")[1]


def test_an_engine_says_its_errors_and_sources() -> None:
    text = body(TWO)
    assert "<h2>H100-SXM-80GB x4 decode, vllm</h2>" in text
    assert "fitted, from steps.csv" in text
    assert "Milliseconds a step over sequences of a step" in text
    assert (
        "error at points held out 2.1 %, at worst 5.0 %; "
        "3 points of 1-64 x 512-8192 sequences x tokens of context; repeats differ by ±0.4 %"
    ) in text


def test_errors_of_the_points_fitted_say_so() -> None:
    (line,) = TWO.lines
    text = body(replace(TWO, lines=(replace(line, held_out=None, spread=None),)))
    assert "error at points fitted 1.1 %, at worst 4.0 %" in text
    assert "repeats" not in text.split("<section>")[1]


def test_every_point_and_its_fit_are_drawn_in_the_colour_of_their_series() -> None:
    """By their work: 9 ms of 10 are 10 % too little, 12.3 of 12 are 2.5 % too much."""
    fit, points, other_fit, other = chart(TWO).data
    assert (list(fit.x), list(fit.y), fit.mode) == ([1, 4], [9.0, 12.3], "lines")
    assert (list(points.x), list(points.y), points.mode) == ([1, 4], [10.0, 12.0], "markers")
    assert [tuple(each) for each in points.customdata] == [
        (9.0, "-10.0 %", "context 512"),
        (12.3, "+2.5 %", "context 512"),
    ]
    assert (points.name, other.name) == ("context 512", "context 4096")
    assert fit.line.color == points.marker.color != other.marker.color
    assert (other_fit.mode, list(other_fit.y)) == ("markers", [11.0])
    assert [trace.showlegend for trace in (fit, points)] == [False, None]


def test_a_chart_of_one_series_names_points_and_fit() -> None:
    fit, points = chart(FAR_OFF).data
    assert [(trace.name, trace.showlegend) for trace in (fit, points)] == [
        ("fit", True),
        ("measured", None),
    ]


@pytest.mark.parametrize(("most", "kinds"), [(20, (None, None)), (22, ("log", "log"))])
def test_axes_are_logarithmic_from_a_factor_of_20(most: int, kinds: tuple[str | None, ...]) -> None:
    layout = chart(fitted_to([Mark(work, "", 5.0, 5.0) for work in (1, 4, most)])).layout
    assert (layout.xaxis.type, layout.yaxis.type) == kinds


def test_milliseconds_that_span_far_are_logarithmic() -> None:
    layout = chart(fitted_to([Mark(8, "", 100.0, 90.0), Mark(16, "", 6000.0, 90.0)])).layout
    assert (layout.xaxis.type, layout.yaxis.type) == (None, "log")


def test_ticks_are_round_and_the_ends_inside_the_axis() -> None:
    axis = chart(fitted_to([Mark(work, "", work, work) for work in (3, 300)])).layout.xaxis
    assert list(axis.ticktext) == ["5", "10", "20", "50", "100", "200"]
    low, high = axis.range
    assert 10**low < 3 < 300 < 10**high


def test_only_the_fullest_series_are_drawn_and_that_is_told() -> None:
    names = {trace.name for trace in chart(many_series(14)).data}
    assert names == {f"context {i}" for i in range(2, 14)}
    assert len({trace.marker.color for trace in chart(many_series(14)).data[1::2]}) == 12
    assert "2 of 14 series left out; these 12 have the most points" in body(many_series(14))
    assert "left out" not in body(many_series(12))


def test_too_many_points_are_thinned_evenly_and_that_is_told() -> None:
    """2,000 of 5,000: every second or third, the first and the last among them."""
    many = fitted_to([Mark(work, "", 10.0, 10.0) for work in range(1, 5001)])
    works = list(chart(many).data[1].x)
    assert (len(works), works[0], works[-1]) == (2000, 1, 5000)
    assert {after - before for before, after in pairwise(works)} == {2, 3}
    assert "2,000 of 5,000 points drawn" in body(many)
    assert "points drawn" not in body(FAR_OFF)


def test_a_series_of_one_point_survives_the_thinning() -> None:
    many = [Mark(work, "context 1", 10.0, 10.0) for work in range(1, 5001)]
    names = {trace.name for trace in chart(fitted_to([*many, Mark(1, "context 2", 9, 9)])).data}
    assert names == {"context 1", "context 2"}


@pytest.mark.parametrize("work", [1, 50])
def test_one_point_and_a_constant_have_axes_around_them(work: float) -> None:
    for marks in ([Mark(work, "", 30.0, 30.0)], [Mark(w, "", 30.0, 30.0) for w in (1, 50)]):
        layout = chart(fitted_to(marks)).layout
        for axis, value in ((layout.xaxis, work), (layout.yaxis, 30.0)):
            low, high = (10**end if axis.type == "log" else end for end in axis.range)
            assert low < value < high


def test_a_stated_capacity_is_a_sentence_without_a_chart() -> None:
    text = body(STATED)
    assert "states a capacity of 3.25 requests/s per replica: no latencies to draw" in text
    assert "plotly-graph-div" not in text


def test_a_line_without_points_says_so() -> None:
    text = body(fitted_to([]))
    assert "no points to draw" in text
    assert "plotly-graph-div" not in text


def test_points_of_a_model_are_not_called_measured() -> None:
    modelled = replace(ENGINE, source=Source(SourceKind.MODELLED, "sweep.csv"))
    text = body(replace(FAR_OFF, engine=modelled))
    assert "modelled, from sweep.csv" in text
    assert "modelled by another tool" in text
    assert '"name":"modelled"' in text
    assert '"name":"measured"' not in text


def test_names_are_escaped() -> None:
    nasty = "</script><img src=x onerror=alert(1)>"
    engine = replace(ENGINE, gpu=nasty, source=Source(SourceKind.FITTED, nasty))
    marks = [Mark(1, nasty, 10.0, 9.0), Mark(2, "context 2", 10.0, 9.0)]
    (line,) = fitted_to(marks).lines
    lines = (replace(line, what=nasty, work=nasty, reach=nasty),)
    made = Fitted(engine, lines, nasty)
    assert all("<" not in trace.name for trace in chart(made).data)
    text = body(made, replace(STATED, variant=nasty))
    assert "<img" not in text
    assert text.count("</script>") == text.count("<script")


def test_page_loads_nothing() -> None:
    page = fit_html([TWO])
    assert addresses(page) == []
    assert "default-src 'none'" in page


def test_there_is_a_chart_a_latency() -> None:
    page = fit_html([FAR_OFF, BOTH])
    assert sorted(set(re.findall(r'id="(fit-\d+-\d+)"', page))) == ["fit-0-0", "fit-1-0", "fit-1-1"]
    assert "Milliseconds of TPOT over sequences of a step" in page
