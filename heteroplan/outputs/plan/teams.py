"""Cost and GPU-hours of a plan by the team that a workload belongs to."""

from collections import defaultdict
from dataclasses import dataclass

from heteroplan.outputs.plan.document.plan_document import PlanDocument, WorkloadPart
from heteroplan.text import percent

TEAM_HEADS = ("team", "workloads", "GPU-hours", "cost USD", "of cost")
NO_TEAM = "no team"


@dataclass(frozen=True, slots=True)
class TeamUse:
    """What the workloads of a team take."""

    team: str | None
    """None for workloads without a team."""
    workloads: tuple[str, ...]
    gpu_hours: float
    cost_usd: float


def team_use(plan: PlanDocument) -> tuple[TeamUse, ...]:
    """Teams by their cost, and last what belongs to none.

    Empty where no workload has a team, and for older plans, which do not say what each takes.
    """
    by_team: dict[str | None, list[WorkloadPart]] = defaultdict(list)
    for load in plan.workloads:
        by_team[load.team].append(load)
    known = all(load.gpu_hours is not None for load in plan.workloads)
    if not known or not any(by_team):
        return ()
    found = (
        TeamUse(
            team,
            tuple(load.name for load in loads),
            sum(load.gpu_hours or 0.0 for load in loads),
            sum(load.cost_usd or 0.0 for load in loads),
        )
        for team, loads in by_team.items()
    )
    return tuple(sorted(found, key=lambda each: (each.team is None, -each.cost_usd)))


def team_rows(plan: PlanDocument) -> list[tuple[str, ...]]:
    """A row a team, under `TEAM_HEADS`."""
    total_usd = plan.totals.cost_usd
    return [
        (
            each.team or NO_TEAM,
            ", ".join(each.workloads),
            f"{each.gpu_hours:,.1f}",
            f"{each.cost_usd:,.2f}",
            percent(each.cost_usd / total_usd) if total_usd > 0 else "",
        )
        for each in team_use(plan)
    ]
