"""Capacity of a decode replica: ITL, KV memory, KV transfer."""

from dataclasses import replace
from math import log

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import RequestClass
from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.profiles.capacity.latency import step_ms
from heteroplan.profiles.capacity.setting import (
    Points,
    Setting,
    out_of_range,
    outside,
    serving,
    zero,
)
from heteroplan.profiles.capacity.steps import (
    DecodeSteps,
    Peak,
    beyond,
    decode_coefficients,
    lowest_batch,
    steady_batch,
    used,
    uses,
)
from heteroplan.profiles.capacity.targets import holding_itl, itl_target_ms
from heteroplan.units import MS_PER_S

OVERRUN = 1e6
"""How many times a limit an endless load counts as."""


def decode_points(setting: Setting) -> Points:
    """Greatest rate of the mix, shared out to its classes.

    By Little's law so many sequences are in flight (`DecodeSteps.load`) that, at the percentile of
    the requests (or, of the ITL of tokens, of the time), steps keep to the ITL, to KV memory with
    the contexts that they hold, and to the sequences that are allowed and were measured
    (`DecodeSteps.peak`). No more than the NIC moves.
    """
    return serving(setting, refused_decode, holding_itl(_decoded))


def refused_decode(setting: Setting, shape: RequestClass) -> OperatingPoint | None:
    """Why not even one sequence of the class can be decoded; None where one can."""
    engine, itl_ms, context = setting.engine, itl_target_ms(setting, shape), shape.decode_context
    if outside(engine.context_range, context) and not setting.allow_extrapolation:
        return out_of_range("a decode context", context, engine.context_range)
    alone_ms = step_ms(decode_coefficients(engine), 1.0, context)
    if alone_ms > itl_ms:
        return zero(Limit.ITL, f"ITL is {alone_ms:.4g} ms at batch 1, SLO {itl_ms:.4g} ms")
    if engine.kv_tokens is not None and shape.isl + shape.osl > engine.kv_tokens:
        return zero(
            Limit.KV_MEMORY,
            f"a request holds {shape.isl + shape.osl:.4g} KV tokens, the replica "
            f"{engine.kv_tokens}",
        )
    alone = replace(setting.of(shape), slo=replace(setting.slo, itl_ms=itl_ms))
    most = steady_batch(alone, DecodeSteps.of(alone))
    if most < lowest_batch(setting):
        return out_of_range("a decode batch", most, engine.batch_range)
    return None


def _decoded(setting: Setting) -> Points:
    steps = DecodeSteps.of(setting)
    steady = steady_batch(setting, steps)
    most_rps = steady * MS_PER_S / (steps.osl * step_ms(steps.values, steady, steps.context))
    rate_rps = largest_meeting(lambda rate: excess(setting, steps.peak(steps.load(rate))), most_rps)
    limit = tightest(setting, steps.peak(steps.load(rate_rps)))
    if rate_rps <= 0.0:
        return (_too_bursty(steps, limit),) * len(setting.mix)
    if rate_rps > setting.transfer_rps:
        rate_rps, limit = setting.transfer_rps, Limit.KV_TRANSFER
    load = steps.load(rate_rps)
    batch, peak = load.sequences, steps.peak(load)
    capacities = setting.shared_out(rate_rps, uses(setting, steps, limit, batch))
    return tuple(
        OperatingPoint(
            capacity_rps=capacity_rps,
            limited_by=limit,
            batch=batch,
            utilization=min(1.0, batch / steady),
            itl_ms=peak.itl_ms,
            extrapolated=is_extrapolated(setting, shape, peak),
        )
        for shape, capacity_rps in zip(setting.mix, capacities, strict=True)
    )


def _too_bursty(steps: DecodeSteps, limit: Limit) -> OperatingPoint:
    dispersion = steps.load(0.0).dispersion
    met = steps.swing.own + steps.swing.met(dispersion)
    return zero(
        limit,
        f"of requests in bursts (dispersion {dispersion:.4g}, {steps.swing.servers} replicas) "
        f"{met:.4g} at a time come to a replica, more than it decodes within its limits",
    )


def excess(setting: Setting, peak: Peak) -> float:
    """ln of the part that `peak` uses of the tightest limit; below 0 within all."""
    return log(min(OVERRUN, max(used(setting, peak).values()))) - ROUNDING


def tightest(setting: Setting, peak: Peak) -> Limit:
    """The limit of which `peak` uses most."""
    parts = used(setting, peak)
    return max(parts, key=parts.__getitem__)


def is_extrapolated(setting: Setting, shape: RequestClass, peak: Peak) -> bool:
    """Whether a step at `peak` was not measured, where larger ones are allowed."""
    engine, batch = setting.engine, max(lowest_batch(setting), peak.sequences)
    return beyond(setting) and (
        outside(engine.context_range, shape.decode_context) or outside(engine.batch_range, batch)
    )
