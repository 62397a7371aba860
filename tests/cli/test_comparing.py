"""`compare`, on the scenario of `tests.scenario_files`: 8 GPUs at 2.50 USD an hour, two hours."""

import json
import shutil
from pathlib import Path

import jsonschema
import pytest

import heteroplan
from heteroplan.cli.interrupts import Interrupt
from heteroplan.errors import UsageError
from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders `one` (2 replicas, 40 USD) and `two`, with a rate that takes 4 (80 USD)."""
    folder = tmp_path_factory.mktemp("plans")
    scenario = ScenarioFiles(folder).write()
    heteroplan.plan(scenario).write(folder / "one")
    heteroplan.plan(scenario, overrides="workloads.chat.headroom=1.3").write(folder / "two")
    return folder


@pytest.fixture
def plans(files: ScenarioFiles, made: Path) -> ScenarioFiles:
    """A scenario beside its plans `one` and `two`."""
    for name in ("one", "two"):
        shutil.copytree(made / name, files.folder / name)
    return files


def test_plans_folders_and_scenarios(plans: ScenarioFiles, run: Run) -> None:
    """In two hours 40 USD more, in a day 12 times as much, in 30.4 days 14,592 USD."""
    Path("other").mkdir()
    for name in ("fleet.yaml", "profile.yaml", "demand.csv"):
        shutil.copy(name, "other")
    text = Path("scenario.yaml").read_text(encoding="utf-8")
    Path("other/scenario.yaml").write_text(
        text.replace("model: llama", "model: llama\n  headroom: 1.3"), encoding="utf-8"
    )
    for before, after in (
        ("one", "two"),
        ("one/plan.json", "two/plan.json"),
        ("scenario.yaml", "two"),
        (".", "other"),
    ):
        ended = run("compare", before, after, "--json", "--jobs", "1")
        found = json.loads(ended.out)
        assert ended.code == 0
        assert found["change"]["cost_usd_per_day"] == pytest.approx(480)
        assert found["change"]["cost_usd_per_month"] == pytest.approx(480 * 30.4)
        assert found["counts"] == {"added": 0, "removed": 0, "changed": 2, "same": 0}
        assert [each["field"] for each in found["inputs"]] == [
            *("demand of chat", "peak of chat", "headroom of chat")
        ]


def test_two_scenarios_are_planned_in_two_processes(files: ScenarioFiles, run: Run) -> None:
    Path("other").mkdir()
    for name in ("fleet.yaml", "profile.yaml", "demand.csv", "scenario.yaml"):
        shutil.copy(name, "other")
    ended = run("compare", ".", "other", "--jobs", "2")
    assert (ended.code, ended.err) == (0, "")
    assert "Costs the same." in ended.out


def test_json_fits_its_schema(plans: ScenarioFiles, run: Run) -> None:
    schema = json.loads(run("schema", "comparison").out)
    jsonschema.validate(json.loads(run("compare", "one", "two", "--json").out), schema)


def test_markdown_and_text_say_the_same(plans: ScenarioFiles, run: Run) -> None:
    headline = "480.00 USD a day more (+100.0 %), 14,592.00 USD a month."
    assert headline in run("compare", "one", "two").out
    assert run("compare", "one", "two", "--markdown").out.startswith(f"**{headline}**\n")


def test_standard_input_is_a_plan(plans: ScenarioFiles, apart: Run) -> None:
    text = Path("two/plan.json").read_text(encoding="utf-8")
    ended = apart(["compare", "one", "-"], cwd=plans.folder, stdin=text)
    assert ended.code == 0
    assert "480.00 USD a day more" in ended.out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["one", "gone"], "gone: no such file"),
        (["-", "-"], "-: only one of the two can come from standard input"),
        (["one", "two", "--set", "objective=cost"], "--set: plans are compared as they were made"),
        (["one", "two", "--json", "--markdown"], "both print; leave one of them out"),
        (["one", "both"], "both: holds plan.json and scenario.yaml; name the one that is meant"),
        (["one", "two", "--jobs", "0"], "0 is too small; write 1 or more"),
    ],
)
def test_wrong_arguments_end_with_2(
    plans: ScenarioFiles, run: Run, args: list[str], message: str
) -> None:
    Path("both").mkdir()
    shutil.copy("one/plan.json", "both")
    shutil.copy("scenario.yaml", "both")
    ended = run("compare", *args)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())


def test_folders_without_a_plan_or_scenario_are_told_what_writes_one(
    plans: ScenarioFiles, run: Run
) -> None:
    for name in ("empty", "sized"):
        Path(name).mkdir()
    Path("sized/size.json").write_text("{}", encoding="utf-8")
    ended = run("compare", "empty", "sized")
    assert ended.code == 2
    for name in ("empty", "sized"):
        assert (
            f"{name}: holds neither plan.json, which heteroplan plan SCENARIO --out DIR writes, "
            "nor scenario.yaml, which heteroplan init DIR writes; name a folder with one of them"
        ) in ended.err


def test_a_plan_without_inputs_is_refused(plans: ScenarioFiles, run: Run) -> None:
    fields = json.loads(Path("one/plan.json").read_text(encoding="utf-8"))
    del fields["inputs"], fields["plan_id"]
    Path("old.json").write_text(json.dumps(fields | {"schema_version": 1}), encoding="utf-8")
    ended = run("compare", "old.json", "two")
    assert ended.code == 2
    assert "plan again to get version 2" in ended.err


def test_interrupted_while_planning_it_ends_with_130(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interrupt, "__call__", lambda self: True)
    ended = run("compare", ".", ".", "--jobs", "1")
    assert (ended.code, ended.out) == (130, "")


def test_in_python(plans: ScenarioFiles) -> None:
    found = heteroplan.compare(plans.folder / "one", plans.folder / "two")
    assert found.document.change.cost_usd_per_day == pytest.approx(480)
    assert found.workloads_frame()["cost_usd_per_day_change"].sum() == pytest.approx(480)
    assert set(found.pools_frame()["what"]) == {"changed"}
    assert found.markdown().startswith("**480.00 USD a day more")
    with pytest.raises(UsageError, match="--gap 2"):
        heteroplan.compare("one", "two", gap=2)
    with pytest.raises(TypeError):
        heteroplan.compare("one", "two", unknown=1)  # type: ignore[call-arg]
