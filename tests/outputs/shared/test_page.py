"""Pages of HTML: every text in them is text, whatever it holds."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from plotly.graph_objects import Figure

from heteroplan.outputs.demand.page import demand_html
from heteroplan.outputs.fit.report import fit_html
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.report import report_html
from heteroplan.outputs.shared.chart_style import stacked_rows
from heteroplan.outputs.shared.page import (
    PageTable,
    Panel,
    cards,
    chart_section,
    page,
    table_html,
    table_section,
)
from tests.outputs.demand.test_page import TWO
from tests.outputs.demand.test_text import BACKTEST
from tests.outputs.fit.test_plot import FAR_OFF
from tests.outputs.fit.test_report import BOTH
from tests.plans import shown_plan

ROOT = Path(__file__).resolve().parents[3]

NASTY = "</title><script>alert('1')</script>&\"x"
SHOWN = "&lt;/title&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;&#34;x"


def test_a_title_is_text() -> None:
    head = page(NASTY, []).split("<style>")[0]
    assert f"<title>{SHOWN}</title>" in head
    assert "<script>" not in head


def test_both_texts_of_a_card_are_text() -> None:
    (shown,) = re.findall(r'<b>(.*?)</b><span class="soft">(.*?)</span>', cards([(NASTY, NASTY)]))
    assert shown == (SHOWN, SHOWN)


def test_cards_come_in_their_order() -> None:
    text = cards([("1", "USD"), ("2", "GPUs")])
    assert re.findall(r"<b>(.*?)</b><span.*?>(.*?)</span>", text) == [("1", "USD"), ("2", "GPUs")]


def test_every_text_of_a_table_is_text() -> None:
    text = table_section(NASTY, [NASTY], [[NASTY]], text_columns={0}, below=[NASTY])
    assert text.count(SHOWN) == 4
    assert "<script>" not in text


def test_the_body_is_html_and_stands_after_the_head() -> None:
    text = page("A title", ["<h1>One</h1>", "<p>two</p>"], style="p { color: red; }")
    assert "<main>\n<h1>One</h1>\n<p>two</p>\n</main><script>" in text
    assert text.endswith("</script></body></html>\n")
    assert "p { color: red; }</style>" in text


def digests() -> list[str]:
    """Of a page of each kind, which has megabytes."""
    pages = [
        report_html(document_of(shown_plan(short=True))),
        demand_html(TWO, BACKTEST),
        fit_html([FAR_OFF, BOTH]),
    ]
    return [sha256(each.encode()).hexdigest() for each in pages]


def test_the_same_is_the_same_page_in_another_process() -> None:
    """Where sets and hashes come in another order."""
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from tests.outputs.shared.test_page import digests; print(*digests())",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "1"},
        stdout=subprocess.PIPE,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stdout.split() == digests()


def test_columns_of_text_are_marked_in_head_and_body() -> None:
    """The first and the last of three; the stylesheet aligns them left."""
    text = table_section("A", ["w", "n", "why"], [["x", "1", "y"]], text_columns={0, 2})
    assert "<tr><th class=text>w</th><th>n</th><th class=text>why</th></tr>" in text
    assert "<tr><td class=text>x</td><td>1</td><td class=text>y</td></tr>" in text


def test_rows_that_matter_are_bold_and_sentences_stand_below() -> None:
    text = table_section(
        "A", ["w", "n"], [["x", "1"], ["y", "2"], ["z", "3"]],
        text_columns={0}, bold_rows=[1], below=["One.", "Two."],
    )  # fmt: skip
    assert text == (
        "<section><h2>A</h2><table><thead><tr><th class=text>w</th><th>n</th></tr></thead><tbody>"
        "<tr><td class=text>x</td><td>1</td></tr>"
        "<tr class=bold><td class=text>y</td><td>2</td></tr>"
        "<tr><td class=text>z</td><td>3</td></tr>"
        '</tbody></table><p class="soft">One.</p><p class="soft">Two.</p></section>'
    )


def test_a_page_loads_nothing_and_says_what_it_is() -> None:
    """Its scripts and styles are in it; names and contents of meta tags are text."""
    text = page("T", [], style="p {}", meta={"a": NASTY, NASTY: "b"})
    head, _, rest = text.partition("<title>")
    assert head == (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta name="a" content="{SHOWN}">\n<meta name="{SHOWN}" content="b">\n'
    )
    assert rest.startswith("T</title><style>\n:root {")
    assert "Plotly" in rest


def test_a_chart_stands_under_its_heading_with_its_id() -> None:
    """It follows the width of the page and has no bar of buttons; plotly.js is the page's."""
    text = chart_section("gpus", "GPUs <all>", Figure())
    assert text.startswith('<section><h2>GPUs &lt;all&gt;</h2>\n<div class="charts">')
    assert text.endswith("</section>")
    assert "<details>" not in text
    assert 'id="gpus"' in text
    assert re.search(r'"displayModeBar": false, "responsive": true', text)
    assert len(text) < 10_000


