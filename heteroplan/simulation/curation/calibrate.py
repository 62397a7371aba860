"""The judge of capacity: what a pool of an engine serves at the SLO when it is simulated, and what
plans count on for replicas of such a pool.

The pool is as large as the plan's in the busiest interval, up to a limit. It is loaded through a
group in which the other role has room to spare, so that it alone breaks the SLO: the percentile of
the latency that its role is planned for. The reference is the request mix of the busiest interval,
then each of its classes by itself. Requests are drawn anew several times, which gives the standard
error.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import count
from math import sqrt

import numpy as np

from heteroplan.entities.capacity import Candidate, mix_rps
from heteroplan.entities.workload import RequestClass, Role, Workload
from heteroplan.simulation.arrivals.bursts import clusters_of
from heteroplan.simulation.curation.groups import LoadedGroup, planned_share, unit_requests
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.run import ReplaySettings
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL
from heteroplan.simulation.system import (
    EngineOption,
    PoolKey,
    ServingSystem,
    pool_key,
)

REQUESTS = 10_000
"""Of each run."""
DRAWS = 5
"""Of the requests."""
MOST_REPLICAS = 8
"""Of a pool that is judged."""
ROOM = 4.0
"""Capacity of the other role, over that of the pool."""
MIX = "mix"
"""All classes together."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One engine with one class of requests, or with their mix."""

    workload: str
    engine: str
    role: Role
    node_type: str
    requests_of: str
    """A class, or `mix`."""
    replicas: int
    """Of the pool."""
    percentile: float
    """That the role is planned for: of TTFT for prefill, of ITL for decode, of both together for
    aggregated engines."""
    promised_rps: float
    """What plans count on for one replica of such a pool."""
    drawn_rps: tuple[float, ...]
    """The greatest rates of a replica at which simulated requests kept the SLO, one a draw."""

    @property
    def simulated_rps(self) -> float:
        """Mean of the draws."""
        return sum(self.drawn_rps) / len(self.drawn_rps)

    @property
    def factor(self) -> float:
        """On the promised rate."""
        return self.simulated_rps / self.promised_rps

    @property
    def standard_error(self) -> float:
        """Of the factor, by the scatter of the draws."""
        n = len(self.drawn_rps)
        spread = sum((each - self.simulated_rps) ** 2 for each in self.drawn_rps) / (n - 1)
        return sqrt(spread / n) / self.promised_rps


@dataclass(frozen=True, slots=True)
class Skipped:
    """What was not judged."""

    workload: str
    engine: str
    node_type: str
    requests_of: str
    reason: str


@dataclass(frozen=True, slots=True)
class Calibration:
    """All engines of a scenario."""

    corrections: tuple[Correction, ...]
    skipped: tuple[Skipped, ...]


@dataclass(frozen=True, slots=True)
class Judging:
    """How engines are judged."""

    seed: int
    burstiness: float | None = None
    """Coefficient of variation of the gaps; None: the dispersion that each workload is planned for,
    Poisson without one."""
    requests: int = REQUESTS
    draws: int = DRAWS
    """2 or more."""
    gaps: Mapping[str, Floats] = field(default_factory=dict)
    """Workload -> gaps between the arrivals of its trace; others are by `burstiness`."""
    sizes: Mapping[PoolKey, int] = field(default_factory=dict)
    """Replicas of the pools that are judged; 1 of others, and `MOST_REPLICAS` of larger ones."""

    def draws_bursts(self, load: Workload) -> bool:
        """Whether its requests have the dispersion that it is planned for."""
        return self.burstiness is None and bool(load.arrivals.points) and load.name not in self.gaps


