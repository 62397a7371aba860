"""Forecast risk on a terminal: which quantile costs least, and a table of all."""

from collections.abc import Iterator

from rich.console import Console

from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import figure
from heteroplan.studies.risk import Best, PlanRisk, Risk, WorkloadPlanned
from heteroplan.text import percent

PRICE = "shortage_usd_per_1000_requests"


def render_risk(risk: Risk, console: Console) -> None:
    """What was drawn, the best quantile, one line a plan, and what is assumed."""
    print_wrapped(Text.assemble((risk.scenario, "bold"), f"  {heading(risk)}"), console)
    for sentence in sentences(risk):
        print_wrapped(Text(sentence), console)
    console.print()
    _print_plans(risk, console)
    for plan in risk.plans:
        if plan.case.error:
            print_wrapped(Text(f"{quantile_text(plan)}: {plan.case.error}", style="red"), console)
    for sentence in table_sentences(risk):
        print_wrapped(Text(sentence, style="dim"), console)
    for note in risk.notes:
        print_wrapped(Text(f"{note[0].upper()}{note[1:]}.", style="yellow"), console)


def heading(risk: Risk) -> str:
    """How many samples of what, and of which time figures are."""
    plans = "1 plan" if len(risk.plans) == 1 else f"{len(risk.plans)} plans"
    return (
        f"{plans} met with {risk.samples:,} samples of {_listed(list(risk.sampled))} "
        f"(seed {risk.seed}), figures of {risk.horizon_hours:g} h"
    )


def sentences(risk: Risk) -> Iterator[str]:
    """What to plan for."""
    own = risk.plans[0]
    if own.unserved_requests is not None and own.short_share is not None:
        yield _own_sentence(risk, own)
    best = risk.best
    if best is not None and len(risk.plans) > 1:
        yield _best_sentence(risk, best)
        near = _near(risk, best)
        if near:
            yield f"No clear difference to {_listed(near)}: within the gap of the plans."
        if best.quantile == max(each.quantile or 0.0 for each in risk.plans):
            yield "It is the greatest that was tried; greater --quantiles may cost less."
    unpriced = [each.name for each in risk.workloads if each.shortage_usd_per_1000_requests is None]
    if unpriced and len(risk.plans) > 1:
        yield (
            f"Nothing says what a shortage of {_listed(unpriced)} costs ({PRICE}): the last "
            "column says above which price a plan pays."
        )
    if len(risk.workloads) > 1:
        yield from filter(None, (_workload_sentence(risk, each) for each in risk.workloads))


def quantile_text(plan: PlanRisk | Best) -> str:
    """`P95`, or what stands for several quantiles."""
    return "as planned" if plan.quantile is None else f"P{100 * plan.quantile:g}"


def table_sentences(risk: Risk) -> Iterator[str]:
    """What the columns are."""
    headroom = sorted({each.headroom for each in risk.workloads if each.headroom})
    text = (
        "Unserved are requests beyond the capacity of a plan that does not change; none waits. "
        "Short is the share of samples in which some are. A plan pays above its last figure: USD "
        "for 1,000 unserved requests."
    )
    if headroom:
        shares = _listed([percent(each, 0) for each in headroom])
        text += f" Every plan has the headroom of its workloads beside its quantile ({shares})."
    yield text


def _own_sentence(risk: Risk, own: PlanRisk) -> str:
    """How sure the scenario's own plan is."""
    assert own.unserved_requests is not None
    assert own.short_share is not None
    lost = own.unserved_requests
    share = lost.mean / risk.mean_requests if risk.mean_requests else 0.0
    name = "The plan" if own.quantile is None else f"The plan for {quantile_text(own)}"
    text = f"{name} leaves some requests unserved in {percent(own.short_share)} of the samples"
    if lost.mean <= 0.0:
        return f"{text}."
    return (
        f"{text}: {lost.mean:,.0f} in the mean of all ({percent(share, 2)}), {lost.p95:,.0f} or "
        "more in one of 20."
    )


def _best_sentence(risk: Risk, best: Best) -> str:
    own = risk.plans[0]
    least = next(each for each in risk.plans if each.quantile == best.quantile)
    error = figure(least.shortage_usd_error or 0.0)
    text = f"{quantile_text(best)} costs least: {figure(best.total_usd)} ± {error} USD in all"
    if best.quantile == own.quantile or own.total_usd is None:
        return f"{text}. The scenario plans for it."
    saved = own.total_usd.mean - best.total_usd
    return (
        f"{text}, {figure(saved)} USD ({percent(saved / own.total_usd.mean)}) less than "
        f"{quantile_text(own)}, which the scenario plans for."
    )


def _near(risk: Risk, best: Best) -> list[str]:
    """Other plans that cost no more than the best one's gap more."""
    return [
        quantile_text(each)
        for each in risk.plans
        if each.total_usd is not None
        and each.quantile != best.quantile
        and each.total_usd.mean - best.total_usd <= (each.case.gap or 0.0) * best.total_usd
    ]


def _workload_sentence(risk: Risk, load: WorkloadPlanned) -> str:
    if load.best is None:
        return ""
    planned = load.planned_quantile
    own = "" if planned is None else f", planned is P{100 * planned:g}"
    price = load.shortage_usd_per_1000_requests
    assert price is not None
    return (
        f"{load.name}: {quantile_text(load.best)} costs least at {figure(price)} USD for 1,000 "
        f"requests{own}."
    )


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _print_plans(risk: Risk, console: Console) -> None:
    heads = ("demand", ">capacity\nUSD", ">shortage\nUSD", ">in all\nUSD")
    lost = (">unserved\nmean", ">unserved\nP95", ">short", ">pays\nabove")
    table = plain_table(console, *heads, *lost)
    for plan in sorted(risk.plans, key=lambda each: each.quantile or 0.0):
        is_best = risk.best is not None and plan.quantile == risk.best.quantile
        name, *figures = table_row(risk, plan)
        table.add_row(Text(name, style="green" if is_best else ""), *map(Text, figures))
    print_trimmed(table, console)


def table_row(risk: Risk, plan: PlanRisk) -> Iterator[str]:
    """What a plan is made for, and its figures."""
    is_own = plan is risk.plans[0] and plan.quantile is not None
    yield f"{quantile_text(plan)} (planned)" if is_own else quantile_text(plan)
    cost, lost = plan.case.cost_usd, plan.unserved_requests
    yield "" if cost is None else figure(cost)
    yield "" if plan.shortage_usd is None else figure(plan.shortage_usd)
    yield "" if plan.total_usd is None else figure(plan.total_usd.mean)
    yield "" if lost is None else f"{lost.mean:,.0f}"
    yield "" if lost is None else f"{lost.p95:,.0f}"
    yield "" if plan.short_share is None else percent(plan.short_share)
    above = plan.worth_above_usd_per_1000_requests
    yield "" if lost is None else "never" if above is None else figure(above)
