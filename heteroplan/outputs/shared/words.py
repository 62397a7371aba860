"""A plan in sentences: what the terminal, the report and CI say alike."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import (
    Baseline,
    BindingLimit,
    Coverage,
    Plan,
    Shortage,
    Termination,
)
from heteroplan.entities.scenario import Horizon, Objective
from heteroplan.entities.workload import Role, SourceKind, Workload
from heteroplan.planning.pooling import shares_queues

if TYPE_CHECKING:
    from heteroplan.outputs.plan.plan_document import (
        HorizonPart,
        LimitPart,
        PlanDocument,
        ShortagePart,
    )

BASELINE_LABELS = {
    "static_peak": "static peak",
    "static_peak_one_gpu_type": "static peak, one GPU type",
    "lower_bound": "lower bound (proven)",
    "greedy_topology": "greedy topology (Algorithm 4)",
    "greedy_topology_paired": "greedy, whole pairs",
    "without_resilience": "without the promise of resilience",
    "separate_queues": "a prefill queue for each replica",
}
GREEDY_NAMES = {"greedy_topology": "greedy", "greedy_topology_paired": "greedy in whole pairs"}
MOST_LIMITED = 3
"""Pools that a limit names."""
_TERMINATIONS = {
    Termination.OPTIMAL: "proven optimal",
    Termination.GAP_REACHED: "within the wanted gap",
    Termination.TIME_LIMIT: "stopped by the time limit",
    Termination.INTERRUPTED: "interrupted, best plan so far",
}

_SAME_SERVICE = 1e-6
"""Of all requests: what two plans may differ in that serve as much."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Consecutive intervals in which one workload goes short."""

    workload: str
    first: int
    last: int
    """Inclusive."""
    worst_rps: float
    worst_fraction: float
    """Unserved share of the demand in the worst interval."""
    limited_by: str

    def when(self, horizon: "Horizon | HorizonPart") -> str:
        """Such as `18:00 to 21:30`, in the plan's zone."""
        return time_span(horizon, self.first, self.last)


def spells(plan: "Plan | PlanDocument") -> tuple[Spell, ...]:
    """Shortages with consecutive intervals merged, by workload as the scenario orders them."""
    demand = {load.name: load.demand_rps for load in plan.workloads}
    found: dict[str, list[Spell]] = {name: [] for name in demand}
    shortages: Iterable[Shortage | ShortagePart] = plan.shortages
    ordered = sorted(shortages, key=lambda shortage: (shortage.workload, shortage.interval))
    runs = groupby(
        enumerate(ordered), key=lambda item: (item[1].workload, item[1].interval - item[0])
    )
    for (workload, _), members in runs:
        run = [shortage for _, shortage in members]
        found[workload].append(_spell(run, demand[workload]))
    return tuple(spell for of_one in found.values() for spell in of_one)


def clock(horizon: "Horizon | HorizonPart", boundary: int) -> str:
    """The moment between two intervals, with its date where the horizon is longer than a day."""
    long = horizon.intervals * horizon.interval_s > 86400
    return horizon.boundaries()[boundary].strftime("%Y-%m-%d %H:%M" if long else "%H:%M")


def time_span(horizon: "Horizon | HorizonPart", first: int, last: int) -> str:
    """Clock times from the start of interval `first` to the end of `last`."""
    return f"{clock(horizon, first)} to {clock(horizon, last + 1)}"


def horizon_text(horizon: "Horizon | HorizonPart") -> str:
    """Such as `2026-11-23 00:00 to 2026-11-24 00:00 Asia/Singapore, 96 x 15 min`."""
    moments = horizon.boundaries()
    seconds, unit = next(
        (each for each in ((3600, "h"), (60, "min")) if horizon.interval_s % each[0] == 0), (1, "s")
    )
    return (
        f"{moments[0]:%Y-%m-%d %H:%M} to {moments[-1]:%Y-%m-%d %H:%M} {horizon.timezone}, "
        f"{horizon.intervals} x {horizon.interval_s // seconds} {unit}"
    )


def demand_sentences(workloads: Iterable[Workload]) -> tuple[str, ...]:
    """What was made of traces, a sentence a workload that takes its demand from them."""
    return tuple(
        f"Demand of {each.name} from traces: {'; '.join(each.demand_notes)}."
        for each in workloads
        if each.demand_notes
    )


