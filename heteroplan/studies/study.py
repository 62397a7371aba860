"""A study: which inputs of a scenario are varied, how its cases are planned, and its file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.schemas.study import StudyFile
from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown
from heteroplan.reading.yaml_source import Document, parse_document
from heteroplan.studies.case import Case, Inputs, Variation
from heteroplan.studies.grid import cases
from heteroplan.studies.variations import expanded, refuse_equal


@dataclass(frozen=True, slots=True, kw_only=True)
class Study:
    """What is varied, and what a study file says of the search; None where it says nothing."""

    variations: tuple[Variation, ...]
    named: Mapping[str, Inputs] = field(default_factory=dict)
    """Named cases: what each sets."""
    fixed: Inputs = ()
    """Set in every case."""
    name: str | None = None
    interval: str | None = None
    gap: float | None = None
    steps: int | None = None

    def cases(self) -> tuple[Case, ...]:
        """In order. Raises ValueError."""
        return cases(self.variations, self.named)


def read_study(source: str) -> Study:
    """The study in the file `source`; `-` reads standard input. Raises InputError."""
    path = STDIN if source == "-" else Path(source)
    name = shown(path)
    try:
        document, problems = parse_document(Files().text(path), name)
    except UnreadableError as error:
        raise InputError([InputProblem(name, 0, "", "", str(error))]) from None
    spec = checked(document, StudyFile, problems)
    if spec is None:
        raise InputError(problems)
    study = Study(
        variations=tuple(_variations(document, spec, problems)),
        named={name: tuple(inputs.items()) for name, inputs in spec.cases.items()},
        fixed=tuple(spec.set.items()),
        name=spec.name,
        interval=spec.interval,
        gap=spec.gap,
        steps=spec.steps,
    )
    if not problems:
        try:
            study.cases()
        except ValueError as error:
            problems.append(InputProblem(name, 0, "", "", str(error)))
    if problems:
        raise InputError(problems)
    return study


def _variations(
    document: Document, spec: StudyFile, problems: list[InputProblem]
) -> list[Variation]:
    found = []
    for path, given in spec.vary.items():
        values: list[Any] = given if isinstance(given, list) else [given]
        try:
            every = [value for each in values for value in expanded(each)]
            refuse_equal(path, every)
        except ValueError as error:
            problems.append(document.problem(("vary", path), str(error)))
            continue
        if (isinstance(given, str) and every == [given]) or not every:
            remedy = "neither a list nor a range; write [1, 1.2] or 6..12"
            problems.append(document.problem(("vary", path), remedy))
        found.append(Variation(path, tuple(every)))
    return found
