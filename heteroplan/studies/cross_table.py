"""Two inputs of a study against each other, the others as in its base case."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from heteroplan.studies.case import Value, Variation
from heteroplan.studies.result import CaseResult, base_of, changed_paths, number_of


@dataclass(frozen=True, slots=True)
class CrossTable:
    """A case for each pair of values."""

    down: Variation
    across: Variation
    held: tuple[tuple[str, Value], ...]
    """All other inputs, and what they are set to."""
    cells: tuple[tuple[CaseResult | None, ...], ...]
    """A row a value of `down`; None where there is no such case."""


def cross_tables(
    variations: Sequence[Variation], results: Sequence[CaseResult]
) -> Iterator[CrossTable]:
    """One for each two inputs that have two values or more, and in which every case stands."""
    base = base_of(results)
    varied = [each for each in variations if len(each.values) > 1]
    for down, across in combinations(varied, 2):
        if base is not None:
            yield _table(down, across, base, results)


def _table(
    down: Variation, across: Variation, base: CaseResult, results: Sequence[CaseResult]
) -> CrossTable:
    pair = {down.path, across.path}
    found = {
        tuple(map(repr, (each.inputs[down.path], each.inputs[across.path]))): each
        for each in results
        if pair <= each.inputs.keys() and pair.issuperset(changed_paths(base, each))
    }
    rows, columns = _ordered(down), _ordered(across)
    return CrossTable(
        rows,
        columns,
        tuple((path, value) for path, value in base.inputs.items() if path not in pair),
        tuple(
            tuple(found.get((repr(first), repr(second))) for second in columns.values)
            for first in rows.values
        ),
    )


def _ordered(variation: Variation) -> Variation:
    """With numbers rising; others as they are."""
    numbers = [number_of(each) for each in variation.values]
    if None in numbers:
        return variation
    return Variation(
        variation.path, tuple(sorted(variation.values, key=lambda each: number_of(each) or 0.0))
    )
