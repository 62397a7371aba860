"""Classes of a CSV, and a scenario that names one."""

from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from heteroplan.errors import InputError
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.tables.class_csv import with_classes
from heteroplan.inputs.tables.demand_csv import DemandSeries
from tests.scenario_files import ScenarioFiles

UTC = ZoneInfo("UTC")
SERIES = DemandSeries(int(datetime(2026, 11, 23, tzinfo=UTC).timestamp()), 3600, (5.0, 8.0))
HEADER = "class,share,isl,osl"
STAMPED = f"interval_start,{HEADER}"
FIRST, SECOND = "2026-11-23T00:00", "2026-11-23T01:00"


def read(*rows: str, header: str = HEADER, zone: ZoneInfo = UTC) -> DemandSeries:
    return with_classes(SERIES, "\n".join([header, *rows]), "c.csv", zone)


def problems(*rows: str, header: str = HEADER) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(*rows, header=header)
    return [str(each) for each in caught.value.problems]


def shapes(series: DemandSeries) -> tuple[tuple[StepShape, ...], ...]:
    assert series.shapes is not None
    return series.shapes


def test_classes_without_moments_are_those_of_all_steps() -> None:
    found = read("chat,0.75,1000,200", "code,0.25,8000,100")
    step = (StepShape("chat", 0.75, 1000, 200), StepShape("code", 0.25, 8000, 100))
    assert found == replace(SERIES, shapes=(step, step))


def test_classes_of_each_step() -> None:
    rows = [f"{FIRST},chat,0.5,1000,200", f"{FIRST},code,0.5,8000,100"]
    rows += [f"{SECOND},chat,0.9,1100,210", f"{SECOND},code,0.1,8100,110"]
    found = shapes(read(*rows, header=STAMPED))
    assert [[(s.name, s.share, s.isl) for s in step] for step in found] == [
        [("chat", 0.5, 1000), ("code", 0.5, 8000)],
        [("chat", 0.9, 1100), ("code", 0.1, 8100)],
    ]


def test_columns_that_may_lack_are_read_in_any_order() -> None:
    header = "context_cv,osl,isl,share,class,isl_cv,prefix_hit_rate,context"
    (step, _) = shapes(read("0.4,200,1000,1,chat,0.8,0.25,1150", header=header))
    assert step == (StepShape("chat", 1.0, 1000, 200, 0.8, 0.25, 1150, 0.4),)


def test_moments_may_have_an_offset_or_be_local() -> None:
    """00:00 UTC is 08:00 in Singapore."""
    rows = ["2026-11-23T00:00Z,a,1,10,10", "2026-11-23T09:00,a,1,10,10"]
    assert len(shapes(read(*rows, header=STAMPED, zone=ZoneInfo("Asia/Singapore")))) == 2


TARGETS = f"{HEADER},ttft_ms,itl_ms,percentile,e2e_slowdown"


def test_a_class_may_have_an_slo_of_its_own() -> None:
    step, _ = shapes(read("chat,0.5,10,10,500,40,0.9,", "code,0.5,10,10,,,,", header=TARGETS))
    assert dict(step[0].targets) == {"ttft_ms": 500.0, "itl_ms": 40.0, "percentile": 0.9}
    assert step[1].targets == ()
    assert read("a,1,10,10,,,,3", header=TARGETS).shapes


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("500,,,", "c.csv:2: the ITL has no target; give itl_ms or itl_slowdown"),
        (",,0.9,", "c.csv:2: the TTFT has no target; give ttft_ms or ttft_slowdown"),
        ("0,40,,", "c.csv:2: ttft_ms: 0: must be between 1e-06 and 1e+09"),
        ("500,40,1.5,", "c.csv:2: percentile: 1.5: must be between 1e-09 and 1"),
    ],
)
def test_what_is_wrong_with_an_slo(row: str, expected: str) -> None:
    assert problems(f"a,1,10,10,{row}", header=TARGETS) == [expected]


