"""CronJobs that run kubectl: formats kubernetes-cronjob and hpa."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.schedules.targets.target import Target
from tests.cron import cronjob_sizes, kubectl_lines, minutes, planned_sizes
from tests.plans import pool
from tests.schedule_cases import DEPLOYMENT, objects_of, one, schedule, text_of

GROUPS = Target("leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", "q", "llm")
JOB = "kubernetes-cronjob"
SIZES = st.lists(st.integers(0, 5), min_size=48, max_size=48)


def lines(text: str) -> list[tuple[str, str]]:
    return [(fields, " ".join(words)) for fields, _, words in kubectl_lines(text)]


def test_one_job_makes_all_changes_of_its_minute() -> None:
    """p has 2 and from 08:00 5, q 5 and from 08:00 2; half of the 8 hours until then are left."""
    grows, shrinks = [2] * 8 + [5] * 16, [5] * 8 + [2] * 16
    made = schedule([(DEPLOYMENT, pool(grows)), (GROUPS, pool(shrinks, domain="b-s1"))])
    text = text_of(made, JOB)
    assert lines(text) == [
        ("0 0 * * *", "scale --replicas=2 deployment.apps/p"),
        ("0 0 * * *", "scale --replicas=5 leaderworkerset.leaderworkerset.x-k8s.io/q"),
        ("0 8 * * *", "scale --replicas=5 deployment.apps/p"),
        ("0 8 * * *", "scale --replicas=2 leaderworkerset.leaderworkerset.x-k8s.io/q"),
    ]
    midnight, _ = objects_of(text, "CronJob")
    spec = midnight["spec"]
    assert midnight["metadata"]["name"] == "heteroplan-day-0000"
    assert (spec["timeZone"], spec["concurrencyPolicy"]) == ("UTC", "Replace")
    assert spec["startingDeadlineSeconds"] == 4 * 3600
    assert spec["jobTemplate"]["spec"]["activeDeadlineSeconds"] == 4 * 3600


def test_objects_of_one_size_share_a_command() -> None:
    """Of a minute: one container for two objects."""
    made = schedule([(DEPLOYMENT, pool([2] * 24)), (GROUPS, pool([2] * 24, domain="b-s1"))])
    assert lines(text_of(made, JOB)) == [
        (
            "0 0 * * *",
            "scale --replicas=2 deployment.apps/p leaderworkerset.leaderworkerset.x-k8s.io/q",
        )
    ]


def test_no_job_can_run_when_the_next_change_is_due() -> None:
    """Started as late as allowed and running as long, it ends by then: 15 min are 450 s each."""
    for item in objects_of(text_of(one([1, 2] * 48, interval_s=900), JOB), "CronJob"):
        spec = item["spec"]
        seconds = spec["startingDeadlineSeconds"], spec["jobTemplate"]["spec"]
        assert (seconds[0], seconds[1]["activeDeadlineSeconds"]) == (450, 450)


def test_the_role_allows_these_objects_and_no_more() -> None:
    made = schedule([(DEPLOYMENT, pool([1, 2] * 12)), (GROUPS, pool([2] * 24, domain="b-s1"))])
    text = text_of(made, JOB)
    (role,) = objects_of(text, "Role")
    group = "leaderworkerset.x-k8s.io"
    assert [
        (*rule["apiGroups"], *rule["resources"], *rule["resourceNames"], *rule["verbs"])
        for rule in role["rules"]
    ] == [
        ("apps", "deployments", "p", "get"),
        ("apps", "deployments/scale", "p", "patch"),
        (group, "leaderworkersets", "q", "get"),
        (group, "leaderworkersets/scale", "q", "patch"),
    ]
    (binding,), (account,) = objects_of(text, "RoleBinding"), objects_of(text, "ServiceAccount")
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": account["metadata"]["name"], "namespace": "llm"}
    ]
    for item in objects_of(text, "CronJob"):
        pod = item["spec"]["jobTemplate"]["spec"]["template"]["spec"]
        assert pod["serviceAccountName"] == account["metadata"]["name"]
        assert item["metadata"]["namespace"] == "llm"


def test_each_namespace_has_its_own_jobs_and_role() -> None:
    other = Target("apps/v1", "Deployment", "q", "web", context="east")
    made = schedule([(DEPLOYMENT, pool([1] * 24)), (other, pool([2] * 24, domain="b-s1"))])
    text = text_of(made, JOB)
    for kind in ("ServiceAccount", "Role", "RoleBinding", "CronJob"):
        found = [item["metadata"] for item in objects_of(text, kind)]
        assert sorted(each["namespace"] for each in found) == ["llm", "web"]
        contexts = [each["annotations"].get("heteroplan/context") for each in found]
        assert sorted(contexts, key=str) == [None, "east"]


@pytest.mark.parametrize("name", ["day", "a scenario whose name is much longer than jobs may have"])
def test_names_say_when_and_are_short_enough(name: str) -> None:
    cases: list[dict[str, Any]] = [{}, {"interval_s": 25_200}, {"cyclic": False}]
    ends = ["-0100", "-mon-0700", "-1123-0100"]
    for when, end in zip(cases, ends, strict=True):
        text = text_of(one([1, 2] * 12, name=name, **when), JOB)
        names = [item["metadata"]["name"] for item in objects_of(text, "CronJob")]
        assert len(set(names)) == len(names)
        assert names[1].endswith(end)
        assert max(map(len, names)) <= 52


def test_dates_are_told_and_the_image_is_chosen() -> None:
    text = text_of(one([1, 2] * 12, cyclic=False), JOB, kubectl_image="mirror/kubectl:v1")
    assert "# Nothing changes back after 2026-11-24 00:00 (UTC): pools keep their last" in text
    (first, *_) = objects_of(text, "CronJob")
    (container,) = first["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    assert container["image"] == "mirror/kubectl:v1"


@pytest.mark.parametrize("format_name", [JOB, "hpa", "keda"])
def test_parts_of_objects_are_refused(format_name: str) -> None:
    part = Target("orchestration.aibrix.ai/v1alpha1", "StormService", "s", component="decode")
    service = Target("serving.kserve.io/v1alpha2", "LLMInferenceService", "chat")
    made = schedule([(part, pool([1] * 24)), (service, pool([1] * 24, domain="b-s1"))])
    said = r"not StormService s \(decode\), LLMInferenceService chat; use --format kserve"
    with pytest.raises(UsageError, match=said):
        text_of(made, format_name)


def test_no_alias_stands_in_the_yaml() -> None:
    text = text_of(one([1, 2] * 12), "hpa")
    assert not [token for token in yaml.scan(text) if isinstance(token, yaml.AliasToken)]


@settings(max_examples=15, deadline=None)
@given(
    replicas=SIZES,
    lead=st.integers(0, 100),
    start=st.sampled_from([datetime(2026, 11, 23), datetime(2026, 11, 23, 6, 30)]),
    format_name=st.sampled_from([JOB, "hpa"]),
)
def test_simulated_day_has_exactly_the_planned_sizes(
    replicas: list[int], lead: int, start: datetime, format_name: str
) -> None:
    made = one(replicas, startup_s=lead * 60, interval_s=1800, start=start)
    text = text_of(made, format_name)
    moments = made.document.horizon.boundaries()
    over = list(minutes(moments[0] - timedelta(days=1), moments[-1]))
    before = 3 if format_name == "hpa" else None
    got = cronjob_sizes(text, "deployment.apps/p", over, hpa="p", before=before)[1440:]
    assert got == planned_sizes(replicas, 30, lead, cyclic=True)


class TestHpa:
    def test_bounds_are_patched_and_the_size_where_it_is_zero_at_times(self) -> None:
        """p is never 0; q is 0 until 08:00, when its HPA leaves it alone."""
        both = [(DEPLOYMENT, pool([2] * 8 + [5] * 16)), (GROUPS, pool([0] * 8 + [1] * 16))]
        (first, of_p), (second, of_q) = both
        made = schedule([(first, of_p), (second, pool(of_q.replicas, domain="b-s1"))])
        groups = "leaderworkerset.leaderworkerset.x-k8s.io/q"
        hpa = "horizontalpodautoscaler.autoscaling"

        def patch(size: int) -> str:
            bounds = f'{{"minReplicas": {size}, "maxReplicas": {size}}}'
            return f'patch --type=merge --patch={{"spec": {bounds}}}'

        assert lines(text_of(made, "hpa")) == [
            ("0 0 * * *", f"{patch(2)} {hpa}/p"),
            ("0 0 * * *", f"scale --replicas=0 {groups}"),
            ("0 8 * * *", f"{patch(5)} {hpa}/p"),
            ("0 8 * * *", f"{patch(1)} {hpa}/q"),
            ("0 8 * * *", f"scale --replicas=1 {groups}"),
        ]

    def test_until_the_first_job_the_size_stays_what_it_is(self) -> None:
        """Bounds around all sizes, and a behavior that lets no metric change it."""
        (item,) = objects_of(text_of(one([2] * 8 + [5] * 16), "hpa"), "HorizontalPodAutoscaler")
        spec = item["spec"]
        assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 5)
        assert {rule["selectPolicy"] for rule in spec["behavior"].values()} == {"Disabled"}

    def test_the_role_patches_the_hpa_and_scales_only_what_is_zero_at_times(self) -> None:
        for replicas, more in (([1, 2] * 12, 0), ([0, 2] * 12, 2)):
            (role,) = objects_of(text_of(one(replicas), "hpa"), "Role")
            found = [(*rule["resources"], *rule["verbs"]) for rule in role["rules"]]
            assert ("horizontalpodautoscalers", "patch") in found
            assert len(found) == 2 + more
