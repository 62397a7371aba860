"""Replays made by hand: consistent enough to show, not the work of a simulator."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import (
    Attainment,
    IntervalTable,
    Percentiles,
    PolicyReplay,
    Replay,
    RequestTable,
)

LATENCIES = Percentiles(120.0, 300.0, 450.0, 900.0)
NOTHING = Percentiles(np.nan, np.nan, np.nan, np.nan)


def intervals(
    requests: Sequence[Sequence[int]],
    in_time: Sequence[Sequence[int]],
    *,
    capacity_rps: ArrayLike = 10.0,
    ttft_ms: ArrayLike = 400.0,
    replicas: ArrayLike = 2.0,
    waiting: ArrayLike = 1.5,
) -> IntervalTable:
    """Rows by workload and interval; all requests finish, those in time keep both targets.

    `replicas` are those of prefill, with twice as many of decode, of 4 GPUs each.
    """
    asked = np.array(requests, np.int64)
    kept = np.array(in_time, np.int64)

    def all_of(value: ArrayLike) -> NDArray[np.float64]:
        return np.broadcast_to(np.asarray(value, np.float64), asked.shape).copy()

    def latency(value: ArrayLike) -> NDArray[np.float64]:
        return np.where(asked > 0, all_of(value), np.nan)

    return IntervalTable(
        requests=asked,
        finished=asked,
        attained_ttft=kept,
        attained_itl=asked,
        attained_both=kept,
        ttft_p50_ms=latency(np.asarray(ttft_ms) / 2),
        ttft_percentile_ms=latency(ttft_ms),
        itl_p50_ms=latency(30.0),
        itl_percentile_ms=latency(45.0),
        capacity_rps=all_of(capacity_rps),
        prefill_replicas=all_of(replicas),
        decode_replicas=2 * all_of(replicas),
        aggregated_replicas=all_of(0.0),
        gpus=12 * all_of(replicas),
        waiting=all_of(waiting),
    )


def policy(
    name: str,
    table: IntervalTable,
    *,
    gpu_hours: float = 100.0,
    cost_usd: float = 250.0,
    saved_fraction: float | None = None,
    rejected: Mapping[str, int] | None = None,
    unfinished: int = 0,
    options: Mapping[str, float | str] | None = None,
    requests: RequestTable | None = None,
    notes: tuple[str, ...] = (),
) -> PolicyReplay:
    """Its shares are those of the rows; rejected and unfinished requests come on top."""
    asked = int(table.requests.sum())
    extra = unfinished + sum((rejected or {}).values())
    both = int(table.attained_both.sum())
    shares = table.attained_both[table.requests > 0] / table.requests[table.requests > 0]
    return PolicyReplay(
        policy=name,
        options=options or {},
        gpu_hours=gpu_hours,
        cost_usd=cost_usd,
        saved_fraction=saved_fraction,
        attainment=Attainment(int(table.attained_ttft.sum()) / asked, 1.0, both / (asked + extra)),
        intervals_met=float((shares >= 0.95).mean()),
        finished=asked,
        rejected=rejected or {},
        unfinished=unfinished,
        starts=12,
        utilization={"prefill": 0.61, "decode": 0.55},
        ttft_ms=LATENCIES,
        itl_ms=LATENCIES,
        e2e_ms=LATENCIES,
        intervals=table,
        requests=requests,
        notes=notes,
    )


def replay(
    policies: Sequence[PolicyReplay],
    *,
    workloads: Sequence[str] = ("chat",),
    start: str = "2026-11-23",
    timezone: str = "Asia/Singapore",
    interval_s: int = 3600,
    duration_s: float | None = None,
    objective: str = "cost",
    planned_rps: float | Sequence[Sequence[float]] = 5.0,
    level: str = "requests",
    notes: tuple[str, ...] = (),
) -> Replay:
    """SLO: 95 % within TTFT 1000 ms and ITL 60 ms."""
    shape = policies[0].intervals.requests.shape
    first = policies[0]
    return Replay(
        scenario="quickstart",
        objective=objective,
        plan_id="0123456789abcdef",
        level=level,
        seed=7,
        workloads=tuple(workloads),
        start=datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(timezone)),
        interval_s=interval_s,
        duration_s=float(interval_s * shape[1]) if duration_s is None else duration_s,
        percentiles=(0.95,) * shape[0],
        ttft_slo_ms=(1000.0,) * shape[0],
        itl_slo_ms=(60.0,) * shape[0],
        planned_rps=np.broadcast_to(np.asarray(planned_rps, np.float64), shape),
        requests=first.finished + first.unfinished + sum(first.rejected.values()),
        seconds=0.5,
        policies=tuple(policies),
        notes=notes,
    )


def stream(
    arrival_s: Sequence[float],
    *,
    workloads: Sequence[str] = ("chat",),
    workload: Sequence[int] | None = None,
    osl: int | Sequence[int] = 101,
    duration_s: float = 3600.0,
) -> RequestStream:
    """Requests of 1000 input tokens, 200 of them cached."""
    n = len(arrival_s)
    return RequestStream(
        workloads=tuple(workloads),
        duration_s=duration_s,
        workload=np.array(workload or [0] * n, np.int64),
        arrival_s=np.array(arrival_s, np.float64),
        isl=np.full(n, 1000),
        cached=np.full(n, 200),
        osl=np.broadcast_to(np.asarray(osl, np.int64), (n,)).copy(),
    )


def requests(
    arrived_s: Sequence[float], first_s: Sequence[float], last_s: Sequence[float]
) -> RequestTable:
    """Finished where there is a last token (NaN is none), or else unfinished."""
    last = np.array(last_s, np.float64)
    return RequestTable(
        arrived_s=np.array(arrived_s, np.float64),
        first_token_s=np.array(first_s, np.float64),
        last_token_s=last,
        outcome=np.isnan(last).astype(np.int8),
        restarts=np.zeros(len(last), np.int8),
        first_alone_s=np.full(len(last), 0.1),
        step_alone_s=np.full(len(last), 0.02),
        late_gaps=np.zeros(len(last), np.int64),
    )


def day(
    policies: int = 6, workloads: int = 2, per_interval: int = 9000
) -> tuple[Replay, RequestStream]:
    """A day of 96 intervals with a peak in the evening and policies that are late by turns.

    Each policy has capacity that follows demand later than that of the policy before, so that its
    rising flank is missed; and a request table of a hundredth of the requests.
    """
    names = ("plan", "plan+feedback", "static_peak", "proportional", "hpa", "keda_cron")
    t = np.arange(96)
    shape = (
        0.35 + 0.65 * np.exp(-(((t - 76) / 14.0) ** 2)) + 0.3 * np.exp(-(((t - 42) / 10.0) ** 2))
    )
    loads = [f"chat-{70 if w == 0 else 8 * w}b" for w in range(workloads)]
    demand = np.array([shape * (1.0 - 0.3 * w) for w in range(workloads)])
    asked = np.rint(demand * per_interval).astype(np.int64)
    rng = np.random.default_rng(7)
    arrivals = np.sort(rng.uniform(0, 86400, asked.sum() // 100))
    made_stream = stream(
        arrivals.tolist(), workloads=loads,
        workload=rng.integers(0, workloads, len(arrivals)).tolist(), duration_s=86400.0,
    )  # fmt: skip
    found = []
    for p, name in enumerate(names[:policies]):
        lag = (3, 0, 0, 4, 8, 2)[p]
        held = np.full_like(demand, demand.max()) if name == "static_peak" else demand
        capacity = 1.1 * np.roll(held, lag, axis=1)
        late = np.clip(demand / capacity - 1.0, 0.0, 0.9)
        table = intervals(
            asked.tolist(),
            np.rint(asked * (0.995 - late)).astype(int).tolist(),
            capacity_rps=(capacity * per_interval / 900).tolist(),
            ttft_ms=300.0 + 4000.0 * late + 30.0 * p,
            replicas=np.ceil(5 * capacity),
            waiting=0.5 + 40.0 * late,
        )
        first = arrivals + rng.lognormal(-1.5 + 0.2 * p, 0.6, len(arrivals))
        last = first + 100 * rng.lognormal(-3.4, 0.2, len(arrivals))
        found.append(
            policy(
                name, table, gpu_hours=1200.0 + 150.0 * p, cost_usd=3000.0 + 375.0 * p,
                saved_fraction=None if name == "static_peak" else 0.35 - 0.07 * p,
                rejected={"longer than every KV cache": 31}, unfinished=3 * p,
                options={"period_s": 15.0, "metric": "decode tokens/s"} if p else {},
                requests=requests(arrivals.tolist(), first.tolist(), last.tolist()),
                notes=("scale-up was held back 7 times: no GPUs were free",) if p == 4 else (),
            )
        )  # fmt: skip
    made = replay(
        found, workloads=loads, interval_s=900,
        planned_rps=(demand * per_interval / 900 * 1.05).tolist(),
        notes=("Requests of chat-70b were drawn from its demand (Poisson, seed 7).",),
    )  # fmt: skip
    return made, made_stream
