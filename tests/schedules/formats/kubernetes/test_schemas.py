"""Every document of every format for Kubernetes, against the schemas of what takes it."""

from typing import Any

import pytest
import yaml
from jsonschema import ValidationError

from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Schedule
from tests.crds import check_built_in, check_custom
from tests.plans import pool
from tests.realdata import needs_data
from tests.schedule_cases import CASES, one, schedule, text_of

SERVICE = Target("serving.kserve.io/v1alpha2", "LLMInferenceService", "chat", "llm")
CUSTOM = {"ScaledObject", "LLMInferenceService", "PodAutoscaler"}
DATED = {name for name, (_, when) in CASES.items() if when.get("cyclic") is False}


def objects(made: Schedule, format_name: str, **options: Any) -> list[dict[str, Any]]:
    found = list(yaml.safe_load_all(text_of(made, format_name, **options)))
    assert found
    return found


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("format_name", ["hpa", "kubernetes-cronjob"])
def test_built_in_objects_are_valid(format_name: str, case: str) -> None:
    replicas, when = CASES[case]
    checked = {"CronJob", "ServiceAccount", "Role", "RoleBinding", "HorizontalPodAutoscaler"}
    for item in objects(one(replicas, **when), format_name):
        assert item["kind"] in checked
        check_built_in(item)
        assert len(item["metadata"]["name"]) <= (52 if item["kind"] == "CronJob" else 63)


@needs_data
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("tolerance", [0.1, 0.0])
def test_scaled_objects_are_valid(case: str, tolerance: float) -> None:
    """And minReplicaCount <= maxReplicaCount, as a rule of the CRD wants it."""
    replicas, when = CASES[case]
    for item in objects(one(replicas, **when), "keda", hpa_tolerance=tolerance):
        check_custom(item)
        spec = item["spec"]
        assert spec["minReplicaCount"] <= spec["maxReplicaCount"]
        _check_triggers(spec["triggers"])


def _check_triggers(triggers: list[dict[str, Any]]) -> None:
    """What the cron scaler wants of its metadata, which the CRD leaves open."""
    for fields in (trigger["metadata"] for trigger in triggers):
        assert fields["start"] != fields["end"]
        assert int(fields["desiredReplicas"]) >= 1


@needs_data
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("version", ["v1alpha1", "v1alpha2"])
def test_llm_inference_services_are_valid(case: str, version: str) -> None:
    """And their rules: see `_check_scaling`."""
    replicas, when = CASES[case]
    target = Target(f"serving.kserve.io/{version}", "LLMInferenceService", "chat", "llm")
    for item in objects(one(replicas, target, **when), "kserve"):
        check_custom(item)
        assert "replicas" not in item["spec"]
        _check_scaling(item["spec"]["scaling"])


def _check_scaling(scaling: dict[str, Any]) -> None:
    """The rules of `scaling`: keda and not wva, bounds, idle below the least, an empty HPA name."""
    assert "wva" not in scaling
    assert scaling["minReplicas"] <= scaling["maxReplicas"]
    keda = scaling["keda"]
    assert keda.get("idleReplicaCount", -1) < scaling["minReplicas"]
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["name"] == ""
    _check_triggers(keda["triggers"])


@needs_data
def test_prefill_and_decode_of_one_service_are_valid() -> None:
    prefill = Target(SERVICE.api_version, SERVICE.kind, "chat", "llm", component="prefill")
    decode = Target(SERVICE.api_version, SERVICE.kind, "chat", "llm", component="decode")
    made = schedule([(prefill, pool([1, 2] * 12)), (decode, pool([0, 3] * 12))])
    (item,) = objects(made, "kserve")
    check_custom(item)
    _check_scaling(item["spec"]["scaling"])
    _check_scaling(item["spec"]["prefill"]["scaling"])
    assert "replicas" not in item["spec"]["prefill"]


@needs_data
@pytest.mark.parametrize("case", sorted(CASES.keys() - DATED))
@pytest.mark.parametrize("role", ["", "decode"])
def test_pod_autoscalers_are_valid(case: str, role: str) -> None:
    """And what AIBrix's controller wants besides: see `_check_schedules`."""
    replicas, when = CASES[case]
    target = Target("orchestration.aibrix.ai/v1alpha1", "StormService", "p", "llm", component=role)
    for item in objects(one(replicas, target, **when), "aibrix"):
        check_custom(item)
        spec = item["spec"]
        assert 0 <= spec["minReplicas"] <= spec["maxReplicas"] >= 1
        assert spec["metricsSources"]
        assert ("subTargetSelector" in spec) == bool(role)
        _check_schedules(spec["schedules"])


def _check_schedules(schedules: list[dict[str, Any]]) -> None:
    """No name twice, one zone, start before end, no overlap on a day, a greatest size of 1."""
    assert len({each["name"] for each in schedules}) == len(schedules)
    assert len({each["timezone"] for each in schedules}) == 1
    taken: set[tuple[str, int]] = set()
    for each in schedules:
        first, end = (_minute(each[key]) for key in ("startTime", "endTime"))
        assert first < end
        assert 0 <= each["minReplicas"] <= each["maxReplicas"] >= 1
        days = each.get("daysOfWeek", ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])
        minutes = {(day, minute) for day in days for minute in range(first, end)}
        assert not minutes & taken
        taken |= minutes


def _minute(clock: str) -> int:
    hour, minute = clock.split(":")
    return 60 * int(hour) + int(minute)


@needs_data
def test_the_check_refuses_what_an_api_server_refuses() -> None:
    """An unknown field, a missing one, and one of another type."""
    (item,) = objects(one([1, 2] * 12), "keda")
    unfit: list[dict[str, Any]] = [{"unknown": 1}, {"maxReplicaCount": "2"}, {"triggers": []}]
    for wrong in unfit:
        with pytest.raises(ValidationError):
            check_custom({**item, "spec": {**item["spec"], **wrong}})
    (job,) = (each for each in objects(one([1] * 24), "kubernetes-cronjob") if "spec" in each)
    for wrong in ({"unknown": 1}, {"schedule": 1}):
        with pytest.raises(ValidationError):
            check_built_in({**job, "spec": {**job["spec"], **wrong}})
