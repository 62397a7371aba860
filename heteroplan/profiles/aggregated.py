"""Capacity of an aggregated replica, whose prefill holds up its own decode."""

from dataclasses import dataclass
from math import exp, inf, log, sqrt

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.profiles import queueing
from heteroplan.profiles.decode import (
    batch_at,
    decode_coefficients,
    is_extrapolated,
    lowest_batch,
    refused_decode,
)
from heteroplan.profiles.latency import (
    normal_quantile,
    percentile_batch,
    prefill_ms,
    step_ms,
)
from heteroplan.profiles.prefill import coefficients, lengths, refused_prompt, service
from heteroplan.profiles.queueing import HALVINGS, UTILIZATION_CAP, Budget, Service
from heteroplan.profiles.setting import Setting, outside, zero
from heteroplan.units import MS_PER_S


def aggregated_point(setting: Setting) -> OperatingPoint:
    """Greatest rate r at which batch, ITL and TTFT hold, by bisection. No KV cache moves.

    Prefill takes a share phi = r * s of the time (s: prefill time of a prompt), so decode steps
    stretch to itl(B) / (1 - phi), and by Little's law B = r * osl * itl(B) / (1 - phi). The batch b
    that B stays below at the percentile must fit memory and the measured batches. So must
    itl(b) / (1 - phi') the ITL target, phi' being the share of a request's decoding that prefill
    takes at the percentile: phi * (1 + z / sqrt(B)), as about B prompts come meanwhile. And the
    wait of `queueing` at utilization phi, s and that first step together the TTFT target. Where
    TTFT was measured end to end, what it was with nobody waiting stands for s and the step, and its
    wait at so many requests in flight, taken to be exponential, keeps to the target too.
    """
    refused = refused_prompt(setting) or refused_decode(setting)
    if refused is not None:
        return refused
    busy = service(setting)
    idle = _load(setting, busy, 0.0)
    if _broken(setting, idle) is not None:
        return zero(
            Limit.TTFT,
            f"a first token takes {idle.ttft_ms:.4g} ms with nobody waiting, of which "
            f"{idle.itl_ms:.4g} ms are a decode step; TTFT SLO {setting.slo.ttft_ms:.4g} ms",
        )
    low_rps, high_rps = 0.0, UTILIZATION_CAP * MS_PER_S / busy.mean_ms
    limit = Limit.TTFT
    for _ in range(HALVINGS):
        rate_rps = (low_rps + high_rps) / 2
        broken = _broken(setting, _load(setting, busy, rate_rps))
        if broken is None:
            low_rps = rate_rps
        else:
            high_rps, limit = rate_rps, broken
    load = _load(setting, busy, low_rps)
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
    """At the percentile, of a prompt of mean length."""
    late: float
    """Share of the requests that miss their TTFT."""


def _load(setting: Setting, busy: Service, rate_rps: float) -> _Load:
    share = rate_rps * busy.mean_ms / MS_PER_S
    stretch = 1.0 / (1.0 - share)
    mean = batch_at(setting, rate_rps, stretch)
    percentile = setting.slo.percentile
    deviations = normal_quantile(percentile)
    batch = max(lowest_batch(setting), percentile_batch(mean, deviations))
    busiest = share * (1.0 + deviations * _swing(setting, rate_rps, mean))
    step = step_ms(decode_coefficients(setting.engine), batch, setting.mean_context)
    itl_ms = step / (1.0 - busiest) if busiest < 1.0 else inf
    budgets = [
        Budget(part, setting.slo.ttft_ms - _alone_ms(setting, length, itl_ms))
        for part, length in lengths(setting.shape.isl_cv or 0.0)
    ]
    measured_ms = _measured_wait_ms(setting, rate_rps, itl_ms)
    queue_ms = queueing.wait_ms((busy,), 1, share, percentile)
    late = max(
        queueing.late_share((busy,), 1, share, budgets),
        sum(each.share * _exceeds(each.wait_ms, measured_ms) for each in budgets),
    )
    wait_ms = max(queue_ms, -measured_ms * log(1.0 - percentile))
    return _Load(share, mean, batch, itl_ms, wait_ms + _alone_ms(setting, 1.0, itl_ms), late)


def _swing(setting: Setting, rate_rps: float, mean_batch: float) -> float:
    """Deviation of the prefill that falls into the decoding of one request, over its mean.

    As many prompts come in that time as requests decode at a time (Little's law), a Poisson number,
    taken to be one at least, and their lengths are spread. None of an idle replica.
    """
    if rate_rps <= 0.0:
        return 0.0
    return sqrt((1.0 + (setting.shape.isl_cv or 0.0) ** 2) / max(1.0, mean_batch))


def _alone_ms(setting: Setting, length: float, itl_ms: float) -> float:
    """TTFT of a prompt of so many mean lengths with nobody waiting [ms]."""
    tokens, measured = setting.shape.missed_tokens * length, setting.engine.ttft
    if measured is None:
        return prefill_ms(coefficients(setting), tokens) + itl_ms
    return measured.base_ms + measured.ms_per_token * tokens


def _measured_wait_ms(setting: Setting, rate_rps: float, itl_ms: float) -> float:
    """Mean wait as measured end to end, with rate * (TTFT + decoding) requests in flight [ms].

    0 where it was not measured, infinite where requests in flight grow faster than they are
    answered. Waits longer than the mean are taken to be exponential.
    """
    measured, isl = setting.engine.ttft, setting.shape.missed_tokens
    if measured is None:
        return 0.0
    each_ms = measured.ms_per_request + measured.ms_per_request_token * isl
    growth = each_ms * rate_rps / MS_PER_S
    answering_ms = _alone_ms(setting, 1.0, itl_ms) + itl_ms * (setting.shape.osl - 1.0)
    return growth * answering_ms / (1.0 - growth) if growth < 1.0 else inf


def _exceeds(wait_ms: float, mean_ms: float) -> float:
    """P(an exponential wait of `mean_ms` > `wait_ms`)."""
    if wait_ms < 0.0:
        return 1.0
    return exp(-wait_ms / mean_ms) if mean_ms > 0.0 else 0.0


def _broken(setting: Setting, load: _Load) -> Limit | None:
    """The first limit that `load` breaks."""
    engine, slo = setting.engine, setting.slo
    if load.itl_ms > slo.itl_ms or load.batch == inf:
        return Limit.ITL
    if engine.kv_tokens is not None and load.batch * setting.kv_tokens > engine.kv_tokens:
        return Limit.KV_MEMORY
    if engine.max_sequences is not None and load.batch > engine.max_sequences:
        return Limit.MAX_SEQUENCES
    measured = engine.batch_range
    if measured is not None and load.batch > measured.high and not setting.allow_extrapolation:
        return Limit.RANGE
    return Limit.TTFT if load.late > 1.0 - slo.percentile else None
