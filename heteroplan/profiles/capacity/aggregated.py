"""Capacity of an aggregated replica, whose prefill holds up its own decode."""

from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import inf, log, sqrt
from typing import TYPE_CHECKING

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import RequestClass
from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.profiles.capacity.decode import excess, is_extrapolated, refused_decode, tightest
from heteroplan.profiles.capacity.latency import normal_quantile, prefill_ms, step_ms
from heteroplan.profiles.capacity.prefill import (
    IDLE,
    coefficients,
    lengths,
    mean_times_ms,
    own_times,
    refused_prompt,
    services,
)
from heteroplan.profiles.capacity.setting import Points, Setting, outside, serving, zero
from heteroplan.profiles.capacity.steps import DecodeSteps, Peak, decode_coefficients, uses
from heteroplan.profiles.capacity.targets import holding_itl, slo_of, ttft_target_ms
from heteroplan.queueing.waiting import UTILIZATION_CAP, ReplicaPool, lateness
from heteroplan.units import MS_PER_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from heteroplan.queueing.waiting import Floats


def aggregated_points(setting: Setting) -> Points:
    """Greatest rate r of the mix at which batch, ITL and TTFT hold. No KV cache moves.

    Prefill takes a share phi = r * s of the time (s: mean prefill time), so decode steps stretch to
    itl / (1 - phi), with which the batch B follows (`DecodeSteps.load`). What such a batch
    holds at the percentile (`DecodeSteps.peak`) must fit memory and the measured batches. So must
    its itl / (1 - phi') the ITL target, phi' being the share of a request's decoding that prefill
    takes at the percentile: phi * (1 + z * swing). And of all requests, the percentile must wait,
    at utilization phi by `queueing`, no longer than its own prefill time and that first step leave
    of the TTFT target. Where TTFT was measured end to end, what it was with nobody waiting stands
    for both, and its wait at so many requests in flight, taken to be exponential, keeps to the
    target too. Where even an idle replica is late for too many requests, classes too long for the
    TTFT are refused.

    Of a replica bound by ITL or TTFT a request takes its prefill time and, for each of its tokens,
    what it adds to a step; of one bound by memory or sequences what it does in `decode`.
    """
    return serving(setting, _refused, _together)


def _refused(setting: Setting, shape: RequestClass) -> OperatingPoint | None:
    return refused_prompt(setting, shape) or refused_decode(setting, shape)


def _together(setting: Setting) -> Points:
    """The whole mix where that can be in time, otherwise without the classes that are too long."""
    whole = _in_time_each(setting)
    if whole:
        return whole
    idle = _Replica(setting).load(0.0)
    return serving(setting, partial(_too_long, idle), partial(_rest, idle))


def _rest(idle: "_Load", setting: Setting) -> Points:
    return _in_time_each(setting) or tuple(_late(setting, shape, idle) for shape in setting.mix)


def _too_long(idle: "_Load", setting: Setting, shape: RequestClass) -> OperatingPoint | None:
    first_ms = _alone_ms(setting, shape.missed_tokens, idle.peak.itl_ms)
    late = first_ms > _target_ms(setting, shape, shape.missed_tokens)
    return _late(setting, shape, idle) if late else None


def _late(setting: Setting, shape: RequestClass, idle: "_Load") -> OperatingPoint:
    first_ms = _alone_ms(setting, shape.missed_tokens, idle.peak.itl_ms)
    target_ms = _target_ms(setting, shape, shape.missed_tokens)
    return zero(
        Limit.TTFT,
        f"a first token takes {first_ms:.4g} ms with nobody waiting, of which "
        f"{idle.peak.itl_ms:.4g} ms are a decode step; TTFT SLO {target_ms:.4g} ms",
    )


def _in_time_each(setting: Setting) -> Points:
    """With the ITL of each class; empty where not even an idle replica is in time."""
    return holding_itl(_in_time)(setting)


