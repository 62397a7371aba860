"""What the terminal says of a study, from results made by hand."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.sweep.document import SearchPart, SweepDocument, VariationPart
from heteroplan.outputs.sweep.figures import coverage_ends
from heteroplan.outputs.sweep.progress import progress_text
from heteroplan.outputs.sweep.text import render_sweep, sentences
from heteroplan.studies.case import Value
from heteroplan.studies.result import CaseResult, CaseStatus, exit_code


def case(cost: float | None, covered: str = "covered", **inputs: Value) -> CaseResult:
    return CaseResult(
        inputs=inputs,
        key="k",
        status=CaseStatus.GAP_REACHED,
        covered=covered,
        cost_usd=cost,
        gpu_hours=None if cost is None else 1000 - cost,
    )


def document(
    cases: Sequence[CaseResult], objective: Objective = Objective.COST, **vary: tuple[Value, ...]
) -> SweepDocument:
    return SweepDocument(
        heteroplan_version="1",
        scenario="s",
        objective=objective,
        horizon_hours=24.0,
        vary=tuple(VariationPart(path=path, values=values) for path, values in vary.items()),
        search=SearchPart(gap=0.01, steps=None, solver="HiGHS"),
        cases=tuple(cases),
    )


@pytest.mark.parametrize(
    ("values", "covered", "ends"),
    [
        ((1, 2, 3), "yyn", [("a", 2, 3)]),
        ((3, 1, 2), "nyy", [("a", 2, 3)]),
        ((6, 7, 8), "nny", [("a", 8, 7)]),
        ((1, 2, 3), "yyy", []),
        ((1, 2, 3), "nnn", []),
        ((1, 2, 3), "yny", []),
        (("x", "y"), "yn", []),
        ((True, False), "yn", []),
        ((1,), "y", []),
    ],
)
def test_coverage_ends_where_all_cases_before_are_covered_and_none_after(
    values: tuple[Value, ...], covered: str, ends: list[tuple[str, Value, Value]]
) -> None:
    cases = [
        case(1.0, "covered" if each == "y" else "short", a=value)
        for value, each in zip(values, covered, strict=True)
    ]
    assert list(coverage_ends(document(cases, a=values))) == ends


def test_the_cheapest_is_of_what_is_minimised() -> None:
    cases = [case(100.0, a=1), case(200.0, a=2), case(50.0, "short", a=3)]
    by_cost = " ".join(sentences(document(cases, a=(1, 2, 3))))
    assert "Cheapest that covers all demand: 100 USD with a=1." in by_cost
    by_hours = " ".join(sentences(document(cases, Objective.GPU_HOURS, a=(1, 2, 3))))
    assert "Cheapest that covers all demand: 800 GPU-hours with a=2." in by_hours


def test_cases_that_the_clock_ended_are_told() -> None:
    late = case(1.0, a=1).model_copy(update={"status": CaseStatus.TIME_LIMIT})
    (*_, last) = sentences(document([late, case(2.0, a=2)], a=(1, 2)))
    assert last.startswith("1 case was ended by the clock: it may differ from run to run.")


@pytest.mark.parametrize(
    ("covered", "wrong", "code"),
    [
        (["covered", "short"], [False, False], 0),
        (["covered", "undecided"], [False, False], 3),
        (["covered", None], [False, False], 3),
        (["undecided", None], [False, True], 2),
    ],
)
def test_exit_codes(covered: list[str | None], wrong: list[bool], code: int) -> None:
    results = [
        case(1.0).model_copy(update={"covered": each, "wrong_input": is_wrong})
        for each, is_wrong in zip(covered, wrong, strict=True)
    ]
    assert exit_code(results) == code


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    path = "fleet.node_types.h100x8.usd_per_gpu_hour"
    cases = [case(float(i)).model_copy(update={"inputs": {path: i}}) for i in range(3)]
    varied = VariationPart(path=path, values=(0, 1, 2))
    console = Console(file=io.StringIO(), width=width)
    render_sweep(document(cases).model_copy(update={"vary": (varied,)}), console)
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    words = max(map(len, text.split()))
    assert max(map(len, text.splitlines())) <= max(width, words + 2)
    assert path in text.replace("\n", "").replace(" ", "")


@pytest.mark.parametrize(
    ("counts", "seconds", "text"),
    [
        ((0, 0, 10), 5.0, "0 of 10 cases are done"),
        ((5, 0, 10), 50.0, "5 of 10 cases are done, about 50 s left"),
        ((5, 3, 10), 50.0, "5 of 10 cases are done (3 known before), about 2 min left"),
        ((5, 5, 10), 50.0, "5 of 10 cases are done (5 known before)"),
        ((10, 0, 10), 50.0, "10 of 10 cases are done"),
        ((1, 0, 1000), 60.0, "1 of 1,000 cases are done, about 16.6 h left"),
    ],
)
def test_the_time_left_is_that_of_cases_that_are_planned(
    counts: tuple[int, int, int], seconds: float, text: str
) -> None:
    """Two cases of 25 s each leave five such cases: 125 s."""
    assert progress_text(*counts, seconds) == text
