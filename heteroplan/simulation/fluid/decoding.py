"""Batches of decode replicas: how long steps take, and how much they swing.

A sequence finds more than the mean batch B: B + f / c, where f is the variance of the number in
flight over its mean (see `profiles.capacity.steps`), which the least loaded of c replicas takes.
"""

from math import exp, sqrt
from typing import Any

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.fluid.state import SPLIT, Flow
from heteroplan.simulation.signals import AGGREGATED, DECODE

SHORTEST_S = 1e-6
LASTING = 2.0 / 3.0
"""Of the variance of a batch that is left in its mean over the time that a sequence stays: where
all stay as long, what is in the batch changes evenly over it."""


@compiled
def step_s(option: Any, batch: float, context: float) -> float:
    """Time of a decode step of `batch` sequences at `context` tokens each [s]."""
    each = option.sequence + option.context * context
    time = option.base + option.root * sqrt(batch) + each * batch
    if option.other_ratio > 0.0:
        there = batch * option.other_ratio
        each = option.other_sequence + option.other_context * context
        time = max(time, option.other_base + option.other_root * sqrt(there) + each * there)
    return float(max(SHORTEST_S, option.step_floor, time))


@compiled
def slope_s(option: Any, batch: float, context: float) -> float:
    """What one more sequence adds to a step [s]."""
    return float(
        step_s(option, batch + 0.5, context) - step_s(option, max(0.0, batch - 0.5), context)
    )


@compiled
def dispersion(batch: float, slope: float, time: float) -> float:
    """Variance of the number in flight on a replica over its mean, as steps lengthen with it."""
    constant = time - slope * batch
    return min(1.0 + batch, time / constant) if constant > 0.0 else 1.0 + batch


@compiled
def run_batches(flow: Flow, workload: int, kind: int, mix: int, time: float) -> float:
    """Tokens/s of the ready replicas of a pool; writes `step` and its variance, busy time.

    Steps are those without prefill.
    """
    pool, context = flow.pools[workload, kind], flow.mixes[workload, mix]
    role = DECODE if kind == SPLIT else AGGREGATED
    tokens = steps = squares = weight = 0.0
    for number in range(flow.ranges[workload, role, 0], flow.ranges[workload, role, 1]):
        option = flow.options[number]
        if option.ready <= 0.0:
            option.batch = 0.0
            continue
        batch = pool.decoding * option.capacity / pool.weight
        option.batch = batch
        slope = slope_s(option, max(1.0, batch), context.context)
        spread = pool.burst * dispersion(batch, slope, step_s(option, batch, context.context))
        seen = max(1.0, min(option.most_running, batch + spread / pool.decode_servers))
        step = step_s(option, seen, context.context)
        alone = 1.0 / pool.decode_servers
        idle = alone * exp(-batch) + (1.0 - alone) * max(0.0, 1.0 - batch)
        option.busy += option.ready * (1.0 - idle) * time
        share = option.ready * max(batch, 1e-9)
        variance = slope * slope * batch * spread * alone
        variance += option.context * option.context * batch * context.context_variance
        tokens += option.ready * batch / step
        steps += share * step
        squares += share * (variance * LASTING + step * step)
        weight += share
    if weight > 0.0:
        pool.step = steps / weight
        pool.step_variance = max(0.0, squares / weight - pool.step * pool.step)
    return tokens
