"""Tables that lose no number, and names that stay different, however narrow a terminal is."""

import io
import re
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from heteroplan.outputs.shared.tables import PlainTable, distinct, plain_table, print_names_cut
from heteroplan.outputs.shared.terminal import Text, print_trimmed

ROWS = [("requests/s", "745", "13:00"), ("output tokens/s", "130,157", "13:00")]


def console(width: int) -> Console:
    return Console(file=io.StringIO(), width=width)


def table_of(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...], on: Console) -> PlainTable:
    table = plain_table(on, *heads)
    for row in rows:
        table.add_row(*map(Text, row))
    return table


def printed(rows: Sequence[tuple[str, ...]], heads: tuple[str, ...], width: int) -> list[str]:
    on = console(width)
    print_trimmed(table_of(rows, heads, on), on)
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue().splitlines()


def test_what_fits_is_a_table() -> None:
    assert printed(ROWS, ("planned", ">peak", ">at"), 40) == [
        "planned             peak     at",
        "requests/s           745  13:00",
        "output tokens/s  130,157  13:00",
    ]


def test_names_are_cut_before_numbers() -> None:
    """28 columns: 15 + 2 + 7 + 2 + 5 are 31, so the name has 12 left."""
    assert printed(ROWS, ("planned", ">peak", ">at"), 28) == [
        "planned          peak     at",
        "requests/s        745  13:00",
        "output toke…  130,157  13:00",
    ]


def test_an_empty_column_is_left_out_before_rows_become_paragraphs() -> None:
    """13 + 2 + 4 + 2 + 5 are 26; without the empty column 20."""
    rows = [("a", "", "1"), ("b", "", "2")]
    heads = (">what is wanted", ">lost", ">found")
    assert printed(rows, heads, 27)[0] == "what is wanted  lost  found"
    assert printed(rows, heads, 21) == [
        "what is wanted  found",
        "             a      1",
        "             b      2",
    ]
    assert printed(rows, heads, 20)[0] == "what is wanted"


CHANGED = [
    ("changed", "summarisation-of-reports", "12", "0.5"),
    ("as before", "chat-with-customers-in-europe", "3", "0.25"),
]
CHANGED_HEADS = ("state", "workload", ">GPUs", ">USD/h")


def names_cut(width: int, **options: Any) -> list[str]:
    on = console(width)
    print_names_cut(CHANGED_HEADS, CHANGED, (1,), on, where="plan.json", **options)
    assert isinstance(on.file, io.StringIO)
    return on.file.getvalue().splitlines()


def test_only_the_columns_of_names_are_cut() -> None:
    """40 columns: 9, 4 and 5 characters and three gutters of 2 leave 16 of a name."""
    assert names_cut(40, dropped=(0, 3)) == [
        "state      workload          GPUs  USD/h",
        "changed    summarisation-o…    12    0.5",
        "as before  chat-with-custo…     3   0.25",
    ]


def test_columns_are_left_out_in_their_order_where_names_have_too_little_room() -> None:
    """39 columns leave 15 of a name; without the state 26 of 39 and of 28 just 15."""
    assert names_cut(39, dropped=(0, 3)) == [
        "workload                    GPUs  USD/h",
        "summarisation-of-reports      12    0.5",
        "chat-with-customers-in-eu…     3   0.25",
    ]
    assert names_cut(28, dropped=(0, 3)) == [
        "workload                GPUs",
        "summarisation-of-repo…    12",
        "chat-with-customers-i…     3",
    ]


def test_of_many_rows_some_are_shown_and_how_many_are_not_is_told() -> None:
    assert names_cut(80, most=1)[1:] == [
        "changed  summarisation-of-reports    12    0.5",
        "… and 1 more (in plan.json)",
    ]


def test_what_does_not_fit_is_a_paragraph_a_row() -> None:
    assert printed(ROWS, ("planned", ">peak", ">at"), 27) == [
        "planned",
        "requests/s",
        "  peak 745, at 13:00",
        "output tokens/s",
        "  peak 130,157, at 13:00",
    ]


def test_a_row_that_goes_on_with_the_one_above_says_whose_it_is() -> None:
    rows = [("chat", "prefill", "1" * 20), ("", "decode", "2" * 20)]
    assert printed(rows, ("workload", "role", ">size"), 30) == [
        "workload",
        "chat",
        "  role prefill, size",
        "  11111111111111111111",
        "chat",
        "  role decode, size",
        "  22222222222222222222",
    ]


def test_a_picture_has_a_line_of_its_own() -> None:
    on = console(20)
    table = table_of([("chat", "▁▂▃▄▅▆▇█▁▂▃▄▅▆▇█", "1-11")], ("name", "0:00", ">size"), on)
    table.pictures = frozenset({1})
    print_trimmed(table, on)
    assert isinstance(on.file, io.StringIO)
    assert on.file.getvalue().splitlines() == ["name", "chat", "  size 1-11", "  ▁▂▃▄▅▆▇█▁▂▃▄▅▆▇█"]


@given(
    st.lists(
        st.tuples(*[st.text("ab c", max_size=30)] * 2, st.integers(0, 10**15).map(str)), max_size=5
    ),
    st.integers(20, 120),
)
def test_no_line_is_too_wide_and_no_number_is_lost(
    rows: Sequence[tuple[str, ...]], width: int
) -> None:
    lines = printed(rows, ("name", "of", ">how many"), width)
    assert max(map(cell_len, lines), default=0) <= width
    words = re.split(r"[ ,]+", " ".join(lines))
    for row in rows:
        assert row[2] in words


@pytest.mark.parametrize(
    ("names", "width", "short"),
    [
        (["h100", "l40s"], 4, ["h100", "l40s"]),
        (["prefill-h100", "decode-l40s"], 8, ["prefill…", "decode-…"]),
        (["llama-h100-tp4", "llama-h100-tp8"], 8, ["lla…-tp4", "lla…-tp8"]),
        (["a-long-name-1", "a-long-name-1"], 6, ["a-lon…", "a-lon…"]),
        (["xx1yyyyyyyyyyyy", "xx2yyyyyyyyyyyy"], 8, ["xx1yyyy…", "xx2yyyy…"]),
        (["aaaaaaa1aaaaaaa", "aaaaaaa2aaaaaaa"], 6, None),
    ],
)
def test_different_names_have_different_abbreviations(
    names: list[str], width: int, short: list[str] | None
) -> None:
    assert distinct(names, width, "…") == short


@given(st.lists(st.text("ab1", max_size=12), max_size=6), st.integers(2, 12))
def test_abbreviations_fit_and_differ_where_names_do(names: list[str], width: int) -> None:
    short = distinct(names, width, "…")
    if short is None:
        return
    assert all(len(each) <= width for each in short)
    assert len(set(short)) == len(set(names))
    for name, each in zip(names, short, strict=True):
        assert each == name or len(name) > width


def test_names_that_no_cut_tells_apart_are_written_out() -> None:
    rows = [("a" * 20 + x + "b" * 20, "1,234,567") for x in "12"]
    lines = printed(rows, ("engine", ">size"), 30)
    assert lines == [
        "engine",
        "a" * 20 + "1" + "b" * 9,
        "b" * 11,
        "  size 1,234,567",
        "a" * 20 + "2" + "b" * 9,
        "b" * 11,
        "  size 1,234,567",
    ]
