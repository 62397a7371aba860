"""Labels of pods are those that the controllers document; the pods are made up."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inventory.node import PodRecord
from heteroplan.inventory.node_places import NodePlace
from heteroplan.inventory.pod_objects import objects_of, replica_of
from heteroplan.inventory.running import (
    EngineName,
    EnginesByLabel,
    EnginesByObject,
    RunningNow,
    running_now,
)

BY_LABEL = EnginesByLabel(workload="app", engine="engine")
DECODE = {"app": "chat", "engine": "h100-tp8-decode"}


def pod(
    name: str,
    node: str = "n1",
    gpus: int = 8,
    labels: Mapping[str, str] | None = None,
    owner: str = "",
    namespace: str = "serving",
) -> PodRecord:
    return PodRecord(
        name=name,
        namespace=namespace,
        node=node,
        gpus=gpus,
        labels=DECODE if labels is None else labels,
        owner=owner,
    )


def place(node: str, leaf: str = "l1") -> NodePlace:
    return NodePlace(
        node=node,
        cluster="c",
        spine="s",
        leaf=leaf,
        node_type="h100x8",
        fleet_node=f"{leaf}-{node}",
        gpus=8,
        out="",
    )


PLACES = [place("n1"), place("n2"), place("n3", "l2")]


def running(*pods: PodRecord, engines: EnginesByLabel | EnginesByObject = BY_LABEL) -> RunningNow:
    return running_now(pods, PLACES, engines)


def test_every_pod_is_a_replica() -> None:
    found = running(pod("chat-1", "n3"), pod("chat-0", gpus=4))
    assert found.rows == (
        ("chat", "h100-tp8-decode", "chat-0", "l1", "l1-n1", 4),
        ("chat", "h100-tp8-decode", "chat-1", "l2", "l2-n3", 8),
    )
    assert found.replicas == 2
    assert found.notes == ()


@pytest.mark.parametrize(
    "labels",
    [
        {
            "leaderworkerset.sigs.k8s.io/name": "chat",
            "leaderworkerset.sigs.k8s.io/group-index": "0",
        },
        {
            "grove.io/podcliquescalinggroup": "chat-0-decode",
            "grove.io/podcliquescalinggroup-replica-index": "0",
        },
        {
            "modelserving.volcano.sh/group-name": "chat-0",
            "modelserving.volcano.sh/role": "decode",
            "modelserving.volcano.sh/role-id": "decode-0",
        },
        {"rbg.workloads.x-k8s.io/role-instance-name": "chat-decode-0"},
    ],
)
def test_pods_of_one_group_are_one_replica(labels: dict[str, str]) -> None:
    """A leader and two workers on two nodes: 4 + 4 GPUs of one, 8 of the other."""
    found = running(
        pod("chat-0", "n1", 4, DECODE | labels),
        pod("chat-0-1", "n1", 4, DECODE | labels),
        pod("chat-0-2", "n2", 8, DECODE | labels),
    )
    assert found.replicas == 1
    assert [(row[3], row[4], row[5]) for row in found.rows] == [
        ("l1", "l1-n1", 8),
        ("l1", "l1-n2", 8),
    ]
    assert len({row[2] for row in found.rows}) == 1


def test_a_label_may_name_the_replica() -> None:
    engines = EnginesByLabel(workload="app", engine="engine", replica_id="group")
    found = running(
        pod("a", "n1", labels=DECODE | {"group": "g"}),
        pod("b", "n2", labels=DECODE | {"group": "g"}),
        pod("c", "n1"),
        engines=engines,
    )
    assert [row[2] for row in found.rows] == ["c", "g", "g"]


def test_pods_of_two_namespaces_are_two_replicas() -> None:
    found = running(pod("chat-0"), pod("chat-0", "n2", namespace="test"))
    assert [row[2] for row in found.rows] == ["serving/chat-0", "test/chat-0"]


def test_what_is_left_out_is_told() -> None:
    group = {
        "leaderworkerset.sigs.k8s.io/name": "chat",
        "leaderworkerset.sigs.k8s.io/group-index": "7",
    }
    found = running(
        pod("notebook", labels={"app": "notebook"}),
        pod("chat-0", "elsewhere"),
        pod("chat-7", "n1", labels=DECODE | group),
        pod("chat-7-1", "n3", labels=DECODE | group),
    )
    assert found.rows == ()
    assert found.notes == (
        "1 pod with GPUs of no engine (notebook): not among the running replicas",
        "1 pod on nodes that are not in the fleet (chat-0): not among the running replicas",
        "1 replica on several leaves (chat-7), where a replica has one: not among the running "
        "replicas",
    )


@pytest.mark.parametrize(
    ("labels", "owner", "name"),
    [
        ({"pod-template-hash": "5d4f8"}, "ReplicaSet/chat-decode-5d4f8", ("chat-decode", "")),
        (
            {"rollouts-pod-template-hash": "5d4f8"},
            "ReplicaSet/chat-decode-5d4f8",
            ("chat-decode", ""),
        ),
        ({}, "StatefulSet/chat-decode", ("chat-decode", "")),
        ({"leaderworkerset.sigs.k8s.io/name": "chat"}, "StatefulSet/chat-0", ("chat", "")),
        ({"grove.io/podclique": "chat-0-decode"}, "PodClique/chat-0-decode", ("chat-0-decode", "")),
        ({"grove.io/podcliquescalinggroup": "chat-0-w"}, "PodClique/x", ("chat-0-w", "")),
        # Scaling adapters are called after the set and its part.
        (
            {
                "nvidia.com/dynamo-graph-deployment-name": "chat",
                "nvidia.com/dynamo-component": "VllmDecodeWorker",
            },
            "PodClique/x",
            ("chat-vllmdecodeworker", ""),
        ),
        (
            {
                "disaggregatedset.x-k8s.io/name": "chat",
                "disaggregatedset.x-k8s.io/role": "decode",
            },
            "StatefulSet/x",
            ("chat-decode", ""),
        ),
        (
            {
                "rbg.workloads.x-k8s.io/group-name": "chat",
                "rbg.workloads.x-k8s.io/role-name": "decode",
            },
            "RoleInstance/x",
            ("chat-decode", ""),
        ),
        (
            {"storm-service-name": "chat", "role-name": "decode"},
            "RoleSet/x",
            ("chat", "decode"),
        ),
        (
            {"app.kubernetes.io/name": "chat", "llm-d.ai/role": "prefill"},
            "ReplicaSet/chat-kserve-prefill-5d4f8",
            ("chat", "prefill"),
        ),
        ({"modelserving.volcano.sh/name": "chat"}, "ModelServing/chat", ("chat", "")),
    ],
)
def test_objects_that_made_a_pod(labels: dict[str, str], owner: str, name: tuple[str, str]) -> None:
    given = pod("p", labels=labels, owner=owner)
    assert name in objects_of(given)
    engine = EngineName("chat", "e")
    engines = EnginesByObject(engines={("", *name): engine})
    assert engines.engine_of(given) == engine


def test_parts_of_objects_count_before_the_whole() -> None:
    labels = {"storm-service-name": "chat", "role-name": "decode"}
    decode, whole = EngineName("chat", "decode"), EngineName("chat", "whole")
    engines = EnginesByObject(engines={("", "chat", ""): whole, ("", "chat", "decode"): decode})
    assert engines.engine_of(pod("p", labels=labels)) == decode
    assert engines.engine_of(pod("p", labels=labels | {"role-name": "prefill"})) == whole


def test_namespaces_tell_objects_apart() -> None:
    one, two = EngineName("chat", "one"), EngineName("chat", "two")
    engines = EnginesByObject(engines={("a", "chat", ""): one, ("b", "chat", ""): two})
    found = [
        engines.engine_of(pod("p", labels={}, owner="StatefulSet/chat", namespace=namespace))
        for namespace in "abc"
    ]
    assert found == [one, two, None]


def test_a_pod_by_itself_is_its_own_replica() -> None:
    assert replica_of(pod("p")) == "p"
    assert objects_of(pod("p", labels={})) == []


NODES = st.sampled_from(["n1", "n2", "n3", "elsewhere"])
PODS = st.lists(
    st.builds(
        pod,
        name=st.sampled_from(["a", "b", "c", "d"]),
        node=NODES,
        gpus=st.integers(1, 8),
        labels=st.sampled_from([DECODE, {}, DECODE | {"engine": "other"}]),
        namespace=st.sampled_from(["x", "y"]),
    ),
    max_size=12,
)


@given(PODS)
def test_gpus_of_rows_and_of_what_is_left_out_add_up(pods: list[PodRecord]) -> None:
    """Every GPU of a pod of an engine on a node of the fleet is in a row, unless it is told."""
    found = running(*pods)
    known = [each for each in pods if each.labels.get("engine") and each.node != "elsewhere"]
    in_rows = sum(int(row[5]) for row in found.rows)
    is_across = any("several leaves" in note for note in found.notes)
    assert in_rows <= sum(each.gpus for each in known)
    if not is_across:
        assert in_rows == sum(each.gpus for each in known)
    assert found.replicas == len({(row[0], row[1], row[2]) for row in found.rows})
    leaves: dict[object, set[object]] = {}
    for row in found.rows:
        leaves.setdefault(row[:3], set()).add(row[3])
    assert all(len(each) == 1 for each in leaves.values())