def calibrate(
    system: ServingSystem,
    candidates: Sequence[Candidate],
    settings: ReplaySettings,
    judging: Judging,
    *,
    pool: Executor,
    tell: Callable[[float], None],
) -> Calibration:
    """Every whole engine of every workload on every node type; `tell` is told the share done."""
    promises = _Promises(system, candidates)

    def size(option: EngineOption) -> int:
        load = system.scenario.workloads[option.workload]
        planned = judging.sizes.get((load.name, option.engine.name, option.node_type), 1)
        return min(MOST_REPLICAS, max(1, planned))

    found: list[_Case | Skipped] = [
        _case(system, promises, (number, size(option)), name, mix)
        for number, option in enumerate(system.options)
        for name, mix in _mixes(system.scenario.workloads[option.workload])
    ]
    cases = [each for each in found if isinstance(each, _Case)]
    runs = [(case, draw) for case in cases for draw in range(judging.draws)]
    done = [0]

    def judged(run: tuple[_Case, int]) -> float:
        rate_rps = _greatest(system, settings, judging, *run)
        done[0] += 1
        tell(done[0] / len(runs))
        return rate_rps

    rates = list(pool.map(judged, runs))
    return Calibration(
        tuple(
            _correction(system, case, rates[n * judging.draws : (n + 1) * judging.draws])
            for n, case in enumerate(cases)
        ),
        tuple(each for each in found if isinstance(each, Skipped)),
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """A pool and those replicas that it is loaded through."""

    option: int
    requests_of: str
    mix: tuple[RequestClass, ...]
    """All classes of the workload; those that do not come have a share of 0."""
    promised_rps: float
    """Of one replica."""
    replicas: Mapping[int, int]
    """By option, its own first."""

    @property
    def pool(self) -> int:
        """Replicas that are judged."""
        return self.replicas[self.option]


class _Promises:
    """What plans count on for a replica: the least of all spans."""

    def __init__(self, system: ServingSystem, candidates: Sequence[Candidate]) -> None:
        self._system = system
        self._candidates: dict[PoolKey, list[Candidate]] = {}
        for each in candidates:
            self._candidates.setdefault(pool_key(each), []).append(each)

    def of(self, option: EngineOption, mix: Sequence[RequestClass], replicas: int | None) -> float:
        """Of a mix, in a pool of so many replicas, or of one that serves all demand alone
        [requests/s]; 0 where a class of it cannot be served."""
        load = self._system.scenario.workloads[option.workload]
        at = load.busiest
        found = []
        for each in self._candidates[load.name, option.engine.name, option.node_type]:
            points = tuple(point.capacity_rps for point in each.points[at])
            rates = points if replicas is None else each.capacity_rps(at, replicas)
            asked = zip((kind.share for kind in mix), rates, strict=True)
            found.append(mix_rps((share, rate) for share, rate in asked if share))
        return min(found)


def _case(
    system: ServingSystem,
    promises: _Promises,
    pool: tuple[int, int],
    requests_of: str,
    mix: tuple[RequestClass, ...],
) -> _Case | Skipped:
    """Of a `pool`, an option and its replicas."""
    number, size = pool
    option = system.options[number]
    load = system.scenario.workloads[option.workload]

    def skipped(reason: str) -> Skipped:
        return Skipped(load.name, option.engine.name, option.node_type, requests_of, reason)

    if option.engine.part is not None:
        return skipped("a half of a divided engine is not loaded by itself")
    promised_rps = promises.of(option, mix, size)
    if promised_rps <= 0.0:
        return skipped(f"a pool of {size} cannot serve these requests within the SLO")
    replicas = {number: size}
    if option.role != AGGREGATED:
        other = _partner(system, promises, number, mix)
        if other is None:
            return skipped("no engine of the other role in its groups serves these requests")
        wanted_rps = ROOM * size * promised_rps
        replicas[other] = next(
            n for n in count(1) if n * promises.of(system.options[other], mix, n) >= wanted_rps
        )
    return _Case(number, requests_of, mix, promised_rps, replicas)


def _partner(
    system: ServingSystem, promises: _Promises, number: int, mix: Sequence[RequestClass]
) -> int | None:
    """A whole engine of the other role in a group with this one: the cheapest that decodes, or the
    fastest for prefill, so that it is decode that breaks the SLO."""
    option = system.options[number]
    groups = {at.group for at in system.deployments if at.option == number}
    near = {at.option for at in system.deployments if at.group in groups}
    role = PREFILL if option.role == DECODE else DECODE
    rates = {
        other: promises.of(each, mix, None)
        for other, each in enumerate(system.options)
        if other in near and each.role == role and each.engine.part is None
    }
    able = [other for other, rate_rps in rates.items() if rate_rps > 0.0]
    if role == PREFILL:
        able.sort(key=lambda other: -rates[other])
    return able[0] if able else None


def _greatest(
    system: ServingSystem, settings: ReplaySettings, judging: Judging, case: _Case, draw: int
) -> float:
    option = system.options[case.option]
    load = system.scenario.workloads[option.workload]
    expected_rps = case.pool * case.promised_rps
    unit = unit_requests(
        case.mix,
        judging.requests,
        np.random.SeedSequence([judging.seed, draw], spawn_key=tuple(load.name.encode())),
        burstiness=1.0 if judging.burstiness is None else judging.burstiness,
        gaps=judging.gaps.get(load.name),
        clusters=clusters_of(load).at(expected_rps) if judging.draws_bursts(load) else None,
    )
    group = LoadedGroup(system, option.workload, case.replicas, settings, option.engine.role)
    return group.greatest_rate(unit, expected_rps) / case.pool


def _correction(system: ServingSystem, case: _Case, rates: Sequence[float]) -> Correction:
    option = system.options[case.option]
    load = system.scenario.workloads[option.workload]
    slos = {load.slo if kind.slo is None else kind.slo for kind in case.mix if kind.share}
    slo = slos.pop() if len(slos) == 1 else load.slo
    return Correction(
        workload=load.name,
        engine=option.engine.name,
        role=option.engine.role,
        node_type=option.node_type,
        requests_of=case.requests_of,
        replicas=case.pool,
        percentile=planned_share(slo, option.engine.role),
        promised_rps=case.promised_rps,
        drawn_rps=tuple(rates),
    )


def _mixes(load: Workload) -> list[tuple[str, tuple[RequestClass, ...]]]:
    """The mix of the busiest interval, then each of its classes where there are several."""
    kinds = load.demand[load.busiest].classes
    alone = [
        (kind.name, tuple(replace(each, share=float(each is kind)) for each in kinds))
        for kind in kinds
    ]
    return [(MIX, kinds), *(alone if len(kinds) > 1 else [])]
