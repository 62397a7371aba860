"""Which object stands for which pool, and what is refused."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.network import Leaf, Network
from heteroplan.entities.plan import Pool
from heteroplan.entities.targets import NameForm, TargetRule
from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PoolPart
from heteroplan.schedules.formats import ExportOptions
from heteroplan.schedules.targets.rules import TargetRules, object_name, wider_domains
from heteroplan.schedules.targets.target import Target
from tests.plans import day_scenario, horizon, plan, pool


def pools(*made: Pool) -> tuple[PoolPart, ...]:
    return document_of(plan(day_scenario(horizon(1), workloads=2), made)).pools


def rules(*made: dict[str, str], **others: Any) -> TargetRules:
    return TargetRules(tuple(TargetRule(**each) for each in made), "targets.yaml", **others)


def told(of: TargetRules, form: str, *made: Pool) -> list[str]:
    """The messages of one error."""
    with pytest.raises(UsageError) as caught:
        of.targets(pools(*made), form)
    return str(caught.value).splitlines()


PREFILL = pool([1], role=Role.PREFILL, engine_name="h100-tp4-prefill")
DECODE = pool([1])
L40S = pool([1], engine_name="l40s-tp8-decode", node="l40sx8", gpus=8)


def test_the_first_rule_that_fits_counts() -> None:
    of = rules(
        {"engine": "l40s-tp8-decode", "preset": "leaderworkerset", "name": "cheap"},
        {"role": "decode", "preset": "dynamo"},
        {"preset": "deployment", "name": "rest"},
    )
    assert [each.name for each in of.targets(pools(PREFILL, DECODE, L40S))] == [
        "rest",
        "chat-1-decode",
        "cheap",
    ]


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        ({}, True),
        ({"workload": "chat-1"}, True),
        ({"workload": "chat-2"}, False),
        ({"role": "decode"}, True),
        ({"role": "prefill"}, False),
        ({"engine": "h100-tp4-decode"}, True),
        ({"engine": "h100"}, False),
        ({"node_type": "h100x8"}, True),
        ({"node_type": "l40sx8"}, False),
        ({"domain": "a-s1"}, True),
        ({"domain": "a"}, True),
        ({"domain": "b"}, False),
        ({"role": "decode", "domain": "b"}, False),
    ],
)
def test_a_rule_fits_where_all_that_it_says_is_the_pools(rule: dict[str, str], fits: bool) -> None:
    """Spine a-s1 is in cluster a."""
    of = rules(rule, wider={"a-s1": frozenset({"a"})})
    assert of.index(pools(DECODE)[0]) == (0 if fits else None)


def test_wider_domains_hold_narrower_ones() -> None:
    network = Network(
        (Leaf("l1", "s1", "a", {}), Leaf("l2", "s2", "a", {}), Leaf("b", "b", "b", {}))
    )
    assert wider_domains(network) == {
        "l1": {"s1", "a"},
        "s1": {"a"},
        "a": set(),
        "l2": {"s2", "a"},
        "s2": {"a"},
        "b": {"b"},
    }


@pytest.mark.parametrize(
    ("preset", "target"),
    [
        ("deployment", Target("apps/v1", "Deployment", "chat-1-decode-h100-tp4-decode-a-s1")),
        (
            "leaderworkerset",
            Target(
                "leaderworkerset.x-k8s.io/v1",
                "LeaderWorkerSet",
                "chat-1-decode-h100-tp4-decode-a-s1",
            ),
        ),
        (
            "disaggregatedset",
            Target("disaggregatedset.x-k8s.io/v1", "DisaggregatedSetRoleScaler", "chat-1-decode"),
        ),
        (
            "dynamo",
            Target("nvidia.com/v1beta1", "DynamoGraphDeploymentScalingAdapter", "chat-1-decode"),
        ),
        ("grove-clique", Target("grove.io/v1alpha1", "PodClique", "chat-1-0-decode")),
        (
            "grove-scaling-group",
            Target("grove.io/v1alpha1", "PodCliqueScalingGroup", "chat-1-0-decode"),
        ),
        (
            "rbg",
            Target("workloads.x-k8s.io/v1alpha2", "RoleBasedGroupScalingAdapter", "chat-1-decode"),
        ),
        (
            "kthena",
            Target("workload.serving.volcano.sh/v1alpha1", "ModelServing", "chat-1-decode"),
        ),
        ("aibrix", Target("orchestration.aibrix.ai/v1alpha1", "StormService", "chat-1-decode")),
        (
            "kserve",
            Target(
                "serving.kserve.io/v1alpha2", "LLMInferenceService", "chat-1", component="decode"
            ),
        ),
    ],
)
def test_a_preset_is_a_kind_with_a_name(preset: str, target: Target) -> None:
    assert rules({"preset": preset}).targets(pools(DECODE)) == (target,)


def test_a_rule_says_more_than_its_preset_and_the_command_line() -> None:
    rule = {
        "preset": "dynamo",
        "api_version": "nvidia.com/v1alpha1",
        "name": "{engine}",
        "namespace": "llm",
        "context": "east",
    }
    of = rules(rule, namespace="other", context="west")
    (target,) = of.targets(pools(DECODE))
    kind = "DynamoGraphDeploymentScalingAdapter"
    assert target == Target("nvidia.com/v1alpha1", kind, "h100-tp4-decode", "llm", "east")
    (target,) = rules({"preset": "rbg"}, namespace="n", context="c").targets(pools(DECODE))
    assert (target.namespace, target.context) == ("n", "c")


def test_a_kind_without_a_preset_has_the_usual_name() -> None:
    rule = {"api_version": "apps/v1", "kind": "StatefulSet"}
    name = "chat-1-decode-h100-tp4-decode-a-s1"
    assert rules(rule).targets(pools(DECODE), "keda") == (Target("apps/v1", "StatefulSet", name),)


def test_parts_of_an_llm_inference_service_are_the_roles() -> None:
    """An aggregated pool is its spec, where decode stands otherwise."""
    both = pool([1], of="chat-2", role=Role.AGGREGATED)
    found = rules({"preset": "kserve"}).targets(pools(PREFILL, DECODE, both), "kserve")
    assert [(each.name, each.component) for each in found] == [
        ("chat-1", "prefill"),
        ("chat-1", "decode"),
        ("chat-2", "decode"),
    ]


def test_pools_without_a_rule_are_all_told() -> None:
    of = rules({"role": "prefill", "preset": "deployment"})
    assert told(of, "keda", PREFILL, DECODE, L40S) == [
        "targets.yaml: targets: no rule fits decode of chat-1 (h100-tp4-decode on h100x8 in a-s1); "
        "add one, such as {workload: chat-1, role: decode, preset: deployment}",
        "targets.yaml: targets: no rule fits decode of chat-1 (l40s-tp8-decode on l40sx8 in a-s1); "
        "add one, such as {workload: chat-1, role: decode, preset: deployment}",
    ]


def test_many_pools_without_a_rule_are_counted() -> None:
    made = [pool([1], domain=f"d{i}") for i in range(25)]
    found = told(rules({"role": "prefill", "preset": "rbg"}), "keda", *made)
    assert len(found) == 21
    assert found[-1] == "5 more pools have no target"


def test_pools_of_one_object_are_told_with_what_sets_them_apart() -> None:
    of = rules({"preset": "dynamo"})
    assert told(of, "keda", DECODE, L40S, pool([1], domain="b")) == [
        "targets.yaml: targets[0].name: {workload}-{role}: DynamoGraphDeploymentScalingAdapter "
        "chat-1-decode would stand for decode of chat-1 (h100-tp4-decode on h100x8 in a-s1) and "
        "decode of chat-1 (l40s-tp8-decode on l40sx8 in a-s1) and 1 more; "
        "add {engine} or {node_type} or {domain} to the name"
    ]


def test_two_rules_of_one_object_are_both_told() -> None:
    of = rules(
        {"role": "prefill", "preset": "deployment", "name": "all"},
        {"preset": "deployment", "name": "All"},
    )
    (line,) = told(of, "keda", PREFILL, DECODE)
    assert line.startswith("targets.yaml: targets[0].name, targets[1].name: all, All: Deployment")
    assert line.endswith("; add {role} or {engine} to the name")


@pytest.mark.parametrize(
    "other",
    [
        {"namespace": "b"},
        {"context": "b"},
        {"preset": "rbg"},
        {"name": "y"},
    ],
)
def test_objects_elsewhere_are_others(other: dict[str, str]) -> None:
    rule = {"preset": "deployment", "name": "x", "namespace": "a", "context": "a"}
    of = rules({"role": "prefill", **rule}, {**rule, **other})
    assert len(set(of.targets(pools(PREFILL, DECODE), "keda"))) == 2


def test_a_whole_object_stands_for_its_parts_as_well() -> None:
    one = {"preset": "aibrix", "name": "{workload}"}
    parts = rules({**one, "component": "{role}"})
    assert [each.component for each in parts.targets(pools(PREFILL, DECODE), "aibrix")] == [
        "prefill",
        "decode",
    ]
    whole = rules({**one, "role": "prefill", "component": "prefill"}, one)
    (line,) = told(whole, "aibrix", PREFILL, DECODE)
    assert "would stand for prefill of chat-1" in line


def test_all_that_is_wrong_is_told_at_once() -> None:
    """No rule, two pools of one object, a name that begins with a digit, a kind without scale."""
    of = rules(
        {"engine": "l40s-tp8-decode", "preset": "leaderworkerset", "name": "8-l40s"},
        {"role": "decode", "preset": "kserve", "name": "same"},
    )
    found = told(of, "keda", PREFILL, DECODE, L40S, pool([1], of="chat-2"))
    assert [re.split(": ", line)[1] for line in found] == [
        "targets",
        "targets[0].name",
        "targets[1].name",
        "targets[1]",
    ]
    assert (
        "'8-l40s', which begins with a digit (LeaderWorkerSet takes an RFC 1035 label)" in found[1]
    )


@pytest.mark.parametrize(
    ("form", "rule", "message"),
    [
        (
            "keda",
            {"preset": "kserve"},
            "LLMInferenceService has no scale subresource, which format keda needs; export it with "
            "--format kserve",
        ),
        (
            "kserve",
            {"preset": "deployment"},
            "format kserve scales LLMInferenceServices and no Deployment; write preset: kserve, or "
            "choose another format such as keda",
        ),
        (
            "crontab",
            {"preset": "aibrix", "component": "{role}"},
            "format crontab scales a StormService as a whole and not its decode; leave component "
            "out and give each role an object of its own, or export it with --format aibrix",
        ),
        (
            "hpa",
            {"api_version": "apps/v1", "kind": "DaemonSet"},
            "a DaemonSet has no size of its own; name a Deployment",
        ),
        ("aibrix", {"preset": "kserve"}, "LLMInferenceService has no scale subresource"),
        (
            "gpustack",
            {"preset": "kserve"},
            "format gpustack scales a model of GPUStack by its name, as a whole and not its decode",
        ),
    ],
)
def test_what_a_format_cannot_scale_is_told_once_for_each_rule(
    form: str, rule: dict[str, str], message: str
) -> None:
    found = told(rules(rule), form, DECODE, pool([1], of="chat-2"))
    assert len(found) == 1
    assert found[0].startswith(f"targets.yaml: targets[0]: {message}")


@pytest.mark.parametrize(
    ("form", "rule"),
    [
        ("prometheus", {"preset": "kserve"}),
        ("kserve", {"api_version": "serving.kserve.io/v1alpha1", "kind": "LLMInferenceService"}),
        ("keda", {"preset": "aibrix"}),
        ("aibrix", {"preset": "deployment"}),
        ("keda", {"api_version": "example.com/v1", "kind": "Own"}),
        ("crontab", {"preset": "grove-clique"}),
    ],
)
def test_what_a_format_can_scale_is_taken(form: str, rule: dict[str, str]) -> None:
    assert len(rules(rule).targets(pools(DECODE), form)) == 1


def test_a_part_that_an_object_does_not_have_is_told() -> None:
    (line,) = told(rules({"preset": "kserve", "component": "{engine}"}), "kserve", DECODE)
    assert line == (
        "targets.yaml: targets[0].component: {engine}: gives decode of chat-1 (h100-tp4-decode on "
        "h100x8 in a-s1) 'h100-tp4-decode', but LLMInferenceService has decode and prefill; write "
        "one of them"
    )


FORMS = {
    NameForm.SUBDOMAIN: r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*",
    NameForm.LABEL: r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
    NameForm.SERVICE: r"[a-z0-9]([a-z0-9-]*[a-z0-9])?",
}


@given(st.text(max_size=300) | st.from_regex(r"[a-z.-]{50,300}", fullmatch=True))
def test_a_name_has_the_form_of_its_kind_or_is_empty(raw: str) -> None:
    for form, pattern in FORMS.items():
        name = object_name(raw, form)
        assert not name or re.fullmatch(pattern, name, re.ASCII)
        assert len(name) <= (253 if form is NameForm.SUBDOMAIN else 63)
        assert object_name(name, form) == name


def test_a_subdomain_keeps_its_dots() -> None:
    assert object_name("Llama-3.1_70B..x-", NameForm.SUBDOMAIN) == "llama-3.1-70b.x"
    assert object_name("Llama-3.1_70B", NameForm.LABEL) == "llama-3-1-70b"


def test_options_take_the_targets_of_the_rules() -> None:
    options = ExportOptions(rules=rules({"preset": "kserve"}), format="keda")
    with pytest.raises(UsageError, match="no scale subresource"):
        options.targets(pools(DECODE))
    assert options.names(pools(DECODE)) == ("chat-1",)


def test_options_alone_name_parts_of_an_llm_inference_service() -> None:
    options = ExportOptions(
        target_kind="LLMInferenceService",
        target_api_version="serving.kserve.io/v1alpha2",
        name_template="{workload}",
        namespace="llm",
        format="kserve",
    )
    found = options.targets(pools(PREFILL, DECODE))
    assert [(each.name, each.namespace, each.component) for each in found] == [
        ("chat-1", "llm", "prefill"),
        ("chat-1", "llm", "decode"),
    ]


def test_options_alone_name_no_kind_that_the_format_cannot_scale() -> None:
    with pytest.raises(UsageError, match=r"^--target-kind DaemonSet: a DaemonSet has no size"):
        ExportOptions(target_kind="DaemonSet", format="keda").targets(pools(DECODE))
