"""`export` with targets and with what ran before, as a user calls it."""

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
import yaml

from heteroplan.schedules.executors import EXECUTORS
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints
from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles, engine

RULES = [
    {"role": "prefill", "preset": "leaderworkerset", "name": "{workload}-p", "namespace": "llm"},
    {"preset": "dynamo"},
]


def planned(files: ScenarioFiles, run: Run) -> None:
    """out/plan.json of the scenario."""
    files.write()
    assert run("plan", ".", "--out", "out").code == 0


def scaled(text: str) -> dict[str, tuple[str, str | None]]:
    """Kind and namespace of each target, by name."""
    return {
        each["spec"]["scaleTargetRef"]["name"]: (
            each["spec"]["scaleTargetRef"]["kind"],
            each["metadata"].get("namespace"),
        )
        for each in yaml.safe_load_all(text)
    }


def test_targets_of_the_scenario_are_in_the_schedule(files: ScenarioFiles, run: Run) -> None:
    files.scenario["targets"] = RULES
    planned(files, run)
    ended = run("export", "out/plan.json", "--format", "keda", "--namespace", "other")
    assert ended.code == 0
    assert scaled(ended.out) == {
        "chat-p": ("LeaderWorkerSet", "llm"),
        "chat-decode": ("DynamoGraphDeploymentScalingAdapter", "other"),
    }


def test_a_file_of_targets_comes_before_those_of_the_scenario(
    files: ScenarioFiles, run: Run
) -> None:
    files.scenario["targets"] = RULES
    planned(files, run)
    Path("mine.yaml").write_text("targets: [{preset: rbg}]", encoding="utf-8")
    ended = run("export", "out/plan.json", "--format", "keda", "--targets", "mine.yaml")
    assert ended.code == 0
    assert scaled(ended.out) == {
        "chat-prefill": ("RoleBasedGroupScalingAdapter", None),
        "chat-decode": ("RoleBasedGroupScalingAdapter", None),
    }


@pytest.mark.parametrize(
    ("rules", "args", "messages"),
    [
        (
            "[{role: prefill, preset: rbg}]",
            ["--format", "keda"],
            ["mine.yaml: targets: no rule fits decode of chat (d on h100x8 in s1); add one, such "
             "as {workload: chat, role: decode, preset: deployment}"],
        ),
        (
            "[{preset: deployment, name: '{workload}'}]",
            ["--format", "keda"],
            ["mine.yaml: targets[0].name: {workload}: Deployment chat would stand for prefill of "
             "chat (p on h100x8 in s1) and decode of chat (d on h100x8 in s1); add {role} or "
             "{engine} to the name"],
        ),
        (
            "[{preset: kserve}]",
            ["--format", "keda"],
            ["mine.yaml: targets[0]: LLMInferenceService has no scale subresource, which format "
             "keda needs; export it with --format kserve"],
        ),
        ("[{preset: x}]", ["--format", "keda"], ["mine.yaml:1: targets[0].preset: x: must be"]),
        (
            "[{preset: rbg}]",
            ["--format", "keda", "--name-template", "{role}", "--target-kind", "Own"],
            ["--name-template {role}: the targets of mine.yaml name the objects as well; leave one "
             "of them out",
             "--target-kind Own: the targets of mine.yaml name the objects as well"],
        ),
        (
            "[{preset: rbg}]",
            ["--format", "csv", "--at", "2026-11-23", "--previous", "a", "--current", "b"],
            ["--at 2026-11-23: csv has the whole time",
             "--targets mine.yaml: csv names no objects; leave it out",
             "--previous a: csv has the plan alone, without what ran before; leave it out",
             "--current b: csv has the plan alone",
             "--current b: --previous says what ran before as well; keep one of them"],
        ),
    ],
)  # fmt: skip
def test_wrong_targets_end_with_2_and_all_of_them_are_told(
    files: ScenarioFiles, run: Run, rules: str, args: list[str], messages: list[str]
) -> None:
    planned(files, run)
    Path("mine.yaml").write_text(f"targets: {rules}\n", encoding="utf-8")
    ended = run("export", "out/plan.json", *args, "--targets", "mine.yaml", "--out", "x")
    assert (ended.code, ended.out) == (2, "")
    lines = ended.err.removeprefix("Error: ").splitlines()
    assert len(lines) == len(messages)
    assert all(map(str.startswith, lines, messages))
    assert not Path("x").exists()


def test_wrong_targets_of_the_plan_say_where_they_stand(files: ScenarioFiles, run: Run) -> None:
    files.scenario["targets"] = [{"preset": "deployment", "name": "x"}]
    planned(files, run)
    ended = run("export", "out/plan.json", "--format", "keda")
    assert ended.code == 2
    assert "Error: out/plan.json: inputs: targets[0].name: x: Deployment x would" in ended.err


