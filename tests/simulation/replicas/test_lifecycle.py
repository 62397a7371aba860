"""GPUs of replicas that start, linger, drain and fail, against hand arithmetic."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.simulation.arrivals.drawn import drawn
from heteroplan.simulation.events.simulator import SimulatorOptions
from heteroplan.simulation.figures import ledger
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.replicas.failures import Failure
from heteroplan.simulation.replicas.lifecycle import Cluster, LifecycleOptions
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.run import PolicyChoice, ReplaySettings, run_policy
from heteroplan.simulation.signals import ReplicaState, Signals
from heteroplan.simulation.single import SingleRequests
from heteroplan.simulation.system import ServingSystem, serving_system
from tests import builders

NO_OTHER = LifecycleOptions()


def _system(*supply: int, drain_s: float = 0.0, startup_s: float = 0.0) -> ServingSystem:
    """One leaf with so many GPUs in each interval of an hour; replicas of 4 GPUs."""
    engines = [
        builders.engine(role.value, role=role, drain_s=drain_s, startup_s=startup_s)
        for role in (Role.PREFILL, Role.DECODE)
    ]
    scenario = builders.scenario([builders.workload(rps=[10.0] * len(supply), engines=engines)])
    system = serving_system(scenario, builders.candidates(scenario))
    return replace(system, supply=np.array(supply, np.int64).reshape(1, 1, -1))


def _cluster(
    system: ServingSystem, options: LifecycleOptions = NO_OTHER
) -> tuple[Cluster, SingleRequests]:
    """Without requests."""
    none = np.zeros(0, np.int64)
    stream = RequestStream(("w",), 9e9, none, none.astype(float), none, none, none)
    simulator = SingleRequests(system, stream, SimulatorOptions())
    return Cluster(system, simulator, options), simulator


def _gpus(system: ServingSystem, cluster: Cluster, end_s: float) -> float:
    """GPU-seconds until the end."""
    cluster.close()
    return ledger.usage(system, cluster.lives, end_s, 3600.0).gpu_hours * 3600.0


def test_what_drains_already_makes_room_when_the_supply_falls() -> None:
    # 4 replicas of 4 GPUs on 16; then 12 GPUs: one drains, for two hours; then 12 again: no other
    system = _system(16, 12, 12, drain_s=7200.0)
    cluster, simulator = _cluster(system)
    cluster.apply(np.array([2, 2]), at_once=True)
    for interval in (1, 2):
        simulator.run(3600.0 * interval)
        cluster.collect()
        cluster.enter(interval)
        assert int(cluster.active().sum()) == 3
    simulator.run(4 * 3600.0)
    cluster.collect()
    assert _gpus(system, cluster, 4 * 3600.0) == 3 * 4 * 4 * 3600.0 + 4 * 3 * 3600.0


def test_lingering_replicas_make_room_first_and_at_once() -> None:
    system = _system(16, 12)
    cluster, simulator = _cluster(system, LifecycleOptions(linger_s=9e9))
    cluster.apply(np.array([2, 2]), at_once=True)
    cluster.apply(np.array([2, 1]))
    simulator.run(3600.0)
    cluster.enter(1)
    cluster.collect()
    assert cluster.active().tolist() == [2, 1]
    assert cluster.free_gpus().tolist() == [[0]]


def test_a_restored_replica_holds_gpus_throughout_and_is_in_routing_but_while_it_lingered() -> None:
    system = _system(16)
    cluster, simulator = _cluster(system, LifecycleOptions(linger_s=600.0))
    cluster.apply(np.array([1, 1]), at_once=True)
    for moment_s, decode in ((100.0, 0), (300.0, 1)):
        simulator.run(moment_s)
        cluster.collect()
        cluster.apply(np.array([1, decode]))
    simulator.run(1000.0)
    cluster.close()
    used = ledger.usage(system, cluster.lives, 1000.0, 1000.0)
    assert used.gpu_hours * 3600.0 == 2 * 4 * 1000.0
    assert used.ready_s[0, :, 0].tolist() == [1000.0, 800.0, 0.0]
    assert cluster.starts == 0


class _Fixed:
    """A policy that always wants the same."""

    name = "fixed"
    period_s = 60.0
    window_s = 60.0

    def __init__(self, replicas: Sequence[int]) -> None:
        self._targets = PoolTargets(np.array(replicas, np.int64))

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        return self._targets


@pytest.mark.parametrize("users", [0, 3])
def test_a_leaf_is_away_as_long_as_one_of_two_failures_lasts(users: int) -> None:
    system = _system(16)
    failures = (Failure((0,), 600.0, 1200.0), Failure((0,), 900.0, 1800.0))
    stream = drawn(system.scenario, seed=0, duration_s=2400.0)
    settings = ReplaySettings(simulator=SimulatorOptions(users=users), failures=failures)
    found = run_policy(system, stream, PolicyChoice("fixed", {}, lambda: _Fixed([1, 1])), settings)
    assert found.gpu_hours * 3600.0 == 2 * 4 * (600.0 + 600.0)
    assert found.finished + sum(found.rejected.values()) + found.unfinished == stream.asked
