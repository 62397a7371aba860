"""The compiled simulator run on a case of the naive one: the same words in, the same words out."""

from collections.abc import Iterator

import numpy as np

from heteroplan.entities import workload
from heteroplan.entities.workload import Role
from heteroplan.simulation.events.simulator import (
    GapLimits,
    GroupFacts,
    ReplicaFacts,
    Simulator,
    SimulatorOptions,
    WorkloadFacts,
)
from heteroplan.simulation.events.world import AGGREGATED, DECODE, GONE, PREFILL
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import OUTCOMES
from tests.simulation.naive_case import (
    Case,
    Command,
    Drain,
    Kill,
    Linger,
    NaiveAggregated,
    NaiveDecode,
    NaivePrefill,
    NaiveReplica,
    NaiveRequest,
    PrefillTime,
    RequestOutcome,
    Restore,
    Routing,
    Start,
    StepTime,
    for_routing,
)

ROUTINGS = {
    Routing.LEAST_WORK: workload.Routing.LEAST_LOADED,
    Routing.ROUND_ROBIN: workload.Routing.ROUND_ROBIN,
    Routing.SHARED: workload.Routing.SHARED,
}
UNBOUNDED = 10**12
MOST_RUNNING = 200
"""More than the requests of a small case."""


class CompiledCase:
    """One case in the compiled simulator; each replica is an engine of its own."""

    def __init__(self, case: Case) -> None:
        """Full KV caches and closed loops are taken to be alike for all workloads."""
        self.case = case
        first = case.workloads[0]
        # The simulator wants the groups of a workload side by side.
        order = sorted(range(len(case.groups)), key=case.groups.__getitem__)
        self._groups = {group: place for place, group in enumerate(order)}
        self._numbers: dict[int, int] = {}
        """Replica of the case -> its number in the simulator."""
        nodes = [each.leaf for each in case.replicas if not isinstance(each, NaiveAggregated)]
        leaves = 1 + max(nodes, default=0)
        factors = np.ones((leaves, leaves))
        for pair, share in case.bandwidth.items():
            if max(pair) < leaves:
                factors[pair] = share
        self.simulator = Simulator(
            self._stream(),
            np.array([not self._fits_some_group(each) for each in case.requests], np.bool_),
            [
                WorkloadFacts(
                    each.kv_bytes_per_token,
                    not each.transfers_missed,
                    {
                        Role.PREFILL: ROUTINGS[each.routing],
                        Role.DECODE: ROUTINGS[each.decode_routing],
                        Role.AGGREGATED: ROUTINGS[each.aggregated_routing],
                    },
                )
                for each in case.workloads
            ],
            [GroupFacts(case.groups[g], self._is_split(g), self._is_alike(g)) for g in order],
            len(case.replicas),
            factors,
            SimulatorOptions(
                kv_full="wait" if first.waits_when_full else "preempt",
                latency_s=first.latency_s,
                users=first.users or 0,
            ),
            GapLimits(
                np.array([each.gap_s for each in case.requests]),
                np.array([each.gap_over_alone for each in case.requests]),
            ),
        )
        for index, each in enumerate(case.replicas):
            if each.at_start:
                self._start(index, 0.0)

    def run(self, settle_each_s: float = 0.0) -> None:
        """To the end; where a time is given, counts are settled that often."""
        ticks = [(at_s, None) for at_s in self._ticks(settle_each_s)]
        for at_s, event in sorted([*ticks, *self._events()], key=lambda each: each[0]):
            if at_s > self.case.duration_s:
                break
            self.simulator.run(at_s)
            if event is None:
                self.simulator.settle()
            else:
                self._obey(event, at_s)
        self.simulator.run(self.case.duration_s)
        self.simulator.settle()

    def requests(self) -> list[RequestOutcome]:
        """What became of each."""
        table = self.simulator.table()
        return [
            RequestOutcome(
                float(arrived),
                float(first),
                float(last),
                OUTCOMES[outcome],
                int(restarts),
                float(first_alone),
                float(step_alone),
                int(late_gaps),
            )
            for arrived, first, last, outcome, restarts, first_alone, step_alone, late_gaps in zip(
                table.arrived_s,
                table.first_token_s,
                table.last_token_s,
                table.outcome,
                table.restarts,
                table.first_alone_s,
                table.step_alone_s,
                table.late_gaps,
                strict=True,
            )
        ]

    def _ticks(self, each_s: float) -> Iterator[float]:
        at_s = each_s
        while 0.0 < at_s < self.case.requests[-1].arrival_s + 1.0:
            yield at_s
            at_s += each_s

    def _events(self) -> Iterator[tuple[float, Command]]:
        for command in self.case.commands:
            yield command.at_s, command
            if isinstance(command, Drain) and command.kill:
                ends_s = command.at_s + command.drain_s
                yield ends_s, Kill(ends_s, (command.replica,))

    def _obey(self, command: Command, at_s: float) -> None:
        match command:
            case Start():
                self._start(command.replica, at_s + command.startup_s)
            case Drain():
                self.simulator.drain(self._numbers[command.replica], command.drain_s)
            case Kill():
                numbers = [self._numbers[index] for index in command.replicas]
                states = self.simulator.world.replicas["state"]
                self.simulator.kill([number for number in numbers if states[number] != GONE])
            case Linger():
                self.simulator.linger(self._numbers[command.replica])
            case Restore():
                self.simulator.restore(self._numbers[command.replica])

    def _start(self, index: int, ready_s: float) -> None:
        if index in self._numbers:
            self.simulator.release(self._numbers[index])
        given = self.case.replicas[index]
        self._numbers[index] = self.simulator.start(
            replica_facts(given, index, self.case.groups[given.group]),
            self._groups[given.group],
            0 if isinstance(given, NaiveAggregated) else given.leaf,
            ready_s,
        )

    def _stream(self) -> RequestStream:
        asked = self.case.requests
        return RequestStream(
            tuple(f"w{number}" for number in range(len(self.case.workloads))),
            self.case.duration_s,
            np.array([each.workload for each in asked]),
            np.array([each.arrival_s for each in asked]),
            np.array([each.isl for each in asked]),
            np.array([each.cached for each in asked]),
            np.array([each.osl for each in asked]),
        )

    def _of(self, group: int) -> list[NaiveReplica]:
        return [each for each in self.case.replicas if each.group == group]

    def _is_split(self, group: int) -> bool:
        return not any(isinstance(each, NaiveAggregated) for each in self._of(group))

    def _is_alike(self, group: int) -> bool:
        """Whether the replicas of each kind are the same for routing."""
        facts = {(type(each), repr(for_routing(each))) for each in self._of(group)}
        return len(facts) == len({kind for kind, _ in facts})

    def _fits_some_group(self, request: NaiveRequest) -> bool:

        def takes(each: NaiveReplica) -> bool:
            ends = 0 if isinstance(each, NaivePrefill) else request.osl
            return request.isl + ends <= each.kv_tokens

        return any(
            all(
                any(takes(each) for each in self._of(group) if isinstance(each, kind))
                for kind in ((NaivePrefill, NaiveDecode) if self._is_split(group) else (object,))
            )
            for group in range(len(self.case.groups))
            if self.case.groups[group] == request.workload
        )


