"""Capacity of a prefill replica: TTFT with queueing, and KV transfer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import TYPE_CHECKING

from heteroplan.entities.arrivals import POISSON
from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import PrefillCoefficients, RequestClass, Routing
from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.profiles.capacity.latency import prefill_ms
from heteroplan.profiles.capacity.setting import (
    Points,
    Setting,
    out_of_range,
    outside,
    serving,
    zero,
)
from heteroplan.profiles.capacity.targets import first_steps_ms, rate_rps, slo_of, ttft_target_ms
from heteroplan.queueing import batching
from heteroplan.queueing.bursts import Bursts
from heteroplan.queueing.lengths import gamma_parts
from heteroplan.queueing.services import Mix, Service
from heteroplan.queueing.waiting import Budget, ReplicaPool, lateness
from heteroplan.text import percent
from heteroplan.units import MS_PER_S

if TYPE_CHECKING:
    from heteroplan.queueing.batching import Floats

LEAST_TOGETHER = 1.01
"""Prompts of a full batch from which it counts as one of several."""
IDLE = 1e-6
"""A replica that may be no busier than this serves nothing."""

type Parts = tuple[tuple[float, float], ...]
"""Shares of the requests of a class and a value of each."""


def prefill_points(setting: Setting) -> Points:
    """Greatest rate of the mix, one prompt at a time or in batches (`batching`).

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
    return _in_time(setting) or serving(setting, _too_long, _short_enough)


def _short_enough(setting: Setting) -> Points:
    found = _in_time(setting)
    if found:
        return found
    hopeless = _late_alone(setting) or {slo_of(setting, each).ttft_share for each in setting.mix}

    def refused(setting: Setting, shape: RequestClass) -> OperatingPoint | None:
        late = slo_of(setting, shape).ttft_share in hopeless
        return _too_spread(setting, shape) if late else None

    return serving(setting, refused, _short_enough)


def _late_alone(setting: Setting) -> set[float]:
    """Percentiles that not even an idle replica keeps, of which prompts are too spread."""
    return {
        share
        for share, budgets in _budgets(setting.alone).items()
        if sum(each.share for each in budgets if each.wait_ms < 0.0) > 1.0 - share
    }


def _in_time(setting: Setting) -> Points:
    """Empty where not even an idle replica is in time.

    Where single requests go to the replica of several that has least to do, or to each in turn, few
    meet in a batch: then they may be counted one by one as well.
    """
    prompts = _Prompts.of(setting)
    if prompts is None:
        return _one_by_one(setting)
    found = _batched(setting, prompts)
    meets = setting.arrivals != POISSON or setting.routing in (Routing.RANDOM, Routing.SHARED)
    if setting.servers == 1 or meets:
        return found
    alone = _one_by_one(setting)
    return max(found, alone, key=lambda points: rate_rps(setting, points))


def _too_long(setting: Setting, shape: RequestClass) -> OperatingPoint | None:
    service_ms = prefill_ms(coefficients(setting), shape.missed_tokens)
    if _left_ms(setting, shape)(1.0, service_ms) >= 0.0:
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
        f"more than {percent(1 - slo.ttft_share)} of the requests are too long for the TTFT SLO of "
        f"{target}, at isl_cv {shape.isl_cv or 0:g}",
    )


def _one_by_one(setting: Setting) -> Points:
    """Empty where not even an idle replica is in time."""
    budgets = _budgets(setting.alone)
    pools = {share: _pool(setting, share, each) for share, each in budgets.items()}
    busy = min(pools[share].greatest_utilization(each, share) for share, each in budgets.items())
    if busy <= IDLE:
        return ()
    mean_ms = min(pool.mean_ms for pool in pools.values())
    queue_rps = busy * MS_PER_S / mean_ms
    served_rps = min(queue_rps, setting.transfer_rps)
    utilization = min(busy, served_rps * mean_ms / MS_PER_S)
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
        for shape, capacity_rps in zip(
            setting.mix, setting.shared_out(served_rps, uses), strict=True
        )
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
        _services(setting.alone), setting.servers, routing=setting.routing, dispersion=dispersion
    )


