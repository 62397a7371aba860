"""Policies by name: what they are, whose they are, and how they are made."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.errors import UsageError
from heteroplan.simulation.policies.aibrix import (
    AibrixKnativeAutoscaler,
    AibrixKpaOptions,
    AibrixPodAutoscaler,
    ApaOptions,
)
from heteroplan.simulation.policies.dynamo_planner import DynamoOptions, DynamoPlanner
from heteroplan.simulation.policies.hpa import HorizontalPodAutoscaler, HpaOptions
from heteroplan.simulation.policies.keda_cron import KedaCron, KedaOptions, Manifest
from heteroplan.simulation.policies.kpa import KnativePodAutoscaler, KpaOptions
from heteroplan.simulation.policies.negative_feedback import (
    NegativeFeedback,
    NegativeFeedbackOptions,
)
from heteroplan.simulation.policies.periodic import Periodic, PeriodicOptions
from heteroplan.simulation.policies.plan import (
    Hindsight,
    Plan,
    PlanFeedback,
    PlanFeedbackOptions,
    PlanOptions,
)
from heteroplan.simulation.policies.policy import Policy, PolicySetting
from heteroplan.simulation.policies.proportional import Proportional, ProportionalOptions
from heteroplan.simulation.policies.shared.options import Options, Searched, read
from heteroplan.simulation.policies.shared.planned import PlannedPools
from heteroplan.simulation.policies.soft_scale_in import SoftScaleIn, SoftScaleInOptions
from heteroplan.simulation.policies.static_peak import StaticPeak
from heteroplan.simulation.policies.wva import WorkloadVariantAutoscaler, WvaOptions


@dataclass(frozen=True, slots=True)
class PolicyInputs:
    """What policies are made from; each takes what it needs."""

    setting: PolicySetting
    planned: PlannedPools | None = None
    hindsight: PlannedPools | None = None
    """The plan for the rates that came."""
    static_peak: NDArray[np.int64] | None = None
    """[deployment]"""
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """An entry of the registry."""

    policy: Any
    """The class, with its `name` and what curation searches (`SEARCHED`)."""
    options: type[Options]
    help: str
    """One line."""
    source: str
    """Whose rules these are."""
    made_by: Callable[[PolicyInputs, Any], Policy] | None = None
    """From inputs and options; None where the setting and the options are enough."""

    @property
    def name(self) -> str:
        """What users write."""
        return str(self.policy.name)

    @property
    def searched(self) -> Mapping[str, Searched]:
        """Options that curation searches."""
        found: Mapping[str, Searched] = self.policy.SEARCHED
        return found

    def make(self, inputs: PolicyInputs, options: Options) -> Policy:
        """A fresh policy. Raises UsageError where an input is missing."""
        if self.made_by is not None:
            return self.made_by(inputs, options)
        made: Policy = self.policy(inputs.setting, options)
        return made


def policy_kind(name: str) -> PolicyKind:
    """The entry called `name`. Raises UsageError that lists the known ones."""
    if name not in POLICIES:
        raise UsageError(f"there is no policy {name!r}: write one of {', '.join(POLICIES)}")
    return POLICIES[name]


def make_policy(
    name: str, inputs: PolicyInputs, options: Mapping[str, str | float] | None = None
) -> Policy:
    """A fresh policy. Raises UsageError for an unknown name, option or value, or missing input."""
    kind = policy_kind(name)
    return kind.make(inputs, read(kind.options, name, options or {}))


def all_options(name: str, given: Mapping[str, str | float]) -> dict[str, str | float]:
    """Every option of a policy, with its default where `given` has none. Raises UsageError."""
    return asdict(read(policy_kind(name).options, name, given))


def parse_policy(text: str) -> tuple[str, dict[str, str | float]]:
    """Name and options of `NAME` or `NAME:OPTION=VALUE,...`. Raises UsageError."""
    name, _, rest = text.partition(":")
    kind = policy_kind(name.strip())
    given: dict[str, str | float] = {}
    for item in filter(None, (part.strip() for part in rest.split(","))):
        option, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not option or not value:
            raise UsageError(f"policy {name}: {item!r}: write OPTION=VALUE")
        if option in given:
            raise UsageError(f"policy {name}: option {option} is there twice")
        given[option] = value
    read(kind.options, kind.name, given)
    return kind.name, given


def _planned(inputs: PolicyInputs, name: str) -> PlannedPools:
    if inputs.planned is None:
        raise UsageError(f"policy {name} needs a plan: replay a plan, or a scenario that has one")
    return inputs.planned


def _plan(inputs: PolicyInputs, options: PlanOptions) -> Policy:
    return Plan(_planned(inputs, Plan.name), options)


def _hindsight(inputs: PolicyInputs, options: PlanOptions) -> Policy:
    if inputs.hindsight is None:
        raise UsageError(
            "policy hindsight needs a plan for the rates that came: the fleet cannot serve them, "
            "or they are not known here"
        )
    return Hindsight(inputs.hindsight, options)


def _plan_feedback(inputs: PolicyInputs, options: PlanFeedbackOptions) -> Policy:
    return PlanFeedback(inputs.setting, _planned(inputs, PlanFeedback.name), options)


def _static_peak(inputs: PolicyInputs, options: Options) -> Policy:
    if inputs.static_peak is None:
        raise UsageError("policy static_peak needs the static peak: there is none for this fleet")
    return StaticPeak(inputs.static_peak)


def _keda_cron(inputs: PolicyInputs, options: KedaOptions) -> Policy:
    planned = _planned(inputs, KedaCron.name)
    if inputs.manifest is None:
        raise UsageError("policy keda_cron needs the manifest that export --format keda writes")
    start = inputs.setting.scenario.horizon.start
    return KedaCron(inputs.manifest, planned, start, options)


_HETEROSCALE = "HeteroScale, arXiv 2508.19559"
_AIBRIX = "vllm-project/aibrix pkg/controller/podautoscaler"
_KINDS = (
    PolicyKind(Plan, PlanOptions, "the plan by the clock", "heteroplan", _plan),
    PolicyKind(
        Hindsight,
        PlanOptions,
        "a plan made for the rates that came: what it would have cost to know them",
        "heteroplan",
        _hindsight,
    ),
    PolicyKind(
        PlanFeedback,
        PlanFeedbackOptions,
        "the plan as a floor, feedback on top",
        "heteroplan",
        _plan_feedback,
    ),
    PolicyKind(StaticPeak, Options, "one size for the peak", "common practice", _static_peak),
    PolicyKind(
        Periodic, PeriodicOptions, "static targets and ratio by the time of day", _HETEROSCALE
    ),
    PolicyKind(
        Proportional,
        ProportionalOptions,
        "one signal sizes one role, the P/D ratio the other",
        _HETEROSCALE,
    ),
    PolicyKind(
        NegativeFeedback,
        NegativeFeedbackOptions,
        "proportional, with TTFT and TBT as a guard",
        _HETEROSCALE,
    ),
    PolicyKind(
        SoftScaleIn,
        SoftScaleInOptions,
        "proportional, whose replicas linger before they go",
        _HETEROSCALE,
    ),
    PolicyKind(
        HorizontalPodAutoscaler,
        HpaOptions,
        "Horizontal Pod Autoscaler, each role by itself",
        "kubernetes pkg/controller/podautoscaler",
    ),
    PolicyKind(
        KnativePodAutoscaler,
        KpaOptions,
        "Knative Pod Autoscaler, each role by itself",
        "knative/serving pkg/autoscaler/scaling",
    ),
    PolicyKind(
        AibrixPodAutoscaler, ApaOptions, "AIBrix's PodAutoscaler with strategy APA", _AIBRIX
    ),
    PolicyKind(
        AibrixKnativeAutoscaler,
        AibrixKpaOptions,
        "AIBrix's PodAutoscaler with strategy KPA",
        _AIBRIX,
    ),
    PolicyKind(
        WorkloadVariantAutoscaler,
        WvaOptions,
        "llm-d's Workload Variant Autoscaler by saturation",
        "llm-d workload-variant-autoscaler internal/saturation",
    ),
    PolicyKind(
        DynamoPlanner,
        DynamoOptions,
        "Dynamo's planner by throughput, load or both",
        "ai-dynamo/dynamo components/src/dynamo/planner",
    ),
    PolicyKind(
        KedaCron,
        KedaOptions,
        "the exported KEDA manifest, carried out by the HPA",
        "kedacore/keda pkg/scalers/cron_scaler.go",
        _keda_cron,
    ),
)
POLICIES: Mapping[str, PolicyKind] = {kind.name: kind for kind in _KINDS}
"""By name, in the order in which they are listed."""
