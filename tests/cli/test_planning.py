"""`plan`, `check`, `validate`, `export` and `schema`.

The scenario of `tests.scenario_files`: 16 GPUs, replicas of 4 GPUs that serve 10 requests/s, so at
most two prefill and two decode replicas: 20 requests/s. Demand is 5, then 8 requests/s.
"""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from heteroplan.cli.interrupts import Interrupt
from heteroplan.entities.plan import Plan
from heteroplan.errors import NoPlanError, PlanViolationError
from tests.cli.conftest import COMMAND, Run
from tests.scenario_files import ScenarioFiles, engine

SCENARIOS = Path(__file__).resolve().parents[2] / "scenarios"
WRITTEN = ["plan.json", "report.html", "schedule.csv"]


def stable(plan: str) -> str:
    """plan.json without its only volatile field."""
    document = json.loads(plan)
    del document["solver"]["seconds"]
    return json.dumps(document)


def test_a_covered_plan_ends_with_0(files: ScenarioFiles, run: Run) -> None:
    """One prefill and one decode replica all day: 8 GPUs x 2 h x 2.50 USD = 40 USD."""
    ended = run("plan", ".")
    assert (ended.code, ended.err) == (0, "")
    assert "Covered: every request of the forecast is served." in ended.out
    assert "16.0" in ended.out
    assert "40.00" in ended.out


def test_demand_that_is_not_covered_ends_with_1(files: ScenarioFiles, run: Run) -> None:
    """30 requests/s of which 20 are served: 10 go short in the second hour."""
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,30\n"
    files.write()
    ended = run("plan", ".")
    assert ended.code == 1
    assert "Not covered" in ended.out
    assert "up to 10 requests/s" in " ".join(ended.out.split())


def test_input_problems_end_with_2_all_of_them_on_stderr(files: ScenarioFiles, run: Run) -> None:
    files.workload["priority"] = 0
    files.fleet["node_types"][0]["gpus"] = "eight"
    files.write()
    ended = run("plan", ".")
    assert (ended.code, ended.out) == (2, "")
    assert "workloads[0].priority: 0" in ended.err
    assert "node_types[0].gpus: eight" in ended.err


