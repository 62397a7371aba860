"""What each pool of a plan costs; together they cost what the plan does."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.outputs.plan.document.running_pools import running_pools
from heteroplan.units import s_to_hours

type PoolKey = tuple[str, str, str, Affinity, str]
"""Workload, engine, node type, and level and name of the domain."""


@dataclass(frozen=True, slots=True)
class PoolCost:
    """A pool over the horizon of its plan."""

    pool: PoolPart
    gpu_hours: float
    """Serving, starting and draining."""
    cost_usd: float
    """With what changes of its size cost (`change_cost_usd`) where cost is minimised."""


def key_of(pool: PoolPart) -> PoolKey:
    """What tells a pool from the others of its plan."""
    return pool.workload, pool.engine, pool.node_type, pool.level, pool.domain


def pool_costs(plan: PlanDocument) -> tuple[PoolCost, ...]:
    """The pools of a plan, then those that ran before and are given up: these drain.

    A replica that moves to another leaf starts and drains as well. Moves between nodes of one leaf
    are not in plan.json: what they cost is in the totals of the plan only.
    Not for a plan of version 1, which has no prices (`read_plan`).
    """
    scenario = plan.given
    current = scenario.current
    ran = {key_of(each): each for each in running_pools(plan, current or ())}
    usage = _Usage(scenario, {key: each.replicas[0] for key, each in ran.items()})
    kept = {key_of(each) for each in plan.pools}
    given_up = [each for key, each in ran.items() if key not in kept]
    return (
        *(usage.of(each) for each in plan.pools),
        *(usage.of_given_up(each) for each in given_up),
    )


@dataclass(frozen=True)
class _Usage:
    scenario: Scenario
    ran: dict[PoolKey, int]
    """Replicas that run when the horizon begins."""

    def of(self, pool: PoolPart) -> PoolCost:
        horizon = self.scenario.horizon
        rows = list(pool.leaves.values()) or [pool.replicas]
        changes = [after - before for row in rows for before, after in pairwise(row)]
        changes += self._at_start(pool, rows)
        up = sum(change for change in changes if change > 0)
        down = -sum(change for change in changes if change < 0)
        serving_hours = sum(pool.replicas) * horizon.interval_hours
        return self._cost(pool, serving_hours, up, down, self._times_changed(pool))

    def of_given_up(self, pool: PoolPart) -> PoolCost:
        return self._cost(pool, 0.0, 0, pool.replicas[0], 1)

    def _at_start(self, pool: PoolPart, rows: Sequence[Sequence[int]]) -> Iterator[int]:
        """Changes from what comes before the first interval, where that is known."""
        if self.scenario.horizon.cyclic:
            yield from (row[0] - row[-1] for row in rows)
        elif self.scenario.current is not None:
            yield pool.replicas[0] - self.ran.get(key_of(pool), 0)

    def _times_changed(self, pool: PoolPart) -> int:
        changes = [after - before for before, after in pairwise(pool.replicas)]
        return sum(change != 0 for change in (*changes, *self._at_start(pool, [pool.replicas])))

    def _cost(
        self, pool: PoolPart, serving_hours: float, up: int, down: int, times_changed: int
    ) -> PoolCost:
        workload = next(each for each in self.scenario.workloads if each.name == pool.workload)
        engine = next(each for each in workload.profile.engines if each.name == pool.engine)
        replica_hours = (
            serving_hours + up * s_to_hours(engine.startup_s) + down * s_to_hours(engine.drain_s)
        )
        gpu_hours = replica_hours * pool.gpus_per_replica
        cost_usd = gpu_hours * self.scenario.fleet.node_type(pool.node_type).usd_per_gpu_hour
        if self.scenario.objective is Objective.COST:
            cost_usd += times_changed * workload.stability.change_cost_usd
        return PoolCost(pool, gpu_hours, cost_usd)
