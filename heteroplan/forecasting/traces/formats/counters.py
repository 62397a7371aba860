"""Samples of counters and rates -> what came in windows of time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heteroplan.forecasting.traces.windows_table import US_PER_S

if TYPE_CHECKING:
    import numpy as np

    from heteroplan.forecasting.traces.requests import Floats, Integers

MOST_HOLE_STEPS = 2
"""No sample of any counter for longer than this is missing data; what was counted in a shorter
hole is spread over it evenly."""


@dataclass(frozen=True, slots=True)
class CounterSeries:
    """Samples of one series of one file."""

    file: str
    name: str
    """Name of the metric as the file writes it; empty for an expression."""
    labels: tuple[tuple[str, str], ...]
    stamps_us: "Integers"
    """Since 1970 UTC, ascending [microseconds]; one at least."""
    values: "Floats"
    is_new: bool = False
    """Whether it begins after the first sample of its file, as a pod does that was started."""


@dataclass(frozen=True, slots=True)
class Flow:
    """One quantity as several series tell it, together."""

    series: tuple[CounterSeries, ...]
    is_rate: bool
    """Values are rates over the step that ends at their stamp, not counters."""
    step_us: int
    """The most frequent distance of samples."""
    stamps_us: "Integers"
    """Moments of the samples of any series, ascending."""

    @property
    def start_us(self) -> int:
        """From when on it is known."""
        return int(self.stamps_us[0]) - (self.step_us if self.is_rate else 0)

    @property
    def end_us(self) -> int:
        """Until when it is known."""
        return int(self.stamps_us[-1])

    def amounts(self, edges_us: "Integers") -> "Floats":
        """What came between each edge and the next one; nothing where nothing is known."""
        import numpy as np

        total = np.zeros(len(edges_us) - 1)
        for each in self.series:
            times_us, sums = self._running_sum(each)
            total += np.diff(np.interp(edges_us, times_us, sums))
        return np.maximum(total, 0.0)

    def known(self, edges_us: "Integers") -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
        """Whether any series tells what came in the whole of a window."""
        import numpy as np

        covered_us = self.step_us if self.is_rate else 0
        most_us = 1.5 * self.step_us if self.is_rate else MOST_HOLE_STEPS * self.step_us
        before = np.flatnonzero(np.diff(self.stamps_us) > most_us)
        first = np.searchsorted(edges_us, self.stamps_us[before], side="right") - 1
        last = np.searchsorted(edges_us, self.stamps_us[before + 1] - covered_us, side="left") - 1
        size = len(edges_us) - 1
        marks = np.zeros(size + 1, dtype=np.int64)
        np.add.at(marks, np.clip(first, 0, size), 1)
        np.subtract.at(marks, np.clip(last + 1, 0, size), 1)
        inside = (edges_us[:-1] >= self.start_us) & (edges_us[1:] <= self.end_us)
        return np.asarray((np.cumsum(marks[:-1]) <= 0) & inside)

    def _running_sum(self, series: CounterSeries) -> tuple["Integers", "Floats"]:
        """What came until some times; it grows evenly between them."""
        import numpy as np

        stamps_us, values = series.stamps_us, series.values
        if self.is_rate:
            begins_us = stamps_us - self.step_us
            begins_us[1:] = np.maximum(begins_us[1:], stamps_us[:-1])
            amounts = values * (stamps_us - begins_us) / US_PER_S
            ends = np.cumsum(amounts)
            times_us = np.stack([begins_us, stamps_us], axis=1).ravel()
            return times_us, np.stack([ends - amounts, ends], axis=1).ravel()
        sums = np.concatenate([[0.0], np.cumsum(increments(values))])
        if not series.is_new:
            return stamps_us, sums
        began_us = stamps_us[:1] - self.step_us
        return np.concatenate([began_us, stamps_us]), np.concatenate([[0.0], sums + values[0]])


def increments(values: "Floats") -> "Floats":
    """What a counter counted from each sample to the next one; it starts at 0 where it falls."""
    import numpy as np

    differences = np.diff(values)
    return np.where(differences < 0.0, values[1:], differences)


def flow(series: Sequence[CounterSeries], *, is_rate: bool) -> Flow:
    """The series of one quantity; those of the same labels are one, cut or exported twice."""
    import numpy as np

    pieces: dict[tuple[tuple[str, str], ...], list[CounterSeries]] = {}
    for each in series:
        pieces.setdefault(each.labels, []).append(each)
    merged = tuple(_merged(each) for each in pieces.values())
    distances, times = np.unique(
        np.concatenate([np.diff(each.stamps_us) for each in merged]), return_counts=True
    )
    step_us = int(distances[times.argmax()]) if len(distances) else 0
    stamps_us = np.unique(np.concatenate([each.stamps_us for each in merged]))
    return Flow(merged, is_rate, step_us, stamps_us)


def _merged(pieces: Sequence[CounterSeries]) -> CounterSeries:
    import numpy as np

    if len(pieces) == 1:
        return pieces[0]
    ordered = sorted(pieces, key=lambda piece: (int(piece.stamps_us[0]), piece.is_new))
    stamps_us, first = np.unique(
        np.concatenate([piece.stamps_us for piece in ordered]), return_index=True
    )
    values = np.concatenate([piece.values for piece in ordered])[first]
    head = ordered[0]
    return CounterSeries(head.file, head.name, head.labels, stamps_us, values, head.is_new)
