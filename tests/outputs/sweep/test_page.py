"""The page of a study as a browser takes it apart."""

import re
from typing import Any

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.sweep.document import SamplesPart, SearchPart, SweepDocument, VariationPart
from heteroplan.outputs.sweep.page import MOST_ROWS, sweep_html
from heteroplan.studies.case import Value
from heteroplan.studies.result import CaseResult, CaseStatus
from tests.case_results import case_result, short
from tests.pages import NASTY, addresses, tags


def document(
    cases: list[CaseResult], vary: dict[str, tuple[Value, ...]], **more: Any
) -> SweepDocument:
    given: dict[str, Any] = {
        "scenario": "quickstart",
        "objective": Objective.COST,
        "horizon_hours": 24.0,
    }
    return SweepDocument(
        schema_version=1,
        heteroplan_version="0.1.0",
        vary=tuple(VariationPart(path=path, values=values) for path, values in vary.items()),
        search=SearchPart(gap=0.01, steps=None, solver="HiGHS"),
        cases=tuple(cases),
        **(given | more),
    )


GRID = document(
    [
        case_result(100.0 * d + n, {"demand": d, "fleet.a.h": n}) if d < 3
        else short(0.9, 300.0, {"demand": d, "fleet.a.h": n})
        for d in (1, 2, 3)
        for n in (5, 6)
    ],
    {"demand": (1, 2, 3), "fleet.a.h": (5, 6)},
)  # fmt: skip
ONE_AT_A_TIME = document(
    [
        case_result(100.0, {}),
        case_result(90.0, {"demand": "*0.9"}),
        case_result(95.0, {"fleet.a.h": 7}),
        case_result(None, {"fleet.a.h": 5}),
    ],
    {},
)


def heads(text: str) -> list[str]:
    return re.findall(r"<h2>(.*?)</h2>", text)


def test_a_base_case_that_failed_is_compared_with_nothing() -> None:
    inputs: list[dict[str, Value]] = [{"demand": d, "n": n} for d in (1, 2) for n in (5, 6)]
    cases = [case_result(None if each["n"] == 5 else 100.0, each) for each in inputs]
    found = heads(sweep_html(document(cases, {"demand": (1, 2), "n": (5, 6)})))
    assert "Which input moves cost most" not in found
    assert "Cost against demand" in found


def test_a_grid_has_all_pictures() -> None:
    assert heads(sweep_html(GRID)) == [
        "Which input moves cost most",
        "Cost against demand",
        "Cost against nodes of h on a",
        "Two inputs against each other",
        "Cases",
    ]


def test_inputs_that_are_set_one_at_a_time_have_bars_alone() -> None:
    text = sweep_html(ONE_AT_A_TIME)
    assert heads(text) == ["Which input moves cost most", "Cases", "Cases that failed"]
    assert "a field is wrong" in text


def test_one_input_needs_no_bars() -> None:
    cases = [case_result(100.0 * d, {"demand": d}) for d in (1, 2)]
    assert heads(sweep_html(document(cases, {"demand": (1, 2)}))) == [
        "Cost against demand",
        "Cases",
    ]


def test_the_verdict_counts_cases() -> None:
    assert "Demand is covered in 4 of 6 cases; 2 short." in sweep_html(GRID)
    assert "Demand is covered in 3 of 4 cases; 1 failed." in sweep_html(ONE_AT_A_TIME)
    assert 'class="verdict partly"' in sweep_html(GRID)
    nothing = document([short(0.9, 1.0, {})], {})
    assert 'class="verdict short"' in sweep_html(nothing)
    assert 'class="verdict good"' in sweep_html(document([case_result(1.0, {})], {}))


def test_what_the_clock_ended_is_noted() -> None:
    late = document([case_result(1.0, {}, status=CaseStatus.TIME_LIMIT)], {})
    assert "may differ from run to run: 1 of 1 cases" in sweep_html(late)
    assert "Ended by the clock" not in sweep_html(GRID)


def test_samples_are_shown_as_spreads_of_each_combination_of_inputs() -> None:
    """Two combinations of ten samples; in the second of them something is not served."""
    cases = [
        case_result(100.0 * d + n, {"demand": d}) if d == 1 or n
        else short(0.9, 100.0, {"demand": d})
        for d in (1, 2)
        for n in range(10)
    ]  # fmt: skip
    drawn = SamplesPart(count=10, seed=3, notes=("engines are taken as measured",))
    text = sweep_html(document(cases, {"demand": (1, 2)}, samples=drawn))
    assert heads(text) == ["Samples with demand=1", "Samples with demand=2", "Cases"]
    assert re.findall(r"<h3>(.*?)</h3>", text) == [
        "cost [USD a day]", "cost [USD a day]", "unserved [requests]"
    ]  # fmt: skip
    assert "10 samples (seed 3)" in text
    assert "Engines are taken as measured." in text


def test_named_cases_are_compared_with_the_first_and_shown_by_their_names() -> None:
    cases = [
        case_result(100.0, {}, name="today"),
        case_result(130.0, {"demand": 1.5, "slo.ttft_ms": 500}, name="next year"),
        case_result(90.0, {"fleet.a.h": 5, "fleet.b.h": 5}, name="fewer"),
    ]
    text = sweep_html(document(cases, {}))
    assert re.findall(r"<li><span>(.*?)</span><b>(.*?)</b>", text) == [
        ("next year", '<i class="high">+30</i>'),
        ("fewer", '<i class="high">-10</i>'),
    ]
    table = text[text.index("<h2>Cases</h2>") :]
    assert re.findall(r"<tr><td[^>]*>(.*?)</td>", table) == ["today", "next year", "fewer"]


def test_the_page_loads_nothing_and_takes_names_for_text() -> None:
    cases = [
        case_result(100.0 * d, {"demand": d, f"workloads.{NASTY}.headroom": n}, error=NASTY)
        for d in (1, 2)
        for n in (0.1, NASTY)
    ]
    vary: dict[str, tuple[Value, ...]] = {
        "demand": (1, 2), f"workloads.{NASTY}.headroom": (0.1, NASTY)
    }  # fmt: skip
    text = sweep_html(document(cases, vary, scenario=NASTY, notes=(NASTY,)))
    assert "img" not in tags(text)
    assert addresses(text) == []


def test_every_case_is_a_row_of_the_table_up_to_a_limit() -> None:
    cases = [case_result(100.0 + d, {"demand": d}) for d in range(MOST_ROWS + 5)]
    text = sweep_html(document(cases, {"demand": tuple(range(MOST_ROWS + 5))}))
    table = text[text.index("<h2>Cases</h2>") :]
    assert table.count("<tr>") == MOST_ROWS + 1
    assert "5 more cases are in cases.csv." in table


def test_gpu_hours_are_shown_once_where_they_are_minimised() -> None:
    cases = [case_result(100.0 * d, {"demand": d}) for d in (1, 2)]
    hours = document(cases, {"demand": (1, 2)}, objective=Objective.GPU_HOURS)
    text = sweep_html(hours)
    (head,) = re.findall(r"<h2>Cases</h2><table[^>]*><thead><tr>(.*?)</tr>", text)
    assert re.findall(r">([^<>]+)</th>", head) == [
        "set", "demand is", "GPU-hours a day", "peak GPUs", "gap"
    ]  # fmt: skip
