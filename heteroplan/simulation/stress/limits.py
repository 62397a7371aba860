"""The factor at which something first breaks: from what is known, then by bisection."""

from collections.abc import Callable, Iterable

TOLERANCE = 0.01
"""Of a factor, between the greatest that holds and the least that breaks."""
LEAST, MOST = 0.1, 4.0
"""Factors between which is searched."""
STEP = 1.5
"""Of one factor to the next until something breaks, or holds."""
DIGITS = 3
"""Of factors after the point."""


def limit(
    holds_at: Callable[[float], bool], known: Iterable[float]
) -> tuple[float | None, float | None]:
    """The greatest factor that holds below the least that breaks, and the least that breaks.

    Begins with the `known` factors, one at least. None where no factor holds, or breaks, within
    the range that is searched. Of what breaks, holds again and breaks, any one of the breaks.
    """
    tried = {factor: holds_at(factor) for factor in sorted(known)}
    while True:
        breaks = min((factor for factor, held in tried.items() if not held), default=None)
        below = [factor for factor, held in tried.items() if held]
        holds = max((f for f in below if breaks is None or f < breaks), default=None)
        if breaks is None:
            assert holds is not None
            if holds >= MOST:
                return holds, None
            following = min(MOST, holds * STEP)
        elif holds is None:
            if breaks <= LEAST:
                return None, breaks
            following = max(LEAST, breaks / STEP)
        elif breaks - holds <= TOLERANCE:
            return holds, breaks
        else:
            following = (holds + breaks) / 2.0
        following = round(following, DIGITS)
        tried[following] = holds_at(following)
