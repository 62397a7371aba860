"""Forecast risk in money: which quantile of demand to plan for.

Two stages. A plan for each of some quantiles is made once, which fixes its cost. Each plan is then
met with the same samples of what may come: what comes beyond its capacity is not served, and costs
`shortage_usd_per_1000_requests`. The best quantile has the least expected cost of both. Of one
workload, one interval and a capacity of any size this is the newsvendor's problem, whose best
quantile is 1 - (cost of capacity) / (cost of a shortage).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from heteroplan.entities.scenario import Scenario
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.studies.result import CaseResult
from heteroplan.studies.samples import Sample
from heteroplan.studies.serving import Serving

type Floats = NDArray[np.float64]

SHORT = 1e-6
"""Share of the requests that come, above which a sample counts as short."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Spread(_Part):
    """A figure over the samples."""

    mean: float
    p5: float
    p50: float
    p95: float
    p99: float
    most: float


class WorkloadRisk(_Part):
    """A workload under one plan."""

    name: str
    cost_usd: float
    """Its part of the plan's cost."""
    unserved_requests: Spread
    short_share: float
    """Of the samples: those in which it is not served in full."""
    shortage_usd: float | None
    """Expected; None where the scenario does not say what a shortage costs."""
    worth_above_usd_per_1000_requests: float | None
    """Price of a shortage above which its part of this plan is worth more than those of smaller
    quantiles; None where no price makes it the best."""


class PlanRisk(_Part):
    """One plan met with all samples."""

    quantile: float | None
    """Of demand that it is for; None for the plan of the scenario as it is."""
    case: CaseResult
    """The plan's own figures."""
    unserved_requests: Spread | None = None
    """None where there is no plan."""
    total_usd: Spread | None = None
    """Capacity and shortages; None where a workload has no price of a shortage."""
    short_share: float | None = None
    """Of the samples: those in which some workload is not served in full."""
    shortage_usd: float | None = None
    """Expected."""
    shortage_usd_error: float | None = None
    """Standard error of it: another seed may differ by twice as much."""
    worth_above_usd_per_1000_requests: float | None = None
    workloads: tuple[WorkloadRisk, ...] = ()


class Best(_Part):
    """The quantile that costs least, capacity and shortages together."""

    quantile: float | None
    """None where it is the plan of the scenario as it is."""
    total_usd: float


class WorkloadPlanned(_Part):
    """A workload's quantiles."""

    name: str
    planned_quantile: float | None
    """That the scenario plans for; None where its demand is taken as certain."""
    headroom: float
    """Added to demand in every plan."""
    shortage_usd_per_1000_requests: float | None
    best: Best | None
    """None where the scenario does not say what its shortage costs."""


class Risk(_Part):
    """What plans for several quantiles cost, shortages included."""

    schema_version: int = 1
    scenario: str
    samples: int
    seed: int
    sampled: tuple[str, ...]
    """What was drawn: `demand`, `profiles`, `failures`."""
    notes: tuple[str, ...]
    horizon_hours: float
    """All figures are of this time."""
    mean_requests: float
    """That come, of all workloads."""
    workloads: tuple[WorkloadPlanned, ...]
    plans: tuple[PlanRisk, ...]
    """The scenario's own, then by quantile."""
    best: Best | None
    """One quantile for all; None where a workload has no price of a shortage."""


@dataclass(frozen=True, slots=True)
class Met:
    """A plan met with samples."""

    quantile: float | None
    case: CaseResult
    costs_usd: Mapping[str, float]
    """Of each workload's part of the plan."""
    unserved: Floats
    """[sample, workload] requests."""


def unserved_requests(rps: Floats, capacity_rps: Floats, interval_s: int) -> float:
    """Requests beyond the capacity [T] of rates [T, piece of an interval]; none of them waits."""
    enough = capacity_rps[:, None] * (1.0 + ROUNDING)
    beyond = np.where(rps > enough, rps - capacity_rps[:, None], 0.0)
    return float(beyond.mean(axis=1).sum()) * interval_s


def met(serving: Serving, scenario: Scenario, samples: Sequence[Sample]) -> Floats:
    """[sample, workload] requests that the plan does not serve.

    Of workloads without samples of their demand as much comes as is planned, without headroom.
    """
    interval_s = scenario.horizon.interval_s
    planned = {
        load.name: np.array([[each.rps / (1.0 + load.headroom)] for each in load.demand])
        for load in scenario.workloads
    }
    found = np.zeros((len(samples), len(serving.workloads)))
    usual = serving.capacity_rps(Sample(0, 0))
    for i, sample in enumerate(samples):
        alike = not sample.failed and not sample.slowness
        capacity = usual if alike else serving.capacity_rps(sample)
        for w, name in enumerate(serving.workloads):
            rps = sample.rps.get(name, planned[name])
            found[i, w] = unserved_requests(rps, capacity[w], interval_s)
    return found


def asked_requests(scenario: Scenario, samples: Sequence[Sample]) -> Floats:
    """[sample, workload] requests that come."""
    seconds = scenario.horizon.interval_s
    return np.array(
        [
            [
                float(sample.rps[load.name].mean(axis=1).sum()) * seconds
                if load.name in sample.rps
                else sum(each.rps for each in load.demand) / (1.0 + load.headroom) * seconds
                for load in scenario.workloads
            ]
            for sample in samples
        ]
    )


