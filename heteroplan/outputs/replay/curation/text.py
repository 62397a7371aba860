"""A curation on a terminal, from 80 columns up."""

from collections.abc import Sequence

from rich.console import Console

from heteroplan.outputs.replay.curation.figures import (
    heading,
    option_lines,
    policy_columns,
    pressure_columns,
    pressure_sentence,
    rows_of,
    table_sentence,
    verdict,
)
from heteroplan.outputs.replay.figures import Column
from heteroplan.outputs.replay.text import column_table, fitting
from heteroplan.outputs.shared.terminal import Text, print_lines, print_trimmed, print_wrapped
from heteroplan.simulation.curation.results import Curation

_LEFT = ("policy", "options", "SLO", "workload", "engines")


def render_curation(curation: Curation, console: Console) -> None:
    """Verdict, policies on the unseen part, their options, pressure tests, and what was noted."""
    print_wrapped(Text.assemble((curation.scenario, "bold"), f"  {heading(curation)}"), console)
    is_kept, sentence = verdict(curation)
    print_wrapped(Text(sentence, style=f"bold {'green' if is_kept else 'red'}"), console)
    console.print()
    _print_table(policy_columns(curation), console)
    print_wrapped(Text(table_sentence(curation), style="dim"), console)
    if lines := option_lines(curation):
        console.print()
        print_wrapped(Text("Options found, for --policy:", style="bold"), console)
        for line in lines:
            print_lines(Text(line).plain, console)
    console.print()
    if curation.tests:
        _print_table(pressure_columns(curation, all_splits=len(curation.tests) == 1), console)
    print_wrapped(Text(pressure_sentence(curation), style="dim"), console)
    for note in curation.notes:
        print_wrapped(Text(note, style="yellow"), console)


def _print_table(columns: Sequence[Column], console: Console) -> None:
    shown = fitting(list(columns), console.width)
    table = column_table(shown, console, _LEFT)
    for row in rows_of(shown):
        cells = (
            Text(
                cell,
                style={"kept": "green", "missed": "red"}.get(cell, "") if c.head == "SLO" else "",
            )
            for c, cell in zip(shown, row, strict=True)
        )
        table.add_row(*cells)
    print_trimmed(table, console)