def verdict(plan: Plan) -> str:
    """Covered; or how much is not, whether that is proven, and who goes short most."""
    if plan.covered:
        return "Covered: every request of the forecast is served."
    found = spells(plan)
    worst = max(found, key=lambda spell: spell.worst_rps)
    short = len({spell.workload for spell in found})
    who = f"{worst.workload} goes short"
    if short > 1:
        who = f"{short} workloads go short, most of all {worst.workload}"
    unserved = percent(1.0 - plan.totals.served_fraction)
    where = (
        f"{who} {worst.when(plan.scenario.horizon)} by up to {rate(worst.worst_rps)} "
        f"({percent(worst.worst_fraction)}), limited by {worst.limited_by}."
    )
    if plan.coverage is Coverage.UNDECIDED:
        return (
            f"Undecided: at most {unserved} of requests go short, at least 0; the search ended "
            f"before it was known. In the best plan so far {where} Raise --time-limit."
        )
    least = percent(plan.report.unserved_requests_bound / _requests(plan))
    proven = "" if least == unserved else f", at least {least} in {_any_plan(plan)}"
    return f"Not covered: {unserved} of requests unserved{proven}. {where}"


def _any_plan(plan: Plan) -> str:
    """Of which the bound on unserved requests holds; see `SolveReport`."""
    priorities = {workload.priority for workload in plan.scenario.workloads}
    return "any plan that serves the more urgent as well" if len(priorities) > 1 else "any plan"


def solver_sentence(plan: Plan) -> str:
    """How the solve ended, its gap, bound and time."""
    report = plan.report
    unit = amount_unit(plan.scenario.objective)
    sentence = (
        f"Solver: {_ended(plan)}, gap {percent(report.gap)} "
        f"({report.objective:,.2f} {unit}, bound {report.bound:,.2f}), {report.seconds:.1f} s"
    )
    if shares_queues(plan.scenario, plan.candidates):
        sentence += "; the bound takes pools that share a queue to be endless"
    if report.unserved_requests > report.unserved_requests_bound * (1 + 1e-6) + 1e-6:
        sentence += (
            f"; {report.unserved_requests:,.0f} requests unserved, "
            f"at least {max(0.0, report.unserved_requests_bound):,.0f} in {_any_plan(plan)}"
        )
    return sentence


def _ended(plan: Plan) -> str:
    """Why the solver stopped."""
    termination = plan.report.termination
    if termination is Termination.TIME_LIMIT and shares_queues(plan.scenario, plan.candidates):
        return "not proven to the wanted gap"
    return _TERMINATIONS[termination]


def baseline_label(baseline: Baseline) -> str:
    """The baseline in words, with its GPU type or why it has no figure."""
    label = BASELINE_LABELS.get(baseline.name, baseline.name.replace("_", " "))
    return f"{label} ({baseline.note})" if baseline.note else label


def serves_alike(plan: Plan, baseline: Baseline) -> bool:
    """Whether the baseline serves as many requests as the plan, so that the difference is saved."""
    missing = abs(baseline.unserved_requests - plan.report.unserved_requests)
    return baseline.name != "lower_bound" and missing <= _SAME_SERVICE * _requests(plan)


def saved_text(plan: Plan, baseline: Baseline) -> str:
    """Share of the objective that the plan saves; empty where there is nothing to compare.

    Where the baseline does not serve as much as the plan: what it leaves unserved.
    """
    if baseline.name == "lower_bound" or baseline.cost_usd is None:
        return ""
    if not serves_alike(plan, baseline):
        return f"{percent(baseline.unserved_requests / _requests(plan))} unserved"
    if baseline.saved_fraction is None:
        return ""
    if baseline.name == "without_resilience":
        return f"price {percent(-baseline.saved_fraction)}"
    return percent(baseline.saved_fraction)


def greedy_sentences(plan: Plan) -> tuple[str, ...]:
    """GPU-hours on the scarcest hardware in use, and what greedy placement strands."""
    greedy = [baseline for baseline in plan.savings if baseline.name in GREEDY_NAMES]
    hours = {GREEDY_NAMES[each.name]: each.gpu_hours_by_priority or {} for each in greedy}
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
        f"{GREEDY_NAMES[each.name].capitalize()} strands replicas without their other half for "
        f"{figure(each.stranded_replica_hours)} replica-hours."
        for each in greedy
        if each.stranded_replica_hours
    ]
    return tuple(sentences)


def limit_sentences(
    limits: "Sequence[BindingLimit | LimitPart]", horizon: "Horizon | HorizonPart", most: int
) -> tuple[str, ...]:
    """The longest `most`, such as `spine a-s1: l40sx8 full 18:00 to 21:30; ...`."""
    longest = longest_first(limits)
    shown = [limit_sentence(limit, horizon) for limit in longest[:most]]
    more = len(longest) - len(shown)
    return (*shown, f"and {more} more (heteroplan explain)") if more else tuple(shown)


def longest_first[L: "BindingLimit | LimitPart"](limits: Iterable[L]) -> list[L]:
    """By length of the spell, otherwise in their order."""
    return sorted(limits, key=lambda limit: limit.first - limit.last)


def limit_sentence(limit: "BindingLimit | LimitPart", horizon: "Horizon | HorizonPart") -> str:
    """Such as `spine a-s1: l40sx8 full 18:00 to 21:30; decode of chat-70b limited by it`."""
    full = (
        f"{limit.level.value} {limit.domain}: {limit.node_type} full {limit_time(limit, horizon)}"
    )
    return f"{full}; {limited_pools(limit)} limited by it" if limit.pools else full


