"""Capacity of a prefill replica: TTFT with queueing, and KV transfer."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import sqrt

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import PrefillCoefficients
from heteroplan.profiles import batching, queueing
from heteroplan.profiles.latency import prefill_ms
from heteroplan.profiles.queueing import Budget, Service
from heteroplan.profiles.setting import Setting, out_of_range, outside, zero
from heteroplan.units import MS_PER_S

MOST_PROMPTS = 32
"""Of a batch; larger ones gain nothing."""
LENGTHS, TAIL, FINEST = 100, 0.1, 1e-8
"""Parts of input lengths of a known spread, half as many in the tail; its share, and the last's."""


def prefill_point(setting: Setting) -> OperatingPoint:
    """Greatest rate of prompts, taken one by one or, of a single class, in batches (`batching`).

    A prompt of a class may wait in the queue for

        W = ttft - its prefill time - KV transfer - first decode step (itl)

    and the pool may be so busy that the percentile of all requests waits no longer, by `queueing`:
    as busy as the mix of classes allows, and no busier than this class alone would (an engine may
    get less of one class than of another). The rate is that share of the time over the mean prefill
    time, no more than the NIC moves.
    """
    engine, shape, slo = setting.engine, setting.shape, setting.slo
    refused = refused_prompt(setting)
    if refused is not None:
        return refused
    service_ms = service_time_ms(setting)
    if not _is_served(setting):
        return zero(
            Limit.TTFT,
            f"prefill takes {service_ms:.4g} ms, KV transfer {setting.transfer_ms:.4g} ms and the "
            f"first decode step up to {slo.itl_ms:.4g} ms, TTFT SLO {slo.ttft_ms:.4g} ms",
        )
    served = [each for each in map(setting.of, setting.mix) if _is_served(each)]
    prompts = _prompts(setting)
    if prompts > 1 and len(served) <= 1 and setting.servers == 1:
        return _batched(setting, prompts)
    alone = _busy([setting])
    busy = min(alone, _busy(served)) if len(served) > 1 else alone
    if busy <= 0.0:
        return zero(
            Limit.TTFT,
            f"more than {1 - slo.percentile:.3g} of the requests are too long for the TTFT SLO of "
            f"{slo.ttft_ms:.4g} ms, at isl_cv {shape.isl_cv or 0:g}",
        )
    mean_ms = service(setting).mean_ms
    queue_rps = busy * MS_PER_S / mean_ms
    capacity_rps = min(queue_rps, setting.transfer_rps)
    utilization = min(busy, capacity_rps * mean_ms / MS_PER_S)
    services = tuple(service(each) for each in served or [setting])
    wait_ms = queueing.wait_ms(services, setting.servers, utilization, slo.percentile)
    return OperatingPoint(
        capacity_rps=capacity_rps,
        limited_by=Limit.TTFT if queue_rps <= setting.transfer_rps else Limit.KV_TRANSFER,
        batch=1.0,
        utilization=utilization,
        ttft_ms=fixed_ms(setting) + service_ms + wait_ms,
        extrapolated=outside(engine.batch_tokens_range, shape.missed_tokens),
    )


def _prompts(setting: Setting) -> int:
    """Prompts of the class that a batch holds, as far as was measured."""
    engine, tokens = setting.engine, setting.shape.missed_tokens
    limits = [MOST_PROMPTS, (engine.max_batch_tokens or 0) / tokens]
    if engine.batch_tokens_range is not None and not setting.allow_extrapolation:
        limits.append(engine.batch_tokens_range.high / tokens)
    return max(1, int(min(limits)))


def _batched(setting: Setting, prompts: int) -> OperatingPoint:
    """As `batching` has it, k prompts of spread lengths counted a standard deviation longer."""
    slo, shape = setting.slo, setting.shape
    cv = 1.0 if shape.isl_cv is None else shape.isl_cv
    service_ms = tuple(
        prefill_ms(coefficients(setting), shape.missed_tokens * k * (1.0 + cv / sqrt(k)))
        for k in range(1, prompts + 1)
    )
    queue_rps = batching.greatest_rate_rps(
        service_ms, slo.ttft_ms - fixed_ms(setting), slo.percentile
    )
    capacity_rps = min(queue_rps, setting.transfer_rps)
    return OperatingPoint(
        capacity_rps=capacity_rps,
        limited_by=Limit.TTFT if queue_rps <= setting.transfer_rps else Limit.KV_TRANSFER,
        reason="" if capacity_rps > 0 else "a full batch takes longer than the TTFT SLO allows",
        batch=float(prompts),
        utilization=capacity_rps * service_ms[-1] / prompts / MS_PER_S,
        ttft_ms=slo.ttft_ms,
        extrapolated=outside(setting.engine.batch_tokens_range, shape.missed_tokens * prompts),
    )


