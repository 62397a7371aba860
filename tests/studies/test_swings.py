import pytest

from heteroplan.entities.scenario import Objective
from heteroplan.studies.swings import swings
from tests.case_results import case_result, short

COST = Objective.COST


def test_the_input_that_moves_cost_most_comes_first() -> None:
    """A price moves 100 USD by 4 at most, demand by 12."""
    found = swings(
        [
            case_result(100.0, {}),
            case_result(96.0, {"price": 0.9}),
            case_result(104.0, {"price": 1.1}),
            case_result(112.0, {"demand": "*1.1"}),
            case_result(91.0, {"demand": "*0.9"}),
        ],
        COST,
    )
    assert [each.path for each in found] == ["demand", "price"]
    demand, price = found
    assert [each.inputs["demand"] for each in demand.cases] == ["*0.9", "*1.1"]
    assert list(map(demand.change, demand.cases)) == [-9.0, 12.0]
    assert (demand.greatest, price.greatest) == (12.0, 4.0)


def test_what_is_short_has_no_change_and_comes_before_all_others() -> None:
    """A plan that serves 90 % may well cost less: that is no saving."""
    found = swings(
        [
            case_result(100.0, {}),
            case_result(150.0, {"price": 2}),
            short(0.9, 95.0, {"nodes": 5}),
            case_result(99.0, {"nodes": 7}),
        ],
        COST,
    )
    assert [(each.path, each.loses_coverage) for each in found] == [
        ("nodes", True),
        ("price", False),
    ]
    assert list(map(found[0].change, found[0].cases)) == [None, -1.0]


def test_in_a_grid_the_other_inputs_are_as_in_the_first_case() -> None:
    """Of 2 x 3 cases one sets a alone otherwise, and two set b alone otherwise."""
    grid = [case_result(10.0 * a + b, {"a": a, "b": b}) for a in (1, 2) for b in (1, 2, 3)]
    found = {each.path: each for each in swings(grid, COST)}
    assert [each.inputs for each in found["a"].cases] == [{"a": 2, "b": 1}]
    assert [each.inputs["b"] for each in found["b"].cases] == [2, 3]
    assert (found["a"].greatest, found["b"].greatest) == (10.0, 2.0)


def test_gpu_hours_are_compared_where_they_are_minimised() -> None:
    cases = [case_result(10.0, {}, gpu_hours=5.0), case_result(11.0, {"a": 1}, gpu_hours=8.0)]
    assert swings(cases, Objective.GPU_HOURS)[0].greatest == pytest.approx(3.0)


@pytest.mark.parametrize("base", [short(0.5, 9.0, {}), case_result(None, {})])
def test_against_a_base_that_is_not_covered_nothing_compares(base: object) -> None:
    (found,) = swings([base, case_result(11.0, {"a": 1})], COST)  # type: ignore[list-item]
    assert found.change(found.cases[0]) is None
    assert (found.greatest, found.loses_coverage) == (0, False)


def test_no_cases_have_no_swings() -> None:
    assert swings([], COST) == ()
