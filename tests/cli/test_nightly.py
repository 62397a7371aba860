"""`nightly`: nights in a row on the small scenario of `tests.scenario_files`, at given moments.

Demand is 5 requests/s by night and 8 by day: one prefill and one decode replica of 4 GPUs each
serve it, 8 GPUs x 24 h x 2.50 USD = 480 USD a day.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

import heteroplan
from heteroplan.cli.interrupts import Interrupt
from heteroplan.errors import PlanViolationError, UsageError
from heteroplan.outputs.plan.export_summary import ExportSummary, TargetDeviation
from heteroplan.pipelines.export import Exported
from tests.cli.conftest import COMMAND, Run
from tests.scenario_files import ScenarioFiles

FIRST = datetime(2026, 11, 23, tzinfo=UTC)
WRITTEN = {
    "plan.json", "schedule.csv", "report.html", "placement.csv", "keda.yaml", "summary.md",
    "nightly.json",
}  # fmt: skip

At = Callable[[str], None]


def demand(peaks: list[float]) -> str:
    """5 requests/s but for the hour from 12:00 on of each day."""
    rows = [
        f"{(FIRST + timedelta(days=day, hours=hour)).isoformat()},{peak if hour == 12 else 5}\n"
        for day, peak in enumerate(peaks)
        for hour in range(24)
    ]
    return "interval_start,rps\n" + "".join(rows)


@pytest.fixture
def nights(files: ScenarioFiles) -> ScenarioFiles:
    """Days from Monday 23 November on, of which tomorrow is planned."""
    files.scenario["horizon"] = {"start": "tomorrow", "days": 1, "interval": "1h"}
    files.demand = demand([8, 8, 18, 8, 8])
    files.write()
    return files


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Sets the present moment."""

    def set_now(moment: str) -> None:
        found = datetime.fromisoformat(moment).replace(tzinfo=UTC)
        monkeypatch.setattr("heteroplan.inputs.scenario.now", lambda: found)
        monkeypatch.setattr("heteroplan.pipelines.nightly.now", lambda: found)

    return set_now


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def in_force(folder: Path) -> str:
    return (folder / "current").readlink().name


def plan_of(night: Path) -> Any:
    return json.loads((night / "plan.json").read_text())


