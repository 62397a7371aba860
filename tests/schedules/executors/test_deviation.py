"""What is short and what is over, by hand, and exported schedules carried out."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.executors import EXECUTORS
from heteroplan.schedules.executors.deviation import Span, deviation, planned, spans
from heteroplan.schedules.formats import SCHEDULE_FORMATS, ExportOptions
from heteroplan.schedules.formats.prepared import prepared
from heteroplan.schedules.timetable.schedule import Entry, Schedule, schedule_of
from heteroplan.schedules.timetable.timetable import Ints
from tests.plans import day_scenario, horizon, plan, pool

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
KSERVE = ExportOptions(
    target_kind="LLMInferenceService", target_api_version="serving.kserve.io/v1alpha2"
)


def schedule(
    replicas: list[int],
    *,
    startup_s: float = 0.0,
    zone: str = "UTC",
    start: datetime = datetime(2026, 11, 23),
    cyclic: bool = True,
    options: ExportOptions | None = None,
) -> Schedule:
    during = horizon(len(replicas), start=start, timezone=zone, cyclic=cyclic)
    made = plan(day_scenario(during, startup_s=startup_s), [pool(replicas)])
    return schedule_of(document_of(made), options or ExportOptions())


class TestByHand:
    """2 replicas, from 01:00 on 5, from 02:00 on 3 of three hours that do not repeat."""

    def found(self, asked: list[tuple[int, int]], lead: int = 2) -> tuple[int, int, int, int]:
        of = schedule([2, 5, 3], startup_s=60.0 * lead, cyclic=False)
        sizes = np.repeat([size for size, _ in asked], [length for _, length in asked])

        def executor(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
            assert (text, start, minutes) == ("the text", MIDNIGHT, 180)
            return sizes

        seen = deviation("the text", executor, of, Span("plan", MIDNIGHT, 180))
        (one,) = seen.entries
        assert (one.first_short is None) is (one.short_minutes == 0)
        return seen.short_minutes, seen.over_minutes, seen.most_short, seen.most_over

    def test_asked_for_a_start_up_earlier_nothing_is_short(self) -> None:
        assert self.found([(2, 58), (5, 62), (3, 60)]) == (0, 0, 0, 0)

    def test_asked_for_later_it_is_short_until_replicas_have_started(self) -> None:
        assert self.found([(2, 61), (5, 59), (3, 60)]) == (3, 0, 3, 0)

    def test_asked_for_earlier_it_is_over(self) -> None:
        assert self.found([(2, 50), (6, 70), (3, 60)]) == (0, 70, 0, 4)

    def test_a_dip_costs_its_minutes_and_those_of_the_start_up(self) -> None:
        assert self.found([(2, 58), (5, 12), (4, 1), (5, 49), (3, 60)]) == (3, 0, 1, 0)

    def test_of_what_stops_too_late_only_the_time_counts(self) -> None:
        assert self.found([(2, 58), (5, 70), (3, 52)]) == (0, 8, 0, 2)


class TestSpans:
    def test_a_day_that_repeats_and_both_days_of_clock_changes(self) -> None:
        of = schedule([1] * 24, zone="Europe/Berlin")
        names = [(span.name, span.minutes) for span in spans(of)]
        # from noon before: 12 + 23 + 24 hours, and 12 + 25 + 24
        assert names == [("day", 1440), ("2027-03-28", 59 * 60), ("2027-10-31", 61 * 60)]

    def test_a_plan_that_does_not_repeat_is_looked_at_as_a_whole(self) -> None:
        (span,) = spans(schedule([1] * 5, startup_s=120.0, cyclic=False))
        assert (span.start, span.minutes) == (MIDNIGHT - timedelta(minutes=2), 302)

    def test_what_repeats_is_planned_on_the_wall_clock(self) -> None:
        """Berlin, 28 March 2027, UTC 00:00 to 03:00: 01, 03 and 04 o'clock."""
        (entry,) = schedule([*range(1, 25)], zone="Europe/Berlin").entries
        found = planned(entry.timetable, datetime(2027, 3, 28, tzinfo=UTC), 180)
        assert found.tolist() == [2] * 60 + [4] * 60 + [5] * 60


