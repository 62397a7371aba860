"""What the terminal says of a study, from results made by hand."""

import io
from collections.abc import Sequence

import pytest
from rich.console import Console

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.sweep.document import (
    SamplesPart,
    SearchPart,
    SweepDocument,
    VariationPart,
)
from heteroplan.outputs.sweep.figures import coverage_ends
from heteroplan.outputs.sweep.page import sweep_html
from heteroplan.outputs.sweep.progress import progress_text
from heteroplan.outputs.sweep.table import cases_frame
from heteroplan.outputs.sweep.text import render_sweep, sentences
from heteroplan.studies.case import Value
from heteroplan.studies.result import CaseResult, CaseStatus, exit_code
from tests.case_results import case_result, short


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
    cheapest = "Cheapest that covers all demand: 100 USD with a=1"
    assert f"{cheapest}; most expensive: 200 USD with a=2, 100.0 % more." in by_cost
    by_hours = " ".join(sentences(document(cases, Objective.GPU_HOURS, a=(1, 2, 3))))
    cheapest = "Cheapest that covers all demand: 800 GPU-hours with a=2"
    assert f"{cheapest}; most expensive: 900 GPU-hours with a=1, 12.5 % more." in by_hours
    alone = " ".join(sentences(document([cases[0], cases[2]], a=(1, 3))))
    assert "Cheapest that covers all demand: 100 USD with a=1." in alone


def test_where_none_covers_the_case_that_serves_most_is_told() -> None:
    cases = [short(0.9, 10, {"a": 1}), short(0.955, 12, {"a": 2}), short(0.93, 11, {"a": 3})]
    assert "Least is unserved with a=2: 4.50 %." in list(sentences(document(cases, a=(1, 2, 3))))
    alike = [short(0.9, 10, {"a": 1}), short(0.9, 12, {"a": 2})]
    assert len(list(sentences(document(alike, a=(1, 2))))) == 1


@pytest.mark.parametrize(
    ("count", "told"),
    [(11, ["Nine of ten samples cost 105 to 195 USD, half of them 150 or more."]), (9, [])],
)
def test_samples_tell_how_far_cost_spreads(count: int, told: list[str]) -> None:
    """Costs 100, 110, ... 200: the quantile q of eleven is 100 + 100 q."""
    cases = [case(100.0 + 10 * i).model_copy(update={"drawn": {"sample": i}}) for i in range(count)]
    drawn = SamplesPart(count=count, seed=1, notes=())
    sampled = document(cases).model_copy(update={"samples": drawn})
    assert list(sentences(sampled))[1:] == told
    less = document([*cases[1:], case(90.0, "short")]).model_copy(update={"samples": drawn})
    assert list(sentences(less))[1:] == []


def test_named_cases_and_cases_beside_a_short_base_are_a_table_with_what_is_unserved() -> None:
    alone: list[dict[str, Value]] = [{}, {"a": 2}, {"b": 3}, {"c": 4}]
    covered = [case_result(100.0 + i, inputs) for i, inputs in enumerate(alone)]
    moved = told(document(covered))
    assert "more\n" in moved.replace(" ", "")
    assert "As it is: 100 USD; c changes that most." in moved
    named = [
        each.model_copy(update={"name": name}) for name, each in zip("pqrs", covered, strict=True)
    ]
    assert "GPU-hours" in told(document(named))
    lost = [short(0.9 + i / 100, 100.0, inputs) for i, inputs in enumerate(alone)]
    assert "9.00%" in told(document(lost))
    narrow = told(document(lost), width=40)
    assert "\nas it is\n  demand is short, USD 100, GPU-hours" in narrow
    assert "not served 10.00%" in " ".join(narrow.split())


