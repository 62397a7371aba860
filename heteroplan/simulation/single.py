"""The level of single requests: `events` on one stream of requests."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.workload import Engine, Span
from heteroplan.simulation.events.simulator import (
    GroupFacts,
    Simulator,
    SimulatorOptions,
    WorkloadFacts,
)
from heteroplan.simulation.events.world import GONE, SERVING
from heteroplan.simulation.figures import latencies
from heteroplan.simulation.figures.promises import promises
from heteroplan.simulation.level import COUNTS, Counts, Served
from heteroplan.simulation.replicas.engine_numbers import kv_bytes_per_token, most_held, moves_all
from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.results import ClassAttainment
from heteroplan.simulation.signals import DECODE, PREFILL
from heteroplan.simulation.system import ServingSystem

REFUSALS = (
    "no engine serves the workload",
    "longer than the KV cache of any engine",
)
"""Why no engine takes a request."""


class SingleRequests(Simulator):
    """A simulation of a stream of requests on a system."""

    def __init__(
        self, system: ServingSystem, stream: RequestStream, options: SimulatorOptions
    ) -> None:
        self._system, self._stream = system, stream
        refused, self._reasons = refusals(system, stream)
        loads = system.scenario.workloads
        self._promises = [
            promises(loads, stream, item)
            for item in range(max((load.slo_items for load in loads), default=1))
        ]
        super().__init__(
            stream,
            refused,
            [
                WorkloadFacts(
                    kv_bytes_per_token(load),
                    moves_all(load),
                    options.routings(load.routing),
                )
                for load in system.scenario.workloads
            ],
            _groups(system),
            len(system.options),
            nic_factors(system),
            options,
            self._promises[0].gap_limits(),
        )

    def finish(self, followed_s: float) -> None:
        """Nothing arrives any more; what is there is followed for so long [s]."""
        self.close()
        self.run(self.now_s + followed_s)

    def load_of(self, number: int) -> float:
        """Requests on a replica and on the way to it."""
        return float(self.world.replicas[number]["load"])

    def gone_s(self, number: int) -> float:
        """When a replica gave its GPUs back; infinite while it holds them [s]."""
        record = self.world.replicas[number]
        return float(record["gone"]) if record["state"] == GONE else np.inf

    def drained_s(self, number: int) -> float:
        """Earliest end of a replica that drains [s]."""
        return float(self.world.replicas[number]["drained"])

    def counts(self) -> Counts:
        """All counts, up to now."""
        self.settle()
        roles, replicas = self.world.roles, self.world.replicas
        ready = replicas[replicas["state"] == SERVING]

        def summed(name: str) -> Floats:
            total = np.zeros(roles.shape)
            np.add.at(total, (ready["workload"], ready["kind"]), ready[name].astype(np.float64))
            return total

        return Counts(
            totals={name: self.world.workloads[name].astype(np.float64) for name in COUNTS},
            busy_s=self.busy_s(),
            waiting=roles["waiting"].astype(np.float64),
            present=roles["present"].astype(np.float64),
            waiting_s=roles["waiting_s"].copy(),
            present_s=roles["present_s"].copy(),
            held=summed("held"),
            kv_tokens=summed("kv_tokens"),
            running=summed("running"),
            most_running=summed("most_running"),
        )

    def served(self, percentiles: Sequence[float], interval_s: float) -> Served:
        """What became of the requests; `percentiles` [W] are those of the SLOs.

        Where a workload has several, its figures are of the one with the least margin.
        """
        stream, table = self._stream, self.table()
        by_item = [
            latencies.of_requests(each, stream, table, interval_s) for each in self._promises
        ]
        shape = (len(percentiles), int(np.ceil(stream.duration_s / interval_s)))
        sent = np.isfinite(table.arrived_s)
        arrived = latencies.counted(
            stream.workload[sent], (table.arrived_s[sent] // interval_s).astype(np.int64), shape
        )
        found = by_item[0]
        if len(by_item) > 1:
            item = self._least_margin(by_item, arrived.sum(axis=1))
            found = latencies.of_items(by_item, item)
            loads = self._system.scenario.workloads
            percentiles = [
                load.slo.item(int(k)).percentile for load, k in zip(loads, item, strict=True)
            ]
        cell = found.workload * shape[1] + found.interval
        ttft = latencies.cell_percentiles(cell, found.ttft_ms, percentiles, shape)
        itl = latencies.cell_percentiles(cell, found.itl_ms, percentiles, shape)

        classes: list[ClassAttainment] = []
        for promised, each in zip(self._promises, by_item, strict=True):
            in_time = table.outcome == latencies.FINISHED
            in_time[in_time] = each.kept
            classes += promised.classes(sent, in_time)

        def kept(chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
            return latencies.counted(found.workload[chosen], found.interval[chosen], shape)

        return Served(
            requests=arrived,
            finished=latencies.counted(found.workload, found.interval, shape),
            attained_ttft=kept(found.in_ttft),
            attained_itl=kept(found.in_itl),
            attained_both=kept(found.kept),
            ttft_p50_ms=ttft[0],
            ttft_percentile_ms=ttft[1],
            itl_p50_ms=itl[0],
            itl_percentile_ms=itl[1],
            attainment=latencies.attainment(found, int(sent.sum()) + sum(stream.rejected.values())),
            ttft_ms=latencies.percentiles(found.ttft_ms),
            itl_ms=latencies.percentiles(found.itl_ms),
            e2e_ms=latencies.percentiles(found.e2e_ms),
            rejected=dict(Counter(stream.rejected) + Counter(self._reasons)),
            unfinished=len(stream) - len(found.workload) - sum(self._reasons.values()),
            table=table,
            classes=tuple(classes),
            percentiles=tuple(percentiles) if len(by_item) > 1 else (),
        )

    def _least_margin(
        self, by_item: Sequence[latencies.Latencies], requests: NDArray[np.int64]
    ) -> NDArray[np.int64]:
        """[W] which SLO of a workload falls short the most, or has the least to spare."""
        margins = np.full((len(by_item), len(requests)), np.inf)
        for item, found in enumerate(by_item):
            kept = np.bincount(found.workload[found.kept], minlength=len(requests))
            for w, load in enumerate(self._system.scenario.workloads):
                if item < load.slo_items:
                    share = kept[w] / max(1, int(requests[w]))
                    margins[item, w] = share - load.slo.item(item).percentile
        return margins.argmin(axis=0)


def refusals(
    system: ServingSystem, stream: RequestStream
) -> tuple[NDArray[np.bool_], Mapping[str, int]]:
    """[request] whether no engine of its workload takes it, and how many by reason."""
    refused = np.zeros(len(stream), np.bool_)
    reasons: Counter[str] = Counter()
    held = stream.isl + stream.osl
    for number in range(len(system.scenario.workloads)):
        own = stream.workload == number
        first, last = _by_end(system, number)
        tests = (
            np.full(len(stream), not first or not last),
            held > max((most_held(each) for each in last), default=0),
        )
        for reason, found in zip(REFUSALS, tests, strict=True):
            new = own & found & ~refused
            if new.any():
                reasons[reason] += int(new.sum())
                refused |= new
    return refused, reasons


def beyond_measured(system: ServingSystem, stream: RequestStream) -> tuple[str, ...]:
    """A note a workload with requests longer than any of its engines was measured for."""
    found = []
    for number, load in enumerate(system.scenario.workloads):
        own = stream.workload == number
        first, last = _by_end(system, number)
        isl, cached, osl = stream.isl[own], stream.cached[own], stream.osl[own]
        long = isl - cached > _most(each.batch_tokens_range for each in first)
        long |= isl + osl // 2 > _most(each.context_range for each in last)
        if long.any():
            found.append(
                f"{load.name}: {int(long.sum()):,} of {len(long):,} requests are longer than any "
                "engine was measured for; their times are extrapolated"
            )
    return tuple(found)


def _by_end(system: ServingSystem, workload: int) -> tuple[list[Engine], list[Engine]]:
    """Engines of a workload that begin requests, and those that end them."""
    mine = [each for each in system.options if each.workload == workload]
    return (
        [each.engine for each in mine if each.role != DECODE],
        [each.engine for each in mine if each.role != PREFILL],
    )


def _most(ranges: Iterable[Span | None]) -> float:
    return max((inf if each is None else each.high for each in ranges), default=inf)


def _groups(system: ServingSystem) -> list[GroupFacts]:
    kinds: list[set[tuple[int, int]]] = [set() for _ in system.groups]
    for at in system.deployments:
        kinds[at.group].add((system.options[at.option].role, at.option))
    return [
        GroupFacts(
            group.workload,
            group.split,
            len({role for role, _ in kinds[n]}) == len(kinds[n])
            and all(system.options[o].engine.part is None for _, o in kinds[n]),
        )
        for n, group in enumerate(system.groups)
    ]


def nic_factors(system: ServingSystem) -> Floats:
    """[leaf, leaf] share of the NIC's bandwidth between two leaves."""
    fleet = system.scenario.fleet
    _, spine = np.unique([leaf.spine for leaf in fleet.network.leaves], return_inverse=True)
    same = spine[:, None] == spine[None, :]
    found = np.where(same, fleet.across_leaves, fleet.across_spines)
    np.fill_diagonal(found, 1.0)
    return found
