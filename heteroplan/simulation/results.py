"""What is reported of a replay: one `PolicyReplay` a policy, rows by workload and interval."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.requests import Floats, Integers


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Of finished requests [ms]; NaN where there are none."""

    p50: float
    p90: float
    p95: float
    p99: float


@dataclass(frozen=True, slots=True)
class Attainment:
    """Share of requests that kept the SLO, 0 to 1; NaN where there are none."""

    ttft: float
    """Of finished requests."""
    itl: float
    """Of finished requests: mean time between their tokens within the target, or of their gaps
    where these are judged."""
    both: float
    """Of all requests; rejected and unfinished ones missed it."""


@dataclass(frozen=True, slots=True)
class ClassAttainment:
    """How many requests of a class kept an SLO, of a workload with SLOs by class or several."""

    workload: int
    name: str
    """Empty: of all classes."""
    percentile: float
    """Share that is to be in time, of the classes of the workload with this percentile together."""
    requests: int
    attained_both: int
    item: int = 0
    """Which of several SLOs that hold at once."""


@dataclass(frozen=True, slots=True)
class IntervalTable:
    """Figures by workload and interval of the horizon; arrays [W, interval].

    A request belongs to the interval in which it arrived. Means of replicas, queues and GPUs are
    over the time of the interval.
    """

    requests: Integers
    """Arrived, rejected ones included."""
    finished: Integers
    attained_ttft: Integers
    attained_itl: Integers
    attained_both: Integers
    ttft_p50_ms: Floats
    ttft_percentile_ms: Floats
    """At the percentile of the workload's SLO."""
    itl_p50_ms: Floats
    itl_percentile_ms: Floats
    capacity_rps: Floats
    """Of the ready replicas at the SLO, computed as for plans: the lesser of prefill
    and decode, and aggregated replicas."""
    prefill_replicas: Floats
    """Mean number ready."""
    decode_replicas: Floats
    aggregated_replicas: Floats
    gpus: Floats
    """Mean number of GPUs held: ready, starting and draining."""
    waiting: Floats
    """Mean number of requests in queues."""


@dataclass(frozen=True, slots=True)
class RequestTable:
    """What happened to each request of the stream; arrays [request], times NaN where it did not."""

    arrived_s: Floats
    """Since the start of the replay; in a closed loop, when its user sent it [s]."""
    first_token_s: Floats
    """Since the start of the replay [s]."""
    last_token_s: Floats
    outcome: NDArray[np.int8]
    """Index in `OUTCOMES`."""
    restarts: NDArray[np.int8]
    """Times that it was computed anew: preempted, or its replica was killed."""
    first_alone_s: Floats
    """Its TTFT alone on the replicas that served it [s]; of finished requests, as the next two."""
    step_alone_s: Floats
    """Mean of its decode steps alone there [s]."""
    late_gaps: Integers
    """Gaps between its tokens that were too long, where they are judged one by one."""


OUTCOMES = ("finished", "unfinished", "rejected")


@dataclass(frozen=True, slots=True)
class PolicyReplay:
    """One policy on the requests."""

    policy: str
    options: Mapping[str, float | str]
    """Its parameters, units in the names."""
    gpu_hours: float
    cost_usd: float
    saved_fraction: float | None
    """Of the scenario's objective against `static_peak`; None where that was not replayed."""
    attainment: Attainment
    intervals_met: float
    """Share of workload-intervals with requests in which `both` reaches the percentile."""
    finished: int
    rejected: Mapping[str, int]
    """By reason."""
    unfinished: int
    starts: int
    utilization: Mapping[str, float]
    """Busy share of ready replicas, weighted by GPUs: `prefill`, `decode`, `aggregated` if any."""
    ttft_ms: Percentiles
    itl_ms: Percentiles
    e2e_ms: Percentiles
    intervals: IntervalTable
    requests: RequestTable | None = None
    """None at the fluid level."""
    classes: tuple[ClassAttainment, ...] = ()
    """Of workloads with several SLOs or some by class; none at the fluid level."""
    percentiles: tuple[float, ...] = ()
    """[W] of the SLO that the figures are of, the one of several with the least margin; those of
    the replay where empty."""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Replay:
    """All policies on the same requests."""

    scenario: str
    objective: str
    """`cost` or `gpu_hours`."""
    plan_id: str | None
    level: str
    """`requests` or `fluid`."""
    seed: int
    workloads: tuple[str, ...]
    start: datetime
    """Of the replay, zone-aware."""
    interval_s: int
    duration_s: float
    percentiles: tuple[float, ...]
    """[W] of the SLOs."""
    ttft_slo_ms: tuple[float, ...]
    itl_slo_ms: tuple[float, ...]
    planned_rps: Floats
    """[W, interval]"""
    requests: int
    """Asked for, by all workloads."""
    seconds: float
    """CPU seconds spent simulating [s]."""
    policies: tuple[PolicyReplay, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def requests_per_s(self) -> float:
        """Requests times policies over the CPU seconds spent."""
        return self.requests * len(self.policies) / self.seconds if self.seconds > 0 else 0.0
