"""Rows of charts stand where plotly's own subplots do, and pages give them one template."""

from typing import Any

import pytest
from plotly.io import templates
from plotly.subplots import make_subplots

from heteroplan.outputs.shared.chart_style import ROW_GAP, ROW_HEIGHT, axes_of, stacked_rows
from heteroplan.outputs.shared.page import chart_html

TITLES = ["one", "two", "three"]


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_rows_are_those_of_subplots(rows: int) -> None:
    titles = TITLES[:rows]
    gap = ROW_GAP / (ROW_HEIGHT * rows + ROW_GAP * (rows - 1))
    expected = make_subplots(
        rows=rows, cols=1, shared_xaxes=True, vertical_spacing=gap, subplot_titles=titles
    ).layout
    found = stacked_rows(titles).layout
    for row in range(1, rows + 1):
        for axis in (f"xaxis{row}", f"yaxis{row}"):
            assert found[axis].domain == pytest.approx(expected[axis].domain), axis
            assert (found[axis].anchor, found[axis].matches) == (
                expected[axis].anchor,
                expected[axis].matches,
            )
    assert [each.text for each in found.annotations] == titles
    tops = [each.y for each in expected.annotations]
    assert [each.y for each in found.annotations] == pytest.approx(tops)


def test_what_is_drawn_in_a_row_is_drawn_as_plotly_does() -> None:
    expected = make_subplots(rows=2, cols=1)
    for row in (1, 2):
        expected.add_scatter(y=[1.0], row=row, col=1)
    assert [axes_of(row) for row in (1, 2)] == [
        {"xaxis": trace.xaxis, "yaxis": trace.yaxis} for trace in expected.data
    ]


def test_axes_are_as_asked_for_and_the_last_says_what_it_shows() -> None:
    asked: dict[str, Any] = {"rangemode": "tozero", "title": {"text": "GPUs"}}
    layout = stacked_rows(TITLES, y_axis=asked, x_axis={"tickformat": "%H"}, below="UTC").layout
    for number in ("", "2", "3"):
        assert layout[f"yaxis{number}"].rangemode == "tozero"
        assert layout[f"yaxis{number}"].title.text == "GPUs"
        assert layout[f"xaxis{number}"].tickformat == "%H"
    below = [layout[f"xaxis{number}"].title.text for number in ("", "2", "3")]
    assert below == [None, None, "UTC"]


def test_charts_on_a_page_have_the_template() -> None:
    grid = templates["plotly_white"].layout.xaxis.gridcolor
    assert f'"gridcolor":"{grid}"' in chart_html("chart", stacked_rows(["one"]))