def told(shown: SweepDocument, width: int = 100) -> str:
    """What a terminal of so many columns shows."""
    console = Console(file=io.StringIO(), width=width)
    render_sweep(shown, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_egress_stands_beside_the_cost_and_may_make_another_case_the_cheapest() -> None:
    """100 + 30 USD abroad, 110 + 0 at home; the third case is short."""
    abroad, home, gone = case(100.0, a=100), case(110.0, a=0), case(90.0, "short", a=50)
    abroad = abroad.model_copy(update={"egress_gb": 333.0, "egress_usd": 30.0})
    home = home.model_copy(update={"egress_gb": 0.0, "egress_usd": 0.0})
    gone = gone.model_copy(update={"egress_gb": 500.0, "egress_usd": None})
    made = document((abroad, home, gone), a=(100, 0, 50))
    words = " ".join(sentences(made))
    assert "Cheapest that covers all demand: 100 USD with a=100" in words
    assert "Cheapest with egress, which is in no cost and no gap: 110 USD with a=0." in words
    text = told(made)
    assert "egress" in text
    assert "500 GB" in text
    assert "Cheapest with egress, which is in no cost and no gap" in sweep_html(made)
    frame = cases_frame(made)
    assert list(frame["egress_gb"]) == [333.0, 0.0, 500.0]
    unpriced = [each.model_copy(update={"egress_usd": None}) for each in (abroad, home)]
    assert "with egress" not in " ".join(sentences(document(unpriced, a=(100, 0))))
    plain = document((case(1.0, a=1), case(2.0, a=2)), a=(1, 2))
    assert "egress" not in " ".join((told(plain), *sentences(plain), *cases_frame(plain)))


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


def fails(error: str, **inputs: Value) -> CaseResult:
    return case_result(None, inputs, error=error)


def test_coverage_does_not_end_where_cases_only_failed() -> None:
    cases = [case(1.0, a=1), fails("b.yaml: x: wrong", a=2)]
    assert list(coverage_ends(document(cases, a=(1, 2)))) == []


def test_an_error_is_told_once_after_what_its_cases_have_in_common() -> None:
    """Both problems of it on a line of their own; of one case of two alike, that and the other."""
    error = "a.yaml: x: wrong\nb.yaml: y: wrong"
    cases = [fails(error, a=1, b=1), fails(error, a=1, b=2), case(1.0, a=2, b=1)]
    text = told(document([*cases, case(1.0, a=2, b=2)], a=(1, 2), b=(1, 2)))
    assert "\na=1 (2 cases): a.yaml: x: wrong\nb.yaml: y: wrong\n" in text
    cases = [case(1.0, a=1, b=1), fails("no", a=1, b=2), fails("no", a=2, b=1)]
    text = told(document([*cases, case(1.0, a=2, b=2)], a=(1, 2), b=(1, 2)))
    assert text.endswith("\na=1, b=2 and 1 more: no\n")
    many = [fails(f"e{i}", a=i) for i in (0, 1, 2, 3, 4, 5, 6)]
    assert "and 2 more cases that failed" in told(document(many, a=tuple(range(7))))


def test_three_inputs_are_a_table_at_80_columns_and_told_with_their_names_below() -> None:
    """Where all is served there is no column of what is not."""
    inputs: list[dict[str, Value]] = [
        {"demand": 1, "slo.ttft_ms": 800, "fleet.iad-s1-l1.h100x8": count} for count in (3, 4)
    ]
    cases = [case_result(3219.0 + i, each) for i, each in enumerate(inputs)]
    made = document(cases)

    def shown(width: int) -> str:
        console = Console(file=io.StringIO(), width=width)
        render_sweep(made, console)
        assert isinstance(console.file, io.StringIO)
        return console.file.getvalue()

    assert "iad-s1-l1." in shown(100)
    assert "served   gap" in shown(100).replace("\n", " ")
    assert "iad-s1-l1." in shown(72)
    assert "served" not in shown(72).split("demand is")[-1]
    assert "demand 1, slo.ttft_ms 800,\nfleet.iad-s1-l1.h100x8 3\n  demand is" in shown(40)


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
