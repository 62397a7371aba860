"""Where replicas of reactive policies stand: prefill and decode in the same groups."""

from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from heteroplan.entities.workload import Role
from heteroplan.simulation.replicas.allocation import Allocator
from heteroplan.simulation.signals import DECODE, PREFILL
from heteroplan.simulation.system import ServingSystem, serving_system
from tests import builders


def _system() -> ServingSystem:
    """A spine of 40 H100, on which prefill is cheaper, and one of 40 A100, where decode is."""
    types = [
        builders.node_type("h100x8", gpu="H100", usd_per_gpu_hour=3.0),
        builders.node_type("a100x8", gpu="A100", usd_per_gpu_hour=2.0),
    ]
    engines = [
        builders.engine(f"{role.value}-{gpu}", role=role, gpu=gpu, gpus=4, capacity_rps=rps)
        for role, gpu, rps in (
            (Role.PREFILL, "H100", 10.0),
            (Role.PREFILL, "A100", 4.0),
            (Role.DECODE, "H100", 9.0),
            (Role.DECODE, "A100", 7.0),
        )
    ]
    nodes = {"l1": {"h100x8": 5}, "l2": {"a100x8": 5}}
    fleet = builders.fleet(nodes, node_types=types)
    scenario = builders.scenario([builders.workload(engines=engines)], in_fleet=fleet)
    return serving_system(scenario, builders.candidates(scenario))


class _Pairs(NamedTuple):
    prefill: dict[int, int]
    decode: dict[int, int]

    @property
    def serving(self) -> bool:
        return any(self.prefill[g] > 0 and self.decode[g] > 0 for g in self.prefill)


def _pairs(system: ServingSystem, replicas: NDArray[np.int64]) -> _Pairs:
    found: dict[int, dict[int, int]] = {
        role: dict.fromkeys(range(len(system.groups)), 0) for role in (PREFILL, DECODE)
    }
    for number, at in enumerate(system.deployments):
        found[system.options[at.option].role][at.group] += int(replicas[number])
    return _Pairs(found[PREFILL], found[DECODE])


SIZES = st.tuples(st.integers(1, 12), st.integers(1, 12))


@given(st.lists(SIZES, min_size=1, max_size=8))
def test_however_both_roles_go_up_and_down_some_group_has_both(
    sizes: list[tuple[int, int]],
) -> None:
    system = _system()
    allocator = Allocator(system)
    replicas = np.zeros(len(system.deployments), np.int64)
    node_type = [system.node_types[o.node_type] for o in system.options]
    for prefill, decode in sizes:
        free = system.supply[:, :, 0].copy()
        for number, at in enumerate(system.deployments):
            gpus = system.options[at.option].engine.gpus
            free[at.leaf, node_type[at.option]] -= replicas[number] * gpus
        replicas = allocator.deployments(np.array([[prefill, decode, 0.0]]), replicas, free)
        assert _pairs(system, replicas).serving


def test_replicas_without_a_partner_go_first() -> None:
    # decode on A100 is cheaper, but there is no prefill beside it
    system = _system()
    start = np.zeros(len(system.deployments), np.int64)
    for number, at in enumerate(system.deployments):
        option = system.options[at.option]
        start[number] = (option.role, option.node_type) != (PREFILL, "a100x8")
    none = np.zeros_like(system.supply[:, :, 0])
    left = Allocator(system).deployments(np.array([[1.0, 1.0, 0.0]]), start, none)
    pairs = _pairs(system, left)
    assert [pairs.prefill[g] for g in (0, 1)] == [1, 0]
    assert pairs.decode[0] == 1


def test_aggregated_replicas_shrink_to_what_is_wanted() -> None:
    engines = [builders.engine("whole", role=Role.AGGREGATED)]
    scenario = builders.scenario([builders.workload(engines=engines)])
    system = serving_system(scenario, builders.candidates(scenario))
    left = Allocator(system).deployments(
        np.array([[0.0, 0.0, 2.0]]), np.array([5]), np.zeros((1, 1), np.int64)
    )
    assert left.tolist() == [2]
