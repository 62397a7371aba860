"""Which stretches of time the files of a trace tell of."""

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
        """From the end of what was told until more is told [microseconds since 1970 UTC]."""
        found = list(self.jumps)
        ordered = sorted(self._parts.values())
        end = ordered[0][1]
        for first, last in ordered[1:]:
            if first > end:
                found.append((end, first))
            end = max(end, last)
        return found

    def notes(self) -> list[str]:
        """Whether parts overlap, in a sentence."""
        ordered = sorted(self._parts.values())
        ends = np.maximum.accumulate([last for _, last in ordered])
        overlapping = sum(
            first < end for (first, _), end in zip(ordered[1:], ends.tolist(), strict=False)
        )
        if not overlapping:
            return []
        return [f"{overlapping + 1} files overlap in time; their requests are added up"]
