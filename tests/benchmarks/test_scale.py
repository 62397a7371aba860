"""The benchmark of scale: what it reads off a run, and the tables it prints."""

from math import inf
from pathlib import Path

import pytest

from tests.benchmarks import scale
from tests.benchmarks.scale_cases import Shape, make, write
from tests.benchmarks.scale_run import Moment, Run, Setting, measured

RUN = Run(
    (
        Moment(1.0, None, 80.0),
        Moment(2.0, 120.0, 80.0),
        Moment(4.0, 100.0, 99.0),
        Moment(12.0, 100.0, 99.8),
    ),
    cost=101.0,
    bound=99.8,
    ended="gap_reached",
    seconds=14.0,
    total_s=15.0,
    peak_gib=0.5,
)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Setting]:
    """Every run is `RUN`; the settings asked for."""
    asked: list[Setting] = []

    def fake(folder: Path, setting: Setting, *, compare: bool = True) -> Run:
        asked.append(setting)
        return RUN

    monkeypatch.setattr(scale, "measured", fake)
    monkeypatch.setattr(Setting, "missing", lambda self: [])
    return asked


def test_gaps_are_of_the_time_and_then_of_the_plan() -> None:
    assert RUN.first_s == 2.0
    assert RUN.gap_after(1.5) == inf
    assert RUN.gap_after(3) == pytest.approx(1 / 3)
    assert RUN.gap_after(10) == pytest.approx(0.01)
    assert RUN.gap_after(60) == pytest.approx(1.2 / 101)
    assert RUN.seconds_to(0.01) == 4.0
    assert RUN.seconds_to(0.001) == inf


def test_a_run_without_a_plan_has_no_gap() -> None:
    failed = Run(error="no plan")
    assert (failed.gap, failed.first_s, failed.gap_after(60)) == (inf, inf, inf)


def test_default_settings_ask_for_nothing_new() -> None:
    assert Setting().arguments() == {"gap": 0.01, "time_limit_s": 60.0}
    assert Setting().missing() == []
    assert Setting(method="mip", without=("bound",)).arguments() == {
        "gap": 0.01,
        "time_limit_s": 60.0,
        "method": "mip",
        "without": frozenset({"bound"}),
    }


def test_a_row_says_what_make_plan_cannot_do_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Setting, "missing", lambda self: ["without"])
    assert scale.made("A1", Path("A1"), Setting()).run.error == "make_plan has no without"


def test_each_large_instance_has_its_row_and_one_of_the_mip(
    ran: list[Setting], capsys: pytest.CaptureFixture[str]
) -> None:
    scale.main(["--only", "A2,C", "--mip"])
    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if "| " in line]
    assert [row[:2] for row in rows[2:]] == [
        ["| A2", "plan"],
        ["| A2", "one MIP"],
        ["| C1", "plan"],
        ["| C1", "one MIP"],
    ]
    assert len({len(row) for row in rows}) == 1
    assert [setting.time_limit_s for setting in ran] == [60.0, 60.0, 300.0, 300.0]


def test_small_instances_are_solved_to_a_thousandth(
    ran: list[Setting], capsys: pytest.CaptureFixture[str]
) -> None:
    scale.main(["--only", "small"])
    assert [setting.gap for setting in ran] == [0.001] * 3
    assert "| small2 | plan | 2.0 | 4.0 |" in capsys.readouterr().out


def test_seeds_are_made_and_planned(
    ran: list[Setting], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(scale, "SEEDS", (11, 12))
    scale.main(["--only", "seeds"])
    assert ran == [Setting(), Setting()]
    assert "| seed 12 | plan | 2.0 | 1 % | 1.19 % | 1.19 % | 101 |" in capsys.readouterr().out


def test_ablation_leaves_out_one_ingredient_a_row(
    ran: list[Setting], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("heteroplan.optimize.search.INGREDIENTS", ("x", "y"), raising=False)
    scale.main(["--only", "ablation"])
    assert [setting.without for setting in ran] == [(), ("x",), ("y",)] * 2
    assert "| small2 | without y | 2.0 | +0.000 % | +0.000 % |" in capsys.readouterr().out


def test_the_report_draws_a_line_a_run(
    ran: list[Setting], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale.main(["--only", "A1,A2", "--mip", "--report", str(tmp_path / "gap.html")])
    assert "2 runs of A1" in capsys.readouterr().out
    assert "A1, one MIP" in (tmp_path / "gap.html").read_text(encoding="utf-8")
    figure = scale.gap_chart([scale.Named("A1", Setting(), RUN)])
    assert tuple(figure.data[0].x) == (2.0, 4.0, 12.0, 14.0)


@pytest.mark.parametrize("arguments", [["--only", "A9"], ["--only", "B", "--report", "x.html"]])
def test_unknown_tables_and_reports_of_nothing_are_errors(arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        scale.main(arguments)


def test_a_scenario_is_planned_in_a_process_of_its_own(tmp_path: Path) -> None:
    shape = Shape(workloads=2, spines=1, types=2, gpus=400, seed=1, intervals=24)
    run = measured(write(make(shape), tmp_path), Setting(gap=0.05, time_limit_s=10.0))
    assert run.error == ""
    assert 0 < run.bound <= run.cost
    assert 0 < run.peak_gib < 2
    assert run.moments
    assert run.total_s >= run.load_s > 0
    stamps = [moment.seconds for moment in run.moments]
    assert stamps == sorted(stamps)


def test_a_scenario_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    run = measured(tmp_path, Setting())
    assert run.error.endswith("no such file")
    assert run.ended == "no plan"
