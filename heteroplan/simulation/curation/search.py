"""Search in the box of a policy's options: spread trials first, then steps around the best.

Trials are made a generation at a time, and what a generation holds depends on the seed and on the
scores of those before it, not on how many are simulated at once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import qmc

from heteroplan.simulation.policies.shared.options import Searched
from heteroplan.simulation.requests import Floats

GENERATION = 6
"""Trials between two looks at the best."""
SPREAD_SHARE = 0.4
"""Of the trials, spread evenly over the box before the first step."""
_FIRST_STEP, _LAST_STEP = 0.25, 0.04
"""Standard deviation of steps, in widths of the box."""
_MOVED_SHARE = 0.5
"""Of the options, moved in a step; one at least."""
_DIGITS = 4
"""Of the values: what is printed is what was tried."""

type Point = Mapping[str, float]


@dataclass(frozen=True, slots=True, order=True)
class Score:
    """Less is better: first keep the SLO, then take little."""

    shortfall: float
    amount: float


@dataclass(frozen=True, slots=True)
class Trial:
    """Options and what came of them."""

    options: Point
    score: Score


def search(
    box: Mapping[str, Searched],
    starts: Sequence[Point],
    trials: int,
    random: np.random.Generator,
    evaluate: Callable[[Sequence[Point]], Sequence[Score]],
) -> list[Trial]:
    """`trials` in all, in the order in which they were made; `starts` are the first ones.

    The best is the least score, the first on ties. Without options to search there are only the
    starts.
    """
    found: list[Trial] = []

    def score(points: Sequence[Point]) -> None:
        found.extend(map(Trial, points, evaluate(points)))

    score(starts[:trials])
    if not box:
        return found
    spread = [_point(box, each) for each in _spread(len(box), round(trials * SPREAD_SHARE), random)]
    for first in range(0, len(spread), GENERATION):
        score(spread[first : min(first + GENERATION, first + trials - len(found))])
    steps = trials - len(found)
    while len(found) < trials:
        done = 1.0 - (trials - len(found)) / steps
        width = _FIRST_STEP * (_LAST_STEP / _FIRST_STEP) ** done
        best = _place(box, min(found, key=lambda each: each.score).options)
        count = min(GENERATION, trials - len(found))
        score([_point(box, each) for each in _steps(best, width, count, random)])
    return found


def best_of(trials: Sequence[Trial]) -> Trial:
    """The least score, the first on ties."""
    return min(trials, key=lambda each: each.score)


def widened(
    box: Mapping[str, Searched], place: Point, bounds: Mapping[str, tuple[float, float]]
) -> dict[str, Searched]:
    """The box with `place` in it, as far as the options' own least and most let it be."""
    found = dict(box)
    for name in box.keys() & place.keys():
        low, high = bounds[name]
        value = _rounded(min(max(place[name], low), high))
        found[name] = replace(
            box[name], low=min(box[name].low, value), high=max(box[name].high, value)
        )
    return found


def clipped(box: Mapping[str, Searched], given: Point) -> Point:
    """The options of `given` that are in the box, each at its nearest value there."""
    return {name: _within(of, _rounded(given[name])) for name, of in box.items() if name in given}


def _spread(dimensions: int, count: int, random: np.random.Generator) -> Floats:
    """[count, dimension] a Latin hypercube."""
    found: Floats = qmc.LatinHypercube(dimensions, rng=random).random(count)
    return found


def _steps(best: Floats, width: float, count: int, random: np.random.Generator) -> Iterator[Floats]:
    """Places near the best one; a step beyond the box is reflected at its side."""
    for _ in range(count):
        moved = random.random(len(best)) < _MOVED_SHARE
        moved[random.integers(len(best))] = True
        place = np.abs(best + np.where(moved, width * random.standard_normal(len(best)), 0.0))
        yield np.clip(np.where(place > 1.0, 2.0 - place, place), 0.0, 1.0)


def _point(box: Mapping[str, Searched], place: Floats) -> Point:
    """Options at a place of the unit cube."""
    found = {}
    for (name, of), share in zip(box.items(), place.tolist(), strict=True):
        if of.log:
            value = of.low * (of.high / of.low) ** share
        else:
            value = of.low + (of.high - of.low) * share
        found[name] = _within(of, _rounded(value))
    return found


def _place(box: Mapping[str, Searched], point: Point) -> Floats:
    """The place of options in the unit cube; those out of the box are at its side."""
    found = []
    for name, of in box.items():
        value = _within(of, point[name])
        if of.log:
            found.append(np.log(value / of.low) / np.log(of.high / of.low))
        else:
            found.append((value - of.low) / (of.high - of.low))
    return np.array(found)


def _within(of: Searched, value: float) -> float:
    return min(max(value, of.low), of.high)


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")
