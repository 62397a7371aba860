"""The page on the nightly job: its manifests, alerts and commands name what there is."""

import re
import shlex
from typing import Any

import kubernetes_validate
import typer
import yaml

from heteroplan.cli.app import app
from heteroplan.errors import ExitCode
from heteroplan.outputs.nightly.metrics import HELP, PREFIX
from tests.crds import KUBERNETES
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs/how-to/nightly-schedule.md").read_text(encoding="utf-8")
BLOCKS = [
    each
    for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
    for each in yaml.safe_load_all(text)
]


def of_kind(kind: str) -> Any:
    (found,) = [each for each in BLOCKS if each.get("kind") == kind]
    return found


def nightly_options() -> set[str]:
    group: Any = typer.main.get_command(app)
    return {option for each in group.commands["nightly"].params for option in each.opts}


def test_alerts_are_on_metrics_that_are_written() -> None:
    (rules,) = [group["rules"] for each in BLOCKS for group in each.get("groups", ())]
    used = {name for rule in rules for name in re.findall(rf"{PREFIX}\w+", rule["expr"])}
    assert len(used) == len(rules)
    assert {name.removeprefix(PREFIX) for name in used} <= set(HELP)


def test_every_command_line_has_options_that_there_are() -> None:
    lines = re.findall(r"heteroplan nightly [^\n`]+", PAGE.replace("\\\n", " "))
    assert len(lines) >= 5
    for line in lines:
        command = re.split(r"&&|>", line)[0]
        given = {word.partition("=")[0] for word in shlex.split(command) if word.startswith("--")}
        assert given <= nightly_options(), line
    args = of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (plan,) = args["initContainers"]
    given = {word.partition("=")[0] for word in plan["args"] if word.startswith("--")}
    assert given <= nightly_options()


def test_the_job_applies_what_it_may() -> None:
    """The role is bound to the account of the job, in one namespace, and deletes nothing."""
    pod = of_kind("CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    account, role, bound = of_kind("ServiceAccount"), of_kind("Role"), of_kind("RoleBinding")
    assert pod["serviceAccountName"] == account["metadata"]["name"]
    assert bound["roleRef"]["name"] == role["metadata"]["name"]
    assert [each["name"] for each in bound["subjects"]] == [account["metadata"]["name"]]
    (rule,) = role["rules"]
    assert (rule["apiGroups"], rule["resources"]) == (["keda.sh"], ["scaledobjects"])
    assert rule["verbs"] == ["get", "create", "patch"]
    spaces = {each["metadata"]["namespace"] for each in BLOCKS if "metadata" in each}
    assert spaces == {"serving"}


def test_manifests_are_valid_kubernetes() -> None:
    kinds = [each for each in BLOCKS if "kind" in each]
    assert len(kinds) == 5
    for each in kinds:
        for version in KUBERNETES:
            kubernetes_validate.validate(each, version, strict=True)


def test_the_exit_codes_are_those_of_the_program() -> None:
    table = PAGE.partition("| exit code | meaning |")[2].partition("\n\n")[0]
    told = {int(code) for row in table.splitlines()[2:] for code in
            re.findall(r"\d+", row.split("|")[1])}  # fmt: skip
    assert told == {int(code) for code in ExitCode}
