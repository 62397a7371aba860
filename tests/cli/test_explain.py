"""`explain` on a plan.json."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from heteroplan.cli.explaining import explain
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import BindingLimit
from heteroplan.errors import InputError, UsageError
from heteroplan.outputs.plan_json import plan_text
from tests.plans import shown_plan

LIMIT = BindingLimit(Affinity.SPINE, "a-s1", "l40sx8", 72, 85, ("decode of chat-1",))
SENTENCE = "spine a-s1: l40sx8 full 18:00 to 21:30; decode of chat-1 limited by it"


@pytest.fixture
def plan_json(tmp_path: Path) -> Path:
    path = tmp_path / "plan.json"
    path.write_text(plan_text(shown_plan(short=True, limits=[LIMIT])), encoding="utf-8")
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
    assert "h100x8 in a-s1" in out


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
