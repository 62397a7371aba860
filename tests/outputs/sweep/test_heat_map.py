import re

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.sweep.heat_map import MOST_VALUES, heat_section
from heteroplan.studies.case import Variation
from heteroplan.studies.cross_table import cross_tables
from heteroplan.studies.result import CaseResult
from tests.case_results import case_result, short

DEMAND, TTFT = Variation("demand", (1, 2)), Variation("slo.ttft_ms", (500, 1000))
CASES = [
    case_result(150.0, {"demand": 1, "slo.ttft_ms": 500}),
    case_result(100.0, {"demand": 1, "slo.ttft_ms": 1000}),
    short(0.9, 160.0, {"demand": 2, "slo.ttft_ms": 500}),
    case_result(200.0, {"demand": 2, "slo.ttft_ms": 1000}),
]


def html(cases: list[CaseResult], *variations: Variation) -> str:
    return heat_section(list(cross_tables(variations, cases)), Objective.COST, "USD a day")


def test_cells_are_the_darker_the_more_they_cost() -> None:
    """100 to 200 USD are 0 to 0.6 of the colour; what is short has none."""
    cells = re.findall(r'<td class="(\w+)"(.*?)>(.*?)</td>', html(CASES, DEMAND, TTFT))
    shades = [re.findall(r"[\d.]+(?=\))", style) for _, style, _ in cells]
    assert [(kind, text) for kind, _, text in cells] == [
        ("covered", "150"), ("least", "100"), ("uncovered", "90.0 % served"), ("covered", "200")
    ]  # fmt: skip
    assert shades == [["0.300"], ["0.000"], [], ["0.600"]]


def test_rows_and_columns_have_heads_and_a_caption() -> None:
    text = html(CASES, DEMAND, TTFT)
    assert "<caption>demand (down) and TTFT limit (across)</caption>" in text
    assert re.findall(r'<th scope="col">(.*?)</th>', text) == ["500 ms", "1,000 ms"]
    assert re.findall(r'<th scope="row">(.*?)</th>', text) == ["1", "2"]


def test_large_tables_are_left_out_and_that_is_said() -> None:
    many = Variation("demand", tuple(range(1, MOST_VALUES + 2)))
    cases = [
        case_result(1.0, {"demand": d, "slo.ttft_ms": t}) for d in many.values for t in TTFT.values
    ]
    text = html(cases, many, TTFT)
    assert "<td" not in text
    assert "1 more pairs of inputs are not shown" in text


def test_one_input_has_no_map() -> None:
    assert html([case_result(1.0, {"demand": 1})], DEMAND) == ""
