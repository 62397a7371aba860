"""A case of a study as a task for any executor: what it is sent, and what is made of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from heteroplan.clock import Clock
from heteroplan.errors import HeteroplanError
from heteroplan.pipelines.shared.executors.executor import STOP
from heteroplan.pipelines.shared.solving import SolveEffort, solved
from heteroplan.studies.case import Case, Search
from heteroplan.studies.result import CaseResult, failed, result_of

if TYPE_CHECKING:
    from heteroplan.entities.plan import Plan
    from heteroplan.inputs import Loaded


@dataclass(frozen=True, slots=True)
class CaseTask:
    """A case that is loaded: whoever plans it needs no file."""

    case: Case
    key: str
    search: Search
    time_limit_s: float
    loaded: "Loaded | None" = None
    known: CaseResult | None = None
    """Its result, where there is nothing to do."""


def case_result(task: CaseTask, starts: "Sequence[Plan]" = ()) -> CaseResult:
    """The result of a case, a failed one where there is no plan. Raises KeyboardInterrupt.

    Its search begins at the pools of `starts`, where there are any.
    """
    return planned_case(task, starts)[0]


def planned_case(task: CaseTask, starts: "Sequence[Plan]" = ()) -> "tuple[CaseResult, Plan | None]":
    """As `case_result`, with the plan, without where its replicas stand; None where it is not
    planned now."""
    if task.known is not None:
        return task.known, None
    assert task.loaded is not None
    from heteroplan.optimize.solvers.solver import using

    stop = STOP.get()
    effort = SolveEffort(
        gap=task.search.gap,
        clock=Clock(task.time_limit_s),
        tail_cpu_s=0.0,
        stop=stop,
        steps=task.search.steps,
        starts=starts,
    )
    try:
        with using(task.search.solver):
            plan = solved(task.loaded, effort)
    except HeteroplanError as error:
        return failed(task.case, task.key, str(error)), None
    if stop():
        raise KeyboardInterrupt
    return result_of(task.case, task.key, plan), replace(plan, stays=(), candidates=())
