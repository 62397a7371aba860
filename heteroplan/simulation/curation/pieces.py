"""The requests that a search may see, and those that it may not; the busiest part of a trace."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from heteroplan.errors import UsageError
from heteroplan.simulation.requests import Floats, RequestStream

LEAST_GAPS = 100
"""Of a trace's busiest interval."""


def cut_interval(duration_s: float, interval_s: float, share: float) -> int:
    """Intervals of the seen part: the share of the replay, to the nearest whole number of them.

    Raises UsageError where the replay has less than two intervals.
    """
    intervals = int(np.ceil(duration_s / interval_s))
    if intervals < 2:
        raise UsageError(
            "curation needs a replay of two intervals or more: one is searched on, the other is "
            "not seen; make the replay longer"
        )
    return int(np.clip(round(share * duration_s / interval_s), 1, intervals - 1))


def before(stream: RequestStream, end_s: float) -> RequestStream:
    """The requests that arrive before a moment; the replay ends then."""
    kept = slice(int(np.searchsorted(stream.arrival_s, end_s, side="left")))
    return replace(
        stream,
        duration_s=end_s,
        workload=stream.workload[kept],
        arrival_s=stream.arrival_s[kept],
        isl=stream.isl[kept],
        cached=stream.cached[kept],
        osl=stream.osl[kept],
        rejected={},
    )


def busiest_gaps(
    stream: RequestStream, interval_s: float, workloads: Sequence[str]
) -> dict[str, Floats]:
    """Workload -> gaps between its arrivals in the interval that has most of them [s].

    Raises UsageError for a workload with fewer than `LEAST_GAPS` gaps there.
    """
    found = {}
    for name in workloads:
        own = stream.arrival_s[stream.workload == stream.workloads.index(name)]
        interval = (own // interval_s).astype(np.int64)
        busiest = int(np.bincount(interval).argmax()) if len(own) else 0
        gaps = np.diff(own[interval == busiest])
        if len(gaps) < LEAST_GAPS or not gaps.any():
            raise UsageError(
                f"--calibrate: the trace of {name} has {len(gaps) + 1:,} requests in its busiest "
                f"interval, too few to tell how they follow one another; leave it out"
            )
        found[name] = gaps
    return found
