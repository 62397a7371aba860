"""Decode steps of a batch that stays the same: how long k of them take, and how many fit a time.

Each step lengthens every context by a token, so their times are an arithmetic series, cut off below
by the floor of a step.
"""

from math import ceil, floor, sqrt
from typing import Any

from heteroplan.numerics.compiling import compiled

SHORTEST_S = 1e-6
"""No pass over a model is shorter [s]."""
ROUNDING = 1e-9
"""A step that is longer than its limit by this share is not late."""


@compiled
def prefill_s(replica: Any, tokens: float, squares: float) -> float:
    """Time of a prefill batch of so many tokens, and their squares' sum [s]."""
    time_s = replica.overhead + replica.token * tokens + replica.square * squares
    return max(SHORTEST_S, replica.floor, time_s)


@compiled
def prompt_alone_s(replica: Any, tokens: int) -> float:
    """Time of a prompt that an idle replica prefills, in pieces of what a batch takes [s]."""
    most = replica.batch_tokens if replica.batch_tokens > 0 else tokens
    time_s, done = 0.0, 0
    while done < tokens:
        after = min(tokens, done + most)
        squares = float(after) * after - float(done) * done
        time_s += prefill_s(replica, float(after - done), squares)
        done = after
    return time_s


@compiled
def _first_and_growth(replica: Any, n: int, summed: float) -> tuple[float, float, float]:
    """Time of the next step without its floor, what each later one takes more, the floor [s].

    Of `n` sequences whose contexts sum to `summed`. Of a divided engine: of the half that takes
    longer.
    """
    first = replica.base + replica.root * sqrt(n) + replica.sequence * n
    first += replica.context * summed
    growth = replica.context * n
    if replica.other_ratio > 0.0:
        m = n * replica.other_ratio
        other = replica.other_base + replica.other_root * sqrt(m) + replica.other_sequence * m
        other += replica.other_context * summed * replica.other_ratio
        if other > first:
            first, growth = other, replica.other_context * m
    return first, growth, max(SHORTEST_S, replica.step_floor)


@compiled
def step_alone_s(replica: Any, context: float) -> float:
    """Time of a decode step of one sequence [s]."""
    first, _, least = _first_and_growth(replica, 1, context)
    return max(first, least)


@compiled
def steps_s(replica: Any, steps: int) -> float:
    """Time of the next `steps` decode steps from the boundary at which the replica stands [s]."""
    first, growth, least = _first_and_growth(replica, replica.running, float(replica.summed))
    flat = 0
    if first < least:
        # The quotient is too large for an integer where contexts cost next to nothing.
        bounded = growth * steps > least - first
        flat = min(steps, ceil((least - first) / growth)) if bounded else steps
    rest = steps - flat
    first += growth * flat
    return replica.extra + flat * least + rest * first + growth * (rest * (rest - 1) / 2.0)


@compiled
def steps_within(replica: Any, time_s: float) -> int:
    """How many steps have ended so long after the boundary, `leap` at most."""
    first, growth, least = _first_and_growth(replica, replica.running, float(replica.summed))
    left = time_s - replica.extra
    if left <= 0.0:
        return 0
    guess = left / least
    if first >= least:
        half = first - growth / 2.0
        guess = 2.0 * left / (half + sqrt(half * half + 2.0 * growth * left))
    steps = floor(min(guess, replica.leap))
    while steps > 0 and steps_s(replica, steps) > time_s:
        steps -= 1
    while steps < replica.leap and steps_s(replica, steps + 1) <= time_s:
        steps += 1
    return steps


@compiled
def late_steps(replica: Any, steps: int, limit_s: float) -> int:
    """Of the next `steps` decode steps but the first, those that take longer than `limit_s`."""
    first, growth, least = _first_and_growth(replica, replica.running, float(replica.summed))
    limit_s *= 1.0 + ROUNDING
    if least > limit_s or first > limit_s:
        return steps - 1
    if growth * (steps - 1) <= limit_s - first:
        return 0
    return steps - 1 - floor((limit_s - first) / growth)