def chart_of(**traces: Any) -> Figure:
    """Lines of an hour each, by name."""
    times = ["2026-11-23 00:00:00", "2026-11-23 01:00:00", "2026-11-23 02:00:00"]
    chart = stacked_rows(["all"])
    for name, values in traces.items():
        chart.add_scatter(x=times, y=[*values, values[-1]], name=name, mode="lines")
    return chart


def test_a_legend_has_a_button_a_group_and_tells_what_is_hidden() -> None:
    chart = chart_of(a=[1, 2], b=[3, 4])
    chart.data[1].update(visible="legendonly", line={"dash": "dash", "color": "#123456"})
    text = chart_section("x", "A chart", chart)
    buttons = re.findall(r'aria-pressed="(\w+)" data-group="(.*?)">(.*?)</button>', text)
    assert [(pressed, group) for pressed, group, _ in buttons] == [("true", "a"), ("false", "b")]
    assert 'stroke="#123456" stroke-width="2" stroke-dasharray="6 3"' in buttons[1][2]


def test_one_line_needs_no_legend() -> None:
    assert "<button" not in chart_section("x", "A chart", chart_of(a=[1, 2]))


def test_the_legend_stands_for_all_charts_beside_one_another() -> None:
    panels = [Panel("One", chart_of(a=[1, 2], b=[1, 2])), Panel("Two", chart_of(b=[1, 2], c=[1]))]
    text = chart_section("x", "Charts", panels)
    assert re.findall(r'data-group="(.*?)"', text) == ["a", "b", "c"]
    assert re.findall(r"<h3>(.*?)</h3>", text) == ["One", "Two"]
    assert re.findall(r'div id="(x.*?)"', text) == ["x", "x-1"]


def test_wide_tables_become_lists_on_a_phone_and_their_cells_say_of_what_they_are() -> None:
    """Three short columns stay side by side; eight columns of numbers do not."""
    assert "data-head" not in table_html(PageTable(["w", "n", "m"], [["x", "1", "2"]]))
    heads = ["w", *(f"figure {i}" for i in range(7))]
    text = table_html(PageTable(heads, [["x", *["1,000.00"] * 7]]))
    assert text.startswith("<table class=stack>")
    assert '<td class=text>x</td><td data-head="figure 0">1,000.00</td>' in text


@pytest.mark.parametrize(("name", "lines"), [("a" * 38, 1), ("word " * 12, 2), ("x" * 63, 2)])
def test_a_long_title_of_a_row_is_broken_and_has_room(name: str, lines: int) -> None:
    """A phone shows 38 characters; the text of the annotation keeps all of them."""
    chart = stacked_rows(["b", name])
    shown = chart.layout.annotations[1].text
    assert shown.count("<br>") == lines - 1
    assert re.sub(r"<br>|\s", "", shown) == re.sub(r"\s", "", name)
    assert chart.layout.height - stacked_rows(["b", "c"]).layout.height == (lines - 1) * 34


def test_the_dark_colours_are_for_screens_alone() -> None:
    """Paper is white: what is printed keeps the colours of the light page."""
    assert "@media screen and (prefers-color-scheme: dark)" in page("T", [])
