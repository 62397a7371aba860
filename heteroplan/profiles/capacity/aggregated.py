"""Capacity of an aggregated replica, whose prefill holds up its own decode."""

from functools import partial

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import RequestClass
from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.profiles.capacity.decode import excess, is_extrapolated, refused_decode, tightest
from heteroplan.profiles.capacity.mixed_prompts import alone_ms, target_ms
from heteroplan.profiles.capacity.mixed_steps import ACCURACY, Replica, Running
from heteroplan.profiles.capacity.prefill import IDLE, mean_times_ms, refused_prompt
from heteroplan.profiles.capacity.setting import Points, Setting, outside, serving, zero
from heteroplan.profiles.capacity.steps import uses
from heteroplan.profiles.capacity.targets import holding_itl
from heteroplan.queueing.waiting import UTILIZATION_CAP
from heteroplan.units import MS_PER_S


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
    idle = Replica(setting).at(0.0)
    return serving(setting, partial(_too_long, idle), partial(_rest, idle))


def _rest(idle: Running, setting: Setting) -> Points:
    return _in_time_each(setting) or tuple(_late(setting, shape, idle) for shape in setting.mix)


def _too_long(idle: Running, setting: Setting, shape: RequestClass) -> OperatingPoint | None:
    first_ms = alone_ms(setting, shape.missed_tokens, idle.step_ms)
    late = first_ms > target_ms(setting, shape, shape.missed_tokens)
    return _late(setting, shape, idle) if late else None


def _late(setting: Setting, shape: RequestClass, idle: Running) -> OperatingPoint:
    first_ms = alone_ms(setting, shape.missed_tokens, idle.step_ms)
    limit_ms = target_ms(setting, shape, shape.missed_tokens)
    return zero(
        Limit.TTFT,
        f"a first token takes {first_ms:.4g} ms with nobody waiting, of which "
        f"{idle.step_ms:.4g} ms are a decode step; TTFT SLO {limit_ms:.4g} ms",
    )


def _in_time_each(setting: Setting) -> Points:
    """With the ITL of each class; empty where not even an idle replica is in time."""
    return holding_itl(_in_time)(setting)


def _in_time(setting: Setting) -> Points:
    """Empty where not even an idle replica is in time."""
    replica = Replica(setting)
    most = UTILIZATION_CAP * MS_PER_S / replica.prompts.mean_ms
    rate_rps = largest_meeting(lambda rate: excess(setting, replica.at(rate).peak), most, ACCURACY)
    limit = tightest(setting, replica.at(rate_rps).peak) if rate_rps < most else Limit.TTFT
    in_time_rps = largest_meeting(lambda rate: replica.at(rate).lateness, rate_rps, ACCURACY)
    if in_time_rps <= 0.0 and replica.at(0.0).lateness > 0.0:
        return ()
    if in_time_rps < rate_rps:
        rate_rps, limit = in_time_rps, replica.at(in_time_rps).limit
    if limit is Limit.TTFT and replica.at(rate_rps).prefill_share <= IDLE:
        return ()
    return _points(setting, replica.at(rate_rps), limit)


def _points(setting: Setting, running: Running, limit: Limit) -> Points:
    taken = uses(setting, running.replica.steps, limit, running.batch)
    if limit in (Limit.ITL, Limit.TTFT):
        taken = [sum(each) for each in zip(taken, mean_times_ms(setting), strict=True)]
    measured = setting.engine.batch_tokens_range
    itl_ms = running.itl_ms()
    return tuple(
        OperatingPoint(
            capacity_rps=capacity_rps,
            limited_by=limit,
            batch=running.batch,
            utilization=running.prefill_share,
            ttft_ms=running.ttft_ms(shape),
            itl_ms=itl_ms,
            extrapolated=is_extrapolated(setting, shape, running.peak)
            or outside(measured, shape.missed_tokens),
        )
        for shape, capacity_rps in zip(
            setting.mix, setting.shared_out(running.rate_rps, taken), strict=True
        )
    )
