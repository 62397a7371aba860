"""A replay as pandas frames in long form; units stand in column names."""

from typing import TYPE_CHECKING, Any

import numpy as np

from heteroplan.outputs.replay.figures import keeps_slo
from heteroplan.outputs.replay.rows import (
    REQUEST_COLUMNS,
    boundaries,
    interval_columns,
    interval_count,
    request_columns,
    texts_of,
)
from heteroplan.outputs.shared.frames import counts, local_times, numbers
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import Percentiles, Replay

if TYPE_CHECKING:
    from pandas import DataFrame

_ROLES = ("prefill", "decode", "aggregated")
_PERCENTILES = ("p50", "p90", "p95", "p99")


def policies_frame(replay: Replay) -> "DataFrame":
    """One row a policy: what it took, and which requests were in time."""
    from pandas import DataFrame

    policies = replay.policies
    columns: dict[str, Any] = {
        "policy": [each.policy for each in policies],
        "slo_kept": [keeps_slo(replay, each) for each in policies],
        "gpu_hours": numbers(each.gpu_hours for each in policies),
        "cost_usd": numbers(each.cost_usd for each in policies),
        "saved_fraction": numbers(each.saved_fraction for each in policies),
        "ttft_in_time_share": numbers(each.attainment.ttft for each in policies),
        "itl_in_time_share": numbers(each.attainment.itl for each in policies),
        "in_time_share": numbers(each.attainment.both for each in policies),
        "intervals_met_share": numbers(each.intervals_met for each in policies),
        "finished": counts(each.finished for each in policies),
        "rejected": counts(sum(each.rejected.values()) for each in policies),
        "unfinished": counts(each.unfinished for each in policies),
        "starts": counts(each.starts for each in policies),
    }
    for role in _ROLES:
        columns[f"{role}_utilization"] = numbers(each.utilization.get(role) for each in policies)
    for kind in ("ttft", "itl", "e2e"):
        for name in _PERCENTILES:
            of: list[Percentiles] = [getattr(each, f"{kind}_ms") for each in policies]
            columns[f"{kind}_{name}_ms"] = numbers(getattr(each, name) for each in of)
    return DataFrame(columns)


def intervals_frame(replay: Replay) -> "DataFrame":
    """One row a policy, workload and interval: what came, what was in time, what ran."""
    from pandas import DataFrame

    rows = len(replay.workloads) * interval_count(replay)
    starts = list(boundaries(replay)[:-1]) * (len(replay.workloads) * len(replay.policies))
    tables = [interval_columns(replay, each) for each in replay.policies]
    return DataFrame(
        {
            "policy": np.repeat([each.policy for each in replay.policies], rows),
            "workload": np.tile(
                np.repeat(replay.workloads, interval_count(replay)), len(replay.policies)
            ),
            "interval_start": local_times(starts, replay.start.tzinfo),
            **{
                name: np.concatenate([table[name].ravel() for table in tables])
                for name in (tables[0] if tables else ())
            },
        }
    )


def requests_frame(replay: Replay, stream: RequestStream) -> "DataFrame":
    """One row a policy and request; policy, workload and outcome are categories.

    No row at the fluid level, which has no single requests.
    """
    from pandas import Categorical, DataFrame, Index, concat

    names = Index([each.policy for each in replay.policies])
    frames = []
    for i, policy in enumerate(replay.policies):
        if policy.requests is None:
            continue
        for columns in request_columns(stream, policy.requests, max(1, len(stream))):
            made: dict[str, Any] = {
                "policy": Categorical.from_codes(np.full(len(stream), i, np.int64), names)
            }
            for name, values in columns.items():
                texts = texts_of(name, stream)
                made[name] = (
                    values if texts is None else Categorical.from_codes(values, Index(texts))
                )
            frames.append(DataFrame(made))
    if not frames:
        return DataFrame(columns=["policy", *REQUEST_COLUMNS])
    return concat(frames, ignore_index=True)
