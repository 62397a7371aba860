"""What a case's inputs and figures say: which number an input is, what a plan costs."""

from collections.abc import Sequence

from heteroplan.entities.scenario import Objective
from heteroplan.studies.case import Value
from heteroplan.studies.result import CaseResult

COVERED, SHORT = "covered", "short"


def amount(result: CaseResult, objective: Objective) -> float | None:
    """What the scenario minimises, of the case's plan [USD or GPU-hours]; None without a plan."""
    return result.cost_usd if objective is Objective.COST else result.gpu_hours


def is_covered(result: CaseResult) -> bool:
    """Whether the case's plan serves all demand."""
    return result.covered == COVERED


def number_of(value: Value) -> float | None:
    """The number that an input is set to, or the factor of `*1.1`; None for anything else."""
    if isinstance(value, str) and value.startswith("*"):
        try:
            return float(value[1:])
        except ValueError:
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def changed_paths(base: CaseResult, other: CaseResult) -> tuple[str, ...]:
    """Inputs that one of the two cases sets and the other does not set alike."""
    paths = dict.fromkeys((*base.inputs, *other.inputs))
    return tuple(path for path in paths if not _alike(base, other, path))


def base_of(results: Sequence[CaseResult]) -> CaseResult | None:
    """The case that sets nothing, or else the first one."""
    return next((each for each in results if not each.inputs), results[0] if results else None)


def _alike(base: CaseResult, other: CaseResult, path: str) -> bool:
    if path not in base.inputs or path not in other.inputs:
        return False
    first, second = base.inputs[path], other.inputs[path]
    return type(first) is type(second) and first == second
