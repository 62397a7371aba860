from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import ExportOptions, exported
from tests.cron import crontab_sizes, minutes, planned_sizes
from tests.plans import day_scenario, horizon, plan, pool

OPTIONS = ExportOptions(name_template="p")


def crontab_of(
    replicas: Sequence[int],
    *,
    startup_s: float = 0.0,
    options: ExportOptions = OPTIONS,
    **when: Any,
) -> tuple[str, Sequence[datetime]]:
    interval_s = when.pop("interval_s", 3600)
    during = horizon(len(replicas), interval_s=interval_s, **when)
    made = plan(day_scenario(during, startup_s=startup_s), [pool(replicas)])
    return exported(document_of(made), "crontab", options), during.boundaries()


def lines_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_daily_plan_has_one_line_a_change() -> None:
    """2 replicas, 5 from 08:00 and 2 again from 20:00; 180 s of start-up: 07:57."""
    text, _ = crontab_of([2] * 8 + [5] * 12 + [2] * 4, startup_s=180, timezone="Asia/Singapore")
    assert lines_of(text) == [
        "CRON_TZ=Asia/Singapore",
        "57 7 * * * kubectl scale deployment/p --replicas=5",
        "0 20 * * * kubectl scale deployment/p --replicas=2",
    ]
    assert "# 07:57 p: 2 -> 5 replicas" in text


def test_a_plan_that_does_not_repeat_says_that_nothing_changes_back() -> None:
    text, _ = crontab_of([2] * 8 + [5] * 16, cyclic=False)
    (line,) = [line for line in text.splitlines() if line.startswith("# Nothing changes back")]
    assert line == "# Nothing changes back after 2026-11-24 00:00: pools keep their last size."
    assert "changes back" not in crontab_of([2] * 8 + [5] * 16)[0]


def test_constant_pool_is_set_once_a_day() -> None:
    text, _ = crontab_of([3] * 24)
    assert lines_of(text)[1:] == ["0 0 * * * kubectl scale deployment/p --replicas=3"]


def test_growth_at_midnight_starts_the_day_before() -> None:
    """1 replica until midnight, 4 from midnight on for an hour; 10 min of start-up: 23:50."""
    text, _ = crontab_of([4] + [1] * 23, startup_s=600)
    assert lines_of(text)[1:] == [
        "0 1 * * * kubectl scale deployment/p --replicas=1",
        "50 23 * * * kubectl scale deployment/p --replicas=4",
    ]


def test_a_week_repeats_by_weekday() -> None:
    """Monday 2026-11-23 to Sunday, 4 replicas on Saturday (day 5, cron weekday 6) only."""
    text, _ = crontab_of([1] * 5 + [4, 1], interval_s=86400)
    assert lines_of(text)[1:] == [
        "0 0 * * 6 kubectl scale deployment/p --replicas=4",
        "0 0 * * 0 kubectl scale deployment/p --replicas=1",
    ]


def test_options_are_quoted_for_the_shell_and_for_cron() -> None:
    options = ExportOptions(
        name_template="{workload}-{role}",
        context="a b%c",
        namespace="llm",
        target_kind="StatefulSet",
    )
    text, _ = crontab_of([3] * 24, options=options)
    assert lines_of(text)[1] == (
        r"0 0 * * * kubectl '--context=a b\%c' --namespace=llm scale "
        "statefulset/chat-1-decode --replicas=3"
    )


def test_seconds_cannot_be_said() -> None:
    with pytest.raises(UsageError, match="whole minutes"):
        crontab_of([1, 2], interval_s=90)


@settings(max_examples=25, deadline=None)
@given(
    replicas=st.lists(st.integers(0, 5), min_size=48, max_size=48),
    lead=st.integers(0, 100),
    start=st.sampled_from([datetime(2026, 11, 23), datetime(2026, 11, 23, 6, 30)]),
)
def test_simulated_day_has_exactly_the_planned_sizes(
    replicas: list[int], lead: int, start: datetime
) -> None:
    text, moments = crontab_of(
        replicas, startup_s=lead * 60 - 0.5 * (lead > 0), interval_s=1800, start=start
    )
    over = list(minutes(moments[0] - timedelta(days=1), moments[-1]))
    expected = planned_sizes(replicas, 30, lead, cyclic=True)
    assert crontab_sizes(text, "deployment/p", over)[1440:] == expected


