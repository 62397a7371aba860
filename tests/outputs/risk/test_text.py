"""Forecast risk on a terminal, with figures that are known."""

import io
import json

import pytest
from rich.console import Console

from heteroplan.outputs.risk.frames import plan_rows, risk_json, rows_csv
from heteroplan.outputs.risk.text import render_risk
from heteroplan.studies.result import CaseResult, CaseStatus
from heteroplan.studies.risk import (
    Best,
    PlanRisk,
    Risk,
    Spread,
    WorkloadPlanned,
    WorkloadRisk,
)


def spread(mean: float) -> Spread:
    return Spread(mean=mean, p5=0.0, p50=mean / 2, p95=2 * mean, p99=3 * mean, most=4 * mean)


def plan(
    quantile: float | None, cost: float, lost: float, price: float | None, above: float | None
) -> PlanRisk:
    shortage = None if price is None else price * lost / 1000
    case = CaseResult(
        inputs={"quantile": quantile},
        key="k",
        status=CaseStatus.GAP_REACHED,
        covered="covered",
        cost_usd=cost,
        gap=0.01,
    )
    workload = WorkloadRisk(
        name="chat",
        cost_usd=cost,
        unserved_requests=spread(lost),
        short_share=0.25,
        shortage_usd=shortage,
        worth_above_usd_per_1000_requests=above,
    )
    return PlanRisk(
        quantile=quantile,
        case=case,
        unserved_requests=spread(lost),
        total_usd=None if shortage is None else spread(cost + shortage),
        short_share=0.25,
        shortage_usd=shortage,
        shortage_usd_error=None if shortage is None else 3.0,
        worth_above_usd_per_1000_requests=above,
        workloads=(workload,),
    )


def risk(price: float | None = 10.0) -> Risk:
    """P50 costs 1,000 USD and leaves 40,000 requests, P90 1,200 USD and 5,000; a third of the same
    cost never pays."""
    plans = (
        plan(0.5, 1000.0, 40_000.0, price, 0.0),
        plan(0.9, 1200.0, 5_000.0, price, 5.714),
        plan(0.95, 1300.0, 5_000.0, price, None),
    )
    best = None if price is None else Best(quantile=0.9, total_usd=1250.0)
    return Risk(
        scenario="small",
        samples=1000,
        seed=7,
        sampled=("demand", "profiles", "failures"),
        notes=("no node fails",),
        horizon_hours=24.0,
        mean_requests=2e6,
        workloads=(
            WorkloadPlanned(
                name="chat",
                planned_quantile=0.5,
                headroom=0.1,
                shortage_usd_per_1000_requests=price,
                best=best,
            ),
        ),
        plans=plans,
        best=best,
    )


def shown(of: Risk, width: int = 80) -> str:
    out = io.StringIO()
    render_risk(of, Console(file=out, width=width, highlight=False))
    return " ".join(out.getvalue().split())


def test_the_best_quantile_and_what_it_saves() -> None:
    text = shown(risk())
    assert "3 plans met with 1,000 samples of demand, profiles and failures (seed 7)" in text
    assert (
        "The plan for P50 leaves some requests unserved in 25.0 % of the samples: 40,000 in the "
        "mean of all (2.00 %), 80,000 or more in one of 20." in text
    )
    assert (
        "P90 costs least: 1,250 ± 3 USD in all, 150 USD (10.7 %) less than P50, which the scenario "
        "plans for." in text
    )
    assert "P50 (planned) 1,000 400 1,400 40,000 80,000 25.0 % 0" in text
    assert "P95 1,300 50 1,350 5,000 10,000 25.0 % never" in text
    assert "headroom of its workloads beside its quantile (10 %)" in text
    assert text.endswith("No node fails.")


def test_without_a_price_the_one_above_which_a_plan_pays() -> None:
    text = shown(risk(price=None))
    assert "Nothing says what a shortage of chat costs (shortage_usd_per_1000_requests)" in text
    assert "P90 1,200 5,000 10,000 25.0 % 5.71" in text
    assert "costs least" not in text


def test_the_greatest_that_was_tried_may_not_be_the_best() -> None:
    of = risk()
    text = shown(of.model_copy(update={"plans": of.plans[:2]}))
    assert "It is the greatest that was tried; greater --quantiles may cost less." in text


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    out = io.StringIO()
    render_risk(risk(), Console(file=out, width=width, highlight=False))
    assert max(map(len, out.getvalue().splitlines())) <= width


def test_json_and_csv_have_the_figures() -> None:
    of = risk()
    assert Risk.model_validate(json.loads(risk_json(of))) == of
    rows = list(plan_rows(of))
    assert [(row["quantile"], row["workload"]) for row in rows[:2]] == [(0.5, "all"), (0.5, "chat")]
    assert rows[0]["total_usd"] == 1400.0
    header, first, *_ = rows_csv(iter(rows)).splitlines()
    assert header.startswith("quantile,workload,status,covered,cost_usd,shortage_usd,total_usd,")
    assert first.startswith("0.5,all,gap_reached,covered,1000.0,400.0,1400.0,40000.0,80000.0,")
