"""What an autoscaling policy sees: the metrics of all workloads, and the replicas that there are.

Arrays are [workload] or [workload, role], roles in the order of `ROLES`. Replicas are counted in
*reference replicas*: a replica of another engine counts as its capacity over that of the
workload's reference engine of the role (`system.ServingSystem`).
"""

from dataclasses import dataclass

from heteroplan.entities.workload import Role
from heteroplan.simulation.requests import Floats

ROLES = (Role.PREFILL, Role.DECODE, Role.AGGREGATED)
PREFILL, DECODE, AGGREGATED = range(3)
"""Indices of `ROLES`."""


@dataclass(frozen=True, slots=True)
class Signals:
    """Metrics as a monitoring system tells them: some time late, rates as means over a window.

    NaN where nothing was measured in the window.
    """

    at_s: float
    """When they were taken: the time of the decision less the delay of metrics [s]."""
    window_s: float
    """Rates and means are over this time before `at_s` [s]."""
    arrived_rps: Floats
    """[W] requests that arrived [requests/s]."""
    isl: Floats
    """[W] mean input tokens of the requests that arrived."""
    cached: Floats
    """[W] mean input tokens of them found in the prefix cache."""
    osl: Floats
    """[W] mean output tokens of the requests that finished."""
    prefill_tokens_per_s: Floats
    """[W] input tokens prefilled, those found in the prefix cache left out."""
    decode_tokens_per_s: Floats
    """[W] output tokens."""
    ttft_ms: Floats
    """[W] mean TTFT of the first tokens of the window."""
    itl_ms: Floats
    """[W] mean time between tokens (TBT) in the window."""
    busy: Floats
    """[W, role] share of the replicas' time in which a batch ran: GPU utilization as tools count
    it, 0 to 1."""
    sm_activity: Floats
    """[W, role] an assumption about GPUs, not a result: see `study`."""
    waiting: Floats
    """[W, role] requests in queues at `at_s`."""
    running: Floats
    """[W, role] requests in batches at `at_s`."""
    concurrency: Floats
    """[W, role] mean of waiting and running requests over the window."""
    kv_used: Floats
    """[W, role] used share of the KV cache of the ready replicas at `at_s`, 0 to 1."""


@dataclass(frozen=True, slots=True)
class ReplicaState:
    """Replicas at the time of a decision; arrays [W, role], in reference replicas."""

    now_s: float
    """Since the start of the replay [s]."""
    desired: Floats
    """What was asked for last."""
    ready: Floats
    """Serving."""
    starting: Floats
    """Asked for and not serving yet."""
