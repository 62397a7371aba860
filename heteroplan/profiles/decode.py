"""Capacity of a decode replica: ITL, KV memory, KV transfer."""

from math import sqrt

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import DecodeCoefficients, Engine
from heteroplan.profiles.latency import (
    batch_within,
    mean_batch,
    normal_quantile,
    percentile_batch,
    slope_ms,
    step_ms,
)
from heteroplan.profiles.setting import Setting, out_of_range, outside, zero
from heteroplan.units import MS_PER_S

MOST_SEQUENCES = 65536.0
"""Bound of a batch that neither ITL nor memory nor a measured range bounds."""


def decode_point(setting: Setting) -> OperatingPoint:
    """Greatest rate of requests by Little's law: B / (osl * itl(B)).

    The greatest step batch b keeps itl(b) <= slo.itl at the mean context isl + osl/2 and
    b * (isl + osl) <= KV tokens, inside the measured batches. The mean batch B stays below b at
    the percentile: B + z * sqrt(B) = b. No more than the NIC moves.
    """
    coefficients = decode_coefficients(setting.engine)
    refused = refused_decode(setting)
    if refused is not None:
        return refused
    greatest, limit = greatest_batch(setting)
    deviations = normal_quantile(setting.slo.percentile)
    mean = mean_batch(greatest, deviations)
    step = step_ms(coefficients, max(mean, lowest_batch(setting)), setting.mean_context)
    capacity_rps = mean * MS_PER_S / (setting.shape.osl * step)
    if capacity_rps > setting.transfer_rps:
        capacity_rps, limit = setting.transfer_rps, Limit.KV_TRANSFER
        mean = batch_at(setting, capacity_rps, stretch=1.0)
    highest = max(lowest_batch(setting), percentile_batch(mean, deviations))
    return OperatingPoint(
        capacity_rps=capacity_rps,
        limited_by=limit,
        batch=mean,
        utilization=mean / greatest,
        itl_ms=step_ms(coefficients, highest, setting.mean_context),
        extrapolated=is_extrapolated(setting, highest),
    )


def decode_coefficients(engine: Engine) -> DecodeCoefficients:
    """Those of `engine`. Raises ValueError where it has none (and no given capacity)."""
    if engine.decode is None:
        raise ValueError(f"engine {engine.name} has neither decode coefficients nor a capacity")
    return engine.decode


def refused_decode(setting: Setting) -> OperatingPoint | None:
    """Why not even one sequence can be decoded; None where one can."""
    engine, slo = setting.engine, setting.slo
    coefficients = decode_coefficients(engine)
    if outside(engine.context_range, setting.mean_context) and not setting.allow_extrapolation:
        return out_of_range("a decode context", setting.mean_context, engine.context_range)
    alone_ms = step_ms(coefficients, 1.0, setting.mean_context)
    if alone_ms > slo.itl_ms:
        return zero(Limit.ITL, f"ITL is {alone_ms:.4g} ms at batch 1, SLO {slo.itl_ms:.4g} ms")
    if engine.kv_tokens is not None and setting.kv_tokens > engine.kv_tokens:
        return zero(
            Limit.KV_MEMORY,
            f"a request holds {setting.kv_tokens:.4g} KV tokens, the replica {engine.kv_tokens}",
        )
    greatest, _ = greatest_batch(setting)
    if greatest < lowest_batch(setting):
        return out_of_range("a decode batch", greatest, engine.batch_range)
    return None


def greatest_batch(setting: Setting) -> tuple[float, Limit]:
    """Sequences that a decode step can hold, and what keeps it from holding more."""
    engine, coefficients = setting.engine, decode_coefficients(setting.engine)
    within = batch_within(coefficients, setting.mean_context, setting.slo.itl_ms)
    limits = [(MOST_SEQUENCES, Limit.RANGE), (within, Limit.ITL)]
    if engine.kv_tokens is not None:
        limits.append((engine.kv_tokens / setting.kv_tokens, Limit.KV_MEMORY))
    if engine.max_sequences is not None:
        limits.append((engine.max_sequences, Limit.MAX_SEQUENCES))
    if engine.batch_range is not None and not setting.allow_extrapolation:
        limits.append((engine.batch_range.high, Limit.RANGE))
    return min(limits, key=lambda found: found[0])


def lowest_batch(setting: Setting) -> float:
    """Smallest batch that a step time is taken for.

    A step holds one sequence at least, and none below the measured batches is taken as faster.
    """
    span = setting.engine.batch_range
    return max(1.0, span.low) if span is not None and not setting.allow_extrapolation else 1.0


def batch_at(setting: Setting, rate_rps: float, stretch: float) -> float:
    """Mean batch B in flight at `rate_rps`: B = rate * osl * itl(B) * stretch (Little's law).

    Infinite where steps grow faster than the batch is worked off.
    """
    coefficients = decode_coefficients(setting.engine)
    steps_per_ms = rate_rps * setting.shape.osl * stretch / MS_PER_S
    growth = steps_per_ms * slope_ms(coefficients, setting.mean_context)
    if growth >= 1.0:
        return float("inf")
    lowest = lowest_batch(setting)
    at_lowest = steps_per_ms * step_ms(coefficients, lowest, setting.mean_context)
    root = steps_per_ms * coefficients.ms_per_root_sequence
    rest = 4.0 * (1 - growth) * steps_per_ms * coefficients.base_ms
    growing = ((root + sqrt(root**2 + rest)) / (2.0 * (1 - growth))) ** 2
    return at_lowest if at_lowest <= lowest else max(at_lowest, growing)


def is_extrapolated(setting: Setting, batch: float) -> bool:
    """Whether a step of `batch` sequences was not measured, as the user allows."""
    engine = setting.engine
    return setting.allow_extrapolation and (
        outside(engine.context_range, setting.mean_context) or outside(engine.batch_range, batch)
    )
