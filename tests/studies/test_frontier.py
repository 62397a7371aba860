from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.scenario import Objective
from heteroplan.studies.frontier import Better, better_of, frontier
from heteroplan.studies.result import CaseResult
from tests.case_results import case_result, short

COST = Objective.COST


def test_lines_hold_all_other_inputs() -> None:
    cases = [
        case_result(10 * demand + nodes, {"demand": demand, "nodes": nodes})
        for demand in (2, 1)
        for nodes in (4, 5)
    ]
    found = frontier("demand", cases, COST)
    assert found is not None
    assert [line.others for line in found.lines] == [(("nodes", 4),), (("nodes", 5),)]
    assert [[found.value(c) for c in line.cases] for line in found.lines] == [[1, 2], [1, 2]]


def test_texts_and_single_values_have_no_frontier() -> None:
    assert frontier("a", [case_result(1, {"a": "x"}), case_result(1, {"a": "y"})], COST) is None
    assert frontier("a", [case_result(1, {"a": 1}), case_result(2, {"a": 1, "b": 1})], COST) is None
    assert frontier("b", [case_result(1, {"a": 1})], COST) is None


def test_coverage_ends_where_demand_grows_or_the_slo_tightens() -> None:
    demand = [
        case_result(1, {"demand": 1}),
        case_result(2, {"demand": 1.5}),
        short(0.9, 2, {"demand": 2}),
    ]
    found = frontier("demand", demand, COST)
    assert found is not None
    assert found.coverage_end(found.lines[0]) == (1.5, 2)
    without_answer = [demand[0], case_result(None, {"demand": 1.2}), *demand[1:]]
    found = frontier("demand", without_answer, COST)
    assert found is not None
    assert found.coverage_end(found.lines[0]) == (1.5, 2)
    slo = [
        short(0.9, 3, {"slo.ttft_ms": 200}),
        case_result(2, {"slo.ttft_ms": 500}),
        case_result(1, {"slo.ttft_ms": 900}),
    ]
    found = frontier("slo.ttft_ms", slo, COST)
    assert found is not None
    assert found.coverage_end(found.lines[0]) == (500, 200)
    covered = frontier("demand", demand[:2], COST)
    assert covered is not None
    assert covered.coverage_end(covered.lines[0]) is None


def test_an_input_that_promises_nothing_has_no_efficient_cases() -> None:
    cases = [case_result(1, {"price": 1}), case_result(2, {"price": 2})]
    found = frontier("price", cases, COST)
    assert found is not None
    assert (found.better, found.efficient, found.coverage_end(found.lines[0])) == (None, (), None)


def test_which_values_promise_more() -> None:
    assert better_of("demand") is better_of("workloads.chat.growth") is Better.HIGHER
    assert better_of("workloads.chat.slo.ttft_ms") is Better.LOWER
    assert better_of("fleet.a.h100x8") is None


POINTS = st.lists(
    st.tuples(st.integers(1, 5), st.integers(1, 6), st.integers(0, 9), st.booleans()), min_size=1
)


@given(POINTS, st.sampled_from(["demand", "slo.itl_ms"]))
def test_no_covered_case_beats_an_efficient_one(
    points: list[tuple[int, int, int, bool]], path: str
) -> None:
    """Against the definition, case by case; of equal ones one stays."""
    cases = [
        (case_result if covered else lambda c, i: short(0.5, c, i))(cost, {path: value, "n": n})
        for value, n, cost, covered in points
    ]
    found = frontier(path, cases, COST)
    if found is None:
        assert len({value for value, *_ in points}) < 2
        return
    sign = 1 if path == "demand" else -1

    def rating(case: CaseResult) -> tuple[float, float]:
        return sign * found.value(case), case.cost_usd or 0.0

    covered = [each for each in cases if each.covered == "covered"]
    unbeaten = {
        rating(each)
        for each in covered
        if not any(
            rating(other) != rating(each)
            and rating(other)[0] >= rating(each)[0]
            and rating(other)[1] <= rating(each)[1]
            for other in covered
        )
    }
    assert sorted(map(rating, found.efficient)) == sorted(unbeaten)
