"""Sizes that are said again where clocks change, by hand."""

from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import ExportOptions
from heteroplan.schedules.timetable.changes import changes
from heteroplan.schedules.timetable.repairs import repairs
from heteroplan.schedules.timetable.schedule import schedule_of
from tests.plans import day_scenario, horizon, plan, pool

LORD_HOWE = "Australia/Lord_Howe"


def said(replicas: list[int], zone: str, *, lead: int = 0, cyclic: bool = True) -> list[str]:
    """Of quarters of an hour of a day in November 2026."""
    during = horizon(len(replicas), interval_s=900, timezone=zone, cyclic=cyclic)
    made = plan(day_scenario(during, startup_s=60.0 * lead), [pool(replicas)])
    (entry,) = schedule_of(document_of(made), ExportOptions()).entries
    found = repairs(entry.timetable, changes(entry.timetable))
    return [f"{each.at:%m-%d %H:%M} {each.replicas}" for each in found]


def test_growth_in_a_skipped_hour_is_said_when_it_ends() -> None:
    """Berlin, from 02:30 on: 28 March 2027 has no 02:00 to 03:00, which is at 01:00 UTC.

    31 October has it twice, so the second 02:00 ends the 5 of the first 02:30.
    """
    assert said([2] * 10 + [5] * 86, "Europe/Berlin") == ["03-28 01:00 5", "10-31 01:00 2"]


def test_growth_after_a_skipped_hour_is_said_a_start_up_earlier() -> None:
    """From 03:00 on, ten minutes after 02:50, which does not come: so at 00:50 UTC.

    On 31 October 02:50 comes twice; the size stays from the first time on, 00:50 UTC.
    """
    assert said([2] * 12 + [5] * 84, "Europe/Berlin", lead=10) == [
        "03-28 00:50 5",
        "10-31 01:00 2",
    ]


def test_what_was_done_in_a_doubled_hour_is_undone_for_its_second_time() -> None:
    """5 from 02:00 until 02:45: the second 02:00 is at 01:00 UTC, and its line runs then."""
    assert said([2] * 8 + [5] * 3 + [2] * 85, "Europe/Berlin", lead=0) == []
    # 2 from 02:15 on; the second time the line of 02:15 runs as well, 02:00 was 5 already
    assert said([5] * 9 + [2] * 87, "Europe/Berlin") == ["03-28 01:00 2", "10-31 01:00 5"]


def test_on_lord_howe_what_the_search_passes_over_is_said() -> None:
    """Full hours after the change: 08:00 and midnight, of 4 April and 3 October 2027; no 08:30."""
    midnights = ["04-04 13:30 2", "10-03 13:00 2"]
    found = said([2] * 32 + [5] * 64, LORD_HOWE)
    assert found == ["04-03 21:30 5", midnights[0], "10-02 21:00 5", midnights[1]]
    assert said([2] * 34 + [5] * 62, LORD_HOWE) == midnights


def test_nothing_is_said_where_clocks_do_not_change_or_nothing_repeats() -> None:
    assert said([2] * 10 + [5] * 86, "Asia/Singapore") == []
    assert said([2] * 10 + [5] * 86, "Europe/Berlin", cyclic=False) == []
