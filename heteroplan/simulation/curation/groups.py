"""A few replicas of one workload that are always ready, at a constant rate of requests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from heteroplan.entities.workload import RequestClass
from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.simulation.arrivals.lengths import lengths
from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.renewal import arrivals
from heteroplan.simulation.policies.static_peak import StaticPeak
from heteroplan.simulation.requests import Floats, Integers, RequestStream
from heteroplan.simulation.run import PolicyChoice, ReplaySettings, run_policy
from heteroplan.simulation.system import Deployment, ServingGroup, ServingSystem

PRECISION = 0.005
"""Relative, of the greatest rate."""
_GPUS = 1_000_000
"""Of each node type on each leaf: supply does not matter."""
_STEP = 1.5
"""Factor between the rates that are tried until one is kept and one is not."""
_FARTHEST = 64.0
"""Factor from the expected rate beyond which nothing is tried."""


@dataclass(frozen=True, slots=True)
class UnitRequests:
    """Requests of one workload at one a second in the mean, to be sped up; arrays [request]."""

    arrival: Floats
    """Ascending, in mean gaps."""
    isl: Integers
    cached: Integers
    osl: Integers


def unit_requests(
    mix: Sequence[RequestClass],
    count: int,
    seed: np.random.SeedSequence,
    *,
    burstiness: float = 1.0,
    gaps: Floats | None = None,
) -> UnitRequests:
    """About `count` requests of a mix of classes; a renewal process, or with the given gaps.

    `gaps` are those of a trace, in any unit: as many in a row as needed from a random one on, the
    first ones again after the last. Their mean is taken out.
    """
    of_arrival, of_class, of_length = (np.random.default_rng(each) for each in seed.spawn(3))
    if gaps is None:
        edges = np.array([0.0, float(count)])
        arrival = arrivals(Rates(edges, np.ones(1)), burstiness, of_arrival)
    else:
        chosen = (int(of_arrival.integers(len(gaps))) + np.arange(count)) % len(gaps)
        arrival = np.cumsum(gaps[chosen] / gaps.mean())
    tokens = lengths([mix], np.zeros(len(arrival), np.int64), of_class, of_length)
    return UnitRequests(arrival, tokens.isl, tokens.cached, tokens.osl)


class LoadedGroup:
    """Replicas of some options of one workload, in one group."""

    def __init__(
        self,
        system: ServingSystem,
        workload: int,
        replicas: Mapping[int, int],
        settings: ReplaySettings,
    ) -> None:
        """`replicas` by option of the system. Those of different roles stand as far apart as a
        group of the system lets them. The replicas never fail."""
        self.workload = workload
        leaves, domain = _leaves(system, tuple(replicas))
        split = len(replicas) > 1
        self._system = replace(
            system,
            groups=(ServingGroup(workload, domain, split),),
            deployments=tuple(Deployment(o, leaf, 0) for o, leaf in leaves.items()),
            supply=np.full_like(system.supply, _GPUS),
        )
        sizes = np.array(list(replicas.values()), np.int64)
        self._choice = PolicyChoice("group", {}, lambda: StaticPeak(sizes))
        self._settings = replace(settings, failures=())

    @cached_property
    def percentile(self) -> float:
        """Of the workload's SLO."""
        return self._system.scenario.workloads[self.workload].slo.percentile

    def share_in_time(self, unit: UnitRequests, rate_rps: float) -> float:
        """Share of the requests that keep the SLO at a rate; those that no engine of the workload
        takes do not count. 0 where none is left."""
        slo = absolute_slo(self._system.scenario.workloads[self.workload])
        arrival_s = unit.arrival / rate_rps
        # Who is not done by then has missed the SLO.
        after_s = (slo.ttft_ms + float(unit.osl.max(initial=1)) * slo.itl_ms) / 1e3
        stream = RequestStream(
            workloads=tuple(each.name for each in self._system.scenario.workloads),
            duration_s=float(arrival_s[-1]) + after_s + 1.0,
            workload=np.full(len(arrival_s), self.workload, np.int64),
            arrival_s=arrival_s,
            isl=unit.isl,
            cached=unit.cached,
            osl=unit.osl,
        )
        found = run_policy(self._system, stream, self._choice, self._settings)
        served = found.finished + found.unfinished
        return int(found.intervals.attained_both.sum()) / served if served else 0.0

    def greatest_rate(self, unit: UnitRequests, expected_rps: float) -> float:
        """The greatest rate at which the SLO is kept at its percentile [requests/s].

        0 where it is not kept at any rate within a factor of 64 of the expected one. The same
        requests come at every rate, only faster, so that the answer is a threshold of them.
        """

        def keeps(rate_rps: float) -> bool:
            return self.share_in_time(unit, rate_rps) >= self.percentile * (1 - 1e-12)

        low = high = expected_rps
        if keeps(expected_rps):
            while high < expected_rps * _FARTHEST:
                high *= _STEP
                if not keeps(high):
                    break
                low = high
        else:
            while not keeps(low):
                low, high = low / _STEP, low
                if low < expected_rps / _FARTHEST:
                    return 0.0
        while high > low * (1.0 + PRECISION):
            middle = float(np.sqrt(low * high))
            low, high = (middle, high) if keeps(middle) else (low, middle)
        return low


def _leaves(system: ServingSystem, options: tuple[int, ...]) -> tuple[dict[int, int], str]:
    """A leaf for each option, all in one domain, the first and the last ones that it has."""
    by_group: dict[int, dict[int, list[int]]] = {}
    for at in system.deployments:
        if at.option in options:
            by_group.setdefault(at.group, {}).setdefault(at.option, []).append(at.leaf)
    for group, leaves in by_group.items():
        if len(leaves) == len(options):
            ends = {o: leaves[o][-1 if n else 0] for n, o in enumerate(options)}
            return ends, system.groups[group].domain
    raise ValueError("no group of the system has all options")
