"""The difference of two fleets on the terminal."""

from rich.console import Console
from rich.table import Table

from heteroplan.outputs.fleet.difference import Count, Figure, FleetDifference, LeafChange
from heteroplan.outputs.shared.tables import more_line, table_of_names
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped

SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}
MOVED = (">", "yellow")
MOST_LEAVES = 40
_FIELDS = {
    "gpu": "GPU",
    "gpus": "GPUs a node",
    "nic_gbit_per_s": "Gbit/s a node",
    "usd_per_gpu_hour": "USD per GPU-hour",
}
_LEVELS = {"across_leaves": "across leaves", "across_spines": "across spines"}


def render_difference(found: FleetDifference, console: Console) -> None:
    """GPUs and their price in total, then node types, leaves and what is out."""
    title = Text.assemble((found.before, "bold"))
    if found.after != found.before:
        title.append(" to ").append(found.after, style="bold")
    print_wrapped(title, console)
    if found.same:
        console.print("The fleets are the same.")
        return
    console.print()
    print_trimmed(_gpu_table(found, console), console)
    if found.node_types:
        console.print()
        for each in found.node_types:
            figures = ", ".join(_figure(name, each_) for name, each_ in each.figures.items())
            words = ", ".join(part for part in (_nodes(each.nodes), figures) if part)
            _line(each.change, f"{each.node_type}: {words}", console)
    if found.leaves:
        console.print()
        for leaf in found.leaves[:MOST_LEAVES]:
            _line(leaf.change, _leaf(leaf), console)
        if len(found.leaves) > MOST_LEAVES:
            console.print(more_line(len(found.leaves) - MOST_LEAVES, "--json", console))
    _rest(found, console)


def _rest(found: FleetDifference, console: Console) -> None:
    """Bandwidth and outages."""
    lines: list[tuple[str, str]] = [
        ("changed", f"bandwidth {_LEVELS[name]}: {_arrow(each)}")
        for name, each in found.bandwidth.items()
    ]
    lines += [("added", f"out: {text}") for text in found.outages_added]
    lines += [("removed", f"out: {text}") for text in found.outages_removed]
    if lines:
        console.print()
    for change, text in lines:
        _line(change, text, console)


def _gpu_table(found: FleetDifference, console: Console) -> Table:
    rows = [
        [gpu, f"{count.before:,}", f"{count.after:,}", _change(count)]
        for gpu, count in found.gpus.items()
    ]
    before, after = round(found.usd_per_day.before), round(found.usd_per_day.after)
    change = f"{after - before:+,}" if after != before else ""
    rows.append(["USD a day, all used", f"{before:,}", f"{after:,}", change])
    return table_of_names(console, ("GPU", ">before", ">after", ">change"), rows)


def _leaf(leaf: LeafChange) -> str:
    nodes = ", ".join(f"{_change(count)} {name}" for name, count in leaf.nodes.items())
    return f"{leaf.leaf} ({leaf.place}){': ' if nodes else ''}{nodes}"


def _line(change: str, text: str, console: Console) -> None:
    sign, style = SIGNS.get(change, MOVED)
    print_wrapped(Text.assemble((f"{sign} ", style), text), console)


def _figure(name: str, figure: Figure) -> str:
    return f"{_FIELDS[name]} {_arrow(figure)}"


def _arrow(figure: Figure) -> str:
    """Such as `2.5 to 3`, or the one that there is."""
    return " to ".join(_shown(each) for each in (figure.before, figure.after) if each is not None)


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:,.6g}"


def _nodes(count: Count) -> str:
    change = _change(count)
    return change and f"{change} node{'' if abs(count.after - count.before) == 1 else 's'}"


def _change(count: Count) -> str:
    """Such as `+2`; empty where nothing changed."""
    return f"{count.after - count.before:+,}" if count.after != count.before else ""
