"""`sweep` as a user types it.

The scenario of `tests.scenario_files` takes 8 GPUs at 2.50 USD for two hours, 40 USD, and holds 20
requests/s where 8 are asked for at most: 2.5 times the demand.
"""

import json
from pathlib import Path

import pytest

from heteroplan.cli.interrupts import Interrupt
from heteroplan.pipelines.schema import schema
from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles

HERE = ("--jobs", "1")


def test_the_terminal_shows_cases_the_cheapest_and_where_coverage_ends(
    files: ScenarioFiles, run: Run
) -> None:
    ended = run("sweep", ".", "--vary", "demand=1,2,2.5,3", *HERE)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "small  4 cases: demand (4 values)",
        "3 covered, 1 short of 4 cases.",
        "Cheapest that covers all demand: 40 USD with demand=1; most expensive: 80 USD",
        "with demand=2.5, 100.0 % more.",
        "Coverage ends between demand 2.5 (all cases covered) and 3.",
        "",
        "        demand                   peak     not",
        "demand  is       USD  GPU-hours  GPUs  served   gap",
        "     1  covered   40         16     8          0.0%",
        "     2  covered   60         24    16          0.0%",
        "   2.5  covered   80         32    16          0.0%",
        "     3  short     80         32    16  10.26%  0.0%",
    ]


def test_many_cases_are_shown_by_value(files: ScenarioFiles, run: Run) -> None:
    """24 values of demand, of which 16 are at most 2.5, with two prices."""
    ended = run(
        *("sweep", ".", "--vary", "demand=1..3.3/0.1", *HERE),
        *("--vary", "fleet.node_types.h100x8.usd_per_gpu_hour=2,2.5"),
    )
    assert "32 covered, 16 short of 48 cases." in ended.out
    lines = [line.split() for line in ended.out.splitlines()]
    assert ["2", "16", "of", "24", "32", "USD", "demand=1.0"] in lines
    assert ["2.5", "16", "of", "24", "40", "USD", "demand=1.0"] in lines


def test_json_is_the_document_and_nothing_else(files: ScenarioFiles, run: Run) -> None:
    from jsonschema import Draft202012Validator

    ended = run("sweep", ".", "--vary", "demand=1,-1", "--json", *HERE)
    assert (ended.code, ended.err) == (2, "")
    document = json.loads(ended.out)
    Draft202012Validator(json.loads(schema("sweep"))).validate(document)
    good, wrong = document["cases"]
    assert (good["inputs"], good["covered"], good["cost_usd"]) == ({"demand": 1}, "covered", 40)
    assert (wrong["status"], wrong["cost_usd"]) == ("failed", None)
    assert wrong["error"].startswith("--vary: growth: -1: must be greater than 0")


def test_errors_of_cases_stand_below_the_table(files: ScenarioFiles, run: Run) -> None:
    ended = run("sweep", ".", "--vary", "demand=1,-1", *HERE)
    assert ended.code == 2
    assert "demand=-1: --vary: growth: -1: must be greater than 0" in " ".join(ended.out.split())


def test_out_has_the_table_and_each_case(files: ScenarioFiles, run: Run) -> None:
    ended = run("sweep", ".", "--vary", "demand=1,2", "--out", "o", *HERE)
    assert ended.code == 0
    files_of_table = ("cases.csv", "cases.parquet", "report.html", "sweep.json")
    assert set(ended.err.removeprefix("Wrote ").strip(".\n").split(", ")) == {
        f"o/{name}" for name in files_of_table
    }
    assert sorted(each.name for each in Path("o").iterdir()) == ["cases", *files_of_table]
    document = json.loads(Path("o/sweep.json").read_text())
    keys = {each["key"] for each in document["cases"]}
    assert {each.stem for each in Path("o/cases").iterdir()} == keys


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "nothing is varied; write for example --vary demand=1,1.2,1.5"),
        (("--vary", "demand"), "--vary: 'demand' is not PATH=VALUE,VALUE,..."),
        (("--vary", "demnd=1"), "--vary: demnd"),
        (("--vary", "demand=1", "--gap", "2"), "--gap"),
        (("--vary", "demand=1", "--time-limit", "0"), "--time-limit 0"),
        (("--vary", "demand=1", "--steps", "0"), "--steps"),
        (("--study", "none.yaml"), "none.yaml: no such file"),
        (("--vary", "demand=1", "--dask", "tcp://a:1", "--ray", "auto"), "write one of them"),
        (("--vary", "demand=1", "--solver", "none"), "none"),
    ],
)
def test_wrong_usage_is_one_message(
    files: ScenarioFiles, run: Run, args: tuple[str, ...], message: str
) -> None:
    ended = run("sweep", ".", *args, *HERE)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_study_comes_from_standard_input(files: ScenarioFiles, run: Run) -> None:
    study = "cases: {as it is: {}, twice: {demand: 2}}"
    ended = run("sweep", ".", "--study", "-", *HERE, stdin=study)
    assert [line.split()[0] for line in ended.out.splitlines()[-2:]] == ["as", "twice"]


def test_a_scenario_comes_from_standard_input(files: ScenarioFiles, run: Run) -> None:
    text = Path("scenario.yaml").read_text()
    ended = run("sweep", "-", "--vary", "demand=1,2", "--json", *HERE, stdin=text)
    assert [each["cost_usd"] for each in json.loads(ended.out)["cases"]] == [40, 60]


def test_ctrl_c_shows_what_is_done(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is pressed when two results are written, and noticed before the third case."""
    monkeypatch.setattr(
        Interrupt,
        "__call__",
        lambda _: Path("o/cases").is_dir() and len(list(Path("o/cases").iterdir())) > 1,
    )
    ended = run("sweep", ".", "--vary", "demand=1,1.5,2", "--out", "o", "--json", *HERE)
    assert ended.code == 130
    assert len(json.loads(ended.out)["cases"]) == 2


@pytest.mark.slow
def test_two_processes_give_the_same_table(files: ScenarioFiles, run: Run) -> None:
    """To the byte, and a sweep in one goes on where two ended."""
    vary = ("--vary", "demand=1..3/0.5", "--vary", "slo.ttft_ms=900,1000")
    for jobs in ("1", "2"):
        assert run("sweep", ".", *vary, "--out", jobs, "--jobs", jobs).code == 0
    for name in ("cases.csv", "cases.parquet", "sweep.json"):
        assert Path("1", name).read_bytes() == Path("2", name).read_bytes()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--quantiles", "0.5"), "--quantiles: goes with --risk; add it"),
        (("--sampled", "demand"), "--sampled: nothing is drawn; add --samples N or --risk"),
    ],
)
def test_options_of_what_is_not_drawn_are_refused(
    files: ScenarioFiles, run: Run, options: tuple[str, ...], told: str
) -> None:
    ended = run("sweep", ".", "--vary", "demand=1,2", *options, *HERE)
    assert (ended.code, ended.out) == (2, "")
    assert told in ended.err
