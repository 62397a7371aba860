"""Requests of some intervals of a trace, kept while it is read; memory is bounded.

All intervals are kept until there are too many requests. Then every second one is, and so on: those
are spread evenly over the trace, and depend on nothing but its requests. Where few intervals are
left, their leading parts are kept.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.numerics.compiling import compiled

if TYPE_CHECKING:
    from heteroplan.forecasting.steps.opened import PlacedRequests

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

MOST_KEPT = 1_000_000
"""Requests."""
FEWEST_INTERVALS = 16
"""Kept of a trace that has more, before parts of intervals are left out."""


@dataclass(frozen=True, slots=True)
class Sampled:
    """Requests in the order of arrival."""

    moments_us: Ints
    """When they arrived [microseconds since 1970 UTC]."""
    prompts: Floats
    """Input tokens that prefill computes; those of a mean request where not known, and 1 of each
    request where none are."""
    answers: Floats
    """Output tokens, filled in as `prompts` are."""
    starts_us: Ints
    """Of the interval of each request [microseconds since 1970 UTC]."""
    span_us: int
    """Leading part of each interval that is kept [microseconds]."""
    interval_us: int

    def of(self, chosen: NDArray[np.bool_]) -> "Sampled":
        """The chosen requests."""
        return Sampled(
            self.moments_us[chosen],
            self.prompts[chosen],
            self.answers[chosen],
            self.starts_us[chosen],
            self.span_us,
            self.interval_us,
        )


class Sample:
    """Requests kept of those that were added so far, in whatever order these came."""

    def __init__(self, interval_s: int, most: int = MOST_KEPT) -> None:
        self._interval_us = interval_s * US_PER_S
        self._most = most
        self._phase_us = 0
        self._share = 1.0
        self._span_us = self._interval_us
        self._parts: list[tuple[Ints, Ints, Ints]] = []
        self._size = 0

    def add(self, requests: "PlacedRequests", start_us: int) -> None:
        """Keep some of them; intervals are counted from `start_us` of the first call on."""
        if not self._parts:
            self._phase_us = start_us % self._interval_us
        isl, osl, cached = requests.input_tokens, requests.output_tokens, requests.cached_tokens
        missed = isl if cached is None else isl - np.clip(cached, 0, np.maximum(isl - 1, 0))
        self._keep((requests.moments_us, np.maximum(missed, -1), osl))
        while self._size > self._most:
            self._thin()

    def kept(self) -> Sampled | None:
        """What was kept; None where nothing came."""
        if not self._size:
            return None
        moments_us, missed, osl = (np.concatenate(each) for each in zip(*self._parts, strict=True))
        order = np.argsort(moments_us, kind="stable")
        moments_us = moments_us[order]
        starts_us = moments_us - (moments_us - self._phase_us) % self._interval_us
        known = (missed >= 0) & (osl >= 0)
        prompts, answers = (_filled(each, known)[order] for each in (missed, osl))
        return Sampled(moments_us, prompts, answers, starts_us, self._span_us, self._interval_us)

    def _keep(self, columns: tuple[Ints, Ints, Ints]) -> None:
        if self._share < 1.0 or self._span_us < self._interval_us:
            chosen = _chosen(
                columns[0], self._phase_us, self._interval_us, self._share, self._span_us
            )
            columns = (columns[0][chosen], columns[1][chosen], columns[2][chosen])
        if len(columns[0]):
            # Copies: a view would hold all of the batch that was read.
            self._parts.append((columns[0].copy(), columns[1].copy(), columns[2].copy()))
            self._size += len(columns[0])

    def _thin(self) -> None:
        parts, self._parts, self._size = self._parts, [], 0
        intervals = np.unique(
            np.concatenate([np.unique((each - self._phase_us) // self._interval_us)
                            for each, *_ in parts])
        )  # fmt: skip
        if len(intervals) >= FEWEST_INTERVALS:
            self._share /= 2
        else:
            self._span_us //= 2
        for part in parts:
            self._keep(part)


def _filled(tokens: Ints, known: NDArray[np.bool_]) -> Floats:
    """At least 1 of each; the mean where not known."""
    mean = max(1.0, float(tokens[known].mean())) if known.any() else 1.0
    return np.where(known, np.maximum(tokens, 1), mean)


@compiled
def _chosen(
    moments_us: Ints, phase_us: int, interval_us: int, share: float, span_us: int
) -> NDArray[np.bool_]:
    # Multiples of the golden ratio are spread evenly over a circle, however many are taken.
    found = np.zeros(len(moments_us), np.bool_)
    begin_us, end_us, is_kept = 0, 0, False
    for i in range(len(moments_us)):
        if not begin_us <= moments_us[i] < end_us:
            interval = (moments_us[i] - phase_us) // interval_us
            begin_us = phase_us + interval * interval_us
            end_us = begin_us + interval_us
            leap = interval * 0.6180339887498949
            is_kept = leap - np.floor(leap) < share
        found[i] = is_kept and moments_us[i] < begin_us + span_us
    return found
