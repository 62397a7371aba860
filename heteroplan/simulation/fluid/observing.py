"""Which requests are in time: waits, prefill, first step and mean step beside the SLO.

A request belongs to the interval in which it arrived. Who leaves the queue arrived when as many had
arrived before it as have left: first come, first served.
"""

from math import log, sqrt
from typing import Any

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.fluid.state import (
    LEAST_WAIT_S,
    LENGTH_GROWTH,
    LENGTHS,
    QUANTILES,
    SPLIT,
    WAIT_GROWTH,
    WAITS,
    Flow,
)
from heteroplan.simulation.fluid.waiting import normal, within
from heteroplan.simulation.signals import AGGREGATED, PREFILL

LOG_GROWTH = log(LENGTH_GROWTH)
NOBODY = 1e-9
"""Requests, or seconds, that are none."""


@compiled
def in_queue(pool: Any) -> float:
    """Prompts that wait, those left out of which prefill has begun (Little's law)."""
    if pool.rate <= 0.0:
        return float(pool.queued)
    return float(min(pool.queued, pool.through * pool.wait))


@compiled
def age(flow: Flow, workload: int, now: float) -> float:
    """How long those have waited who leave the queue now; moves on `served`."""
    told, waiting = flow.workloads[workload], 0.0
    for kind in range(2):
        waiting += in_queue(flow.pools[workload, kind]) + flow.pools[workload, kind].admitting
    before = told.came - waiting
    while told.piece < len(flow.edges) - 1 and told.served < now:
        end = min(flow.edges[told.piece + 1], now)
        rate = flow.rates[workload, told.piece]
        amount = rate * (end - told.served)
        if told.passed + amount > before:
            if before > told.passed:
                told.served += (before - told.passed) / rate
                told.passed = before
            break
        told.passed += amount
        told.served = end
        if end < now:
            told.piece += 1
    return float(now - told.served)


@compiled
def observe(flow: Flow, workload: int, now: float) -> None:
    """Compare what left the queue since the last time with the SLO."""
    told = flow.workloads[workload]
    begin, before = told.served, told.age
    told.age = age(flow, workload, now)
    for kind in range(2):
        pool = flow.pools[workload, kind]
        if pool.seen > NOBODY:
            observe_pool(flow, workload, kind, begin, (before + told.age) / 2.0)
        pool.seen = pool.seen_wait = pool.seen_square = 0.0
        pool.seen_step = pool.seen_variance = pool.seen_after = 0.0


@compiled
def observe_pool(flow: Flow, workload: int, kind: int, begin: float, waited: float) -> None:
    """Add the shares in time to the cell of the interval in which the requests arrived."""
    pool, told = flow.pools[workload, kind], flow.workloads[workload]
    amount = pool.seen
    wait, square = pool.seen_wait / amount, pool.seen_square / amount
    if wait > NOBODY:
        square *= (waited / wait) ** 2
    wait = waited
    square = max(square, wait * wait)
    step, after = pool.seen_step / amount, pool.seen_after / amount
    spread = sqrt(max(0.0, pool.seen_variance / amount - step * step))
    interval = min(int(0.5 * (begin + told.served) / flow.clock[2]), flow.cells.shape[1] - 1)
    in_ttft = 0.0
    role = PREFILL if kind == SPLIT else AGGREGATED
    mean = 0.0
    for number in range(flow.ranges[workload, role, 0], flow.ranges[workload, role, 1]):
        ready = flow.options[number].ready
        if ready <= 0.0:
            continue
        share = ready / pool.replicas / QUANTILES
        for part in range(QUANTILES):
            own = flow.own[number, pool.mix, part] + after
            mean += share * own
            in_ttft += share * within(wait, square, told.ttft - own)
    in_itl = normal((told.itl - step) / max(spread, 1e-12))
    cell = flow.cells[workload, interval]
    cell.out += amount
    cell.in_ttft += amount * in_ttft
    cell.in_itl += amount * in_itl
    cell.in_both += amount * in_ttft * in_itl
    cell.step += amount * step
    cell.spread += amount * (spread * spread + step * step)
    cell.after += amount * mean
    add_waits(flow.waits[workload, interval], wait, square, amount)
    part_of = amount / QUANTILES
    for part in range(QUANTILES):
        whole = wait + mean + step * (flow.osl[workload, pool.mix, part] - 1.0)
        place = 1 + int(log(max(whole / LEAST_WAIT_S, 1.0)) / LOG_GROWTH)
        flow.ends[workload, min(place, LENGTHS - 1)] += part_of


@compiled
def add_waits(classes, wait: float, square: float, amount: float) -> None:  # type: ignore[no-untyped-def]
    """Spread so many requests over the classes of waits."""
    below, edge = 0.0, LEAST_WAIT_S
    for place in range(WAITS):
        share = within(wait, square, edge) if place < WAITS - 1 else 1.0
        if share > 0.99999:
            share = 1.0
        classes[place] += amount * (share - below)
        if share >= 1.0:
            break
        below = share
        edge *= WAIT_GROWTH
