import re
from dataclasses import replace
from typing import Any

import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import BindingLimit, SupplyUse
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.report import report_html
from heteroplan.outputs.plan.report_charts import demand_chart, gpu_chart
from heteroplan.outputs.plan.waterfall import waterfall, waterfall_html
from tests.pages import NASTY, addresses, tags
from tests.plans import day_scenario, horizon, plan, pool, shortage, shown_plan, stays


@pytest.fixture(scope="module")
def page() -> Any:
    return report_html(document_of(shown_plan(short=True)))


def test_page_says_the_verdict_the_savings_and_the_proof(page: str) -> None:
    for words in ("Not covered: 2.5 %", "static peak, one GPU type (H100)", "33.3 %", "gap 0.8 %"):
        assert words in page


LEAVES = [f"a-s1-l{i}" for i in range(1, 11)]


def section(text: str, head: str) -> list[list[str]]:
    """Cells of the rows of a table, its head first."""
    (table,) = re.findall(rf"<h2>{head}.*?</h2>.*?<table.*?>(.*?)</table>", text, re.S)
    return [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row) for row in table.split("<tr")[1:]]


def test_groups_stand_against_leaves() -> None:
    """Three replicas of 4 GPUs on two leaves in turn: 8 and 4."""
    pools = [pool([1, 3])]
    of = day_scenario(horizon(2), leaves=LEAVES[:2])
    text = report_html(document_of(plan(of, pools, placed=stays(pools, LEAVES[:2]))))
    assert section(text, "GPUs by group and leaf at the peak, 01:00") == [
        ["", "a-s1-l1 (high)", "a-s1-l2 (high)"],
        ["chat-1@a-s1", "8", "4"],
        ["of", "480", "480"],
    ]


def test_many_leaves_are_rows() -> None:
    pools = [pool([40])]
    of = day_scenario(horizon(1), leaves=LEAVES)
    text = report_html(document_of(plan(of, pools, placed=stays(pools, LEAVES))))
    head, first, *others = section(text, "GPUs by group and leaf")
    assert (head[1:], first) == (
        ["leaf", "priority", "GPUs", "of"],
        ["chat-1@a-s1", "a-s1-l1", "high", "16", "480"],
    )
    assert len(others) == 9


def test_page_says_where_gpus_run_out_and_what_greedy_leaves_unserved() -> None:
    limit = BindingLimit(Affinity.SPINE, "a-s1", "l40sx8", 72, 85, ("decode of chat-1",))
    text = report_html(document_of(shown_plan(greedy=True, limits=[limit])))
    assert section(text, "Where GPUs run out")[1] == [
        "spine a-s1",
        "l40sx8",
        "18:00 to 21:30",
        "decode of chat-1",
    ]
    rows = {row[0]: row[1:] for row in section(text, "What the plan saves")}
    assert rows["greedy topology (Algorithm 4)"][2:4] == ["", "3.0 % unserved"]
    assert rows["static peak"][2:4] == ["1,292.0", "33.3 %"]
    assert '<p class="soft">On high-priority hardware: 2,584 GPU-hours, greedy 7,752' in text


def test_the_plan_stands_out_among_what_it_is_held_against(page: str) -> None:
    (table,) = re.findall(r"<h2>What the plan saves</h2>.*?<table.*?>(.*?)</table>", page, re.S)
    assert re.findall(r"<tr( class=bold)?><td class=text>(.*?)</td>", table) == [
        (" class=bold", "this plan"),
        ("", "static peak"),
        ("", "static peak, one GPU type (H100)"),
        ("", "lower bound (proven)"),
    ]


def test_page_without_placement_and_limits_has_no_empty_tables() -> None:
    text = report_html(document_of(plan(day_scenario(horizon(1)), [pool([1])])))
    assert "Where GPUs run out" not in text
    assert "GPUs by group" not in text


def test_page_loads_nothing(page: str) -> None:
    """No element refers to a file or address, and the policy forbids requests besides."""
    assert addresses(page) == []
    assert "default-src 'none'" in page


