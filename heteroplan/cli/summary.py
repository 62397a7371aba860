"""What a scenario holds, as `validate` shows it, and what `check` could not load."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from heteroplan.entities.capacity import Candidate, OperatingPoint, mix_rps
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Affinity, SubgroupPriority
from heteroplan.entities.offers import OfferKind
from heteroplan.entities.workload import Workload
from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, print_lines, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import candidate_notes, demand_sentences, figure, horizon_text
from heteroplan.text import visible

if TYPE_CHECKING:
    from heteroplan.entities.purchasing import Purchasing
    from heteroplan.inputs import Loaded
    from heteroplan.outputs.plan.check_report import CheckRow

MOST_SPINES = 20
"""Spines that `validate` shows."""
_NOTHING = figure(0.0)

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
        _workloads(scenario.workloads, console),
        _engines(loaded, console),
        _fleet(scenario.fleet, console),
        _spines(scenario.fleet, console),
    ):
        console.print()
        print_trimmed(table, console)
    more = len(scenario.fleet.network.domains(Affinity.SPINE)) - MOST_SPINES
    if more > 0:
        console.print(f"... and {more} more")
    if terms is not None:
        console.print()
        print_trimmed(_offers(terms, console), console)
        for note in terms.notes:
            print_wrapped(Text(note, style="dim"), console)


def render_errors(rows: "Iterable[CheckRow]", console: Console) -> None:
    """Every error in full, whatever the width, a paragraph a scenario."""
    for row in rows:
        if row.error:
            console.print()
            print_lines(f"{visible(row.name)}:\n{row.error}", console)


def _workloads(workloads: tuple[Workload, ...], console: Console) -> Table:
    table = plain_table(
        console, "workload", "model", ">peak rps", ">mean rps", ">priority", "affinity"
    )
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


def _engines(loaded: "Loaded", console: Console) -> Table:
    """One row an engine and node type, or several where its groups differ in what is shown."""
    heads = ("workload", "engine", "node\ntype", ">GPUs", ">rps per\nreplica", "limited by")
    table = plain_table(console, *heads, last_wraps=True)
    workloads = {workload.name: workload for workload in loaded.scenario.workloads}
    before = ""
    for (workload, engine, node_type), among in groupby(loaded.candidates, _row_of):
        shown: dict[tuple[str, str], list[Candidate]] = {}
        for candidate in among:
            rps, limits = _at_peak(workloads[workload], candidate)
            shown.setdefault((figure(rps), limits), []).append(candidate)
        for (rate, limits), alike in shown.items():
            spans = [_SPANS[each.span] for each in alike if each.span and len(shown) > 1]
            within = f" ({' or '.join(spans)})" if spans else ""
            table.add_row(
                Text("" if workload == before else workload, style="bold"),
                Text(engine),
                Text(node_type),
                str(alike[0].engine.gpus),
                rate,
                Text(limits + within, style="yellow" if rate == _NOTHING else ""),
            )
            before = workload
    return table


def _row_of(candidate: Candidate) -> tuple[str, str, str]:
    return candidate.workload, candidate.engine.name, candidate.node_type


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


def _fleet(fleet: Fleet, console: Console) -> Table:
    table = plain_table(console, "node type", "GPU", ">nodes", ">GPUs", ">USD per GPU-hour")
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


def _spines(fleet: Fleet, console: Console) -> Table:
    """Each spine with what stands below it and how scarce that is."""
    heads = ("spine", "priority", ">leaves", "leaf priority", "GPUs")
    table = plain_table(console, *heads, last_wraps=True)
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


def _offers(terms: "Purchasing", console: Console) -> Table:
    """What each node that can be had costs, written off over its years."""
    heads = ("offer", "kind", "node type", ">USD per\nnode-hour", ">most\nnodes", ">lead\ndays")
    table = plain_table(console, *heads)
    for each in terms.offers.offers:
        existing = each.kind is OfferKind.EXISTING
        table.add_row(
            Text(f"on {each.leaves[0]}" if existing else each.name, style="bold"),
            each.kind.value.replace("_", " "),
            Text(each.node_type),
            f"{each.usd_per_node_hour:,.2f}",
            "" if each.most_nodes is None else f"{each.most_nodes:,}",
            f"{each.lead_time_days:g}" if each.lead_time_days else "",
        )
    return table
