"""Tables of charts over time: what the traces have, row by row."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from plotly.graph_objects import Figure

from heteroplan.outputs.shared.chart_style import axes_of, stacked_rows
from heteroplan.outputs.shared.step_tables import step_tables

START = datetime(2026, 11, 23, tzinfo=ZoneInfo("Asia/Singapore"))


def hours(count: int, start: datetime = START) -> list[datetime]:
    """Boundaries of `count` hours of elapsed time."""
    return [
        (start.astimezone(ZoneInfo("UTC")) + timedelta(hours=i)).astimezone(start.tzinfo)
        for i in range(count + 1)
    ]


def chart(*rows: dict[str, list[Any]]) -> Figure:
    """A row of the chart each: values by the name of their line."""
    figure = stacked_rows([str(i) for i in range(len(rows))])
    for i, row in enumerate(rows, start=1):
        for name, values in row.items():
            y = [*values, values[-1]]
            figure.add_scatter(x=list(range(len(y))), y=y, name=name, mode="lines", **axes_of(i))
    return figure


def test_each_row_of_a_chart_is_a_table_of_its_lines() -> None:
    found = step_tables(chart({"a": [1, 2], "b": [3, 4]}, {"a": [5.25, 0]}), ["x", "y"], hours(2))
    assert [(each.caption, each.heads, each.rows) for each in found] == [
        ("x", ("from", "a", "b"), (("00:00", "1", "3"), ("01:00", "2", "4"))),
        ("y", ("from", "a"), (("00:00", "5.25"), ("01:00", "0"))),
    ]


def test_a_row_holds_until_something_changes() -> None:
    (found,) = step_tables(chart({"a": [1, 1, 1, 2, 2, 1]}), ["x"], hours(6))
    assert found.rows == (("00:00", "1"), ("03:00", "2"), ("05:00", "1"))


def test_many_intervals_share_rows_with_their_greatest_values() -> None:
    """200 hours in 67 rows of 3: the first three have 2 at most, the last two 199."""
    (found,) = step_tables(chart({"a": list(range(200))}), ["x"], hours(200))
    assert found.heads[0] == "from, greatest of 3 intervals"
    assert (found.rows[0], found.rows[-1]) == (
        ("Mon 23 Nov 00:00", "2"),
        ("Tue 01 Dec 06:00", "199"),
    )
    assert len(found.rows) == 67


def test_what_is_not_there_is_empty() -> None:
    (found,) = step_tables(chart({"a": [float("nan"), None, 3]}), ["x"], hours(3))
    assert found.rows == (("00:00", ""), ("02:00", "3"))


def test_shares_are_in_percent() -> None:
    figure = chart({"a": [0.25, 0.5]})
    figure.update_yaxes(tickformat=".0%")
    (found,) = step_tables(figure, ["x"], hours(2))
    assert [row[1] for row in found.rows] == ["25.0 %", "50.0 %"]


def test_many_lines_are_several_tables() -> None:
    found = step_tables(chart({f"n{i}": [i] for i in range(10)}), ["x"], hours(1))
    assert [(each.caption, len(each.heads)) for each in found] == [
        ("x (1 of 2)", 9),
        ("x (2 of 2)", 3),
    ]


def test_a_line_may_have_another_head_than_its_name_in_the_legend() -> None:
    figure = chart({"hpa": [1]})
    figure.data[0].update(meta="hpa ms at 95 % &amp; more")
    (found,) = step_tables(figure, ["x"], hours(1))
    assert found.heads == ("from", "hpa ms at 95 % & more")


@pytest.mark.parametrize(("count", "most"), [(1, 96), (10, 80), (100, 12)])
def test_charts_of_many_rows_have_shorter_tables(count: int, most: int) -> None:
    """800 rows in all, but 12 a table at least."""
    figure = chart(*[{"a": list(range(192))}] * count)
    found = step_tables(figure, [str(i) for i in range(count)], hours(192))
    assert len(found) == count
    assert all(len(each.rows) <= most for each in found)


def test_an_hour_that_comes_twice_says_which_one() -> None:
    start = datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Berlin"))
    (found,) = step_tables(chart({"a": list(range(25))}), ["x"], hours(25, start))
    assert [row[0] for row in found.rows[2:4]] == ["02:00 +0200", "02:00 +0100"]
