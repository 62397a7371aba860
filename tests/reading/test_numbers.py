import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.reading.numbers import (
    beyond,
    more_or_less,
    number_of,
    parse_number,
    parse_number_within,
    parse_percent,
    parse_whole,
    plain_share,
)


@pytest.mark.parametrize(
    ("text", "value"),
    [("+5", 5.0), ("-.5", -0.5), ("5.", 5.0), ("1e3", 1000.0), ("2E+1", 20.0), ("5e-1", 0.5)],
)
def test_numbers_are_written_in_many_ways(text: str, value: float) -> None:
    assert parse_number(text) == value


@pytest.mark.parametrize(
    ("text", "told"),
    [("1e400", "too large"), ("-1e400", "too large"), ("inf", "not a number"), ("nan", "not a n")],
)
def test_a_number_that_is_too_large_is_told_apart_from_none(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}"):
        parse_number(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_what_it_says(value: float) -> None:
    assert parse_number(repr(value)) == value


@pytest.mark.parametrize(
    "text", ["", "1_0", "１０", "inf", "-Infinity", "nan", "1e400", "0x10", " 1", "1e", ".", "1,5"]
)
def test_what_is_no_finite_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^(not a number|too large)$"):
        parse_number(text)


def test_shares_are_written_as_numbers_or_with_percent() -> None:
    assert [parse_percent(text) for text in ("10%", "12.5 %", "-1%", "0.1", "%")] == [
        0.1, 0.125, -0.01, None, None,
    ]  # fmt: skip
    assert [
        parse_percent(text)
        for text in (" 10%", "10  %", "10.%", ".5%", "1e1%", "10%%", "１%", "--1%")
    ] == ([None] * 8)
    assert (parse_percent("250%"), parse_percent("0 %")) == (2.5, 0.0)
    assert plain_share(1.99, 2) == 1.99
    with pytest.raises(ValueError, match=r"^10 is 1000 %; write 0\.1 for 10 %, or 1000% if that"):
        plain_share(10, 2)
    with pytest.raises(ValueError, match=r"^2 is 200 %; write 0\.02 for 2 %, or 200% if that"):
        plain_share(2.0, 2)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty; write a number"),
        ("x", "not a number"),
        ("2.5", "must be between 0 and 2"),
        ("-1", "must be between 0 and 2"),
    ],
)
def test_a_cell_without_a_number_that_fits_is_told_what_to_write(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=f"^{told}$"):
        parse_number_within(text, 0.0, 2.0)


def test_a_cell_may_hold_either_end() -> None:
    assert [parse_number_within(text, 0.0, 2.0) for text in ("0", "2", "1e0")] == [0.0, 2.0, 1.0]


@pytest.mark.parametrize("text", ["", "-", "1.0", "1_0", "²", "٣", "+1", " 1"])
def test_what_is_no_whole_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a whole number; write digits, such as 12$"):
        parse_whole(text, 1, 100)


def test_a_whole_number_has_ends_that_it_may_take() -> None:
    assert [parse_whole(text, -1, 100) for text in ("-1", "007", "100")] == [-1, 7, 100]
    for text in ("-2", "-200", "-" + "9" * 5000):
        with pytest.raises(ValueError, match=rf"^{text} is too small; write -1 or more$"):
            parse_whole(text, -1, 100)
    for text in ("101", "9" * 5000):
        with pytest.raises(ValueError, match=rf"^{text} is too large; write 100 or less$"):
            parse_whole(text, -1, 100)
    assert parse_whole("0" * 5000 + "7", -1, 100) == 7


def test_ends_of_a_number_are_shown_in_full() -> None:
    assert beyond("-5", 0.0, 1e15, below=True) == "-5 is too small; write 0 or more"
    assert beyond("0", 1e-6, 1e15, below=True) == "0 is too small; write 1e-06 or more"
    assert beyond("1e16", 0.0, 1e15, below=False) == (
        "1e16 is too large; write 1,000,000,000,000,000 or less"
    )


def test_a_percentage_is_told_as_the_factor_that_it_means() -> None:
    assert more_or_less("20%", 0.2) == "1.2 for 20% more"
    assert more_or_less("-10%", -0.1) == "0.9 for 10% less"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1, 1.0),
        (0.5, 0.5),
        (" 12 ", 12.0),
        *((value, None) for value in (True, None, "", "1_0", [1], 10**400, math.inf, math.nan)),
    ],
)
def test_a_document_holds_numbers_or_their_text(value: object, found: float | None) -> None:
    assert number_of(value) == found
