"""A file of the cluster's objects, JSON or YAML -> the objects of the kinds that are read."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from heteroplan.errors import MOST_NOTED, InputError, InputProblem
from heteroplan.inputs.checks.schema_problems import schema_problems
from heteroplan.inventory.formats.kubernetes import schemas
from heteroplan.inventory.node import SourceFile
from heteroplan.reading.yaml_source import Document, FieldPath, dotted, parse_documents

CLUSTER_KINDS: Mapping[str, type[BaseModel]] = {
    "Node": schemas.Node,
    "Pod": schemas.Pod,
    "ResourceSlice": schemas.ResourceSlice,
    "ResourceClaim": schemas.ResourceClaim,
}
"""Kinds of Kubernetes itself."""
QUEUE_KINDS: Mapping[str, type[BaseModel]] = {
    "Topology": schemas.Topology,
    "ResourceFlavor": schemas.ResourceFlavor,
    "ClusterQueue": schemas.ClusterQueue,
}
"""Kinds of Kueue, and the Topology of the KAI scheduler, which has the same form."""
_GROUPS: Mapping[str, frozenset[str]] = {
    "Node": frozenset({""}),
    "Pod": frozenset({""}),
    "ResourceSlice": frozenset({"resource.k8s.io"}),
    "ResourceClaim": frozenset({"resource.k8s.io"}),
    "Topology": frozenset({"kueue.x-k8s.io", "kai.scheduler"}),
    "ResourceFlavor": frozenset({"kueue.x-k8s.io"}),
    "ClusterQueue": frozenset({"kueue.x-k8s.io"}),
}
"""API groups of each kind; a Node of another group is another thing."""
_KIND_LINE = re.compile(
    r"""^(?:-\ |\ ){0,3}kind:[ ]*["']?([A-Z][A-Za-z]*)["']?[ ]*(?:\#.*)?\r?$""",
    re.MULTILINE | re.VERBOSE,
)
_SMALLER = "write JSON instead (kubectl's -o json), which may be larger"


@dataclass(frozen=True, slots=True)
class Objects:
    """The objects of a file that are read."""

    found: Mapping[str, Sequence["Placed"]]
    """By kind."""
    others: Counter[str] = field(default_factory=Counter)
    """How many there are of each kind that is not read."""

    def of[T: BaseModel](self, model: type[T]) -> list[T]:
        """All of one kind."""
        placed = self.found.get(model.__name__, ())
        return [each.value for each in placed if isinstance(each.value, model)]


@dataclass(frozen=True, slots=True)
class Placed:
    """An object and its line, 0 where none is known."""

    value: BaseModel
    line: int


@dataclass(frozen=True, slots=True)
class _Raw:
    """An object as it is written."""

    kind: str
    document: Document
    path: FieldPath
    data: Any


def has_kind(file: SourceFile, kinds: Mapping[str, Any]) -> bool:
    """Whether some object of the file is of one of `kinds`; cheap."""
    if isinstance(file.document, dict):
        return any(kind in kinds for kind in _kinds_of(file.document))
    if file.document is not None:
        return False
    return any(_single(found[1]) in kinds for found in _KIND_LINE.finditer(file.text))


def read_objects(file: SourceFile, kinds: Mapping[str, type[BaseModel]]) -> Objects:
    """The objects of `kinds` in the file. Raises InputError with all problems."""
    documents, problems = _documents(file)
    found: dict[str, list[Placed]] = {kind: [] for kind in kinds}
    others: Counter[str] = Counter()
    for raw in (raw for document in documents for raw in _objects(document, (), "", "")):
        model = kinds.get(raw.kind)
        if model is None:
            others[raw.kind] += 1
            continue
        try:
            value = model.model_validate(raw.data)
        except ValidationError as error:
            problems += _problems(raw, model, error)
            if len(problems) >= MOST_NOTED:
                raise InputError(problems) from None
            continue
        found[raw.kind].append(Placed(value, raw.document.line(raw.path)))
    if problems:
        raise InputError(problems)
    return Objects(found, others)


def _documents(file: SourceFile) -> tuple[list[Document], list[InputProblem]]:
    if file.document is None:
        return parse_documents(file.text, file.name, _SMALLER)
    if not isinstance(file.document, dict):
        remedy = "not an object of Kubernetes; write what kubectl -o json writes"
        raise InputError([InputProblem(file.name, 0, "", "", remedy)])
    return [Document(file.name, file.document)], []


def _objects(
    document: Document, path: FieldPath, inherited_kind: str, inherited_group: str
) -> Iterator[_Raw]:
    """The objects at `path`: those in a list, or the one that is none."""
    data = document.value(path) if path else document.data
    is_mapping = isinstance(data, dict)
    kind = str(data.get("kind") or inherited_kind) if is_mapping else inherited_kind
    version = data.get("apiVersion") if is_mapping else None
    group = str(version).rpartition("/")[0] if version else inherited_group
    items = data.get("items") if is_mapping else None
    if kind.endswith("List") and isinstance(items, list) and not path:
        of_items = kind.removesuffix("List")
        for i in range(len(items)):
            yield from _objects(document, (*path, "items", i), of_items, group)
        return
    known = group in _GROUPS.get(kind, {group})
    yield _Raw(kind if known else f"{kind}.{group}", document, path, data)


def _kinds_of(data: Mapping[str, Any]) -> Iterator[str]:
    kind = data.get("kind")
    if not isinstance(kind, str):
        return
    yield _single(kind)
    items = data.get("items")
    for item in items if kind == "List" and isinstance(items, list) else ():
        if isinstance(item, dict) and isinstance(item.get("kind"), str):
            yield item["kind"]


def _single(kind: str) -> str:
    return kind.removesuffix("List")


def _problems(raw: _Raw, model: type[BaseModel], error: ValidationError) -> list[InputProblem]:
    """At the field of the file, with its line."""
    prefix = dotted(raw.path)
    return [
        replace(problem, path=".".join(part for part in (prefix, problem.path) if part))
        for problem in schema_problems(raw.document.within(raw.path), model, error)
    ]