def test_no_plan_ends_with_3(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing(*args: Any, **kwargs: Any) -> None:
        raise NoPlanError("no plan was found within the time limit; raise --time-limit")

    monkeypatch.setattr("heteroplan.planning.make_plan", nothing)
    ended = run("plan", ".")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "Error: no plan was found within the time limit; raise --time-limit\n"


def test_a_plan_that_breaks_its_inputs_is_a_bug(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(*args: Any, **kwargs: Any) -> None:
        raise PlanViolationError("supply of h100x8 in s1 exceeded")

    monkeypatch.setattr("heteroplan.planning.make_plan", wrong)
    ended = run("plan", ".")
    assert ended.code == 70
    assert "Traceback" in ended.err
    assert "supply of h100x8 in s1 exceeded" in ended.err
    assert "bug in heteroplan" in ended.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gap", "150%"], "--gap 1.5: write a share between 0 and 1; 1 % is 0.01"),
        (["--gap", "nan"], "'nan' is not a number; write 0.01 for 1 %"),
        (["--time-limit", "0"], "--time-limit 0: write seconds, more than 0"),
        (["--interval", "7"], "--interval"),
        (["--out", ""], "the name is empty; name a folder"),
        (["--time-limit", "5s"], "'5s' is not a number; write seconds without a unit"),
        (["--set", "horizon.interval=30"], "--set: horizon.interval: 30: has no unit; write 30min"),
        (["--set", "horizon.interval"], "not PATH=VALUE"),
        (["--set", "workloads.chat.slo.ttft=1"], "workloads[0].slo.ttft"),
        (["--colour"], "No such option: --colour"),
    ],
)
def test_wrong_options_end_with_2_and_say_why(
    files: ScenarioFiles, run: Run, options: list[str], message: str
) -> None:
    ended = run("plan", ".", *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_overrides_are_planned(files: ScenarioFiles, run: Run) -> None:
    """Headroom 1.0 doubles the demand to 10 and 16: two pairs in the second hour, 24 GPU-hours."""
    ended = run("plan", ".", "--json", "--set", "workloads.chat.headroom=1.0")
    document = json.loads(ended.out)
    assert document["workloads"][0]["demand_rps"] == [10, 16]
    assert document["totals"]["gpu_hours"] == 24


def test_interval_is_that_of_the_plan(files: ScenarioFiles, run: Run) -> None:
    ended = run("plan", ".", "--json", "--interval", "30min", "--set", "horizon.intervals=4")
    assert json.loads(ended.out)["horizon"]["interval_s"] == 1800


def test_out_writes_three_files_and_makes_the_folder(files: ScenarioFiles, run: Run) -> None:
    ended = run("plan", ".", "--out", "new/folder")
    assert ended.code == 0
    assert sorted(path.name for path in Path("new/folder").iterdir()) == WRITTEN
    names = ", ".join(f"new/folder/{name}" for name in ("plan.json", "schedule.csv", "report.html"))
    assert ended.err == f"Wrote {names}.\n"
    rows = list(csv.DictReader(io.StringIO(Path("new/folder/schedule.csv").read_text())))
    assert [row["replicas"] for row in rows] == ["1"] * 4
    assert "Covered" in ended.out


def test_json_is_json_and_nothing_else(apart: Run) -> None:
    """In a process of its own: HiGHS prints a banner past Python.

    The mean of Figure 5 is 48 % of its peak, so no scaling saves more than 52 % of a static peak;
    whole replicas cost some of it.
    """
    ended = apart(["plan", "heteroscale-day", "--json"], cwd=SCENARIOS)
    assert (ended.code, ended.err) == (0, "")
    document = json.loads(ended.out)
    assert document["covered"] is True
    assert 0.47 < document["savings"]["static_peak"]["saved_fraction"] < 0.52


def test_two_runs_are_alike_but_for_the_seconds(files: ScenarioFiles, run: Run, apart: Run) -> None:
    first = run("plan", ".", "--json", "--out", "out").out
    assert stable(first) == stable(Path("out/plan.json").read_text())
    assert stable(first) == stable(apart(["plan", ".", "--json"], cwd=files.folder).out)


def test_scenario_comes_from_standard_input(files: ScenarioFiles, apart: Run) -> None:
    text = (files.folder / "scenario.yaml").read_text()
    ended = apart(["plan", "-", "--json"], cwd=files.folder, stdin=text)
    assert ended.code == 0
    assert json.loads(ended.out)["scenario"] == "small"


def has_plan(course: Path) -> bool:
    """Whether the course of a solve holds a plan yet; its last line may still be coming."""
    text = course.read_text() if course.exists() else ""
    return any('"incumbent": null' not in line for line in text.splitlines()[:-1])


def test_an_interrupt_writes_the_best_plan_so_far(tmp_path: Path) -> None:
    """Pressed once there is a plan; the gap asked for takes longer."""
    course = tmp_path / "course.jsonl"
    process = subprocess.Popen(
        [
            *(*COMMAND, "plan", str(SCENARIOS / "quickstart"), "--gap", "0", "--out", "out"),
            *("--trace-solve", str(course)),
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and not has_plan(course):
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.startswith("Interrupted: ending with the best plan so far.")
    assert "interrupted, best plan so far" in out.replace("\n", " ")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == WRITTEN
    document = json.loads((tmp_path / "out" / "plan.json").read_text())
    assert document["solver"]["termination"] == "interrupted"


def test_an_interrupt_before_the_first_plan_ends_with_130(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: Any, stop: Interrupt, **kwargs: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        assert stop()
        raise NoPlanError("no plan was found")

    monkeypatch.setattr("heteroplan.planning.make_plan", stopped)
    ended = run("plan", ".")
    assert (ended.code, ended.out) == (130, "")
    assert ended.err.endswith("There is no plan yet.\n")


def test_an_interrupt_outside_a_solve_ends_with_130(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: Any, **kwargs: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("heteroplan.inputs.load", interrupted)
    assert run("validate", ".").code == 130


def test_a_folder_that_takes_no_file_is_told_before_the_solve(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permission bits do not bind root, so a file stands where the folder should be."""
    monkeypatch.setattr("heteroplan.planning.make_plan", None)
    (files.folder / "taken").write_text("")
    for out in ("taken", "taken/below", "/proc/heteroplan"):
        ended = run("plan", ".", "--out", out)
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith(f"Error: {out}: cannot be written: ")


def test_a_disk_that_fills_up_leaves_no_file_and_the_plan_on_stdout(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    ended = run("plan", ".", "--out", "out")
    assert ended.code == 2
    assert "cannot be written: No space left on device" in ended.err
    assert "Covered" in ended.out
    assert list(Path("out").iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize("args", [["plan", ".", "--json"], ["plan", "."], ["--help"]])
def test_a_full_standard_output_is_told(files: ScenarioFiles, run: Run, args: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = run(*args, stdout=full)
    assert ended.code == 2
    assert ended.err == "Error: standard output: cannot be written: No space left on device\n"


def test_a_reader_that_leaves_is_no_error(files: ScenarioFiles) -> None:
    process = subprocess.Popen(
        [*COMMAND, "plan", "."],
        cwd=files.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.wait(timeout=60) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()


def too_small(folder: Path) -> None:
    """A scenario of which 10 requests/s go short."""
    folder.mkdir()
    made = ScenarioFiles(folder)
    made.scenario["name"] = "too-small"
    made.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,30\n"
    made.write()


def test_check_passes_what_is_covered(files: ScenarioFiles, run: Run) -> None:
    ended = run("check", ".")
    assert ended.code == 0
    assert "covered" in ended.out


def test_check_ends_with_1_when_one_scenario_is_not_covered(files: ScenarioFiles, run: Run) -> None:
    too_small(files.folder / "small")
    ended = run("check", ".", "small", "--jobs", "1")
    assert ended.code == 1
    assert "too-small  not covered" in ended.out


def test_check_goes_on_after_wrong_input_and_ends_with_2(files: ScenarioFiles, run: Run) -> None:
    too_small(files.folder / "small")
    ended = run("check", "absent", "small", ".", "--format", "json")
    rows = json.loads(ended.out)
    assert ended.code == 2
    assert [row["verdict"] for row in rows] == ["error", "not covered", "covered"]
    assert rows[0]["error"] == "absent: no such file"


def test_headroom_is_the_growth_of_all_demand_that_still_fits(
    files: ScenarioFiles, run: Run
) -> None:
    """20 requests/s fit and 8 are asked for at the peak: 20 / 8 - 1 = 150 % is the headroom.

    What is shown is a lower limit, known to 1 % of 20 requests/s: 0.025 of the demand.
    """
    (row,) = json.loads(run("check", ".", "--min-headroom", "1.5", "--format", "json").out)
    assert (row["passed"], row["headroom"], row["headroom_is_lower_limit"]) == (True, 1.5, True)
    for asked in ("1.51", "1.6", "400%", "10000%"):
        ended = run("check", ".", "--min-headroom", asked, "--format", "json")
        (row,) = json.loads(ended.out)
        assert (ended.code, row["verdict"]) == (1, "headroom")
        assert 1.474 <= row["headroom"] <= 1.5


def test_growth_without_a_plan_is_undecided_rather_than_an_error(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scenario itself is planned and covered; then the solver finds nothing."""
    from heteroplan.planning import make_plan

    def once(*args: Any, **kwargs: Any) -> Plan:
        monkeypatch.setattr("heteroplan.planning.make_plan", nothing)
        return make_plan(*args, **kwargs)

    def nothing(*args: Any, **kwargs: Any) -> None:
        raise NoPlanError("no plan was found")

    monkeypatch.setattr("heteroplan.planning.make_plan", once)
    ended = run("check", ".", "--min-headroom", "0.1", "--format", "json")
    (row,) = json.loads(ended.out)
    assert (ended.code, row["verdict"], row["headroom"]) == (3, "undecided", 0)


def test_what_is_short_without_a_proof_is_undecided(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan is written; of several scenarios 2 comes before 1 before 3."""
    from heteroplan.planning import make_plan

    def unproven(*args: Any, **kwargs: Any) -> Plan:
        made = make_plan(*args, **kwargs)
        return replace(made, report=replace(made.report, unserved_requests_bound=0.0))

    too_small(files.folder / "small")
    assert run("check", "small").code == 1
    monkeypatch.setattr("heteroplan.planning.make_plan", unproven)
    ended = run("plan", "small", "--out", "made")
    assert ended.code == 3
    assert ended.out.splitlines()[1].startswith("Undecided: at most 28.6 % of requests unserved")
    assert json.loads(Path("made/plan.json").read_text())["covered"] is False
    assert run("check", "small", ".", "--jobs", "1").code == 3
    assert run("check", "small", "absent", "--jobs", "1").code == 2


def test_a_headroom_that_is_not_asked_for_is_not_shown_as_none(
    files: ScenarioFiles, run: Run
) -> None:
    assert "not asked" in run("check", ".").out
    assert "at least 100.0 %" in run("check", ".", "--min-headroom", "1").out
    (row,) = json.loads(run("check", ".", "--format", "json").out)
    assert (row["headroom"], row["headroom_is_lower_limit"]) == (None, False)


def test_errors_stand_in_full_below_the_table(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However narrow the terminal is."""
    files.workload |= {"priority": 0, "affinity": "rack"}
    files.write()
    monkeypatch.setenv("COLUMNS", "40")
    ended = run("check", ".", "absent", "--jobs", "1")
    assert ended.code == 2
    heading, *problems = ended.out.split("\n\n", 1)[1].splitlines()
    assert heading == ".:"
    assert problems[0].endswith("priority: 0: must be at least 1 (1 is served first)")
    assert problems[1].endswith("affinity: rack: must be 'leaf', 'spine' or 'cluster'")
    assert problems[-2:] == ["absent:", "absent: no such file"]


def test_github_annotates_each_input_problem_at_its_line(files: ScenarioFiles, run: Run) -> None:
    files.workload["priority"] = 0
    files.write()
    lines = (files.folder / "scenario.yaml").read_text().splitlines()
    at = next(i for i, line in enumerate(lines, 1) if "priority: 0" in line)
    ended = run("check", ".", "--format", "github", "--set", "workloads[0].affinity=rack")
    assert sorted(line.split("title")[0] for line in ended.out.splitlines()) == [
        "::error file=scenario.yaml,",
        f"::error file=scenario.yaml,line={at},",
    ]


def test_check_writes_junit_and_github_annotations(files: ScenarioFiles, run: Run) -> None:
    too_small(files.folder / "small")
    ended = run("check", ".", "small", "--junit", "junit.xml", "--format", "github", "--jobs", "1")
    assert ended.out.startswith("::notice file=scenario.yaml,title=small%3A covered::")
    assert "::error file=small/scenario.yaml,title=too-small%3A not covered::" in ended.out
    suite = ElementTree.parse("junit.xml").getroot()[0]
    assert [case.get("name") for case in suite] == [
        "small (scenario.yaml)",
        "too-small (small/scenario.yaml)",
    ]
    assert all(float(case.get("time", 0)) > 0 for case in suite)
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")


@pytest.mark.parametrize("name", ["absent/junit.xml", "folder"])
def test_check_does_not_begin_where_junit_cannot_be_written(
    files: ScenarioFiles, run: Run, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("folder").mkdir()
    monkeypatch.setattr("heteroplan.pipelines.check.check", None)
    ended = run("check", ".", "--junit", name)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"Error: {name}: cannot be written: ")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
def test_check_shows_what_it_found_where_junit_cannot_be_written_in_the_end(
    files: ScenarioFiles, run: Run
) -> None:
    ended = run("check", ".", "--junit", "/dev/full")
    assert ended.code == 2
    assert "covered" in ended.out
    assert ended.err == "Error: /dev/full: cannot be written: No space left on device\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--format", "xml"], "unknown check format 'xml'; known are text, json, github, markdown"),
        (["--min-headroom", "-0.1"], "'--min-headroom': -0.1 is too small; write 0 or more"),
        (["--min-headroom", "10001%"], "--min-headroom 100.01: write a share from 0 to 100"),
        (["--min-headroom", "much"], "'much' is not a number; write 0.1 for 10 %"),
        (["--junit", ""], "the name is empty; name a file"),
        (["--time-limit", "nan"], "'nan' is not a number; write seconds without a unit"),
    ],
)
def test_wrong_check_options_end_with_2(
    files: ScenarioFiles, run: Run, options: list[str], message: str
) -> None:
    ended = run("check", ".", *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_validate_shows_what_a_scenario_holds(files: ScenarioFiles, run: Run) -> None:
    ended = run("validate", ".")
    assert ended.code == 0
    words = [line.split() for line in ended.out.splitlines()]
    assert ["chat", "llama", "8", "6.5", "1", "spine"] in words
    assert ["chat", "p", "h100x8", "4", "10", "given"] in words
    assert ["h100x8", "H100-SXM-80GB", "2", "16", "2.50"] in words


def test_validate_says_why_an_engine_serves_nothing(files: ScenarioFiles, run: Run) -> None:
    """Prefill in 2,000 ms cannot keep a TTFT of 1,000 ms; the other engine still can."""
    slow = engine("slow", "prefill", capacity_rps=None)
    slow["prefill"] = {"overhead_ms": 2000, "ms_per_token": 0}
    files.profile["engines"].append(slow)
    files.write()
    ended = run("validate", ".")
    assert ended.code == 0
    (line,) = [line.split() for line in ended.out.splitlines() if line.split()[:1] == ["slow"]]
    assert line[:7] == ["slow", "h100x8", "4", "0", "prefill", "takes", "2000"]


def test_a_file_of_another_kind_is_named_in_one_line(files: ScenarioFiles, run: Run) -> None:
    run("plan", ".", "--out", "out")
    for file, kind in (("fleet.yaml", "fleet"), ("profile.yaml", "profile"),
                       ("out/plan.json", "plan")):  # fmt: skip
        ended = run("plan", file)
        assert ended.code == 2
        assert ended.err == (
            f"Error: {file}: this looks like a {kind} file; name a scenario file instead\n"
        )


def test_validate_names_every_problem(files: ScenarioFiles, run: Run) -> None:
    files.workload["affinity"] = "rack"
    files.profile["engines"][0]["gpus"] = 0
    files.write()
    ended = run("validate", ".")
    assert (ended.code, ended.out) == (2, "")
    assert "workloads[0].affinity: rack" in ended.err
    assert "engines[0].gpus: 0" in ended.err


@pytest.mark.parametrize("name", sorted(path.name for path in SCENARIOS.iterdir()))
def test_shipped_scenarios_are_valid(run: Run, name: str) -> None:
    ended = run("validate", str(SCENARIOS / name))
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"{name}  2026-11-23 00:00")
    assert (SCENARIOS / name / "scenario.yaml").read_text().startswith("# ")


def test_the_shortage_scenario_explains_itself(run: Run) -> None:
    """Priority 1 is served in full; priority 2 goes short around the peak."""
    ended = run("plan", str(SCENARIOS / "shortage"), "--time-limit", "2", "--json")
    document = json.loads(ended.out)
    assert ended.code == 1
    assert {shortage["workload"] for shortage in document["shortages"]} == {"code-70b"}
    assert all("h100x8" in shortage["limited_by"] for shortage in document["shortages"])


def test_export_reads_a_file_or_standard_input(files: ScenarioFiles, run: Run) -> None:
    run("plan", ".", "--out", "out")
    from_file = run("export", "out/plan.json", "--format", "csv")
    assert from_file.code == 0
    assert from_file.out == (files.folder / "out" / "schedule.csv").read_text()
    text = (files.folder / "out" / "plan.json").read_text()
    assert run("export", "-", "--format", "csv", stdin=text).out == from_file.out


def test_export_takes_the_clusters_words(files: ScenarioFiles, run: Run) -> None:
    run("plan", ".", "--out", "out")
    ended = run(
        "export", "out/plan.json", "--format", "keda", "--out", "keda.yaml", "--target-kind",
        "StatefulSet", "--namespace", "llm", "--name-template", "{workload}-{role}",
    )  # fmt: skip
    assert (ended.code, ended.out) == (0, "")
    documents = list(yaml.safe_load_all((files.folder / "keda.yaml").read_text()))
    assert {each["spec"]["scaleTargetRef"]["name"] for each in documents} == {
        "chat-prefill",
        "chat-decode",
    }
    assert all(each["spec"]["scaleTargetRef"]["kind"] == "StatefulSet" for each in documents)
    assert all(each["metadata"]["namespace"] == "llm" for each in documents)


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (
            ["plan.json", "--format", "cron"],
            "known are aibrix, cronhpa, crontab, csv",
        ),
        (["plan.json", "--format", "httproute", "--port", "0"], "--port"),
        (["plan.json", "--format", "envoy", "--at", ""], "plan.json"),
        (["absent.json", "--format", "csv"], "absent.json: no such file"),
        (["plan.json"], "Missing option '--format'"),
        (["plan.json", "--format", "csv", "--target-kind", "a b"], "--target-kind 'a b'"),
        (["plan.json", "--format", "keda", "--namespace", "Bad NS"], "--namespace 'Bad NS'"),
        (["plan.json", "--format", "csv", "--out", ""], "the name is empty; name a file"),
    ],
)
def test_wrong_exports_end_with_2(
    files: ScenarioFiles, run: Run, args: list[str], message: str
) -> None:
    (files.folder / "plan.json").write_text("{}")
    ended = run("export", *args)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


@pytest.mark.parametrize("kind", ["scenario", "fleet", "profile", "targets", "plan", "replay"])
def test_schema_is_json_schema(run: Run, kind: str) -> None:
    document = json.loads(run("schema", kind).out)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert document["type"] == "object"


def test_unknown_schema_ends_with_2(run: Run) -> None:
    ended = run("schema", "demand")
    assert ended.code == 2
    assert "known are scenario, fleet, profile, targets, offers, sweep-study, plan" in ended.err


def test_plan_imports_nothing_it_does_not_need(files: ScenarioFiles) -> None:
    """pandas, scipy and plotly take a second together; none is needed to plan and print.

    Of scipy numba takes `linalg`; compiling the search may be told on standard error.
    """
    script = (
        "import sys; sys.argv = ['heteroplan', 'plan', '.']\n"
        "from heteroplan.cli import main\n"
        "try: main()\n"
        "finally:\n"
        "    unwanted = {'pandas', 'scipy.optimize', 'scipy.sparse', 'plotly'}\n"
        "    print(unwanted & set(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=files.folder, capture_output=True, text=True, check=True
    )
    assert done.stderr.splitlines()[-1] == "set()"


def test_plan_ends_with_what_changes_and_what_to_do_next(files: ScenarioFiles, run: Run) -> None:
    """Two decode replicas run, of which one stays; a prefill replica comes."""
    files.scenario["horizon"]["cyclic"] = False
    files.write()
    rows = "workload,engine,replica_id,leaf\nchat,d,1,l1\nchat,d,2,l1\n"
    Path("now.csv").write_text(rows, encoding="utf-8")
    ended = run("plan", ".", "--current", "now.csv", "--out", "made")
    lines = ended.out.splitlines()
    assert [line.split() for line in lines[-7:-4]] == [
        ["workload", "role", "engine", "node", "type", "domain", "replicas"],
        ["+", "chat", "prefill", "p", "h100x8", "s1", "0", "->", "1"],
        ["~", "chat", "decode", "d", "h100x8", "s1", "2", "->", "1"],
    ]
    assert lines[-1] == ("Next: heteroplan export made/plan.json --format keda --current now.csv")
    assert run(*lines[-1].split()[2:]).code == 0
    assert "Next:" not in run("plan", ".").out
    assert "Change at" not in run("plan", ".").out
