"""What files and frames hold of a replay: columns by workload and interval, and by request."""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.results import (
    OUTCOMES,
    IntervalTable,
    PolicyReplay,
    Replay,
    RequestTable,
)
from heteroplan.units import MS_PER_S

type Columns = dict[str, NDArray[Any]]

BATCH = 2**17
"""Requests that are put into columns at a time."""
REQUEST_COLUMNS = (
    *("workload", "arrival_s", "isl_tokens", "cached_tokens", "osl_tokens", "first_token_s"),
    *("last_token_s", "ttft_ms", "itl_ms", "outcome", "restarts"),
)
"""Of `request_columns`; `policy` stands before them."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Of requests, NaN where they did not come so far; arrays [request]."""

    ttft_ms: Floats
    itl_ms: Floats


def interval_count(replay: Replay) -> int:
    """Intervals that the rows of all policies have."""
    return int(replay.planned_rps.shape[1])


def boundaries(replay: Replay) -> tuple[datetime, ...]:
    """The moments between intervals, one more than there are intervals, in the replay's zone."""
    first, step = replay.start.astimezone(UTC), timedelta(seconds=replay.interval_s)
    zone = replay.start.tzinfo
    return tuple((first + step * t).astimezone(zone) for t in range(interval_count(replay) + 1))


def seconds_of(replay: Replay) -> Floats:
    """[interval] time of each within the replay, of which the last may be cut short [s]."""
    starts = replay.interval_s * np.arange(interval_count(replay), dtype=np.float64)
    return np.clip(replay.duration_s - starts, 0.0, replay.interval_s)


def came_rps(replay: Replay, policy: PolicyReplay) -> Floats:
    """[W, interval] requests that arrived [requests/s]."""
    seconds = seconds_of(replay)
    return policy.intervals.requests / np.where(seconds > 0, seconds, np.inf)


def share_in_time(policy: PolicyReplay) -> Floats:
    """[W, interval] share of requests that kept both targets; NaN where none arrived."""
    return _over(policy.intervals.attained_both, policy.intervals.requests)


def missed(replay: Replay, policy: PolicyReplay) -> NDArray[np.bool_]:
    """[W, interval] whether requests arrived and too few of them kept both targets."""
    # A share that is the percentile but for rounding reaches it.
    return np.less(share_in_time(policy), wanted(replay, policy)[:, None] * (1 - 1e-12))


def wanted(replay: Replay, policy: PolicyReplay) -> Floats:
    """[W] share of the requests that the figures of a policy should reach."""
    return np.array(policy.percentiles or replay.percentiles)


def interval_columns(replay: Replay, policy: PolicyReplay) -> Columns:
    """[W, interval] the figures of one policy by column, units in the names.

    `met` is 1 where the SLO was kept, 0 where it was missed, NaN where nothing arrived.
    """
    table = policy.intervals
    share = share_in_time(policy)
    met = np.where(np.isnan(share), np.nan, 1.0 - missed(replay, policy))
    own = {each.name: getattr(table, each.name) for each in fields(IntervalTable)}
    return {
        "planned_rps": replay.planned_rps,
        "came_rps": came_rps(replay, policy),
        **own,
        "in_time_share": share,
        "met": met,
    }


def latencies(stream: RequestStream, table: RequestTable, part: slice) -> Latencies:
    """TTFT and ITL of the requests of a slice: NaN without a first, or without a last token."""
    first, last = table.first_token_s[part], table.last_token_s[part]
    gaps = stream.osl[part] - 1
    itl_s = (last - first) / np.maximum(gaps, 1)
    return Latencies(
        ttft_ms=MS_PER_S * (first - table.arrived_s[part]),
        itl_ms=MS_PER_S * np.where(np.isnan(last), np.nan, np.where(gaps > 0, itl_s, 0.0)),
    )


def request_columns(
    stream: RequestStream, table: RequestTable, batch: int = BATCH
) -> Iterator[Columns]:
    """What happened to the requests of one policy, at most `batch` of them at a time.

    Texts are indices: `workload` of `stream.workloads`, `outcome` of `OUTCOMES`.
    """
    for first in range(0, len(stream), batch):
        part = slice(first, min(first + batch, len(stream)))
        of = latencies(stream, table, part)
        yield dict(
            zip(
                REQUEST_COLUMNS,
                (
                    stream.workload[part],
                    table.arrived_s[part],
                    stream.isl[part],
                    stream.cached[part],
                    stream.osl[part],
                    table.first_token_s[part],
                    table.last_token_s[part],
                    of.ttft_ms,
                    of.itl_ms,
                    table.outcome[part],
                    table.restarts[part],
                ),
                strict=True,
            )
        )


def texts_of(column: str, stream: RequestStream) -> tuple[str, ...] | None:
    """What the indices of a column of `request_columns` stand for; None where they are numbers."""
    return {"workload": stream.workloads, "outcome": OUTCOMES}.get(column)


def _over(counts: NDArray[np.int64], of: NDArray[np.int64]) -> Floats:
    """Shares, NaN of nothing."""
    return np.where(of > 0, counts / np.maximum(of, 1), np.nan)
