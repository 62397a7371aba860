from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.schedules.targets.target import Target
from tests.cron import aibrix_sizes, minutes, planned_sizes
from tests.schedule_cases import DEPLOYMENT, objects_of, one, text_of


def test_a_day_is_covered_but_for_its_last_minute() -> None:
    """2 replicas, from 08:00 5, from 20:00 3; 170 s of start-up: 07:57. At 23:59 3 stay."""
    made = one([2] * 8 + [5] * 12 + [3] * 4, startup_s=170, timezone="Asia/Singapore")
    (item,) = objects_of(text_of(made, "aibrix"), "PodAutoscaler")
    spec = item["spec"]
    assert item["apiVersion"] == "autoscaling.aibrix.ai/v1alpha1"
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "p"}
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 3)
    assert [
        (each["name"], each["startTime"], each["endTime"], each["minReplicas"], each["maxReplicas"])
        for each in spec["schedules"]
    ] == [
        ("daily-0000", "00:00", "07:57", 2, 2),
        ("daily-0757", "07:57", "20:00", 5, 5),
        ("daily-2000", "20:00", "23:59", 3, 3),
    ]
    assert {each["timezone"] for each in spec["schedules"]} == {"Asia/Singapore"}


def test_days_that_are_alike_share_their_schedules() -> None:
    """4 replicas on Saturday, 1 on other days, so that 23:59 needs 4 on any day."""
    made = one([1] * 5 + [4, 1], interval_s=86_400)
    (item,) = objects_of(text_of(made, "aibrix"), "PodAutoscaler")
    assert item["spec"]["minReplicas"] == 4
    assert [
        (each["name"], each["daysOfWeek"], each["minReplicas"])
        for each in item["spec"]["schedules"]
    ] == [
        ("mon-tue-wed-thu-fri-sun-0000", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sun"], 1),
        ("sat-0000", ["Sat"], 4),
    ]


def test_a_size_of_zero_allows_one() -> None:
    """AIBrix takes no greatest size of 0, and starts nothing from 0 in the last minute."""
    made = one([0] * 24)
    (item,) = objects_of(text_of(made, "aibrix"), "PodAutoscaler")
    bounds = [(each["minReplicas"], each["maxReplicas"]) for each in item["spec"]["schedules"]]
    assert bounds == [(0, 1)]
    made = one([0] * 1439 + [2], interval_s=60)
    (item,) = objects_of(text_of(made, "aibrix"), "PodAutoscaler")
    last = item["spec"]["schedules"][-1]
    assert (last["startTime"], last["endTime"], last["minReplicas"]) == ("23:58", "23:59", 2)


def test_a_role_of_a_storm_service_is_a_sub_target() -> None:
    target = Target("orchestration.aibrix.ai/v1alpha1", "StormService", "s", component="prefill")
    (item,) = objects_of(text_of(one([1] * 24, target), "aibrix"), "PodAutoscaler")
    assert item["spec"]["subTargetSelector"] == {"roleName": "prefill"}
    other = Target("apps/v1", "Deployment", "s", component="prefill")
    with pytest.raises(UsageError, match="AIBrix scales a role of a StormService, not 'prefill'"):
        text_of(one([1] * 24, other), "aibrix")


def test_dates_are_refused() -> None:
    with pytest.raises(UsageError, match=r"have no dates.*export keda or kubernetes-cronjob"):
        text_of(one([1] * 24, DEPLOYMENT, cyclic=False), "aibrix")


@settings(max_examples=15, deadline=None)
@given(
    replicas=st.lists(st.integers(0, 5), min_size=48, max_size=48),
    lead=st.integers(0, 100),
    start=st.sampled_from([datetime(2026, 11, 23), datetime(2026, 11, 23, 6, 30)]),
)
def test_simulated_day_has_at_least_the_planned_sizes(
    replicas: list[int], lead: int, start: datetime
) -> None:
    """Exactly those but at 23:58, where what grows from 0 at 23:59 grows already."""
    made = one(replicas, startup_s=lead * 60, interval_s=1800, start=start)
    (item,) = objects_of(text_of(made, "aibrix"), "PodAutoscaler")
    moments = made.document.horizon.boundaries()
    over = list(minutes(moments[0] - timedelta(days=1), moments[-1]))
    got = aibrix_sizes(item["spec"], over)[1440:]
    want = planned_sizes(replicas, 30, lead, cyclic=True)
    assert all(has >= wants for has, wants in zip(got, want, strict=True))
    assert all(
        has == wants or f"{at:%H:%M}" == "23:58"
        for at, has, wants in zip(over[1440:], got, want, strict=True)
    )