def replica_facts(given: NaiveReplica, option: int, of: int) -> ReplicaFacts:
    """Times in seconds."""
    fields: dict[str, float] = {
        "capacity": given.capacity_rps,
        "in_flight": given.in_flight,
        "kv_tokens": _bounded(given.kv_tokens),
    }
    if not isinstance(given, NaiveAggregated):
        fields["bytes_per_s"] = given.nic_bytes_per_s
    if not isinstance(given, NaiveDecode):
        fields["in_time"] = _bounded(given.tokens_in_time)
        fields["batch_tokens"] = given.max_batch_tokens or 0
    if isinstance(given, NaivePrefill):
        return ReplicaFacts(PREFILL, option, of, 1, fields | _prefill(given.time))
    fields |= _step(given.step)
    most = int(min(given.max_sequences, MOST_RUNNING))
    if isinstance(given, NaiveDecode):
        return ReplicaFacts(DECODE, option, of, most, fields | _prefill(given.recompute))
    if given.ttft is not None:
        fields["first_base"] = given.ttft.base_ms / 1000.0
        fields["first_token"] = given.ttft.ms_per_token / 1000.0
    return ReplicaFacts(AGGREGATED, option, of, most, fields | _prefill(given.time))


def _bounded(tokens: float) -> int:
    return int(min(tokens, UNBOUNDED))


def _prefill(time: PrefillTime) -> dict[str, float]:
    return {
        "overhead": time.overhead_ms / 1000.0,
        "token": time.ms_per_token / 1000.0,
        "square": time.ms_per_token_squared / 1000.0,
        "floor": time.floor_ms / 1000.0,
    }


def _step(time: StepTime) -> dict[str, float]:
    return {
        "base": time.base_ms / 1000.0,
        "root": time.root_ms / 1000.0,
        "sequence": time.ms_per_sequence / 1000.0,
        "context": time.ms_per_context_token / 1000.0,
        "step_floor": time.floor_ms / 1000.0,
    }
