from typing import Any

import pytest

from heteroplan.inventory.formats.kubernetes.pods import pod_records
from heteroplan.inventory.formats.kubernetes.schemas import Pod
from heteroplan.inventory.node import PodRecord
from tests.inventory.formats.kubernetes.files import pod


def read(
    *pods: dict[str, Any], claimed: dict[tuple[str, str], int] | None = None
) -> tuple[list[PodRecord], list[str]]:
    return pod_records([Pod.model_validate(each) for each in pods], claimed or {})


def container(gpus: int, **more: Any) -> dict[str, Any]:
    return {"resources": {"limits": {"nvidia.com/gpu": str(gpus)}}, **more}


def test_a_pod_with_gpus_on_a_node() -> None:
    records, notes = read(pod("chat-0", 4, labels={"engine": "h100-tp4"}))
    assert records == [
        PodRecord(
            name="chat-0",
            namespace="serving",
            node="n1",
            gpus=4,
            labels={"engine": "h100-tp4"},
            owner="ReplicaSet/chat-5d4f8",
        )
    ]
    assert notes == []


@pytest.mark.parametrize(
    "other",
    [
        pod("waiting", 4, node_name="", phase="Pending"),
        pod("done", 4, phase="Succeeded"),
        pod("failed", 4, phase="Failed"),
        pod("web"),
    ],
)
def test_pods_that_hold_no_gpus_of_a_node(other: dict[str, Any]) -> None:
    assert read(other) == ([], [])


def test_a_pod_that_starts_on_its_node_holds_its_gpus() -> None:
    records, _ = read(pod("starting", 8, phase="Pending"))
    assert [each.gpus for each in records] == [8]


def test_containers_add_up_and_steps_of_the_start_do_not() -> None:
    """2 + 1 run, beside a sidecar of 1: 4. A step of the start with 3 beside the sidecar: 4."""
    given = pod("chat-0")
    given["spec"]["containers"] = [container(2), container(1)]
    given["spec"]["initContainers"] = [
        container(1, restartPolicy="Always"),
        container(3),
    ]
    records, _ = read(given)
    assert [each.gpus for each in records] == [4]
    given["spec"]["initContainers"][1] = container(5)
    records, _ = read(given)
    assert [each.gpus for each in records] == [6]


def test_claims_add_to_resources() -> None:
    records, notes = read(pod("chat-0"), claimed={("serving", "chat-0"): 4})
    assert [each.gpus for each in records] == [4]
    assert notes == []


def test_amd_gpus_by_either_name() -> None:
    records, _ = read(pod("a", 8, resource="amd.com/gpu"), pod("b", 2, resource="amd.com/spx_nps1"))
    assert [each.gpus for each in records] == [8, 2]


def test_parts_of_gpus_are_told() -> None:
    records, notes = read(
        pod("a", 1, resource="nvidia.com/mig-1g.10gb"),
        pod("b", 1, resource="nvidia.com/gpu.shared"),
    )
    assert records == []
    assert notes == ["2 pods with parts of GPUs (a, b): left out"]


def test_pods_that_are_being_deleted_are_told() -> None:
    records, notes = read(pod("a", 4, deletionTimestamp="2026-11-23T00:00:00Z"))
    assert records == []
    assert notes == ["1 pod being deleted (a): left out"]


def test_claims_that_the_file_lacks_are_told() -> None:
    given = pod("a")
    given["spec"]["resourceClaims"] = [{"name": "gpus"}]
    records, notes = read(given)
    assert records == []
    assert notes == [
        "1 pod with resource claims (a), whose GPUs stand in ResourceClaims: write both into one "
        "file, with kubectl get pods,resourceclaims -A -o json"
    ]


def test_the_controller_is_the_owner() -> None:
    given = pod("a", 1)
    given["metadata"]["ownerReferences"] = [
        {"kind": "Workload", "name": "w"},
        {"kind": "StatefulSet", "name": "s", "controller": True},
    ]
    assert read(given)[0][0].owner == "StatefulSet/s"
    given["metadata"]["ownerReferences"] = None
    assert read(given)[0][0].owner == ""
