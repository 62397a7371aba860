"""A case of a study: a scenario with some of its inputs set; all cases, and what names each."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import prod

from heteroplan import __version__

MOST_CASES = 100_000
"""Of one study."""

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


def cases(
    variations: Sequence[Variation], named: Mapping[str, Inputs] | None = None
) -> tuple[Case, ...]:
    """Every combination of values, with the last variation changing fastest.

    Each of the inputs in `named` is combined with all of them. Raises ValueError where a path is
    set twice, and for more than `MOST_CASES`.
    """
    rows: list[tuple[str | None, Inputs]] = [*named.items()] if named else [(None, ())]
    varied = [each.path for each in variations]
    for name, row in rows:
        paths = [*varied, *(path for path, _ in row)]
        twice = next((path for i, path in enumerate(paths) if path in paths[:i]), None)
        if twice is not None:
            where = "" if twice in varied[: varied.index(twice)] or name is None else f" in {name}"
            raise ValueError(f"{twice} is set twice{where}; keep one of them")
    count = len(rows) * prod(len(each.values) for each in variations)
    if count > MOST_CASES:
        raise ValueError(f"{count:,} cases are more than {MOST_CASES:,}; vary less")
    combinations = [
        tuple(zip(varied, values, strict=True))
        for values in product(*(each.values for each in variations))
    ]
    every = [(name, row + each) for name, row in rows for each in combinations]
    return tuple(Case(place, inputs, name) for place, (name, inputs) in enumerate(every))


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """How every case of a study is solved: what its result depends on beside its inputs."""

    gap: float
    steps: int | None
    """Steps of the search at most; None is no limit."""
    solver: str


def case_key(inputs_sha256: str, search: Search, start: str | None = None) -> str:
    """Of the files as read with all that is set in them, the search, and the version.

    `start` is the key of the case from whose plan this one starts.
    """
    parts = {
        "inputs": inputs_sha256,
        **asdict(search),
        "version": __version__,
        "start": start,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
