"""A case of a study: a scenario with some of its inputs set."""

import json
from dataclasses import dataclass

type Value = str | int | float | bool | list[Value] | dict[str, Value] | None
"""That an input is set to; `*1.1` is 1.1 times what stands there."""


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
        """As `--set` writes them; the values are JSON, which YAML reads alike, or factors."""
        return tuple(f"{path}={_written(value)}" for path, value in self.inputs)


def _written(value: Value) -> str:
    """A text such as `*1.1` is a factor, and stays as it is."""
    return value if isinstance(value, str) and value.startswith("*") else json.dumps(value)