def limit_time(limit: "BindingLimit | LimitPart", horizon: "Horizon | HorizonPart") -> str:
    """Such as `18:00 to 21:30`."""
    whole = (limit.first, limit.last) == (0, horizon.intervals - 1)
    return "all the time" if whole else time_span(horizon, limit.first, limit.last)


def limited_pools(limit: "BindingLimit | LimitPart") -> str:
    """Such as `decode of chat-70b, prefill of code-70b`, no more than `MOST_LIMITED`."""
    more = len(limit.pools) - MOST_LIMITED
    return ", ".join(limit.pools[:MOST_LIMITED]) + (f" and {more} more" if more > 0 else "")


def used_candidates(plan: Plan) -> tuple[Candidate, ...]:
    """The candidates that a pool runs."""
    affinity = {load.name: load.affinity for load in plan.scenario.workloads}
    network = plan.scenario.fleet.network
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
        for each in plan.candidates
        if (each.workload, each.engine.name, each.node_type, each.span) in used
    )


def candidate_notes(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """What makes their capacities less certain than they look, a line each."""
    considered = tuple(candidates)
    unlimited = [(c.workload, c.engine.name) for c in considered if _kv_is_unlimited(c)]
    modelled = dict.fromkeys(
        c.workload for c in considered if c.engine.source.kind is SourceKind.MODELLED
    )
    notes = (
        _note(
            "extrapolated", [(c.workload, c.engine.name) for c in considered if _extrapolates(c)]
        ),
        _note("KV memory is not limited (no kv_tokens)", unlimited),
        f"modelled, not measured: engines of {', '.join(modelled)}" if modelled else "",
    )
    return tuple(note for note in notes if note)


def extrapolation_note(document: "PlanDocument") -> str:
    """Such as `extrapolated: engine h1p (chat)`; empty where no pool runs outside its range."""
    used = {(pool.workload, pool.engine, pool.node_type) for pool in document.pools}
    found = [
        (each.workload, each.engine)
        for each in document.engines
        if each.source.extrapolated and (each.workload, each.engine, each.node_type) in used
    ]
    return _note("extrapolated", found)


def amount_unit(objective: Objective) -> str:
    """Unit of the solver's objective."""
    return "USD" if objective is Objective.COST else "GPU-hours"


def percent(fraction: float) -> str:
    """One decimal; what is little but not nothing says so."""
    if 0 < fraction < 0.0005:
        return "< 0.1 %"
    return f"{round(100 * fraction, 1) + 0.0:.1f} %"


def figure(value: float) -> str:
    """Three digits, or all before the point; no exponent for what is large."""
    return f"{value:.3g}" if abs(value) < 99.5 else f"{value:,.0f}"


def rate(rps: float) -> str:
    """Requests a second in three digits."""
    return f"{figure(rps)} requests/s"


def _requests(plan: Plan) -> float:
    """Asked for over the horizon."""
    rates_rps = sum(sum(load.demand_rps) for load in plan.workloads)
    return rates_rps * plan.scenario.horizon.interval_s


def _extrapolates(candidate: Candidate) -> bool:
    return any(point.extrapolated for interval in candidate.points for point in interval)


def _kv_is_unlimited(candidate: Candidate) -> bool:
    """Second halves of divided engines hold no KV cache."""
    engine = candidate.engine
    holds = engine.role is not Role.PREFILL and engine.counts
    return holds and engine.kv_tokens is None and engine.capacity_rps is None


def _note(what: str, engines: Iterable[tuple[str, str]]) -> str:
    """`what` and the engines (workload, engine), each once with its workloads."""
    by_engine: dict[str, list[str]] = defaultdict(list)
    for workload, engine in dict.fromkeys(engines):
        by_engine[engine].append(workload)
    if not by_engine:
        return ""
    names = ", ".join(f"{engine} ({', '.join(loads)})" for engine, loads in by_engine.items())
    return f"{what}: {'engine' if len(by_engine) == 1 else 'engines'} {names}"


def _spell(run: "Iterable[Shortage | ShortagePart]", demand_rps: Sequence[float]) -> Spell:
    from heteroplan.planning.shortage import merged

    members = list(run)
    worst = max(members, key=lambda shortage: shortage.unserved_rps)
    asked = demand_rps[worst.interval]
    times: dict[str, int] = defaultdict(int)
    for shortage in members:
        times[shortage.limited_by] += 1
    return Spell(
        workload=worst.workload,
        first=members[0].interval,
        last=members[-1].interval,
        worst_rps=worst.unserved_rps,
        worst_fraction=worst.unserved_rps / asked if asked > 0 else 0.0,
        limited_by=merged(sorted(times, key=lambda reason: -times[reason])),
    )
