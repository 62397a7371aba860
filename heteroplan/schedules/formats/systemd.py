"""Timers of systemd: for each pool a .timer, and a .service that sets the size that holds now.

Source: systemd.time(7), systemd.timer(5), systemd.service(5). A timer runs its service at each time
of its `OnCalendar` lines. With `Persistent=true` it also runs it once where times were missed, so
the service does not set the size of one change but looks up the size of the moment. `OnCalendar`
names the zone: times that clocks skip do not come, and times that they show twice come once. So
around a change of clocks, and for plans with dates, times and sizes are in UTC.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.sentences import extrapolated_in_use
from heteroplan.schedules.routing.weights import shares_needed
from heteroplan.schedules.targets.kubectl import scale_words
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.changes import changes
from heteroplan.schedules.timetable.clock_windows import Window, windows
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry, Schedule
from heteroplan.schedules.timetable.timetable import Timetable

HEADER = "# file: "
"""Begins each file of the text, before its name."""
SCRIPT = (
    'size=; clock=$(date "+$FORM"); utc=$(date -u +%Y%m%d%H%M); '
    'for step in $CLOCK; do [ "$clock" -ge "${step%%=*}" ] && size=${step#*=}; done; '
    "dated=; "
    'for step in $UTC; do [ "$utc" -ge "${step%%=*}" ] && dated=${step#*=}; done; '
    'size=${dated:-$size}; [ -z "$size" ] || exec "$@" "--replicas=$size"'
)
"""In sh: sets the size that holds now. `CLOCK` has the steps of a day or week, the size of the
first holding from its end before; `UTC` those with a date, an empty size ending them."""
_FORMS = {Recurrence.WEEKLY: "%u%H%M"}
_DAILY_FORM = "%H%M"
_MINUTE = timedelta(minutes=1)


def systemd(schedule: Schedule, options: ExportOptions) -> str:
    """The files of all pools, each under a line with its name.

    Raises UsageError for no pools, and for two pools with one name.
    """
    document, entries = schedule.document, schedule.entries
    if not entries:
        raise UsageError("the plan has no pools: there is nothing for systemd to scale")
    names = [unit_name(entry.target) for entry in entries]
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise UsageError(
            f"two pools would have one systemd unit, {', '.join(twice)}; give their targets "
            "different names"
        )
    notes = [
        f"Schedule of the plan {document.scenario!r} (inputs {document.inputs_sha256[:12]}).",
        extrapolated_in_use(document),
        shares_needed(document),
    ]
    parts = ["".join(f"# {note}\n" for note in notes if note)]
    for name, entry in zip(names, entries, strict=True):
        parts.append(f"{HEADER}{name}.timer\n{_timer(entry)}")
        parts.append(f"{HEADER}{name}.service\n{_service(entry)}")
    return "\n".join(parts)


def unit_files(text: str) -> dict[str, str]:
    """The files of a text of `systemd`, by name."""
    _, *parts = f"\n{text}".split(f"\n{HEADER}")
    named = (part.partition("\n") for part in parts)
    return {name: f"{content.strip()}\n" for name, _, content in named}


def unit_name(target: Target) -> str:
    """Of the two units of a target, without their kind."""
    return "-".join(part for part in ("heteroplan", target.namespace, target.name) if part)


def quoted(words: Sequence[str]) -> str:
    """Words of a command in a unit file, as they are."""
    return " ".join(_word(word) for word in words)


def _word(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


def _timer(entry: Entry) -> str:
    times = "".join(f"OnCalendar={time}\n" for time in _times(entry.timetable))
    return (
        f"[Unit]\nDescription=Times at which {_about(entry)} changes size\n\n"
        f"[Timer]\n{times}AccuracySec=1s\nPersistent=true\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )


def _service(entry: Entry) -> str:
    table = entry.timetable
    form = _FORMS.get(table.recurrence, _DAILY_FORM).replace("%", "%%")
    command = quoted(["/bin/sh", "-c", SCRIPT, "sh", *scale_words(entry.target)])
    return (
        f"[Unit]\nDescription=Sets the size of {_about(entry)} that holds now\n\n"
        "[Service]\nType=oneshot\n"
        f"Environment=TZ={table.zone}\n"
        f"Environment=FORM={form}\n"
        f'Environment="CLOCK={" ".join(_clock_steps(table))}"\n'
        f'Environment="UTC={" ".join(_dated_steps(table))}"\n'
        f"ExecStart={command}\n"
    )


def _about(entry: Entry) -> str:
    pool = entry.pool
    return f"{pool.workload} {pool.role.value} {pool.engine} in {pool.domain}".replace("%", "%%")


def _times(table: Timetable) -> list[str]:
    """Of `OnCalendar`, none twice."""
    if table.recurrence is Recurrence.DATED:
        return [_utc_time(at) for at, _ in _moments(table)]
    day = "%a " if table.recurrence is Recurrence.WEEKLY else ""
    usual = [f"{change.at.strftime(day)}*-*-* {change.at:%H:%M}:00" for change in changes(table)]
    dated = [_utc_time(at) for window in windows(table) for at, _ in _steps(table, window)]
    return [*dict.fromkeys(f"{time} {table.zone}" for time in usual), *dict.fromkeys(dated)]


def _utc_time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}:00 UTC"


def _clock_steps(table: Timetable) -> list[str]:
    """From the beginning of the day, or of Monday."""
    if table.recurrence is Recurrence.DATED:
        return []
    form = _FORMS.get(table.recurrence, _DAILY_FORM)
    found = sorted((change.at.strftime(form), change.replicas) for change in changes(table))
    first = "0000" if form == _DAILY_FORM else "10000"
    if found[0][0] != first:
        found.insert(0, (first, found[-1][1]))
    return [f"{at}={size}" for at, size in found]


def _dated_steps(table: Timetable) -> list[str]:
    if table.recurrence is Recurrence.DATED:
        steps: list[tuple[datetime, int | str]] = list(_moments(table))
    else:
        steps = [step for window in windows(table) for step in _steps(table, window)]
    return [f"{at:%Y%m%d%H%M}={size}" for at, size in steps]


def _steps(table: Timetable, window: Window) -> list[tuple[datetime, int | str]]:
    """In UTC; an empty size where the window ends."""
    zone = ZoneInfo(table.zone)
    size = window.before
    found: list[tuple[datetime, int | str]] = [(_utc(window.first, zone), size)]
    found += [(_utc(change.at, zone), change.replicas) for change in window.changes]
    by_time = dict(found)
    by_time[_utc(window.last, zone)] = ""
    return sorted(by_time.items(), key=lambda step: step[0])


def _utc(clock: datetime, zone: ZoneInfo) -> datetime:
    return clock.replace(tzinfo=zone).astimezone(UTC)


def _moments(table: Timetable) -> list[tuple[datetime, int]]:
    """Of a plan with dates: its first size, and each that differs from the minute before."""
    sizes = table.asked.tolist()
    return [
        (table.start + m * _MINUTE, size)
        for m, size in enumerate(sizes)
        if not m or size != sizes[m - 1]
    ]
