"""Capacity of a prefill replica: TTFT with queueing, and KV transfer."""

from collections.abc import Sequence
from functools import lru_cache
from math import inf, sqrt

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import PrefillCoefficients, RequestClass
from heteroplan.profiles.capacity.latency import prefill_ms
from heteroplan.profiles.capacity.setting import (
    Points,
    Setting,
    out_of_range,
    outside,
    serving,
    zero,
)
from heteroplan.profiles.capacity.targets import first_steps_ms, slo_of, ttft_target_ms
from heteroplan.queueing import batching
from heteroplan.queueing.lengths import gamma_parts
from heteroplan.queueing.waiting import Budget, ReplicaPool, Service
from heteroplan.units import MS_PER_S

MOST_PROMPTS = 32
"""Of a batch; larger ones gain nothing."""
IDLE = 1e-6
"""A replica that may be no busier than this serves nothing."""

type Parts = tuple[tuple[float, float], ...]
"""Shares of the requests of a class and a value of each."""


def prefill_points(setting: Setting) -> Points:
    """Greatest rate of the mix, one prompt at a time or, of equal classes, in batches (`batching`).

    A prompt may wait in the queue for

        W = ttft - its prefill time - KV transfer - first decode step (at most itl)

    and the replica may be so busy that the percentile of the requests of all classes waits no
    longer, by `queueing`; those with W < 0 are late, which may be as many as are not promised. Only
    where even an idle replica is late for more of them, classes too long for the TTFT are refused
    and the rest goes on. With one busy share for the mix the capacity of a class is that share of
    the time over its mean prefill time; no more than the NIC moves.

    Classes may have targets of their own (`targets`), and those that have another percentile keep
    it among themselves.
    """
    return serving(setting, refused_prompt, _together)


def _together(setting: Setting) -> Points:
    """The whole mix where that can be in time, otherwise without the classes that are too long."""
    whole = _one_by_one(setting) if _prompts(setting) == 1 else ()
    return whole or serving(setting, _too_long, _short_enough)


def _short_enough(setting: Setting) -> Points:
    prompts = _prompts(setting)
    if prompts > 1:
        return _batched(setting, prompts)
    return _one_by_one(setting) or tuple(_too_spread(setting, shape) for shape in setting.mix)


def _too_long(setting: Setting, shape: RequestClass) -> OperatingPoint | None:
    service_ms = prefill_ms(coefficients(setting), shape.missed_tokens)
    if _left_ms(setting, shape, 1.0, service_ms) >= 0.0:
        return None
    target_ms = min(
        ttft_target_ms(setting, shape, service_ms + setting.transfer_ms(shape) + alone_ms)
        for alone_ms, _ in first_steps_ms(setting, shape)
    )
    return zero(
        Limit.TTFT,
        f"prefill takes {service_ms:.4g} ms, KV transfer {setting.transfer_ms(shape):.4g} ms and "
        f"the first decode step up to {_step_ms(setting, shape):.4g} ms, "
        f"TTFT SLO {target_ms:.4g} ms",
    )


def _too_spread(setting: Setting, shape: RequestClass) -> OperatingPoint:
    slo = slo_of(setting, shape)
    target = f"{slo.ttft_ms:.4g} ms" if slo.ttft_ms < inf else f"{slo.ttft_slowdown:g} times alone"
    return zero(
        Limit.TTFT,
        f"more than {1 - slo.ttft_share:.3g} of the requests are too long for the TTFT SLO of "
        f"{target}, at isl_cv {shape.isl_cv or 0:g}",
    )


def _one_by_one(setting: Setting) -> Points:
    """Empty where not even an idle replica is in time."""
    budgets = _budgets(setting)
    pools = {share: _pool(setting, share, each) for share, each in budgets.items()}
    busy = min(pools[share].greatest_utilization(each, share) for share, each in budgets.items())
    if busy <= IDLE:
        return ()
    mean_ms = min(pool.mean_ms for pool in pools.values())
    queue_rps = busy * MS_PER_S / mean_ms
    rate_rps = min(queue_rps, setting.transfer_rps)
    utilization = min(busy, rate_rps * mean_ms / MS_PER_S)
    limit = Limit.TTFT if queue_rps <= setting.transfer_rps else Limit.KV_TRANSFER
    uses = mean_times_ms(setting)
    if limit is Limit.KV_TRANSFER:
        uses = [setting.moved_tokens(shape) for shape in setting.mix]
    values = coefficients(setting)
    return tuple(
        OperatingPoint(
            capacity_rps=capacity_rps,
            limited_by=limit,
            batch=1.0,
            utilization=utilization,
            ttft_ms=fixed_ms(setting, shape)
            + prefill_ms(values, shape.missed_tokens)
            + pools[share].wait_ms(utilization, share),
            extrapolated=outside(setting.engine.batch_tokens_range, shape.missed_tokens),
        )
        for shape, capacity_rps in zip(setting.mix, setting.shared_out(rate_rps, uses), strict=True)
        for share in [slo_of(setting, shape).ttft_share]
    )


def _pool(setting: Setting, share: float, budgets: Sequence[Budget]) -> ReplicaPool:
    """The pool, with the bursts that count for requests that may wait so long."""
    waiting = [each for each in budgets if each.wait_ms > 0.0]
    dispersion = 1.0
    if waiting:
        mean_ms = sum(each.share * each.wait_ms for each in waiting)
        mean_ms /= sum(each.share for each in waiting)
        dispersion = setting.arrivals.prefill(mean_ms / MS_PER_S, share)
    return ReplicaPool(
        services(setting), setting.servers, routing=setting.routing, dispersion=dispersion
    )


