import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from heteroplan.errors import UsageError
from heteroplan.schedules.executors.systemd import sizes
from heteroplan.schedules.formats.systemd import systemd, unit_files
from heteroplan.schedules.timetable.recurrence import Recurrence
from tests.clock_days import CHANGES, ORDINARY, RECURRENCES, Case, case

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not there"
)


@pytest.mark.parametrize("recurrence", RECURRENCES)
@pytest.mark.parametrize(("zone", "day"), [*CHANGES, *ORDINARY])
def test_no_minute_is_short(zone: str, day: datetime, recurrence: Recurrence) -> None:
    played = case(zone, day, recurrence).played("systemd", sizes)
    assert played.short == []
    assert played.over() <= (120 if (zone, day) in CHANGES else 0)


def shell_size(case: Case, at: datetime, folder: Path) -> str:
    """What the service's own command asks of kubectl at a time, run by sh."""
    service = unit_files(case.text("systemd"))["heteroplan-llm-p.service"]
    (folder / "date").write_text(f'#!/bin/sh\nexec /bin/date -d @{int(at.timestamp())} "$@"\n')
    (folder / "kubectl").write_text('#!/bin/sh\necho "$@"\n')
    for name in ("date", "kubectl"):
        (folder / name).chmod(0o755)
    environment = dict(re.findall(r'^Environment="?(\w+)=([^"\n]*)"?$', service, re.MULTILINE))
    (command,) = re.findall(r"^ExecStart=(.*)$", service, re.MULTILINE)
    words = [
        re.sub(r'\\(["\\])', r"\1", word).replace("%%", "%").replace("$$", "$")
        for word in re.findall(r'"((?:[^"\\]|\\.)*)"', command)
    ]
    environment = {name: value.replace("%%", "%") for name, value in environment.items()}
    environment["PATH"] = f"{folder}:/usr/bin:/bin"
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("recurrence", RECURRENCES)
@pytest.mark.parametrize(("zone", "day"), [CHANGES[0], CHANGES[1], ORDINARY[2]])
def test_the_shell_finds_the_same_size(
    zone: str, day: datetime, recurrence: Recurrence, tmp_path: Path
) -> None:
    """At some minutes of the day, those around the clock change among them."""
    some = case(zone, day, recurrence)
    dated = recurrence is Recurrence.DATED
    start = some.entry.timetable.start if dated else day.replace(tzinfo=UTC)
    got = sizes(some.text("systemd"), some.entry, start, 600, 9).tolist()
    for m in (0, 60, 61, 121, 345):
        at = start + timedelta(minutes=m)
        expected = f"--namespace=llm scale deployment/p --replicas={got[m]}"
        if got[m] != 9:
            assert shell_size(some, at, tmp_path) == expected


@needs_systemd
@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_units_are_valid(recurrence: Recurrence, tmp_path: Path) -> None:
    files = unit_files(case(*CHANGES[0], recurrence).text("systemd"))
    assert sorted(files) == ["heteroplan-llm-p.service", "heteroplan-llm-p.timer"]
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in files)],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
@pytest.mark.parametrize(("zone", "day"), CHANGES)
@pytest.mark.parametrize("clock", ["01:45", "02:00", "02:45", "03:00"])
def test_times_come_when_systemd_says(zone: str, day: datetime, clock: str) -> None:
    """Of one line with a size, at midnight of the day before in UTC and the three days after."""
    start = day.replace(tzinfo=UTC) - timedelta(days=1)
    some = case(zone, day, Recurrence.DAILY)
    text = re.sub(
        r"(OnCalendar=.*\n)+", f"OnCalendar=*-*-* {clock}:00 {zone}\n", some.text("systemd")
    )
    text = re.sub(r'"UTC=[^"]*"', '"UTC="', re.sub(r'"CLOCK=[^"]*"', '"CLOCK=0000=1"', text))
    found: list[datetime] = []
    for _ in range(3):
        begin = found[-1] + timedelta(minutes=1) if found else start
        asked = sizes(text, some.entry, begin, 2 * 1440, 0).tolist()
        found.append(begin + timedelta(minutes=asked.index(1)))
    base = f"--base-time={start - timedelta(seconds=1):%F %T} UTC"
    done = subprocess.run(
        ["systemd-analyze", "calendar", "--iterations=3", base, f"*-*-* {clock}:00 {zone}"],
        capture_output=True,
        text=True,
        check=True,
        env={"TZ": "UTC", "PATH": "/usr/bin:/bin"},
    )
    told = re.findall(r"(?:elapse|#\d): \w+ (\S+ \S+) UTC", done.stdout)
    assert [f"{at:%F %T}" for at in found] == told


def test_two_pools_with_one_unit_are_refused() -> None:
    some = case(*ORDINARY[0], Recurrence.DAILY)
    twice = replace(some.schedule, entries=(some.entry, some.entry))
    with pytest.raises(UsageError, match="two pools would have one systemd unit, heteroplan-llm-p"):
        systemd(twice, some.options)


def test_words_reach_the_command_as_they_are() -> None:
    """A context with a space, a quote, a dollar and a percent sign."""
    some = case(*ORDINARY[0], Recurrence.DAILY)
    target = replace(some.entry.target, context='a "b" $c %d \\e')
    entry = replace(some.entry, target=target)
    text = systemd(replace(some.schedule, entries=(entry,)), some.options)
    assert r'"--context=a \"b\" $$c %%d \\e"' in text
