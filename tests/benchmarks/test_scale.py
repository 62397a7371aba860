"""The benchmark of scale: what it reads off a run, keeps and prints."""

import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from heteroplan.inputs import load
from heteroplan.optimize.search import INGREDIENTS
from tests.benchmarks import scale
from tests.benchmarks.scale_cases import Shape, make, write
from tests.benchmarks.scale_instances import folder, named
from tests.benchmarks.scale_kept import Asked, Kept, changes
from tests.benchmarks.scale_run import ROOT, Moment, Run, Setting, measured

MOMENTS = (
    Moment(1.0, None, 80.0),
    Moment(3.0, 120.0, 90.0),
    Moment(4.0, 100.0, 99.0),
    Moment(12.0, 100.0, 99.8),
)
ENDED = Run(cost=101.0, bound=99.8, ended="gap_reached", seconds=14.0, changes=7.0, starts=3.0)
RUN = ENDED.after(MOMENTS)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Setting]:
    """Every run is `RUN`; the settings asked for."""
    asked: list[Setting] = []

    def fake(folder: Path, setting: Setting) -> Run:
        asked.append(setting)
        return RUN

    monkeypatch.setattr(scale, "measured", fake)
    return asked


def rows_of(text: str) -> list[list[str]]:
    """Cells of tables, without headings."""
    rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("|")]
    return [cells for cells in rows if cells[0] not in ("instance", "without", "---")]


def test_gaps_are_of_the_time_and_then_of_the_plan() -> None:
    assert RUN.first_s == 3.0
    assert (RUN.gap_2, RUN.gap_5) == (inf, pytest.approx(0.01))
    assert (RUN.gap_10, RUN.gap_20) == (pytest.approx(0.01), pytest.approx(1.2 / 101))


def test_a_run_without_a_plan_has_no_gap() -> None:
    failed = Run(error="no plan", ended="no plan").after(MOMENTS[:1])
    assert (failed.gap, failed.first_s, failed.gap_20) == (inf, inf, inf)


def test_default_settings_ask_for_nothing_more() -> None:
    assert Setting().arguments() == {"gap": 0.001, "time_limit_s": 60.0}
    assert Setting(method="mip", without=("bound",), cpu=True).arguments() == {
        "gap": 0.001,
        "time_limit_s": 60.0,
        "method": "mip",
        "without": frozenset({"bound"}),
    }


def test_each_instance_has_a_row_for_each_limit_and_one_of_the_mip(
    ran: list[Setting], capsys: pytest.CaptureFixture[str]
) -> None:
    scale.main(["--only", "quickstart,seed11", "--mip", "--limits", "5,20", "--cpu"])
    rows = rows_of(capsys.readouterr().out)
    assert [row[:3] for row in rows] == [
        [instance, method, limit]
        for instance in ("quickstart", "seed11")
        for limit in ("5", "20")
        for method in ("plan", "one MIP")
    ]
    assert rows[0][3:] == [
        *("101", "100", "1.19 %", "", "1 %", "1 %", "1.19 %"),
        *("3.0", "0", "7", "3", "gap_reached", "14.0", "0.00"),
    ]
    assert {setting.cpu for setting in ran} == {True}


def test_limits_are_those_of_the_instance_where_none_are_given() -> None:
    options = scale.Options(gap=0.01, limits=(), cpu=False, repeats=2)
    asked = list(options.asked(["B1", "small1"], [("auto", ())]))
    assert [(each.instance, each.setting.time_limit_s, each.repeat) for each in asked] == [
        *(("B1", 120.0, 1), ("B1", 120.0, 2)),
        *(("small1", 60.0, 1), ("small1", 60.0, 2)),
    ]


def test_kept_runs_are_not_made_again(
    ran: list[Setting], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "runs.csv")
    scale.main(["--only", "quickstart", "--limits", "5", "--keep", file])
    first = capsys.readouterr().out
    scale.main(["--only", "quickstart", "--limits", "5", "--keep", file])
    assert capsys.readouterr().out == first
    assert len(ran) == 1
    scale.main(["--only", "quickstart", "--limits", "5,7", "--repeats", "2", "--keep", file])
    assert [setting.time_limit_s for setting in ran] == [5.0, 5.0, 7.0, 7.0]


def test_a_kept_run_is_read_as_it_was(tmp_path: Path) -> None:
    asked = Asked("A1", Setting(0.01, 20.0, "mip", ("near guide", "x"), cpu=True), repeat=3)
    kept = Kept(tmp_path / "runs.csv")
    assert kept.run(asked, lambda setting: RUN) == RUN
    assert Kept(tmp_path / "runs.csv").runs == {asked: RUN}


def test_a_crash_is_not_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "runs.csv")
    crash = Run(error="exit code 1")
    assert kept.run(Asked("A1", Setting()), lambda setting: crash) == crash
    assert kept.runs == {}
    assert not (tmp_path / "runs.csv").exists()


