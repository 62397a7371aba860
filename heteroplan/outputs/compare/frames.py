"""A comparison as pandas frames; units stand in column names."""

from typing import TYPE_CHECKING, Any

from heteroplan.outputs.compare.document import ComparisonDocument, PoolUsePart
from heteroplan.outputs.shared.frames import counts, labels_of, numbers

if TYPE_CHECKING:
    from pandas import DataFrame


def compared_workloads_frame(found: ComparisonDocument) -> "DataFrame":
    """One row a workload and GPU type."""
    from pandas import DataFrame

    rows = found.workloads
    return DataFrame({**labels_of(rows, "workload", "gpu"), **_uses(rows)})


def compared_pools_frame(found: ComparisonDocument) -> "DataFrame":
    """One row a pool that either plan has."""
    from pandas import DataFrame

    rows = found.pools
    sides = {"before": [each.before for each in rows], "after": [each.after for each in rows]}
    return DataFrame(
        {
            **labels_of(rows, "what", "workload", "role", "engine", "node_type", "gpu"),
            **labels_of(rows, "domain", "level"),
            **{
                f"{name}_{side}": counts(_count(use, name) for use in uses)
                for name in ("least_replicas", "peak_replicas")
                for side, uses in sides.items()
            },
            **_uses(rows),
        }
    )


def _count(use: PoolUsePart | None, name: str) -> int:
    return 0 if use is None else int(getattr(use, name))


def _uses(rows: Any) -> dict[str, Any]:
    found = {}
    for name in ("cost_usd_per_day", "gpu_hours_per_day"):
        for side in ("before", "after"):
            uses = [getattr(each, side) for each in rows]
            found[f"{name}_{side}"] = numbers(
                0.0 if use is None else getattr(use, name) for use in uses
            )
        found[f"{name}_change"] = numbers(getattr(each.change, name) for each in rows)
    return found
