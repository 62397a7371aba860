"""`sweep`: a small scenario with some of its inputs varied.

One workload with 10 requests/s per prefill and decode replica of 4 GPUs, at 5 and 8 requests/s in
two hours, on two nodes of 8 H100 at 2.50 USD a GPU-hour: one replica of each role in both hours is
16 GPU-hours and 40 USD. Two of each is what the fleet holds: 20 requests/s.
"""

import csv
import io
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import heteroplan
from heteroplan.clock import Stop
from heteroplan.errors import ExitCode, InputError, UsageError
from heteroplan.pipelines import sweep as pipeline
from heteroplan.pipelines.shared import case_work
from heteroplan.pipelines.shared.executors.executor import Lost
from heteroplan.pipelines.shared.solving import solved
from heteroplan.pipelines.sweep import SweepResult
from tests.scenario_files import ScenarioFiles


@pytest.fixture
def files(tmp_path: Path) -> ScenarioFiles:
    made = ScenarioFiles(tmp_path)
    made.write()
    return made


def swept(files: ScenarioFiles, *vary: str, **options: Any) -> SweepResult:
    return heteroplan.sweep(files.folder, vary=vary, **options)


def test_each_case_is_planned_with_its_inputs(files: ScenarioFiles) -> None:
    """At 1.5 times the demand (7.5 and 12) the second hour needs two replicas of each role.

    8 x 1 h + 16 x 1 h = 24 GPU-hours. At 3 times (15 and 24) it serves 20 of 24 requests/s:
    35 of 39 in all, with 4 x 3600 requests left.
    """
    result = swept(files, "demand=1,1.5,3", "fleet.node_types.h100x8.usd_per_gpu_hour=2.5,5")
    assert [(each.cost_usd, each.gpu_hours, each.peak_gpus) for each in result.cases] == [
        (40.0, 16.0, 8),
        (80.0, 16.0, 8),
        (60.0, 24.0, 16),
        (120.0, 24.0, 16),
        (80.0, 32.0, 16),
        (160.0, 32.0, 16),
    ]
    assert [each.covered for each in result.cases] == ["covered"] * 4 + ["short"] * 2
    last = result.cases[-1]
    assert last.inputs == {"demand": 3, "fleet.node_types.h100x8.usd_per_gpu_hour": 5}
    assert last.served_fraction == pytest.approx(35 / 39)
    assert last.unserved_requests == pytest.approx(4 * 3600)
    assert last.gpu_hours_by_type == {"h100x8": 32.0}
    assert last.cost_usd_per_day is None
    assert result.exit_code is ExitCode.OK


def test_a_case_is_what_plan_finds_for_it(files: ScenarioFiles) -> None:
    (case,) = swept(files, "demand=1.5").cases
    plan = heteroplan.plan(files.folder, overrides="growth=1.5").plan
    assert case.cost_usd == plan.totals.cost_usd
    assert case.gap == pytest.approx(plan.report.gap, abs=1e-9)
    assert case.status.value == plan.report.termination.value


def test_of_a_longer_horizon_a_day_stands_beside(files: ScenarioFiles) -> None:
    """Two days of 8 GPUs at 2.50 USD: 960 USD, 480 a day."""
    rows = "".join(f"2026-11-2{3 + h // 24}T{h % 24:02}:00,5\n" for h in range(48))
    files.demand = f"interval_start,rps\n{rows}"
    files.scenario["horizon"] = {"start": "2026-11-23", "days": 2, "interval": "1h"}
    files.write()
    (case,) = swept(files, "demand=1").cases
    assert (case.cost_usd, case.cost_usd_per_day) == (960.0, 480.0)
    assert (case.gpu_hours, case.gpu_hours_per_day) == (384.0, 192.0)


