"""What a scenario holds, as `validate` shows it, and what `check` could not load."""

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from heteroplan.entities.capacity import Candidate, OperatingPoint, mix_rps
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.workload import Workload
from heteroplan.outputs.shared.terminal import Text, print_lines, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import candidate_notes, demand_sentences, figure, horizon_text
from heteroplan.text import visible

if TYPE_CHECKING:
    from heteroplan.entities.purchasing import Purchasing
    from heteroplan.inputs import Loaded
    from heteroplan.outputs.plan.check_report import CheckRow

MOST_SPINES = 20
"""Spines that `validate` shows."""

_SPANS = {
    Affinity.LEAF: "within a leaf",
    Affinity.SPINE: "across leaves",
    Affinity.CLUSTER: "across spines",
}


def render_scenario(loaded: "Loaded", console: Console, terms: "Purchasing | None" = None) -> None:
    """Workloads, what a replica of each engine serves and what limits it, fleet and offers."""
    scenario = loaded.scenario
    console.print(Text(f"{scenario.name}  {horizon_text(scenario.horizon)}", style="bold"))
    console.print(Text("Valid: no problems were found.", style="bold green"))
    for note in candidate_notes(each for each in loaded.candidates if each.usable):
        print_wrapped(Text(note, style="yellow"), console)
    for sentence in demand_sentences(scenario.workloads):
        print_wrapped(Text(sentence, style="dim"), console)
    for table in (
        _workloads(scenario.workloads),
        _engines(loaded),
        _fleet(scenario.fleet),
        _spines(scenario.fleet),
    ):
        console.print()
        print_trimmed(table, console)
    more = len(scenario.fleet.network.domains(Affinity.SPINE)) - MOST_SPINES
    if more > 0:
        console.print(f"... and {more} more")
    if terms is not None:
        console.print()
        print_trimmed(_offers(terms), console)
        for note in terms.notes:
            print_wrapped(Text(note, style="dim"), console)


def render_errors(rows: "Iterable[CheckRow]", console: Console) -> None:
    """Every error in full, whatever the width, a paragraph a scenario."""
    for row in rows:
        if row.error:
            console.print()
            print_lines(f"{visible(row.name)}:\n{row.error}", console)


def _workloads(workloads: tuple[Workload, ...]) -> Table:
    table = _table("workload", "model", ">peak rps", ">mean rps", ">priority", "affinity")
    for workload in workloads:
        rates = [interval.rps for interval in workload.demand]
        table.add_row(
            Text(workload.name, style="bold"),
            Text(workload.profile.model),
            figure(max(rates)),
            figure(sum(rates) / len(rates)),
            str(workload.priority),
            workload.affinity.value,
        )
    return table


def _engines(loaded: "Loaded") -> Table:
    table = _table("workload", "engine", "node type", ">GPUs", ">rps per replica", "limited by")
    workloads = {workload.name: workload for workload in loaded.scenario.workloads}
    before = ""
    for candidate in loaded.candidates:
        rps, limits = _at_peak(workloads[candidate.workload], candidate)
        within = f" ({_SPANS[candidate.span]})" if candidate.span else ""
        table.add_row(
            Text("" if candidate.workload == before else candidate.workload, style="bold"),
            Text(candidate.engine.name),
            Text(candidate.node_type),
            str(candidate.engine.gpus),
            figure(rps),
            Text(limits + within, style="" if rps > 0 else "yellow"),
        )
        before = candidate.workload
    return table


def _at_peak(workload: Workload, candidate: Candidate) -> tuple[float, str]:
    """Rate of a replica with the request mix of the busiest interval, and its limits."""
    peak = workload.busiest
    points = candidate.points[peak]
    limits = ", ".join(dict.fromkeys(_limit(point) for point in points))
    shares = (kind.share for kind in workload.demand[peak].classes)
    rates = (point.capacity_rps for point in points)
    return mix_rps(zip(shares, rates, strict=True)), limits


def _limit(point: OperatingPoint) -> str:
    return point.reason or point.limited_by.value.replace("_", " ")


def _fleet(fleet: Fleet) -> Table:
    table = _table("node type", "GPU", ">nodes", ">GPUs", ">USD per GPU-hour")
    for shape in fleet.node_types:
        nodes = sum(leaf.nodes.get(shape.name, 0) for leaf in fleet.network.leaves)
        table.add_row(
            Text(shape.name, style="bold"),
            Text(shape.gpu.name),
            f"{nodes:,}",
            f"{nodes * shape.gpus:,}",
            f"{shape.usd_per_gpu_hour:,.2f}",
        )
    return table


def _spines(fleet: Fleet) -> Table:
    """Each spine with what stands below it and how scarce that is."""
    table = _table("spine", "priority", ">leaves", "leaf priority", "GPUs")
    gpus = {shape.name: shape.gpus for shape in fleet.node_types}
    for spine, leaves in list(fleet.network.domains(Affinity.SPINE).items())[:MOST_SPINES]:
        below: Counter[str] = Counter()
        for leaf in leaves:
            below.update({name: nodes * gpus[name] for name, nodes in leaf.nodes.items() if nodes})
        found = Counter(fleet.leaf_priority(leaf) for leaf in leaves)
        table.add_row(
            Text(spine, style="bold"),
            fleet.spine_priority(spine).value,
            f"{len(leaves):,}",
            ", ".join(f"{found[each]:,} {each}" for each in SubgroupPriority if found[each]),
            Text(", ".join(f"{name} {held:,}" for name, held in below.items())),
        )
    return table


def _offers(terms: "Purchasing") -> Table:
    """What each node that can be had costs, written off over its years."""
    table = _table("offer", "kind", "node type", ">USD per node-hour", ">most nodes", ">days")
    for each in terms.offers.offers:
        table.add_row(
            Text(each.name, style="bold"),
            each.kind.value.replace("_", " "),
            Text(each.node_type),
            f"{each.usd_per_node_hour:,.2f}",
            "" if each.most_nodes is None else f"{each.most_nodes:,}",
            f"{each.lead_time_days:g}" if each.lead_time_days else "",
        )
    return table


def _table(*heads: str) -> Table:
    """Columns without lines; those that start with `>` hold numbers."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for head in heads:
        number = head.startswith(">")
        table.add_column(
            Text(head.removeprefix(">")),
            justify="right" if number else "left",
            overflow="fold",
        )
    return table
