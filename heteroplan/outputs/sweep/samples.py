"""Studies that draw samples: how cost spreads, and in how many samples demand is covered."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console

from heteroplan.outputs.shared.tables import plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import amount_unit, figure
from heteroplan.outputs.sweep.document import SweepDocument
from heteroplan.outputs.sweep.figures import inputs_text, objective_of
from heteroplan.studies.result import COVERED, CaseResult
from heteroplan.text import percent

QUANTILES = (0.05, 0.5, 0.95)
LEAST_TOLD = 10
"""Samples of which a sentence tells the spread."""


@dataclass(frozen=True, slots=True)
class SampledRow:
    """The samples of one combination of inputs."""

    inputs: str
    """As `inputs_text`."""
    samples: int
    covered: int
    amounts: Sequence[float]
    """USD or GPU-hours, as the scenario minimises, of each sample that has a plan."""
    unserved: Sequence[float]
    """Requests, of the same."""

    @property
    def mean(self) -> float:
        """Of the amounts."""
        return float(np.mean(self.amounts))

    def quantiles(self) -> tuple[float, ...]:
        """Of the amounts, at `QUANTILES`."""
        return tuple(float(each) for each in np.quantile(self.amounts, QUANTILES))


def sampled_rows(document: SweepDocument) -> Iterator[SampledRow]:
    """One for each combination of inputs, in the order of the study."""
    groups: dict[str, list[CaseResult]] = {}
    for case in document.cases:
        groups.setdefault(inputs_text(document, case), []).append(case)
    for inputs, cases in groups.items():
        amounts = [(objective_of(document, case), case.unserved_requests) for case in cases]
        known = [(amount, lost or 0.0) for amount, lost in amounts if amount is not None]
        yield SampledRow(
            inputs,
            len(cases),
            sum(case.covered == COVERED for case in cases),
            [amount for amount, _ in known],
            [lost for _, lost in known],
        )


def spread_sentences(document: SweepDocument) -> Iterator[str]:
    """How far cost spreads: of enough samples of the same inputs, all of them covered."""
    rows = list(sampled_rows(document))
    if len(rows) != 1 or rows[0].samples < LEAST_TOLD or rows[0].covered < rows[0].samples:
        return
    low, middle, high = map(figure, rows[0].quantiles())
    unit = amount_unit(document.objective)
    yield f"Nine of ten samples cost {low} to {high} {unit}, half of them {middle} or more."


def print_samples(document: SweepDocument, console: Console) -> None:
    """One line a combination of inputs, and what samples assume."""
    heads = (">samples", ">covered", ">mean", ">P5", ">P50", ">P95", ">most\nunserved")
    table = plain_table(console, "inputs", *heads)
    for row in sampled_rows(document):
        figures = [figure(row.mean), *map(figure, row.quantiles())] if row.amounts else [""] * 4
        table.add_row(
            Text(row.inputs),
            Text(f"{row.samples:,}"),
            Text(percent(row.covered / row.samples, 0)),
            *map(Text, figures),
            Text(f"{max(row.unserved, default=0.0):,.0f}"),
        )
    print_trimmed(table, console)
    unit = amount_unit(document.objective)
    told = f"Mean and quantiles over the samples in {unit}; each is planned as if it were known."
    print_wrapped(Text(told, style="dim"), console)
    for note in document.samples.notes if document.samples else ():
        print_wrapped(Text(f"{note[0].upper()}{note[1:]}.", style="yellow"), console)
