from datetime import datetime

import pytest

from heteroplan.errors import UsageError
from heteroplan.simulation.replicas.failures import Failure, failure
from tests.plans import day_scenario, horizon

DAY = day_scenario(horizon(24, timezone="Asia/Singapore"), leaves=("a-s1-l1", "a-s1-l2", "a-s2-l1"))
H = 3600.0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("leaf:a-s1-l2@18:00+30min", Failure((1,), 18 * H, 18.5 * H)),
        ("spine:a-s1@06:30+2h", Failure((0, 1), 6.5 * H, 8.5 * H)),
        ("leaf:a-s2-l1@2026-11-23T01:00+90s", Failure((2,), H, H + 90)),
        ("leaf:a-s2-l1@2026-11-23T01:00+08:00+1h", Failure((2,), H, 2 * H)),
    ],
)
def test_a_failure_is_a_domain_a_moment_and_a_duration(text: str, found: Failure) -> None:
    assert failure(text, DAY) == found


def test_a_time_is_its_first_one_in_a_horizon_that_begins_later_in_the_day() -> None:
    """From 12:00 on, 06:00 is 18 hours later."""
    noon = day_scenario(horizon(24, start=datetime(2026, 11, 23, 12)), leaves=("a-s1-l1",))
    assert failure("leaf:a-s1-l1@06:00+1h", noon).start_s == 18 * H


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a-s1-l1@18:00+30min", "write LEVEL:DOMAIN@START+DURATION, such as"),
        ("rack:a-s1-l1@18:00+30min", "levels are leaf, spine, cluster"),
        ("leaf:a-s1-l9@18:00+30min", "no leaf a-s1-l9; there are a-s1-l1, a-s1-l2, a-s2-l1"),
        ("leaf:a-s1-l1@soon+30min", "not a date or time"),
        ("leaf:a-s1-l1@18:00+long", "not a duration"),
        ("leaf:a-s1-l1@2026-11-22T10:00+1h", "is before the replay, which begins 2026-11-23"),
    ],
)
def test_what_is_no_failure_is_told_with_what_to_write(text: str, message: str) -> None:
    with pytest.raises(UsageError) as told:
        failure(text, DAY)
    assert str(told.value).startswith(f"--fail {text}: ")
    assert message in str(told.value)
