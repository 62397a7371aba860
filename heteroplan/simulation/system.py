"""What can run where: engines on node types, deployments of them on leaves, and GPUs there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.capacity import Candidate, mix_rps
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, Role, Workload
from heteroplan.optimize.program.supply import Places
from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ROLES
from heteroplan.units import MS_PER_S, gbit_per_s_to_bytes_per_s

LEAST_IN_FLIGHT = 1e-6
"""So that loads of replicas that serve nothing can be compared."""

type PoolKey = tuple[str, str, str]
"""Workload, engine and node type."""


@dataclass(frozen=True, slots=True)
class EngineOption:
    """An engine of a workload on a node type."""

    workload: int
    role: int
    """Index in `signals.ROLES`."""
    engine: Engine
    node_type: str
    usd_per_hour: float
    """Of one replica."""
    capacity_rps: float
    """Of one replica at the SLO with the request mix of the busiest interval [requests/s].

    In a pool as large as the largest of the engine in the plan then, or of its role where the plan
    runs none of it. Policies, routers and figures count on it at any size: pools that are smaller,
    at night, serve less a replica. Without a plan, in a pool that serves all demand alone.
    """
    in_flight: float
    """Requests that one replica decodes at that rate on average: what routers weigh loads by."""
    bytes_per_s: float
    """Share of the NIC that a replica has [bytes/s]."""
    reference_replicas: float
    """Its capacity over that of the workload's reference engine of the role."""

    @property
    def cost(self) -> float:
        """What a request costs on it; only the order matters."""
        return self.usd_per_hour / self.capacity_rps


@dataclass(frozen=True, slots=True)
class ServingGroup:
    """Replicas of one workload that exchange KV caches, or aggregated ones, in one domain."""

    workload: int
    domain: str
    split: bool
    """Prefill and decode replicas."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Replicas of one option on one leaf."""

    option: int
    leaf: int
    """Index in the fleet's leaves."""
    group: int
    """Index in `ServingSystem.groups`."""


@dataclass(frozen=True)
class ServingSystem:
    """The fleet as the simulator and all policies see it."""

    scenario: Scenario
    options: tuple[EngineOption, ...]
    """By workload and role, the least cost for a request first."""
    groups: tuple[ServingGroup, ...]
    """In the order of the workloads."""
    deployments: tuple[Deployment, ...]
    supply: NDArray[np.int64]
    """[leaf, node type, interval] GPUs, maintenance applied."""
    planned_rps: Floats
    """[W, interval]"""

    @cached_property
    def reference(self) -> Mapping[tuple[int, int], EngineOption]:
        """(workload, role) -> the whole engine that serves a request for least; none without."""
        found: dict[tuple[int, int], EngineOption] = {}
        for option in self.options:
            if option.engine.part is None:
                found.setdefault((option.workload, option.role), option)
        return found

    @cached_property
    def place(self) -> Mapping[tuple[str, str, str, str], int]:
        """(workload, engine, node type, leaf) -> deployment."""
        leaves, loads = self.scenario.fleet.network.leaves, self.scenario.workloads
        found = {}
        for number, at in enumerate(self.deployments):
            option = self.options[at.option]
            workload = loads[option.workload].name
            key = (workload, option.engine.name, option.node_type, leaves[at.leaf].name)
            found[key] = number
        return found

    @cached_property
    def node_types(self) -> Mapping[str, int]:
        """Name of a node type -> its index in `supply`."""
        return {each.name: n for n, each in enumerate(self.scenario.fleet.node_types)}

    def is_split(self, workload: int) -> bool:
        """Whether reactive policies serve it by prefill and decode: where that costs less."""
        best = [self.reference.get((workload, role)) for role in range(len(ROLES))]
        prefill, decode, whole = best[PREFILL], best[DECODE], best[AGGREGATED]
        if prefill is None or decode is None:
            return whole is None
        return whole is None or prefill.cost + decode.cost <= whole.cost


def serving_system(
    scenario: Scenario, candidates: Sequence[Candidate], sizes: Mapping[PoolKey, int] | None = None
) -> ServingSystem:
    """What the engines of a scenario can do on its fleet; `candidates` as in its plan.

    `sizes` are replicas of the largest pool of each engine in the plan's busiest interval of the
    workload.
    """
    options = _options(scenario, candidates, sizes or {})
    groups: list[ServingGroup] = []
    deployments: list[Deployment] = []
    leaves = {leaf.name: n for n, leaf in enumerate(scenario.fleet.network.leaves)}
    for number, workload in enumerate(scenario.workloads):
        mine = [(n, each) for n, each in enumerate(options) if each.workload == number]
        for domain, below in workload.domains(scenario.fleet.network).items():
            for split in (True, False):
                here = [
                    Deployment(n, leaves[leaf.name], len(groups))
                    for n, option in mine
                    for leaf in below
                    if leaf.nodes.get(option.node_type, 0) > 0
                    and (option.role != AGGREGATED) == split
                ]
                if here:
                    groups.append(ServingGroup(number, domain, split))
                    deployments.extend(here)
    return ServingSystem(
        scenario=scenario,
        options=options,
        groups=tuple(groups),
        deployments=tuple(deployments),
        supply=_supply(scenario),
        planned_rps=np.array(
            [[each.rps for each in load.demand] for load in scenario.workloads], np.float64
        ),
    )


