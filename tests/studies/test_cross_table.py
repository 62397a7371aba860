from heteroplan.studies.case import Variation
from heteroplan.studies.cross_table import cross_tables
from tests.case_results import case_result

A, B, C = Variation("a", (2, 1)), Variation("b", ("x", "y")), Variation("c", (5, 6))


def test_each_cell_is_the_case_of_its_two_values() -> None:
    """Numbers rise; texts keep their order. A case that is not there leaves its cell empty."""
    cases = {(a, b): case_result(1.0, {"a": a, "b": b}) for a in (2, 1) for b in ("x", "y")}
    missing = cases.pop((1, "y"))
    (found,) = cross_tables([A, B], list(cases.values()))
    assert found.down.values == (1, 2)
    assert found.cells == ((cases[1, "x"], None), (cases[2, "x"], cases[2, "y"]))
    assert missing not in found.cells[0]


def test_other_inputs_are_held_as_in_the_first_case() -> None:
    """Three inputs make three tables, of 2 x 2 cells each; the first case has a=2, b=x, c=5."""
    cases = [
        case_result(1.0, {"a": a, "b": b, "c": c})
        for a in (2, 1)
        for b in ("x", "y")
        for c in (5, 6)
    ]
    found = list(cross_tables([A, B, C], cases))
    assert [each.held for each in found] == [(("c", 5),), (("b", "x"),), (("a", 2),)]
    for each in found:
        for row in each.cells:
            for cell in row:
                assert cell is not None
                assert dict(each.held).items() <= cell.inputs.items()


def test_one_value_makes_no_table() -> None:
    assert list(cross_tables([A, Variation("b", (1,))], [case_result(1.0, {"a": 1, "b": 1})])) == []
