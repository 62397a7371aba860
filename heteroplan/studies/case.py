"""A case of a study: a scenario with some of its inputs set."""

import json
from dataclasses import dataclass

type Value = str | int | float | bool | None
"""That an input is set to."""


@dataclass(frozen=True, slots=True)
class Variation:
    """An input and the values that it takes in a study."""

    path: str
    """As `--set` writes it, such as `workloads.chat.slo.ttft_ms`."""
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """One scenario of a study."""

    place: int
    """In the order of the study, from 0."""
    inputs: tuple[tuple[str, Value], ...]
    """Paths and what they are set to."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """As `--set` writes them; the values are JSON, which YAML reads alike."""
        return tuple(f"{path}={json.dumps(value)}" for path, value in self.inputs)
