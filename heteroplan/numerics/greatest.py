"""The greatest load that keeps to a limit."""

from collections.abc import Callable

ACCURACY = 1e-10
"""Of the greatest load allowed."""
MOST_STEPS, BISECTED = 100, 4
"""Every so many steps the middle is taken, however the line falls."""


def greatest(excess: Callable[[float], float], most: float) -> float:
    """Greatest load in 0..`most` whose `excess`, which grows with it, is not above 0; 0 if none.

    Regula falsi with the weights of Illinois (Dowell, Jarratt, BIT 11, 1971), on the safe side.
    """
    above = excess(most)
    if above <= 0.0:
        return most
    below = excess(0.0)
    if below > 0.0:
        return 0.0
    low, high, last = 0.0, most, 0
    for step in range(1, MOST_STEPS + 1):
        if high - low <= ACCURACY * most:
            break
        part = 0.5 if step % BISECTED == 0 else below / (below - above)
        load = low + min(max(part, 1e-6), 1.0 - 1e-6) * (high - low)
        found = excess(load)
        if found <= 0.0:
            low, below = load, found
            above = above / 2.0 if last < 0 else above
        else:
            high, above = load, found
            below = below / 2.0 if last > 0 else below
        last = -1 if found <= 0.0 else 1
    return low
