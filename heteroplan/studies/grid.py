"""Variations -> cases: every combination of their values, in a fixed order."""

from collections.abc import Mapping, Sequence
from itertools import product
from math import prod

from heteroplan.studies.case import Case, Inputs, Variation

MOST_CASES = 100_000
"""Of one study."""


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