def _in_time(setting: Setting) -> Points:
    """Empty where not even an idle replica is in time."""
    replica = _Replica(setting)
    if replica.lateness(0.0) > 0.0:
        return ()
    most = UTILIZATION_CAP * MS_PER_S / replica.pool.mean_ms
    rate_rps = largest_meeting(lambda rate: replica.excess(replica.load(rate)), most)
    limit = tightest(setting, replica.load(rate_rps).peak) if rate_rps < most else Limit.TTFT
    in_time_rps = largest_meeting(replica.lateness, rate_rps)
    if in_time_rps < rate_rps:
        rate_rps, limit = in_time_rps, Limit.TTFT
    if limit is Limit.TTFT and replica.load(rate_rps).prefill_share <= IDLE:
        return ()
    return _points(replica, rate_rps, limit)


def _points(replica: "_Replica", rate_rps: float, limit: Limit) -> Points:
    setting, load = replica.setting, replica.load(rate_rps)
    taken = uses(setting, replica.steps, limit, load.batch)
    if limit in (Limit.ITL, Limit.TTFT):
        taken = [sum(each) for each in zip(taken, mean_times_ms(setting), strict=True)]
    measured = setting.engine.batch_tokens_range
    return tuple(
        OperatingPoint(
            capacity_rps=capacity_rps,
            limited_by=limit,
            batch=load.batch,
            utilization=load.prefill_share,
            ttft_ms=replica.wait_ms(load, slo_of(setting, shape).ttft_share)
            + _alone_ms(setting, shape.missed_tokens, load.peak.itl_ms),
            itl_ms=load.peak.itl_ms,
            extrapolated=is_extrapolated(setting, shape, load.peak)
            or outside(measured, shape.missed_tokens),
        )
        for shape, capacity_rps in zip(
            setting.mix, setting.shared_out(rate_rps, taken), strict=True
        )
    )


@dataclass(frozen=True, slots=True)
class _Load:
    """How the replica runs at one rate."""

    rate_rps: float
    prefill_share: float
    batch: float
    """Mean number of sequences in flight."""
    peak: Peak
    """With steps stretched by prefill."""