@pytest.mark.parametrize("day", [datetime(2026, 10, 25), datetime(2026, 3, 29)])
@pytest.mark.parametrize("twice", [True, False])
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_dated_plan_follows_the_wall_clock_when_clocks_change(
    day: datetime, twice: bool, data: st.DataObject
) -> None:
    """25 or 23 hours in Berlin; in the doubled hour (02:00 to 03:00, twice) never too few."""
    hours = 25 if day.month == 10 else 23
    replicas = data.draw(st.lists(st.integers(0, 5), min_size=hours, max_size=hours))
    text, moments = crontab_of(
        replicas, startup_s=600, start=day, timezone="Europe/Berlin", cyclic=False
    )
    over = list(minutes(moments[0] - timedelta(minutes=10), moments[-1]))
    sizes = crontab_sizes(text, "deployment/p", over, twice=twice)
    assert sizes[0] is not None
    expected = planned_sizes(replicas, 60, 10, cyclic=False)
    for at, size, want in zip(over[10:], sizes[10:], expected, strict=True):
        if hours == 25 and at.hour == 2:
            assert size is not None
            assert size >= want
        else:
            assert size == want, at
    assert "25 10 *" in text or "29 3 *" in text or "24 10 *" in text or "28 3 *" in text


def test_more_than_a_year_is_refused_as_a_cron_line_has_none() -> None:
    """365 days: with the start-up before them a day and month could come twice."""
    with pytest.raises(UsageError, match="a cron line has no year; plan at most one year"):
        crontab_of([1] * 365, interval_s=86_400, cyclic=False)


def test_one_day_that_is_not_cyclic_is_dated() -> None:
    """Ready at midnight of the 23rd with 60 s of start-up: 23:59 the day before."""
    text, _ = crontab_of([1] * 23 + [2], startup_s=60, cyclic=False)
    assert lines_of(text)[1:] == [
        "59 23 22 11 * kubectl scale deployment/p --replicas=1",
        "59 22 23 11 * kubectl scale deployment/p --replicas=2",
    ]


def test_cyclic_day_on_which_clocks_change_is_dated() -> None:
    """24 h of elapsed time from midnight of 2026-10-25 in Berlin end at 23:00."""
    text, _ = crontab_of(
        [1] * 12 + [2] * 12, start=datetime(2026, 10, 25), timezone="Europe/Berlin"
    )
    assert lines_of(text)[1:] == [
        "0 0 25 10 * kubectl scale deployment/p --replicas=1",
        "0 11 25 10 * kubectl scale deployment/p --replicas=2",
    ]


def test_every_pool_has_its_lines_under_what_it_is() -> None:
    """Of two pools, the first grows at 08:00 and starts 3 min early; the other is never changed."""
    of = day_scenario(horizon(24, timezone="Asia/Singapore"), startup_s=180)
    prefill = pool([2] * 8 + [5] * 12 + [2] * 4, role=Role.PREFILL, engine_name="h100-tp4-prefill")
    decode = pool([1] * 24, engine_name="l40s-tp8-decode", node="l40sx8", gpus=8, domain="b-s2")
    options = ExportOptions(name_template="{role}", namespace="llm")
    assert exported(document_of(plan(of, [prefill, decode])), "crontab", options) == (
        "# Schedule of the plan 'day' (inputs 000000000000).\n"
        "# CRON_TZ works in cronie and fcron; where cron ignores it, run cron in this zone.\n"
        "CRON_TZ=Asia/Singapore\n"
        "\n"
        "# chat-1 prefill: h100-tp4-prefill on h100x8 in a-s1, every day, grows 3 min early to be "
        "ready\n"
        "# 07:57 prefill: 2 -> 5 replicas\n"
        "57 7 * * * kubectl --namespace=llm scale deployment/prefill --replicas=5\n"
        "# 20:00 prefill: 5 -> 2 replicas\n"
        "0 20 * * * kubectl --namespace=llm scale deployment/prefill --replicas=2\n"
        "\n"
        "# chat-1 decode: l40s-tp8-decode on l40sx8 in b-s2, every day, grows 3 min early to be "
        "ready\n"
        "# 00:00 decode: 1 replicas\n"
        "0 0 * * * kubectl --namespace=llm scale deployment/decode --replicas=1\n"
    )