@dataclass(frozen=True, eq=False)
class _Prompts:
    """Prompts of a mix that are prefilled in batches; arrays [prompt]."""

    kinds: batching.Prompts
    percentiles: "Floats"
    """Of the requests of a class that are to be in time."""
    batches: batching.Batches
    each: float
    """In a full batch."""
    use_ms: tuple[float, ...]
    """[class] what a prompt takes of full batches."""

    @classmethod
    def of(cls, setting: Setting) -> "_Prompts | None":
        """None where a batch holds one prompt."""
        import numpy as np

        most_tokens, values = _most_tokens(setting), coefficients(setting)
        if most_tokens is None:
            return None
        rows, means_ms = [], []
        for shape in setting.mix:
            cv = 1.0 if shape.isl_cv is None else shape.isl_cv
            mean_ms, left_ms = 0.0, _left_ms(setting, shape)
            for share, length in lengths(cv):
                tokens = shape.missed_tokens * length
                own_ms = prefill_ms(values, tokens)
                budget_ms = own_ms + left_ms(length, own_ms)
                work_ms = added_ms(values, tokens)
                mean_ms += share * work_ms
                percentile = slo_of(setting, shape).ttft_share
                rows.append((shape.share * share, tokens, work_ms, budget_ms, percentile))
            means_ms.append(mean_ms)
        shares, tokens, works_ms, budgets_ms, percentiles = np.array(rows).T
        shares = shares / shares.sum()
        full_ms, each = batching.full_batch_ms(shares, tokens, works_ms, most_tokens)
        if each < LEAST_TOGETHER or full_ms <= 0.0:
            return None
        batches = batching.Batches(
            values.overhead_ms,
            full_ms,
            values.floor_ms,
            alone_ms=added_ms(values, most_tokens),
        )
        part = (values.overhead_ms + full_ms) / full_ms
        use_ms = tuple(mean_ms * part for mean_ms in means_ms)
        kinds = batching.Prompts(shares, works_ms, budgets_ms)
        return cls(kinds, percentiles, batches, each, use_ms)

    def lateness(self, running: batching.BatchesAt) -> float:
        """Above 0 where more prompts are late than their percentile allows."""
        if not running.stable:
            return lateness(1.0, float(self.percentiles.max()))
        late = running.late_shares(self.kinds.works_ms, self.kinds.budgets_ms)
        found = []
        for percentile in dict.fromkeys(self.percentiles.tolist()):
            shares = self.kinds.shares * (self.percentiles == percentile)
            found.append(lateness(float(shares @ late / shares.sum()), percentile))
        return max(found)


def _most_tokens(setting: Setting) -> float | None:
    """Of a batch, as far as was measured; None where prompts are prefilled one by one."""
    engine = setting.engine
    if engine.max_batch_tokens is None:
        return None
    if engine.batch_tokens_range is None or setting.allow_extrapolation:
        return float(engine.max_batch_tokens)
    return min(float(engine.max_batch_tokens), engine.batch_tokens_range.high)


