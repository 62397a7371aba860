import re
from dataclasses import replace

import pytest

from heteroplan.entities.plan import SupplyUse
from heteroplan.outputs.report import report_html
from heteroplan.outputs.report_charts import demand_chart, gpu_chart
from tests.plans import day_scenario, horizon, plan, pool, shown_plan


@pytest.fixture(scope="module")
def page():
    return report_html(shown_plan(short=True))


def test_page_says_the_verdict_the_savings_and_the_proof(page):
    for words in ("Not covered: 2.5 %", "static peak, one GPU type (H100)", "33.3 %", "gap 0.8 %"):
        assert words in page


def test_page_loads_nothing(page):
    """No tag refers to a file or address, and the policy forbids requests besides."""
    assert not re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=", page.split("<body>")[1])
    assert "<script src" not in page
    assert "default-src 'none'" in page


def test_same_plan_gives_the_same_page(page):
    assert report_html(shown_plan(short=True)) == page


def test_names_are_escaped():
    nasty = "</script><img src=x onerror=alert(1)>"
    of = replace(day_scenario(horizon(2)), name=nasty)
    text = report_html(plan(of, [pool([1, 2], engine_name=nasty)]))
    assert "<img" not in text.split("<body>")[1]


def test_layers_add_up_to_what_is_held():
    """8 GPUs run in hour 0 and 16 are held, because 2 replicas of 4 start: a layer of 8."""
    made = plan(day_scenario(horizon(2)), [pool([2, 4])])
    made = replace(made, supply=(SupplyUse("h100x8", (320, 320), (16, 16)),))
    layers = {trace.name: list(trace.y) for trace in gpu_chart(made).data}
    assert layers == {"chat-1": [8, 16, 16], "starting": [8, 0, 0], "supply": [320, 320, 320]}


def test_page_lists_the_engines_and_marks_those_in_use():
    text = report_html(plan(day_scenario(horizon(2)), [pool([1, 2])]))
    rows = re.findall(
        r"<tr( class=bold)?><td class=text>chat-1</td><td class=text>(.*?)</td>", text
    )
    assert rows == [
        ("", "h100-tp4-prefill"),
        (" class=bold", "h100-tp4-decode"),
        ("", "l40s-tp8-decode"),
    ]


def test_page_notes_what_is_extrapolated():
    made = plan(day_scenario(horizon(2)), [pool([1, 2])])
    points = ((replace(made.candidates[1].points[0][0], extrapolated=True),),) * 2
    candidates = (made.candidates[0], replace(made.candidates[1], points=points))
    text = report_html(replace(made, candidates=candidates))
    assert '<p class="note">extrapolated: engine h100-tp4-decode (chat-1)</p>' in text


def test_demand_is_a_dotted_line_above_the_rest():
    last = demand_chart(shown_plan()).data[-1]
    assert (last.name, last.line.dash) == ("demand", "dot")


def test_every_row_of_a_chart_has_a_labelled_time_axis(page):
    figure = demand_chart(shown_plan())
    assert (figure.layout.xaxis.showticklabels, figure.layout.xaxis2.showticklabels) == (True, True)
    assert figure.layout.xaxis2.title.text == "Asia/Singapore"
    assert '"displayModeBar": false' in page
