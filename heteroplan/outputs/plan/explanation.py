"""`heteroplan explain`: what keeps a plan from being better, read from its plan.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.console import Console
from rich.table import Table

from heteroplan.entities.network import SubgroupPriority
from heteroplan.entities.plan import Coverage, limited_name
from heteroplan.entities.workload import Role
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.console import shortage_lines
from heteroplan.outputs.plan.document.parts import HorizonPart
from heteroplan.outputs.plan.document.plan_document import LimitPart, PlanDocument, PoolPart
from heteroplan.outputs.plan.node_worth import Worth, render_worth, worth_json
from heteroplan.outputs.plan.sentences import (
    GREEDY_NAMES,
    Spell,
    limit_sentence,
    longest_first,
    spells,
)
from heteroplan.outputs.plan.shortage_fix import fix_json, fix_sentence
from heteroplan.outputs.shared.tables import more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.outputs.shared.words import horizon_text
from heteroplan.planning.shortage_fix import NodesFix

MOST_LIMIT_LINES = 20
MOST_LEAVES = 3
"""Leaves of a pool that are named."""


COVERAGE_SENTENCES = {
    Coverage.SHORT: "It is proven that no plan serves everything.",
    Coverage.UNDECIDED: "The search ended before it was known whether a plan serves everything.",
    Coverage.COVERED: "",
}


@dataclass(frozen=True, slots=True)
class GroupPool:
    """A pool of a deployment group and where it stands."""

    group: str
    role: str
    engine: str
    node_type: str
    gpus_per_replica: int
    fewest_replicas: int
    most_replicas: int
    most_by_leaf: dict[str, int]
    """Most replicas on each leaf, those with most first."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything that `explain` says."""

    scenario: str
    coverage: Coverage | None
    """None in old plans."""
    horizon: HorizonPart
    limits: tuple[LimitPart, ...]
    """Longest first."""
    shortages: tuple[Spell, ...]
    gpu_hours_by_priority: dict[str, Mapping[SubgroupPriority, float]]
    """Of the plan and of the baselines that say."""
    pools: tuple[GroupPool, ...]
    """Of the workload asked for; empty where none is."""
    worth: Worth | None = None
    """Of one more node; None where it was not asked for."""
    fix: NodesFix | None = None
    """Nodes that end the shortage; None where none were found, or not asked for."""


def explain(
    document: PlanDocument,
    workload: str | None = None,
    worth: Worth | None = None,
    fix: NodesFix | None = None,
) -> Explanation:
    """What limits a plan, or one workload of it. Raises UsageError for an unknown workload."""
    known = [load.name for load in document.workloads]
    if workload is not None and workload not in known:
        raise UsageError(f"--workload {workload}: the plan's workloads are {', '.join(known)}")
    pools = {limited_name(role, workload or "") for role in Role}
    hours = {
        "plan": document.totals.gpu_hours_by_priority,
        **{name: each.gpu_hours_by_priority for name, each in document.savings.items()},
    }
    return Explanation(
        scenario=document.scenario,
        coverage=document.coverage,
        horizon=document.horizon,
        limits=tuple(
            limit
            for limit in longest_first(document.limits)
            if workload is None or not pools.isdisjoint(limit.pools)
        ),
        shortages=tuple(spell for spell in spells(document) if workload in (None, spell.workload)),
        gpu_hours_by_priority={name: each for name, each in hours.items() if each},
        pools=tuple(_group_pool(pool) for pool in document.pools if pool.workload == workload),
        worth=worth,
        fix=fix,
    )


def explanation_json(explanation: Explanation) -> str:
    """An explanation as JSON; `first` and `last` of its entries are numbers of intervals."""
    document = {
        "scenario": explanation.scenario,
        "coverage": explanation.coverage,
        "horizon": explanation.horizon.model_dump(mode="json"),
        "limits": [limit.model_dump(mode="json") for limit in explanation.limits],
        "shortages": [asdict(spell) for spell in explanation.shortages],
        "gpu_hours_by_priority": explanation.gpu_hours_by_priority,
        "pools": [asdict(pool) for pool in explanation.pools],
    }
    if explanation.shortages:
        document["fix"] = fix_json(explanation.fix, explanation.shortages)
    if explanation.worth is not None:
        document["worth"] = worth_json(explanation.worth)
    return json.dumps(document, indent=2) + "\n"


def render_explanation(explanation: Explanation, console: Console) -> None:
    """Binding limits, unserved demand, GPU-hours by priority, and the workload's groups."""
    horizon = explanation.horizon
    title = Text.assemble((explanation.scenario, "bold"), f"  {horizon_text(horizon)}")
    print_wrapped(title, console)
    console.print()
    for limit in explanation.limits[:MOST_LIMIT_LINES]:
        print_wrapped(Text(limit_sentence(limit, horizon)), console)
    if len(explanation.limits) > MOST_LIMIT_LINES:
        console.print(more_line(len(explanation.limits) - MOST_LIMIT_LINES, "plan.json", console))
    if not explanation.limits:
        console.print("No pool is limited by missing GPUs.")
    console.print()
    if explanation.shortages:
        table, why = shortage_lines(explanation.shortages, horizon, console)
        print_trimmed(table, console)
        for sentence in why:
            print_wrapped(Text(sentence), console)
        if explanation.coverage is not None:
            print_wrapped(Text(COVERAGE_SENTENCES[explanation.coverage]), console)
        sentence = fix_sentence(explanation.fix, explanation.shortages, horizon)
        print_wrapped(Text(sentence, style="bold"), console)
    else:
        console.print("All demand is served.")
    if explanation.worth is not None:
        console.print()
        render_worth(explanation.worth, console)
    if explanation.gpu_hours_by_priority:
        console.print()
        print_trimmed(_priority_table(explanation, console), console)
    if explanation.pools:
        console.print()
        print_trimmed(_pool_table(explanation, console), console)


def _group_pool(pool: PoolPart) -> GroupPool:
    most = {leaf: max(replicas) for leaf, replicas in pool.leaves.items()}
    return GroupPool(
        group=pool.group,
        role=pool.role.value,
        engine=pool.engine,
        node_type=pool.node_type,
        gpus_per_replica=pool.gpus_per_replica,
        fewest_replicas=min(pool.replicas),
        most_replicas=max(pool.replicas),
        most_by_leaf=dict(sorted(most.items(), key=lambda item: -item[1])),
    )


def _priority_table(explanation: Explanation, console: Console) -> Table:
    names = {"plan": "this plan", **GREEDY_NAMES}
    priorities = (f">{priority.value} priority" for priority in SubgroupPriority)
    table = plain_table(console, "GPU-hours on", *priorities)
    for name, hours in explanation.gpu_hours_by_priority.items():
        cells = (f"{hours.get(priority, 0.0):,.1f}" for priority in SubgroupPriority)
        table.add_row(Text(names.get(name, name.replace("_", " "))), *cells)
    return table


def _pool_table(explanation: Explanation, console: Console) -> Table:
    heads = ("group", "role", "engine", ">replicas", "most on leaf")
    table = plain_table(console, *heads, last_wraps=True)
    for pool in explanation.pools:
        low, high = pool.fewest_replicas, pool.most_replicas
        named = [f"{leaf} {most}" for leaf, most in pool.most_by_leaf.items()]
        more = len(named) - MOST_LEAVES
        table.add_row(
            Text(pool.group, style="bold"),
            pool.role,
            Text(pool.engine),
            f"{low}" if low == high else f"{low}-{high}",
            Text(", ".join(named[:MOST_LEAVES]) + (f" and {more} more" if more > 0 else "")),
        )
    return table
