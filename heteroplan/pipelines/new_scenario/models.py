"""The models of a new scenario: ready profiles, or profile files."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.errors import InputError, InputProblem, UsageError
from heteroplan.inputs.ready import PREFIX, read_ready
from heteroplan.pipelines.new_scenario.choices import Asks
from heteroplan.reading.input_files import Files, UnreadableError, shown

if TYPE_CHECKING:
    from heteroplan.entities.fleet import Fleet
    from heteroplan.entities.workload import Engine, Profile
    from heteroplan.outputs.init.drafts import Place

_LONGEST = 63
"""Of a workload's name [characters]."""


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A workload and the engines of its model."""

    workload: str
    model: str
    profile: "Place"
    engines: "tuple[Engine, ...]"
    is_example: bool = False


def given_models(texts: Sequence[str]) -> list[ModelChoice]:
    """`[WORKLOAD=]MODEL`, where MODEL is a ready profile or a profile file.

    Raises UsageError for names that are unknown or given twice, InputError for profile files.
    """
    found = [_model(text) for text in texts]
    names = [each.workload for each in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"--model: two workloads are called {name}; write NAME=MODEL")
    return found


def chosen_models(
    given: Sequence[ModelChoice], fleet: "Fleet", asks: Asks | None
) -> list[ModelChoice]:
    """What is given, or somebody picks from the ready profiles that run on the fleet.

    Where nobody can be asked it is the one with the smallest replicas. Raises UsageError where
    none runs on the fleet.
    """
    if given:
        return list(given)
    running = [each for each in read_ready() if _runs_on(each.engines, fleet)]
    if not running:
        gpus = ", ".join(sorted({each.gpu.name for each in fleet.node_types}))
        raise UsageError(
            f"no ready profile runs on the fleet, whose GPUs are {gpus}: make a profile with "
            "heteroplan fit and name it with --model FILE"
        )
    there = {each.gpu.name for each in fleet.node_types}
    smallest = min(
        running,
        key=lambda each: min(engine.gpus for engine in each.engines if engine.gpu in there),
    )
    if asks is None:
        return [_of_profile(smallest, is_example=True)]
    return _picked(running, smallest.model, asks)


def _picked(running: Sequence["Profile"], default: str, asks: Asks) -> list[ModelChoice]:
    for number, each in enumerate(running, start=1):
        asks.tell(f"  {number}  {each.model}")
    names = [each.model for each in running]

    def one(text: str) -> "Profile":
        if text.isdecimal() and 1 <= int(text) <= len(names):
            return running[int(text) - 1]
        if text not in names:
            raise ValueError(f"write a number from 1 to {len(names)}, or a name of the list")
        return running[names.index(text)]

    picked = [asks.ask("Model that runs on this fleet (number or name)", one, default)]
    while len(picked) < len(running):
        more = asks.ask("Another model (Enter: none)", lambda text: one(text) if text else None, "")
        if more is None:
            break
        picked.append(more)
    return [_of_profile(each) for each in dict.fromkeys(picked)]


def _runs_on(engines: "Iterable[Engine]", fleet: "Fleet") -> bool:
    """Whether they serve requests from prompt to last token on the fleet's GPUs."""
    from heteroplan.inputs.checks.workload_case import fits_node, is_whole

    return is_whole(
        {
            engine.role
            for engine in engines
            for each in fleet.node_types
            if engine.gpu == each.gpu.name and fits_node(engine.gpus, each.gpus)
        }
    )


def _model(text: str) -> ModelChoice:
    workload, equals, model = text.rpartition("=")
    if equals and label(workload) != workload:
        raise UsageError(
            f"--model {text}: {workload!r} is no name of a workload; write small letters, digits "
            f"and -, such as {label(workload)}"
        )
    name = model.removeprefix(PREFIX)
    if name.endswith((".yaml", ".yml")) or "/" in name:
        return _of_file(workload, Path(model))
    (profile,) = read_ready(name)
    found = _of_profile(profile)
    return ModelChoice(workload or found.workload, found.model, found.profile, found.engines)


def _of_profile(profile: "Profile", *, is_example: bool = False) -> ModelChoice:
    return ModelChoice(
        label(profile.model), profile.model, PREFIX + profile.model, profile.engines, is_example
    )


def _of_file(workload: str, path: Path) -> ModelChoice:
    from heteroplan.inputs import build
    from heteroplan.inputs.checks.schema_problems import checked
    from heteroplan.inputs.schemas.profile import ProfileFile
    from heteroplan.reading.yaml_source import parse_document

    try:
        document, problems = parse_document(Files().text(path), shown(path))
    except UnreadableError as error:
        raise InputError([InputProblem(shown(path), 0, "", "", str(error))]) from None
    spec = checked(document, ProfileFile, problems)
    if spec is None or problems:
        raise InputError(problems)
    engines = tuple(engine for each in spec.engines for engine in build.engines(each))
    return ModelChoice(workload or label(spec.model), spec.model, path.absolute(), engines)


def label(text: str) -> str:
    """`text` as a workload's name: small letters, digits and `-`."""
    found = re.sub(r"[^a-z0-9]+", "-", text.lower())[:_LONGEST].strip("-")
    return found or "model"
