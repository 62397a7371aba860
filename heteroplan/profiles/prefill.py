"""Capacity of a prefill replica: TTFT with queueing, and KV transfer."""

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.profiles import queueing
from heteroplan.profiles.latency import prefill_ms
from heteroplan.profiles.setting import Setting, out_of_range, outside, zero
from heteroplan.units import MS_PER_S


def prefill_point(setting: Setting) -> OperatingPoint:
    """Greatest rate of prompts, one prompt a batch.

    With s the prefill time of the cache-missed tokens, a request may wait for

        W = ttft - s - KV transfer - first decode step (itl)

    and the rate is rho(W, s) / s with rho of `queueing`, no more than the NIC moves.
    """
    engine, shape, slo = setting.engine, setting.shape, setting.slo
    refused = refused_prompt(setting)
    if refused is not None:
        return refused
    service_ms = service_time_ms(setting)
    fixed_ms = service_ms + setting.transfer_ms + slo.itl_ms
    if fixed_ms > slo.ttft_ms:
        return zero(
            Limit.TTFT,
            f"prefill takes {service_ms:.4g} ms, KV transfer {setting.transfer_ms:.4g} ms and the "
            f"first decode step up to {slo.itl_ms:.4g} ms, TTFT SLO {slo.ttft_ms:.4g} ms",
        )
    busy = queueing.greatest_utilization(slo.ttft_ms - fixed_ms, service_ms, slo.percentile)
    queue_rps = busy * MS_PER_S / service_ms
    capacity_rps = min(queue_rps, setting.transfer_rps)
    utilization = capacity_rps * service_ms / MS_PER_S
    return OperatingPoint(
        capacity_rps=capacity_rps,
        limited_by=Limit.TTFT if queue_rps <= setting.transfer_rps else Limit.KV_TRANSFER,
        batch=1.0,
        utilization=utilization,
        ttft_ms=fixed_ms + queueing.wait_ms(utilization, service_ms, slo.percentile),
        extrapolated=outside(engine.batch_tokens_range, shape.missed_tokens),
    )


def service_time_ms(setting: Setting) -> float:
    """Prefill time of the cache-missed tokens [ms]. Raises ValueError without coefficients."""
    engine = setting.engine
    if engine.prefill is None:
        raise ValueError(f"engine {engine.name} has neither prefill coefficients nor a capacity")
    return prefill_ms(engine.prefill, setting.shape.missed_tokens)


def refused_prompt(setting: Setting) -> OperatingPoint | None:
    """Why the replica cannot take the prompt at all; None where it can."""
    engine, shape = setting.engine, setting.shape
    if outside(engine.batch_tokens_range, shape.missed_tokens) and not setting.allow_extrapolation:
        return out_of_range("a prompt", shape.missed_tokens, engine.batch_tokens_range)
    if engine.kv_tokens is not None and shape.isl > engine.kv_tokens:
        return zero(
            Limit.KV_MEMORY,
            f"a prompt holds {shape.isl:.4g} KV tokens, the replica {engine.kv_tokens}",
        )
    return None
