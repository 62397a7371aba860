"""What an executor is."""

from datetime import datetime
from typing import Protocol

from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints


class Executor(Protocol):
    """A system at work on the text that was written for it.

    It knows the target of an entry, and never its timetable.
    """

    def __call__(self, text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
        """[M] replicas that the system asks of the target at each minute from `start` (UTC) on.

        Within a minute the least. `before` replicas are there when the text is applied, at
        `start`. Raises UsageError for a text that the system would refuse.
        """
        ...
