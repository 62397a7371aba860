"""What policies are made from and what they see, small: every argument has a default."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.simulation.policies.policy import Policy, PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.planned import PlannedPools
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import DECODE, PREFILL, ROLES, ReplicaState, Signals
from tests import builders

PREFILL_RPS = 10.0
DECODE_RPS = 5.0
"""Capacity of a replica of each role: the P/D ratio of equal capacity is 0.5."""
OSL = 200.0


def setting(
    *,
    aggregated: bool = False,
    rps: Sequence[float] = (20.0,),
    most: float = 100.0,
    least: float = 1.0,
    scenario: Scenario | None = None,
    capacity_rps: tuple[float, float, float] | None = None,
) -> PolicySetting:
    """One workload: prefill and decode, or aggregated."""
    if scenario is None:
        roles = (Role.AGGREGATED,) if aggregated else (Role.PREFILL, Role.DECODE)
        engines = [builders.engine(role.value, role=role, startup_s=120.0) for role in roles]
        scenario = builders.scenario([builders.workload(rps=rps, engines=engines)])
    row = (0.0, 0.0, DECODE_RPS) if aggregated else (PREFILL_RPS, DECODE_RPS, 0.0)
    used = np.array([[0.0, 0.0, 1.0] if aggregated else [1.0, 1.0, 0.0]])
    return PolicySetting(
        scenario=scenario,
        capacity_rps=np.array([capacity_rps or row]),
        split=np.array([not aggregated]),
        isl=np.array([1000.0]),
        missed=np.array([700.0]),
        osl=np.array([OSL]),
        planned_rps=np.array([rps], dtype=np.float64),
        min_replicas=least * used,
        max_replicas=most * used,
    )


def signals(**given: float | Sequence[float] | Floats) -> Signals:
    """Nothing measured but `given`: a figure of the workload, or one of each role."""
    nothing: dict[str, Any] = {
        **dict.fromkeys(
            (
                "arrived_rps",
                "isl",
                "cached",
                "osl",
                "prefill_tokens_per_s",
                "decode_tokens_per_s",
                "ttft_ms",
                "itl_ms",
            ),
            np.array([np.nan]),
        ),
        **dict.fromkeys(
            ("busy", "sm_activity", "waiting", "running", "concurrency", "kv_used"),
            np.full((1, len(ROLES)), np.nan),
        ),
    }
    for name, value in given.items():
        shape = nothing[name].shape
        nothing[name] = np.broadcast_to(np.asarray(value, dtype=np.float64), shape).copy()
    return Signals(at_s=0.0, window_s=60.0, **nothing)


def state(
    prefill: float = 4.0,
    decode: float = 8.0,
    *,
    now_s: float = 0.0,
    aggregated: float = 0.0,
    ready: tuple[float, float, float] | None = None,
) -> ReplicaState:
    """So many replicas are wanted, and all of them ready unless told otherwise."""
    desired = np.array([[prefill, decode, aggregated]])
    there = desired if ready is None else np.array([ready])
    return ReplicaState(
        now_s=now_s, desired=desired, ready=there.copy(), starting=np.maximum(0.0, desired - there)
    )


def sizes(policy: Policy, seen: Signals, of: ReplicaState) -> tuple[float, float, float]:
    """Desired prefill, decode and aggregated replicas of the one workload."""
    targets = policy.decide(seen, of)
    assert isinstance(targets, RoleTargets)
    prefill, decode, aggregated = (float(size) for size in targets.replicas[0])
    return prefill, decode, aggregated


def run(
    policy: Policy,
    load_rps: Sequence[float],
    *,
    start: tuple[float, float] = (4.0, 8.0),
    startup_s: float = 60.0,
) -> list[tuple[float, float]]:
    """Desired (prefill, decode) at each decision, for the load at each.

    A model of a service, a few lines long: all that arrives is served where replicas can, and
    utilization is load over capacity.
    """
    desired = np.array([[start[0], start[1], 0.0]])
    ready = desired.copy()
    orders: list[tuple[float, Floats]] = []
    found = []
    for step, rps in enumerate(load_rps):
        now_s = step * policy.period_s
        for at_s, size in orders:
            if at_s <= now_s:
                ready = np.minimum(np.maximum(ready, size), desired)
        ready = np.minimum(ready, desired)
        served = min(rps, ready[0, PREFILL] * PREFILL_RPS, ready[0, DECODE] * DECODE_RPS)
        used = np.array([PREFILL_RPS * ready[0, PREFILL], DECODE_RPS * ready[0, DECODE], np.inf])
        busy = np.minimum(1.0, rps / used)
        overload = rps / used.min()
        seen = signals(
            arrived_rps=rps,
            decode_tokens_per_s=served * OSL,
            prefill_tokens_per_s=served * 700.0,
            busy=busy,
            kv_used=busy,
            sm_activity=0.5 + 0.5 * busy,
            concurrency=np.array([rps / 10.0 * 0.3, rps * OSL * 0.06, 0.0]).tolist(),
            ttft_ms=200.0 if overload <= 1.0 else 2000.0,
            itl_ms=50.0 if overload <= 1.0 else 90.0,
            waiting=0.0 if overload <= 1.0 else 20.0,
            running=10.0,
        )
        at = ReplicaState(
            now_s=now_s, desired=desired, ready=ready, starting=np.maximum(0.0, desired - ready)
        )
        targets = policy.decide(seen, at)
        assert isinstance(targets, RoleTargets)
        desired = targets.replicas
        orders.append((now_s + startup_s, desired.copy()))
        found.append((float(desired[0, PREFILL]), float(desired[0, DECODE])))
    return found


def planned(
    replicas: Sequence[Sequence[int]],
    *,
    startup_s: float = 0.0,
    interval_s: float = 3600.0,
    cyclic: bool = True,
    roles: Sequence[int] | None = None,
    reference: float = 1.0,
) -> PlannedPools:
    """A plan of one workload, one row a deployment; the first is prefill, the others decode."""
    sizes: NDArray[np.int64] = np.array(replicas, dtype=np.int64)
    n = len(sizes)
    return PlannedPools(
        replicas=sizes,
        startup_s=np.full(n, startup_s),
        workload=np.zeros(n, dtype=np.int64),
        role=np.array(roles if roles is not None else [PREFILL] + [DECODE] * (n - 1)),
        reference_replicas=np.full(n, reference),
        interval_s=interval_s,
        cyclic=cyclic,
        workloads=1,
    )


def later(of: ReplicaState, now_s: float, replicas: tuple[float, float, float]) -> ReplicaState:
    """The state at a later time with so many replicas, all ready."""
    desired = np.array([replicas])
    return replace(of, now_s=now_s, desired=desired, ready=desired, starting=np.zeros_like(desired))