def _prompts(setting: Setting) -> int:
    """Prompts that a batch holds, as far as was measured; 1 of unlike classes or targets."""
    engine, first = setting.engine, setting.mix[0]
    kinds = {(shape.isl, shape.missed_tokens, shape.isl_cv, shape.slo) for shape in setting.mix}
    relative = slo_of(setting, first).ttft_slowdown < inf
    if len(kinds) > 1 or setting.servers > 1 or relative:
        return 1
    limits = [MOST_PROMPTS, (engine.max_batch_tokens or 0) / first.missed_tokens]
    if engine.batch_tokens_range is not None and not setting.allow_extrapolation:
        limits.append(engine.batch_tokens_range.high / first.missed_tokens)
    return max(1, int(min(limits)))


def _batched(setting: Setting, prompts: int) -> Points:
    """As `batching` has it, k prompts of spread lengths counted a standard deviation longer."""
    shape = setting.mix[0]
    slo = slo_of(setting, shape)
    cv = 1.0 if shape.isl_cv is None else shape.isl_cv
    service_ms = tuple(
        prefill_ms(coefficients(setting), shape.missed_tokens * k * (1.0 + cv / sqrt(k)))
        for k in range(1, prompts + 1)
    )
    queue_rps = batching.greatest_rate_rps(
        service_ms, slo.ttft_ms - fixed_ms(setting, shape), slo.ttft_share
    )
    capacity_rps = min(queue_rps, setting.transfer_rps)
    point = OperatingPoint(
        capacity_rps=capacity_rps,
        limited_by=Limit.TTFT if queue_rps <= setting.transfer_rps else Limit.KV_TRANSFER,
        reason="" if capacity_rps > 0 else "a full batch takes longer than the TTFT SLO allows",
        batch=float(prompts),
        utilization=capacity_rps * service_ms[-1] / prompts / MS_PER_S,
        ttft_ms=slo.ttft_ms,
        extrapolated=outside(setting.engine.batch_tokens_range, shape.missed_tokens * prompts),
    )
    return (point,) * len(setting.mix)


def fixed_ms(setting: Setting, shape: RequestClass) -> float:
    """Of a TTFT, what is neither waiting nor prefill [ms]."""
    return setting.transfer_ms(shape) + _step_ms(setting, shape)


def _step_ms(setting: Setting, shape: RequestClass) -> float:
    """The first decode step, at most [ms]."""
    return max(step_ms for _, step_ms in first_steps_ms(setting, shape))


def refused_prompt(setting: Setting, shape: RequestClass) -> OperatingPoint | None:
    """Why the replica cannot take the prompts of a class at all; None where it can."""
    engine = setting.engine
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


def services(setting: Setting) -> list[Service]:
    """How long the prompts of the mix hold a replica, one by one of their `own_times`.

    Where the spread of lengths is not stated, a queue behind exponential times is taken.
    """
    return [
        Service(shape.share * share, time_ms, 1.0 if shape.isl_cv is None else 0.0)
        for shape in setting.mix
        for share, time_ms in own_times(setting, shape)
    ]


def mean_times_ms(setting: Setting) -> list[float]:
    """[class] mean prefill time [ms]."""
    return [
        sum(share * time_ms for share, time_ms in own_times(setting, shape))
        for shape in setting.mix
    ]


def _budgets(setting: Setting) -> dict[float, list[Budget]]:
    """By percentile the shares of the requests that have it, and how long each may wait."""
    found: dict[float, list[RequestClass]] = {}
    for shape in setting.mix:
        found.setdefault(slo_of(setting, shape).ttft_share, []).append(shape)
    return {percentile: _waits(setting, alike) for percentile, alike in found.items()}


def _waits(setting: Setting, alike: Sequence[RequestClass]) -> list[Budget]:
    """Shares among the requests of some classes and how long each may wait."""
    whole = sum(shape.share for shape in alike)
    return [
        Budget(shape.share / whole * share, _left_ms(setting, shape, length, own_ms))
        for shape in alike
        for (share, length), (_, own_ms) in zip(
            lengths(shape.isl_cv or 0.0), own_times(setting, shape), strict=True
        )
    ]


def _left_ms(setting: Setting, shape: RequestClass, length: float, own_ms: float) -> float:
    """What the TTFT target leaves for waiting [ms], below 0 where not even an idle replica is in
    time. `length` is the prompt's over the mean, `own_ms` its prefill time."""
    slo, moved_ms = slo_of(setting, shape), setting.transfer_ms(shape)
    left_ms = inf
    for alone_ms, step_ms in first_steps_ms(setting, shape):
        left_ms = min(left_ms, slo.ttft_ms - (moved_ms + step_ms) - own_ms)
        if slo.ttft_slowdown < inf:
            idle_ms = own_ms + moved_ms * length
            target_ms = slo.ttft_slowdown * (idle_ms + alone_ms)
            left_ms = min(left_ms, target_ms - idle_ms - step_ms)
    return left_ms


def own_times(setting: Setting, shape: RequestClass) -> Parts:
    """Shares of the class and their prefill times [ms]; of the mean length where none is stated."""
    return _times(coefficients(setting), shape.missed_tokens, shape.isl_cv or 0.0)


@lru_cache(maxsize=4096)
def _times(values: PrefillCoefficients, tokens: float, cv: float) -> Parts:
    return tuple((share, prefill_ms(values, tokens * length)) for share, length in lengths(cv))


@lru_cache(maxsize=4096)
def lengths(cv: float) -> Parts:
    """Shares of a gamma of mean 1 and `cv`, and the mean length of each."""
    shares, means = gamma_parts(cv)
    return tuple(zip(shares.tolist(), means.tolist(), strict=True))
