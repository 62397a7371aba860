"""The judge of capacity on a terminal, from 80 columns up."""

from rich.console import Console

from heteroplan.outputs.replay.calibration.document import CalibrationDocument, FactorPart
from heteroplan.outputs.replay.figures import Column
from heteroplan.outputs.replay.text import column_table, fitting
from heteroplan.outputs.shared.tables import more_line
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import figure

_SURE = 3.0
"""Standard errors from 1 beyond which a factor is no chance."""
_FAR = 1.1
"""Factor that exceeds the promise by far."""
_MOST_SKIPPED = 10
_LEFT = ("workload", "engine", "role", "node type", "requests of", "judged")


def render_calibration(document: CalibrationDocument, console: Console) -> None:
    """A row an engine, node type and kind of requests; what was not judged below."""
    print_wrapped(
        Text.assemble(
            (document.scenario, "bold"),
            "  judge of capacity: greatest rate of a replica at the SLO, "
            f"{document.draws:,} draws of about {document.requests:,} requests, "
            f"seed {document.seed}",
        ),
        console,
    )
    short = [each for each in document.factors if _judged(each) == "short"]
    style = "bold red" if short else "bold green"
    print_wrapped(Text(_verdict(document, short), style=style), console)
    console.print()
    shown = fitting(_columns(document), console.width)
    table = column_table(shown, console, _LEFT)
    styles = {"short": "red", "spare": "green"}
    for cells in zip(*(each.cells for each in shown), strict=True):
        table.add_row(*(Text(cell, style=styles.get(cell, "")) for cell in cells))
    print_trimmed(table, console)
    print_wrapped(
        Text(
            "promised: what plans count on for a replica of a pool of so many; simulated: mean of "
            "the draws; the other role of the group has room to spare. percentile: of TTFT for "
            "prefill, of ITL for decode, of both for aggregated engines. short, spare: below 1, or "
            f"above 1.1, by more than {_SURE:g} standard errors. Planning does not read these "
            "factors yet.",
            style="dim",
        ),
        console,
    )
    _print_skipped(document, console)


def _print_skipped(document: CalibrationDocument, console: Console) -> None:
    for each in document.skipped[:_MOST_SKIPPED]:
        of = f"{each.workload}, {each.engine} on {each.node_type}, {each.requests_of}"
        print_wrapped(Text(f"Not judged: {of}: {each.reason}", style="yellow"), console)
    more = len(document.skipped) - _MOST_SKIPPED
    if more > 0:
        console.print(more_line(more, "the file", console))


def _verdict(document: CalibrationDocument, short: list[FactorPart]) -> str:
    if not document.factors:
        return "No engine could be judged."
    least, most = (pick(document.factors, key=lambda each: each.factor) for pick in (min, max))
    span = f"factors from {least.factor:.2f} ({_name(least)}) to {most.factor:.2f} ({_name(most)})"
    if not short:
        return f"No engine falls short of what plans count on: {span}."
    return f"{len(short):,} of {len(document.factors):,} fall short of what plans count on: {span}."


def _name(part: FactorPart) -> str:
    return f"{part.workload}, {part.engine}"


def _judged(part: FactorPart) -> str:
    margin = _SURE * part.standard_error
    if part.factor + margin < 1.0:
        return "short"
    return "spare" if part.factor - margin > _FAR else ""


def _columns(document: CalibrationDocument) -> list[Column]:
    factors = document.factors
    names = {each.requests_of for each in factors}
    return [
        Column("workload", tuple(each.workload for each in factors), 0),
        Column("engine", tuple(each.engine for each in factors), 0),
        Column("node type", tuple(each.node_type for each in factors), 3),
        Column(
            "requests of", tuple(each.requests_of for each in factors), 0 if len(names) > 1 else 4
        ),
        Column("pool", tuple(f"{each.replicas:,}" for each in factors), 1),
        Column("percentile", tuple(f"{100.0 * each.percentile:.4g} %" for each in factors), 2),
        Column("promised\nrps", tuple(figure(each.promised_rps) for each in factors), 1),
        Column("simulated\nrps", tuple(figure(each.simulated_rps) for each in factors), 1),
        Column("factor", tuple(f"{each.factor:.3f}" for each in factors), 0),
        Column("standard\nerror", tuple(f"{each.standard_error:.3f}" for each in factors), 0),
        Column("judged", tuple(map(_judged, factors)), 0),
    ]
