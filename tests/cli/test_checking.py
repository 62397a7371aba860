"""Limits on cost in `check`, several processes, and the summary of a step on GitHub.

The scenario of `tests.scenario_files` takes 8 GPUs at 2.50 USD for two hours: 40 USD, 480 a day.
"""

import json
import shutil
from pathlib import Path

import pytest

import heteroplan
from heteroplan.cli.interrupts import Interrupt
from heteroplan.errors import InputError, UsageError
from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles

MORE = ("--set", "workloads.chat.headroom=1.3")
"""12.5 and 18.4 requests/s: two replicas of each role, 80 USD."""


def second(folder: Path, name: str, rps: int) -> None:
    """Another scenario, which asks for so much."""
    folder.mkdir()
    made = ScenarioFiles(folder)
    made.scenario["name"] = name
    made.demand = f"interval_start,rps\n2026-11-23T00:00,{rps}\n2026-11-23T01:00,{rps}\n"
    made.write()


@pytest.mark.parametrize(
    ("most", "code", "verdict"), [("480", 0, "covered"), ("479.99", 1, "cost"), ("0", 1, "cost")]
)
def test_a_plan_may_cost_so_much_a_day(
    files: ScenarioFiles, run: Run, most: str, code: int, verdict: str
) -> None:
    ended = run("check", ".", "--max-cost", most, "--format", "json")
    (row,) = json.loads(ended.out)
    assert (ended.code, row["verdict"]) == (code, verdict)
    assert row["cost_usd_per_day"] == pytest.approx(480)
    (limit,) = row["limits"]
    assert (limit["option"], limit["unit"], limit["kept"]) == ("--max-cost", "USD", code == 0)
    assert limit["most_per_day"] == float(most)
    assert limit["least_per_day"] == pytest.approx(480)


def test_a_search_goes_on_until_a_limit_is_decided(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first plan is dearer than the limit, and the bound below it: the second one is not."""
    from dataclasses import replace
    from typing import Any

    from heteroplan.entities.plan import Plan
    from heteroplan.planning import make_plan

    asked: list[float] = []

    def dear_first(*args: Any, **kwargs: Any) -> Plan:
        made = make_plan(*args, **kwargs)
        asked.append(kwargs["gap"])
        if len(asked) > 1:
            return made
        totals = replace(made.totals, cost_usd=42.0)
        return replace(made, totals=totals, report=replace(made.report, objective=42.0))

    monkeypatch.setattr("heteroplan.planning.make_plan", dear_first)
    ended = run("check", ".", "--max-cost", "485", "--format", "json")
    (row,) = json.loads(ended.out)
    assert (ended.code, asked) == (0, [0.05, 0.0])
    assert row["limits"][0]["found_per_day"] == pytest.approx(480)
    asked.clear()
    assert run("check", ".", "--max-cost", "510").code == 0
    assert asked == [0.05]


def test_what_no_search_decides_is_undecided(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bound of 38 USD, 456 a day, leaves open whether a plan of 470 is there."""
    from dataclasses import replace
    from typing import Any

    from heteroplan.entities.plan import Plan
    from heteroplan.planning import make_plan

    def loose(*args: Any, **kwargs: Any) -> Plan:
        made = make_plan(*args, **kwargs)
        return replace(made, report=replace(made.report, bound=38.0))

    monkeypatch.setattr("heteroplan.planning.make_plan", loose)
    ended = run("check", ".", "--max-cost", "470")
    assert ended.code == 3
    assert "undecided" in ended.out
    assert run("check", ".", "--max-cost", "450").code == 1


def test_a_plan_is_compared_with_an_earlier_one(files: ScenarioFiles, run: Run) -> None:
    assert run("plan", ".", "--out", "old").code == 0
    assert run("check", ".", "--baseline", "old/plan.json").code == 0
    ended = run("check", ".", *MORE, "--baseline", "old", "--format", "github")
    assert ended.code == 1
    assert (
        "::960.00 USD a day, 100.0 %25 more than 480.00 of old/plan.json, 5.0 %25 is allowed; no "
        "plan takes less than 960.00" in ended.out
    )
    assert run("check", ".", *MORE, "--baseline", "old", "--tolerance", "99%").code == 1
    assert run("check", ".", *MORE, "--baseline", "old", "--tolerance", "100%").code == 0


def test_baselines_belong_to_scenarios_of_their_names(files: ScenarioFiles, run: Run) -> None:
    """`small` has one in the folder, `other` has none, which is no fault of it."""
    second(files.folder / "other", "other", 15)
    assert run("plan", ".", "--out", "old/one").code == 0
    ended = run("check", ".", "other", "--baseline", "old", "--format", "json", "--jobs", "1")
    assert ended.code == 0
    assert [len(row["limits"]) for row in json.loads(ended.out)] == [1, 0]
    assert run("plan", "other", "--out", "old/two").code == 0
    ended = run("check", ".", "other", "--baseline", "old", "--format", "json", "--jobs", "1")
    assert [row["limits"][0]["baseline"] for row in json.loads(ended.out)] == [
        "old/one/plan.json",
        "old/two/plan.json",
    ]
    # The only baseline is for the only scenario; of several, each must be for one.
    assert run("check", ".", "--baseline", "old/two").code == 0
    ended = run("check", ".", "--baseline", "old")
    assert ended.code == 2
    assert "old/two/plan.json: a plan of other; checked are small" in " ".join(ended.out.split())


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the scenario's plan."""
    folder = tmp_path_factory.mktemp("earlier")
    heteroplan.plan(ScenarioFiles(folder).write()).write(folder / "old")
    return folder / "old"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--baseline", "gone"], "gone: no such file"),
        (["--baseline", "empty"], "--baseline empty: holds no plan.json, nor do folders in it"),
        (["--baseline", "old", "--baseline", "old/plan.json"], "a plan of small, as old/plan.json"),
        (["--baseline", "old", "--tolerance", "10001%"], "--tolerance 100.01: write a share from"),
        (["--baseline", "old", "--tolerance", "5"], "5 is 500 %; write 0.05 for 5 %"),
        (["--max-cost", "-1"], "-1 is too small; write 0 or more"),
        (["--jobs", "0"], "0 is too small; write 1 or more"),
    ],
)
def test_wrong_limits_end_with_2(
    files: ScenarioFiles, earlier: Path, run: Run, options: list[str], message: str
) -> None:
    shutil.copytree(earlier, "old")
    Path("empty").mkdir()
    ended = run("check", ".", *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())