def test_an_slo_is_the_same_in_all_steps() -> None:
    rows = [f"{FIRST},a,1,10,10,500,40,,", f"{SECOND},a,1,10,10,600,40,,"]
    assert problems(*rows, header=f"interval_start,{TARGETS}") == [
        "c.csv:3: class: a: the latency targets are not those of the first step; "
        "write the same ones"
    ]


def test_a_scenario_has_the_slos_of_its_classes_file(files: ScenarioFiles) -> None:
    """Without a percentile of its own that of the workload holds; also over a whole interval."""
    files.workload["slo"] = {"ttft_ms": 1000, "itl_ms": 60, "percentile": 0.9}
    del files.workload["requests"]
    files.workload["classes"] = "classes.csv"
    rows = [f"{TARGETS}", "chat,0.5,1000,200,500,40,,", "code,0.5,8000,100,,,,"]
    (files.folder / "classes.csv").write_text("\n".join(rows))
    (load,) = files.load("horizon.intervals=1", interval="2h").scenario.workloads
    chat, code = load.demand[0].classes
    assert chat.slo == replace(load.slo, ttft_ms=500.0, itl_ms=40.0)
    assert code.slo is None


def test_rounded_shares_are_made_to_sum_to_one() -> None:
    """Three thirds of 0.333 sum to 0.999, within 0.001."""
    step, _ = shapes(read(*(f"{name},0.333,10,10" for name in "abc")))
    assert [each.share for each in step] == pytest.approx([1 / 3] * 3, abs=1e-12)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], ["c.csv: no rows; write one per class"]),
        (["a,0.5,10,10"], ["c.csv:2: share: shares sum to 0.5; make them sum to 1"]),
        (
            ["a,0.7,10,10", "b,0.7,10,10"],
            ["c.csv:2: share: shares sum to 1.4; make them sum to 1"],
        ),
        (
            ["a,0.5,10,10", "a,0.5,10,10"],
            ["c.csv:2: class: a class appears twice in this step; rename or remove one"],
        ),
        (
            ["a,1,10,10", "b,0,10,10"],
            ["c.csv:2: share: a share is 0; leave the class out, or give it a small share"],
        ),
        ([",1,10,10"], ["c.csv:2: class: empty; write a name"]),
        (
            ["=1+1,1,10,10"],
            [
                "c.csv:2: class: =1+1: begins with =, which makes it a formula in a spreadsheet; "
                "rename it"
            ],
        ),
        (
            ["a,1,x,0"],
            ["c.csv:2: isl: x: not a number", "c.csv:2: osl: 0: must be between 1 and 1e+09"],
        ),
        (["a,1,10,"], ["c.csv:2: osl: empty; write a number"]),
        (["a,1,nan,10"], ["c.csv:2: isl: nan: not a number"]),
        (["a,1,10"], ["c.csv:2: a,1,10: 3 cells; the header has 4 columns"]),
    ],
)
def test_what_is_wrong_with_rows(rows: list[str], expected: list[str]) -> None:
    assert problems(*rows) == expected


def test_a_share_above_one_is_told_of_the_row_and_of_the_sum() -> None:
    assert problems("a,2,10,10")[0] == "c.csv:2: share: 2: must be between 0 and 1"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("class,share,isl", "c.csv:1: osl: column is missing; columns are set by commas"),
        (f"{HEADER},shar", "c.csv:1: shar: unknown column; did you mean 'share'?"),
        (f"{HEADER},isl", "c.csv:1: isl: column appears twice; keep one of them"),
        ("class;share", "c.csv:1: class;share: columns are separated by semicolons; "
                        "separate them by commas"),
        ("", "c.csv:1: empty; the first line is class,share,isl,osl"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_header(header: str, expected: str) -> None:
    assert problems("a,1,10,10", header=header)[0] == expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            [f"{FIRST},a,1,10,10", f"{SECOND},b,1,10,10"],
            f"c.csv:3: class: {SECOND}: classes are b; in the first step a",
        ),
        (
            [f"{FIRST},a,1,10,10"],
            "c.csv: interval_start: are not the steps of the demand file; "
            "make both files in one run",
        ),
        (
            [f"{FIRST},a,1,10,10", "2026-11-23T00:30,a,1,10,10"],
            "c.csv: interval_start: are not the steps of the demand file; "
            "make both files in one run",
        ),
        (
            [f"{SECOND},a,1,10,10", f"{FIRST},a,1,10,10"],
            f"c.csv:3: interval_start: {FIRST}: earlier than the row before; sort the rows",
        ),
        (
            ["soon,a,1,10,10"],
            "c.csv:2: interval_start: soon: not a date or time; write 2026-11-23 or "
            "2026-11-23T06:00",
        ),
        (
            [",a,1,10,10"],
            "c.csv:2: interval_start: empty; write a moment, or leave the column out",
        ),
    ],
)
def test_what_is_wrong_with_steps(rows: list[str], expected: str) -> None:
    assert problems(*rows, header=STAMPED)[0] == expected


