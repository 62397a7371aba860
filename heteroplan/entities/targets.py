"""Objects of a cluster that may stand for pools: kinds, presets, and rules which pool has which."""

import re
import string
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from heteroplan.entities.workload import Role

NAME_FIELDS = ("workload", "role", "engine", "node_type", "domain")
"""Fields of a pool that a template may name."""
DEFAULT_NAME = "{workload}-{role}-{engine}-{domain}"
_BY_ROLE = "{workload}-{role}"
_SPEC = r"(\.\d{1,3})?"
"""What may follow : in a field of a template: the most characters."""


class NameForm(StrEnum):
    """What Kubernetes, or the operator of a kind, asks of an object's name."""

    SUBDOMAIN = "RFC 1123 subdomain"
    """253 characters: lower-case letters, digits, - and dots."""
    LABEL = "RFC 1123 label"
    """63 characters without dots."""
    SERVICE = "RFC 1035 label"
    """A label that begins with a letter: the operator gives a Service the name."""


@dataclass(frozen=True, slots=True)
class TargetKind:
    """A kind of object whose size may be that of a pool."""

    api_version: str
    kind: str
    name: str = DEFAULT_NAME
    """Template of a name, unless a rule has its own."""
    name_form: NameForm = NameForm.SUBDOMAIN
    has_scale: bool = True
    """Whether it has a scale subresource."""
    parts: Mapping[Role, str] = field(default_factory=lambda: MappingProxyType({}))
    """Part of the object that a role is, where the object always has several sizes."""
    may_have_parts: bool = False
    """Whether some format scales single parts of it."""

    @property
    def group(self) -> str:
        """API group, such as apps."""
        return group_of(self.api_version)


PRESETS: Mapping[str, TargetKind] = MappingProxyType(
    {
        "deployment": TargetKind("apps/v1", "Deployment"),
        "leaderworkerset": TargetKind(
            "leaderworkerset.x-k8s.io/v1", "LeaderWorkerSet", name_form=NameForm.SERVICE
        ),
        "disaggregatedset": TargetKind(
            "disaggregatedset.x-k8s.io/v1", "DisaggregatedSetRoleScaler", _BY_ROLE
        ),
        "dynamo": TargetKind("nvidia.com/v1beta1", "DynamoGraphDeploymentScalingAdapter", _BY_ROLE),
        "grove-clique": TargetKind("grove.io/v1alpha1", "PodClique", "{workload}-0-{role}"),
        "grove-scaling-group": TargetKind(
            "grove.io/v1alpha1", "PodCliqueScalingGroup", "{workload}-0-{role}"
        ),
        "rbg": TargetKind("workloads.x-k8s.io/v1alpha2", "RoleBasedGroupScalingAdapter", _BY_ROLE),
        "kthena": TargetKind(
            "workload.serving.volcano.sh/v1alpha1",
            "ModelServing",
            _BY_ROLE,
            NameForm.SERVICE,
        ),
        "aibrix": TargetKind(
            "orchestration.aibrix.ai/v1alpha1",
            "StormService",
            _BY_ROLE,
            NameForm.LABEL,
            may_have_parts=True,
        ),
        "kserve": TargetKind(
            "serving.kserve.io/v1alpha2",
            "LLMInferenceService",
            "{workload}",
            NameForm.SERVICE,
            has_scale=False,
            parts=MappingProxyType(
                {Role.PREFILL: "prefill", Role.DECODE: "decode", Role.AGGREGATED: "decode"}
            ),
            may_have_parts=True,
        ),
    }
)
"""Kinds by the name that users give them."""

WITHOUT_SIZE: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("apps", "DaemonSet"): "name a Deployment",
        ("disaggregatedset.x-k8s.io", "DisaggregatedSet"): "write preset: disaggregatedset, the "
        "scaler of one role (scaling.mode: External)",
        ("nvidia.com", "DynamoGraphDeployment"): "write preset: dynamo, the scaling adapter of one "
        "component",
        ("workloads.x-k8s.io", "RoleBasedGroup"): "write preset: rbg, the scaling adapter of one "
        "role",
        ("serving.kserve.io", "InferenceService"): "write preset: kserve, or name its Deployment",
        ("llmd.ai", "VariantAutoscaling"): "name the Deployment that it scales",
    }
)
"""What to write in place of kinds that have no size of their own, by API group and kind."""


def group_of(api_version: str) -> str:
    """The API group of `group/version`; empty for the core group."""
    return api_version.rpartition("/")[0]


def kind_of(api_version: str, kind: str) -> TargetKind:
    """What is known of a kind, with this API version; of an unknown one that it has a scale."""
    for known in PRESETS.values():
        if (known.group, known.kind) == (group_of(api_version), kind):
            return TargetKind(
                api_version,
                kind,
                known.name,
                known.name_form,
                known.has_scale,
                known.parts,
                known.may_have_parts,
            )
    return TargetKind(api_version, kind)


@dataclass(frozen=True, slots=True)
class TargetRule:
    """Which pools it is for, and the object that stands for each of them. Empty text: not said."""

    workload: str = ""
    role: str = ""
    engine: str = ""
    node_type: str = ""
    domain: str = ""
    preset: str = ""
    """Of `PRESETS`; or `api_version` and `kind` are given."""
    api_version: str = ""
    kind: str = ""
    name: str = ""
    """Template of `NAME_FIELDS`."""
    namespace: str = ""
    context: str = ""
    component: str = ""
    """Template of `NAME_FIELDS`."""

    @property
    def of_kind(self) -> TargetKind:
        """The kind of its objects."""
        preset = PRESETS.get(self.preset)
        if preset is None:
            return kind_of(self.api_version, self.kind)
        return kind_of(self.api_version or preset.api_version, preset.kind)

    @property
    def name_template(self) -> str:
        """Its own, or that of its kind."""
        return self.name or self.of_kind.name


def template_problem(template: str, allowed: Collection[str]) -> str:
    """What is wrong with a template of `{field}`; empty where nothing is."""
    try:
        parts = [each for each in string.Formatter().parse(template) if each[1] is not None]
    except ValueError as error:
        return str(error)
    used = {str(name) for _, name, _, _ in parts}
    if unknown := used - set(allowed):
        return f"no field {{{min(unknown)}}}; fields are {', '.join(allowed)}"
    if any(not re.fullmatch(_SPEC, spec or "") for _, _, spec, _ in parts):
        return "the text after : is no number of characters, such as {workload:.20}"
    try:
        template.format(**dict.fromkeys(allowed, ""))
    except ValueError as error:
        return str(error)
    return ""
