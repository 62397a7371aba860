"""A policy that never changes anything, and one split or aggregated workload for it to run."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import DecodeCoefficients, PrefillCoefficients, Role
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.rate_stream import RateStream
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import PolicyReplay
from heteroplan.simulation.run import PolicyChoice, ReplaySettings, run_policy
from heteroplan.simulation.signals import ReplicaState, Signals
from heteroplan.simulation.system import ServingSystem, serving_system
from tests import builders

PREFILL = PrefillCoefficients(overhead_ms=20.0, ms_per_token=0.08, ms_per_token_squared=0.0)
"""A prompt of 1000 tokens takes 100 ms."""
DECODE = DecodeCoefficients(base_ms=15.0, ms_per_sequence=0.15, ms_per_context_token=1e-4)


class FixedSize:
    """So many replicas of each deployment, from the start on."""

    name = "fixed_size"
    period_s = 3600.0
    window_s = 60.0

    def __init__(self, replicas: Sequence[int]) -> None:
        self._replicas = np.array(replicas, np.int64)

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        """The same replicas as ever."""
        return PoolTargets(self._replicas)


def scenario(
    rps: Sequence[float], *, aggregated: bool = False, isl_cv: float = 0.0, sequences: int = 256
) -> Scenario:
    """One workload of 1000 input and 200 output tokens, hourly rates."""
    role = Role.AGGREGATED if aggregated else Role.DECODE
    last = replace(
        builders.engine(role.value, role=role, gpus=1),
        capacity_rps=None,
        decode=DECODE,
        kv_tokens=600_000,
        max_sequences=sequences,
    )
    first = builders.engine("prefill", role=Role.PREFILL, gpus=1)
    engines = [replace(first, capacity_rps=None, prefill=PREFILL), last]
    if aggregated:
        engines = [replace(last, prefill=PREFILL)]
    shape = replace(builders.SHAPE, isl_cv=isl_cv)
    return builders.scenario([builders.workload(rps=rps, engines=engines, classes=[shape])])


def system_of(of: Scenario) -> ServingSystem:
    """What the engines of a scenario can do on its fleet."""
    return serving_system(
        of, [each for load in of.workloads for each in candidates(load, of.fleet)]
    )


def run(
    system: ServingSystem,
    stream: RequestStream | RateStream,
    replicas: Sequence[int],
    settings: ReplaySettings | None = None,
) -> PolicyReplay:
    """So many replicas of each deployment on a stream."""
    choice = PolicyChoice(FixedSize.name, {}, partial(FixedSize, replicas))
    return run_policy(system, stream, choice, settings or ReplaySettings())
