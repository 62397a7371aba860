"""What shells offer on Tab."""

from collections.abc import Callable
from pathlib import Path

import pytest

from heteroplan.cli import completion
from heteroplan.forecasting.traces.formats import FORMATS as TRACE_FORMATS
from heteroplan.inputs.ready import ready_profiles
from heteroplan.schedules.formats import PLAN_FORMATS, SCHEDULE_FORMATS
from heteroplan.simulation.policies.registry import POLICIES
from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles

Tab = Callable[[str], list[str]]


@pytest.fixture
def tab(run: Run, monkeypatch: pytest.MonkeyPatch) -> Tab:
    """What bash offers at the end of a line."""

    def press(line: str) -> list[str]:
        monkeypatch.setenv("_HETEROPLAN_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        ended = run()
        assert (ended.code, ended.err) == (0, "")
        return ended.out.split()

    return press


def test_commands(tab: Tab) -> None:
    assert tab("heteroplan pl") == ["plan"]
    assert tab("heteroplan in") == ["init"]


def test_values_of_options(tab: Tab) -> None:
    assert tab("heteroplan export plan.json --format ") == [*SCHEDULE_FORMATS, *PLAN_FORMATS]
    assert tab("heteroplan export plan.json --format ke") == ["keda"]
    assert tab("heteroplan demand --format ") == [*TRACE_FORMATS]
    assert tab("heteroplan replay plan.json --policy dyn") == ["dynamo_planner"]
    assert set(tab("heteroplan replay plan.json --policy ")) == set(POLICIES)
    assert tab("heteroplan profiles --model llama-3.1") == ["llama-3.1-70b", "llama-3.1-8b"]
    assert tab("heteroplan profiles --gpu H200") == ["H200-SXM-141GB"]
    assert tab("heteroplan demand --timezone Europe/Berl") == ["Europe/Berlin"]
    assert tab("heteroplan schema sce") == ["scenario"]
    assert tab("heteroplan init day --demand shape:d") == ["shape:day-night:"]


def test_a_model_follows_the_name_of_a_workload() -> None:
    assert completion.models("chat=") == [f"chat={each}" for each in ready_profiles()]
    assert completion.models("chat=llama-2") == ["chat=llama-2-70b"]
    assert completion.models("none") == []


def test_scenarios_below_the_folder_that_is_written(files: ScenarioFiles, tab: Tab) -> None:
    """Three folders deep at most, hidden ones left out; the folder itself has a scenario too."""
    for name in ("a/one", "a/two", "b", "a/b/c/deep", ".hidden"):
        folder = files.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "scenario.yaml").touch()
    (files.folder / "a" / "empty").mkdir()
    assert tab("heteroplan plan ") == ["a/one", "a/two", "b"]
    assert tab("heteroplan plan a/t") == ["a/two"]
    assert tab("heteroplan validate a/") == ["a/b/c/deep", "a/one", "a/two"]
    assert tab("heteroplan check ./b") == ["./b"]
    assert tab("heteroplan plan none/") == []


def test_workloads_of_the_plan_that_is_named(
    files: ScenarioFiles, run: Run, tab: Tab, tmp_path: Path
) -> None:
    assert run("plan", ".", "--out", "out").code == 0
    assert tab("heteroplan explain out/plan.json --workload ") == ["chat"]
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    assert tab("heteroplan explain broken.json --workload ") == []
    assert tab("heteroplan explain none.json --workload ") == []