class _Replica:
    """One that serves a mix at whatever rate."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.steps = DecodeSteps.of(setting)
        self.pool = ReplicaPool(services(setting))
        self._deviations = normal_quantile(setting.slo.itl_share)

    def load(self, rate_rps: float) -> _Load:
        """At `rate_rps` < 1 / mean prefill time."""
        share = rate_rps * self.pool.mean_ms / MS_PER_S
        held = self.steps.load(rate_rps, stretch=1.0 / (1.0 - share))
        batch, peak = held.sequences, self.steps.peak(held)
        busiest = share * (1.0 + self._deviations * self._swing(batch)) if share else 0.0
        itl_ms = peak.itl_ms / (1.0 - busiest) if busiest < 1.0 else inf
        return _Load(rate_rps, share, batch, replace(peak, itl_ms=itl_ms))

    def excess(self, load: _Load) -> float:
        """How far above the tightest limit of a batch and its ITL; below 0 within all."""
        return excess(self.setting, load.peak)

    def lateness(self, rate_rps: float) -> float:
        """Above 0 where more requests are late than their percentile allows."""
        load = self.load(rate_rps)
        return max(lateness(late, share) for share, late in self._late_shares(load).items())

    def _late_shares(self, load: _Load) -> dict[float, float]:
        """By percentile, of the requests that have it the share that miss their TTFT."""
        import numpy as np

        left_ms = self._targets_ms - self._alone(load.peak.itl_ms)
        found = [self._beyond(load.prefill_share, left_ms)]
        mean_ms = self._measured_wait_ms(load)
        if mean_ms > 0.0:
            waits = np.exp(-np.maximum(left_ms, 0.0) / mean_ms)
            found.append(np.where(left_ms < 0.0, 1.0, waits))
        return {
            percentile: max(float(shares @ late) for late in found)
            for percentile, shares in self._alike.items()
        }

    def wait_ms(self, load: _Load, percentile: float) -> float:
        """That `percentile` of the requests stay within [ms]."""
        queued_ms = self.pool.wait_ms(load.prefill_share, percentile)
        return max(queued_ms, -self._measured_wait_ms(load) * log(1.0 - percentile))

    def _swing(self, batch: float) -> float:
        """Deviation of the prefill that falls into the decoding of one request, over its mean.

        As many prompts come in that time as requests decode at a time (Little's law), a Poisson
        number, taken to be one at least, of spread times s: sqrt(E[s^2] / E[s]^2 / B).
        """
        return sqrt(self._spread / max(1.0, batch))

    @cached_property
    def _spread(self) -> float:
        times = [
            (shape.share * share, time_ms)
            for shape in self.setting.mix
            for share, time_ms in own_times(self.setting, shape)
        ]
        whole, first, second = (sum(s * t**power for s, t in times) for power in range(3))
        return second * whole / first**2

    @cached_property
    def _prompts(self) -> "tuple[Floats, Floats]":
        """Shares of the requests and their input tokens to compute."""
        import numpy as np

        shares, tokens = np.array(
            [
                (shape.share * share, shape.missed_tokens * length)
                for shape in self.setting.mix
                for share, length in lengths(shape.isl_cv or 0.0)
            ]
        ).T
        return shares / shares.sum(), tokens

    @cached_property
    def _alike(self) -> "dict[float, Floats]":
        """By percentile the shares of the requests that have it, 0 for all others."""
        import numpy as np

        percentiles = np.array(
            [slo_of(self.setting, shape).ttft_share for shape, _ in self._lengths]
        )
        found = {}
        for percentile in dict.fromkeys(percentiles.tolist()):
            shares = np.where(percentiles == percentile, self._prompts[0], 0.0)
            found[percentile] = shares / shares.sum()
        return found

    @cached_property
    def _lengths(self) -> list[tuple[RequestClass, float]]:
        """[prompt] its class and its length over that of the class."""
        return [
            (shape, length)
            for shape in self.setting.mix
            for _, length in lengths(shape.isl_cv or 0.0)
        ]

    @cached_property
    def _targets_ms(self) -> "Floats":
        """[prompt] longest TTFT [ms]."""
        import numpy as np

        return np.array(
            [
                _target_ms(self.setting, shape, shape.missed_tokens * length)
                for shape, length in self._lengths
            ]
        )

    @cached_property
    def _idle_ms(self) -> "Floats":
        """TTFT with nobody waiting but for a decode step [ms]."""
        import numpy as np

        return np.array([_alone_ms(self.setting, each, 0.0) for each in self._prompts[1].tolist()])

    def _alone(self, itl_ms: float) -> "Floats":
        """TTFT with nobody waiting [ms]."""
        return self._idle_ms + (itl_ms if self.setting.engine.ttft is None else 0.0)

    @cached_property
    def _beyond(self) -> "Callable[[float, Floats], Floats]":
        """P(wait > each of some waits [ms]) by utilization."""
        return self.pool.beyond(float((self._targets_ms - self._idle_ms).max()))

    def _measured_wait_ms(self, load: _Load) -> float:
        """Mean wait as measured end to end, with rate * (TTFT + decoding) requests in flight [ms].

        0 where it was not measured, infinite where requests in flight grow faster than they are
        answered. Waits longer than the mean are taken to be exponential.
        """
        measured, (shares, tokens) = self.setting.engine.ttft, self._prompts
        if measured is None:
            return 0.0
        each_ms = measured.ms_per_request + measured.ms_per_request_token * float(shares @ tokens)
        growth = each_ms * load.rate_rps / MS_PER_S
        itl_ms = load.peak.itl_ms
        answering_ms = float(shares @ self._alone(itl_ms)) + itl_ms * (self.steps.osl - 1.0)
        return growth * answering_ms / (1.0 - growth) if growth < 1.0 else inf


def _target_ms(setting: Setting, shape: RequestClass, tokens: float) -> float:
    """Longest TTFT of a prompt of so many tokens [ms]."""
    step_alone_ms = step_ms(decode_coefficients(setting.engine), 1.0, shape.isl)
    return ttft_target_ms(setting, shape, _alone_ms(setting, tokens, step_alone_ms))


def _alone_ms(setting: Setting, tokens: float, itl_ms: float) -> float:
    """TTFT of a prompt of so many tokens with nobody waiting [ms]."""
    measured = setting.engine.ttft
    if measured is None:
        return prefill_ms(coefficients(setting), tokens) + itl_ms
    return measured.base_ms + measured.ms_per_token * tokens
