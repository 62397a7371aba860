"""sweep.json: a study and the result of each of its cases."""

from collections.abc import Sequence
from typing import Literal

from heteroplan import __version__
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.outputs.plan.document.parts import DocumentPart
from heteroplan.studies.case import Search, Value
from heteroplan.studies.result import CaseResult
from heteroplan.studies.study import Study


class VariationPart(DocumentPart):
    """An input that was varied."""

    path: str
    """As `--set` writes it."""
    values: tuple[Value, ...]


class SearchPart(DocumentPart):
    """How every case was planned."""

    gap: float
    """At which the search of a case ends."""
    steps: int | None
    """Of the search of a case at most; null is no limit."""
    solver: str


class SamplesPart(DocumentPart):
    """What was drawn of what is uncertain; `drawn` of a case is what it was there."""

    count: int
    """Samples, each of which is a case of every combination of inputs."""
    seed: int
    notes: tuple[str, ...]
    """What is taken as certain, or assumed."""


class SweepDocument(DocumentPart):
    """sweep.json."""

    schema_version: Literal[1] = 1
    heteroplan_version: str
    scenario: str
    study: str | None = None
    """Name of the study, where it has one."""
    objective: Objective
    horizon_hours: float
    """That costs and GPU-hours are of."""
    vary: tuple[VariationPart, ...]
    search: SearchPart
    samples: SamplesPart | None = None
    """Where the study draws samples."""
    cases: tuple[CaseResult, ...]
    """In the order of the study; the last of `vary` changes fastest."""
    notes: tuple[str, ...] = ()
    """What the study leaves out, and why."""


def document_of(
    scenario: Scenario,
    study: Study,
    search: Search,
    results: Sequence[CaseResult],
    notes: Sequence[str] = (),
) -> SweepDocument:
    """What a study of a scenario found."""
    return SweepDocument(
        heteroplan_version=__version__,
        scenario=scenario.name,
        study=study.name,
        objective=scenario.objective,
        horizon_hours=scenario.horizon.intervals * scenario.horizon.interval_hours,
        vary=tuple(VariationPart(path=each.path, values=each.values) for each in study.variations),
        search=SearchPart(gap=search.gap, steps=search.steps, solver=search.solver),
        cases=tuple(results),
        notes=tuple(notes),
    )


def with_samples(
    document: SweepDocument, seed: int, count: int, notes: tuple[str, ...]
) -> SweepDocument:
    """The document of a study that draws samples."""
    return document.model_copy(update={"samples": SamplesPart(count=count, seed=seed, notes=notes)})
