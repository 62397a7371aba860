"""The text of a new scenario.yaml."""

import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from heteroplan.outputs.init.drafts import Place, ScenarioDraft, TraceDraft, WorkloadDraft

EXAMPLE = "example"
HEAD = f"""\
# Written by heteroplan init. Nobody gave the values that are marked "{EXAMPLE}": put your own.
# All fields: heteroplan schema scenario.
"""


def scenario_text(draft: ScenarioDraft, folder: Path) -> str:
    """The scenario as it stands in `folder`: paths are relative to it."""
    lines = [
        f"name: {flow(draft.name)}",
        f"fleet: {flow(_path(draft.fleet, folder))}",
        f"horizon: {flow(draft.horizon)}",
        "workloads:",
    ]
    for each in draft.workloads:
        first, *others = _workload(each, folder)
        lines += [f"  - {first}", *(f"    {line}" for line in others)]
    return HEAD + "\n".join(lines) + "\n"


def flow(value: Any) -> str:
    """A value in YAML, on one line."""
    plain = dict(value) if isinstance(value, Mapping) else value
    if isinstance(plain, float) and plain.is_integer():
        plain = int(plain)
    text: str = yaml.safe_dump(
        plain, default_flow_style=True, sort_keys=False, width=math.inf, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def marked(line: str, examples: Iterable[str]) -> str:
    """A line whose values, or some of them, nobody gave."""
    named = ", ".join(examples)
    return f"{line}  # {EXAMPLE}: {named}" if named else line


def _workload(draft: WorkloadDraft, folder: Path) -> Iterator[str]:
    yield f"name: {flow(draft.name)}"
    yield marked(f"model: {flow(draft.model)}", ["model"] if "model" in draft.examples else [])
    yield f"profile: {flow(_path(draft.profile, folder))}"
    yield from _demand(draft, folder)
    if draft.requests is not None:
        given = {"isl": "mean input tokens", "osl": "mean output tokens"}
        unknown = [text for name, text in given.items() if name in draft.examples]
        yield marked(f"requests: {flow(draft.requests)}", unknown)
    yield marked(f"slo: {flow(draft.slo)}", (each for each in draft.slo if each in draft.examples))
    yield "affinity: spine"
    percent = f"headroom: {100.0 * draft.headroom:g}%"
    yield marked(percent, ["added to the demand"] if "headroom" in draft.examples else [])
    if draft.allow_extrapolation:
        yield "allow_extrapolation: true"


def _demand(draft: WorkloadDraft, folder: Path) -> Iterator[str]:
    demand = draft.demand
    if not isinstance(demand, TraceDraft):
        is_example = ["a shape that nobody measured"] if "demand" in draft.examples else []
        yield marked(f"demand: {flow(_path(demand, folder))}", is_example)
        return
    yield "demand:"
    yield f"  trace: {flow(_path(demand.trace, folder))}"
    for name, value in demand.fields.items():
        meaning = demand.examples.get(name)
        yield marked(f"  {name}: {flow(value)}", [] if meaning is None else [meaning])


def _path(place: Place, folder: Path) -> str:
    """As the scenario names it; a folder that is a link is left by its real parent."""
    if isinstance(place, str):
        return place
    real = Path(os.path.realpath(place.parent)) / place.name
    try:
        return Path(os.path.relpath(real, os.path.realpath(folder))).as_posix()
    except ValueError:
        return str(real)
