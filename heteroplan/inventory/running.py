"""Pods that hold GPUs now -> the replicas that run on a fleet, as `plan --current` takes them."""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from heteroplan.inventory.join import listed
from heteroplan.inventory.node import PodRecord
from heteroplan.inventory.node_places import NodePlace
from heteroplan.inventory.pod_objects import objects_of, replica_of
from heteroplan.text import counted

COLUMNS = ("workload", "engine", "replica_id", "leaf", "node", "gpus")

type ObjectKey = tuple[str, str, str]
"""Namespace of an object, empty for any; its name; a part of it, empty for the whole."""


@dataclass(frozen=True, slots=True, order=True)
class EngineName:
    """An engine of a workload."""

    workload: str
    engine: str


class Engines(Protocol):
    """Says which engine a pod runs."""

    def engine_of(self, pod: PodRecord) -> EngineName | None:
        """The engine; None where nothing says so."""
        ...

    def replica_of(self, pod: PodRecord) -> str:
        """The replica that the pod is, or is a part of."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginesByLabel:
    """Labels of pods name workload and engine."""

    workload: str
    """Label whose value is the workload."""
    engine: str
    """Label whose value is the engine."""
    replica_id: str = ""
    """Label whose value the pods of a replica share; empty for those that controllers write."""

    def engine_of(self, pod: PodRecord) -> EngineName | None:
        """The engine that the labels name; None where one of them is absent."""
        workload, engine = pod.labels.get(self.workload), pod.labels.get(self.engine)
        return EngineName(workload, engine) if workload and engine else None

    def replica_of(self, pod: PodRecord) -> str:
        """The value of `replica_id`, or else what controllers write."""
        return pod.labels.get(self.replica_id) or replica_of(pod)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnginesByObject:
    """Objects of the cluster stand for pools, as the targets of a plan say."""

    engines: Mapping[ObjectKey, EngineName] = field(hash=False)

    def engine_of(self, pod: PodRecord) -> EngineName | None:
        """That of the first object of the pod that is known."""
        for name, part in objects_of(pod):
            for namespace in (pod.namespace, ""):
                if found := self.engines.get((namespace, name, part)):
                    return found
        return None

    def replica_of(self, pod: PodRecord) -> str:
        """What controllers write."""
        return replica_of(pod)


@dataclass(frozen=True, slots=True)
class RunningNow:
    """Replicas that run, and what was left out."""

    rows: tuple[tuple[str | int, ...], ...]
    """One a replica and node, of `COLUMNS`."""
    replicas: int
    notes: tuple[str, ...]

    @property
    def text(self) -> str:
        """The CSV that `plan --current` reads."""
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *self.rows])
        return text.getvalue()


type _Replica = tuple[EngineName, str, str]
"""Engine, namespace and name of a replica."""


def running_now(
    pods: Iterable[PodRecord], places: Iterable[NodePlace], engines: Engines
) -> RunningNow:
    """The replicas of pods on nodes of the fleet: a row for each replica and node.

    Pods of no engine, on nodes that are not in the fleet, and replicas on several leaves are left
    out and told.
    """
    by_node = {place.node: place for place in places}
    replicas: dict[_Replica, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    unknown: list[str] = []
    elsewhere: list[str] = []
    for pod in pods:
        engine = engines.engine_of(pod)
        if engine is None:
            unknown.append(pod.name)
        elif pod.node not in by_node:
            elsewhere.append(pod.name)
        else:
            replica = (engine, pod.namespace, engines.replica_of(pod))
            replicas[replica][pod.node] += pod.gpus
    across = [
        replica
        for replica, nodes in replicas.items()
        if len({by_node[node].leaf for node in nodes}) > 1
    ]
    for replica in across:
        del replicas[replica]
    return RunningNow(
        tuple(_rows(replicas, by_node)),
        len(replicas),
        tuple(_notes(unknown, elsewhere, [name for _, _, name in across])),
    )


def _rows(
    replicas: Mapping[_Replica, Mapping[str, int]], by_node: Mapping[str, NodePlace]
) -> Iterator[tuple[str | int, ...]]:
    spaces: dict[tuple[EngineName, str], set[str]] = defaultdict(set)
    for engine, namespace, name in replicas:
        spaces[engine, name].add(namespace)
    for (engine, namespace, name), nodes in sorted(replicas.items(), key=lambda each: each[0]):
        is_alone = len(spaces[engine, name]) == 1
        replica_id = name if is_alone else f"{namespace}/{name}"
        places = sorted((by_node[node].leaf, by_node[node].fleet_node, node) for node in nodes)
        for leaf, fleet_node, node in places:
            yield engine.workload, engine.engine, replica_id, leaf, fleet_node, nodes[node]


def _notes(
    unknown: Sequence[str], elsewhere: Sequence[str], across: Sequence[str]
) -> Iterator[str]:
    if unknown:
        yield (
            f"{counted(len(unknown), 'pod')} with GPUs of no engine ({listed(unknown)}): not among "
            "the running replicas"
        )
    if elsewhere:
        yield (
            f"{counted(len(elsewhere), 'pod')} on nodes that are not in the fleet "
            f"({listed(elsewhere)}): not among the running replicas"
        )
    if across:
        yield (
            f"{counted(len(across), 'replica')} on several leaves ({listed(across)}), where a "
            "replica has one: not among the running replicas"
        )
