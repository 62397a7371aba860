"""Capacity of an aggregated replica, whose prefill holds up its own decode."""

from dataclasses import dataclass
from math import inf

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.profiles import queueing
from heteroplan.profiles.decode import (
    batch_at,
    decode_coefficients,
    is_extrapolated,
    lowest_batch,
    refused_decode,
)
from heteroplan.profiles.latency import normal_quantile, percentile_batch, step_ms
from heteroplan.profiles.prefill import refused_prompt, service, service_time_ms
from heteroplan.profiles.setting import Setting, outside, zero
from heteroplan.units import MS_PER_S

HALVINGS = 50


def aggregated_point(setting: Setting) -> OperatingPoint:
    """Greatest rate r at which batch, ITL and TTFT hold, by bisection. No KV cache moves.

    Prefill takes a share phi = r * s of the time (s: prefill time of a prompt), so decode steps
    stretch to itl(B) / (1 - phi), and by Little's law B = r * osl * itl(B) / (1 - phi). The batch b
    that B stays below at the percentile must fit memory and the measured batches,
    itl(b) / (1 - phi) the ITL target, and the wait of `queueing` at utilization phi, s and that
    first step together the TTFT target. Where TTFT was measured end to end, what it was with nobody
    waiting stands for s and the step, and its mean at so many requests in flight is met too.
    """
    refused = refused_prompt(setting) or refused_decode(setting)
    if refused is not None:
        return refused
    service_ms = service_time_ms(setting)
    idle = _load(setting, service_ms, 0.0)
    if _broken(setting, idle) is not None:
        return zero(
            Limit.TTFT,
            f"prefill takes {service_ms:.4g} ms and the first decode step {idle.itl_ms:.4g} ms, "
            f"TTFT SLO {setting.slo.ttft_ms:.4g} ms",
        )
    low_rps, high_rps = 0.0, queueing.UTILIZATION_CAP * MS_PER_S / service_ms
    limit = Limit.TTFT
    for _ in range(HALVINGS):
        rate_rps = (low_rps + high_rps) / 2
        broken = _broken(setting, _load(setting, service_ms, rate_rps))
        if broken is None:
            low_rps = rate_rps
        else:
            high_rps, limit = rate_rps, broken
    load = _load(setting, service_ms, low_rps)
    return OperatingPoint(
        capacity_rps=low_rps,
        limited_by=limit,
        batch=load.mean_batch,
        utilization=load.prefill_share,
        ttft_ms=load.ttft_ms,
        itl_ms=load.itl_ms,
        extrapolated=is_extrapolated(setting, load.batch)
        or outside(setting.engine.batch_tokens_range, setting.shape.missed_tokens),
    )


@dataclass(frozen=True, slots=True)
class _Load:
    """How the replica runs at one rate."""

    prefill_share: float
    mean_batch: float
    batch: float
    """At the percentile."""
    itl_ms: float
    ttft_ms: float


def _load(setting: Setting, service_ms: float, rate_rps: float) -> _Load:
    share = rate_rps * service_ms / MS_PER_S
    stretch = 1.0 / (1.0 - share)
    mean = batch_at(setting, rate_rps, stretch)
    percentile = setting.slo.percentile
    batch = max(lowest_batch(setting), percentile_batch(mean, normal_quantile(percentile)))
    itl_ms = stretch * step_ms(decode_coefficients(setting.engine), batch, setting.mean_context)
    wait_ms = queueing.wait_ms((service(setting),), 1, share, percentile)
    ttft_ms = wait_ms + service_ms + itl_ms
    if setting.engine.ttft is not None:
        ttft_ms = max(
            wait_ms + _mean_ttft_ms(setting, 0.0, itl_ms),
            _mean_ttft_ms(setting, rate_rps, itl_ms),
        )
    return _Load(share, mean, batch, itl_ms, ttft_ms)


def _mean_ttft_ms(setting: Setting, rate_rps: float, itl_ms: float) -> float:
    """As measured end to end, with rate * (TTFT + decoding) requests in flight (Little's law).

    Infinite where the requests in flight grow faster than they are answered.
    """
    measured, isl = setting.engine.ttft, setting.shape.missed_tokens
    if measured is None:
        return 0.0
    alone_ms = measured.base_ms + measured.ms_per_token * isl
    each_ms = measured.ms_per_request + measured.ms_per_request_token * isl
    growth = each_ms * rate_rps / MS_PER_S
    decoding_ms = itl_ms * (setting.shape.osl - 1.0)
    return (alone_ms + growth * decoding_ms) / (1.0 - growth) if growth < 1.0 else inf


def _broken(setting: Setting, load: _Load) -> Limit | None:
    """The first limit that `load` breaks."""
    engine, slo = setting.engine, setting.slo
    if load.itl_ms > slo.itl_ms:
        return Limit.ITL
    if engine.kv_tokens is not None and load.batch * setting.kv_tokens > engine.kv_tokens:
        return Limit.KV_MEMORY
    if engine.max_sequences is not None and load.batch > engine.max_sequences:
        return Limit.MAX_SEQUENCES
    measured = engine.batch_range
    if measured is not None and load.batch > measured.high and not setting.allow_extrapolation:
        return Limit.RANGE
    return Limit.TTFT if load.ttft_ms > slo.ttft_ms else None
