"""Tokens of requests, drawn by the classes of their intervals.

A class has a mean and a coefficient of variation of missed tokens and of output tokens. A request
has one token of each, and a gamma distributed number more, so that the means are those of the
class; what is not whole is rounded up as often as it is far from the next lower number, which
leaves means as they are too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.entities.workload import RequestClass
from heteroplan.simulation.requests import Floats, Integers

LEAST_DEVIATION = 1e-6
"""Less is none [tokens]."""


@dataclass(frozen=True, slots=True)
class Lengths:
    """Tokens of requests, in their order."""

    isl: Integers
    cached: Integers
    """0 <= cached < isl."""
    osl: Integers
    kind: Integers
    """Class that they were drawn from."""


def lengths(
    mixes: Sequence[Sequence[RequestClass]],
    interval: Integers,
    of_class: np.random.Generator,
    of_length: np.random.Generator,
) -> Lengths:
    """Of requests in the given intervals; `mixes` are the classes of each interval.

    The cached tokens of a request are to its missed ones as those of its class are.
    """
    classes = _classes([[each.share for each in mix] for mix in mixes], interval, of_class)

    def figure(name: str) -> Floats:
        table = np.array([[_FIGURES[name](each) for each in mix] for mix in mixes])
        found: Floats = table[interval, classes]
        return found

    missed = _drawn(figure("missed"), figure("missed_cv"), of_length)
    osl = _drawn(figure("osl"), figure("osl_cv"), of_length)
    cached = rounded(missed * figure("cached_per_missed"), of_length)
    return Lengths(missed + cached, cached, osl, classes)


_FIGURES: Mapping[str, Callable[[RequestClass], float]] = {
    "missed": lambda of: of.missed_tokens,
    "missed_cv": lambda of: of.isl_cv or 0.0,
    "osl": lambda of: of.osl,
    "osl_cv": lambda of: of.outputs_cv,
    "cached_per_missed": lambda of: of.prefix_hit_rate / (1.0 - of.prefix_hit_rate),
}


def rounded(numbers: Floats, random: np.random.Generator) -> Integers:
    """Whole numbers of the same mean: x is floor(x) + 1 with probability x - floor(x)."""
    if not (numbers % 1.0).any():
        return numbers.astype(np.int64)
    return np.floor(numbers + random.random(len(numbers))).astype(np.int64)


def _classes(
    shares: Sequence[Sequence[float]], interval: Integers, random: np.random.Generator
) -> Integers:
    """Class of each request, by the shares of its interval."""
    upper = np.cumsum(shares, axis=1)[:, :-1]
    found = np.zeros(len(interval), np.int64)
    if upper.shape[1]:
        uniform = random.random(len(interval))
        for bounds in upper.T:
            found += uniform >= bounds[interval]
    return found


def _drawn(mean: Floats, cv: Floats, random: np.random.Generator) -> Integers:
    """1 and a gamma distributed number more; 1 where the mean is no more."""
    more = np.maximum(mean - 1.0, 0.0)
    deviation = cv * mean
    varied = (deviation > LEAST_DEVIATION) & (more > 0.0)
    if varied.any():
        shape = (more[varied] / deviation[varied]) ** 2
        more[varied] *= random.standard_gamma(shape) / shape
    return 1 + rounded(more, random)
