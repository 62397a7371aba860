"""`explain`: what limits a plan, and what one more node is worth to it."""

from typing import TYPE_CHECKING

from heteroplan.clock import Stop, never
from heteroplan.errors import UsageError

if TYPE_CHECKING:
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.plan.explanation import Explanation
    from heteroplan.planning.node_worth import NodeWorth

TIME_LIMIT_S = 20.0
"""For what one more node is worth."""


def explain(
    source: str,
    *,
    workload: str | None = None,
    time_limit_s: float = TIME_LIMIT_S,
    stop: Stop = never,
) -> "Explanation":
    """What limits the plan.json at `source` (or `-`), or one workload of it.

    What one more node is worth to the whole plan is computed in `time_limit_s` [s]; not where that
    is 0, where one workload is asked for, or for a plan without its inputs (schema version 1).
    Raises InputError for the plan and UsageError for a workload that it does not have.
    """
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.outputs.plan.explanation import explain
    from heteroplan.outputs.plan.node_worth import worth_of

    if not 0 <= time_limit_s < float("inf"):
        raise UsageError(f"--time-limit {time_limit_s:g}: write seconds; 0 for none")
    document = read_plan(source)
    asked = workload is None and time_limit_s > 0 and document.inputs is not None
    worth = worth_of(document, _node_worths(document, time_limit_s, stop)) if asked else None
    return explain(document, workload, worth)


def _node_worths(
    document: "PlanDocument", time_limit_s: float, stop: Stop
) -> "tuple[NodeWorth, ...] | None":
    from heteroplan.planning.node_worth import node_worths
    from heteroplan.profiles.capacity.candidates import candidates_of

    scenario = document.given
    sizes = {
        (pool.workload, pool.engine, pool.node_type, pool.domain): pool.replicas
        for pool in document.pools
    }
    return node_worths(
        scenario, candidates_of(scenario), sizes, time_limit_s=time_limit_s, stop=stop
    )
