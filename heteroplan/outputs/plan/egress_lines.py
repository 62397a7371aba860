"""Traffic between regions, in rows and sentences: the terminal and the report alike."""

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.shared.words import figure

EGRESS_HEADS = ("egress of", "between", "GB", "GB a day", "USD", "USD a day")


def egress_rows(plan: PlanDocument) -> list[tuple[str, ...]]:
    """A row a workload and region, under `EGRESS_HEADS`."""
    if plan.egress is None:
        return []
    return [
        (
            each.workload,
            f"{each.origin} and {each.region}",
            figure(each.gb),
            figure(each.gb_a_day),
            _usd(each.usd),
            _usd(each.usd_a_day),
        )
        for each in plan.egress.pairs
    ]


def egress_sentences(plan: PlanDocument) -> list[str]:
    """The total beside the cost, and what has no price; nothing where no workload has an origin."""
    egress = plan.egress
    if egress is None:
        return []
    if not egress.pairs:
        return ["No egress: workloads with an origin are served in their own region."]
    unpriced = dict.fromkeys(
        " and ".join(sorted((each.origin, each.region)))
        for each in egress.pairs
        if each.usd is None
    )
    known_usd = sum(each.usd or 0.0 for each in egress.pairs)
    known_a_day = sum(each.usd_a_day or 0.0 for each in egress.pairs)
    least = "at least " if unpriced else ""
    priced = len(unpriced) == 0 or any(each.usd is not None for each in egress.pairs)
    usd = f", {least}{_usd(known_usd)} USD ({_usd(known_a_day)} a day)" if priced else ""
    total = (
        f"Egress between regions: {figure(egress.gb)} GB ({figure(egress.gb_a_day)} a day){usd}, "
        f"beside the cost of {plan.totals.cost_usd:,.2f} USD and not in it; the choice of region "
        "ignores it."
    )
    if not unpriced:
        return [total]
    pairs = "; ".join(unpriced)
    return [total, f"No price is known between {pairs}: give egress_usd_per_gb in the fleet."]


def _usd(amount: float | None) -> str:
    return "" if amount is None else f"{amount:,.2f}"