def test_a_dated_plan_says_so_and_what_is_extrapolated() -> None:
    """The first size is of nothing that is known; without a start-up nothing grows early."""
    made = plan(day_scenario(horizon(2, cyclic=False)), [pool([1, 2])])
    points = ((replace(made.candidates[1].points[0][0], extrapolated=True),),) * 2
    made = replace(
        made,
        candidates=(made.candidates[0], replace(made.candidates[1], points=points)),
    )
    assert exported(document_of(made), "crontab", OPTIONS) == (
        "# Schedule of the plan 'day' (inputs 000000000000).\n"
        "# CRON_TZ works in cronie and fcron; where cron ignores it, run cron in this zone.\n"
        "# Nothing changes back after 2026-11-23 02:00: pools keep their last size.\n"
        "# Dated lines come again a year later: replace this file before.\n"
        "# extrapolated: engine h100-tp4-decode (chat-1)\n"
        "CRON_TZ=UTC\n"
        "\n"
        "# chat-1 decode: h100-tp4-decode on h100x8 in a-s1, once\n"
        "# 2026-11-23 00:00 p: 1 replicas\n"
        "0 0 23 11 * kubectl scale deployment/p --replicas=1\n"
        "# 2026-11-23 01:00 p: 1 -> 2 replicas\n"
        "0 1 23 11 * kubectl scale deployment/p --replicas=2\n"
    )


def test_a_weekly_plan_names_days() -> None:
    text, _ = crontab_of([1] * 5 + [4, 1], interval_s=86400)
    assert [line for line in text.splitlines() if line.startswith("#")][2:] == [
        "# chat-1 decode: h100-tp4-decode on h100x8 in a-s1, every week",
        "# Sat 00:00 p: 1 -> 4 replicas",
        "# Sun 00:00 p: 4 -> 1 replicas",
    ]


@pytest.mark.parametrize(
    ("intervals", "interval_s", "when", "repeats"),
    [
        (24, 3600, {}, "every day"),
        (7, 86_400, {}, "every week"),
        (7, 86_400, {"cyclic": False}, "once"),
        (12, 3600, {}, "once"),
        (2, 86_400, {}, "once"),
        (8, 86_400, {}, "once"),
        (7, 86_400, {"start": datetime(2026, 10, 20), "timezone": "Europe/Berlin"}, "once"),
        (7, 86_400, {"start": datetime(2026, 10, 26), "timezone": "Europe/Berlin"}, "every week"),
    ],
)
def test_only_a_day_or_week_without_a_clock_change_repeats(
    intervals: int, interval_s: int, when: dict[str, Any], repeats: str
) -> None:
    text, _ = crontab_of([1] * intervals, interval_s=interval_s, **when)
    assert f" in a-s1, {repeats}\n" in text
    assert ("changes back" in text) == (repeats == "once")


def test_a_start_that_takes_longer_than_the_day_is_a_day_early() -> None:
    """Two days of start-up, more than a scenario takes: the greatest size stays."""
    document = document_of(plan(day_scenario(horizon(24)), [pool([1] * 23 + [4])]))
    slow = tuple(each.model_copy(update={"startup_s": 2.0 * 86_400}) for each in document.engines)
    text = exported(document.model_copy(update={"engines": slow}), "crontab", OPTIONS)
    assert "grows 1440 min early" in text
    assert lines_of(text)[1:] == ["0 0 * * * kubectl scale deployment/p --replicas=4"]


@pytest.mark.parametrize("lead", [59, 60, 61])
def test_a_dip_as_short_as_a_start_is_bridged(lead: int) -> None:
    """5, 1 for an hour from 10:00, 5 again: 59 min leave the 1 for a minute, 60 none."""
    text, _ = crontab_of([5] * 10 + [1] + [5] * 13, startup_s=60 * lead)
    assert [line.split()[:2] for line in lines_of(text)[1:]] == (
        [["0", "10"], ["1", "10"]] if lead == 59 else [["0", "0"]]
    )


def test_seconds_of_a_start_cannot_be_said() -> None:
    """Nor can those of steps; a whole number of minutes can."""
    late = datetime(2026, 11, 23, 0, 0, 30)
    for when in ({"start": late}, {"interval_s": 90}, {"interval_s": 30}):
        with pytest.raises(UsageError, match=r"^cron counts whole minutes; plan with intervals of"):
            crontab_of([1, 2], **when)
    assert "1 0 23 11 * " in crontab_of([1, 2], interval_s=60, cyclic=False)[0]


def test_a_year_but_for_a_day_can_be_said() -> None:
    """364 days: no day of the start-up before them comes twice."""
    text, _ = crontab_of([1] * 363 + [2], interval_s=86_400, cyclic=False)
    assert lines_of(text)[2] == "0 0 21 11 * kubectl scale deployment/p --replicas=2"
