import pytest

from heteroplan.errors import MOST_NOTED, InputError
from heteroplan.reading.file_problems import SHOWN_CHARACTERS, FileProblems


def test_problems_are_raised_in_order_of_lines() -> None:
    found = FileProblems("f")
    found.problem(3, "b", "x" * 100, "late")
    found.problem(1, "a", "", "early")
    with pytest.raises(InputError) as raised:
        found.done()
    assert str(raised.value) == f"f:1: a: early\nf:3: b: {'x' * SHOWN_CHARACTERS}: late"


def test_nothing_is_raised_without_a_problem() -> None:
    FileProblems("f").done()


def test_enough_problems_end_the_reading() -> None:
    found = FileProblems("f")
    for line in range(1, MOST_NOTED):
        found.problem(line, "a", "", "wrong")
    with pytest.raises(InputError):
        found.problem(MOST_NOTED, "a", "", "wrong")
