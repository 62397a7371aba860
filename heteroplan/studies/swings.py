"""Which input moves cost most: cases that differ from the base case in one input."""

from collections.abc import Sequence
from dataclasses import dataclass

from heteroplan.entities.scenario import Objective
from heteroplan.studies.result import (
    CaseResult,
    amount,
    base_of,
    changed_paths,
    is_covered,
    number_of,
)


@dataclass(frozen=True, slots=True)
class Swing:
    """What one input does to the amount, all others as in the base case."""

    path: str
    """Or the name of a case that a study names."""
    base: CaseResult
    cases: tuple[CaseResult, ...]
    """That set this input otherwise, by rising value; texts come last."""
    objective: Objective

    def change(self, case: CaseResult) -> float | None:
        """Of the amount against the base case [USD or GPU-hours].

        None where either plan serves less than all demand, so that amounts do not compare.
        """
        before, after = (amount(each, self.objective) for each in (self.base, case))
        comparable = is_covered(self.base) and is_covered(case)
        return after - before if comparable and before is not None and after is not None else None

    @property
    def greatest(self) -> float:
        """The greatest change either way; 0 where none is known."""
        return max(
            (abs(each) for each in map(self.change, self.cases) if each is not None), default=0
        )

    @property
    def loses_coverage(self) -> bool:
        """Whether the base case covers the demand and one of these does not."""
        return is_covered(self.base) and not all(map(is_covered, self.cases))


def swings(results: Sequence[CaseResult], objective: Objective) -> tuple[Swing, ...]:
    """One an input that some case alone sets otherwise than the base case does.

    Where every case has a name of its own, one a case. Inputs with which demand is no longer
    covered come first, then those that move the amount most.
    """
    base = base_of(results)
    if base is None:
        return ()
    names = {each.name for each in results}
    named = None not in names and len(names) == len(results)
    alone: dict[str, list[CaseResult]] = {}
    for each in results:
        if named and each.name is not None and each is not base:
            alone[each.name] = [each]
            continue
        changed = changed_paths(base, each)
        if len(changed) == 1:
            alone.setdefault(changed[0], []).append(each)
    found = [
        Swing(path, base, tuple(sorted(cases, key=lambda one: _order(one, path))), objective)
        for path, cases in alone.items()
    ]
    return tuple(sorted(found, key=lambda each: (not each.loses_coverage, -each.greatest)))


def _order(case: CaseResult, path: str) -> tuple[bool, float]:
    number = number_of(case.inputs.get(path))
    return number is None, number or 0.0
