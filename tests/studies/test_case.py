"""Cases: every combination, in a fixed order; and keys: what they depend on."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.studies import case
from heteroplan.studies.case import Case, Search, Variation, case_key, cases


def test_the_last_variation_changes_fastest() -> None:
    found = cases([Variation("a", (1, 2)), Variation("b", ("x", "y"))])
    assert [each.inputs for each in found] == [
        (("a", 1), ("b", "x")),
        (("a", 1), ("b", "y")),
        (("a", 2), ("b", "x")),
        (("a", 2), ("b", "y")),
    ]
    assert [each.place for each in found] == [0, 1, 2, 3]


def test_named_cases_are_combined_with_all_values() -> None:
    named = {"as it is": (), "dear": (("price", 2),)}
    found = cases([Variation("a", (1, 2))], named)
    assert [(each.name, each.inputs) for each in found] == [
        ("as it is", (("a", 1),)),
        ("as it is", (("a", 2),)),
        ("dear", (("price", 2), ("a", 1))),
        ("dear", (("price", 2), ("a", 2))),
    ]


def test_without_variations_each_named_case_stands_alone() -> None:
    assert [each.inputs for each in cases([], {"x": (("a", 1),), "y": ()})] == [(("a", 1),), ()]
    assert cases([]) == (Case(0, ()),)


@pytest.mark.parametrize(
    ("variations", "named", "message"),
    [
        ([("a", (1,)), ("a", (2,))], {}, "a is set twice; keep one of them"),
        ([("a", (1,))], {"x": (("a", 3),)}, "a is set twice in x; keep one of them"),
        (
            [(name, tuple(range(100))) for name in "abc"],
            {},
            "1,000,000 cases are more than 100,000; vary less",
        ),
    ],
)
def test_a_path_is_set_once_and_cases_are_bounded(
    variations: list[tuple[str, tuple[int, ...]]],
    named: dict[str, tuple[tuple[str, int], ...]],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message):
        cases([Variation(*each) for each in variations], named)


@given(st.lists(st.integers(1, 4), max_size=4))
def test_there_are_as_many_cases_as_combinations_and_all_differ(sizes: list[int]) -> None:
    found = cases([Variation(f"p{i}", tuple(range(n))) for i, n in enumerate(sizes)])
    product = 1
    for n in sizes:
        product *= n
    assert len(found) == len({each.inputs for each in found}) == product


def test_overrides_set_whole_fields_before_their_parts() -> None:
    """`slo` first, or it would undo what is set in it; texts of factors stay as they are."""
    case = Case(0, (("slo.ttft_ms", 500), ("slo", {"itl_ms": 60}), ("price", "*1.1"), ("n", "x")))
    assert case.overrides == ('n="x"', "price=*1.1", 'slo={"itl_ms": 60}', "slo.ttft_ms=500")


SEARCH = Search(gap=0.01, steps=None, solver="HiGHS")


def test_a_key_depends_on_all_that_the_result_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    found = {
        case_key("a", SEARCH),
        case_key("b", SEARCH),
        case_key("a", replace(SEARCH, gap=0.02)),
        case_key("a", replace(SEARCH, steps=3)),
        case_key("a", replace(SEARCH, solver="cbc")),
        case_key("a", SEARCH, start="k"),
    }
    assert len(found) == 6
    assert case_key("a", SEARCH) in found
    monkeypatch.setattr(case, "__version__", "99")
    assert case_key("a", SEARCH) not in found


def test_a_key_is_a_name_of_a_file() -> None:
    assert len(case_key("a", SEARCH)) == 64
    assert set(case_key("a", SEARCH)) <= set("0123456789abcdef")