def _batched(setting: Setting, prompts: _Prompts) -> Points:
    """As `batching` has it; empty where not even an idle replica is in time.

    Replicas that share a queue, or have it shared out by work, start so many batches more; those
    that requests come to by chance have a queue each, as have those that take turns, which is safe.
    """
    queue = _queue(setting, prompts)
    rate_per_ms = largest_meeting(
        lambda rate: prompts.lateness(queue.at(rate)), queue.most_per_ms, batching.ACCURACY
    )
    queue_rps = rate_per_ms * MS_PER_S
    served_rps = min(queue_rps, setting.transfer_rps)
    mean_ms = setting.mean(prompts.use_ms)
    if served_rps * mean_ms / MS_PER_S <= IDLE:
        return ()
    limit = Limit.TTFT if queue_rps <= setting.transfer_rps else Limit.KV_TRANSFER
    uses = list(prompts.use_ms)
    if limit is Limit.KV_TRANSFER:
        uses = [setting.moved_tokens(shape) for shape in setting.mix]
    running, values = queue.at(served_rps / MS_PER_S), coefficients(setting)
    tokens = prompts.each * setting.mean([shape.missed_tokens for shape in setting.mix])
    return tuple(
        OperatingPoint(
            capacity_rps=capacity_rps,
            limited_by=limit,
            batch=prompts.each,
            utilization=served_rps * mean_ms / MS_PER_S,
            ttft_ms=fixed_ms(setting, shape)
            + running.within_ms(
                added_ms(values, shape.missed_tokens), slo_of(setting, shape).ttft_share
            ),
            extrapolated=outside(setting.engine.batch_tokens_range, tokens),
        )
        for shape, capacity_rps in zip(
            setting.mix, setting.shared_out(served_rps, uses), strict=True
        )
    )


def _queue(setting: Setting, prompts: _Prompts) -> batching.BatchQueue:
    """A replica, with the bursts that count for requests that have so much time."""
    kinds = prompts.kinds
    mean_ms = float(kinds.shares @ kinds.budgets_ms.clip(0.0))
    dispersion = setting.arrivals.prefill(mean_ms / MS_PER_S, float(prompts.percentiles.max()))
    bursts, servers = Bursts.of(dispersion), setting.servers
    if setting.routing in (Routing.RANDOM, Routing.ROUND_ROBIN):
        bursts, servers = bursts.split(servers), 1
    return batching.BatchQueue(kinds, prompts.batches, bursts.mean, servers)


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


@lru_cache(maxsize=512)
def _services(setting: Setting) -> Mix:
    """How long the prompts of the mix hold a replica, one by one of their `own_times`.

    Where the spread of lengths is not stated, a queue behind exponential times is taken.
    """
    return Mix(
        [
            Service(shape.share * share, time_ms, 1.0 if shape.isl_cv is None else 0.0)
            for shape in setting.mix
            for share, time_ms in own_times(setting, shape)
        ]
    )


def mean_times_ms(setting: Setting) -> list[float]:
    """[class] mean prefill time [ms]."""
    return [
        sum(share * time_ms for share, time_ms in own_times(setting, shape))
        for shape in setting.mix
    ]


@lru_cache(maxsize=512)
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
        Budget(shape.share / whole * share, left_ms(length, own_ms))
        for shape in alike
        for left_ms in [_left_ms(setting, shape)]
        for (share, length), (_, own_ms) in zip(
            lengths(shape.isl_cv or 0.0), own_times(setting, shape), strict=True
        )
    ]


def _left_ms(setting: Setting, shape: RequestClass) -> Callable[[float, float], float]:
    """What the TTFT target of a class leaves for waiting [ms], below 0 where not even an idle
    replica is in time, by the length of a prompt over the mean and its prefill time."""
    slo, moved_ms = slo_of(setting, shape), setting.transfer_ms(shape)
    steps, slowdown = first_steps_ms(setting, shape), slo.ttft_slowdown
    most_ms = slo.ttft_ms - max(step_ms for _, step_ms in steps)
    if slowdown == inf:
        return lambda length, own_ms: most_ms - moved_ms * length - own_ms
    alone_ms = min(slowdown * alone_ms - step_ms for alone_ms, step_ms in steps)

    def left_ms(length: float, own_ms: float) -> float:
        idle_ms = own_ms + moved_ms * length
        return min(most_ms - idle_ms, (slowdown - 1.0) * idle_ms + alone_ms)

    return left_ms


def added_ms(values: PrefillCoefficients, tokens: float) -> float:
    """What a prompt adds to a batch [ms]."""
    return max(0.0, values.ms_per_token * tokens + values.ms_per_token_squared * tokens**2)


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