def _options(
    scenario: Scenario, candidates: Sequence[Candidate], sizes: Mapping[PoolKey, int]
) -> tuple[EngineOption, ...]:
    """One for each engine and node type, with the least of its capacities by span."""
    largest: dict[tuple[str, Role], int] = {}
    for each in candidates:
        of_role = (each.workload, each.engine.role)
        largest[of_role] = max(largest.get(of_role, 0), sizes.get(pool_key(each), 0))
    found: dict[tuple[int, str, str], EngineOption] = {}
    for number, workload in enumerate(scenario.workloads):
        for candidate in candidates:
            if candidate.workload != workload.name or not candidate.usable:
                continue
            size = sizes.get(pool_key(candidate)) or largest[workload.name, candidate.engine.role]
            option = _option(scenario, workload, number, candidate, size)
            key = (number, candidate.engine.name, candidate.node_type)
            if option.capacity_rps > 0.0 and (
                key not in found or option.capacity_rps < found[key].capacity_rps
            ):
                found[key] = option
    ordered = sorted(found.values(), key=lambda each: (each.workload, each.role, each.cost))
    reference: dict[tuple[int, int], float] = {}
    for option in ordered:
        if option.engine.part is None:
            reference.setdefault((option.workload, option.role), option.capacity_rps)
    return tuple(
        replace(
            each,
            reference_replicas=each.capacity_rps
            / reference.get((each.workload, each.role), each.capacity_rps),
        )
        for each in ordered
    )


def pool_key(candidate: Candidate) -> PoolKey:
    """What the pools of a candidate are of."""
    return candidate.workload, candidate.engine.name, candidate.node_type


def _mix_rps(load: Workload, candidate: Candidate, size: int) -> float:
    """Of the mix of the busiest interval that each of `size` replicas of a group serves.

    With 0 in a pool that serves all demand alone. Classes that the engine cannot serve are left
    out; those that only a larger pool serves are served as in that one [requests/s].
    """
    interval = load.busiest
    alone = tuple(point.capacity_rps for point in candidate.points[interval])
    sized = candidate.capacity_rps(interval, size) if size else alone
    shares = [kind.share for kind in load.demand[interval].classes]
    return mix_rps(
        (share, rate or most)
        for share, rate, most in zip(shares, sized, alone, strict=True)
        if most > 0.0
    )


def _in_flight(load: Workload, candidate: Candidate, capacity_rps: float) -> float:
    """Mean batch at the SLO in the busiest interval; by Little's law where it is not known."""
    batches = [each.batch for each in candidate.points[load.busiest] if each.batch is not None]
    if batches:
        return max(batches)
    kinds, itl_ms = load.demand[load.busiest].classes, absolute_slo(load).itl_ms
    osl = sum(kind.share * kind.osl for kind in kinds) / sum(kind.share for kind in kinds)
    return max(LEAST_IN_FLIGHT, capacity_rps * osl * itl_ms / MS_PER_S)


def _option(
    scenario: Scenario, workload: Workload, number: int, candidate: Candidate, size: int
) -> EngineOption:
    node, engine = scenario.fleet.node_type(candidate.node_type), candidate.engine
    capacity_rps = _mix_rps(workload, candidate, size)
    return EngineOption(
        workload=number,
        role=ROLES.index(engine.role),
        engine=engine,
        node_type=node.name,
        usd_per_hour=engine.gpus * node.usd_per_gpu_hour,
        capacity_rps=capacity_rps,
        in_flight=_in_flight(workload, candidate, capacity_rps),
        bytes_per_s=gbit_per_s_to_bytes_per_s(engine.gpus * node.nic_gbit_per_s_per_gpu) or inf,
        reference_replicas=1.0,
    )


def _supply(scenario: Scenario) -> NDArray[np.int64]:
    fleet, nodes = scenario.fleet, Places(scenario).on_leaf
    shape = (len(fleet.network.leaves), len(fleet.node_types), scenario.horizon.intervals)
    supply = np.zeros(shape, np.int64)
    for row, leaf in enumerate(fleet.network.leaves):
        for column, each in enumerate(fleet.node_types):
            supply[row, column] = nodes[leaf.name, each.name] * each.gpus
    return supply
