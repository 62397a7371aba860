"""What systems do with a schedule: the rules of each, on the text that was written for it."""

from collections.abc import Callable
from datetime import datetime

from heteroplan.schedules.executors import cronhpa, crontab, gpustack, systemd
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints

type Executor = Callable[[str, Entry, datetime, int, int], Ints]
"""Of the text, what is scaled, the first minute (UTC), how many minutes, and the size before: the
[M] replicas that the system asks for at each minute."""

EXECUTORS: dict[str, Executor] = {
    "cronhpa": cronhpa.sizes,
    "crontab": crontab.sizes,
    "gpustack": gpustack.sizes,
    "systemd": systemd.sizes,
}
"""By the name of the format."""
