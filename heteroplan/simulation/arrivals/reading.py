"""The requests of one trace, in the order of their arrival."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from heteroplan.forecasting.steps.opened import PlacedRequests, ReadOptions, opened
from heteroplan.forecasting.steps.stamps import US_PER_S
from heteroplan.forecasting.traces.requests import UNKNOWN
from heteroplan.simulation.arrivals.windows import from_windows
from heteroplan.simulation.requests import Floats, Integers


@dataclass(frozen=True, slots=True)
class TraceRequests:
    """All requests of one trace; arrays [request], lengths `UNKNOWN` where it does not tell."""

    start_us: int
    """When it begins [microseconds since 1970 UTC]."""
    after_s: Floats
    """Since `start_us`, ascending [s]."""
    isl: Integers
    osl: Integers
    cached: Integers | None
    """None where neither the trace nor a cache tells."""
    tells_blocks: bool
    """Whether it tells prefix blocks and not what was cached."""
    notes: tuple[str, ...]

    @property
    def mean_gap_s(self) -> float:
        """Between arrivals [s]; 0 where all arrive at once."""
        gaps = len(self.after_s) - 1
        return float(self.after_s[-1] - self.after_s[0]) / gaps if gaps > 0 else 0.0


def read_trace(
    paths: Sequence[str], options: ReadOptions, streams: Sequence[np.random.Generator]
) -> TraceRequests:
    """The trace in all `paths`; requests are drawn where it tells only windows.

    `streams` are random streams for arrivals, classes and lengths. Raises InputError and
    UsageError.
    """
    with opened(paths, options) as trace:
        drawn = trace.has_windows
        batches = from_windows(trace, streams) if drawn else trace.requests()
        moments_us, isl, osl, cached = _joined(batches)
        if not len(moments_us):
            raise trace.problem("tells so little demand that no request was drawn from it")
        order = np.argsort(moments_us, kind="stable")
        moments_us = moments_us[order]
        spans = [] if drawn else trace.spans.notes()
        return TraceRequests(
            int(moments_us[0]),
            (moments_us - moments_us[0]) / US_PER_S,
            isl[order],
            osl[order],
            None if cached is None else cached[order],
            trace.tells_blocks,
            (*trace.notes, *spans),
        )


def _joined(
    batches: Iterable[PlacedRequests],
) -> tuple[Integers, Integers, Integers, Integers | None]:
    """Moments, input, output and cached tokens of all batches."""
    moments, isl, osl, cached = [], [], [], []
    told = False
    for batch in batches:
        moments.append(batch.moments_us)
        isl.append(batch.input_tokens)
        osl.append(batch.output_tokens)
        if batch.cached_tokens is None:
            cached.append(np.full(len(batch.moments_us), UNKNOWN, np.int64))
        else:
            cached.append(batch.cached_tokens)
            told = told or bool((batch.cached_tokens >= 0).any())
    joined = [np.concatenate(each) for each in (moments, isl, osl, cached)]
    return joined[0], joined[1], joined[2], joined[3] if told else None
