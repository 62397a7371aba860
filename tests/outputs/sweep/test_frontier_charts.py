import re

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.sweep.frontier_charts import frontier_chart, frontier_sections
from heteroplan.studies.case import Value
from heteroplan.studies.frontier import Frontier, frontier
from heteroplan.studies.result import CaseResult
from tests.case_results import case_result, short
from tests.pages import NASTY

COST = Objective.COST
ONE = [
    case_result(100.0, {"demand": 1}),
    case_result(150.0, {"demand": 1.5}),
    short(0.9, 160.0, {"demand": 2}),
]


def made(path: str, cases: list[CaseResult]) -> Frontier:
    found = frontier(path, cases, COST)
    assert found is not None
    return found


def html(path: str, cases: list[CaseResult]) -> str:
    (text,) = frontier_sections([made(path, cases)], COST, "USD a day")
    return text


def test_covered_cases_are_a_line_and_others_are_crosses() -> None:
    line, crosses = frontier_chart(made("demand", ONE), COST, "USD a day").data
    assert (list(line.x), list(line.y)) == ([1, 1.5], [100, 150])
    assert (list(crosses.x), list(crosses.y), crosses.mode) == ([2], [160], "markers")


def test_what_no_case_beats_is_drawn_over_several_lines() -> None:
    """With 5 nodes demand 1 is cheaper, with 6 nodes demand 2."""
    costs = {(1, 5): 90.0, (1, 6): 100.0, (2, 5): 190.0, (2, 6): 180.0}
    cases = [case_result(cost, {"demand": d, "nodes": n}) for (d, n), cost in costs.items()]
    first, second, best = frontier_chart(made("demand", cases), COST, "USD").data
    assert (first.name, second.name) == ("nodes 5", "nodes 6")
    assert (list(best.x), list(best.y)) == ([1, 2], [90, 180])


def test_it_is_said_what_more_costs_and_where_coverage_ends() -> None:
    assert (
        "Demand 1 costs 100, 1.5 costs 150 (+50.0 %); demand is covered up to 1.5, not at 2."
    ) in html("demand", ONE)


def test_of_an_slo_the_tighter_limit_comes_second() -> None:
    cases = [case_result(120.0, {"slo.ttft_ms": 500}), case_result(100.0, {"slo.ttft_ms": 2000})]
    assert "TTFT limit 2,000 ms costs 100, 500 ms costs 120 (+20.0 %)." in html(
        "slo.ttft_ms", cases
    )


def test_lines_of_which_nothing_is_known_count_as_no_settings() -> None:
    """Of four settings one has more than failed cases; of five with figures three are told."""
    one: list[dict[str, Value]] = [{"demand": d, "n": 0} for d in (1, 2)]
    none: list[dict[str, Value]] = [{"demand": d, "n": n} for d in (1, 2) for n in (1, 2, 3)]
    cases = [case_result(100.0, each) for each in one] + [case_result(None, each) for each in none]
    assert "settings of the other inputs" not in html("demand", cases)
    many: list[dict[str, Value]] = [{"demand": d, "n": n} for d in (1, 2) for n in range(5)]
    text = html("demand", [case_result(100.0, each) for each in many])
    assert "5 settings of the other inputs, of which these are the first." in text


def test_where_nothing_is_covered_that_is_said() -> None:
    cases = [short(0.9, 100.0, {"demand": 1}), short(0.5, 100.0, {"demand": 2})]
    assert "Demand is not covered, not even at demand 1." in html("demand", cases)


def test_the_table_has_a_row_a_value_and_a_column_a_line() -> None:
    cases = [case_result(100.0 * d + n, {"demand": d, "nodes": n}) for d in (1, 2) for n in (5, 6)]
    cases[3] = short(0.9, 100.0, cases[3].inputs)
    rows = re.findall(r"<tr>(.*?)</tr>", html("demand", cases))
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row) for row in rows]
    assert cells == [
        ["demand [factor]", "nodes 5", "nodes 6"],
        ["1", "105", "106"],
        ["2", "205", "90.0 % served"],
    ]


def test_lines_of_named_cases_have_their_names() -> None:
    cases = [
        case_result(100.0 * d + n, {"demand": d, "nodes": n}, name=name)
        for d in (1, 2)
        for n, name in ((5, "small"), (6, "large"))
    ]
    lines = frontier_chart(made("demand", cases), COST, "USD").data
    assert [line.name for line in lines][:2] == ["small", "large"]


def test_names_are_text() -> None:
    cases = [case_result(100.0 * d, {"demand": d, NASTY: n}) for d in (1, 2) for n in (5, 6)]
    assert "<img" not in html("demand", cases)
