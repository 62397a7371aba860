import csv
import io
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.reading.csv_rows import CsvTable, header_of, records, rows
from heteroplan.reading.file_problems import FileProblems

CELLS = st.text(st.sampled_from('ab ",\n\r\u2028\x0c'), max_size=5)


def table(text: str) -> CsvTable:
    return CsvTable.of("f.csv", text.encode(), lambda header: "" if header else "is empty")


def problems(found: FileProblems) -> list[str]:
    return [str(each) for each in found.problems]


@given(st.lists(st.lists(CELLS, min_size=2, max_size=2), max_size=5))
def test_what_is_written_is_read_without_blanks_around_it(written: list[list[str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *written])
    kept = [[cell.strip() for cell in row] for row in written if any(map(str.strip, row))]
    found = table(text.getvalue())
    assert [list(row.values()) for _, row in found.rows()] == kept
    other = FileProblems("f.csv")
    assert list(rows(text.getvalue(), other, ("a", "b"), lambda header: ())) == list(found.rows())
    assert problems(found) == problems(other) == []


def test_a_row_is_on_the_line_on_which_it_begins() -> None:
    found = table('a,b\n1,"2\n3"\n\n4,5\n')
    assert (found.lines, found.texts) == ([2, 5], {"a": ["1", "4"], "b": ["2\n3", "5"]})


def test_lines_may_be_counted_from_another_one() -> None:
    found = FileProblems("f.csv")
    assert list(records(["a\n", "\n", "b\n"], found, 7)) == [(7, ["a"]), (8, []), (9, ["b"])]


def test_rows_of_another_width_are_problems_and_blank_ones_are_none() -> None:
    found = table("a,b\n1\n , \n1,2,3\n1,2\n")
    assert found.lines == [5]
    assert problems(found) == [
        "f.csv:2: 1: 1 cells; the header has 2 columns",
        "f.csv:4: 1,2,3: 3 cells; the header has 2 columns",
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "f.csv:1: is empty"),
        ('a,b\n1,"2', "f.csv:2: is no CSV text: unexpected end of data"),
        ('a,b\n1,2\n"1"2,3', "f.csv:3: is no CSV text: ',' expected after '\"'"),
    ],
)
def test_what_is_no_table_is_refused(text: str, told: str) -> None:
    with pytest.raises(InputError) as raised:
        table(text)
    assert str(raised.value) == told


def test_a_doubled_column_is_a_problem_and_one_without_a_name_is_none() -> None:
    assert problems(table("a,,a,,\n")) == ["f.csv:1: a: column appears twice; keep one of them"]


def test_numbers_of_a_column() -> None:
    found = table("a\n1\nx\n3\n").numbers("a", 0.0, 2.0)
    assert found[0] == 1.0
    assert all(map(math.isnan, found[1:]))
    wrong = table("a,b\n1,c\nx,c\n3,c\n,c\n")
    wrong.numbers("a", 0.0, 2.0)
    assert problems(wrong) == [
        "f.csv:3: a: x: not a number",
        "f.csv:4: a: 3: must be between 0 and 2",
        "f.csv:5: a: empty; write a number",
    ]
    empty = table("a,b\n,c\n")
    assert math.isnan(empty.numbers("a", 0.0, 2.0, may_be_empty=True)[0])
    assert problems(empty) == []


@pytest.mark.parametrize(
    ("line", "names"), [("a, b ,c\r\n", ("a", "b", "c")), ("", ()), ("\x00", ("\x00",))]
)
def test_names_in_a_header(line: str, names: tuple[str, ...]) -> None:
    assert header_of(line) == names
