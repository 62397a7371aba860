"""An event simulation of a pool of decode replicas, step by step: the oracle of `capacity.decode`.

Requests come in Poisson batches of geometric size and are routed one by one. A request joins at the
next boundary between two steps, or later where the replica has no room.
"""

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.slo import ItlOf
from heteroplan.entities.workload import Routing
from heteroplan.numerics.compiling import compiled
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.steps import decode_coefficients

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

KINDS = {
    Routing.RANDOM: 0,
    Routing.ROUND_ROBIN: 1,
    Routing.LEAST_LOADED: 2,
    Routing.SHARED: 2,
}
ENDLESS = 1e18
WARM_UP = 0.2
"""Share of the requests that are not counted."""
HALVINGS = 9
WIDEST = (0.5, 2.0)
"""Of the rate that is looked near to."""


@dataclass(frozen=True)
class Requests:
    """Of one class, in the order of arrival."""

    arrival: Floats
    """In mean gaps."""
    isl: Ints
    osl: Ints


def drawn(setting: Setting, batch: float, count: int, seed: int) -> Requests:
    """Requests of the only class of a setting, `batch` at a time in the mean."""
    random = np.random.default_rng(seed)
    [shape] = setting.mix
    sizes = random.geometric(1.0 / batch, count)
    sizes = sizes[: int(np.searchsorted(np.cumsum(sizes), count)) + 1]
    moments = np.cumsum(random.exponential(batch, len(sizes)))
    return Requests(
        np.repeat(moments, sizes)[:count],
        _lengths(random, shape.isl, shape.isl_cv or 0.0, count),
        _lengths(random, shape.osl, shape.osl_cv or 0.0, count),
    )


def _lengths(random: np.random.Generator, mean: float, cv: float, count: int) -> Ints:
    """1 and a gamma distributed number more."""
    if cv == 0.0:
        return np.full(count, round(mean))
    k = ((mean - 1.0) / (mean * cv)) ** 2
    more = random.gamma(k, (mean - 1.0) / k, count)
    return 1 + np.floor(more + random.random(count)).astype(np.int64)


def shares_in_time(
    setting: Setting, requests: Requests, rate_rps: float, seed: int = 1
) -> tuple[float, float]:
    """Shares of the requests, and of the time of replicas that decode, in which all limits hold.

    A request is in time that waits for no room and whose mean step keeps to the ITL.
    """
    values, engine = decode_coefficients(setting.engine), setting.engine
    line = np.array(
        [
            values.base_ms,
            values.ms_per_sequence,
            values.ms_per_context_token,
            values.ms_per_root_sequence,
            max(1e-3, values.floor_ms),
        ]
    )
    bounds = (setting.slo.itl_ms, engine.kv_tokens, engine.max_sequences)
    limits = np.array([ENDLESS if bound is None else bound for bound in bounds], float)
    n = setting.servers
    chosen = np.random.default_rng(seed).integers(n, size=len(requests.isl))
    return _simulated(
        requests.arrival * (1000.0 / (rate_rps * n)),
        requests.isl,
        requests.osl,
        line,
        limits,
        n,
        KINDS[setting.routing],
        chosen,
        int(WARM_UP * len(chosen)),
    )


def greatest_rps(setting: Setting, requests: Requests, near_rps: float) -> float:
    """Of a replica of the pool: where the ITL's share of the requests, or time, is in time."""
    place = 0 if setting.slo.itl_of is ItlOf.REQUEST else 1
    low, high = (part * near_rps for part in WIDEST)
    for _ in range(HALVINGS):
        middle = sqrt(low * high)
        if shares_in_time(setting, requests, middle)[place] >= setting.slo.itl_share:
            low = middle
        else:
            high = middle
    return sqrt(low * high)


@compiled
def _simulated(
    arrival: Floats,
    isl: Ints,
    osl: Ints,
    line: Floats,
    limits: Floats,
    n: int,
    kind: int,
    chosen: Ints,
    warm: int,
) -> tuple[float, float]:
    itl, kv, most = limits
    count = len(arrival)
    size = 1
    while size < osl.max() + 2:
        size *= 2
    ending = np.full((n, size), -1)
    behind = np.full(count, -1)
    queue = np.full(count, -1)
    head, tail = np.full(n, -1), np.full(n, -1)
    number, context, load = np.zeros(n), np.zeros(n), np.zeros(n)
    step = np.zeros(n, np.int64)
    ends, lasts = np.full(n, ENDLESS), np.zeros(n)
    first, waited, full = np.zeros(count), np.zeros(count), np.zeros(n)
    whole = kept = 0.0
    done = good = 0
    for at in range(count + 1):
        now = arrival[at] if at < count else ENDLESS / 2
        if kind == 0 and at < count:
            low, up = chosen[at], chosen[at] + 1
        elif kind == 1 and at < count:
            low, up = at % n, at % n + 1
        else:
            low, up = 0, n
        for i in range(low, up):
            while ends[i] <= now:
                moment = ends[i]
                if at < count and at > warm:
                    whole += lasts[i]
                    kept += lasts[i] * (lasts[i] <= itl and context[i] <= kv and full[i] == 0)
                step[i] += 1
                context[i] += number[i]
                slot = step[i] % size
                each = ending[i, slot]
                while each >= 0:
                    number[i] -= 1
                    load[i] -= 1
                    context[i] -= isl[each] + osl[each]
                    if each > warm and at < count:
                        done += 1
                        mean = (moment - first[each]) / max(1, osl[each] - 1)
                        good += mean <= itl and waited[each] == 0
                    each = behind[each]
                ending[i, slot] = -1
                ends[i], joined = ENDLESS, head[i]
                while head[i] >= 0:
                    each = head[i]
                    if number[i] > 0 and (
                        number[i] + 1 > most or context[i] + isl[each] + number[i] + 1 > kv
                    ):
                        break
                    head[i] = queue[each]
                    number[i] += 1
                    context[i] += isl[each]
                    slot = (step[i] + osl[each]) % size
                    behind[each] = ending[i, slot]
                    ending[i, slot] = each
                each = head[i]
                full[i] = each >= 0
                while each >= 0 and waited[each] == 0:
                    waited[each] = 1
                    each = queue[each]
                if number[i] > 0:
                    time = line[0] + line[1] * number[i] + line[2] * context[i]
                    lasts[i] = max(line[4], time + line[3] * sqrt(number[i]))
                    ends[i] = moment + lasts[i]
                while joined != head[i]:
                    first[joined] = ends[i]
                    joined = queue[joined]
        if at == count:
            break
        to = low
        if kind == 2:
            for i in range(n):
                if load[i] < load[to]:
                    to = i
        load[to] += 1
        queue[at] = -1
        if head[to] < 0:
            head[to] = at
        else:
            queue[tail[to]] = at
        tail[to] = at
        if ends[to] >= ENDLESS:
            ends[to], lasts[to] = now, 0.0
            step[to] -= 1
    return good / max(1, done), kept / max(1e-9, whole)
