"""A plan in sentences: what the terminal, the report and CI say alike."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import REPLAYED, BaselineKind, Coverage, EasierPromise, Termination
from heteroplan.entities.scenario import Objective
from heteroplan.entities.workload import Engine
from heteroplan.numerics.tolerances import OPTIMAL_GAP
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import (
    BaselinePart,
    EnginePart,
    LimitPart,
    PlanDocument,
    ShortagePart,
)
from heteroplan.outputs.plan.document.reasons import merged_text
from heteroplan.outputs.shared.words import (
    amount_unit,
    engine_notes,
    extrapolation_note,
    figure,
    rate,
    time_span,
)
from heteroplan.text import percent

BASELINE_LABELS: Mapping[str, str] = {
    BaselineKind.STATIC_PEAK: "static peak",
    BaselineKind.STATIC_PEAK_ONE_GPU_TYPE: "static peak, one GPU type",
    BaselineKind.LOWER_BOUND: "lower bound (proven)",
    BaselineKind.GREEDY: "greedy topology (Algorithm 4)",
    BaselineKind.GREEDY_PAIRED: "P/D-paired greedy",
    BaselineKind.WITHOUT_RESILIENCE: "without resilience",
}
GREEDY_NAMES: Mapping[str, str] = {
    BaselineKind.GREEDY: "greedy",
    BaselineKind.GREEDY_PAIRED: "P/D-paired greedy",
}
_PROMISES = {
    EasierPromise.TWICE_THE_TTFT: "at twice the TTFT",
    EasierPromise.P90: "at P90",
    EasierPromise.POISSON: "with Poisson arrivals",
}
MOST_LIMITED = 3
"""Pools that a limit names."""
_TERMINATIONS = {
    Termination.OPTIMAL: "proven optimal",
    Termination.GAP_REACHED: "within the wanted gap",
    Termination.TIME_LIMIT: "stopped by its share of the time limit",
    Termination.EFFORT_REACHED: "stopped after the steps that were asked for",
    Termination.EXHAUSTED: "ended without a further step to try",
    Termination.INTERRUPTED: "interrupted, best plan so far",
}
_UNFINISHED = (Termination.TIME_LIMIT, Termination.EXHAUSTED)
"""Before the wanted gap, though nobody asked for that."""

_SAME_SERVICE = 1e-6
"""Of all requests: what two plans may differ in that serve as much."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Consecutive intervals in which a workload has unserved demand."""

    workload: str
    first: int
    last: int
    """Inclusive."""
    worst_rps: float
    worst_fraction: float
    """Unserved share of the demand in the worst interval."""
    limited_by: str

    def when(self, horizon: HorizonPart) -> str:
        """Such as `18:00 to 21:30`, in the plan's zone."""
        return time_span(horizon, self.first, self.last)


def spells(plan: PlanDocument) -> tuple[Spell, ...]:
    """Shortages with consecutive intervals merged, by workload as the scenario orders them."""
    demand = {load.name: load.demand_rps for load in plan.workloads}
    found: dict[str, list[Spell]] = {name: [] for name in demand}
    ordered = sorted(plan.shortages, key=lambda shortage: (shortage.workload, shortage.interval))
    runs = groupby(
        enumerate(ordered), key=lambda item: (item[1].workload, item[1].interval - item[0])
    )
    for (workload, _), members in runs:
        run = [shortage for _, shortage in members]
        found[workload].append(_spell(run, demand[workload], plan.horizon))
    return tuple(spell for of_one in found.values() for spell in of_one)


def verdict(plan: PlanDocument) -> str:
    """Covered; or how much is unserved, whether that is proven, and of which workload most."""
    if plan.covered:
        return "Covered: every request of the forecast is served."
    found = spells(plan)
    worst = max(found, key=lambda spell: spell.worst_rps)
    short = len({spell.workload for spell in found})
    who = worst.workload
    if short > 1:
        who = f"{short} workloads are affected, most of all {worst.workload}"
    unserved = percent(1.0 - plan.totals.served_fraction)
    where = (
        f"{who}: up to {rate(worst.worst_rps)} ({percent(worst.worst_fraction)}) unserved "
        f"{worst.when(plan.horizon)}, limited by {worst.limited_by}."
    )
    if plan.coverage is Coverage.UNDECIDED:
        kept, remedy = "", "Raise --time-limit."
        if unserved_by_rules(plan) > 0:
            rules = stability_rules(plan)
            kept = f" and keeps {rules}"
            remedy = f"Relax {rules}, without which more was served, or raise --time-limit."
        return (
            f"Undecided: at most {unserved} of requests unserved; the search ended before it was "
            f"known whether a plan serves all{kept}. Best plan so far: {where} {remedy}"
        )
    least = percent(plan.solver.unserved_requests_bound / _requests(plan))
    proven = "" if least == unserved else f", at least {least} in {_any_plan(plan)}"
    return f"Not covered: {unserved} of requests unserved{proven}. {where}"


