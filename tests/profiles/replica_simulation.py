"""Event simulations of one replica, request by request: the oracle of capacity of a mix."""

from collections.abc import Callable
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    RequestClass,
)
from heteroplan.numerics.compiling import compiled
from heteroplan.profiles.capacity.candidates import RULES
from heteroplan.profiles.capacity.setting import Points, Setting
from heteroplan.queueing.waiting import UTILIZATION_CAP

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

PROMPTS, ANSWERS, HALVINGS = 1_500_000, 200_000, 14
WIDEST = (0.25, 2.5)
"""Of the rate that is looked near to."""
ENDLESS = 1e18


def classes_of(isl: Floats, osl: Floats, which: Ints) -> tuple[RequestClass, ...]:
    """Of requests, `which` class each is of: means, spreads and contexts, as demand tells them."""
    found = []
    for each in np.unique(which):
        mine_in, mine_out = isl[which == each], osl[which == each]
        steps, own = mine_out / mine_out.sum(), mine_in + mine_out / 2
        context = float(steps @ own)
        square = float(steps @ (own**2 + mine_out**2 / 12))
        found.append(
            RequestClass(
                str(each),
                len(mine_in) / len(isl),
                float(mine_in.mean()),
                float(mine_out.mean()),
                isl_cv=float(mine_in.std() / mine_in.mean()),
                context=context,
                context_cv=sqrt(max(0.0, square / context**2 - 1.0)),
            )
        )
    return tuple(found)


def points_of(engine: Engine, mix: tuple[RequestClass, ...], slo: Slo) -> Points:
    """By the model, measured ranges and KV transfer apart."""
    return RULES[engine.role](Setting(engine, mix, slo, 1e12, 0.0, allow_extrapolation=True))


def promised_rps(mix: tuple[RequestClass, ...], points: Points) -> float:
    """Requests/s of the mix: 1 / sum(share / capacity); 0 where a class is not served."""
    if min(point.capacity_rps for point in points) <= 0.0:
        return 0.0
    taken = sum(a.share / b.capacity_rps for a, b in zip(mix, points, strict=True))
    return sum(shape.share for shape in mix) / taken


def prefill_times(values: PrefillCoefficients, tokens: Floats) -> Floats:
    """As `latency.prefill_ms`."""
    time_ms = (
        values.overhead_ms + values.ms_per_token * tokens + values.ms_per_token_squared * tokens**2
    )
    return np.maximum(max(1e-3, values.floor_ms), time_ms)


def prefill_rps(engine: Engine, isl: Floats, slo: Slo, seed: int = 1) -> float:
    """Greatest rate at which the percentile of TTFT holds, first come first served."""
    assert engine.prefill is not None
    random = np.random.default_rng(seed)
    times = prefill_times(engine.prefill, isl)[_drawn(random, len(isl), PROMPTS)]
    gaps = random.exponential(times.mean(), PROMPTS)
    late, budget = 1.0 - slo.percentile, slo.ttft_ms - slo.itl_ms
    low, high = 0.0, UTILIZATION_CAP
    if _late_share(gaps / high, times, budget) <= late:
        low = high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _late_share(gaps / middle, times, budget) <= late:
            low = middle
        else:
            high = middle
    return float(1000.0 * low / times.mean())


