"""Pages of HTML: every text in them is text, whatever it holds."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

from plotly.graph_objects import Figure

from heteroplan.outputs.demand.page import demand_html
from heteroplan.outputs.fit.report import fit_html
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.report import report_html
from heteroplan.outputs.shared.page import cards, chart_section, page, table_section
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
    assert text.endswith("<main>\n<h1>One</h1>\n<p>two</p>\n</main></body></html>\n")
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
    assert text.startswith('<section><h2>GPUs &lt;all&gt;</h2><div style="')
    assert text.endswith("</div></section>")
    assert 'id="gpus"' in text
    assert re.search(r'"displayModeBar": false, "responsive": true', text)
    assert len(text) < 10_000
