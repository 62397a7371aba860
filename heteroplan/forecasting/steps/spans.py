"""Which stretches of time the files of a trace tell of."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


class Spans:
    """From the first to the last request of each file, and where its clock jumped ahead."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[int, int]] = {}
        self.jumps: list[tuple[int, int]] = []
        """From where to where [microseconds since 1970 UTC]."""

    def add(self, part: int, moments_us: NDArray[np.int64]) -> None:
        """Count requests of a file in."""
        first, last = int(moments_us.min()), int(moments_us.max())
        low, high = self._parts.get(part, (first, last))
        self._parts[part] = min(low, first), max(high, last)

    def gaps(self) -> list[tuple[int, int]]:
        """From the end of the data so far until the next data [microseconds since 1970 UTC]."""
        found = list(self.jumps)
        ordered = sorted(self._parts.values())
        end = ordered[0][1]
        for first, last in ordered[1:]:
            if first > end:
                found.append((end, first))
            end = max(end, last)
        return found

    def notes(self) -> list[str]:
        """How many files overlap another one, in a sentence."""
        ordered = sorted(self._parts.values())
        latest = np.maximum.accumulate([last for _, last in ordered])
        overlapping: set[int] = set()
        for i, ((_, last), (first, _)) in enumerate(pairwise(ordered)):
            if first < last:
                overlapping.add(i)
            if first < latest[i]:
                overlapping.add(i + 1)
        if not overlapping:
            return []
        return [f"{len(overlapping)} files overlap in time; their requests are added up"]