def test_a_case_with_wrong_input_is_a_row_with_its_error(files: ScenarioFiles) -> None:
    result = swept(files, "demand=1,-1")
    good, wrong = result.cases
    assert good.covered == "covered"
    assert (wrong.status, wrong.covered, wrong.cost_usd) == ("failed", None, None)
    assert wrong.error is not None
    assert wrong.error.startswith("--vary: growth: -1: must be greater than 0")
    assert result.exit_code is ExitCode.BAD_INPUT


@pytest.mark.parametrize(
    ("vary", "message"),
    [
        (["demnd=1,2"], "demnd"),
        (["fleet.l9.h100x8=1,2"], "the fleet has no field and no leaf l9"),
        (["workloads.chat.priority=0,-1"], "must be at least 1"),
    ],
)
def test_what_no_case_can_have_is_refused_at_once(
    files: ScenarioFiles, vary: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        swept(files, *vary)
    assert all(each.file.startswith("--vary") for each in caught.value.problems)


def test_all_wrong_options_are_told_at_once(files: ScenarioFiles) -> None:
    with pytest.raises(UsageError) as caught:
        swept(files, "a", "b=3..1")
    assert len(str(caught.value).splitlines()) == 2
    with pytest.raises(UsageError, match="nothing is varied"):
        swept(files)
    with pytest.raises(UsageError, match="a is set twice"):
        swept(files, "a=1", "a=2")


def test_a_mapping_says_what_is_varied_in_python(files: ScenarioFiles) -> None:
    mapped = heteroplan.sweep(files.folder, vary={"demand": [1, 1.5]})
    assert mapped.document == swept(files, "demand=1,1.5").document


def test_a_study_file_has_named_cases(files: ScenarioFiles) -> None:
    study = files.folder / "study.yaml"
    study.write_text(
        "name: prices\nset: {demand: 1.5}\n"
        "cases: {as it is: {}, dear: {fleet.node_types.h100x8.usd_per_gpu_hour: '*2'}}\n"
    )
    result = heteroplan.sweep(files.folder, study=study)
    assert [(each.name, each.cost_usd) for each in result.cases] == [
        ("as it is", 60.0),
        ("dear", 120.0),
    ]
    assert result.document.study == "prices"
    assert list(result.frame()["name"]) == ["as it is", "dear"]


def counted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is solved from now on."""
    found: list[object] = []

    def counting(loaded: Any, effort: Any) -> Any:
        found.append(loaded)
        return solved(loaded, effort)

    monkeypatch.setattr(case_work, "solved", counting)
    return found


def test_a_sweep_goes_on_where_it_ended(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only cases without a file are planned, also those of another grid; the table is the same."""
    out = files.folder / "out"
    first = swept(files, "demand=1,1.5", folder=out)
    assert sorted(each.name for each in (out / "cases").iterdir()) == sorted(
        f"{each.key}.json" for each in first.cases
    )
    found = counted(monkeypatch)
    (out / "cases" / f"{first.cases[1].key}.json").unlink()
    again = swept(files, "demand=1,1.5", folder=out)
    assert len(found) == 1
    assert again.document == first.document
    more = swept(files, "demand=1.5,2,1", folder=out)
    assert len(found) == 2
    assert [more.cases[2], more.cases[0]] == list(first.cases)


@pytest.mark.parametrize(
    "changed", ["demand.csv", "fleet.yaml", "gap", "set"], ids=lambda name: str(name)
)
def test_what_changes_a_result_changes_its_key(files: ScenarioFiles, changed: str) -> None:
    (before,) = swept(files, "demand=1").cases
    options: dict[str, Any] = {}
    if changed == "gap":
        options["gap"] = 0.02
    elif changed == "set":
        options["overrides"] = "workloads.chat.headroom=0.1"
    else:
        with (files.folder / changed).open("a") as file:
            file.write("\n")
    (after,) = swept(files, "demand=1", **options).cases
    assert after.key != before.key


def test_a_file_that_changes_during_a_sweep_is_read_as_it_was(
    files: ScenarioFiles,
) -> None:
    def done(count: int, known: int, of: int) -> None:
        (files.folder / "demand.csv").write_text("")

    result = swept(files, "demand=1,1.5", done=done)
    assert [each.cost_usd for each in result.cases] == [40.0, 60.0]


def test_a_file_of_a_case_that_is_none_is_named(files: ScenarioFiles) -> None:
    out = files.folder / "out"
    (case,) = swept(files, "demand=1", folder=out).cases
    (out / "cases" / f"{case.key}.json").write_text("{")
    with pytest.raises(UsageError, match="not the result of a case; remove it"):
        swept(files, "demand=1", folder=out)


def test_failed_cases_are_done_again(files: ScenarioFiles) -> None:
    out = files.folder / "out"
    swept(files, "demand=-1,1", folder=out)
    assert len(list((out / "cases").iterdir())) == 1


class _Losing:
    """An executor that loses its second task, and ends tasks in the reverse order."""

    def run[Task, Result](
        self, work: Callable[[Task], Result], tasks: Sequence[Task], stop: Stop
    ) -> Generator[tuple[int, Result | Lost], None, None]:
        for place in reversed(range(len(tasks))):
            yield place, Lost("3 workers were lost") if place == 1 else work(tasks[place])


def test_a_lost_case_is_a_row_and_the_order_is_that_of_the_study(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def losing(*args: object) -> Iterator[_Losing]:
        yield _Losing()

    monkeypatch.setattr("heteroplan.pipelines.shared.executors.choose.executor_of", losing)
    result = swept(files, "demand=1,1.5,2")
    assert [each.inputs["demand"] for each in result.cases] == [1, 1.5, 2]
    assert [each.error for each in result.cases] == [None, "3 workers were lost", None]
    assert result.exit_code is ExitCode.UNDECIDED


def test_an_interrupt_leaves_what_is_done(files: ScenarioFiles) -> None:
    """It comes when the first case is done; that one stays, in the result and in the folder."""
    seen: list[int] = []
    out = files.folder / "out"

    def done(count: int, known: int, of: int) -> None:
        seen.append(count)

    result = swept(files, "demand=1,1.5,2", folder=out, done=done, stop=lambda: 1 in seen)
    assert result.interrupted
    assert len(result.cases) == 1
    assert len(list((out / "cases").iterdir())) == 1


def test_progress_tells_what_was_known_before(files: ScenarioFiles) -> None:
    out = files.folder / "out"
    swept(files, "demand=1", folder=out)
    told: list[tuple[int, int, int]] = []
    swept(files, "demand=1,1.5", folder=out, done=lambda *counts: told.append(counts))
    assert told == [(0, 0, 2), (1, 1, 2), (2, 1, 2)]


def test_the_table_as_files_and_frame(files: ScenarioFiles, tmp_path: Path) -> None:
    result = swept(files, "demand=1,3,-1", "slo.ttft_ms=900,1000")
    result.write(tmp_path / "out")
    frame = result.frame()
    rows = list(csv.DictReader(io.StringIO((tmp_path / "out" / "cases.csv").read_text())))
    assert [row["demand"] for row in rows] == ["1", "1", "3", "3", "-1", "-1"]
    assert [row["cost_usd"] for row in rows] == ["40.0", "40.0", "80.0", "80.0", "", ""]
    assert [row["gpu_hours.h100x8"] for row in rows] == ["16.0", "16.0", "32.0", "32.0", "", ""]
    parquet = pd.read_parquet(tmp_path / "out" / "cases.parquet")
    assert list(parquet.columns) == list(frame.columns) == list(rows[0])
    assert list(parquet["cost_usd"])[:4] == list(frame["cost_usd"])[:4] == [40.0, 40.0, 80.0, 80.0]
    document = json.loads((tmp_path / "out" / "sweep.json").read_text())
    assert [each["inputs"] for each in document["cases"]][:2] == [
        {"demand": 1, "slo.ttft_ms": 900},
        {"demand": 1, "slo.ttft_ms": 1000},
    ]
    assert document["cases"][0].keys() >= {
        *("inputs", "key", "status", "covered", "cost_usd", "gpu_hours", "gap", "error")
    }


def test_values_of_several_kinds_are_text_in_parquet(files: ScenarioFiles, tmp_path: Path) -> None:
    swept(files, "workloads.chat.pin=[l1],[c1]", "workloads.chat.pd_ratio=null,{min: 1}").write(
        tmp_path / "out"
    )
    table = pd.read_parquet(tmp_path / "out" / "cases.parquet")
    assert list(table["workloads.chat.pin"]) == ['["l1"]', '["l1"]', '["c1"]', '["c1"]']
    assert pd.isna(table["workloads.chat.pd_ratio"][0])
    assert table["workloads.chat.pd_ratio"][1] == '{"min": 1}'


def test_a_search_ends_at_its_gap_or_after_steps_as_the_study_or_the_caller_says(
    files: ScenarioFiles,
) -> None:
    study = files.folder / "study.yaml"
    study.write_text("vary: {demand: [1]}\ngap: 0.1\nsteps: 3\n")
    found = heteroplan.sweep(files.folder, study=study).document.search
    assert (found.gap, found.steps) == (0.1, 3)
    given = heteroplan.sweep(files.folder, study=study, gap=0.2, steps=4).document.search
    assert (given.gap, given.steps) == (0.2, 4)
    plain = swept(files, "demand=1").document.search
    assert (plain.gap, plain.steps) == (pipeline.GAP, pipeline.STEPS) == (0.01, 20)


def test_cases_may_start_from_the_plan_of_the_first(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is planned once and as always; the others get its plan, and keys of their own."""
    begun: list[tuple[float, int]] = []

    def noting(loaded: Any, effort: Any) -> Any:
        begun.append((loaded.scenario.workloads[0].demand[0].rps, len(effort.starts)))
        return solved(loaded, effort)

    cold = swept(files, "demand=1,1.5,2").cases
    monkeypatch.setattr(case_work, "solved", noting)
    warm = swept(files, "demand=1,1.5,2", start_from_first=True).cases
    assert begun == [(5.0, 0), (7.5, 1), (10.0, 1)]
    assert warm[0] == cold[0]
    assert [each.cost_usd for each in warm] == [each.cost_usd for each in cold]
    assert not {each.key for each in warm[1:]} & {each.key for each in cold}
    other = swept(files, "demand=1.5,2", start_from_first=True).cases
    assert other[1].key != warm[2].key


def test_a_sweep_that_starts_from_its_first_case_goes_on(files: ScenarioFiles) -> None:
    out = files.folder / "out"
    options: dict[str, Any] = {"start_from_first": True, "folder": out}
    whole = swept(files, "demand=1,1.5,2", **options)
    (out / "cases" / f"{whole.cases[2].key}.json").unlink()
    assert swept(files, "demand=1,1.5,2", **options).document == whole.document


def test_a_first_case_that_fails_is_no_start(files: ScenarioFiles) -> None:
    cases = swept(files, "demand=-1,1.5", start_from_first=True).cases
    assert [each.cost_usd for each in cases] == [None, 60.0]
    assert cases[1].key == swept(files, "demand=1.5").cases[0].key


def test_a_result_in_the_folder_has_the_name_that_this_study_gives_it(files: ScenarioFiles) -> None:
    out = files.folder / "out"
    swept(files, "demand=1.5", folder=out)
    study = files.folder / "study.yaml"
    study.write_text("cases: {more: {demand: 1.5}}")
    (case,) = heteroplan.sweep(files.folder, study=study, folder=out).cases
    assert (case.name, case.cost_usd) == ("more", 60.0)
    assert len(list((out / "cases").iterdir())) == 1
