"""`explain` on a plan.json."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from heteroplan.cli.explaining import explain
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import BindingLimit
from heteroplan.errors import InputError, UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_json import plan_text
from tests.cli.conftest import Run
from tests.plans import shown_plan
from tests.scenario_files import ScenarioFiles

LIMIT = BindingLimit(Affinity.SPINE, "a-s1", "l40sx8", 72, 85, ("decode of chat-1",))
SENTENCE = "spine a-s1: l40sx8 full 18:00 to 21:30; decode of chat-1 limited by it"


@pytest.fixture
def plan_json(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(
        plan_text(document_of(shown_plan(short=True, limits=[LIMIT]))), encoding="utf-8"
    )
    return path


def run(*args: str, stdin: str = "") -> tuple[int, str]:
    """Exit code and standard output; errors are raised."""
    app = typer.Typer()
    app.command()(explain)
    result = CliRunner().invoke(app, args, input=stdin, catch_exceptions=False)
    return result.exit_code, result.stdout


def test_names_the_binding_level_and_ends_with_0_though_demand_is_short(plan_json: Path) -> None:
    code, out = run(str(plan_json))
    assert code == 0
    assert SENTENCE in out
    assert "h100x8 full in a-s1" in out


def test_reads_standard_input(plan_json: Path) -> None:
    assert run(str(plan_json)) == run("-", stdin=plan_json.read_text(encoding="utf-8"))


def test_json_is_json_and_nothing_else(plan_json: Path) -> None:
    _, out = run(str(plan_json), "--json", "--workload", "chat-1")
    assert json.loads(out)["limits"][0]["domain"] == "a-s1"
    assert json.loads(out)["shortages"] == []


def test_wrong_use_is_told(plan_json: Path) -> None:
    with pytest.raises(UsageError, match="--workload x"):
        run(str(plan_json), "--workload", "x")
    with pytest.raises(InputError, match="gone"):
        run("gone.json")


@pytest.fixture
def short_plan(files: ScenarioFiles, run: Run) -> str:
    """30 requests/s in the second hour, where 16 GPUs serve 20."""
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,30\n"
    files.write()
    run("plan", ".", "--out", "out")
    return "out/plan.json"


def test_plan_then_explain(short_plan: str, run: Run, tmp_path: Path) -> None:
    """l1 is all there is: full in the second hour, and 10 of 30 requests/s go short."""
    ended = run("explain", short_plan)
    assert (ended.code, ended.err) == (0, "")
    full = "spine s1: h100x8 full 01:00 to 02:00; prefill of chat, decode of chat limited by it"
    assert full in " ".join(ended.out.split())
    (row,) = (line for line in ended.out.splitlines() if line.startswith("chat "))
    assert re.split(r" {2,}", row.strip()) == [
        "chat", "01:00 to 02:00", "10 requests/s", "33.3 %", "h100x8 full in s1",
    ]  # fmt: skip
    text = (tmp_path / short_plan).read_text(encoding="utf-8")
    assert run("explain", "-", stdin=text).out == ended.out


def test_explain_says_what_one_more_node_would_serve(short_plan: str, run: Run) -> None:
    """10 requests/s go short in one hour of two; by LP and by solving again a node serves some."""
    assert "requests more a day" in " ".join(run("explain", short_plan).out.split())
    assert "one more" not in run("explain", short_plan, "--time-limit", "0").out
    (worth,) = json.loads(run("explain", short_plan, "--json").out)["worth"]
    assert worth["leaves"] == ["l1"]
    assert worth["served_requests"][0] == 0.0
    assert 0.0 < worth["again"]["served_requests"] <= 36_000.0
    ended = run("explain", short_plan, "--time-limit", "-1")
    assert (ended.code, ended.out) == (2, "")


def test_explain_of_one_workload_shows_its_groups(short_plan: str, run: Run) -> None:
    assert "chat@s1" not in run("explain", short_plan).out
    ended = run("explain", short_plan, "--workload", "chat")
    assert ended.code == 0
    assert "chat@s1" in ended.out
    document = json.loads(run("explain", short_plan, "--workload", "chat", "--json").out)
    assert {pool["group"] for pool in document["pools"]} == {"chat@s1"}
    (spell,) = document["shortages"]
    assert spell["workload"] == "chat"
    (limit,) = document["limits"]
    assert (limit["node_type"], limit["first"], limit["last"]) == ("h100x8", 1, 1)


def test_explain_of_a_workload_that_is_not_there_ends_with_2(short_plan: str, run: Run) -> None:
    ended = run("explain", short_plan, "--workload", "chta")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "Error: --workload chta: the plan's workloads are chat\n"


def test_explain_of_no_plan_ends_with_2(files: ScenarioFiles, run: Run) -> None:
    for file, message in (("gone.json", "gone.json: "), ("scenario.yaml", "scenario.yaml: ")):
        ended = run("explain", file)
        assert (ended.code, ended.out) == (2, "")
        assert message in ended.err
