"""Which objects of a cluster stand for pools: `targets` of a scenario, or a file of them."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from heteroplan.entities.targets import (
    NAME_FIELDS,
    PRESETS,
    WITHOUT_SIZE,
    TargetKind,
    group_of,
    kind_of,
    template_problem,
)
from heteroplan.inputs.schemas.base import Label, Name, Strict, Text

PresetName = Literal[
    "deployment",
    "leaderworkerset",
    "disaggregatedset",
    "dynamo",
    "grove-clique",
    "grove-scaling-group",
    "rbg",
    "kthena",
    "aibrix",
    "kserve",
]
MOST_TARGETS = 1000
"""Rules of a scenario or a file."""
API_VERSION = r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9]+((alpha|beta)[0-9]+)?$"
KIND = r"^[A-Z][A-Za-z0-9]{0,62}$"


def _api_version(text: str) -> str:
    if not re.fullmatch(API_VERSION, text):
        raise ValueError("not an API version; write group/version such as apps/v1")
    return text


def _kind(text: str) -> str:
    if not re.fullmatch(KIND, text):
        raise ValueError("not a kind; write a Kubernetes kind such as Deployment")
    return text


def _template(text: str) -> str:
    if problem := template_problem(text, NAME_FIELDS):
        raise ValueError(problem)
    return text


ApiVersion = Annotated[
    str, AfterValidator(_api_version), Field(json_schema_extra={"pattern": API_VERSION})
]
Kind = Annotated[str, AfterValidator(_kind), Field(json_schema_extra={"pattern": KIND})]
Template = Annotated[Text, AfterValidator(_template)]


class TargetSpec(Strict):
    """Pools, and the object of the cluster that stands for each of them.

    A pool has the target of the first rule that fits it: each of `workload`, `role`, `engine`,
    `node_type` and `domain` that the rule gives is the pool's. `name` and `component` may hold
    {workload}, {role}, {engine}, {node_type} and {domain}.
    """

    workload: Name | None = None
    """Only pools of this workload."""
    role: Literal["prefill", "decode", "aggregated"] | None = None
    """Only pools of this role."""
    engine: Name | None = None
    """Only pools of this engine."""
    node_type: Name | None = None
    """Only pools on nodes of this type."""
    domain: Name | None = None
    """Only pools in this leaf, spine or cluster, or in a domain below it."""
    preset: PresetName | None = None
    """Kind of object, with its API version and default name; or give `api_version` and `kind`."""
    api_version: ApiVersion | None = None
    """API version of the object, such as apps/v1; with `preset`, another version of its group."""
    kind: Kind | None = None
    """Kind of the object, such as StatefulSet; it needs a scale subresource."""
    name: Template | None = None
    """Name of the object; default: that of the preset, or {workload}-{role}-{engine}-{domain}."""
    namespace: Label | None = None
    """Namespace of the object; default: `--namespace` of `heteroplan export`, or the current."""
    context: Text | None = None
    """kubectl context of its cluster; default: `--context` of `heteroplan export`, or the
    current."""
    component: Template | None = None
    """Part of the object that is scaled: a role of an AIBrix StormService (format aibrix), prefill
    or decode of a KServe LLMInferenceService (by default the pool's role)."""

    @field_validator("api_version")
    @classmethod
    def _of_the_preset(cls, version: str | None, info: ValidationInfo) -> str | None:
        preset = PRESETS.get(info.data.get("preset") or "")
        if version is not None and preset is not None and group_of(version) != preset.group:
            raise ValueError(f"not of the group of the preset, {preset.group}; leave it out")
        return version

    @field_validator("kind")
    @classmethod
    def _has_a_size(cls, kind: str | None, info: ValidationInfo) -> str | None:
        if kind is None:
            return kind
        if info.data.get("preset") is not None:
            raise ValueError("preset gives the kind as well; keep one of them")
        version = info.data.get("api_version") or ""
        if remedy := WITHOUT_SIZE.get((group_of(version), kind)):
            raise ValueError(f"a {kind} has no size of its own; {remedy}")
        return kind

    @field_validator("component")
    @classmethod
    def _of_several(cls, component: str | None, info: ValidationInfo) -> str | None:
        of_kind = _known_kind(info)
        if component is None or of_kind is None:
            return component
        if not of_kind.may_have_parts:
            raise ValueError(f"a {of_kind.kind} has one size; leave component out")
        known = sorted(set(of_kind.parts.values()))
        if known and "{" not in component and component not in known:
            raise ValueError(f"{of_kind.kind} has {' and '.join(known)}; write one of them")
        return component

    @model_validator(mode="after")
    def _has_a_kind(self) -> Self:
        if self.preset is None and (self.api_version is None or self.kind is None):
            raise ValueError("no kind of object; give preset (deployment), or api_version and kind")
        return self


def _known_kind(info: ValidationInfo) -> TargetKind | None:
    preset = PRESETS.get(info.data.get("preset") or "")
    version, kind = info.data.get("api_version"), info.data.get("kind")
    if preset is not None:
        return preset
    return kind_of(version, kind) if version and kind else None


class TargetsFile(Strict):
    """A file for `heteroplan export --targets`: the `targets` of a scenario, alone."""

    targets: list[TargetSpec] = Field(min_length=1, max_length=MOST_TARGETS)
    """Objects of the cluster that stand for pools; the first rule that fits a pool counts."""
