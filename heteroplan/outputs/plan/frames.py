"""A plan, and what `check` found, as pandas frames in long form; units stand in column names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from heteroplan.outputs.plan.check_report import CheckRow
from heteroplan.outputs.plan.document.plan_document import EnginePart, PlanDocument
from heteroplan.outputs.plan.teams import team_use
from heteroplan.outputs.shared.frames import counts, labels_of, local_times, numbers, numbers_of

if TYPE_CHECKING:
    from pandas import DataFrame, DatetimeIndex


def pools_frame(document: PlanDocument) -> "DataFrame":
    """One row a pool; `serving_gpu_hours` leaves out GPUs of replicas that start or drain."""
    from pandas import DataFrame

    pools = document.pools
    hours = document.horizon.interval_s / 3600
    return DataFrame(
        {
            **labels_of(pools, "workload", "role", "engine", "node_type", "gpus_per_replica"),
            **labels_of(pools, "domain", "level", "group"),
            "least_replicas": [min(pool.replicas) for pool in pools],
            "peak_replicas": [max(pool.replicas) for pool in pools],
            "peak_gpus": [max(pool.replicas) * pool.gpus_per_replica for pool in pools],
            "serving_gpu_hours": [
                sum(pool.replicas) * pool.gpus_per_replica * hours for pool in pools
            ],
        }
    )


def schedule_frame(document: PlanDocument) -> "DataFrame":
    """One row a pool and interval, as in schedule.csv: of replicas that serve."""
    from pandas import DataFrame

    intervals = document.horizon.intervals
    each = [pool for pool in document.pools for _ in range(intervals)]
    replicas = np.array([count for pool in document.pools for count in pool.replicas], dtype=int)
    return DataFrame(
        {
            "interval_start": _starts(document, len(document.pools)),
            **labels_of(each, "workload", "role", "engine", "node_type", "domain"),
            "replicas": replicas,
            "gpus": replicas * np.array([pool.gpus_per_replica for pool in each], dtype=int),
            "share": numbers(
                share
                for pool in document.pools
                for share in pool.share or [float("nan")] * intervals
            ),
        }
    )


def workloads_frame(document: PlanDocument) -> "DataFrame":
    """One row a workload and interval; `pd_ratio` is prefill over decode replicas."""
    from pandas import DataFrame

    intervals = document.horizon.intervals
    loads = document.workloads
    demand = numbers(rps for load in loads for rps in load.demand_rps)
    served = numbers(rps for load in loads for rps in load.served_rps)
    return DataFrame(
        {
            "interval_start": _starts(document, len(loads)),
            "workload": [load.name for load in loads for _ in range(intervals)],
            "priority": [load.priority for load in loads for _ in range(intervals)],
            "demand_rps": demand,
            "served_rps": served,
            "capacity_rps": numbers(rps for load in loads for rps in load.capacity_rps),
            "pd_ratio": numbers(ratio for load in loads for ratio in load.pd_ratio),
        }
    )


def teams_frame(document: PlanDocument) -> "DataFrame":
    """One row a team, with the number of its workloads; `team` is empty for those without one.

    Without rows where no workload has a team.
    """
    from pandas import DataFrame

    teams = team_use(document)
    return DataFrame(
        {
            "team": [each.team or "" for each in teams],
            "workloads": [len(each.workloads) for each in teams],
            **numbers_of(teams, "gpu_hours", "cost_usd"),
        }
    )


def savings_frame(document: PlanDocument) -> "DataFrame":
    """One row a baseline; `saved_fraction` is of what the scenario minimises.

    Policies that were replayed (`replayed:NAME`) have an `in_time_share`; their figures are those
    of the time that was replayed.
    """
    from pandas import DataFrame

    parts = document.savings.values()
    return DataFrame(
        {
            "baseline": list(document.savings),
            **numbers_of(parts, "gpu_hours", "cost_usd", "saved_gpu_hours", "saved_cost_usd"),
            **numbers_of(parts, "saved_fraction", "utilization", "unserved_requests"),
            **numbers_of(parts, "stranded_replica_hours"),
            "in_time_share": numbers(
                None if each.replayed is None else each.replayed.attainment.both for each in parts
            ),
            **labels_of(parts, "note"),
        }
    )


def engines_frame(document: PlanDocument) -> "DataFrame":
    """One row a candidate, used or not: how a replica runs in the busiest interval.

    Its capacity is the least and the greatest over the intervals.
    """
    from pandas import DataFrame

    engines = document.engines
    return DataFrame(
        {
            **labels_of(engines, "workload", "engine", "role", "part", "span", "node_type"),
            **labels_of(engines, "gpus_per_replica"),
            "least_capacity_rps": numbers(min(_capacities_rps(each)) for each in engines),
            "greatest_capacity_rps": numbers(max(_capacities_rps(each)) for each in engines),
            **labels_of(engines, "request_class"),
            **numbers_of(engines, "batch", "utilization", "ttft_ms", "itl_ms"),
            **labels_of(engines, "limited_by", "reason"),
            **numbers_of(engines, "startup_s", "drain_s"),
            "source": [each.source.kind.value for each in engines],
            "error_mape": numbers(each.source.error_mape for each in engines),
        }
    )


def scenarios_frame(rows: Sequence[CheckRow]) -> "DataFrame":
    """One row a scenario that `check` looked at."""
    from pandas import DataFrame

    return DataFrame(
        {
            "scenario": [row.name for row in rows],
            **labels_of(rows, "file", "verdict", "passed"),
            **numbers_of(rows, "unserved_fraction", "headroom", "min_headroom", "gap"),
            "peak_gpus": counts(row.peak_gpus for row in rows),
            "supply_gpus": counts(row.supply_gpus for row in rows),
            **numbers_of(rows, "cost_usd_per_day", "gpu_hours_per_day"),
            **numbers_of(rows, "egress_gb_per_day", "egress_usd_per_day"),
            "wall_s": numbers(row.seconds for row in rows),
            **labels_of(rows, "note"),
        }
    )


def _starts(document: PlanDocument, times: int) -> "DatetimeIndex":
    """Local starts of all intervals, `times` times over."""
    moments = document.horizon.boundaries()[:-1]
    starts = local_times(moments, document.horizon.timezone)
    return starts.take(np.tile(np.arange(len(moments)), times))


def _capacities_rps(engine: EnginePart) -> tuple[float, ...]:
    found = engine.capacity_rps
    return found if isinstance(found, tuple) else (found,)