def _any_plan(plan: PlanDocument) -> str:
    """Of which the bound on unserved requests holds; see `SolveReport`."""
    priorities = {load.priority for load in plan.workloads}
    return "any plan that serves higher priorities as much" if len(priorities) > 1 else "any plan"


def _given_rules(plan: PlanDocument) -> list[str]:
    """Fields of the rules of stability that the scenario has."""
    rules = [load.stability for load in plan.given.workloads]
    given = {
        "min_run": any(each.min_run_s for each in rules),
        "max_changes": any(each.max_changes is not None for each in rules),
    }
    return [name for name, there in given.items() if there]


def stability_rules(plan: PlanDocument) -> str:
    """The rules of stability that the scenario has, in words; both where it has none."""
    return " and ".join(_given_rules(plan) or ["min_run", "max_changes"])


def unserved_by_rules(plan: PlanDocument) -> int:
    """Requests that rules of stability leave unserved, beside the plan from before they held."""
    calming = plan.solver.calming
    if calming is None:
        return 0
    return max(0, round(calming.after.unserved_requests - calming.before.unserved_requests))


def bound_knows_rules(plan: PlanDocument) -> bool:
    """Whether the bound is one of plans that keep rules of stability: others cost less than it."""
    calming = plan.solver.calming
    return calming is not None and calming.before.objective < plan.solver.bound * (1 - OPTIMAL_GAP)


def _rules_cost(plan: PlanDocument) -> bool:
    """Whether keeping rules of stability made the plan cost more, beyond what the bound knows."""
    calming = plan.solver.calming
    if calming is None or not _given_rules(plan) or bound_knows_rules(plan):
        return False
    return calming.after.objective > calming.before.objective


def solver_sentence(plan: PlanDocument) -> str:
    """How the solve ended, its gap, bound and time."""
    report = plan.solver
    unit = amount_unit(plan.objective)
    ended = _TERMINATIONS[plan.solver.termination]
    if report.termination in _UNFINISHED and _rules_cost(plan):
        ended = f"{stability_rules(plan)} kept, which the bound does not know"
    sentence = (
        f"Solver: {ended}, gap {percent(report.gap)} "
        f"({report.objective:,.2f} {unit}, bound {report.bound:,.2f}), {report.seconds:.1f} s"
    )
    if report.unserved_requests > report.unserved_requests_bound * (1 + 1e-6) + 1e-6:
        sentence += (
            f"; {report.unserved_requests:,.0f} requests unserved, "
            f"at least {max(0.0, report.unserved_requests_bound):,.0f} in {_any_plan(plan)}"
        )
    return sentence


def baseline_label(name: str, baseline: BaselinePart) -> str:
    """The baseline in words, with its GPU type or why it has no figure."""
    label = BASELINE_LABELS.get(name, name.replace("_", " "))
    return f"{label} ({baseline.note})" if baseline.note else label


def baselines(plan: PlanDocument) -> dict[str, BaselinePart]:
    """What the whole plan is compared with: all savings but those of replayed policies."""
    return {name: each for name, each in plan.savings.items() if each.replayed is None}


def policy_rows(plan: PlanDocument) -> list[tuple[str, ...]]:
    """Replayed policies: name, SLO, share of requests in time, GPU-hours, cost, saved."""
    return [
        (
            name.removeprefix(REPLAYED),
            "kept" if each.replayed.slo_kept else "missed",
            "" if each.replayed.attainment.both is None else percent(each.replayed.attainment.both),
            f"{each.gpu_hours or 0.0:,.1f}",
            f"{each.cost_usd or 0.0:,.2f}",
            "" if not each.saved_gpu_hours else percent(each.saved_fraction or 0.0),
        )
        for name, each in plan.savings.items()
        if each.replayed is not None
    ]


