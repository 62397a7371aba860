"""The track of a bar is 100 % wide; the base case is at 50 %."""

import re

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.sweep.tornado import change_text, sides, tornado_section
from heteroplan.studies.result import CaseResult
from heteroplan.studies.swings import swings
from tests.case_results import case_result, short

CASES = [
    case_result(100.0, {}),
    case_result(90.0, {"demand": "*0.9"}),
    case_result(120.0, {"demand": "*1.1"}),
    case_result(105.0, {"fleet.a.h": 5}),
    short(0.973, 99.0, {"fleet.a.h": 3}),
]


def html(cases: list[CaseResult]) -> str:
    return tornado_section(swings(cases, Objective.COST), Objective.COST, "USD a day")


def test_bars_are_as_long_as_their_share_of_the_greatest_change() -> None:
    """Of 20 at most, 10 less is a quarter of the track to the left, 5 more an eighth."""
    bars = re.findall(r'class="bar (\w+)" style="left: ([\d.]+)%; width: ([\d.]+)%"', html(CASES))
    assert bars == [
        ("high", "50.00", "12.50"),
        ("low", "25.00", "25.00"),
        ("high", "50.00", "50.00"),
    ]


def test_what_is_short_has_no_bar_and_comes_first() -> None:
    text = html(CASES)
    assert text.index("nodes of h on a") < text.index("<span>demand</span>")
    assert '<i class="short">3: 97.3 % served</i>' in text


def test_values_of_the_greatest_changes_stand_beside_the_bars() -> None:
    assert re.findall(r'<i class="(?:low|high)">([^<]+)</i>', html(CASES)) == [
        "5: +5", "-10 %: -10", "+10 %: +20"
    ]  # fmt: skip


def test_the_table_has_every_case_with_its_change_and_share() -> None:
    rows = re.findall(r"<tr><td.*?</tr>", html(CASES))
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row) for row in rows]
    assert cells == [
        ["nodes of h on a", "3", "97.3 % served", "99", "", ""],
        ["nodes of h on a", "5", "covered", "105", "+5", "+5.0 %"],
        ["demand", "-10 %", "covered", "90", "-10", "-10.0 %"],
        ["demand", "+10 %", "covered", "120", "+20", "+20.0 %"],
    ]


def test_sides_are_below_and_above_the_base_case() -> None:
    """The base case of a grid has a value of its own; texts are on the upper side."""
    grid = [case_result(float(n), {"n": n}) for n in (6, 4, 5, 8)]
    (found,) = swings(grid, Objective.COST)
    low, high = sides(found)
    assert [[each.inputs["n"] for each in side.cases] for side in (low, high)] == [[4, 5], [8]]
    named = [case_result(1.0, {"affinity": name}) for name in ("leaf", "spine")]
    (found,) = swings(named, Objective.COST)
    assert [len(side.cases) for side in sides(found)] == [0, 1]


def test_a_base_that_is_not_covered_compares_with_nothing() -> None:
    text = html([short(0.5, 100.0, {}), case_result(120.0, {"a": 1})])
    assert "as it is: 50.0 % served, so that amounts do not compare" in text
    assert 'class="bar' not in text


def test_changes_within_the_gaps_of_plans_are_told() -> None:
    """Plans of 120 USD within 1 % of their bounds: 1.2 USD. Without a gap nothing is told."""
    assert "Each plan may be up to 1.2 USD above the best one" in html(CASES)
    exact = [case_result(100.0, {}, gap=0.0), case_result(90.0, {"demand": 0.9}, gap=0.0)]
    assert "Each plan may be" not in html(exact)


def test_of_many_inputs_the_first_are_drawn() -> None:
    cases = [case_result(100.0, {}), *(case_result(101.0 + i, {f"p{i}": 1}) for i in range(30))]
    text = html(cases)
    assert text.count('class="track"') == 20
    assert "20 of 30 inputs are drawn; the table has all." in text
    assert len(re.findall(r"<tr><td", text)) == 30


def test_changes_have_signs() -> None:
    assert list(map(change_text, (0.0, 12.34, -1234.5))) == ["0", "+12.3", "-1,234"]
