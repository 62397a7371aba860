"""Stamps of traces -> moments: where a trace begins, and clocks that start again."""

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError

type _Ints = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US_PER_S = 1_000_000
US_PER_DAY = 86_400 * US_PER_S
DATED_US = 10**8 * US_PER_S
"""Stamps from 1973 on are dates, where a format has both."""
LEAST_RESTART_US = 600 * US_PER_S
MOST_RESTARTS = 100


class TraceClock:
    """Places the stamps of one trace, in the order of its rows, in time.

    A trace that knows its dates may be moved so that it begins at `start`; one that does not
    needs it. Where the clock of such a trace falls back by more than half of what it has shown, and
    by ten minutes at least, it has started again (files of single weeks laid end to end, say): what
    follows comes on the first whole day after which none of it lies before what came so far.
    """

    def __init__(self, dated: bool | None, start: datetime | None, notes: list[str]) -> None:
        self._dated = dated
        self._start = start
        self._notes = notes
        self._shift_us = 0
        self._first_us = self._high_us = 0
        self._rows = self._restarts = 0
        self.jumps: list[tuple[int, int]] = []
        """From the last moment before a new start to the first one after."""

    def placed(self, stamps_us: _Ints) -> _Ints:
        """The next stamps as microseconds since 1970 UTC; one at least. Raises UsageError."""
        if self._rows == 0:
            self._begin(int(stamps_us[0]))
        if self._dated:
            self._rows += len(stamps_us)
            return stamps_us + self._shift_us
        placed = np.empty_like(stamps_us)
        left = 0
        while left < len(stamps_us):
            right = left + self._run(stamps_us[left:])
            placed[left:right] = stamps_us[left:right] + self._shift_us
            self._high_us = max(self._high_us, int(stamps_us[left:right].max(initial=0)))
            self._rows += right - left
            if right < len(stamps_us):
                self._restart(int(stamps_us[right]))
            left = right
        return placed

    def _begin(self, first_us: int) -> None:
        if self._dated is None:
            self._dated = first_us >= DATED_US
        if self._start is None and not self._dated:
            raise UsageError("the trace has no date; say when it starts (--start 2026-11-23T00:00)")
        start_us = 0 if self._start is None else (self._start - EPOCH) // timedelta(microseconds=1)
        moved = self._dated and self._start is not None
        self._shift_us = start_us - first_us if moved else start_us
        self._first_us = self._high_us = first_us

    def _run(self, stamps_us: _Ints) -> int:
        """How many of the stamps come before the clock starts again."""
        before = np.maximum.accumulate(np.concatenate([[self._high_us], stamps_us[:-1]]))
        far = np.maximum(LEAST_RESTART_US, (before - self._first_us) // 2)
        restarts = before - stamps_us > far
        return int(restarts.argmax()) if restarts.any() else len(stamps_us)

    def _restart(self, first_us: int) -> None:
        days = -(-(self._high_us - first_us) // US_PER_DAY)
        self._restarts += 1
        is_shown = self._high_us - self._first_us >= LEAST_RESTART_US
        if self._restarts > MOST_RESTARTS or not is_shown:
            raise UsageError(
                "the clock of the trace jumps back again and again; sort its rows by time"
            )
        ended_us = self._high_us + self._shift_us
        self._shift_us += days * US_PER_DAY
        self.jumps.append((ended_us, first_us + self._shift_us))
        self._notes.append(
            f"the clock of the trace starts again at request {self._rows + 1:,}; later "
            f"requests are moved by {days} day(s)"
        )
        self._first_us = self._high_us = first_us
