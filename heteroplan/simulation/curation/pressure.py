"""Pressure tests: the P/D ratio that bears most, and the load of a replica that keeps the SLO.

The first step of HeteroScale's Algorithm 1: groups of a fixed number of replicas, split between
prefill and decode in several ways, each loaded more and more until the SLO breaks.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.curation.groups import LoadedGroup, UnitRequests, unit_requests
from heteroplan.simulation.run import ReplaySettings
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL
from heteroplan.simulation.system import EngineOption, ServingSystem

REPLICAS = 16
"""Of a group; as in HeteroScale's Figure 4."""
REQUESTS = 20_000
"""Of each run."""
_WORTH_A_RUN = 0.7
"""Share of the best split's promised rate, from which a split is tried."""


@dataclass(frozen=True, slots=True)
class SplitTest:
    """One split of a group's replicas; an aggregated group has no prefill replicas."""

    prefill: int
    decode: int
    promised_rps: float
    """What plans count on: the lesser of both roles."""
    rate_rps: float
    """The greatest at which the SLO was kept; 0 where it never was."""
    amount: float
    """Of the replicas in an hour: USD or GPU-hours, whichever the scenario minimises."""
    decode_tokens_per_s: float
    """Of each decode (aggregated) replica at that rate."""

    @property
    def rate_per_amount(self) -> float:
        """What the ratio is chosen by [requests/s an hour's USD or GPU-hours]."""
        return self.rate_rps / self.amount


@dataclass(frozen=True, slots=True)
class PressureTest:
    """One workload's groups."""

    workload: int
    prefill: str | None
    """Engine; None of an aggregated group."""
    decode: str
    """Engine, or the aggregated one."""
    splits: tuple[SplitTest, ...]
    planned_ratio: float | None
    """Prefill replicas a decode replica at equal capacity; None of an aggregated group."""
    decode_rps: float
    """What plans count on a decode (aggregated) replica."""

    @property
    def best(self) -> SplitTest:
        """The split that serves most for what it takes."""
        return max(self.splits, key=lambda each: each.rate_per_amount)

    @property
    def ratio_factor(self) -> float:
        """The best ratio over the planned one."""
        if self.planned_ratio is None:
            return 1.0
        return self.best.prefill / self.best.decode / self.planned_ratio

    @property
    def target_share(self) -> float:
        """What a decode replica of the best split bears, over what plans count on."""
        return self.best.rate_rps / self.best.decode / self.decode_rps


def pressure_tests(
    system: ServingSystem,
    settings: ReplaySettings,
    *,
    seed: int,
    burstiness: float,
    pool: Executor,
    tell: Callable[[float], None],
    requests: int = REQUESTS,
) -> tuple[PressureTest, ...]:
    """Of the reference engines of each workload that has some; `tell` is told the share done."""
    planned = [
        each
        for number in range(len(system.scenario.workloads))
        for each in _reference(system, number)
    ]
    runs = [
        (each, split)
        for each, (_, prefill, decode) in enumerate(planned)
        for split in _splits(prefill, decode)
    ]
    done = [0]

    def tested(run: tuple[int, tuple[int, int]]) -> SplitTest:
        number, prefill, decode = planned[run[0]]
        load = system.scenario.workloads[number]
        unit = unit_requests(
            load.demand[load.busiest].classes,
            requests,
            np.random.SeedSequence(seed, spawn_key=tuple(load.name.encode())),
            burstiness=burstiness,
        )
        found = _tested(system, settings, number, prefill, decode, run[1], unit)
        done[0] += 1
        tell(done[0] / len(runs))
        return found

    found = list(pool.map(tested, runs))
    return tuple(
        PressureTest(
            workload=number,
            prefill=None if prefill is None else prefill.engine.name,
            decode=decode.engine.name,
            splits=tuple(test for (at, _), test in zip(runs, found, strict=True) if at == each),
            planned_ratio=(None if prefill is None else decode.capacity_rps / prefill.capacity_rps),
            decode_rps=decode.capacity_rps,
        )
        for each, (number, prefill, decode) in enumerate(planned)
    )


def _reference(
    system: ServingSystem, workload: int
) -> list[tuple[int, EngineOption | None, EngineOption]]:
    """Workload, prefill and decode engine (or none and the aggregated one), where there are any."""
    if system.is_split(workload):
        prefill = system.reference.get((workload, PREFILL))
        decode = system.reference.get((workload, DECODE))
        return [] if prefill is None or decode is None else [(workload, prefill, decode)]
    whole = system.reference.get((workload, AGGREGATED))
    return [] if whole is None else [(workload, None, whole)]


def _splits(prefill: EngineOption | None, decode: EngineOption) -> list[tuple[int, int]]:
    """Those that may be best by what is promised."""
    if prefill is None:
        return [(0, REPLICAS)]
    rates = {
        (n, REPLICAS - n): min(n * prefill.capacity_rps, (REPLICAS - n) * decode.capacity_rps)
        for n in range(1, REPLICAS)
    }
    least = _WORTH_A_RUN * max(rates.values())
    return [split for split, rate in rates.items() if rate >= least]


def _tested(
    system: ServingSystem,
    settings: ReplaySettings,
    workload: int,
    prefill: EngineOption | None,
    decode: EngineOption,
    split: tuple[int, int],
    unit: UnitRequests,
) -> SplitTest:
    members = [(decode, split[1]), *([] if prefill is None else [(prefill, split[0])])]
    group = LoadedGroup(
        system, workload, {system.options.index(each): n for each, n in members}, settings
    )
    promised_rps = min(n * each.capacity_rps for each, n in members)
    rate_rps = group.greatest_rate(unit, promised_rps)
    by_cost = system.scenario.objective.value == "cost"
    return SplitTest(
        prefill=split[0],
        decode=split[1],
        promised_rps=promised_rps,
        rate_rps=rate_rps,
        amount=sum(n * (each.usd_per_hour if by_cost else each.engine.gpus) for each, n in members),
        decode_tokens_per_s=rate_rps * float(unit.osl.mean()) / split[1],
    )
