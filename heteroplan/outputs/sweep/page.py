"""A study as a page: one file to open from disk or to attach."""

from collections.abc import Iterator, Sequence

from heteroplan.entities.scenario import Objective
from heteroplan.outputs.shared.page import cards, page, render, table_section
from heteroplan.outputs.shared.words import figure
from heteroplan.outputs.sweep.document import SweepDocument
from heteroplan.outputs.sweep.figures import egress_text, has_egress, varied_paths
from heteroplan.outputs.sweep.frontier_charts import frontier_sections
from heteroplan.outputs.sweep.heat_map import heat_section
from heteroplan.outputs.sweep.labels import (
    amount_label,
    coverage_label,
    input_label,
    settings_label,
    unit_label,
    value_label,
)
from heteroplan.outputs.sweep.samples import sampled_rows
from heteroplan.outputs.sweep.spread import Spread, spread_section
from heteroplan.outputs.sweep.text import egress_sentences
from heteroplan.outputs.sweep.tornado import tornado_section
from heteroplan.studies.case import Variation
from heteroplan.studies.cross_table import cross_tables
from heteroplan.studies.frontier import Frontier, frontier
from heteroplan.studies.result import CaseResult, CaseStatus, amount, is_covered
from heteroplan.studies.swings import swings
from heteroplan.text import percent

MOST_ROWS = 400
"""Cases of the table."""
MOST_FRONTIERS, MOST_SPREADS = 8, 12
MOST_ERRORS = 20


def sweep_html(document: SweepDocument) -> str:
    """The study as a self-contained page: verdict, pictures and the table of its cases."""
    unit = unit_label(document.objective, document.horizon_hours)
    title = f"{document.scenario}: sweep"
    verdict, sentence = _verdict(document.cases)
    return page(
        title,
        [
            render(
                "verdict_head.html",
                title=title,
                below=_below(document),
                verdict_class=verdict,
                verdict=sentence,
                notes=list(_notes(document)),
            ),
            cards(_cards(document, unit)),
            *_pictures(document, unit),
            _table(document, unit),
            *_errors(document.cases),
            render(
                "sweep_foot.html",
                gap=percent(document.search.gap),
                unit=unit,
                solver=document.search.solver,
                version=document.heteroplan_version,
            ),
        ],
        style=render("sweep.css"),
    )


def _pictures(document: SweepDocument, unit: str) -> Iterator[str]:
    if document.samples is not None:
        yield from _spreads(document, unit)
        return
    objective, cases = document.objective, document.cases
    moved = swings(cases, objective)
    if len(moved) > 1 and moved[0].base.status is not CaseStatus.FAILED:
        yield tornado_section(moved, objective, unit)
    gridded = [
        Variation(each.path, each.values)
        for each in document.vary
        if all(each.path in case.inputs for case in cases)
    ]
    yield from frontier_sections(_frontiers(document, gridded), objective, unit)
    yield heat_section(list(cross_tables(gridded, cases)), objective, unit)


def _spreads(document: SweepDocument, unit: str) -> Iterator[str]:
    """Of each combination of inputs: cost, and requests that are not served."""
    rows = [row for row in sampled_rows(document) if row.amounts]
    for number, row in enumerate(rows[:MOST_SPREADS]):
        spreads = [Spread("cost", unit, row.amounts)]
        if any(row.unserved):
            spreads.append(Spread("unserved", "requests", row.unserved))
        head = "Samples" if len(rows) == 1 else f"Samples with {row.inputs}"
        yield spread_section(f"spread-{number}", head, spreads)


def _frontiers(document: SweepDocument, gridded: Sequence[Variation]) -> list[Frontier]:
    """What promises users something comes first."""
    found = [
        made
        for each in gridded
        if (made := frontier(each.path, document.cases, document.objective)) is not None
    ]
    return sorted(found, key=lambda each: each.better is None)[:MOST_FRONTIERS]


def _verdict(cases: Sequence[CaseResult]) -> tuple[str, str]:
    covered = sum(map(is_covered, cases))
    counts = {
        "short": sum(each.covered == "short" for each in cases),
        "undecided": sum(each.covered == "undecided" for each in cases),
        "failed": sum(each.status is CaseStatus.FAILED for each in cases),
    }
    others = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    kind = "good" if covered == len(cases) else "partly" if covered else "short"
    said = f"Demand is covered in {covered:,} of {len(cases):,} cases"
    return kind, f"{said}; {others}." if others else f"{said}."


