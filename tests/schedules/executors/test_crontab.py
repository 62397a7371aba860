from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from heteroplan.schedules.executors.crontab import Daemon, sizes, sizes_by
from heteroplan.schedules.timetable.recurrence import Recurrence
from tests.clock_days import CHANGES, ORDINARY, RECURRENCES, case


@pytest.mark.parametrize("recurrence", RECURRENCES)
@pytest.mark.parametrize(("zone", "day"), [*CHANGES, *ORDINARY])
@pytest.mark.parametrize("lead", [7, 70])
def test_no_minute_is_short_under_any_daemon(
    zone: str, day: datetime, recurrence: Recurrence, lead: int
) -> None:
    played = case(zone, day, recurrence, lead=lead).played("crontab", sizes)
    assert played.short == []
    assert played.over() <= (120 if (zone, day) in CHANGES else 0)


BERLIN = "CRON_TZ=Europe/Berlin\n"
UNTIL_TWO = "0 1 * * * kubectl --namespace=llm scale deployment/p --replicas=1\n"
AT_HALF_PAST_TWO = "30 2 * * * kubectl --namespace=llm scale deployment/p --replicas=5\n"
AT_THREE = "45 2 * * * kubectl --namespace=llm scale deployment/p --replicas=2\n"


@pytest.mark.parametrize(
    ("daemon", "forward", "back"),
    [
        (Daemon.EACH_PASS, [1] * 60, [1] * 30 + [5] * 15 + [2] * 45 + [5] * 15 + [2] * 15),
        (Daemon.FIRST_PASS, [1] * 60, [1] * 30 + [5] * 15 + [2] * 75),
        (Daemon.CATCHES_UP, [2] * 60, [1] * 30 + [5] * 15 + [2] * 75),
    ],
)
def test_daemons_differ_on_days_on_which_clocks_change(
    daemon: Daemon, forward: list[int], back: list[int]
) -> None:
    """5 replicas at 02:30, 2 at 02:45: of 02:00 to 03:00 skipped, and of it shown twice.

    From 03:00 of 28 March (01:00 UTC), and from 02:00 of 31 October (00:00 UTC).
    """
    text = BERLIN + UNTIL_TWO + AT_HALF_PAST_TWO + AT_THREE
    entry = case(*ORDINARY[0], Recurrence.DAILY).entry
    at = datetime(2027, 3, 28, 0, 0, tzinfo=UTC)
    assert sizes_by(daemon, text, entry, at, 120, 1).tolist()[60:] == forward
    at = datetime(2027, 10, 31, 0, 0, tzinfo=UTC)
    assert sizes_by(daemon, text, entry, at, 120, 1).tolist() == back


@pytest.mark.parametrize(
    "change",
    [
        {"name": "q"},
        {"namespace": "other"},
        {"context": "c"},
        {"kind": "StatefulSet"},
    ],
)
def test_lines_of_other_targets_do_not_count(change: dict[str, Any]) -> None:
    entry = case(*ORDINARY[0], Recurrence.DAILY).entry
    other = replace(entry, target=replace(entry.target, **change))
    at = datetime(2027, 5, 9, tzinfo=UTC)
    text = BERLIN + UNTIL_TWO
    assert sizes(text, entry, at, 1440, 7).tolist() == [7] * 1380 + [1] * 60
    assert set(sizes(text, other, at, 1440, 7).tolist()) == {7}
