"""What a plan changes of what runs when its horizon begins, and what to do next."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

from heteroplan.entities.plan import Coverage
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.outputs.plan.document.running_pools import running_pools
from heteroplan.outputs.plan.pool_costs import PoolKey, key_of
from heteroplan.outputs.shared.words import clock

CHANGE_HEADS = ("", "workload", "role", "engine", "node type", "domain", ">replicas")


@dataclass(frozen=True, slots=True)
class CurrentPool:
    """A pool as it runs and in the first interval of a plan."""

    pool: PoolPart
    before: int
    """Replicas."""
    after: int

    @property
    def sign(self) -> str:
        """`+` to add, `-` to remove, `~` to change; empty where it stays."""
        if self.before == self.after:
            return ""
        if self.before == 0:
            return "+"
        return "~" if self.after else "-"


def current_pools(plan: PlanDocument) -> tuple[CurrentPool, ...]:
    """Pools that run or are to, in the order of the plan; none where it is not known what runs."""
    if plan.inputs is None or plan.given.current is None:
        return ()
    ran: dict[PoolKey, PoolPart] = {
        key_of(each): each for each in running_pools(plan, plan.given.current)
    }
    planned = {key_of(each): each for each in plan.pools}
    found = []
    for key, pool in {**planned, **ran}.items():
        before = ran[key].replicas[0] if key in ran else 0
        after = planned[key].replicas[0] if key in planned else 0
        if before or after:
            found.append(CurrentPool(planned.get(key, pool), before, after))
    return tuple(found)


def change_rows(pools: tuple[CurrentPool, ...]) -> list[tuple[str, ...]]:
    """Pools that do not stay as they are, as `CHANGE_HEADS` says."""
    return [
        (
            each.sign,
            each.pool.workload,
            each.pool.role.value,
            each.pool.engine,
            each.pool.node_type,
            each.pool.domain,
            f"{each.before:,} -> {each.after:,}",
        )
        for each in pools
        if each.sign
    ]


def current_sentences(plan: PlanDocument, pools: tuple[CurrentPool, ...]) -> Iterator[str]:
    """What is to be done when the horizon begins, and what is held from then on.

    None where it is not known what runs.
    """
    if plan.inputs is None or plan.given.current is None:
        return
    signs = [each.sign for each in pools]
    start = sum(max(0, each.after - each.before) for each in pools)
    end = sum(max(0, each.before - each.after) for each in pools)
    yield (
        f"Change at {clock(plan.horizon, 0)}: {signs.count('+')} to add, "
        f"{signs.count('~')} to change, {signs.count('-')} to remove, {signs.count('')} as before; "
        f"{start:,} replicas start, {end:,} stop."
    )
    price = {each.name: each.usd_per_gpu_hour for each in plan.given.fleet.node_types}
    gpus = [0, 0]
    usd_per_hour = [0.0, 0.0]
    for each in pools:
        for i, replicas in enumerate((each.before, each.after)):
            held = replicas * each.pool.gpus_per_replica
            gpus[i] += held
            usd_per_hour[i] += held * price[each.pool.node_type]
    yield (
        f"GPUs then: {gpus[0]:,} -> {gpus[1]:,}; "
        f"{usd_per_hour[0]:,.2f} -> {usd_per_hour[1]:,.2f} USD an hour."
    )


def next_step(plan: PlanDocument, folder: str | None, current: str | None) -> str:
    """A command to go on with: of the plan in `folder`, or of one that was not written.

    `current` is the file of what runs, where one was given.
    """
    if plan.coverage is Coverage.UNDECIDED:
        return "Next: the same with a longer --time-limit."
    file = str(PurePath("DIR" if folder is None else folder) / "plan.json")
    command = f"heteroplan explain {shlex.quote(file)}"
    if plan.covered:
        ran = f" --current {shlex.quote(current)}" if current not in (None, "-") else ""
        command = f"heteroplan export {shlex.quote(file)} --format keda{ran}"
    return f"Next: {'the same with --out DIR, then ' if folder is None else ''}{command}"
