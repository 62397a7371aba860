from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import ExportOptions, exported
from heteroplan.schedules.formats.kubernetes.keda import keda
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import schedule_of
from tests.cron import keda_sizes, minutes, planned_sizes
from tests.plans import day_scenario, horizon, plan, pool
from tests.schedule_cases import DEPLOYMENT, objects_of, schedule, text_of

OPTIONS = ExportOptions(name_template="p")


def keda_of(
    replicas: Sequence[int],
    *,
    startup_s: float = 0.0,
    options: ExportOptions = OPTIONS,
    **when: Any,
) -> tuple[str, Sequence[datetime]]:
    interval_s = when.pop("interval_s", 3600)
    during = horizon(len(replicas), interval_s=interval_s, **when)
    made = plan(day_scenario(during, startup_s=startup_s), [pool(replicas)])
    return keda(schedule_of(document_of(made), options), options), during.boundaries()


def triggers_of(text: str) -> list[tuple[str, ...]]:
    (document,) = yaml.safe_load_all(text)
    return [
        (t["metadata"]["start"], t["metadata"]["end"], t["metadata"]["desiredReplicas"])
        for t in document["spec"]["triggers"]
    ]


def test_minimum_is_the_base_and_windows_start_early() -> None:
    """2, from 08:00 5, from 12:00 8, from 20:00 2; 170 s of start-up round up to 3 min."""
    text, _ = keda_of([2] * 8 + [5] * 4 + [8] * 8 + [2] * 4, startup_s=170)
    (document,) = yaml.safe_load_all(text)
    assert document["apiVersion"] == "keda.sh/v1alpha1"
    assert document["spec"]["minReplicaCount"] == 2
    assert document["spec"]["maxReplicaCount"] == 8
    assert triggers_of(text) == [
        ("57 7 * * *", "57 11 * * *", "5"),
        ("57 11 * * *", "0 20 * * *", "8"),
    ]


def test_window_wraps_around_midnight() -> None:
    """3 replicas from 22:00 to 02:00, 1 otherwise: one window, not two."""
    text, _ = keda_of([3] * 2 + [1] * 20 + [3] * 2)
    assert triggers_of(text) == [("0 22 * * *", "0 2 * * *", "3")]


def test_constant_pool_keeps_one_trigger_because_keda_wants_one() -> None:
    text, _ = keda_of([3] * 24)
    (document,) = yaml.safe_load_all(text)
    assert document["spec"]["minReplicaCount"] == document["spec"]["maxReplicaCount"] == 3
    assert triggers_of(text) == [("0 0 * * *", "59 23 * * *", "3")]


def test_target_is_what_the_options_say() -> None:
    options = ExportOptions(
        name_template="{workload}-{role}",
        target_kind="DynamoGraphDeploymentScalingAdapter",
        target_api_version="nvidia.com/v1beta1",
        namespace="llm",
    )
    (document,) = yaml.safe_load_all(keda_of([1, 2] * 12, options=options)[0])
    assert document["metadata"]["namespace"] == "llm"
    assert document["spec"]["scaleTargetRef"] == {
        "apiVersion": "nvidia.com/v1beta1",
        "kind": "DynamoGraphDeploymentScalingAdapter",
        "name": "chat-1-decode",
    }


def test_no_pools_is_a_usage_error() -> None:
    empty = document_of(plan(day_scenario(horizon(24)), []))
    with pytest.raises(UsageError, match="no pools"):
        exported(empty, "keda", OPTIONS)


