"""How many sequences decode at a time, over the number that is planned for.

A request decodes for a time that grows with its answer; the mean one for a given time. Counted is
what the token of a sequence sees: the others in flight, each moment as often as tokens come in it.
Of Poisson arrivals that is a Poisson number whatever the lengths.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

_EDGES: Floats = np.concatenate([[0.0], 1.02 ** np.arange(-150.0, 350.0)])
"""Multiples of the planned number between which moments are counted."""
WARM = 2.0
"""Residence times after which those who came before a stretch have left; half of it at most."""


def seen(
    moments_us: Ints,
    stay_s: Floats,
    planned: Floats,
    stretches: tuple[Ints, Ints],
    groups: Ints,
    percentiles: Sequence[float],
) -> Floats:
    """[group, percentile] quantiles of the others in flight over the planned number.

    Requests in the order of arrival stay for `stay_s`, where so many are `planned`. `stretches`
    says from when until when the requests around each are known [microseconds].
    """
    begins_us, ends_us = stretches
    leaves_us = np.sort(np.minimum(moments_us + (stay_s * 1e6).astype(np.int64), ends_us))
    warm_us = np.minimum(
        begins_us + int(WARM * float(stay_s.mean()) * 1e6), (begins_us + ends_us) // 2
    )
    size = int(groups.max()) + 1
    times = np.zeros((size, len(_EDGES)))
    _count(moments_us, leaves_us, warm_us, planned, groups, _EDGES, times)
    total = times.sum(axis=1)
    sums = np.cumsum(times, axis=1)
    found = np.zeros((size, len(percentiles)))
    for j, percentile in enumerate(percentiles):
        place = (sums < percentile * total[:, None]).sum(axis=1)
        found[:, j] = np.where(total > 0, _EDGES[np.minimum(place, len(_EDGES) - 1)], 0.0)
    return found


@compiled
def _count(
    arrives_us: Ints,
    leaves_us: Ints,
    warm_us: Ints,
    planned: Floats,
    groups: Ints,
    edges: Floats,
    times: Floats,
) -> None:
    """Add to `times` [group, edge] the time of tokens that see up to so many."""
    left = 0
    for i in range(len(arrives_us)):
        until_us = arrives_us[i + 1] if i + 1 < len(arrives_us) else leaves_us[-1]
        now_us = arrives_us[i]
        while now_us < until_us:
            while left <= i and leaves_us[left] <= now_us:
                left += 1
            here = i + 1 - left
            if here == 0:
                break
            next_us = min(until_us, leaves_us[left])
            from_us = max(now_us, warm_us[i])
            if next_us > from_us:
                others = (here - 1) / planned[i]
                edge = min(np.searchsorted(edges, others), len(edges) - 1)
                times[groups[i], edge] += here * (next_us - from_us)
            now_us = next_us
