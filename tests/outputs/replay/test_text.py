import io
import re

import pytest
from rich.console import Console

from heteroplan.outputs.replay.text import render_replay
from heteroplan.simulation.results import Replay
from tests.pages import NASTY
from tests.replays import day, intervals, policy, replay

DAY, _ = day()


def shown(of: Replay, width: int = 80) -> list[str]:
    out = io.StringIO()
    render_replay(of, Console(file=out, width=width))
    return out.getvalue().splitlines()


def heads(lines: list[str]) -> str:
    return next(line for line in lines if line.startswith("policy"))


@pytest.mark.parametrize("width", [60, 80, 120, 160])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, shown(DAY, width))) <= width


def test_a_narrow_table_has_the_columns_that_decide_and_says_which_it_lacks() -> None:
    narrow, wide = shown(DAY, 80), shown(DAY, 120)
    assert re.split(" +", heads(narrow).strip())[:4] == ["policy", "SLO", "hours", "USD"]
    assert "starts" not in heads(narrow)
    assert "--json: worst interval %, starts, rejected, busy % P/D." in " ".join(narrow)
    assert heads(wide).split()[-5:] == ["%", "starts", "ished", "jected", "P/D"]
    assert "--json" not in " ".join(wide)


def test_savings_that_are_not_known_take_no_room() -> None:
    table = intervals([[9]], [[9]])
    assert "saved" not in " ".join(shown(replay([policy("plan", table)])))
    assert "saved" in " ".join(shown(replay([policy("plan", table, saved_fraction=0.1)])))


def test_every_policy_has_a_row_and_the_best_one_is_marked() -> None:
    lines = shown(DAY, 120)
    rows = [line for line in lines if re.match(r"[* ] \S+ +(kept|missed) ", line)]
    assert [line[2:].split()[0] for line in rows] == [each.policy for each in DAY.policies]
    assert [line.split()[1] for line in rows if line.startswith("*")] == ["plan"]


def test_intervals_that_miss_the_slo_are_marked_below_the_chart() -> None:
    """Four hourly intervals of which the last is late: its quarter of the columns is marked."""
    table = intervals([[1000] * 4], [[1000, 1000, 1000, 10]])
    lines = shown(replay([policy("plan", table)]))
    row = next(line for line in lines if line.startswith("missed┤"))
    assert row == "missed┤" + " " * 54 + "×" * 19
    assert "× SLO missed (1 of 4)" in " ".join(lines)


def test_without_misses_nothing_is_marked() -> None:
    lines = shown(replay([policy("plan", intervals([[1000] * 4], [[1000] * 4]))]))
    assert not any("×" in line or line.startswith("missed") for line in lines)


def test_ascii_is_enough() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    render_replay(DAY, Console(file=out, width=80))
    out.seek(0)
    assert "x SLO missed" in " ".join(out.read().split())


def test_workloads_are_told_where_there_are_several() -> None:
    assert any(line.startswith("chat-8b ") for line in shown(DAY))
    one = shown(replay([policy("plan", intervals([[9]], [[9]]))]))
    assert not any(line.startswith("workload  ") for line in one)


def test_more_workloads_than_fit_are_counted() -> None:
    many = intervals([[10]] * 13, [[10]] * 13)
    of = replay([policy("plan", many)], workloads=[f"w{i}" for i in range(13)])
    assert "… and 3 more (in --json)" in shown(of)


def test_notes_and_reasons_stand_below() -> None:
    text = "\n".join(shown(DAY))
    assert "Rejected by every policy: 31 (longer than every KV cache)" in text
    assert "hpa: scale-up was held back 7 times: no GPUs were free" in text
    assert "seed 7" in text


def test_names_do_nothing_to_a_terminal() -> None:
    of = replay([policy("plan", intervals([[9]], [[9]]))], workloads=["\x1b[31m" + NASTY])
    assert "\x1b" not in "\n".join(shown(of))
