"""Which input moves cost most, on a terminal."""

from collections.abc import Sequence

from rich.console import Console

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.shared.tables import more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.sweep.labels import input_label
from heteroplan.outputs.sweep.tornado import doubt, side_texts, sides
from heteroplan.studies.swings import Swing

MOST_ROWS = 20
_STYLES = {True: "red", False: ""}
"""Of cells by whether demand is short."""


def print_swings(swings: Sequence[Swing], objective: Objective, console: Console) -> None:
    """A row an input: the change with lesser values, and with greater ones; one input at least."""
    unit = "USD" if objective is Objective.COST else "GPU-hours"
    table = plain_table(console, "input", f">less\n{unit}", f">more\n{unit}")
    for swing in swings[:MOST_ROWS]:
        cells = (side_texts(swing, side) for side in sides(swing))
        table.add_row(
            Text(input_label(swing.path)),
            *(Text(", ".join(texts), style=_STYLES[short]) for texts, short in cells),
        )
    print_trimmed(table, console)
    if len(swings) > MOST_ROWS:
        console.print(more_line(len(swings) - MOST_ROWS, "report.html (--out)", console))
    if said := doubt(swings, objective):
        print_wrapped(Text(said, style="dim"), console)
