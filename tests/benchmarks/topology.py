"""Figures of topology, as Markdown tables: plans beside the greedy scheduler, and what limits cost.

    uv run --no-sync python -m tests.benchmarks.topology [--only a,b,c,d,e] [--quick]

a: three fleets against Algorithm 4. b: the price of splitting. c: starts and moves of a's plans.
d: the price of resilience. e: two ratios at once. `--quick` takes 24 intervals and a's first fleet.
Scenario folders are made by `topology_cases`; plans end at a gap of 1 %, or after a minute, those
of d and e after half of one.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import Baseline, Plan
from heteroplan.optimize.program.build import build_problem
from heteroplan.outputs.plan.document.from_plan import baseline_note
from tests.benchmarks.markdown import header, percent, ratio, row
from tests.benchmarks.topology_cases import (
    FLEETS,
    FOUR_SPINES,
    figure_5,
    given,
    one_workload,
    ten_workloads,
)
from tests.placement.cases import Case, afresh

FILLS = (0.75, 0.95)
HALF_MINUTE_S = 30.0
SEED = 3


@dataclass(frozen=True)
class Planned:
    """A plan of table a."""

    fleet: str
    fill: float
    plan: Plan


def greedy(intervals: int, fleets: Sequence[str]) -> list[Planned]:
    """Table a."""
    header(
        "a. Plan and Algorithm 4",
        "Ten workloads (four-type's engines, requests, SLOs; log-normal sizes; Figure 5's day at "
        "ten different hours; three leaf-, five spine-, two cluster-affine). Fill 0.75: the fleet, "
        "replicas divisible and starts free, could serve 1/0.75 times the demand.",
        (
            *("fleet", "fill", "schedule", "USD", "unserved", "USD a million requests"),
            *("against plan", "stranded replica-hours", "GPU-hours", "on high", "on medium"),
            *("gap", "seconds"),
        ),
    )
    found = []
    for name, fill in product(fleets, FILLS):
        files, weights = ten_workloads(FLEETS[name], intervals=intervals, seed=SEED)
        plan = files.filled(weights, fill).plan()
        found.append(Planned(name, fill, plan))
        for cells in schedules(plan):
            row(f"{name}, {gpus(plan)} GPUs", fill, *cells)
    return found


def schedules(plan: Plan) -> Iterator[tuple[object, ...]]:
    """Cells of table a of the plan and of both greedy schedules."""
    asked = requests(plan)
    totals, report = plan.totals, plan.report
    usd_a_request = totals.cost_usd / (asked - report.unserved_requests)
    yield (
        *("plan", f"{totals.cost_usd:,.0f}", percent(report.unserved_requests / asked)),
        *(f"{usd_a_request * 1e6:.2f}", "", 0, f"{totals.gpu_hours:,.0f}"),
        *scarce(totals.gpu_hours_by_priority),
        *verdict(plan),
    )
    for name in ("greedy_topology", "greedy_topology_paired"):
        found = baseline(plan, name)
        if found.cost_usd is None:
            yield (name, baseline_note(found), *[""] * 9)
            continue
        theirs = found.cost_usd / (asked - found.unserved_requests)
        yield (
            *(name, f"{found.cost_usd:,.0f}", percent(found.unserved_requests / asked)),
            *(f"{theirs * 1e6:.2f}", percent(theirs / usd_a_request - 1)),
            *(f"{found.stranded_replica_hours:,.0f}", f"{found.gpu_hours:,.0f}"),
            *scarce(found.gpu_hours_by_priority),
            *("", ""),
        )


def scarce(hours: Mapping[SubgroupPriority, float] | None) -> Iterator[str]:
    """GPU-hours on high and on medium."""
    for priority in (SubgroupPriority.HIGH, SubgroupPriority.MEDIUM):
        yield f"{(hours or {}).get(priority, 0.0):,.0f}"


def splitting(intervals: int) -> None:
    """Table b."""
    header(
        "b. Price of splitting",
        "The ten workloads on four spines of one cluster, all with one affinity; the demand is "
        "what three quarters of the fleet serve at leaf affinity. KV moves at 0.8 of the NIC "
        "across leaves and at 0.5 across spines.",
        (
            *("affinity", "USD", "against leaf", "lower bound USD", "unserved", "peak GPUs"),
            *("starts", "gap", "seconds"),
        ),
    )
    files, weights = ten_workloads(FOUR_SPINES, intervals=intervals, seed=SEED)
    files = files.with_workloads(affinity="leaf").filled(weights, FILLS[0])
    first: Plan | None = None
    for level in ("leaf", "spine", "cluster"):
        plan = files.with_workloads(affinity=level).plan()
        first = first or plan
        row(
            level,
            f"{plan.totals.cost_usd:,.0f}",
            percent(plan.totals.cost_usd / first.totals.cost_usd - 1),
            f"{plan.report.bound:,.0f}",
            percent(plan.report.unserved_requests / requests(plan)),
            plan.totals.peak_gpus,
            plan.totals.starts,
            *verdict(plan),
        )


def churn(planned: Sequence[Planned]) -> None:
    """Table c."""
    header(
        "c. Starts and moves a day",
        "The plans of a as placed, and the same pool sizes with each interval packed afresh, first "
        "fit decreasing. A move is a start too.",
        (
            *("fleet", "fill", "starts", "of them moves"),
            *("afresh: starts", "of them moves", "without room"),
        ),
    )
    for each in planned:
        of = case_of(each.plan)
        moves, lost = afresh(of)
        starts = int(of.problem.starts(of.replicas).sum()) + moves
        totals = each.plan.totals
        row(each.fleet, each.fill, totals.starts, totals.moves, starts, moves, lost)


def case_of(plan: Plan) -> Case:
    """The plan's program with the plan's pool sizes."""
    problem = build_problem(plan.scenario, plan.candidates)
    sizes = {
        (pool.workload, pool.engine, pool.node_type, pool.domain): pool.replicas
        for pool in plan.pools
    }
    nothing = (0,) * problem.intervals
    keys = [
        (
            plan.candidates[pool.candidate].workload,
            plan.candidates[pool.candidate].engine.name,
            pool.node_type,
            pool.domain,
        )
        for pool in problem.pools
    ]
    replicas = np.array([sizes.get(key, nothing) for key in keys])
    return Case(plan.scenario, plan.candidates, problem, replicas)


def resilience(intervals: int) -> None:
    """Table d."""
    header(
        "d. Price of resilience",
        "One spine-affine workload on four equal spines of four leaves of eight nodes of 8 GPUs; "
        "replicas of one GPU, 2 requests/s for prefill and 1 for decode; 360 requests/s all day, "
        "or Figure 5's day with that peak and starts of 180 s. A lost one of S domains costs a "
        "flat day serve·S/(S-1) - 1 at least.",
        (
            *("day", "lose", "serve", "USD", "USD without", "extra", "flat bound", "unserved"),
            *("gap", "seconds"),
        ),
    )
    spines = ([({"h100": 8},) * 4] * 4,)
    peak_rps = 360.0
    curve = figure_5(intervals)
    days = {"flat": np.full(intervals, peak_rps), "Figure 5": peak_rps * curve / curve.max()}
    domains = {"spine": 4, "leaf": 16}
    losses = (("spine", 1.0), ("spine", 0.9), ("leaf", 1.0), ("node", 1.0))
    for (day, rps), (lose, serve) in product(days.items(), losses):
        engines = [
            given("p", "prefill", "H100-SXM-80GB", gpus=1, capacity_rps=2.0, startup_s=180),
            given("d", "decode", "H100-SXM-80GB", gpus=1, capacity_rps=1.0, startup_s=180),
        ]
        files = one_workload(spines, engines, rps)
        resilience = {"lose": lose, "serve": serve}
        plan = files.with_workloads(resilience=resilience).plan(HALF_MINUTE_S)
        without_usd = usd(baseline(plan, "without_resilience"))
        count = domains.get(lose)
        bound = percent(max(0.0, serve * count / (count - 1) - 1)) if count else ""
        row(
            *(day, lose, serve, f"{plan.totals.cost_usd:,.0f}", f"{without_usd:,.0f}"),
            percent(plan.totals.cost_usd / without_usd - 1),
            bound if day == "flat" else "",
            percent(plan.report.unserved_requests / requests(plan)),
            *verdict(plan),
        )


def parts(intervals: int) -> None:
    """Table e."""
    attention = {"name": "attention", "gpu": "H200-SXM-141GB", "gpus": 2, "capacity_rps": 5.0}
    ffn = {"name": "ffn", "gpu": "L40S-48GB", "gpus": 8, "capacity_rps": 8.0}
    prefill = given("p", "prefill", "H100-SXM-80GB", gpus=8, capacity_rps=4.0, startup_s=180)
    whole = given("whole", "decode", "H200-SXM-141GB", gpus=8, capacity_rps=6.0, startup_s=300)
    divided = {"name": "divided", "role": "decode", "parts": [attention, ffn], "startup_s": 300}
    header(
        "e. Two ratios at once",
        "A MoE on four spines of three leaves of 4 H200, 6 H100 and 6 L40S nodes; Figure 5's day "
        "with 200 requests/s at its peak. Prefill: 8 H100, 4 requests/s. Decode: 8 H200, 6 "
        "requests/s; or divided, attention on 2 H200 at 5 and FFN on 8 L40S at 8. Capacities ask "
        "for attention/FFN = 8/5 = 1.60 on each leaf, prefill/attention = 5/4 = 1.25 in each "
        "spine.",
        (
            *("decode engines", "USD", "prefill", "undivided", "attention", "FFN"),
            *("attention/FFN", "prefill/attention", "unserved", "gap", "seconds"),
        ),
    )
    spines = ([({"h200": 4, "h100": 6, "l40s": 6},) * 3] * 4,)
    curve = figure_5(intervals)
    rps = 200.0 * curve / curve.max()
    for name, decode in (
        ("undivided", [whole]),
        ("divided", [divided]),
        ("both", [whole, divided]),
    ):
        plan = one_workload(spines, [prefill, *decode], rps).plan(HALF_MINUTE_S)
        t = int(np.argmax(rps))
        counts = [
            sum(pool.replicas[t] for pool in plan.pools if pool.engine == engine)
            for engine in ("p", "whole", "divided-attention", "divided-ffn")
        ]
        row(
            *(name, f"{plan.totals.cost_usd:,.0f}", *counts),
            ratio(counts[2], counts[3]),
            ratio(counts[0], counts[2]) if not counts[1] else "",
            percent(plan.report.unserved_requests / requests(plan)),
            *verdict(plan),
        )


def requests(plan: Plan) -> float:
    """Requests asked for over the day."""
    rps = sum(sum(load.demand_rps) for load in plan.workloads)
    return rps * plan.scenario.horizon.interval_s


def gpus(plan: Plan) -> int:
    return sum(row.supply[0] for row in plan.supply)


def verdict(plan: Plan) -> tuple[str, str]:
    """Gap and seconds."""
    return percent(plan.report.gap), f"{plan.report.seconds:.0f}"


def baseline(plan: Plan, name: str) -> Baseline:
    return next(each for each in plan.savings if each.name == name)


def usd(of: Baseline) -> float:
    """Its cost. Raises ValueError where it has none."""
    if of.cost_usd is None:
        raise ValueError(f"{of.name}: {baseline_note(of)}")
    return of.cost_usd


def main() -> None:
    parser = argparse.ArgumentParser(description="Figures of topology.")
    parser.add_argument("--only", default="a,b,c,d,e", help="tables, such as a,b; c makes a's too")
    parser.add_argument("--quick", action="store_true", help="24 intervals, one fleet in a and c")
    options = parser.parse_args()
    wanted = options.only.split(",")
    intervals = 24 if options.quick else 96
    planned: list[Planned] = []
    if "a" in wanted or "c" in wanted:
        planned = greedy(intervals, list(FLEETS)[: 1 if options.quick else None])
    if "b" in wanted:
        splitting(intervals)
    if "c" in wanted:
        churn(planned)
    if "d" in wanted:
        resilience(intervals)
    if "e" in wanted:
        parts(intervals)


if __name__ == "__main__":
    main()
