"""The capacity with which recorded work waits no longer than it may.

Work is replayed through a fluid queue: each request adds its work to what waits, and a constant
capacity drains that; a request waits until what was there before it is done. With many requests at
a time the queue of a pool is not much slower.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled

type Floats = NDArray[np.float64]
type Ints = NDArray[np.int64]

CAPACITIES: Floats = 1.0 + np.concatenate([[0.0], 2.0 ** np.arange(-6.0, 14.5, 0.5)])
"""Multiples of the planned rate at which work is replayed; between them it is interpolated."""


@dataclass(frozen=True, slots=True)
class Work:
    """Work in the order of arrival, an entry each."""

    moments_us: Ints
    seconds: Floats
    """That the planned rate of the interval takes for the work [s]."""
    first: NDArray[np.bool_]
    """Whether nothing is known of what came just before, so that nothing waits."""
    groups: Ints
    """What is looked at together, from 0 on."""


def needed(work: Work, waits_s: Sequence[float], percentiles: Sequence[float]) -> Floats:
    """[group, wait, percentile] the least capacity, in multiples of the planned rate.

    With it that share of the group's requests wait no longer; at least 1.
    """
    size = int(work.groups.max()) + 1
    late = np.zeros((size, len(waits_s), len(CAPACITIES)))
    _replay(work.moments_us, work.seconds, work.first, work.groups, CAPACITIES,
            np.array(waits_s), late)  # fmt: skip
    counts = np.bincount(work.groups, minlength=size).astype(float)
    return np.stack([_least(late, counts, 1.0 - each) for each in percentiles], axis=-1)


@compiled
def _replay(
    moments_us: Ints,
    seconds: Floats,
    first: NDArray[np.bool_],
    groups: Ints,
    capacities: Floats,
    waits_s: Floats,
    late: Floats,
) -> None:
    """Add to `late` [group, wait, capacity] the requests that wait longer."""
    queues = np.zeros(len(capacities))
    for i in range(len(moments_us)):
        gap_s = 0.0 if first[i] else max(0.0, (moments_us[i] - moments_us[i - 1]) * 1e-6)
        counts = late[groups[i]]
        for k in range(len(capacities)):
            before = 0.0 if first[i] else max(0.0, queues[k] - gap_s * capacities[k])
            queues[k] = before + seconds[i]
            for j in range(len(waits_s)):
                if before <= waits_s[j] * capacities[k]:
                    break
                counts[j, k] += 1.0


def _least(late: Floats, counts: Floats, share: float) -> Floats:
    """[group, wait] where the share of late requests comes down to `share`.

    Shares fall about exponentially with capacity, and are interpolated so.
    """
    half = 0.5
    logs = np.log(np.maximum(late, half) / counts[:, None, None])
    wanted = np.log(share)
    above = (logs > wanted) & (late > half)
    last = above.shape[-1] - 1 - above[..., ::-1].argmax(axis=-1)
    found: Floats = np.ones(last.shape)
    inside = above.any(axis=-1) & (last < len(CAPACITIES) - 1)
    i, j = np.nonzero(inside)
    k = last[inside]
    high, low = logs[i, j, k], logs[i, j, k + 1]
    part = np.clip((high - wanted) / np.maximum(high - low, 1e-12), 0.0, 1.0)
    found[inside] = CAPACITIES[k] + part * (CAPACITIES[k + 1] - CAPACITIES[k])
    found[above.any(axis=-1) & ~inside] = CAPACITIES[-1]
    return found
