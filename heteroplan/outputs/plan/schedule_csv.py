"""schedule.csv: one row a pool and interval."""

from itertools import repeat
from operator import attrgetter

from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.shared.files import csv_text

HEADER = (
    *("interval_start", "workload", "role", "engine", "node_type", "domain"),
    *("replicas", "gpus", "plan", "share"),
)

_NAMES = attrgetter("workload", "role.value", "engine", "node_type", "domain")


def schedule_csv(document: PlanDocument) -> str:
    """The schedule as CSV; `interval_start` is ISO 8601 with offset, `gpus` all of the pool's,
    `plan` the plan's id, `share` that of the workload's served requests that the pool serves.

    Of replicas that serve: those that start or drain hold GPUs besides, which GPU-hours count.
    """
    starts = [moment.isoformat() for moment in document.horizon.boundaries()[:-1]]
    rows = (
        (
            *(start, *_NAMES(pool), replicas, replicas * pool.gpus_per_replica),
            *(document.plan_id or "", share),
        )
        for pool in document.pools
        for start, replicas, share in zip(
            starts, pool.replicas, pool.share or repeat(""), strict=bool(pool.share)
        )
    )
    return csv_text(HEADER, rows)
