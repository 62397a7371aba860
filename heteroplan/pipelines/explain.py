"""`explain`: what limits a plan, what one more node is worth, and what would end a shortage."""

from typing import TYPE_CHECKING

from heteroplan.clock import Stop, never
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared.solving import compile_first

if TYPE_CHECKING:
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.plan.explanation import Explanation
    from heteroplan.planning.node_worth import NodeWorth
    from heteroplan.planning.shortage_fix import NodesFix

WORTH_SHARE = 0.5
"""Of the time, for what one more node is worth where demand is short; the rest is for how many
nodes end the shortage."""
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

    What one more node is worth to the whole plan, and how many end a shortage, is computed in
    `time_limit_s` [s]; not where that is 0, where one workload is asked for, or for a plan without
    its inputs (schema version 1).
    Raises InputError for the plan and UsageError for a workload that it does not have.
    """
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.outputs.plan.explanation import explain
    from heteroplan.outputs.plan.node_worth import worth_of

    if not 0 <= time_limit_s < float("inf"):
        raise UsageError(f"--time-limit {time_limit_s:g}: write seconds; 0 for none")
    document = read_plan(source)
    asked = workload is None and time_limit_s > 0 and document.inputs is not None
    if not asked:
        return explain(document, workload)
    compile_first()
    asking = _Asking(document, stop)
    worth_s = time_limit_s if document.covered else WORTH_SHARE * time_limit_s
    worths = asking.node_worths(worth_s)
    fix = None
    if not document.covered and worths:
        fix = asking.nodes_fix(worths, time_limit_s - worth_s)
    return explain(document, workload, worth_of(document, worths), fix)


class _Asking:
    """Questions about one plan."""

    def __init__(self, document: "PlanDocument", stop: Stop) -> None:
        from heteroplan.profiles.capacity.candidates import candidates_of

        self._scenario, self._stop = document.given, stop
        self._candidates = candidates_of(self._scenario)
        self._pools = document.pools

    def node_worths(self, time_limit_s: float) -> "tuple[NodeWorth, ...] | None":
        """What one more node is worth."""
        from heteroplan.planning.node_worth import node_worths

        return node_worths(
            self._scenario, self._candidates, self._pools, time_limit_s=time_limit_s,
            stop=self._stop,
        )  # fmt: skip

    def nodes_fix(self, places: "tuple[NodeWorth, ...]", time_limit_s: float) -> "NodesFix | None":
        """The cheapest nodes that end the shortage."""
        from heteroplan.planning.shortage_fix import nodes_fix

        return nodes_fix(
            self._scenario, self._candidates, self._pools, places, time_limit_s=time_limit_s,
            stop=self._stop,
        )  # fmt: skip