def test_nights_in_a_row_go_on_from_each_other(nights: ScenarioFiles, run: Run, at: At) -> None:
    """The third day has a peak of 18: two pairs in that hour, and only then."""
    out = nights.folder / "out"
    at("2026-11-22T20:00")
    ended = run("nightly", ".", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    assert names(out) == {".lock", "2026-11-23", "current"}
    assert names(out / "2026-11-23") == WRITTEN
    assert in_force(out) == "2026-11-23"
    assert ended.out == (out / "current" / "summary.md").read_text()
    assert "480.00 USD, 192.0 GPU-hours, peak 8 GPUs" in ended.out
    kinds = {each["kind"] for each in yaml.safe_load_all((out / "current/keda.yaml").read_text())}
    assert kinds == {"ScaledObject"}

    at("2026-11-23T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    at("2026-11-24T20:00")
    ended = run("nightly", ".", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    assert in_force(out) == "2026-11-25"
    third = plan_of(out / "2026-11-25")
    assert third["horizon"]["start"] == "2026-11-25T00:00:00+00:00"
    assert len(third["inputs"]["current"]) == 2
    assert third["horizon"]["cyclic"] is False
    assert "peak 16 GPUs (+8) against the plan before, from 2026-11-24 00:00 on" in ended.out
    record = json.loads((out / "2026-11-25/nightly.json").read_text())
    assert record["previous"] == "2026-11-24"


def test_the_plan_can_be_made_again_from_what_is_kept(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """As `plan` makes it with the date, and with current.csv: byte for byte but for the seconds."""
    for moment in ("2026-11-22T20:00", "2026-11-23T20:00"):
        at(moment)
        assert run("nightly", ".", "--out", "out").code == 0
    at("2031-01-01T00:00")
    night = nights.folder / "out/2026-11-24"
    running = str(night / "current.csv")
    run("plan", ".", "--set", "horizon.start=2026-11-24", "--current", running, "--out", "again")
    one, two = plan_of(night), plan_of(nights.folder / "again")
    assert one.pop("solver")["bound"] == two.pop("solver")["bound"]
    assert one == two


def test_a_day_that_is_not_covered_leaves_the_last_schedule_in_force(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """30 requests/s of which 20 are served: 10 x 3600 of (23 x 5 + 30) x 3600 requests, 6.9 %."""
    out = nights.folder / "out"
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    nights.demand = demand([8, 30])
    nights.write()
    at("2026-11-23T20:00")
    ended = run("nightly", ".", "--out", "out")
    assert ended.code == 1
    assert "Not in force, the schedule of 2026-11-23 stays in force: Not covered" in ended.out
    assert ended.out.count("Not covered") == 1
    assert "\nSolver: " in ended.out
    assert ended.err == "Not in force. What was planned is in out/failed.\n"
    assert names(out) == {".lock", "2026-11-23", "current", "failed"}
    assert names(out / "failed") == WRITTEN | {"current.csv"}
    assert in_force(out) == "2026-11-23"

    ended = run("nightly", ".", "--out", "out", "--max-unserved", "7%")
    assert ended.code == 0
    assert in_force(out) == "2026-11-24"
    assert "short of 36,000 requests: chat 2026" in ended.out.replace("chat 12:00", "chat 2026")


def test_wrong_input_leaves_the_last_schedule_and_says_so_in_the_summary(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    out = nights.folder / "out"
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    nights.workload["priority"] = 0
    nights.demand = demand([8])
    nights.write()
    at("2026-11-23T20:00")
    ended = run("nightly", ".", "--out", "out")
    assert (ended.code, ended.out) == (2, "")
    assert "workloads[0].priority: 0" in ended.err
    assert names(out) == {".lock", "2026-11-23", "current", "failed"}
    text = (out / "failed/summary.md").read_text()
    assert text.startswith("**.: no plan**\n\nNot in force, the schedule of 2026-11-23 stays in")
    assert "workloads[0].priority: 0" in text


def test_all_problems_are_told_at_once_also_those_of_demand(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    at("2026-11-22T20:00")
    nights.workload["priority"] = 0
    nights.demand = demand([8]).replace(",8\n", ",many\n")
    nights.write()
    err = run("nightly", ".", "--out", "out").err
    assert "workloads[0].priority: 0" in err
    assert "demand.csv:14: rps: many" in err


@pytest.mark.slow
def test_a_second_plan_of_a_day_goes_on_from_the_day_before_and_can_be_rolled_back(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """The first night repeats every day, for nothing is known of what ran before; others end."""
    out = nights.folder / "out"
    for moment in ("2026-11-22T20:00", "2026-11-23T20:00", "2026-11-24T20:00", "2026-11-24T22:00"):
        at(moment)
        assert run("nightly", ".", "--out", "out").code == 0
    assert in_force(out) == "2026-11-25-2"
    assert plan_of(out / "2026-11-25-2")["pools"] == plan_of(out / "2026-11-25")["pools"]

    for moment, again, instead, told in (
        ("2026-11-24T23:00", "2026-11-25", "2026-11-25-2", ""),
        ("2026-11-25T09:00", "2026-11-24", "2026-11-25",
         "It ended at 2026-11-25T00:00+00:00: plan today anew instead (--set horizon.start=today)."
         "\n"),
        ("2026-11-25T09:00", "2026-11-23", "2026-11-24", ""),
    ):  # fmt: skip
        at(moment)
        ended = run("nightly", "--rollback", "--out", "out")
        assert (ended.code, in_force(out)) == (0, again)
        assert ended.out == f"In force: {again}, instead of {instead}.\n"
        applied = f"Apply {again} to the cluster: its files are in out/current.\n"
        assert ended.err == applied + told
    ended = run("nightly", "--rollback", "--out", "out")
    assert (ended.code, in_force(out)) == (2, "2026-11-23")
    assert "there was none" in ended.err


@pytest.mark.slow
def test_old_nights_go_but_not_the_one_before(nights: ScenarioFiles, run: Run, at: At) -> None:
    out = nights.folder / "out"
    for day in (22, 23, 24, 25):
        at(f"2026-11-{day}T20:00")
        ended = run("nightly", ".", "--out", "out", "--keep", "2")
        assert ended.code == 0
    assert names(out) == {".lock", "2026-11-24", "2026-11-25", "2026-11-26", "current"}
    assert ended.err == "Removed of the old nights: 2026-11-23.\n"
    assert run("nightly", ".", "--out", "out", "--keep", "0").code == 2


def test_a_dry_run_keeps_nothing(nights: ScenarioFiles, run: Run, at: At) -> None:
    at("2026-11-22T20:00")
    ended = run("nightly", ".", "--out", "out", "--dry-run", "--metrics", "nightly.prom")
    assert ended.code == 0
    assert "480.00 USD" in ended.out
    assert names(nights.folder / "out") == {".lock"}
    assert not (nights.folder / "nightly.prom").exists()


def test_another_run_holds_the_lock_as_long_as_it_lives(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """A process that sleeps with the lock; killed, it leaves none, though its name stays."""
    at("2026-11-22T20:00")
    script = (
        "import sys, time; from pathlib import Path\n"
        "from heteroplan.outputs.nightly.shelf import Shelf\n"
        "with Shelf(Path('out')).locked(): print('in', flush=True); time.sleep(600)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=nights.folder
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        ended = run("nightly", ".", "--out", "out")
        assert (ended.code, ended.out) == (75, "")
        assert f"out/.lock: another run is at work (process {other.pid} on " in ended.err
        other.kill()
    assert run("nightly", ".", "--out", "out").code == 0


def test_a_killed_run_leaves_what_the_next_one_removes(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """As if it had died with everything written but `current` not switched."""
    out = nights.folder / "out"
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    (out / ".work-0123abcd.tmp").mkdir()
    (out / ".work-0123abcd.tmp" / "plan.json").write_text("{")
    (out / ".current-0123abcd.tmp").symlink_to("2026-11-24")
    (out / "notes.txt").write_text("mine")
    at("2026-11-23T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    assert names(out) == {".lock", "2026-11-23", "2026-11-24", "current", "notes.txt"}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no such kill")
def test_runs_killed_at_any_moment_leave_a_whole_schedule_in_force(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """Runs of one day killed after a part of the time that one takes; then one that ends."""
    out = nights.folder / "out"
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    args = [*COMMAND, "nightly", ".", "--out", "out", "--set", "horizon.start=2026-11-24"]
    began = datetime.now(UTC)
    subprocess.run(args, cwd=nights.folder, check=True, capture_output=True)
    took_s = (datetime.now(UTC) - began).total_seconds()
    for share in (0.6, 0.9, 1.0):
        with subprocess.Popen(args, cwd=nights.folder, stdout=subprocess.DEVNULL) as killed:
            try:
                killed.wait(timeout=share * took_s)
            except subprocess.TimeoutExpired:
                killed.kill()
        assert names(out / "current") >= WRITTEN
        assert plan_of(out / "current")["covered"] is True
    subprocess.run(args, cwd=nights.folder, check=True, capture_output=True)
    assert not [name for name in names(out) if name.endswith(".tmp")]
    assert all(names(night) >= WRITTEN for night in out.glob("2026-*"))


def test_where_links_cannot_be_current_is_a_file(
    nights: ScenarioFiles, run: Run, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*args: Any, **kwargs: Any) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", no_links)
    pointer = nights.folder / "out/current"
    for day in (22, 23):
        at(f"2026-11-{day}T20:00")
        assert run("nightly", ".", "--out", "out").code == 0
        assert pointer.read_text() == f"2026-11-{day + 1}\n"
    assert plan_of(nights.folder / "out/2026-11-24")["inputs"]["current"]


@pytest.mark.parametrize("name", ["../elsewhere", "2026-11-20", "nonsense"])
def test_a_current_that_names_no_night_is_told(
    nights: ScenarioFiles, run: Run, at: At, name: str
) -> None:
    at("2026-11-22T20:00")
    (nights.folder / "out").mkdir()
    (nights.folder / "out/current").symlink_to(name)
    ended = run("nightly", ".", "--out", "out", "--metrics", "m.prom")
    assert ended.code == 2
    assert f"out/current: names '{name}', which is no night of out; let it name one" in ended.err
    assert 'heteroplan_nightly_exit_code{dir="' in (nights.folder / "m.prom").read_text()


def test_workloads_and_nodes_that_are_gone_are_left_out_of_what_runs(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """Code ran beside chat; the next night the scenario does not have it any more."""
    code = nights.workload | {"name": "code"}
    nights.scenario["workloads"] = [nights.workload, code]
    nights.write()
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    nights.scenario["workloads"] = [nights.workload]
    nights.write()
    at("2026-11-23T20:00")
    ended = run("nightly", ".", "--out", "out")
    assert (ended.code, ended.err) == (0, "")
    assert "- 2 of the replicas before are left out: there is no workload code any more" in (
        ended.out
    )
    assert "pools removed: `code prefill p on h100x8 in s1` (up to 1), `code decode d" in ended.out
    assert "0 of " in ended.out.partition("keda.yaml: ")[2].partition(" pool-minutes short")[0]
    assert "No longer planned: Deployment code-prefill-p-s1, 0 replicas from" in ended.out
    assert len(plan_of(nights.folder / "out/2026-11-24")["inputs"]["current"]) == 2


def test_after_nights_without_a_plan_the_last_one_is_taken_to_go_on(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    at("2026-11-25T20:00")
    ended = run("nightly", ".", "--out", "out")
    assert ended.code == 0
    assert "the plan before ended at 2026-11-24 00:00, before this one starts" in ended.out
    assert len(plan_of(nights.folder / "out/2026-11-26")["inputs"]["current"]) == 2


def test_formats_side_by_side_with_targets_of_a_file(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """Those of schedules name the objects of the file and are carried out; others need none."""
    rule = "{preset: leaderworkerset, name: '{workload}-{role}', namespace: serving}"
    (nights.folder / "targets.yaml").write_text(f"targets: [{rule}]\n")
    formats = [f"--format={each}" for each in ("keda", "json", "router", "systemd")]
    for day in (22, 23):
        at(f"2026-11-{day}T20:00")
        ended = run("nightly", ".", "--out", "out", "--targets", "targets.yaml", *formats)
        assert (ended.code, ended.err) == (0, "")
    assert names(nights.folder / "out/current") == WRITTEN | {
        "current.csv", "schedule.json", "router.json", "systemd"
    }  # fmt: skip
    units = names(nights.folder / "out/current/systemd")
    assert {name.rpartition(".")[2] for name in units} == {"timer", "service"}
    objects = list(yaml.safe_load_all((nights.folder / "out/current/keda.yaml").read_text()))
    assert {each["spec"]["scaleTargetRef"]["kind"] for each in objects} == {"LeaderWorkerSet"}
    assert {each["metadata"]["namespace"] for each in objects} == {"serving"}
    assert "pool-minutes short, 0 over." in ended.out
    assert "- Goes on from what ran before and changes over at 2026-11-24 00:00." in ended.out


def metrics(path: Path) -> dict[str, float]:
    """Values by name, without the prefix and the folder."""
    found = {}
    for family in text_string_to_metric_families(path.read_text()):
        for each in family.samples:
            labels = [value for name, value in each.labels.items() if name != "dir"]
            assert each.labels["dir"] == str(path.parent / "out")
            found["/".join([each.name.removeprefix("heteroplan_nightly_"), *labels])] = each.value
    return found


def test_metrics_of_runs_that_went_well_and_that_did_not(
    nights: ScenarioFiles, run: Run, at: At
) -> None:
    """The trace ends on Friday 20th at 23:00: 49 h before Monday begins, 73 h before Tuesday."""
    rows = [
        f"2026-11-{day}T{hour:02}:{minute:02}:00,1000,200\n"
        for day in range(16, 21)
        for hour in range(24)
        for minute in ((0,) if (day, hour) == (20, 23) else (0, 20, 40))
    ]
    (nights.folder / "log.csv").write_text("ts,isl,osl\nhalf a li\n" + "".join(rows))
    nights.workload["demand"] = {
        "trace": "log.csv",
        "map": {"timestamp": "ts", "isl": "isl", "osl": "osl"},
        "max_trace_age": "3d",
        "max_bad_rows": "1%",
    }
    del nights.workload["requests"]
    nights.write()
    file = nights.folder / "nightly.prom"
    at("2026-11-22T20:00")
    ended = run("nightly", ".", "--out", "out", "--metrics", "nightly.prom")
    assert (ended.code, ended.err) == (0, "")
    assert "1 of 359 rows are bad and left out, the first one in log.csv:2: ts: half a li" in (
        ended.out
    )
    monday = datetime(2026, 11, 23, tzinfo=UTC).timestamp()
    first = metrics(file)
    assert first.pop("duration_seconds") > 0
    assert first == {
        "last_run_timestamp_seconds": monday - 4 * 3600,
        "last_success_timestamp_seconds": monday - 4 * 3600,
        "exit_code": 0,
        "schedule_start_timestamp_seconds": monday,
        "cost_usd": 480,
        "gpu_hours": 192,
        "peak_gpus": 8,
        "gap_ratio": pytest.approx(0, abs=1e-6),
        "unserved_requests": 0,
        "short_minutes/keda": 0,
        "trace_age_seconds/chat": 49 * 3600,
    }

    at("2026-11-23T20:00")
    ended = run("nightly", ".", "--out", "out", "--metrics", "nightly.prom")
    assert ended.code == 2
    assert "max_trace_age: 3d: the last request came at 2026-11-20T23:00:00+00:00, 3 d 1 h" in (
        ended.err
    )
    assert in_force(nights.folder / "out") == "2026-11-23"
    second = metrics(file)
    assert second.pop("duration_seconds") > 0
    assert second == {
        "last_run_timestamp_seconds": monday + 20 * 3600,
        "last_success_timestamp_seconds": monday - 4 * 3600,
        "exit_code": 2,
        "schedule_start_timestamp_seconds": monday,
    }


def test_a_bug_is_counted_and_leaves_the_last_schedule(
    nights: ScenarioFiles, run: Run, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0

    def wrong(*args: Any, **kwargs: Any) -> None:
        raise PlanViolationError("supply exceeded")

    monkeypatch.setattr("heteroplan.planning.make_plan", wrong)
    at("2026-11-23T20:00")
    ended = run("nightly", ".", "--out", "out", "--metrics", "nightly.prom")
    assert ended.code == 70
    assert "supply exceeded" in ended.err
    assert metrics(nights.folder / "nightly.prom")["exit_code"] == 70
    assert names(nights.folder / "out") == {".lock", "2026-11-23", "current"}


def test_ctrl_c_leaves_the_last_schedule(
    nights: ScenarioFiles, run: Run, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    at("2026-11-22T20:00")
    assert run("nightly", ".", "--out", "out").code == 0
    monkeypatch.setattr(Interrupt, "__call__", lambda self: True)
    at("2026-11-23T20:00")
    ended = run("nightly", ".", "--out", "out")
    assert ended.code == 130
    assert "The last schedule stays in force." in ended.err
    assert names(nights.folder / "out") == {".lock", "2026-11-23", "current"}


def test_a_format_that_leaves_pools_short_does_not_come_into_force(
    nights: ScenarioFiles, run: Run, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if KEDA left one pool a replica short for two minutes."""
    deviation = TargetDeviation("Deployment", "chat-decode", 1440, 2, 0, 1, 0)

    def short(*args: Any, **options: Any) -> Exported:
        most = options["max_short_minutes"]
        return Exported("text\n", ExportSummary("keda", (deviation,), most))

    monkeypatch.setattr("heteroplan.pipelines.export.made", short)
    at("2026-11-22T20:00")
    ended = run("nightly", ".", "--out", "out", "--metrics", "nightly.prom")
    assert ended.code == 1
    assert "Not in force, no schedule is in force: keda, carried out for 1 pool" in ended.out
    assert "2 of 1,440 pool-minutes short, 0 over. --max-short-minutes allows 0." in ended.out
    assert names(nights.folder / "out") == {".lock", "failed"}
    assert metrics(nights.folder / "nightly.prom")["short_minutes/keda"] == 2
    assert run("nightly", ".", "--out", "out", "--max-short-minutes", "2").code == 0


def test_from_python_with_keywords(nights: ScenarioFiles, at: At) -> None:
    at("2026-11-22T20:00")
    made = heteroplan.nightly(".", out="out", formats="crontab", max_unserved=0.01)
    assert made.exit_code == 0
    assert made.folder == Path("out/2026-11-23")
    assert made.plan.plan.covered
    assert made.summary.startswith("**small: 2026-11-23 00:00 to")
    with pytest.raises(UsageError, match="--keep 0") as caught:
        heteroplan.nightly("-", out="out", keep=0)
    assert "name a file or a folder" in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["."], "Missing option '--out'"),
        (["--out", "out"], "name a scenario, or give --rollback"),
        (["-", "--out", "out"], "name a file or a folder"),
        ([".", "--out", "out", "--format", "helm"], "unknown export format 'helm'"),
        ([".", "--out", "out", "--format", "envoy"], "has the weights of one moment"),
        ([".", "--out", "out", "--format", "csv"], "schedule.csv is written anyway"),
        ([".", "--out", "out", "--max-unserved", "2"], "write a share from 0 to 1"),
        ([".", "--out", "out", "--rollback"], "--rollback plans nothing"),
        (["--rollback", "--out", "out"], "no schedule is in force"),
        ([".", "--out", "out", "--metrics", "no/m.prom"], "cannot be written"),
    ],
)
def test_wrong_options_end_with_2_and_say_why(
    nights: ScenarioFiles, run: Run, at: At, options: list[str], message: str
) -> None:
    at("2026-11-22T20:00")
    ended = run("nightly", *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())
