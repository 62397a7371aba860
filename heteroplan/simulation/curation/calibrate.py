"""The judge of capacity: what one replica serves at the SLO when it is simulated, and what plans
count on.

The replica is loaded through a group in which the other role has room to spare, so that it alone
breaks the SLO. The reference is the request mix of the busiest interval, then each of its classes
by itself. Requests are drawn anew several times, which gives the standard error.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from math import ceil, sqrt

import numpy as np

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.workload import RequestClass, Role, Workload
from heteroplan.simulation.curation.groups import LoadedGroup, unit_requests
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.run import ReplaySettings
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL
from heteroplan.simulation.system import EngineOption, ServingSystem

REQUESTS = 10_000
"""Of each run."""
DRAWS = 5
"""Of the requests."""
ROOM = 4.0
"""Capacity of the other role, over that of the replica."""
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
    promised_rps: float
    """What plans count on."""
    drawn_rps: tuple[float, ...]
    """The greatest rates at which simulated requests kept the SLO, one a draw."""

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
    burstiness: float = 1.0
    requests: int = REQUESTS
    draws: int = DRAWS
    """2 or more."""
    gaps: Mapping[str, Floats] = field(default_factory=dict)
    """Workload -> gaps between the arrivals of its trace; others have those of `burstiness`."""


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
    found: list[_Case | Skipped] = [
        _case(system, promises, number, name, mix)
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
    """A replica and those that it is loaded through."""

    option: int
    requests_of: str
    mix: tuple[RequestClass, ...]
    promised_rps: float
    replicas: Mapping[int, int]
    """By option, its own first."""


class _Promises:
    """What plans count on a replica: the least of all spans."""

    def __init__(self, system: ServingSystem, candidates: Sequence[Candidate]) -> None:
        self._rates: dict[tuple[str, str, str], dict[str, float]] = {}
        for load in system.scenario.workloads:
            busiest = _busiest(load)
            for each in candidates:
                if each.workload != load.name:
                    continue
                rates = self._rates.setdefault((load.name, each.engine.name, each.node_type), {})
                kinds = load.demand[busiest].classes
                for kind, point in zip(kinds, each.points[busiest], strict=True):
                    known = rates.get(kind.name, point.capacity_rps)
                    rates[kind.name] = min(known, point.capacity_rps)
        self._system = system

    def of(self, option: EngineOption, requests_of: str) -> float:
        """For a class or the mix [requests/s]; 0 where it cannot be served."""
        load = self._system.scenario.workloads[option.workload]
        rates = self._rates[load.name, option.engine.name, option.node_type]
        if requests_of != MIX:
            return rates[requests_of]
        return option.capacity_rps if min(rates.values()) > 0.0 else 0.0


def _case(
    system: ServingSystem,
    promises: _Promises,
    number: int,
    requests_of: str,
    mix: tuple[RequestClass, ...],
) -> _Case | Skipped:
    option = system.options[number]
    load = system.scenario.workloads[option.workload]

    def skipped(reason: str) -> Skipped:
        return Skipped(load.name, option.engine.name, option.node_type, requests_of, reason)

    if option.engine.part is not None:
        return skipped("a half of a divided engine is not loaded by itself")
    promised_rps = promises.of(option, requests_of)
    if promised_rps <= 0.0:
        return skipped("it cannot serve these requests within the SLO")
    replicas = {number: 1}
    if option.role != AGGREGATED:
        other = _partner(system, promises, number, requests_of)
        if other is None:
            return skipped("no engine of the other role in its groups serves these requests")
        rate_rps = promises.of(system.options[other], requests_of)
        replicas[other] = max(1, ceil(ROOM * promised_rps / rate_rps))
    return _Case(number, requests_of, mix, promised_rps, replicas)


def _partner(
    system: ServingSystem, promises: _Promises, number: int, requests_of: str
) -> int | None:
    """The cheapest whole engine of the other role in a group with this one."""
    option = system.options[number]
    groups = {at.group for at in system.deployments if at.option == number}
    near = {at.option for at in system.deployments if at.group in groups}
    role = PREFILL if option.role == DECODE else DECODE
    for other, each in enumerate(system.options):
        if (
            other in near
            and each.role == role
            and each.engine.part is None
            and promises.of(each, requests_of) > 0.0
        ):
            return other
    return None


def _greatest(
    system: ServingSystem, settings: ReplaySettings, judging: Judging, case: _Case, draw: int
) -> float:
    option = system.options[case.option]
    load = system.scenario.workloads[option.workload]
    unit = unit_requests(
        case.mix,
        judging.requests,
        np.random.SeedSequence([judging.seed, draw], spawn_key=tuple(load.name.encode())),
        burstiness=judging.burstiness,
        gaps=judging.gaps.get(load.name),
    )
    group = LoadedGroup(system, option.workload, case.replicas, settings)
    return group.greatest_rate(unit, case.promised_rps)


def _correction(system: ServingSystem, case: _Case, rates: Sequence[float]) -> Correction:
    option = system.options[case.option]
    return Correction(
        workload=system.scenario.workloads[option.workload].name,
        engine=option.engine.name,
        role=option.engine.role,
        node_type=option.node_type,
        requests_of=case.requests_of,
        promised_rps=case.promised_rps,
        drawn_rps=tuple(rates),
    )


def _mixes(load: Workload) -> list[tuple[str, tuple[RequestClass, ...]]]:
    """The mix of the busiest interval, then each of its classes where there are several."""
    kinds = load.demand[_busiest(load)].classes
    alone = [(kind.name, (replace(kind, share=1.0),)) for kind in kinds]
    return [(MIX, kinds), *(alone if len(kinds) > 1 else [])]


def _busiest(load: Workload) -> int:
    return max(range(len(load.demand)), key=lambda t: load.demand[t].rps)
