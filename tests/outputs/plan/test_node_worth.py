"""What one more node is worth, as people and scripts read it."""

from datetime import datetime
from io import StringIO
from zoneinfo import ZoneInfo

import pytest
from rich.console import Console

from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.node_worth import (
    NO_TIME,
    NOTHING,
    Worth,
    mostly,
    render_worth,
    worth_json,
)
from heteroplan.planning.node_worth import NodeWorth, SolvedAgain

ZONE = "Asia/Singapore"


def horizon(intervals: int = 4, *, interval_s: int = 3600, cyclic: bool = True) -> HorizonPart:
    return HorizonPart(
        start=datetime(2026, 11, 23, tzinfo=ZoneInfo(ZONE)),
        timezone=ZONE,
        interval_s=interval_s,
        intervals=intervals,
        cyclic=cyclic,
    )


def node(*saved: float, served: float = 0.0, again: SolvedAgain | None = None) -> NodeWorth:
    return NodeWorth("h100x8", ("l1", "l2", "l3"), saved, (served,) * len(saved), again)


def shown(worth: Worth) -> str:
    console = Console(width=80, record=True, file=StringIO())
    render_worth(worth, console)
    return console.export_text()


@pytest.mark.parametrize(
    ("worth", "cyclic", "expected"),
    [
        ((0.0, 9.0, 1.0, 0.0, 0.0, 0.0), True, "01:00 to 02:00"),
        ((4.0, 1.0, 0.0, 0.0, 0.0, 5.0), True, "05:00 to 01:00"),
        ((4.0, 1.0, 0.0, 0.0, 0.0, 5.0), False, "all day"),
        ((1.0, 1.0, 1.0, 1.0, 1.0, 1.0), True, "all day"),
        ((0.0, 0.0, 0.0, 0.0, 0.0, 0.0), True, ""),
    ],
)
def test_the_shortest_hours_that_have_80_percent(
    worth: tuple[float, ...], cyclic: bool, expected: str
) -> None:
    assert mostly(worth, horizon(6, cyclic=cyclic)) == expected


def test_a_table_of_money_by_day_says_what_may_be_chance() -> None:
    """Over 4 of 24 hours 10 USD are 60 a day, and a gap of 0.5 USD is 3 a day."""
    found = node(10.0, 0.0, 0.0, 0.0, again=SolvedAgain(7.5, 0.0))
    text = shown(Worth((found,), horizon(), short=False, unit="USD", uncertain=0.5))
    assert "h100x8    l1, l2 or 1 more" in text
    assert "60.00" in text
    assert "45.00" in text
    assert "00:00 to 01:00" in text
    assert "3.00 USD a day, a difference may be chance" in " ".join(text.split())


def test_a_table_of_requests_where_demand_is_short() -> None:
    found = node(0.0, 0.0, 0.0, 0.0, served=100.0, again=SolvedAgain(0.0, 350.0))
    text = shown(Worth((found,), horizon(), short=True, unit="USD", uncertain=5.0))
    assert "requests more a day" in text
    assert "2,400" in text
    assert "2,100" in text
    assert "chance" not in text


def test_what_the_lp_does_not_know_is_left_out() -> None:
    """Demand is short only because replicas are whole: the LP serves all, solving again tells."""
    again = node(0.0, 0.0, 0.0, 0.0, again=SolvedAgain(0.0, 350.0))
    other = node(0.0, 0.0, 0.0, 0.0)
    text = shown(Worth((again, other), horizon(), short=True, unit="USD", uncertain=0.0))
    assert "mostly" not in text
    assert "requests more a day, solved again" in " ".join(text.split())
    assert [line.split()[-1] for line in text.splitlines() if "h100x8" in line] == ["2,100", "more"]
    known = node(0.0, 0.0, 0.0, 0.0, served=5.0)
    text = shown(Worth((known, again), horizon(), short=True, unit="USD", uncertain=0.0))
    rows = [line.split()[6:] for line in text.splitlines() if "h100x8" in line]
    assert rows == [["120", "all", "day"], ["2,100"]]


def test_nothing_to_gain_and_no_time_are_told_apart() -> None:
    for nodes, expected in (((), NOTHING), (None, NO_TIME)):
        worth = Worth(nodes, horizon(), short=False, unit="USD", uncertain=0.0)
        assert expected in " ".join(shown(worth).split())
        assert worth_json(worth) == (None if nodes is None else [])
