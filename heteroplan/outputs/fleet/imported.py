"""What was imported, on the terminal: node types with their numbers, and where to go on."""

from rich.console import Console

from heteroplan.entities.fleet import Fleet
from heteroplan.outputs.fleet.tree import sizes, types_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped


def render_imported(fleet: Fleet, file: str, console: Console) -> None:
    """What `file` now holds, and what to do next."""
    print_wrapped(Text(f"{file} is written: {sizes(fleet)}."), console)
    console.print()
    print_trimmed(types_table(fleet, console), console)
    console.print()
    print_wrapped(
        Text(f"Next: heteroplan fleet show {file}, or fleet: {file} in a scenario."), console
    )
