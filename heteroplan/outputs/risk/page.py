"""Forecast risk as a page: one file to open from disk or to attach."""

from collections.abc import Iterator, Sequence

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.risk.quantile_chart import PlannedQuantile, quantile_section
from heteroplan.outputs.risk.text import heading, sentences, table_row, table_sentences
from heteroplan.outputs.shared.page import page, render, table_section
from heteroplan.outputs.sweep.labels import unit_label
from heteroplan.outputs.sweep.spread import Spread, spread_section
from heteroplan.studies.risk import Met, Risk


def risk_html(risk: Risk, met: Sequence[Met]) -> str:
    """What plans for several quantiles cost: verdict, expected costs, spreads, the table.

    The verdict is good where the scenario plans for the quantile that costs least.
    """
    title = f"{risk.scenario}: forecast risk"
    is_best = risk.best is not None and risk.best.quantile == risk.plans[0].quantile
    first, *others = [*sentences(risk)] or ["No plan was found."]
    unit = unit_label(Objective.COST, risk.horizon_hours)
    return page(
        title,
        [
            render(
                "verdict_head.html",
                title=title,
                below=heading(risk),
                verdict_class="good" if is_best else "partly",
                verdict=first,
                notes=[*others, *(f"{note[0].upper()}{note[1:]}." for note in risk.notes)],
            ),
            *_quantiles(risk, unit),
            *_spreads(risk, met, unit),
            _table(risk, unit),
        ],
        style=render("sweep.css"),
    )


def _quantiles(risk: Risk, unit: str) -> Iterator[str]:
    """Expected costs of plans whose quantile is known, where shortages have a price."""
    rows = [
        PlannedQuantile(
            each.quantile, each.case.cost_usd, each.shortage_usd, is_planned=each is risk.plans[0]
        )
        for each in risk.plans
        if each.quantile is not None
        and each.case.cost_usd is not None
        and each.shortage_usd is not None
    ]
    if len(rows) > 1:
        yield quantile_section(sorted(rows, key=lambda each: each.quantile), unit)


def _spreads(risk: Risk, met: Sequence[Met], unit: str) -> Iterator[str]:
    """Of the plan of the scenario as it is, if it has one: cost with shortages, and requests not
    served."""
    prices = [each.shortage_usd_per_1000_requests for each in risk.workloads]
    own = next((each for each in met if each.quantile == risk.plans[0].quantile), None)
    if own is None:
        return
    lost = own.unserved.sum(axis=1)
    spreads = [Spread("unserved", "requests", lost.tolist())]
    known = [price for price in prices if price is not None]
    if len(known) == len(prices):
        total = sum(own.costs_usd.values()) + own.unserved @ known / 1000.0
        spreads.insert(0, Spread("cost with shortages", unit, total.tolist()))
    yield spread_section("spread", "What may come, with the plan of the scenario", spreads)


def _table(risk: Risk, unit: str) -> str:
    rows = sorted(risk.plans, key=lambda each: each.quantile or 0.0)
    best = None if risk.best is None else risk.best.quantile
    marked = [] if risk.best is None else [i for i, row in enumerate(rows) if row.quantile == best]
    return table_section(
        "Plans",
        (
            *("demand", f"capacity, {unit}", "shortage", "both", "unserved, mean", "unserved, P95"),
            *("short", "pays above [USD]"),
        ),
        [tuple(table_row(risk, row)) for row in rows],
        text_columns={0},
        bold_rows=marked,
        below=table_sentences(risk),
    )