class TestExported:
    """Random days, written and carried out."""

    @settings(deadline=None, max_examples=4)
    @given(st.lists(st.integers(0, 30), min_size=24, max_size=24).filter(any), st.integers(0, 25))
    @pytest.mark.parametrize("form", sorted(EXECUTORS))
    def test_no_minute_is_short_on_an_ordinary_day(
        self, form: str, replicas: list[int], lead: int
    ) -> None:
        options = KSERVE if form == "kserve" else ExportOptions()
        of = schedule(replicas, startup_s=60.0 * lead, zone="Europe/Berlin", options=options)
        asked = prepared(of, form, options.hpa_tolerance)
        text = SCHEDULE_FORMATS[form](asked, options)
        found = deviation(text, EXECUTORS[form], asked, spans(asked)[0])
        assert (found.short_minutes, found.most_short) == (0, 0)

    @settings(deadline=None, max_examples=2)
    @given(st.lists(st.integers(0, 30), min_size=25, max_size=25).filter(any), st.integers(0, 25))
    @pytest.mark.parametrize("form", sorted({*EXECUTORS} - {"aibrix"}))
    @pytest.mark.parametrize(
        ("zone", "day", "hours"),
        [
            ("Europe/Berlin", datetime(2027, 3, 28), 23),
            ("Europe/Berlin", datetime(2027, 10, 31), 25),
            ("Australia/Lord_Howe", datetime(2027, 4, 4), 24),
        ],
    )
    def test_no_minute_of_a_plan_of_a_day_with_a_clock_change_is_short(
        self, form: str, zone: str, day: datetime, hours: int, replicas: list[int], lead: int
    ) -> None:
        options = KSERVE if form == "kserve" else ExportOptions()
        of = schedule(
            replicas[:hours],
            startup_s=60.0 * lead,
            zone=zone,
            start=day,
            cyclic=False,
            options=options,
        )
        asked = prepared(of, form, options.hpa_tolerance)
        text = SCHEDULE_FORMATS[form](asked, options)
        (span,) = spans(asked)
        assert deviation(text, EXECUTORS[form], asked, span).short_minutes == 0

    def test_without_the_tolerance_in_the_timetable_an_hpa_is_short(self) -> None:
        """20 and 22 replicas by turns: the HPA keeps what it has."""
        options = ExportOptions()
        of = schedule([10, *[20, 22] * 11, 10])
        found = {
            tolerance: self.short(prepared(of, "keda", tolerance), options)
            for tolerance in (0.0, options.hpa_tolerance)
        }
        assert found == {0.0: 11 * 60, 0.1: 0}

    def test_a_tolerance_of_0_in_the_manifest_is_exact(self) -> None:
        options = replace(ExportOptions(), hpa_tolerance=0.0)
        of = schedule([10, *[20, 22] * 11, 10])
        assert self.short(prepared(of, "keda", 0.0), options) == 0

    def short(self, of: Schedule, options: ExportOptions) -> int:
        text = SCHEDULE_FORMATS["keda"](of, options)
        return deviation(text, EXECUTORS["keda"], of, spans(of)[0]).short_minutes


@pytest.mark.parametrize("form", ["keda", "hpa", "kubernetes-cronjob"])
def test_what_begins_is_asked_for_a_minute_early_and_nothing_is_short(form: str) -> None:
    """One replica from midnight on, in a span that begins with the start-up of another pool.

    The system acts within the minute before midnight, in which the plan needs none.
    """
    of = schedule([1, 1, 0, 1], cyclic=False)
    asked = prepared(of, form, ExportOptions().hpa_tolerance)
    text = SCHEDULE_FORMATS[form](asked, ExportOptions())
    (own,) = spans(asked)
    span = Span("plan", own.start - timedelta(minutes=10), own.minutes + 10)
    assert deviation(text, EXECUTORS[form], asked, span).short_minutes == 1
    assert deviation(text, EXECUTORS[form], asked, span, of).short_minutes == 0
