"""Waits of a queue through time: their first two moments, and the shares that they imply.

V is the wait of a prompt that comes now, u the load, C the share of prompts that wait (Erlang C),
and g = s (ca^2 + cs^2) / c the variance that arrivals bring, for c replicas and a service time s:

    d E[V^2] / dt = -2 (1 - u) E[V] + g max(C, u P)      P = min(1, 2 E[V]^2 / E[V^2])

which holds of M/G/1 whatever else, and stands still at the mean wait of M/G/c. P is the share that
waits were V exponential where it is not 0; E[V] follows sqrt(C E[V^2] / 2), the mean of such a V,
but falls by no more than 1 - u a second and grows by no more than u. So a queue that grows or is
worked off does so as a fluid, with a variance that grows by g a second.
"""

from functools import lru_cache
from math import erfc, exp, sqrt

import numpy as np

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.fluid.state import LOADS, SERVERS
from heteroplan.simulation.requests import Floats

SETTLED = 2.0
"""A step longer than so many relaxation times leaves the queue as it is in the long run."""
NOTHING = 1e-18
"""Mean square of a wait that is none [s^2]."""
SQRT_HALF = sqrt(0.5)


@lru_cache(maxsize=1)
def erlang_table() -> Floats:
    """[servers - 1, load 0 to 1] probability of waiting in M/M/c."""
    table = np.ones((SERVERS, LOADS))
    _fill(table)
    return table


@compiled
def _fill(table: Floats) -> None:
    for servers in range(1, SERVERS + 1):
        for place in range(LOADS - 1):
            load, blocked = place / (LOADS - 1), 1.0
            for busy in range(1, servers + 1):
                blocked = servers * load * blocked / (busy + servers * load * blocked)
            table[servers - 1, place] = blocked / (1.0 - load * (1.0 - blocked))


@compiled
def delayed(erlang: Floats, servers: float, load: float) -> float:
    """Share of the arrivals that wait, between the points of the table; `servers` 1 at least."""
    if load >= 1.0:
        return 1.0
    row = int(min(max(servers, 1.0), SERVERS - 1.0))
    part = min(max(servers, 1.0), float(SERVERS)) - row
    at = load * (LOADS - 1)
    left = int(at)
    right = at - left
    below = erlang[row - 1, left] * (1.0 - right) + erlang[row - 1, left + 1] * right
    if part <= 0.0:
        return float(below)
    above = erlang[row, left] * (1.0 - right) + erlang[row, left + 1] * right
    return float(below * (1.0 - part) + above * part)


@compiled
def pass_time(
    wait: float, square: float, load: float, share: float, noise: float, time: float
) -> tuple[float, float]:
    """E[V] and E[V^2] after `time` at a constant load; `share` is C, `noise` g."""
    free = 1.0 - load
    steps = 1
    if free > 0.0:
        settled = share * noise / (2.0 * free)
        relaxation = noise / (free * free)
        if time >= SETTLED * relaxation and wait - free * time <= settled:
            return settled, 2.0 * settled * settled / max(share, 1e-12)
        steps = int(min(4.0, 1.0 + 2.0 * time / max(relaxation, 1e-9)))
    h = time / steps
    for _ in range(steps):
        waiting = min(1.0, 2.0 * wait * wait / square) if square > 0.0 else 0.0
        aim = sqrt(share * square / 2.0)
        quick = 1.0 - exp(-4.0 * abs(free) * h / noise) if noise > 0.0 else 1.0
        change = (aim - wait) * quick
        if free <= 0.0:
            change = max(-free * h, change)
        after = wait + min(max(change, -free * h), load * h)
        after = max(0.0, after)
        square += h * (noise * max(share, load * waiting) - free * (wait + after))
        wait = after
        square = max(square, wait * wait)
    if square < NOTHING:
        return 0.0, 0.0
    return wait, square


@compiled
def within(wait: float, square: float, limit: float) -> float:
    """P(V <= limit): exponential beside a share that does not wait, or a gamma."""
    if limit < 0.0:
        return 0.0
    if wait <= 1e-9:
        return 1.0
    waiting = 2.0 * wait * wait / square
    if waiting <= 1.0:
        return 1.0 - waiting * exp(-waiting * limit / wait)
    shape = wait * wait / max(square - wait * wait, 1e-12 * square)
    ninth = 1.0 / (9.0 * shape)
    return normal((np.cbrt(limit / wait) - (1.0 - ninth)) / sqrt(ninth))


@compiled
def normal(deviations: float) -> float:
    """Share of a normal distribution below so many deviations above the mean."""
    return 0.5 * erfc(-deviations * SQRT_HALF)