def decode_rps(
    engine: Engine,
    isl: Floats,
    osl: Floats,
    slo: Slo,
    near: float,
    *,
    prefills: bool,
    seed: int = 1,
) -> float:
    """Greatest rate near one at which all limits of `decode_limits` hold."""
    hold = decode_limits(engine, isl, osl, slo, prefills=prefills, seed=seed)
    low, high = (part * near for part in WIDEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if hold(middle):
            low = middle
        else:
            high = middle
    return low


def decode_limits(
    engine: Engine, isl: Floats, osl: Floats, slo: Slo, *, prefills: bool, seed: int = 1
) -> Callable[[float], bool]:
    """Whether percentiles hold at a rate, of the time: ITL, KV memory, sequences.

    With `prefills` a prompt that waits goes before every decode step, as in an aggregated replica,
    and TTFT and TPOT hold of the requests.
    """
    values = engine.decode
    assert values is not None
    random = np.random.default_rng(seed)
    which = _drawn(random, len(isl), ANSWERS)
    gaps = random.exponential(1000.0, ANSWERS)
    isl, osl = isl[which], np.maximum(1.0, osl[which])
    prompts = np.zeros(1)
    if prefills:
        assert engine.prefill is not None
        prompts = prefill_times(engine.prefill, isl)
    bounds = (slo.itl_ms, slo.ttft_ms, engine.kv_tokens, engine.max_sequences)
    limits = np.array([ENDLESS if bound is None else bound for bound in bounds], float)
    line = _line(values)
    return lambda rps: min(_shares(gaps / rps, isl, osl, prompts, line, limits)) >= slo.percentile


def _line(values: DecodeCoefficients) -> Floats:
    return np.array(
        [
            values.base_ms,
            values.ms_per_sequence,
            values.ms_per_context_token,
            values.ms_per_root_sequence,
            max(1e-3, values.floor_ms),
        ]
    )


def _drawn(random: np.random.Generator, requests: int, count: int) -> Ints:
    """Every request as often as the others, in random order."""
    rounds = -(-count // requests)
    return np.concatenate([random.permutation(requests) for _ in range(rounds)])[:count]


@compiled
def _late_share(gaps: Floats, times: Floats, budget: float) -> float:
    wait, late = 0.0, 0
    for k in range(1, len(gaps)):
        wait = max(0.0, wait + times[k - 1] - gaps[k])
        late += wait + times[k] > budget
    return late / len(gaps)


@compiled
def _shares(
    gaps: Floats, isl: Floats, osl: Floats, prompts: Floats, line: Floats, limits: Floats
) -> tuple[float, float, float, float]:
    """Shares of time (or of requests: ITL as TPOT, and TTFT) in which each limit holds."""
    itl, ttft, kv, most = limits
    n, mixed = len(gaps), len(prompts) == len(gaps)
    size = 1
    while size < osl.max() + 2:
        size *= 2
    ends, held = np.zeros(size), np.zeros(size)
    first, behind = np.full(size, -1), np.full(n, -1)
    began = np.zeros(n)
    now, coming, step, batch, context = 0.0, gaps[0], 0, 0.0, 0.0
    at, warm = 0, n // 6
    whole = in_itl = in_kv = in_most = 0.0
    asked = in_ttft = answered = in_tpot = 0.0
    while at < n:
        if batch == 0 and coming > now:
            now = coming
        while at < n and coming <= now:
            if mixed:
                now += prompts[at]
                if at > warm:
                    asked += 1
                    in_ttft += now + itl - coming <= ttft
            began[at] = now
            slot = (step + int(osl[at])) % size
            ends[slot] += 1
            held[slot] += isl[at] + osl[at]
            behind[at] = first[slot]
            first[slot] = at
            batch += 1
            context += isl[at]
            at += 1
            if at < n:
                coming += gaps[at]
        lasts = line[0] + line[1] * batch + line[2] * context + line[3] * sqrt(batch)
        lasts = max(line[4], lasts)
        if lasts > 30 * itl or (at < n and now - coming > 100 * ttft):
            return 0.0, 0.0, 0.0, 0.0
        if at > warm:
            whole += lasts
            in_itl += lasts * (lasts <= itl)
            in_kv += lasts * (context <= kv)
            in_most += lasts * (batch <= most)
        now += lasts
        context += batch
        step += 1
        slot = step % size
        each = first[slot]
        while each >= 0:
            if each > warm:
                answered += 1
                in_tpot += (now - began[each]) / osl[each] <= itl
            each = behind[each]
        batch -= ends[slot]
        context -= held[slot]
        ends[slot], held[slot], first[slot] = 0.0, 0.0, -1
    if mixed:
        return in_tpot / answered, in_kv / whole, in_most / whole, in_ttft / asked
    return in_itl / whole, in_kv / whole, in_most / whole, 1.0
