"""The replicas that a study loads: one workload alone, as many as fit the plan's ratio."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import UsageError
from heteroplan.simulation.replicas.allocation import Allocator
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL
from heteroplan.simulation.system import ServingSystem, serving_system

MOST_REPLICAS = 16
"""As in HeteroScale's measurements of the ratio (Figure 4)."""
DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Station:
    """One workload on replicas whose number does not change."""

    system: ServingSystem
    """Of the workload alone; its demand is `capacity_rps` without headroom."""
    replicas: NDArray[np.int64]
    """[deployment]"""
    capacity_rps: float
    """At the SLO, computed as for plans."""

    @property
    def scenario(self) -> Scenario:
        """Of the workload alone."""
        return self.system.scenario

    def counts(self) -> Mapping[str, int]:
        """Replicas by engine and node type."""
        found: dict[str, int] = {}
        for number, at in enumerate(self.system.deployments):
            option = self.system.options[at.option]
            if self.replicas[number]:
                name = f"{option.engine.name} on {option.node_type}"
                found[name] = found.get(name, 0) + int(self.replicas[number])
        return found


def planned_replicas(system: ServingSystem, replicas: NDArray[np.int64]) -> Floats:
    """[W, role] reference replicas when most are demanded; `replicas` [deployment, interval]."""
    allocator = Allocator(system)
    busiest = system.planned_rps.argmax(axis=1)
    return np.array([allocator.replicas(replicas[:, t])[w] for w, t in enumerate(busiest)])


def station(
    scenario: Scenario, workload: int, candidates: Sequence[Candidate], planned: Floats
) -> Station:
    """At most `MOST_REPLICAS` of a workload, in the ratio of `planned`.

    `planned` [role] is of `planned_replicas`, `candidates` are those of the scenario; requests are
    as in the busiest interval. Raises UsageError where there is nothing to study.
    """
    load = scenario.workloads[workload]
    alone = replace(
        scenario,
        fleet=replace(scenario.fleet, outages=()),
        horizon=replace(scenario.horizon, intervals=1, interval_s=DAY_S, cyclic=True),
        workloads=(replace(load, demand=(load.demand[load.busiest],), headroom=0.0),),
        current=None,
    )
    own = [
        replace(each, points=(each.points[load.busiest],), by_size=None, alone=None)
        for each in candidates
        if each.workload == load.name and each.usable
    ]
    system = serving_system(alone, own)
    wanted = _wanted(load.name, planned)
    nothing = np.zeros(len(system.deployments), np.int64)
    replicas = Allocator(system).deployments(wanted[None, :], nothing, system.supply[:, :, 0])
    capacity_rps = _capacity_rps(system, replicas)
    if not capacity_rps > 0.0:
        raise UsageError(f"--study: no replicas of {load.name} serve requests together")
    demand = (replace(load.demand[load.busiest], rps=capacity_rps),)
    scenario = replace(alone, workloads=(replace(alone.workloads[0], demand=demand),))
    return Station(replace(system, scenario=scenario), replicas, capacity_rps)


def _wanted(name: str, planned: Floats) -> Floats:
    """[role] whole reference replicas: aggregated ones where most of the plan's are."""
    split = planned[PREFILL] + planned[DECODE]
    wanted = np.zeros(3)
    if planned[AGGREGATED] > split:
        wanted[AGGREGATED] = min(MOST_REPLICAS, np.rint(planned[AGGREGATED]))
    elif planned[PREFILL] > 0.0 and planned[DECODE] > 0.0:
        total = max(2.0, min(MOST_REPLICAS, np.rint(split)))
        wanted[PREFILL] = np.clip(np.rint(total * planned[PREFILL] / split), 1.0, total - 1.0)
        wanted[DECODE] = total - wanted[PREFILL]
    else:
        raise UsageError(f"--study: the plan has no whole engines of {name} to study")
    return wanted


def _capacity_rps(system: ServingSystem, replicas: NDArray[np.int64]) -> float:
    """In each group the lesser of prefill and decode, and aggregated replicas."""
    found = np.zeros((len(system.groups), 3))
    for number, at in enumerate(system.deployments):
        option = system.options[at.option]
        found[at.group, option.role] += replicas[number] * option.capacity_rps
    by_group = np.minimum(found[:, PREFILL], found[:, DECODE]) + found[:, AGGREGATED]
    return float(by_group.sum())
