"""A signal study on a terminal, from 80 columns up."""

import re
from collections.abc import Sequence

from rich.console import Console

from heteroplan.outputs.replay.figures import Column, one_line
from heteroplan.outputs.replay.study.figures import (
    cache_columns,
    columns_sentence,
    heading,
    in_time_sentence,
    setting_sentence,
    signal_columns,
    speed_sentence,
    verdict,
)
from heteroplan.outputs.replay.text import column_table, fitting
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.simulation.study.results import SignalStudy, Verdict

_COLOURS = {
    Verdict.REPRODUCED: "green",
    Verdict.NOT_REPRODUCED: "red",
    Verdict.ASSUMED: "yellow",
}

_LOAD = re.compile(r"\d+ %")
"""Head of a column of signals at one load."""


def render_study(study: SignalStudy, console: Console) -> None:
    """Setting, signals by load, the prefix cache, and the paper's findings one by one."""
    print_wrapped(Text.assemble((study.scenario, "bold"), f"  {heading(study)}"), console)
    print_wrapped(Text(verdict(study), style="bold"), console)
    print_wrapped(Text(setting_sentence(study)), console)
    console.print()
    left_out = _print_columns(signal_columns(study), ("signal", "unit"), console)
    more = f" In a wider terminal or with --json: {left_out}." if left_out else ""
    print_wrapped(Text(columns_sentence(study) + more, style="dim"), console)
    print_wrapped(Text(in_time_sentence(study)), console)
    console.print()
    _print_columns(cache_columns(study), (), console)
    console.print()
    for finding in study.findings:
        print_wrapped(
            Text.assemble(
                (finding.verdict.value, f"bold {_COLOURS[finding.verdict]}"),
                f": {finding.paper}. ",
                (f"Here: {finding.here}.", "dim"),
            ),
            console,
        )
    console.print()
    print_wrapped(Text(speed_sentence(study), style="dim"), console)


def _print_columns(columns: Sequence[Column], texts: Sequence[str], console: Console) -> str:
    """As many as fit; the heads of the others, loads in one."""
    shown = fitting(columns, console.width)
    table = column_table(shown, console, texts)
    for row in zip(*(each.cells for each in shown), strict=True):
        table.add_row(*map(Text, row))
    print_trimmed(table, console)
    heads = [one_line(each.head) for each in columns if each not in shown]
    return ", ".join(
        dict.fromkeys("other loads" if _LOAD.fullmatch(each) else each for each in heads)
    )
