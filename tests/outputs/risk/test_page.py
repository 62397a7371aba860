"""Three plans for quantiles of the demand of one workload, met with four samples."""

import re

import numpy as np

from heteroplan.outputs.risk.page import risk_html
from heteroplan.outputs.risk.quantile_chart import PlannedQuantile, quantile_chart, quantile_section
from heteroplan.studies.result import CaseResult, CaseStatus
from heteroplan.studies.risk import Met, Risk, WorkloadPlanned, best_of, plan_risks
from tests.pages import NASTY, addresses, tags

LOST = {0.9: [0, 0, 0, 400], 0.5: [0, 0, 4000, 8000], 0.7: [0, 0, 0, 4000]}
"""Requests that are not served, by quantile and sample; the scenario plans for 0.9."""
COSTS = {0.9: 130.0, 0.5: 100.0, 0.7: 110.0}


def made(price: float | None, name: str = "chat") -> tuple[Risk, list[Met]]:
    met = [
        Met(
            quantile,
            CaseResult(
                inputs={},
                key="",
                status=CaseStatus.OPTIMAL,
                covered="covered",
                cost_usd=COSTS[quantile],
            ),
            {name: COSTS[quantile]},
            np.array(lost, dtype=float)[:, None],
        )
        for quantile, lost in LOST.items()
    ]
    plans = plan_risks(met, np.full((4, 1), 1e5), {name: price})
    risk = Risk(
        scenario=name,
        samples=4,
        seed=1,
        sampled=("demand",),
        notes=("engines are taken as measured",),
        horizon_hours=24.0,
        mean_requests=1e5,
        workloads=(
            WorkloadPlanned(
                name=name,
                planned_quantile=0.9,
                headroom=0.0,
                shortage_usd_per_1000_requests=price,
                best=None,
            ),
        ),
        plans=plans,
        best=best_of(plans),
    )
    return risk, met


def test_the_verdict_is_good_where_the_cheapest_quantile_is_planned_for() -> None:
    """Shortages cost 0.1, 3 and 1 thousand requests on average: at 1 USD each thousand the plan
    for 0.5 is cheapest (103), at 100 USD that for 0.9 (140)."""
    verdicts = {price: risk_html(*made(price)).count('"verdict good"') for price in (1.0, 100.0)}
    assert verdicts == {1.0: 0, 100.0: 1}


def heads(text: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", text)


def test_with_a_price_the_cheapest_quantile_is_shown() -> None:
    """At 10 USD for 1,000: 130 + 1, 100 + 30 and 110 + 10 USD; 0.7 is the cheapest."""
    text = risk_html(*made(10.0))
    assert heads(text) == [
        "Which quantile of demand to plan for",
        "What may come, with the plan of the scenario",
        "Plans",
    ]
    assert (
        "to plan for the 70 % quantile, 120 USD a day with shortages; the 90 % quantile that is "
        "planned for costs 11 more."
    ) in text
    (bold,) = re.findall(r"<tr class=bold>(.*?)</tr>", text)
    assert re.findall(r"<td[^>]*>(.*?)</td>", bold)[:4] == ["P70", "110", "10", "120"]
    assert "Engines are taken as measured." in text


def test_without_a_price_there_is_no_chart_of_costs() -> None:
    text = risk_html(*made(None))
    assert heads(text) == ["What may come, with the plan of the scenario", "Plans"]
    assert "cost with shortages" not in text


def test_the_page_loads_nothing_and_takes_names_for_text() -> None:
    text = risk_html(*made(10.0, NASTY))
    assert "img" not in tags(text)
    assert addresses(text) == []


ROWS = [
    PlannedQuantile(0.5, 100.0, 30.0),
    PlannedQuantile(0.7, 110.0, 10.0),
    PlannedQuantile(0.9, 130.0, 1.0, is_planned=True),
]


def test_the_chart_marks_the_cheapest_and_the_planned_quantile() -> None:
    *lines, cheapest, planned = quantile_chart(ROWS, "USD").data
    assert [list(line.y) for line in lines] == [[100, 110, 130], [30, 10, 1], [130, 120, 131]]
    assert (cheapest.x[0], cheapest.y[0]) == (70, 120)
    assert (planned.x[0], planned.y[0]) == (90, 131)


def test_a_plan_for_the_cheapest_quantile_is_told_so() -> None:
    rows = [ROWS[0], PlannedQuantile(0.7, 110.0, 10.0, is_planned=True)]
    assert "with shortages; that is the one planned for." in quantile_section(rows, "USD")


def test_spreads_are_of_the_plan_of_the_scenario_wherever_it_stands() -> None:
    """Its requests not served are 0 or 400, and 130 USD is what it costs."""
    risk, found = made(10.0)
    assert risk_html(risk, found[::-1]) == risk_html(risk, found)
    without = risk_html(risk, found[1:])
    assert "What may come, with the plan of the scenario" in heads(risk_html(risk, found))
    assert "What may come, with the plan of the scenario" not in heads(without)