def test_classes_of_a_step_stand_together() -> None:
    """The first step again after the second."""
    rows = [f"{FIRST},a,1,10,10", f"{SECOND},a,1,10,10", f"{FIRST},a,1,10,10"]
    assert problems(*rows, header=STAMPED) == [
        f"c.csv:4: interval_start: {FIRST}: earlier than the row before; sort the rows"
    ]


def test_the_first_problems_are_told_and_how_many_more_there_are() -> None:
    found = problems(*(f"c{i},x,10,10" for i in range(30)))
    assert len(found) == 21
    assert found[-1].endswith("more problems, the last one here")


def classed(files: ScenarioFiles, text: str) -> ScenarioFiles:
    del files.workload["requests"]
    files.workload["classes"] = "classes.csv"
    (files.folder / "classes.csv").write_text(text)
    return files


def test_a_scenario_has_the_classes_of_its_file_in_each_interval(files: ScenarioFiles) -> None:
    rows = [f"{FIRST},chat,0.5,1000,200,0.8,1150", f"{FIRST},code,0.5,8000,100,0.2,8100"]
    rows += [f"{SECOND},chat,0.9,1100,210,0.7,1250", f"{SECOND},code,0.1,8100,110,0.1,8200"]
    text = "\n".join([f"{STAMPED},isl_cv,context", *rows])
    (workload,) = classed(files, text).load().scenario.workloads
    told = [
        [(c.name, c.share, c.isl, c.osl, c.isl_cv, c.context) for c in interval.classes]
        for interval in workload.demand
    ]
    assert told == [
        [("chat", 0.5, 1000, 200, 0.8, 1150), ("code", 0.5, 8000, 100, 0.2, 8100)],
        [("chat", 0.9, 1100, 210, 0.7, 1250), ("code", 0.1, 8100, 110, 0.1, 8200)],
    ]
    assert [interval.rps for interval in workload.demand] == [5, 8]


def test_the_classes_file_counts_among_the_inputs(files: ScenarioFiles) -> None:
    one = classed(files, f"{HEADER}\na,1,1000,200\n").load().scenario
    (files.folder / "classes.csv").write_text(f"{HEADER}\na,1,1000,201\n")
    assert files.load().scenario.inputs_sha256 != one.inputs_sha256


def test_problems_of_a_classes_file_are_those_of_the_scenario(files: ScenarioFiles) -> None:
    classed(files, f"{HEADER}\na,0.5,1000,200\n")
    assert files.problems() == ["classes.csv: share: shares sum to 0.5; make them sum to 1"]
    (files.folder / "classes.csv").unlink()
    assert files.problems() == ["scenario.yaml: workloads[0].classes: classes.csv: no such file"]


def test_a_classes_file_beside_requests_is_a_problem(files: ScenarioFiles) -> None:
    classed(files, f"{HEADER}\na,1,1000,200\n")
    files.workload["requests"] = {"isl": 1000, "osl": 200}
    assert files.problems() == [
        "scenario.yaml: workloads[0].classes: classes.csv: give either requests or classes, and "
        "one of them only"
    ]
