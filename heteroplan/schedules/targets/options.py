"""What a user says of the cluster that a schedule is for."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from heteroplan.entities.targets import (
    DEFAULT_NAME,
    NAME_FIELDS,
    NameForm,
    TargetRule,
    kind_of,
    template_problem,
)
from heteroplan.errors import UsageError
from heteroplan.inputs.schemas.targets import API_VERSION, KIND
from heteroplan.outputs.plan.document.plan_document import PoolPart
from heteroplan.schedules.targets.rules import MOST_LABEL, TargetRules, object_name
from heteroplan.schedules.targets.scaling import refusal
from heteroplan.schedules.targets.target import Target

GROUP_FIELDS = ("workload", "domain")
SERVED_FIELDS = ("workload", "model")
KUBECTL_IMAGE = "rancher/kubectl:v1.34.1"
BACKEND_KINDS = ("InferencePool", "Service")
_MOST_PORT = 65_535
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]*")
_LABEL = re.compile(rf"[a-z0-9]([a-z0-9-]{{0,{MOST_LABEL - 2}}}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Where the pools live and what they are called. Raises UsageError."""

    name_template: str = DEFAULT_NAME
    """Name of a pool's scale target, of `NAME_FIELDS`."""
    target_kind: str = "Deployment"
    target_api_version: str = "apps/v1"
    """Used by formats that name an API version."""
    namespace: str = ""
    """Empty for the one that is current when the schedule is applied."""
    context: str = ""
    """kubectl context; empty for the current one."""
    group_template: str = "{workload}-{domain}"
    """Name of a deployment group's backend in a router, of `GROUP_FIELDS`."""
    served_template: str = "{workload}"
    """Model name that a workload's requests ask for, of `SERVED_FIELDS`."""
    backend_kind: str = "InferencePool"
    """Of `BACKEND_KINDS`."""
    port: int = 8000
    """Of a backend that is a Service."""
    gateway: str = "inference-gateway"
    """Gateway that routes belong to."""
    at: str = "now"
    """The moment whose weights a route has: `now`, or ISO 8601 in the plan's zone."""
    hpa_tolerance: float = 0.1
    """Relative change that a HorizontalPodAutoscaler ignores: 0.1 unless the cluster sets another.
    With 0 it is written into objects, which need Kubernetes with configurable tolerance."""
    kubectl_image: str = KUBECTL_IMAGE
    """Container image of jobs that run kubectl, which must be its entry point."""
    only_context: str = ""
    """kubectl context whose objects alone are written; empty for all."""
    rules: TargetRules | None = None
    """Which objects stand for pools, in place of `name_template`, `target_kind` and
    `target_api_version`."""
    rules_before: TargetRules | None = None
    """Which objects stood for pools before the plan begins; None where they are the same."""
    format: str = ""
    """That the schedule is written in, which must be able to scale the targets; empty for any."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, str) and not value.isprintable():
                raise UsageError(f"--{field.name.replace('_', '-')} must stand on one line")
        if not re.fullmatch(KIND, self.target_kind):
            raise UsageError(
                f"--target-kind {self.target_kind!r}: write a Kubernetes kind such as Deployment"
            )
        if not re.fullmatch(API_VERSION, self.target_api_version):
            raise UsageError(
                f"--target-api-version {self.target_api_version!r}: write group/version such as "
                "apps/v1"
            )
        if self.namespace and not _LABEL.fullmatch(self.namespace):
            raise UsageError(
                f"--namespace {self.namespace!r}: not an RFC 1123 label; use lower-case letters, "
                f"digits and -, at most {MOST_LABEL}"
            )
        if not 0 <= self.hpa_tolerance < 1:
            raise UsageError(
                f"--hpa-tolerance {self.hpa_tolerance}: write a number from 0 to below 1"
            )
        if not _IMAGE.fullmatch(self.kubectl_image):
            raise UsageError(
                f"--kubectl-image {self.kubectl_image!r}: write an image such as {KUBECTL_IMAGE}"
            )
        if not _LABEL.fullmatch(self.gateway):
            raise UsageError(f"--gateway {self.gateway!r}: not an RFC 1123 label")
        if self.backend_kind not in BACKEND_KINDS:
            raise UsageError(
                f"--backend-kind {self.backend_kind!r}: write {' or '.join(BACKEND_KINDS)}"
            )
        if not 1 <= self.port <= _MOST_PORT:
            raise UsageError(f"--port {self.port}: write a number from 1 to {_MOST_PORT}")
        _check_template("--name-template", self.name_template, NAME_FIELDS)
        _check_template("--group-template", self.group_template, GROUP_FIELDS)
        _check_template("--served-name", self.served_template, SERVED_FIELDS)

    def targets(self, pools: Sequence[PoolPart]) -> tuple[Target, ...]:
        """What stands for each pool.

        Raises UsageError as `TargetRules.targets` does, and as `names` where there are no rules.
        """
        kind = kind_of(self.target_api_version, self.target_kind)
        if self.rules is not None:
            return self.rules.targets(pools, self.format)
        if kind.parts:
            rule = TargetRule(api_version=kind.api_version, kind=kind.kind, name=self.name_template)
            return TargetRules(
                (rule,), "--name-template", namespace=self.namespace, context=self.context
            ).targets(pools, self.format)
        if remedy := refusal(self.format, Target(kind.api_version, kind.kind, "")):
            raise UsageError(f"--target-kind {self.target_kind}: {remedy}")
        return tuple(
            Target(self.target_api_version, self.target_kind, name, self.namespace, self.context)
            for name in self.names(pools)
        )

    def targets_before(self, pools: Sequence[PoolPart]) -> tuple[Target, ...]:
        """What stood for each pool before the plan begins. Raises UsageError as `targets` does."""
        return replace(self, rules=self.rules_before or self.rules).targets(pools)

    def names(self, pools: Sequence[PoolPart]) -> tuple[str, ...]:
        """Name of each pool's scale target; that of a template is an RFC 1123 label.

        Raises UsageError where the template gives two pools one name, or a pool none.
        """
        if self.rules is not None:
            return tuple(target.name for target in self.rules.targets(pools))
        by_name: dict[str, list[PoolPart]] = defaultdict(list)
        for pool in pools:
            by_name[self._name(pool)].append(pool)
        doubled = [
            f"--name-template gives {name!r} to two pools, "
            + " and ".join(f"{p.engine} ({p.node_type}) in {p.domain}" for p in same[:2])
            + f"; add to it of {', '.join(f'{{{field}}}' for field in NAME_FIELDS)}"
            for name, same in by_name.items()
            if len(same) > 1
        ]
        if doubled:
            raise UsageError(*doubled)
        return tuple(by_name)

    def _name(self, pool: PoolPart) -> str:
        values = {field: str(getattr(pool, field)) for field in NAME_FIELDS}
        return _label("--name-template", self.name_template, values)

    def served_name(self, workload: str, model: str) -> str:
        """The model name that requests of a workload ask for."""
        return self.served_template.format(workload=workload, model=model)

    def group_name(self, pool: PoolPart) -> str:
        """RFC 1123 label of the backend of a pool's deployment group."""
        values = {
            "workload": pool.workload,
            "domain": pool.group.removeprefix(f"{pool.workload}@"),
        }
        return _label("--group-template", self.group_template, values)


def _check_template(option: str, template: str, allowed: Sequence[str]) -> None:
    if problem := template_problem(template, allowed):
        named = "" if problem.startswith("no field") else f" {template!r}"
        raise UsageError(f"{option}{named}: {problem}")


def _label(option: str, template: str, values: dict[str, str]) -> str:
    """The template filled in, as an RFC 1123 label. Raises UsageError."""
    name = rfc_1123_label(template.format(**values))
    if not name:
        raise UsageError(f"{option} {template!r} gives an empty name")
    return name


def rfc_1123_label(raw: str) -> str:
    """In lower case, other characters as -; a long one is cut and ends in a digest."""
    return object_name(raw, NameForm.LABEL)