def plan_risks(
    plans: Sequence[Met], asked: Floats, prices: Mapping[str, float | None]
) -> tuple[PlanRisk, ...]:
    """What each plan costs with its shortages; `asked` is [sample, workload] requests."""
    names = list(prices)
    whole = worth_above(
        [sum(each.costs_usd.values()) for each in plans],
        [float(each.unserved.sum(axis=1).mean()) for each in plans],
    )
    own = [
        worth_above(
            [each.costs_usd[name] for each in plans],
            [float(each.unserved[:, w].mean()) for each in plans],
        )
        for w, name in enumerate(names)
    ]
    return tuple(
        _plan_risk(each, asked, prices, whole[i], [of_work[i] for of_work in own])
        for i, each in enumerate(plans)
    )


def _plan_risk(
    plan: Met,
    asked: Floats,
    prices: Mapping[str, float | None],
    worth: float | None,
    own_worth: Sequence[float | None],
) -> PlanRisk:
    short = plan.unserved > SHORT * np.maximum(asked, 1.0)
    workloads = []
    for w, (name, price) in enumerate(prices.items()):
        mean = float(plan.unserved[:, w].mean())
        workloads.append(
            WorkloadRisk(
                name=name,
                cost_usd=plan.costs_usd[name],
                unserved_requests=spread(plan.unserved[:, w]),
                short_share=float(short[:, w].mean()),
                shortage_usd=None if price is None else price * mean / 1000.0,
                worth_above_usd_per_1000_requests=own_worth[w],
            )
        )
    cost = sum(plan.costs_usd.values())
    known = [price for price in prices.values() if price is not None]
    shortage = plan.unserved @ np.array(known) / 1000.0 if len(known) == len(prices) else None
    return PlanRisk(
        quantile=plan.quantile,
        case=plan.case,
        unserved_requests=spread(plan.unserved.sum(axis=1)),
        total_usd=None if shortage is None else spread(shortage + cost),
        short_share=float(short.any(axis=1).mean()),
        shortage_usd=None if shortage is None else float(shortage.mean()),
        shortage_usd_error=None if shortage is None else _error(shortage),
        worth_above_usd_per_1000_requests=worth,
        workloads=tuple(workloads),
    )


def best_of(plans: Sequence[PlanRisk]) -> Best | None:
    """The plan with the least expected cost; the first of equal ones."""
    known = [each for each in plans if each.total_usd is not None]
    if not known or len(known) < len([each for each in plans if each.workloads]):
        return None
    least = min(known, key=lambda each: each.total_usd.mean if each.total_usd else inf)
    assert least.total_usd is not None
    return Best(quantile=least.quantile, total_usd=least.total_usd.mean)


def best_of_workload(plans: Sequence[PlanRisk], name: str) -> Best | None:
    """The plan whose part of one workload has the least expected cost."""
    found: list[tuple[float, float | None]] = [
        (each.cost_usd + each.shortage_usd, plan.quantile)
        for plan in plans
        for each in plan.workloads
        if each.name == name and each.shortage_usd is not None
    ]
    if not found:
        return None
    total, quantile = min(found, key=lambda each: each[0])
    return Best(quantile=quantile, total_usd=total)


def worth_above(costs: Sequence[float], unserved: Sequence[float]) -> list[float | None]:
    """For each plan the price of 1,000 unserved requests above which it is the best.

    Best is least cost + price * unserved / 1000: such plans are on the lower hull of (unserved,
    cost), where the price is the slope to the next cheaper one, 0 of the cheapest. None for plans
    that are the best at no price, and for all but the first of equal ones.
    """
    order = sorted(range(len(costs)), key=lambda i: (costs[i], unserved[i], i))
    hull: list[int] = []
    for i in order:
        if hull and unserved[i] >= unserved[hull[-1]]:
            continue
        while len(hull) > 1 and _slope(costs, unserved, hull[-1], i) <= _slope(
            costs, unserved, hull[-2], hull[-1]
        ):
            hull.pop()
        hull.append(i)
    found: list[float | None] = [None] * len(costs)
    if hull:
        found[hull[0]] = 0.0
    for cheaper, dearer in pairwise(hull):
        found[dearer] = _slope(costs, unserved, cheaper, dearer)
    return found


def _slope(costs: Sequence[float], unserved: Sequence[float], cheaper: int, dearer: int) -> float:
    """USD more for 1,000 requests less."""
    return 1000.0 * (costs[dearer] - costs[cheaper]) / (unserved[cheaper] - unserved[dearer])


def spread(values: Floats) -> Spread:
    """Mean and quantiles over the samples."""
    p5, p50, p95, p99 = (float(each) for each in np.quantile(values, (0.05, 0.5, 0.95, 0.99)))
    return Spread(
        mean=float(values.mean()), p5=p5, p50=p50, p95=p95, p99=p99, most=float(values.max())
    )


def _error(values: Floats) -> float:
    return float(values.std(ddof=1)) / sqrt(len(values)) if len(values) > 1 else 0.0
