import io
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from heteroplan.errors import InputError, InputProblem
from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import (
    NARROWEST,
    SolveProgress,
    Text,
    draws_blocks,
    make_console,
    print_error,
    print_trimmed,
    print_wrapped,
    sparkline,
)


def test_sparkline_goes_from_zero_to_the_maximum() -> None:
    """Eighths of 8: 0 is blank, 1 the lowest block, 8 the full one."""
    assert sparkline([0, 1, 4, 8], 4) == " ▁▄█"
    assert sparkline([1, 1000], 2) == "▁█"
    assert sparkline([0, 1, 4, 8], 4, blocks=False) == " .=@"


def test_sparkline_keeps_the_greatest_of_the_values_that_share_a_character() -> None:
    """Six values in three characters: pairs (0, 8), (0, 0), (4, 2)."""
    assert sparkline([0, 8, 0, 0, 4, 2], 3) == "█ ▄"


def test_sparkline_gives_each_value_the_same_width_where_they_fit() -> None:
    assert sparkline([8, 4], 5) == "██▄▄"


@given(st.lists(st.floats(0, 1e9), min_size=1, max_size=300), st.integers(1, 120))
def test_sparkline_never_hides_a_value(values: list[float], width: int) -> None:
    line = sparkline(values, width)
    assert len(line) <= width
    assert ("█" in line) == (max(values) > 0)


def test_all_zero_is_blank() -> None:
    assert sparkline([0, 0, 0], 10) == "   "


def test_error_is_printed_as_it_is() -> None:
    """Neither `[0]` nor `[red]` is markup, and a long line stays one line."""
    problem = InputProblem("s.yaml", 3, "pools[0].x", "[red]", "y" * 200)
    out = io.StringIO()
    print_error(InputError([problem]), Console(file=out, width=40))
    assert out.getvalue() == f"Error: s.yaml:3: pools[0].x: [red]: {'y' * 200}\n"


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert not make_console().no_color
    monkeypatch.setenv("NO_COLOR", "1")
    assert make_console().no_color


def test_ascii_stream_gets_no_blocks_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    console = make_console()
    assert not draws_blocks(console)
    console.print("naïve")
    sys.stdout.flush()
    assert raw.getvalue() == b"na?ve\n"


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_shows_on_a_terminal_only(terminal: bool) -> None:
    out = io.StringIO()
    with SolveProgress(Console(file=out, force_terminal=terminal, width=100)) as progress:
        progress.update(None, 0.0, 0.5)
        progress.update(200.0, 190.0, 2.0)
    assert ("best 200.00, gap 5.0 %, bound 190.00, 2 s" in out.getvalue()) == terminal


def test_numbers_keep_their_units_when_a_sentence_is_broken() -> None:
    out = io.StringIO()
    print_wrapped(Text("a gap of 0.7 % takes 20.0 s with 24 x 1 h"), Console(file=out, width=12))
    assert out.getvalue().splitlines() == ["a gap of", "0.7 % takes", "20.0 s with", "24 x 1 h"]


def test_broken_sentences_keep_their_style() -> None:
    out = io.StringIO()
    console = Console(file=out, width=6, force_terminal=True, color_system="standard")
    print_wrapped(Text.assemble(("aaaa", "bold"), " bbbb"), console)
    assert out.getvalue() == "\x1b[1maaaa\x1b[0m\nbbbb\n"


def test_tables_end_without_blanks() -> None:
    out = io.StringIO()
    table = Table("a", "b", box=None, pad_edge=False)
    table.add_row("1", "long")
    table.add_row("2", "x")
    print_trimmed(table, Console(file=out, width=40))
    assert out.getvalue() == "a  b\n1  long\n2  x\n"


NASTY = "\x1b[31m\x9b\u202e\n::error::x"
SHOWN = r"\x1b[31m\x9b\u202e\n\x3a:error\x3a:x"


def test_cells_heads_and_sentences_show_control_characters_escaped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stdout", printed)
    console = make_console()
    console.width = 200
    table = plain_table(console, SHOWN)
    table.add_column(NASTY)
    table.add_row(Text(NASTY), NASTY)
    table.add_row(Text.assemble((NASTY, "bold"), NASTY), Text("a").append(NASTY))
    print_trimmed(table, console)
    print_wrapped(Text(NASTY), console)
    console.print(NASTY, markup=False)
    lines = printed.getvalue().split("\n")
    assert lines == [
        f"{SHOWN}{' ' * len(SHOWN)}  {SHOWN}",
        f"{SHOWN}{' ' * len(SHOWN)}  {SHOWN}",
        f"{SHOWN}{SHOWN}  a{SHOWN}",
        SHOWN,
        SHOWN,
        "",
    ]


def test_an_error_keeps_its_own_lines_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", printed)
    problems = [InputProblem("a.csv", line, "", NASTY, "wrong") for line in (1, 2)]
    print_error(InputError(problems), make_console(stderr=True))
    assert printed.getvalue() == (f"Error: a.csv:1: {SHOWN}: wrong\na.csv:2: {SHOWN}: wrong\n")


@pytest.mark.parametrize("columns", ["0", "1", "-5"])
def test_a_terminal_without_columns_has_some(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert make_console().width >= NARROWEST