def test_weights_name_the_targets(files: ScenarioFiles, run: Run) -> None:
    """An aggregated pool is a backend of a router with the name of its object."""
    files.profile["engines"] = [engine("a", "aggregated")]
    files.scenario["targets"] = [{"preset": "rbg", "name": "{workload}-all"}]
    planned(files, run)
    ended = run("export", "out/plan.json", "--format", "router")
    assert ended.code == 0
    assert '"weights": {"chat-all": 10000}' in ended.out


def test_out_says_what_it_wrote(files: ScenarioFiles, run: Run) -> None:
    planned(files, run)
    ended = run("export", "out/plan.json", "--format", "csv", "--out", "day.csv")
    rows = Path("day.csv").read_text(encoding="utf-8").count("\n")
    assert (ended.code, ended.out) == (0, "")
    assert ended.err == f"Wrote day.csv: csv, {rows} lines.\n"
    assert run("export", "out/plan.json", "--format", "csv").err == ""


def test_a_schedule_goes_on_from_the_plan_before(files: ScenarioFiles, run: Run) -> None:
    """What only that plan has is told, and when to apply the file."""
    planned(files, run)
    Path("out").rename("before")
    (files.scenario["horizon"])["start"] = "2026-11-24"
    files.demand = files.demand.replace("-23T", "-24T")
    planned(files, run)
    ended = run("export", "out/plan.json", "--format", "keda", "--previous", "before/plan.json")
    assert ended.code == 0
    assert "Apply it between 2026-11-23 " in ended.err
    wrong = run("export", "before/plan.json", "--format", "keda", "--previous", "out/plan.json")
    assert wrong.code == 2
    assert "--previous: that plan begins at 2026-11-24" in wrong.err


def test_a_schedule_goes_on_from_what_runs(files: ScenarioFiles, run: Run) -> None:
    planned(files, run)
    Path("now.csv").write_text(
        "workload,engine,replica_id,leaf\nchat,p,1,l1\nchat,d,2,l1\n", encoding="utf-8"
    )
    ended = run("export", "out/plan.json", "--format", "keda", "--current", "now.csv")
    assert ended.code == 0
    assert "Apply it between" in ended.err
    ended = run("export", "out/plan.json", "--format", "keda", "--current", "absent.csv")
    assert (ended.code, ended.err) == (2, "Error: absent.csv: no such file\n")


def one_less(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """An executor that always has one replica less than the timetable asks for."""
    return np.resize(entry.timetable.asked, minutes) - 1


def test_a_schedule_that_would_be_short_is_not_written(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table and the reason on standard error, nothing on standard output, exit code 1."""
    planned(files, run)
    monkeypatch.setitem(EXECUTORS, "crontab", one_less)
    args = ("export", "out/plan.json", "--format", "crontab", "--out", "cron.txt")
    ended = run(*args)
    assert (ended.code, ended.out) == (1, "")
    first, *_, last = ended.err.splitlines()
    assert first.startswith("crontab, carried out for 2 pools over")
    assert last.startswith("Error: crontab: ")
    assert "--max-short-minutes 0 allows; nothing is written" in last
    assert not Path("cron.txt").exists()
    ended = run(*args, "--max-short-minutes", "1000")
    assert ended.code == 0
    assert Path("cron.txt").exists()


@pytest.mark.parametrize("columns", ["80", "120"])
def test_what_is_said_fits_the_terminal(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    planned(files, run)
    monkeypatch.setitem(EXECUTORS, "keda", one_less)
    name = "{workload}-{role}-" + "x" * 40
    monkeypatch.setenv("COLUMNS", columns)
    ended = run(
        "export", "out/plan.json", "--format", "keda", "--name-template", name,
        "--max-short-minutes", "1000",
    )  # fmt: skip
    assert ended.code == 0
    table = [line for line in ended.err.splitlines() if line.startswith("chat-")]
    assert len(table) == 2
    assert all(len(line) <= int(columns) for line in table)
    assert all(yaml.safe_load_all(ended.out))


def test_files_of_systemd_are_written_into_a_folder(files: ScenarioFiles, run: Run) -> None:
    planned(files, run)
    ended = run("export", "out/plan.json", "--format", "systemd", "--out", "units/")
    assert ended.code == 0
    assert len(list(Path("units").iterdir())) == 4
    assert ended.err.splitlines()[-1] == "Wrote units/: systemd, 4 files."
    ended = run("export", "out/plan.json", "--format", "keda", "--out", "units/")
    assert ended.code == 2
    assert "is a folder, and keda is one file; name a file" in ended.err
