"""Simulators for tests: one workload, one group, engines of a few numbers."""

from collections.abc import Sequence
from math import inf

import numpy as np

from heteroplan.entities.workload import Role, Routing
from heteroplan.simulation.events.simulator import (
    GroupFacts,
    ReplicaFacts,
    Simulator,
    SimulatorOptions,
    WorkloadFacts,
)
from heteroplan.simulation.events.world import AGGREGATED, DECODE, PREFILL
from heteroplan.simulation.requests import Floats, Integers, RequestStream

UNBOUNDED = 10**9
TOKEN_S = 1e-6
"""Of prefill."""
BOUNDS: dict[str, float] = {
    "capacity": 1.0,
    "in_flight": 1.0,
    "kv_tokens": UNBOUNDED,
    "in_time": UNBOUNDED,
    "bytes_per_s": inf,
}


def engine(kind: int, most_running: int = 64, **fields: float) -> ReplicaFacts:
    return ReplicaFacts(kind, 0, 0, most_running, BOUNDS | fields)


PREFILL_ENGINE = engine(PREFILL, 1, token=TOKEN_S)
AGGREGATED_ENGINE = engine(AGGREGATED, token=TOKEN_S)
AT_ONCE = engine(DECODE, 1000)
"""Decode takes no time but the shortest that there is."""


def stream(
    arrival_s: Floats | Sequence[float],
    isl: Integers | Sequence[int],
    osl: Integers | Sequence[int] | int = 1,
    cached: Integers | Sequence[int] | int = 0,
) -> RequestStream:
    """Of one workload; a replay of 1,000 s after the last arrival."""
    arrivals, amount = np.asarray(arrival_s, np.float64), len(arrival_s)
    return RequestStream(
        ("chat",),
        float(arrivals.max(initial=0.0)) + 1000.0,
        np.zeros(amount, np.int64),
        arrivals,
        np.asarray(isl, np.int64),
        np.broadcast_to(np.asarray(cached, np.int64), amount),
        np.broadcast_to(np.asarray(osl, np.int64), amount),
    )


def simulator(
    requests: RequestStream,
    engines: Sequence[ReplicaFacts],
    how: SimulatorOptions | None = None,
    *,
    routing: Routing = Routing.LEAST_LOADED,
    kv_bytes: float = 0.0,
    alike: bool = True,
) -> Simulator:
    """With all replicas ready at the start, their numbers in order."""
    split = all(each.kind != AGGREGATED for each in engines)
    made = Simulator(
        requests,
        np.zeros(len(requests), np.bool_),
        [WorkloadFacts(kv_bytes, moves_all=True, routing=dict.fromkeys(Role, routing))],
        [GroupFacts(0, split, alike)],
        1,
        np.ones((1, 1)),
        how or SimulatorOptions(),
    )
    for each in engines:
        made.start(each, 0, 0, 0.0)
    return made
