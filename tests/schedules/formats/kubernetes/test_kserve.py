import pytest
import yaml

from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.schedules.targets.target import Target
from tests.cron import minutes, planned_sizes, trigger_sizes
from tests.plans import pool
from tests.schedule_cases import DEPLOYMENT, one, schedule, text_of

KIND = ("serving.kserve.io/v1alpha2", "LLMInferenceService")
CHAT = Target(*KIND, "chat", "llm")


def test_prefill_and_decode_of_one_object_are_one_document() -> None:
    """Which pool is which its role says: a size from 1 to 2, and one from 0 to 3."""
    prefill = pool([1, 2] * 12, role=Role.PREFILL, engine_name="h100-tp4-prefill")
    made = schedule([(CHAT, prefill), (CHAT, pool([0, 3] * 12))])
    text = text_of(made, "kserve")
    (item,) = yaml.safe_load_all(text)
    assert (item["apiVersion"], item["kind"]) == KIND
    assert item["metadata"] == {"name": "chat", "namespace": "llm"}
    assert list(item["spec"]) == ["scaling", "prefill"]
    assert list(item["spec"]["prefill"]) == ["scaling"]
    decode, of_prefill = item["spec"]["scaling"], item["spec"]["prefill"]["scaling"]
    assert (of_prefill["minReplicas"], of_prefill["maxReplicas"]) == (1, 2)
    assert "idleReplicaCount" not in of_prefill["keda"]
    assert (decode["minReplicas"], decode["maxReplicas"]) == (1, 3)
    assert decode["keda"]["idleReplicaCount"] == 0
    assert "kubectl apply --server-side" in text.splitlines()[0]


def test_what_serves_whole_requests_stands_at_spec() -> None:
    whole = pool([2] * 24, role=Role.AGGREGATED)
    (item,) = yaml.safe_load_all(text_of(schedule([(CHAT, whole)]), "kserve"))
    scaling = item["spec"]["scaling"]
    assert list(item["spec"]) == ["scaling"]
    assert (scaling["minReplicas"], scaling["maxReplicas"]) == (2, 2)


def test_the_part_that_a_target_names_counts_more_than_the_role() -> None:
    target = Target(*KIND, "chat", component="prefill")
    (item,) = yaml.safe_load_all(text_of(one([1] * 24, target), "kserve"))
    assert list(item["spec"]) == ["prefill"]
    assert item["metadata"] == {"name": "chat"}


def test_triggers_ask_for_what_is_planned() -> None:
    """170 s of start-up are 3 min; with 0 at night KEDA scales to 0 while no trigger is on."""
    replicas = [0] * 8 + [5] * 4 + [8] * 8 + [0] * 4
    made = one(replicas, CHAT, startup_s=170)
    (item,) = yaml.safe_load_all(text_of(made, "kserve"))
    scaling = item["spec"]["scaling"]
    moments = made.document.horizon.boundaries()
    over = list(minutes(moments[0], moments[-1]))
    sizes = trigger_sizes(scaling["keda"]["idleReplicaCount"], scaling["keda"]["triggers"], over)
    assert [each.replicas for each in sizes] == planned_sizes(replicas, 60, 3, cyclic=True)


def test_objects_of_another_kind_are_refused() -> None:
    with pytest.raises(UsageError, match="not apps/v1 Deployment; write --target-kind LLM"):
        text_of(one([1] * 24, DEPLOYMENT), "kserve")


def test_parts_that_there_are_not_and_two_pools_of_one_part_are_refused() -> None:
    with pytest.raises(UsageError, match="no part 'worker'; parts are prefill and decode"):
        text_of(one([1] * 24, Target(*KIND, "chat", component="worker")), "kserve")
    both = schedule([(CHAT, pool([1] * 24)), (CHAT, pool([1] * 24, domain="b-s1"))])
    with pytest.raises(UsageError, match="two pools are the decode part of the LLMInferenceServ"):
        text_of(both, "kserve")
