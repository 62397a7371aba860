"""How a plan is solved: `--trace-solve`, `--solver` and the hidden `--method`."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import COMMAND, Run
from tests.scenario_files import ScenarioFiles

QUICKSTART = Path(__file__).resolve().parents[2] / "scenarios" / "quickstart"

Line = dict[str, Any]


def lines(path: str | Path) -> list[Line]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_the_trace_ends_with_the_plan(files: ScenarioFiles, run: Run) -> None:
    """One prefill and one decode replica all day: 8 GPUs x 2 h x 2.50 USD = 40 USD."""
    ended = run("plan", ".", "--json", "--trace-solve", "trace.jsonl")
    assert (ended.code, ended.err) == (0, "")
    solver = json.loads(ended.out)["solver"]
    seen = lines("trace.jsonl")
    assert [list(line) for line in seen] == [["seconds", "incumbent", "bound"]] * len(seen)
    assert (seen[-1]["incumbent"], seen[-1]["bound"]) == (40.0, pytest.approx(solver["bound"]))
    assert seen == sorted(seen, key=lambda line: line["seconds"])


def test_a_plan_that_leaves_demand_unserved_is_no_incumbent(files: ScenarioFiles, run: Run) -> None:
    """30 requests/s of which 20 can be served."""
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,30\n"
    files.write()
    assert run("plan", ".", "--trace-solve", "trace.jsonl").code == 1
    assert {line["incumbent"] for line in lines("trace.jsonl")} == {None}


def test_a_trace_may_stand_beside_the_plan(files: ScenarioFiles, run: Run) -> None:
    assert run("plan", ".", "--out", "new", "--trace-solve", "new/trace.jsonl").code == 0
    assert {path.name for path in Path("new").iterdir()} >= {"plan.json", "trace.jsonl"}


def test_the_trace_of_a_run_that_is_killed_is_whole_lines(tmp_path: Path) -> None:
    """A gap of 0 takes longer than the first lines; they are there while it runs."""
    trace = tmp_path / "trace.jsonl"
    process = subprocess.Popen(
        [*COMMAND, "plan", str(QUICKSTART), "--gap", "0", "--trace-solve", str(trace)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None and not (trace.exists() and len(lines(trace)) > 1):
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert trace.read_text().endswith("}\n")
    assert len(lines(trace)) > 1


def test_a_terminal_changes_nothing_in_the_trace(files: ScenarioFiles) -> None:
    """Progress is drawn on the one, the same figures stand in the other."""
    ours, theirs = os.openpty()
    done = subprocess.run(
        [*COMMAND, "plan", ".", "--json", "--trace-solve", "trace.jsonl"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=files.folder,
        env={**os.environ, "TERM": "xterm"},
        timeout=60,
        check=True,
    )
    os.close(theirs)
    drawn = os.read(ours, 100_000)
    os.close(ours)
    assert b"Solving" in drawn
    assert lines(files.folder / "trace.jsonl")[-1]["incumbent"] == 40.0
    assert json.loads(done.stdout)["covered"] is True


def test_a_trace_that_cannot_be_written_is_told_before_the_solve(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heteroplan.planning.make_plan", None)
    (files.folder / "folder").mkdir()
    for name, reason in (
        ("absent/trace.jsonl", "No such file or directory"),
        ("folder", "Is a directory"),
    ):
        ended = run("plan", ".", "--trace-solve", name)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err == f"Error: {name}: cannot be written: {reason}\n"
    ended = run("plan", ".", "--trace-solve", "")
    assert ended.code == 2
    assert "the name is empty; name a file" in ended.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_a_trace_that_takes_no_more_costs_no_plan(files: ScenarioFiles, run: Run) -> None:
    ended = run("plan", ".", "--trace-solve", "/dev/full")
    assert ended.code == 2
    assert "Covered" in ended.out
    assert ended.err == "Error: /dev/full: cannot be written: No space left on device\n"


def test_the_method_is_hidden_and_gives_the_same_optimum(files: ScenarioFiles, run: Run) -> None:
    assert "--method" not in run("plan", "--help").out
    ended = run("plan", ".", "--json", "--gap", "0", "--method", "mip", "--placement", "--out", ".")
    document = json.loads(ended.out)
    assert ended.code == 0
    assert document["solver"]["objective"] == 40.0
    assert document["solver"]["termination"] == "optimal"
    assert Path("placement.csv").read_text().count("\n") > 1


def test_an_unknown_method_ends_with_2(files: ScenarioFiles, run: Run) -> None:
    ended = run("plan", ".", "--method", "guess")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "Error: unknown method 'guess'; known are auto, mip\n"


@pytest.mark.parametrize("name", ["HiGHS", "highs"])
def test_the_default_solver_may_be_named(files: ScenarioFiles, run: Run, name: str) -> None:
    assert run("plan", ".", "--solver", name).code == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("highest", "PuLP knows no such solver"),
        ("choco_cmd", "not installed here, or without a licence"),
    ],
)
def test_a_solver_that_is_not_there_ends_with_2_before_anything_is_written(
    files: ScenarioFiles, run: Run, name: str, reason: str
) -> None:
    ended = run("plan", ".", "--solver", name, "--out", "out", "--trace-solve", "trace.jsonl")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"Error: --solver {name}: {reason}; available are ")
    assert "HiGHS" in ended.err
    assert not Path("out").exists()
    assert not Path("trace.jsonl").exists()