@settings(max_examples=20, deadline=None)
@given(
    replicas=st.lists(st.integers(0, 5), min_size=48, max_size=48),
    lead=st.integers(0, 100),
    start=st.sampled_from([datetime(2026, 11, 23), datetime(2026, 11, 23, 6, 30)]),
)
def test_simulated_day_has_exactly_the_planned_sizes(
    replicas: list[int], lead: int, start: datetime
) -> None:
    text, moments = keda_of(replicas, startup_s=lead * 60, interval_s=1800, start=start)
    over = list(minutes(moments[0] - timedelta(days=1), moments[-1]))
    scaled = keda_sizes(text, "p", over)[1440:]
    assert [s.replicas for s in scaled] == planned_sizes(replicas, 30, lead, cyclic=True)
    assert max(s.active for s in scaled) <= 1
    assert all(start != end for start, end, _ in triggers_of(text))


@settings(max_examples=10, deadline=None)
@given(replicas=st.lists(st.integers(0, 5), min_size=25, max_size=25))
@example(replicas=[1, 1, 0, 0, *[1] * 21])
@example(replicas=[3, 2, 1, 1, *[2] * 21])
def test_dated_plan_on_a_day_with_25_hours(replicas: list[int]) -> None:
    """Berlin, 2026-10-25: exact outside the doubled hour, never too few inside it.

    A window that begins there begins a minute before it, as a start that comes twice counts late.
    """
    text, moments = keda_of(
        replicas,
        startup_s=600,
        start=datetime(2026, 10, 25),
        timezone="Europe/Berlin",
        cyclic=False,
    )
    over = list(minutes(moments[0] - timedelta(minutes=10), moments[-1]))
    scaled = keda_sizes(text, "p", over)[10:]
    for at, got, want in zip(
        over[10:], scaled, planned_sizes(replicas, 60, 10, cyclic=False), strict=True
    ):
        loose = at.hour == 2 or (at.hour, at.minute) == (1, 59)
        assert got.replicas >= want if loose else got.replicas == want


def test_last_window_of_a_dated_plan_ends_with_the_plan() -> None:
    text, _ = keda_of([1] * 20 + [3] * 4, cyclic=False)
    assert triggers_of(text) == [("0 20 23 11 *", "0 0 24 11 *", "3")]


def test_every_field_of_an_object_is_as_keda_takes_it() -> None:
    """Two pools are two documents, in the plan's order; KEDA is asked a minute early."""
    of = day_scenario(horizon(24, timezone="Asia/Singapore"), name="two")
    small = pool([0] * 6 + [2] * 18, engine_name="l40s-tp8-decode", node="l40sx8", gpus=8)
    made = plan(of, [pool([3] * 24, domain="b-s2"), small])
    text = exported(document_of(made), "keda", ExportOptions(name_template="{engine}"))
    assert text.startswith("---\napiVersion: keda.sh/v1alpha1\nkind: ScaledObject\n")
    first, second = yaml.safe_load_all(text)
    assert first["metadata"]["name"] == "h100-tp4-decode"
    assert first["metadata"]["annotations"]["heteroplan/pool"] == (
        "chat-1@b-s2 decode h100-tp4-decode"
    )
    assert second == {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": "l40s-tp8-decode",
            "labels": {
                "app.kubernetes.io/managed-by": "heteroplan",
                "heteroplan/schedule": "two",
            },
            "annotations": {
                "heteroplan/scenario": "two",
                "heteroplan/inputs-sha256": "0" * 64,
                "heteroplan/pool": "chat-1@a-s1 decode l40s-tp8-decode",
                "heteroplan/repeats": "every day",
            },
        },
        "spec": {
            "scaleTargetRef": {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "name": "l40s-tp8-decode",
            },
            "minReplicaCount": 0,
            "maxReplicaCount": 2,
            "pollingInterval": 10,
            "cooldownPeriod": 0,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleUp": {
                            "stabilizationWindowSeconds": 0,
                            "policies": [{"type": "Pods", "value": 2, "periodSeconds": 15}],
                        },
                        "scaleDown": {"stabilizationWindowSeconds": 0},
                    }
                }
            },
            "triggers": [
                {
                    "type": "cron",
                    "metadata": {
                        "timezone": "Asia/Singapore",
                        "start": "59 5 * * *",
                        "end": "0 0 * * *",
                        "desiredReplicas": "2",
                    },
                }
            ],
        },
    }


