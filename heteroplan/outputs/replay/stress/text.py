"""A stress test on a terminal, from 80 columns up."""

from rich.console import Console

from heteroplan.outputs.replay.figures import Kept, one_line
from heteroplan.outputs.replay.stress.figures import (
    TEXTS,
    heading,
    limit_sentences,
    run_columns,
    table_sentence,
    verdict,
)
from heteroplan.outputs.replay.text import COLOURS, column_table, fitting
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.simulation.stress.results import Stress


def render_stress(stress: Stress, console: Console) -> None:
    """Verdict, the fixed cases, and where the SLO first breaks."""
    print_wrapped(Text.assemble((stress.scenario, "bold"), f"  {heading(stress)}"), console)
    kept, sentence = verdict(stress)
    print_wrapped(Text(sentence, style=f"bold {COLOURS[kept]}"), console)
    console.print()
    columns = run_columns(stress, stress.runs)
    shown = fitting(columns, console.width)
    table = column_table(shown, console, TEXTS)
    for i, run in enumerate(stress.runs):
        style = COLOURS[Kept.NOT if run.short else Kept.ALWAYS]
        table.add_row(*(Text(c.cells[i], style=style if c.head == "SLO" else "") for c in shown))
    print_trimmed(table, console)
    more = ", ".join(one_line(each.head) for each in columns if each not in shown)
    left_out = f" In a wider terminal or with --json: {more}." if more else ""
    print_wrapped(Text(table_sentence(stress) + left_out, style="dim"), console)
    console.print()
    for sentence in limit_sentences(stress):
        print_wrapped(Text(sentence), console)
    for note in stress.notes:
        print_wrapped(Text(note, style="yellow"), console)
