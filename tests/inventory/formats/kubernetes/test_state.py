from typing import Any

import pytest

from heteroplan.inventory.formats.kubernetes.schemas import Node
from heteroplan.inventory.formats.kubernetes.state import out

READY = {"type": "Ready", "status": "True"}


def node(spec: dict[str, Any], *conditions: dict[str, str], **metadata: str) -> Node:
    status = {"conditions": list(conditions) or [READY]}
    named = {"name": "n", **metadata}
    return Node.model_validate({"metadata": named, "spec": spec, "status": status})


def taint(key: str, value: str = "", effect: str = "NoSchedule") -> dict[str, Any]:
    return {"taints": [{"key": key, "value": value, "effect": effect}]}


@pytest.mark.parametrize(
    ("spec", "conditions", "reason"),
    [
        ({}, [READY], None),
        ({"unschedulable": True}, [READY], "cordoned"),
        (
            {"unschedulable": True, **taint("node.kubernetes.io/unschedulable")},
            [READY],
            "cordoned",
        ),
        (taint("node.kubernetes.io/unschedulable"), [READY], "cordoned"),
        ({}, [{"type": "Ready", "status": "False"}], "not ready"),
        ({}, [{"type": "Ready", "status": "Unknown"}], "not ready"),
        (
            taint("node.kubernetes.io/unreachable", effect="NoExecute"),
            [{"type": "Ready", "status": "Unknown"}],
            "not ready",
        ),
        # Other conditions are bad where they are true; their taints tell.
        ({}, [{"type": "MemoryPressure", "status": "False"}, READY], None),
        (
            taint("dedicated", "training"),
            [READY],
            "taint dedicated=training:NoSchedule",
        ),
        (
            taint("node.kubernetes.io/disk-pressure"),
            [READY],
            "taint node.kubernetes.io/disk-pressure:NoSchedule",
        ),
        (taint("dedicated", "training", "PreferNoSchedule"), [READY], None),
        ({"unschedulable": True}, [{"type": "Ready", "status": "False"}], "cordoned, not ready"),
    ],
)
def test_why_a_node_is_out(
    spec: dict[str, Any], conditions: list[dict[str, str]], reason: str | None
) -> None:
    assert out(node(spec, *conditions), ()) == reason


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("nvidia.com/gpu", "present"),
        ("nvidia.com/gpu", ""),
        ("amd.com/gpu", "present"),
        ("sku", "gpu"),
        ("kubernetes.azure.com/scalesetpriority", "spot"),
        ("kubernetes.io/arch", "arm64"),
        ("vpc.amazonaws.com/efa", ""),
        ("cloud.google.com/gke-queued", "true"),
    ],
)
def test_taints_of_gpu_nodes_by_custom(key: str, value: str) -> None:
    for effect in ("NoSchedule", "NoExecute"):
        assert out(node(taint(key, value, effect)), ()) is None


def test_another_sku_is_no_custom() -> None:
    assert out(node(taint("sku", "hpc")), ()) == "taint sku=hpc:NoSchedule"


def test_taints_that_the_planned_pods_tolerate() -> None:
    tainted = node(taint("dedicated", "serving"))
    assert out(tainted, {"dedicated"}) is None
    assert out(tainted, {"dedicated=serving"}) is None
    assert out(tainted, {"dedicated=training"}) == "taint dedicated=serving:NoSchedule"


def test_a_file_without_conditions_says_nothing_of_readiness() -> None:
    assert out(Node.model_validate({"metadata": {"name": "n"}}), ()) is None


def test_a_node_that_is_being_deleted_is_out() -> None:
    assert out(node({}, deletionTimestamp="2026-11-23T00:00:00Z"), ()) == "being deleted"