def test_a_pool_that_never_runs_may_have_one_replica_at_most() -> None:
    """KEDA takes no greatest size of 0 and no trigger for 0: this one is on in leap years only."""
    (document,) = yaml.safe_load_all(keda_of([0] * 24)[0])
    assert (document["spec"]["minReplicaCount"], document["spec"]["maxReplicaCount"]) == (0, 1)
    assert triggers_of(keda_of([0] * 24)[0]) == [("0 0 29 2 *", "1 0 29 2 *", "1")]


def test_a_week_has_windows_by_weekday() -> None:
    """4 replicas on Saturday, 2 on Sunday, from Monday 1; 10 min of start-up."""
    text, _ = keda_of([1] * 5 + [4, 2], interval_s=86_400, startup_s=600)
    assert triggers_of(text) == [("50 23 * * 5", "0 0 * * 0", "4"), ("0 0 * * 0", "0 0 * * 1", "2")]


def test_what_is_extrapolated_stands_above_the_documents() -> None:
    made = plan(day_scenario(horizon(2)), [pool([1, 2])])
    points = ((replace(made.candidates[1].points[0][0], extrapolated=True),),) * 2
    candidates = (made.candidates[0], replace(made.candidates[1], points=points))
    text = exported(document_of(replace(made, candidates=candidates)), "keda", OPTIONS)
    assert text.startswith("# extrapolated: engine h100-tp4-decode (chat-1)\n---\n")


def test_tolerance_is_written_where_the_cluster_is_said_to_take_it() -> None:
    """With 0 alone: older clusters refuse or ignore the field."""
    for tolerance in (0.1, 0.05, 0.0):
        options = ExportOptions(name_template="p", hpa_tolerance=tolerance)
        (document,) = yaml.safe_load_all(keda_of([1, 20] * 12, options=options)[0])
        behavior = document["spec"]["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        written = {"tolerance": "0"} if tolerance == 0 else {}
        at_once = {"type": "Pods", "value": 20, "periodSeconds": 15}
        up = {"stabilizationWindowSeconds": 0, "policies": [at_once]}
        assert behavior["scaleUp"] == {**up, **written}
        assert behavior["scaleDown"] == {"stabilizationWindowSeconds": 0, **written}


def test_a_window_of_two_days_in_a_week_is_one() -> None:
    """5 replicas on Tuesday and Wednesday, 1 on other days."""
    text, moments = keda_of([1, 5, 5, 1, 1, 1, 1], interval_s=86_400)
    assert triggers_of(text) == [("0 0 * * 2", "0 0 * * 4", "5")]
    over = [moment + timedelta(hours=h) for moment in moments[:-1] for h in range(0, 24, 3)]
    sizes = [each.replicas for each in keda_sizes(text, "p", over)]
    assert sizes == [1] * 8 + [5] * 16 + [1] * 32


def test_a_pool_at_zero_has_no_trigger_on() -> None:
    """At night, and all day: KEDA then scales to 0 by itself, as the least size is 0."""
    for replicas in ([0] * 24, [0] * 8 + [2] * 16):
        text, moments = keda_of(replicas)
        sizes = keda_sizes(text, "p", list(minutes(moments[0], moments[8])))
        assert {(each.replicas, each.active) for each in sizes} == {(0, 0)}


def test_objects_of_one_name_and_two_kinds_have_two_names() -> None:
    other = Target("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "p", "llm")
    made = schedule([(DEPLOYMENT, pool([1] * 24)), (other, pool([1] * 24, domain="b-s1"))])
    found = objects_of(text_of(made, "keda"), "ScaledObject")
    assert [item["metadata"]["name"] for item in found] == ["p-deployment", "p-leaderworkerset"]
    assert [item["spec"]["scaleTargetRef"]["name"] for item in found] == ["p", "p"]
