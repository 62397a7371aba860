"""A few replicas of one workload that are always ready, at a constant rate of requests."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import RequestClass, Role, Workload
from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.simulation.arrivals.bursts import Clusters, clustered
from heteroplan.simulation.arrivals.lengths import lengths
from heteroplan.simulation.arrivals.rates import Rates
from heteroplan.simulation.arrivals.renewal import arrivals
from heteroplan.simulation.figures.latencies import FINISHED, of_requests
from heteroplan.simulation.figures.promises import classes_of, promises
from heteroplan.simulation.policies.static_peak import StaticPeak
from heteroplan.simulation.requests import Floats, Integers, RequestStream
from heteroplan.simulation.results import OUTCOMES, RequestTable
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
    kind: Integers
    """Place of its class in the mix."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A share of the requests (of the tokens, where the ITL is of tokens) in time."""

    wanted: float
    share: float

    @property
    def enough(self) -> bool:
        """Whether it is what the SLO wants."""
        return self.share >= self.wanted * (1.0 - 1e-12)


def unit_requests(
    mix: Sequence[RequestClass],
    count: int,
    seed: np.random.SeedSequence,
    *,
    burstiness: float = 1.0,
    gaps: Floats | None = None,
    clusters: Clusters | None = None,
) -> UnitRequests:
    """About `count` requests of a mix of classes, one at least: a renewal process, in clusters, or
    with given gaps.

    `gaps` are those of a trace, in any unit: as many in a row as needed from a random one on, the
    first ones again after the last. Their mean is taken out. `clusters` are spread over mean gaps.
    """
    of_arrival, of_class, of_length = (np.random.default_rng(each) for each in seed.spawn(3))
    rates = Rates(np.array([0.0, float(count)]), np.ones(1))
    if gaps is not None:
        chosen = (int(of_arrival.integers(len(gaps))) + np.arange(count)) % len(gaps)
        arrival = np.cumsum(gaps[chosen] / gaps.mean())
    elif clusters is not None:
        arrival = clustered(rates, clusters, of_arrival)
    else:
        arrival = arrivals(rates, burstiness, of_arrival)
    if not len(arrival):
        arrival = rates.edges_s[1:]
    tokens = lengths([mix], np.zeros(len(arrival), np.int64), of_class, of_length)
    return UnitRequests(arrival, tokens.isl, tokens.cached, tokens.osl, tokens.kind)


def planned_share(slo: Slo, role: Role) -> float:
    """Share in time that replicas of a role are planned for: of TTFT, of ITL, or of both."""
    shares = {Role.PREFILL: slo.ttft_share, Role.DECODE: slo.itl_share}
    return shares.get(role, slo.percentile)


