"""`targets` of a scenario and of a file: what is refused, and that plan.json keeps them."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from heteroplan.entities.targets import PRESETS, TargetRule, template_problem
from heteroplan.errors import InputError
from heteroplan.inputs.targets import load_targets
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs
from heteroplan.pipelines.schema import schema
from tests.scenario_files import ScenarioFiles

DEPLOYMENT = {"preset": "deployment"}


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        (5, "targets: 5: not a list; write [a, b] or lines that start with -"),
        ([{"nam": "x", **DEPLOYMENT}], "targets[0].nam: x: unknown key; did you mean 'name'?"),
        ([{"preset": "deploy"}], "targets[0].preset: deploy: must be 'deployment', "),
        (
            [{"kind": "Deployment"}],
            'targets[0]: {"kind": "Deployment"}: no kind of object; give preset (deployment), or '
            "api_version and kind",
        ),
        (
            [{"preset": "dynamo", "kind": "Deployment"}],
            "targets[0].kind: Deployment: preset gives the kind as well; keep one of them",
        ),
        (
            [{"preset": "deployment", "api_version": "batch/v1"}],
            "targets[0].api_version: batch/v1: not of the group of the preset, apps; leave it out",
        ),
        (
            [{"api_version": "apps", "kind": "Deployment"}],
            "targets[0].api_version: apps: not an API version; write group/version such as apps/v1",
        ),
        (
            [{"api_version": "apps/v1", "kind": "deployment"}],
            "targets[0].kind: deployment: not a kind; write a Kubernetes kind such as Deployment",
        ),
        (
            [{"api_version": "nvidia.com/v1beta1", "kind": "DynamoGraphDeployment"}],
            "targets[0].kind: DynamoGraphDeployment: a DynamoGraphDeployment has no size of its "
            "own; write preset: dynamo, the scaling adapter of one component",
        ),
        (
            [{**DEPLOYMENT, "name": "{pod}"}],
            "targets[0].name: {pod}: no field {pod}; fields are workload, role, engine, node_type, "
            "domain",
        ),
        ([{**DEPLOYMENT, "name": ""}], 'targets[0].name: "": empty'),
        (
            [{**DEPLOYMENT, "component": "{role}"}],
            "targets[0].component: {role}: a Deployment has one size; leave component out",
        ),
        (
            [{"preset": "kserve", "component": "router"}],
            "targets[0].component: router: LLMInferenceService has decode and prefill; write one "
            "of them",
        ),
        ([{**DEPLOYMENT, "namespace": "A"}], "targets[0].namespace: A: not an RFC 1123 label"),
        ([{**DEPLOYMENT, "context": "a\nb"}], 'targets[0].context: "a\\nb": holds control'),
        ([{**DEPLOYMENT, "role": "both"}], "targets[0].role: both: must be 'prefill', 'decode'"),
        (
            [{**DEPLOYMENT, "workload": "chatt"}],
            "targets[0].workload: chatt: unknown workload; did you mean 'chat'?",
        ),
        (
            [{**DEPLOYMENT, "node_type": "b200"}],
            "targets[0].node_type: b200: unknown node type; known are h100x8",
        ),
        (
            [{**DEPLOYMENT, "domain": "s2"}],
            "targets[0].domain: s2: unknown domain; known are l1, s1, c1",
        ),
        (
            [{**DEPLOYMENT, "engine": "x"}],
            "targets[0].engine: x: unknown engine; known are p, d",
        ),
        (
            [{**DEPLOYMENT, "role": "decode"}, {**DEPLOYMENT, "role": "decode", "engine": "d"}],
            'targets[1]: {"preset": "deployment", "role": "decode", "engine": "d"}: never used, '
            "because targets[0] fits all of its pools and the first rule counts; move it up or "
            "remove it",
        ),
    ],
)
def test_wrong_targets_are_told(tmp_path: Path, rules: Any, message: str) -> None:
    files = ScenarioFiles(tmp_path)
    files.scenario["targets"] = rules
    (found,) = files.problems()
    assert found.removeprefix(f"{tmp_path / 'scenario.yaml'}: ").startswith(message)


def test_all_wrong_targets_are_told_at_once(tmp_path: Path) -> None:
    files = ScenarioFiles(tmp_path)
    files.scenario["targets"] = [{"preset": "x"}, {**DEPLOYMENT, "name": "{x}"}, {}]
    assert len(files.problems()) == 3


RULES = [
    {"workload": "chat", "role": "prefill", "engine": "p", "node_type": "h100x8", "domain": "s1",
     "preset": "kserve", "name": "{workload}", "namespace": "llm", "context": "east",
     "component": "prefill"},
    {"api_version": "apps/v1", "kind": "StatefulSet"},
]  # fmt: skip


def test_plan_json_keeps_targets_as_they_are_written(tmp_path: Path) -> None:
    files = ScenarioFiles(tmp_path)
    files.scenario["targets"] = RULES
    scenario = files.load().scenario
    assert scenario.targets == tuple(TargetRule(**each) for each in RULES)
    written = PlanInputs.of(scenario).written()
    assert written["targets"] == RULES
    read = PlanInputs.model_validate_json(json.dumps(written))
    assert read.scenario(scenario.inputs_sha256).targets == scenario.targets


def test_plan_json_without_targets_is_what_it_was(tmp_path: Path) -> None:
    scenario = ScenarioFiles(tmp_path).load().scenario
    written = PlanInputs.of(scenario).written()
    assert "targets" not in written
    assert PlanInputs.model_validate_json(json.dumps(written)).scenario("x").targets == ()


def test_a_file_has_the_targets_of_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "targets.yaml"
    path.write_text(
        "targets:\n- {role: decode, preset: rbg}\n- {preset: dynamo, name: '{engine}'}\n"
    )
    assert load_targets(str(path)) == (
        TargetRule(role="decode", preset="rbg"),
        TargetRule(preset="dynamo", name="{engine}"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "targets.yaml:1: empty; write `key: value` lines"),
        ("- preset: rbg\n", "targets.yaml:1: a list; write targets: above it"),
        ("targets: []\n", "targets.yaml:1: targets: []: too few entries; at least 1"),
        ("targets: [{preset: rbg}, {preset: rbg, role: decode}]", "targets.yaml:1: targets[1]"),
        ("name: x\nworkloads: []\nfleet: y\n", "targets.yaml: this looks like a scenario file"),
        ("targets: [{preset: rbg}]\nname: x\n", "targets.yaml:2: name: x: unknown key"),
    ],
)
def test_wrong_files_of_targets_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("targets.yaml").write_text(text)
    with pytest.raises(InputError) as caught:
        load_targets("targets.yaml")
    assert str(caught.value).startswith(message)


def test_no_such_file_of_targets_is_told() -> None:
    with pytest.raises(InputError, match=r"^absent\.yaml: no such file$"):
        load_targets("absent.yaml")


def test_the_json_schema_has_the_fields_and_refuses_others() -> None:
    """For editors: the same rule in a file of targets and in a scenario."""
    of_file, of_scenario = (json.loads(schema(kind)) for kind in ("targets", "scenario"))
    rule = of_file["$defs"]["TargetSpec"]
    assert rule == of_scenario["$defs"]["TargetSpec"]
    assert set(rule["properties"]) == set(RULES[0]) | set(RULES[1])
    assert rule["additionalProperties"] is False
    (presets,) = (each for each in rule["properties"]["preset"]["anyOf"] if "enum" in each)
    assert set(presets["enum"]) == set(PRESETS)
    (kind,) = (each for each in rule["properties"]["kind"]["anyOf"] if "pattern" in each)
    assert re.search(kind["pattern"], "StatefulSet")
    assert not re.search(kind["pattern"], "a b")


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{role}-x", ""),
        ("{role:.3}", ""),
        ("plain", ""),
        ("{{role}}", ""),
        ("{role", "expected '}' before end of string"),
        ("{}", "no field {}"),
        ("{role.x}", "no field {role.x}"),
        ("{role:>9999999999}", "the text after : is no number of characters"),
        ("{role:{role}}", "the text after : is no number of characters"),
        ("{role!q}", "Unknown conversion specifier"),
    ],
)
def test_templates(template: str, problem: str) -> None:
    found = template_problem(template, ["role"])
    assert found.startswith(problem) if problem else found == ""
