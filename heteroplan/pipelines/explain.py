"""`explain`: what limits a plan."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from heteroplan.outputs.plan.explanation import Explanation


def explain(source: str, *, workload: str | None = None) -> "Explanation":
    """What limits the plan.json at `source` (or `-`), or one workload of it.

    Raises InputError for the plan and UsageError for a workload that it does not have.
    """
    from heteroplan.outputs.plan.document.plan_json import read_plan
    from heteroplan.outputs.plan.explanation import explain

    return explain(read_plan(source), workload)
