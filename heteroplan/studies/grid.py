"""Variations -> cases: every combination of their values, in a fixed order."""

from collections.abc import Iterable, Sequence
from itertools import product

from heteroplan.studies.case import Case, Value, Variation

MOST_CASES = 100_000
"""Of one study."""

type Inputs = tuple[tuple[str, Value], ...]
"""Paths and what they are set to."""


def cases(variations: Sequence[Variation], given: Iterable[Inputs] = ()) -> tuple[Case, ...]:
    """Every combination of values, with the last variation changing fastest.

    Each of the inputs `given` is combined with all of them. Raises ValueError where a path is set
    twice, and for more than `MOST_CASES`.
    """
    rows = tuple(given) or ((),)
    for row in rows:
        paths = [*(path for path, _ in row), *(each.path for each in variations)]
        twice = next((path for i, path in enumerate(paths) if path in paths[:i]), None)
        if twice is not None:
            raise ValueError(f"{twice} is varied twice; keep one of them")
    count = len(rows)
    for each in variations:
        count *= len(each.values)
    if count > MOST_CASES:
        raise ValueError(f"{count:,} cases are more than {MOST_CASES:,}; vary less")
    combinations = [
        tuple((path, value) for path, value in zip((v.path for v in variations), each, strict=True))
        for each in product(*(each.values for each in variations))
    ]
    every = (row + each for row in rows for each in combinations)
    return tuple(Case(place, inputs) for place, inputs in enumerate(every))