def replay_sentence(plan: PlanDocument) -> str:
    """What was replayed and what the rows mean; empty where nothing was."""
    found = next((each.replayed for each in plan.savings.values() if each.replayed), None)
    if found is None:
        return ""
    start = found.start.astimezone(ZoneInfo(plan.horizon.timezone))
    end = start + timedelta(seconds=found.duration_s)
    until = "%H:%M" if start.date() == end.date() else "%Y-%m-%d %H:%M"
    horizon_s = plan.horizon.intervals * plan.horizon.interval_s
    part = "" if found.duration_s >= horizon_s else ", the busiest part of the horizon"
    return (
        f"Replayed {start:%Y-%m-%d %H:%M} to {end:{until}}{part}, on {found.requests:,} "
        "requests drawn from the demand; GPU-hours, cost, and what the plan saves are of this time."
    )


def serves_alike(plan: PlanDocument, name: str, baseline: BaselinePart) -> bool:
    """Whether the baseline serves as many requests as the plan, so that the difference is saved."""
    missing = abs(baseline.unserved_requests - plan.solver.unserved_requests)
    return name != BaselineKind.LOWER_BOUND and missing <= _SAME_SERVICE * _requests(plan)


def saved_text(plan: PlanDocument, name: str, baseline: BaselinePart) -> str:
    """Share of the objective that the plan saves; empty where there is nothing to compare.

    Where the baseline does not serve as much as the plan: what it leaves unserved.
    """
    if name == BaselineKind.LOWER_BOUND or baseline.cost_usd is None:
        return ""
    if not serves_alike(plan, name, baseline):
        return f"{percent(baseline.unserved_requests / _requests(plan))} unserved"
    if baseline.saved_fraction is None:
        return ""
    if name == BaselineKind.WITHOUT_RESILIENCE:
        return f"price {percent(-baseline.saved_fraction)}"
    return percent(baseline.saved_fraction)


def promise_sentence(plan: PlanDocument) -> str:
    """What the plan would cost at easier promises; empty where that is not known."""
    unit = amount_unit(plan.objective)
    by_cost = plan.objective is Objective.COST
    own = plan.totals.cost_usd if by_cost else plan.totals.gpu_hours
    parts = []
    for each in plan.easier:
        amount = each.cost_usd if by_cost else each.gpu_hours
        less = percent((own - amount) / own) if own > 0 else percent(0.0)
        parts.append(f"{amount:,.0f} {unit} {_PROMISES[each.promise]} ({less} less)")
    if not parts:
        return ""
    return f"What the promise costs (estimates, the same engines): {', '.join(parts)}."


def greedy_sentences(plan: PlanDocument) -> tuple[str, ...]:
    """GPU-hours on the scarcest hardware in use, and how long greedy's replicas serve nothing."""
    greedy = {
        GREEDY_NAMES[name]: each for name, each in plan.savings.items() if name in GREEDY_NAMES
    }
    hours = {name: each.gpu_hours_by_priority or {} for name, each in greedy.items()}
    sentences = []
    for priority in (SubgroupPriority.HIGH, SubgroupPriority.MEDIUM):
        own = plan.totals.gpu_hours_by_priority.get(priority, 0.0)
        others = {name: each.get(priority, 0.0) for name, each in hours.items() if each}
        if own > 0 or any(others.values()):
            against = "".join(f", {name} {figure(value)}" for name, value in others.items())
            sentences.append(
                f"On {priority.value}-priority hardware: {figure(own)} GPU-hours{against}."
            )
            break
    sentences += [
        f"{name[0].upper()}{name[1:]}: {figure(each.stranded_replica_hours)} replica-hours idle "
        "(too little prefill or decode in the group)."
        for name, each in greedy.items()
        if each.stranded_replica_hours
    ]
    return tuple(sentences)


def limit_sentences(
    limits: Sequence[LimitPart], horizon: HorizonPart, most: int
) -> tuple[str, ...]:
    """The longest `most`, such as `spine a-s1: l40sx8 full 18:00 to 21:30; ...`."""
    longest = longest_first(limits)
    shown = [limit_sentence(limit, horizon) for limit in longest[:most]]
    more = len(longest) - len(shown)
    return (*shown, f"and {more} more (heteroplan explain)") if more else tuple(shown)


def surge_sentences(plan: PlanDocument) -> tuple[str, ...]:
    """GPUs that stay free for rolling updates, and in which domains more would be used."""
    found = []
    for node_type, gpus in plan.given.surge:
        full = dict.fromkeys(each.domain for each in plan.limits if each.node_type == node_type)
        binds = f"; full without them: {', '.join(list(full)[:MOST_LIMITED])}" if full else ""
        found.append(f"Free for rolling updates: {gpus} {node_type} GPUs in every spine{binds}.")
    return tuple(found)


def longest_first(limits: Iterable[LimitPart]) -> list[LimitPart]:
    """By length of the spell, otherwise in their order."""
    return sorted(limits, key=lambda limit: limit.first - limit.last)