class LoadedGroup:
    """Replicas of some options of one workload, in one group."""

    def __init__(
        self,
        system: ServingSystem,
        workload: int,
        replicas: Mapping[int, int],
        settings: ReplaySettings,
        role: Role | None = None,
    ) -> None:
        """`replicas` by option of the system. Those of different roles stand as far apart as a
        group of the system lets them. The replicas never fail.

        With a `role` they have to keep what its replicas are planned for, otherwise both latencies
        at the percentile of the SLO.
        """
        self.workload, self.role = workload, role
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

    def keeps_slo(self, unit: UnitRequests, rate_rps: float) -> bool:
        """Whether enough requests are in time; not where no engine takes any."""
        found = self.kept(unit, rate_rps)
        return bool(found) and all(each.enough for each in found)

    def kept(self, unit: UnitRequests, rate_rps: float) -> list[Kept]:
        """Shares in time at a rate, of the classes with equal percentiles together.

        Requests that no engine of the workload takes do not count; nothing where none is left.
        """
        stream = self._stream(unit, rate_rps)
        table = run_policy(self._system, stream, self._choice, self._settings).requests
        if table is None:
            raise ValueError("a stream of single requests has a table of them")
        loads = self._system.scenario.workloads
        return [
            kept
            for item in range(loads[self.workload].slo_items)
            for kept in self._kept(unit, stream, table, item)
        ]

    def _kept(
        self, unit: UnitRequests, stream: RequestStream, table: RequestTable, item: int
    ) -> list[Kept]:
        """Of the SLO of one number."""
        loads = self._system.scenario.workloads
        promised = promises(loads, stream, item).by_token
        times = of_requests(promised, stream, table, stream.duration_s)
        taken, done = table.outcome != OUTCOMES.index("rejected"), table.outcome == FINISHED
        in_ttft, in_both = np.zeros(len(stream), np.bool_), np.zeros(len(stream), np.bool_)
        in_ttft[done], in_both[done] = times.in_ttft, times.kept
        found: list[Kept] = []
        for slo, kinds in _by_percentiles(loads[self.workload], item):
            own = np.isin(unit.kind, kinds)
            if not (own & taken).any():
                continue
            of, weight = own[done], times.itl_weight[own[done]]
            shares = _Shares(
                ttft=float(in_ttft[own & taken].mean()),
                itl=float(times.itl_share[of] @ weight / weight.sum()) if of.any() else 0.0,
                both=float(in_both[own & taken].mean()),
            )
            found.extend(_judged(slo, self.role, shares))
        return found

    def _stream(self, unit: UnitRequests, rate_rps: float) -> RequestStream:
        slo = absolute_slo(self._system.scenario.workloads[self.workload])
        arrival_s = unit.arrival / rate_rps
        # Who is not done by then has missed the SLO.
        after_s = (slo.ttft_ms + float(unit.osl.max(initial=1)) * slo.itl_ms) / 1e3
        return RequestStream(
            workloads=tuple(each.name for each in self._system.scenario.workloads),
            duration_s=float(arrival_s[-1]) + after_s + 1.0,
            workload=np.full(len(arrival_s), self.workload, np.int64),
            arrival_s=arrival_s,
            isl=unit.isl,
            cached=unit.cached,
            osl=unit.osl,
            kind=unit.kind,
        )

    def greatest_rate(self, unit: UnitRequests, expected_rps: float) -> float:
        """The greatest rate at which the SLO is kept [requests/s].

        0 where it is not kept at any rate within a factor of 64 of the expected one. The same
        requests come at every rate, only faster, so that the answer is a threshold of them.
        """

        low = high = expected_rps
        if self.keeps_slo(unit, expected_rps):
            while high < expected_rps * _FARTHEST:
                high *= _STEP
                if not self.keeps_slo(unit, high):
                    break
                low = high
        else:
            while not self.keeps_slo(unit, low):
                low, high = low / _STEP, low
                if low < expected_rps / _FARTHEST:
                    return 0.0
        while high > low * (1.0 + PRECISION):
            middle = float(np.sqrt(low * high))
            low, high = (middle, high) if self.keeps_slo(unit, middle) else (low, middle)
        return low


@dataclass(frozen=True, slots=True)
class _Shares:
    """In time of each latency, and of both."""

    ttft: float
    itl: float
    both: float


def _judged(slo: Slo, role: Role | None, found: _Shares) -> Iterator[Kept]:
    """What has to be kept: of decode replicas also that they do not hold up first tokens."""
    match role:
        case Role.PREFILL:
            yield Kept(slo.ttft_share, found.ttft)
        case Role.DECODE:
            yield Kept(slo.itl_share, found.itl)
            yield Kept(slo.percentile, found.ttft)
        case Role.AGGREGATED if slo.itl_of is ItlOf.TOKEN:
            yield Kept(slo.ttft_share, found.ttft)
            yield Kept(slo.itl_share, found.itl)
        case _:
            yield Kept(slo.percentile, found.both)


def _by_percentiles(load: Workload, item: int) -> Iterator[tuple[Slo, list[int]]]:
    """SLOs that differ in their percentiles, with the places of their classes."""
    found: dict[tuple[float, float, ItlOf], tuple[Slo, list[int]]] = {}
    for number, kind in enumerate(classes_of(load)):
        slo = (load.slo if kind.slo is None else kind.slo).item(item)
        key = (slo.ttft_share, slo.itl_share, slo.itl_of)
        found.setdefault(key, (slo, []))[1].append(number)
    yield from found.values()


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
