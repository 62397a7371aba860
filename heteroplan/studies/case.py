"""A case of a study: a scenario with some of its inputs set."""

import json
from dataclasses import dataclass

type Value = str | int | float | bool | list[Value] | dict[str, Value] | None
"""That an input is set to; `*1.1` is 1.1 times what stands there."""
type Inputs = tuple[tuple[str, Value], ...]
"""Paths and what they are set to."""


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
    inputs: Inputs
    name: str | None = None
    """That the study gives it, alone or with others."""
    sample: int | None = None
    """Of what is uncertain, where the study draws samples; from 0."""
    drawn: Inputs = ()
    """What the sample is, one number an input; known when the case is loaded."""

    @property
    def overrides(self) -> tuple[str, ...]:
        """As `--set` writes them, whole fields before their parts.

        The values are JSON, which YAML reads alike, or factors.
        """
        ordered = sorted(self.inputs, key=lambda each: each[0])
        return tuple(f"{path}={_written(value)}" for path, value in ordered)


def _written(value: Value) -> str:
    """A text such as `*1.1` is a factor, and stays as it is."""
    return value if isinstance(value, str) and value.startswith("*") else json.dumps(value)
