"""A plan, and what `check` found, as pandas frames in long form; units stand in column names."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from heteroplan.outputs.plan.check_report import CheckRow
from heteroplan.outputs.plan.document.plan_document import EnginePart, PlanDocument
from heteroplan.outputs.shared.frames import counts, local_times, numbers

if TYPE_CHECKING:
    from pandas import DataFrame, DatetimeIndex


def pools_frame(document: PlanDocument) -> "DataFrame":
    """One row a pool; `serving_gpu_hours` leaves out GPUs of replicas that start or drain."""
    from pandas import DataFrame

    pools = document.pools
    hours = document.horizon.interval_s / 3600
    return DataFrame(
        {
            "workload": [pool.workload for pool in pools],
            "role": [pool.role.value for pool in pools],
            "engine": [pool.engine for pool in pools],
            "node_type": [pool.node_type for pool in pools],
            "gpus_per_replica": [pool.gpus_per_replica for pool in pools],
            "domain": [pool.domain for pool in pools],
            "level": [pool.level.value for pool in pools],
            "group": [pool.group for pool in pools],
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
            "workload": [pool.workload for pool in each],
            "role": [pool.role.value for pool in each],
            "engine": [pool.engine for pool in each],
            "node_type": [pool.node_type for pool in each],
            "domain": [pool.domain for pool in each],
            "replicas": replicas,
            "gpus": replicas * np.array([pool.gpus_per_replica for pool in each], dtype=int),
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


def savings_frame(document: PlanDocument) -> "DataFrame":
    """One row a baseline; `saved_fraction` is of what the scenario minimises."""
    from pandas import DataFrame

    parts = document.savings.values()
    return DataFrame(
        {
            "baseline": list(document.savings),
            "gpu_hours": numbers(part.gpu_hours for part in parts),
            "cost_usd": numbers(part.cost_usd for part in parts),
            "saved_gpu_hours": numbers(part.saved_gpu_hours for part in parts),
            "saved_cost_usd": numbers(part.saved_cost_usd for part in parts),
            "saved_fraction": numbers(part.saved_fraction for part in parts),
            "utilization": numbers(part.utilization for part in parts),
            "unserved_requests": numbers(part.unserved_requests for part in parts),
            "stranded_replica_hours": numbers(part.stranded_replica_hours for part in parts),
            "note": [part.note for part in parts],
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
            "workload": [each.workload for each in engines],
            "engine": [each.engine for each in engines],
            "role": [each.role.value for each in engines],
            "part": [each.part for each in engines],
            "span": [None if each.span is None else each.span.value for each in engines],
            "node_type": [each.node_type for each in engines],
            "gpus_per_replica": [each.gpus_per_replica for each in engines],
            "least_capacity_rps": numbers(min(_capacities_rps(each)) for each in engines),
            "greatest_capacity_rps": numbers(max(_capacities_rps(each)) for each in engines),
            "request_class": [each.request_class for each in engines],
            "batch": numbers(each.batch for each in engines),
            "utilization": numbers(each.utilization for each in engines),
            "ttft_ms": numbers(each.ttft_ms for each in engines),
            "itl_ms": numbers(each.itl_ms for each in engines),
            "limited_by": [each.limited_by.value for each in engines],
            "reason": [each.reason for each in engines],
            "startup_s": numbers(each.startup_s for each in engines),
            "drain_s": numbers(each.drain_s for each in engines),
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
            "file": [row.file for row in rows],
            "verdict": [row.verdict for row in rows],
            "passed": [row.passed for row in rows],
            "unserved_fraction": numbers(row.unserved_fraction for row in rows),
            "headroom": numbers(row.headroom for row in rows),
            "min_headroom": numbers(row.min_headroom for row in rows),
            "gap": numbers(row.gap for row in rows),
            "peak_gpus": counts(row.peak_gpus for row in rows),
            "supply_gpus": counts(row.supply_gpus for row in rows),
            "wall_s": numbers(row.seconds for row in rows),
            "note": [row.note for row in rows],
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