def test_the_same_comes_of_several_processes(files: ScenarioFiles, run: Run) -> None:
    """In the order of the scenarios, an error and a shortage among them."""
    second(files.folder / "short", "short", 30)
    second(files.folder / "other", "other", 15)
    found = []
    for jobs in ("1", "2"):
        args = ("short", "gone", "other", ".", "--min-headroom", "0.1", "--max-cost", "1000")
        ended = run("check", *args, "--format", "json", "--jobs", jobs)
        rows = json.loads(ended.out)
        assert all(row.pop("seconds") > 0 for row in rows)
        found.append((ended.code, rows))
        assert [row["verdict"] for row in rows] == ["not covered", "error", "covered", "covered"]
    assert found[0] == found[1]
    assert found[0][0] == 2


def test_standard_input_is_read_here(files: ScenarioFiles, apart: Run) -> None:
    text = Path("scenario.yaml").read_text(encoding="utf-8")
    ended = apart(["check", "-", ".", "--jobs", "2"], cwd=files.folder, stdin=text)
    assert (ended.code, ended.err) == (0, "")


def test_interrupted_it_ends_with_130(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Interrupt, "__call__", lambda self: True)
    second(files.folder / "other", "other", 15)
    for jobs in ("1", "2"):
        ended = run("check", ".", "other", "--jobs", jobs)
        assert (ended.code, ended.out) == (130, "")


def test_the_summary_of_a_step_is_added_to(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Markdown, whatever is printed; what stands there already stays."""
    summary = files.folder / "summary.md"
    summary.write_text("before\n", encoding="utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    assert run("check", ".", "--format", "json").code == 0
    printed = run("check", ".", "--format", "markdown").out
    text = summary.read_text(encoding="utf-8")
    assert text == f"before\n{printed}\n{printed}\n"
    assert printed.startswith("**heteroplan check: 1 of 1 scenarios pass**\n")


def test_a_summary_that_cannot_be_written_changes_no_verdict(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(files.folder))
    ended = run("check", ".")
    assert ended.code == 0
    assert ended.err.startswith("GITHUB_STEP_SUMMARY: ")
    assert "cannot be written" in ended.err


def test_in_python(files: ScenarioFiles) -> None:
    heteroplan.plan(files.folder).write(files.folder / "old")
    result = heteroplan.check(files.folder, max_cost_usd=500, baseline=files.folder / "old")
    assert result.passed
    assert [limit.kept for limit in result.rows[0].limits] == [True, True]
    assert result.scenarios_frame()["cost_usd_per_day"].tolist() == pytest.approx([480])
    with pytest.raises(UsageError, match="max_cost_usd -1"):
        heteroplan.check(files.folder, max_cost_usd=-1)
    with pytest.raises(InputError):
        heteroplan.check(files.folder, baseline=files.folder / "gone")
    shutil.rmtree(files.folder / "old")