def named(name: str) -> str:
    """A page in which all that a user names has one name."""
    of = day_scenario(horizon(2), leaves=["a-s1-l1"])
    limit = BindingLimit(Affinity.SPINE, name, name, 0, 1, (name,))
    shown = replace(pool([1, 2], engine_name=name, domain=name), group="chat-1@a-s1")
    made = plan(of, [shown], limits=[limit])
    made = replace(made, shortages=(shortage("chat-1", 1, 1.0, name, name),))
    return report_html(document_of(replace(made, scenario=replace(of, name=name))))


def test_names_are_text_and_make_no_elements() -> None:
    assert tags(named(NASTY)) == tags(named("plain"))


def test_layers_add_up_to_what_is_held() -> None:
    """8 GPUs run in hour 0 and 16 are held, because 2 replicas of 4 start: a layer of 8."""
    made = plan(day_scenario(horizon(2)), [pool([2, 4])])
    made = replace(made, supply=(SupplyUse("h100x8", (320, 320), (16, 16)),))
    layers = {trace.name: list(trace.y) for trace in gpu_chart(document_of(made)).data}
    assert layers == {"chat-1": [8, 16, 16], "starting": [8, 0, 0], "supply": [320, 320, 320]}


def test_page_lists_the_engines_and_marks_those_in_use() -> None:
    text = report_html(document_of(plan(day_scenario(horizon(2)), [pool([1, 2])])))
    engines = text.split("<h2>Engines considered")[1]
    rows = re.findall(
        r'<tr( class=bold)?><td class=text>chat-1</td><td class=text data-head="engine">(.*?)</td>',
        engines,
    )
    assert rows == [
        ("", "h100-tp4-prefill"),
        (" class=bold", "h100-tp4-decode"),
        ("", "l40s-tp8-decode"),
    ]


def test_page_notes_what_is_extrapolated() -> None:
    made = plan(day_scenario(horizon(2)), [pool([1, 2])])
    points = ((replace(made.candidates[1].points[0][0], extrapolated=True),),) * 2
    candidates = (made.candidates[0], replace(made.candidates[1], points=points))
    text = report_html(document_of(replace(made, candidates=candidates)))
    assert '<p class="note">extrapolated: engine h100-tp4-decode (chat-1)</p>' in text


@pytest.mark.parametrize(
    ("error", "words"),
    [(None, "extrapolated"), (0.12, "extrapolated with error 12.0 %")],
)
def test_page_says_the_error_of_what_is_extrapolated(error: float | None, words: str) -> None:
    made = plan(day_scenario(horizon(2)), [pool([1, 2])])
    decode = made.candidates[1]
    engine = replace(decode.engine, source=replace(decode.engine.source, error_beyond=error))
    points = ((replace(decode.points[0][0], extrapolated=True),),) * 2
    candidates = (made.candidates[0], replace(decode, engine=engine, points=points))
    text = report_html(document_of(replace(made, candidates=candidates)))
    assert f"{words}</td>" in text


def test_demand_is_a_dotted_line_above_the_rest() -> None:
    last = demand_chart(document_of(shown_plan())).data[-1]
    assert (last.name, last.line.dash) == ("demand", "dot")


def test_every_row_of_a_chart_has_a_labelled_time_axis(page: Any) -> None:
    figure = demand_chart(document_of(shown_plan()))
    assert (figure.layout.xaxis.showticklabels, figure.layout.xaxis2.showticklabels) == (True, True)
    assert figure.layout.xaxis2.title.text == "Asia/Singapore"
    assert '"displayModeBar": false' in page


def test_page_says_what_is_promised_and_what_capacity_counts_on() -> None:
    found = section(report_html(document_of(shown_plan())), "What is promised")
    assert found[0] == ["workload", "SLO", "routing", "arrivals"]
    slo, routing, arrivals = found[1][1:]
    assert slo == "95 %: TTFT 1,000 ms, ITL 60 ms"
    assert (routing, arrivals) == ("least loaded", "Poisson")


