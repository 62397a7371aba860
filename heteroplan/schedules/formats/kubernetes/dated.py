"""What must be said of schedules with dates."""

from collections.abc import Sequence

from heteroplan.schedules.timetable.changes import wall_clock_end
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry


def dated_notes(entries: Sequence[Entry]) -> tuple[str, ...]:
    """For formats in which a size stays until the next one is said; none where all repeat."""
    dated = [e.timetable for e in entries if e.timetable.recurrence is Recurrence.DATED]
    if not dated:
        return ()
    return (
        f"Nothing changes back after {max(map(wall_clock_end, dated)):%Y-%m-%d %H:%M} "
        f"({dated[0].zone}): pools keep their last size.",
        "Dates come again a year later: replace this file before.",
    )