def _below(document: SweepDocument) -> str:
    varied = [f"{input_label(each.path)} ({len(each.values)} values)" for each in document.vary]
    if document.samples is not None:
        varied.append(f"{document.samples.count:,} samples (seed {document.samples.seed})")
    return (
        f"{len(document.cases):,} cases: {' x '.join(varied)}"
        if varied
        else (f"{len(document.cases):,} cases")
    )


def _notes(document: SweepDocument) -> Iterator[str]:
    cases = document.cases
    if document.samples is None:
        yield from egress_sentences(document)
    drawn = () if document.samples is None else document.samples.notes
    for note in (*document.notes, *drawn):
        yield f"{note[:1].upper()}{note[1:].removesuffix('.')}."
    if document.samples is not None:
        yield "Each sample is planned as if all of it were known before."
    late = sum(each.status is CaseStatus.TIME_LIMIT for each in cases)
    if late:
        yield (
            f"Ended by the clock, so that figures may differ from run to run: {late:,} of "
            f"{len(cases):,} cases. A wider --gap, fewer --steps or a longer --time-limit end all "
            "alike."
        )


def _cards(document: SweepDocument, unit: str) -> Iterator[tuple[str, str]]:
    covered = [each for each in document.cases if is_covered(each)]
    costs = [cost for each in covered if (cost := amount(each, document.objective)) is not None]
    if costs:
        yield figure(min(costs)), f"{unit}, the cheapest covered case"
        yield figure(max(costs)), f"{unit}, the dearest covered case"
    peaks = [each.peak_gpus for each in covered if each.peak_gpus is not None]
    if peaks:
        text = (
            f"{min(peaks):,}" if min(peaks) == max(peaks) else f"{min(peaks):,} to {max(peaks):,}"
        )
        yield text, "GPUs at the peak of covered cases"
    gaps = [each.gap for each in document.cases if each.gap is not None]
    if gaps:
        yield percent(max(gaps)), "greatest gap of a case to its proven bound"


def _table(document: SweepDocument, unit: str) -> str:
    """Inputs in a column each, or in one where no case sets several."""
    cases, paths = document.cases, varied_paths(document)
    named = any(each.name for each in cases)
    alone = not named and all(len(each.inputs) <= 1 for each in cases)
    in_usd, egress = document.objective is Objective.COST, has_egress(document)
    texts = [*(["case"] if named else []), *(["set"] if alone else [])]
    heads = [
        *texts,
        *([] if alone else map(input_label, paths)),
        *("demand is", unit),
        *(["GPU-hours"] if in_usd else []),
        *("peak GPUs", "gap"),
        *(["egress USD"] if egress else []),
    ]
    left = len(cases) - MOST_ROWS
    return table_section(
        "Cases",
        heads,
        [
            [
                *([each.name or ""] if named else []),
                *([_settings(each)] if alone else _values(each, paths)),
                coverage_label(each),
                amount_label(each, document.objective),
                *([_figure(each.gpu_hours)] if in_usd else []),
                "" if each.peak_gpus is None else f"{each.peak_gpus:,}",
                "" if each.gap is None else percent(each.gap),
                *([egress_text(each)] if egress else []),
            ]
            for each in cases[:MOST_ROWS]
        ],
        text_columns={*range(len(texts)), heads.index("demand is")},
        below=[f"{left:,} more cases are in cases.csv."] if left > 0 else [],
    )


def _settings(case: CaseResult) -> str:
    return settings_label(case.inputs.items())


def _values(case: CaseResult, paths: Sequence[str]) -> list[str]:
    return [value_label(path, case.inputs[path]) if path in case.inputs else "" for path in paths]


def _figure(value: float | None) -> str:
    return "" if value is None else figure(value)


def _errors(cases: Sequence[CaseResult]) -> Iterator[str]:
    wrong = [each for each in cases if each.error]
    if not wrong:
        return
    rows = [(each.name or _settings(each), each.error or "") for each in wrong]
    left = len(rows) - MOST_ERRORS
    yield table_section(
        "Cases that failed",
        ("set", "error"),
        rows[:MOST_ERRORS],
        text_columns={0, 1},
        below=[f"{left:,} more are in cases.csv."] if left > 0 else [],
    )