def limit_sentence(limit: LimitPart, horizon: HorizonPart) -> str:
    """Such as `spine a-s1: l40sx8 full 18:00 to 21:30; decode of chat-70b limited by it`."""
    full = (
        f"{limit.level.value} {limit.domain}: {limit.node_type} full {limit_time(limit, horizon)}"
    )
    return f"{full}; {limited_pools(limit)} limited by it" if limit.pools else full


def limit_time(limit: LimitPart, horizon: HorizonPart) -> str:
    """Such as `18:00 to 21:30`."""
    whole = (limit.first, limit.last) == (0, horizon.intervals - 1)
    return "all the time" if whole else time_span(horizon, limit.first, limit.last)


def limited_pools(limit: LimitPart) -> str:
    """Such as `decode of chat-70b, prefill of code-70b`, no more than `MOST_LIMITED`."""
    more = len(limit.pools) - MOST_LIMITED
    return ", ".join(limit.pools[:MOST_LIMITED]) + (f" and {more} more" if more > 0 else "")


def used_engines(plan: PlanDocument) -> tuple[EnginePart, ...]:
    """The candidates that a pool runs."""
    affinity = {load.name: load.affinity for load in plan.given.workloads}
    network = plan.given.fleet.network
    spans = {
        group: network.span(affinity[workload], group.removeprefix(f"{workload}@"))
        for workload, group in {(pool.workload, pool.group) for pool in plan.pools}
    }
    used = {
        (pool.workload, pool.engine, pool.node_type, span)
        for pool in plan.pools
        for span in (spans[pool.group], None)
    }
    return tuple(
        each
        for each in plan.engines
        if (each.workload, each.engine, each.node_type, each.span) in used
    )


def used_engine_notes(plan: PlanDocument) -> tuple[str, ...]:
    """What makes the capacities in use less certain than they look, a line each."""
    given = _given_engines(plan)
    return engine_notes(
        (each.workload, given[each.workload, each.engine], each.source.extrapolated)
        for each in used_engines(plan)
    )


def routed_by_class(plan: PlanDocument) -> tuple[str, ...]:
    """Workloads of which pools take the request classes in other shares than each other."""
    return tuple(dict.fromkeys(pool.workload for pool in plan.pools if pool.class_share))


def router_notes(plan: PlanDocument) -> tuple[str, ...]:
    """What routers must know so that the plan holds, a line each."""
    names = routed_by_class(plan)
    if not names:
        return ()
    return (
        f"request classes go to different pools ({', '.join(names)}): the router must tell them "
        "apart; for one that does not, write route_by_class: false into the workload",
    )


def extrapolated_in_use(document: PlanDocument) -> str:
    """Such as `extrapolated: engine h1p (chat)`; empty where no pool runs outside its range."""
    used = {(pool.workload, pool.engine, pool.node_type) for pool in document.pools}
    return extrapolation_note(
        (each.workload, each.engine)
        for each in document.engines
        if each.source.extrapolated and (each.workload, each.engine, each.node_type) in used
    )


def _given_engines(plan: PlanDocument) -> dict[tuple[str, str], Engine]:
    """By workload and name."""
    return {
        (load.name, engine.name): engine
        for load in plan.given.workloads
        for engine in load.profile.engines
    }


def _spell(run: Sequence[ShortagePart], demand_rps: Sequence[float], horizon: HorizonPart) -> Spell:
    worst = max(run, key=lambda shortage: shortage.unserved_rps)
    asked = demand_rps[worst.interval]
    return Spell(
        workload=worst.workload,
        first=run[0].interval,
        last=run[-1].interval,
        worst_rps=worst.unserved_rps,
        worst_fraction=worst.unserved_rps / asked if asked > 0 else 0.0,
        limited_by=_limited_by(run, horizon),
    )


def _limited_by(run: Sequence[ShortagePart], horizon: HorizonPart) -> str:
    """The most frequent reasons first; of a plan of version 1 what it says of each interval."""
    times = Counter((shortage.reasons, shortage.limited_by) for shortage in run)
    frequent = [each for each, _ in times.most_common()]
    if any(reasons for reasons, _ in frequent):
        return merged_text((each for reasons, _ in frequent for each in reasons), horizon)
    return "; ".join(dict.fromkeys(part for _, text in frequent for part in text.split("; ")))


def _requests(plan: PlanDocument) -> float:
    """Asked for over the horizon."""
    rates_rps = sum(sum(load.demand_rps) for load in plan.workloads)
    return rates_rps * plan.horizon.interval_s
