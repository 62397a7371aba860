import pytest

from heteroplan.entities.scenario import Objective
from heteroplan.studies.case import Value
from heteroplan.studies.result import amount, base_of, changed_paths, number_of
from tests.case_results import case_result


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3.0), (1.5, 1.5), ("*0.9", 0.9), ("*x", None), ("1.5", None), (True, None), (None, None)],
)
def test_numbers_and_factors_are_numbers(value: Value, number: float | None) -> None:
    assert number_of(value) == number


def test_the_amount_is_what_the_scenario_minimises() -> None:
    case = case_result(10.0, {}, gpu_hours=7.0)
    assert (amount(case, Objective.COST), amount(case, Objective.GPU_HOURS)) == (10.0, 7.0)


def test_an_input_that_one_case_leaves_alone_is_changed() -> None:
    """True is not 1, though Python calls them equal."""
    first = case_result(1.0, {"a": 1, "b": 2, "c": 1})
    second = case_result(1.0, {"b": 2, "c": True, "d": 4})
    assert changed_paths(first, second) == ("a", "c", "d")


def test_the_base_is_what_sets_nothing_or_comes_first() -> None:
    inputs: tuple[dict[str, Value], ...] = ({}, {"a": 1}, {"a": 2})
    bare, one, two = (case_result(1.0, each) for each in inputs)
    assert base_of([one, bare, two]) is bare
    assert base_of([two, one]) is two
    assert base_of([]) is None


def test_the_base_of_a_grid_has_a_factor_of_one() -> None:
    """Of (0.8, 500), (1, 500), (1, 1000) the second: demand is as it is, and it comes first."""
    cases = [
        case_result(1.0, {"demand": demand, "slo.ttft_ms": limit})
        for demand, limit in ((0.8, 500), (1, 500), (1, 1000))
    ]
    assert base_of(cases) is cases[1]
    as_it_is = case_result(1.0, {"demand": "*1.0"})
    assert base_of([cases[0], as_it_is]) is as_it_is