def test_the_waterfall_goes_from_static_sizes_to_the_plan_and_its_bound() -> None:
    """Static peak 1.5 times the plan, on one GPU type twice; the bound is 0.8 % below it."""
    found = document_of(shown_plan())
    own = found.totals.cost_usd
    bars = [(each.kind, each.label, each.start, each.end) for each in waterfall(found)]
    assert bars == [
        ("total", "static peak, one GPU type (H100)", 0.0, pytest.approx(2 * own)),
        ("less", "several GPU types", pytest.approx(2 * own), pytest.approx(1.5 * own)),
        ("less", "sizes that follow demand", pytest.approx(1.5 * own), pytest.approx(own)),
        ("total", "this plan", 0.0, pytest.approx(own)),
        ("open", "at most left to save (proven)", pytest.approx(own), pytest.approx(0.992 * own)),
    ]


def test_a_step_is_as_wide_as_its_share_of_the_first_amount() -> None:
    """From 2 down to 1.5 times the plan, and then to the plan: a quarter of the first amount."""
    text = waterfall_html(document_of(shown_plan()))
    assert 'style="margin-left: 75.00%; width: 25.00%"' in text
    assert 'style="margin-left: 50.00%; width: 25.00%"' in text
    assert text.count("<li") == 5


def test_without_a_static_baseline_there_is_no_waterfall() -> None:
    found = document_of(plan(day_scenario(horizon(2)), [pool([1, 2])]))
    assert waterfall(found) == ()
    assert waterfall_html(found) == ""


def test_placement_by_hour_says_what_each_workload_holds_of_each_leaf() -> None:
    """Three replicas of 4 GPUs in the second hour on two leaves in turn: 8 and 4."""
    pools = [pool([1, 3])]
    of = day_scenario(horizon(2), leaves=LEAVES[:2])
    text = report_html(document_of(plan(of, pools, placed=stays(pools, LEAVES[:2]))))
    tables = re.findall(r"<caption>(.*?)</caption>.*?<tbody>(.*?)</tbody>", placement(text))
    rows = {
        leaf: [re.findall(r"<td.*?>(.*?)</td>", row) for row in table.split("<tr>")[1:]]
        for leaf, table in tables
    }
    assert rows == {
        "a-s1-l1": [["00:00", "4", "480"], ["01:00", "8", "480"]],
        "a-s1-l2": [["00:00", "0", "480"], ["01:00", "4", "480"]],
    }


def placement(text: str) -> str:
    """The section of the placement by hour."""
    return text.split("<h2>Placement by hour</h2>")[1].split("</section>")[0]


def test_only_the_busiest_leaves_are_drawn_and_that_is_told() -> None:
    leaves = [f"a-s1-l{i}" for i in range(1, 15)]
    pools = [pool([14])]
    of = day_scenario(horizon(1), leaves=leaves)
    text = placement(report_html(document_of(plan(of, pools, placed=stays(pools, leaves)))))
    assert text.count("<caption>") == 12
    assert "The 12 leaves with the most GPU-hours of 14 in use." in text


def test_teams_stand_by_their_cost_and_what_has_none_comes_last() -> None:
    """1 and 3 replicas of 4 GPUs for an hour each at the price of an h100x8, 2 USD."""
    of = day_scenario(horizon(1), workloads=3)
    teams = ("search", None, "chat & co")
    loads = tuple(replace(a, team=b) for a, b in zip(of.workloads, teams, strict=True))
    pools = [pool([count], of=load.name) for count, load in zip((1, 9, 3), loads, strict=True)]
    text = report_html(document_of(plan(replace(of, workloads=loads), pools)))
    usd = of.fleet.node_type("h100x8").usd_per_gpu_hour
    assert section(text, "Cost and GPU-hours by team")[1:] == [
        ["chat &amp; co", "chat-3", "12.0", f"{12 * usd:,.2f}", "23.1 %"],
        ["search", "chat-1", "4.0", f"{4 * usd:,.2f}", "7.7 %"],
        ["no team", "chat-2", "36.0", f"{36 * usd:,.2f}", "69.2 %"],
    ]


def test_without_teams_there_is_no_table_of_them(page: str) -> None:
    assert "by team" not in page