def test_ablation_leaves_out_what_is_asked_for(
    ran: list[Setting], capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--only", "ablation", "--instances", "quickstart", "--limits", "5", "--repeats", "2"]
    scale.main([*asked, "--without", "sweeps,near guide+regroup"])
    left_out = [setting.without for setting in ran]
    assert left_out == [
        (),
        (),
        ("sweeps",),
        ("sweeps",),
        ("near guide", "regroup"),
        ("near guide", "regroup"),
    ]
    rows = rows_of(capsys.readouterr().out)
    assert [row[1] for row in rows[:6:2]] == [
        "plan",
        "without sweeps",
        "without near guide, regroup",
    ]
    assert [row[0] for row in rows[6:]] == ["none", "near guide+regroup", "sweeps"]


def test_ablation_leaves_out_each_ingredient_by_default() -> None:
    assert [names for _, names in scale.ways(None)] == [(), *((name,) for name in INGREDIENTS)]
    assert scale.ways("none") == [("auto", ())]


def test_changes_are_against_the_median_run_that_is_whole() -> None:
    def of(instance: str, cost: float, *without: str, repeat: int = 1, lost: float = 0) -> None:
        asked = Asked(instance, Setting(without=without), repeat)
        runs[asked] = Run(cost=cost, bound=50.0, unserved=lost, ended="time_limit")

    runs: dict[Asked, Run] = {}
    of("a", 100.0)
    of("a", 102.0, repeat=2)
    of("a", 101.0, repeat=3)
    of("a", 111.1, "x")
    of("b", 200.0)
    of("b", 150.0, "x", lost=9.0)
    found = changes(runs)
    assert [change.cost for change in found["", 60.0]] == [
        pytest.approx(-1 / 101),
        pytest.approx(1 / 101),
        0.0,
    ]
    slower, short = found["x", 60.0]
    assert (slower.cost, slower.bound, slower.unserved) == (pytest.approx(0.1), 0.0, 0.0)
    assert (short.cost, short.unserved) == (None, 9.0)
    assert scale.differences(found["x", 60.0]) == (
        *("+10.000 %", "+10.000 % a", "+0.000 %", "+0.000 % a"),
        "b +9",
    )
    assert scale.repeats(found["", 60.0])[:2] == ("±0.99 %", "±0.99 %")


@pytest.mark.parametrize(
    "arguments",
    [["--only", "A0x"], ["--only", "tight-5x8"], ["--only", "ablation", "--without", "luck"]],
)
def test_unknown_instances_and_ingredients_are_errors(
    arguments: list[str], ran: list[Setting], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        scale.main(arguments)
    assert ran == []
    assert arguments[-1] in capsys.readouterr().err


def test_a_scenario_is_planned_in_a_process_of_its_own(tmp_path: Path) -> None:
    shape = Shape(workloads=2, spines=1, types=2, gpus=400, seed=1, intervals=24)
    at = write(make(shape), tmp_path)
    run = measured(at, Setting(gap=0.05, time_limit_s=10.0))
    assert run.error == ""
    assert 0 < run.bound <= run.cost
    assert 0 < run.peak_gib < 2
    assert 0 < run.first_s <= run.seconds
    assert run.starts > 0 < run.changes
    on_cpu = measured(at, Setting(gap=0.05, time_limit_s=10.0, cpu=True))
    assert 0 < on_cpu.bound <= on_cpu.cost


def test_a_scenario_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    run = measured(tmp_path, Setting())
    assert run.error.endswith("no such file")
    assert run.ended == "no plan"


CLOCKS = """
import time
from tests.benchmarks.scale_run import count_cpu_seconds

count_cpu_seconds()
import pulp
from heteroplan import clock
from heteroplan.optimize.solvers.solver import Effort, run

whole = clock.Clock(5.0)
time.sleep(0.5)
assert whole.left_s() > 4.6, "waiting counts"
began = time.process_time()
while time.process_time() < began + 0.3:
    pass
assert whole.left_s() < 4.8, "work does not count"
model = pulp.LpProblem("split", pulp.LpMinimize)
many = [model.add_variable(f"x{j}", 0, 1, "Integer") for j in range(40)]
sum_of = pulp.LpAffineExpression.from_list
model.setObjective(sum_of([(x, 1.0) for x in many]))
for i in range(5):
    weights = [(x, float(pow(7 + i, j + 3, 101))) for j, x in enumerate(many)]
    model.addConstraint(sum_of(weights) >= 900.0 + i, f"row{i}")
    model.addConstraint(sum_of(weights) <= 901.0 + i, f"roof{i}")
over = Effort(deadline=clock.monotonic() - 1.0)
print(over.over(), over.seconds_left(), run(model, over, integer=True).verdict)
"""


def test_on_the_clock_of_cpu_seconds_waiting_is_free_and_solver_calls_end() -> None:
    command = [sys.executable, "-c", CLOCKS]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (said.stderr, said.stdout.strip()) == ("", "True None limit")


def test_groups_name_their_instances() -> None:
    assert named(["quickstart", "tight"]) == [
        *("quickstart", "tight_81", "tight_82", "tight_83", "tight_84")
    ]


@pytest.mark.parametrize(
    ("name", "workloads", "classes"),
    [
        ("quickstart", 2, 1),
        ("tight-3x4-70-1", 3, 1),
        ("leaf-four-type", 10, 1),
        ("full-1", 10, 1),
        ("classes-3x4", 3, 4),
        ("classes-1x7", 1, 7),
        ("classes-7x3", 7, 3),
    ],
)
def test_an_instance_loads_by_its_name(
    name: str, workloads: int, classes: int, tmp_path: Path
) -> None:
    at = folder(name, tmp_path)
    assert at == folder(name, tmp_path)
    made = load(str(at)).scenario
    assert len(made.workloads) == workloads
    assert {len(load_.demand[0].classes) for load_ in made.workloads} == {classes}