def service_time_ms(setting: Setting) -> float:
    """Prefill time of the cache-missed tokens of a request of mean length [ms]."""
    return prefill_ms(coefficients(setting), setting.shape.missed_tokens)


def service(setting: Setting) -> Service:
    """How long the class holds a replica: mean and spread of its prefill times.

    Where the spread of its lengths is not stated, a queue behind exponential times is taken.
    """
    shape = setting.shape
    if shape.isl_cv is None:
        return Service(shape.share, service_time_ms(setting), 1.0)
    times = own_times(setting)
    mean_ms = sum(share * time_ms for share, time_ms in times)
    squares = sum(share * (time_ms / mean_ms) ** 2 for share, time_ms in times)
    return Service(shape.share, mean_ms, sqrt(max(0.0, squares - 1.0)))


def fixed_ms(setting: Setting) -> float:
    """Of a TTFT, what is neither waiting nor prefill [ms]."""
    return setting.transfer_ms + setting.slo.itl_ms


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


def coefficients(setting: Setting) -> PrefillCoefficients:
    """The engine's. Raises ValueError where it has none (and no given capacity)."""
    engine = setting.engine
    if engine.prefill is None:
        raise ValueError(f"engine {engine.name} has neither prefill coefficients nor a capacity")
    return engine.prefill


def _is_served(setting: Setting) -> bool:
    slowest_ms = fixed_ms(setting) + service_time_ms(setting)
    return refused_prompt(setting) is None and slowest_ms <= setting.slo.ttft_ms


def _busy(settings: Sequence[Setting]) -> float:
    """Greatest utilization at which the classes of `settings` meet their TTFT together."""
    whole = sum(each.shape.share for each in settings)
    return queueing.greatest_utilization(
        tuple(service(each) for each in settings),
        settings[0].servers,
        tuple(
            Budget(share / whole, wait_ms) for each in settings for share, wait_ms in _budgets(each)
        ),
        settings[0].slo.percentile,
    )


def _budgets(setting: Setting) -> Iterator[tuple[float, float]]:
    """Shares of the requests and how long each may wait [ms]."""
    left_ms = setting.slo.ttft_ms - fixed_ms(setting)
    for share, own_ms in own_times(setting):
        yield setting.shape.share * share, left_ms - own_ms


def own_times(setting: Setting) -> list[tuple[float, float]]:
    """Shares of the class and their prefill times [ms]; of the mean length where none is stated."""
    values, tokens = coefficients(setting), setting.shape.missed_tokens
    return [
        (share, prefill_ms(values, tokens * length))
        for share, length in lengths(setting.shape.isl_cv or 0.0)
    ]


@lru_cache
def lengths(cv: float) -> tuple[tuple[float, float], ...]:
    """Shares of a gamma of mean 1 and `cv`, and the mean length of each, ever finer in the tail."""
    if cv == 0.0:
        return ((1.0, 1.0),)
    import numpy as np
    from scipy.stats import gamma

    body = np.linspace(0.0, 1.0 - TAIL, LENGTHS + 1)
    tail = 1.0 - TAIL * np.geomspace(1.0, FINEST / TAIL, LENGTHS // 2)[1:]
    shape, scale = 1.0 / cv**2, cv**2
    ends = gamma.ppf(np.concatenate([body, tail, [1.0]]), shape, scale=scale)
    shares = np.diff(gamma.cdf(ends, shape, scale=scale))
    means = np.diff(gamma.cdf(ends, shape + 1.0, scale=scale))
    return tuple(
        (float(share), float(mean / share))
        for share, mean in zip(shares, means, strict=True)
        if share > 0.0
    )
