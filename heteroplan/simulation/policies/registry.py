"""Policies by name: what they are, whose they are, and how they are made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
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
from heteroplan.simulation.policies.plan import Plan, PlanFeedback, PlanFeedbackOptions, PlanOptions
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
    static_peak: NDArray[np.int64] | None = None
    """[deployment]"""
    manifest: Manifest | None = None


@dataclass(frozen=True, slots=True)
class PolicyKind:
    """An entry of the registry."""

    name: str
    help: str
    """One line."""
    source: str
    """Whose rules these are."""
    options: type[Options]
    searched: Mapping[str, Searched]
    """Options that curation searches."""
    make: Callable[[PolicyInputs, Any], Policy]

    @property
    def from_plan(self) -> bool:
        """Whether it needs a plan."""
        return self.name in ("plan", "plan+feedback", "keda_cron")


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


def _of_setting[O: Options](
    kind: Callable[[PolicySetting, O], Policy],
) -> Callable[[PolicyInputs, O], Policy]:
    return lambda inputs, options: kind(inputs.setting, options)


_HETEROSCALE = "HeteroScale, arXiv 2508.19559"
_KINDS = (
    PolicyKind("plan", "the plan by the clock", "heteroplan", PlanOptions, {}, _plan),
    PolicyKind(
        "plan+feedback",
        "the plan as a floor, feedback on top",
        "heteroplan",
        PlanFeedbackOptions,
        PlanFeedback.SEARCHED,
        _plan_feedback,
    ),
    PolicyKind(
        "static_peak", "one size for the peak", "common practice", Options, {}, _static_peak
    ),
    PolicyKind(
        "periodic",
        "static targets and ratio by the time of day",
        _HETEROSCALE,
        PeriodicOptions,
        Periodic.SEARCHED,
        _of_setting(Periodic),
    ),
    PolicyKind(
        "proportional",
        "one linear signal sizes one role, the P/D ratio the other",
        _HETEROSCALE,
        ProportionalOptions,
        Proportional.SEARCHED,
        _of_setting(Proportional),
    ),
    PolicyKind(
        "negative_feedback",
        "proportional, with TTFT and TBT as a guard",
        _HETEROSCALE,
        NegativeFeedbackOptions,
        NegativeFeedback.SEARCHED,
        _of_setting(NegativeFeedback),
    ),
    PolicyKind(
        "soft_scale_in",
        "proportional, whose replicas linger before they go",
        _HETEROSCALE,
        SoftScaleInOptions,
        SoftScaleIn.SEARCHED,
        _of_setting(SoftScaleIn),
    ),
    PolicyKind(
        "hpa",
        "Horizontal Pod Autoscaler, each role by itself",
        "kubernetes pkg/controller/podautoscaler",
        HpaOptions,
        HorizontalPodAutoscaler.SEARCHED,
        _of_setting(HorizontalPodAutoscaler),
    ),
    PolicyKind(
        "kpa",
        "Knative Pod Autoscaler, each role by itself",
        "knative/serving pkg/autoscaler/scaling",
        KpaOptions,
        KnativePodAutoscaler.SEARCHED,
        _of_setting(KnativePodAutoscaler),
    ),
    PolicyKind(
        "apa",
        "AIBrix's PodAutoscaler with strategy APA",
        "vllm-project/aibrix pkg/controller/podautoscaler",
        ApaOptions,
        AibrixPodAutoscaler.SEARCHED,
        _of_setting(AibrixPodAutoscaler),
    ),
    PolicyKind(
        "aibrix_kpa",
        "AIBrix's PodAutoscaler with strategy KPA",
        "vllm-project/aibrix pkg/controller/podautoscaler",
        AibrixKpaOptions,
        AibrixKnativeAutoscaler.SEARCHED,
        _of_setting(AibrixKnativeAutoscaler),
    ),
    PolicyKind(
        "wva",
        "llm-d's Workload Variant Autoscaler by saturation",
        "llm-d workload-variant-autoscaler internal/saturation",
        WvaOptions,
        WorkloadVariantAutoscaler.SEARCHED,
        _of_setting(WorkloadVariantAutoscaler),
    ),
    PolicyKind(
        "dynamo_planner",
        "Dynamo's planner by throughput, load or both",
        "ai-dynamo/dynamo components/src/dynamo/planner",
        DynamoOptions,
        DynamoPlanner.SEARCHED,
        _of_setting(DynamoPlanner),
    ),
    PolicyKind(
        "keda_cron",
        "the exported KEDA manifest, carried out by the HPA",
        "kedacore/keda pkg/scalers/cron_scaler.go",
        KedaOptions,
        {},
        _keda_cron,
    ),
)
POLICIES: Mapping[str, PolicyKind] = {kind.name: kind for kind in _KINDS}
"""By name, in the order in which they are told."""
