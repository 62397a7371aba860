"""The fluid level as the rest of the program uses it: replicas come and go, and time passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from heteroplan.entities.workload import Role, Routing
from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.simulation.events.simulator import ReplicaFacts, SimulatorOptions
from heteroplan.simulation.events.world import DRAINING, GONE, LINGERING, SERVING, STARTING
from heteroplan.simulation.fluid import flow
from heteroplan.simulation.fluid.mixes import numbers_of
from heteroplan.simulation.fluid.outcome import served
from heteroplan.simulation.fluid.state import (
    CELL,
    LENGTHS,
    POOL,
    ROLE,
    SPLIT,
    WAITS,
    WHOLE,
    WORKLOAD,
    Flow,
)
from heteroplan.simulation.fluid.waiting import erlang_table
from heteroplan.simulation.level import COUNTS, Counts, Served
from heteroplan.simulation.rate_stream import RateStream
from heteroplan.simulation.requests import Floats, Integers
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ROLES
from heteroplan.simulation.system import ServingSystem
from heteroplan.units import MS_PER_S

STEP_S = 1.0
"""Length of a step [s]."""
AFTER_S = 1e9
"""A last piece in which nothing arrives [s]."""


@dataclass(slots=True)
class _Replica:
    option: int
    group: int
    kind: int
    """As `signals.ROLES`."""
    workload: int
    state: int
    ready_s: float
    drained_s: float = inf
    gone_s: float = inf


class Fluid:
    """A simulation of rates of requests on a system."""

    def __init__(
        self,
        system: ServingSystem,
        stream: RateStream,
        options: SimulatorOptions,
        interval_s: float,
        step_s: float = STEP_S,
    ) -> None:
        self._system, self._stream, self._options = system, stream, options
        numbers = numbers_of(system, stream, options.latency_s)
        loads = system.scenario.workloads
        self._refused = numbers.refused
        intervals = int(np.ceil(stream.duration_s / interval_s))
        workloads = np.zeros(len(loads), WORKLOAD)
        slos = [absolute_slo(load) for load in loads]
        workloads["ttft"] = [slo.ttft_ms / MS_PER_S for slo in slos]
        workloads["itl"] = [slo.itl_ms / MS_PER_S for slo in slos]
        workloads["burst"] = stream.burstiness**2
        taken = np.take_along_axis(numbers.mixes["taken"], stream.mix, axis=1)
        pools = np.zeros((len(loads), 2), POOL)
        pools["mix"] = -1
        self.flow = Flow(
            clock=np.array([0.0, step_s, interval_s, options.kv_full == "wait"], np.float64),
            pools=pools,
            options=numbers.options,
            ranges=_ranges(system),
            workloads=workloads,
            roles=np.zeros((len(loads), len(ROLES)), ROLE),
            edges=np.append(stream.edges_s, stream.duration_s + AFTER_S),
            rates=np.pad(stream.rps * taken, ((0, 0), (0, 1))),
            mix=np.pad(stream.mix, ((0, 0), (0, 1)), mode="edge"),
            mixes=numbers.mixes,
            services=numbers.services,
            own=numbers.own,
            osl=numbers.osl,
            cells=np.zeros((len(loads), intervals), CELL),
            waits=np.zeros((len(loads), intervals, WAITS)),
            ends=np.zeros((len(loads), LENGTHS)),
            erlang=erlang_table(),
        )
        self._replicas: list[_Replica] = []
        self._free: list[int] = []
        self._starting: list[int] = []
        self._stale = False
        self._workload = np.array([each.workload for each in system.options], np.int64)
        self._role = np.array([each.role for each in system.options], np.int64)

    @property
    def now_s(self) -> float:
        """Since the start of the replay [s]."""
        return float(self.flow.clock[0])

    def run(self, until_s: float) -> None:
        """Let time pass."""
        while True:
            due_s = min((self._replicas[n].ready_s for n in self._starting), default=inf)
            if due_s > until_s:
                break
            self._pass(due_s)
            for number in [n for n in self._starting if self._replicas[n].ready_s <= due_s]:
                self._starting.remove(number)
                self._serve(number)
        self._pass(until_s)

    def finish(self, followed_s: float) -> None:
        """Nothing arrives any more; what is there is followed for so long [s]."""
        self.run(self._stream.duration_s + followed_s)
        flow.observe_all(self.flow)

    def start(self, facts: ReplicaFacts, group: int, leaf: int, ready_s: float) -> int:
        """A replica that serves from `ready_s` on; its number."""
        made = _Replica(facts.option, group, facts.kind, facts.workload, STARTING, ready_s)
        if self._free:
            number = self._free.pop()
            self._replicas[number] = made
        else:
            number = len(self._replicas)
            self._replicas.append(made)
        if ready_s <= self.now_s:
            self._serve(number)
        else:
            self._starting.append(number)
        return number

    def cancel(self, number: int) -> None:
        """A replica that starts is not wanted any more."""
        self._starting.remove(number)
        self._go(number, self.now_s)

    def drain(self, number: int, drain_s: float) -> None:
        """The replica finishes what it has; it holds its GPUs for `drain_s` at least [s]."""
        replica = self._replicas[number]
        replica.drained_s = self.now_s + drain_s
        empty_s = self.now_s + self._finishing_s(replica)
        self._withdraw(replica)
        replica.state = DRAINING
        replica.gone_s = max(replica.drained_s, empty_s)

    def linger(self, number: int) -> None:
        """The replica leaves routing and stays."""
        self._withdraw(self._replicas[number])
        self._replicas[number].state = LINGERING

    def restore(self, number: int) -> None:
        """A replica that lingers or drains serves again."""
        self._replicas[number].gone_s = inf
        self._serve(number)

    def kill(self, numbers: Sequence[int]) -> None:
        """The replicas are gone at once, together; their requests start anew."""
        for number in numbers:
            replica = self._replicas[number]
            if number in self._starting:
                self._starting.remove(number)
            self._restart(replica)
            self._go(number, self.now_s)

    def release(self, number: int) -> None:
        """Forget a replica that is gone; its number is given again."""
        self._replicas[number].state = GONE
        self._free.append(number)

    def set_field(self, number: int, name: str, value: float) -> None:
        """Change one number of all replicas of an engine, which are taken to be alike."""
        self.flow.options[name][self._replicas[number].option] = value
        self._stale = True

    def reweigh(self, group: int) -> None:
        """Count again what the ready replicas serve."""
        self._stale = True

    def load_of(self, number: int) -> float:
        """Requests on a replica and on the way to it, on average."""
        replica = self._replicas[number]
        pool = self._pool(replica)
        at = self.flow.roles[replica.workload, replica.kind]
        amount = pool["decoders"] if replica.kind == DECODE else pool["replicas"]
        return float(at["present"] / max(1.0, amount))

    def gone_s(self, number: int) -> float:
        """When a replica gives its GPUs back; infinite while that is not known [s]."""
        return self._replicas[number].gone_s

    def drained_s(self, number: int) -> float:
        """Earliest end of a replica that drains [s]."""
        return self._replicas[number].drained_s

    def counts(self) -> Counts:
        """All counts, up to now."""
        self._recount()
        roles, options, pools = self.flow.roles, self.flow.options, self.flow.pools
        held, running = np.zeros(roles.shape), np.zeros(roles.shape)
        context = self.flow.mixes["context"][:, 0]
        for role, kind in ((DECODE, SPLIT), (AGGREGATED, WHOLE)):
            running[:, role] = pools["decoding"][:, kind]
            held[:, role] = running[:, role] * context
        return Counts(
            totals={name: self.flow.workloads[name].copy() for name in COUNTS},
            busy_s=options["busy"].copy(),
            waiting=roles["waiting"].copy(),
            present=roles["present"].copy(),
            waiting_s=roles["waiting_s"].copy(),
            present_s=roles["present_s"].copy(),
            held=held,
            kv_tokens=self._by_role(options["ready"] * options["kv_tokens"]),
            running=running,
            most_running=self._by_role(options["ready"] * options["most_running"]),
        )

    def served(self, percentiles: Sequence[float], interval_s: float) -> Served:
        """What became of the requests; `percentiles` [W] are those of the SLOs."""
        return served(self.flow, self._stream, self._refused, percentiles, interval_s)

    def _by_role(self, of_option: Floats) -> Floats:
        found = np.zeros(self.flow.roles.shape)
        np.add.at(found, (self._workload, self._role), of_option)
        return found

    def _pass(self, until_s: float) -> None:
        if until_s > self.now_s:
            self._recount()
            flow.run(self.flow, until_s)

    def _serve(self, number: int) -> None:
        self._replicas[number].state = SERVING
        self._stale = True

    def _pool(self, replica: _Replica) -> np.void:
        kind = WHOLE if replica.kind == AGGREGATED else SPLIT
        found: np.void = self.flow.pools[replica.workload, kind]
        return found

    def _finishing_s(self, replica: _Replica) -> float:
        """How long a replica takes for what it has, most likely: the longest of its sequences."""
        self._recount()
        pool = self._pool(replica)
        prefill_s = float(pool["wait"] + pool["service"]) if replica.kind != DECODE else 0.0
        if replica.kind == PREFILL:
            return prefill_s
        batch = float(pool["decoding"] / max(1.0, pool["decoders"]))
        if batch < 0.5 or pool["mix"] < 0:
            return prefill_s
        osl = self.flow.osl[replica.workload, pool["mix"]]
        left = np.linspace(0.0, float(osl[-1]), 65)
        beyond = np.maximum(osl[None, :] - left[:, None], 0.0).sum(axis=1) / osl.sum()
        longest = float(left[np.argmax(batch * beyond <= 0.5)])
        return prefill_s + longest * float(pool["step"])

    def _withdraw(self, replica: _Replica) -> None:
        """Out of routing; what it decodes stays with it."""
        if replica.state != SERVING:
            return
        self._recount()
        pool = self._pool(replica)
        replica.state = DRAINING
        self._stale = True
        if replica.kind != PREFILL and pool["decoders"] > 1.0:
            for name in ("decoding", "decoding_tokens"):
                moved = pool[name] / pool["decoders"]
                pool[name] -= moved
                pool[name.replace("decoding", "leaving")] += moved

    def _restart(self, replica: _Replica) -> None:
        """What is on the replica goes back to the queue."""
        self._recount()
        pool = self._pool(replica)
        back = 0.0
        if replica.state == SERVING and replica.kind != DECODE and pool["replicas"] > 0.0:
            moved = pool["prefilling"] / pool["replicas"]
            pool["prefilling"] -= moved
            back += moved
        if replica.kind != PREFILL and replica.state in (SERVING, DRAINING, LINGERING):
            serving = replica.state == SERVING
            name = "decoding" if serving else "leaving"
            others = pool["decoders"] if serving else self._out_of_routing(replica)
            share = 1.0 / max(1.0, others)
            back += pool[name] * share
            pool[name] -= pool[name] * share
            pool[name + "_tokens"] -= pool[name + "_tokens"] * share
        pool["queued"] += back
        pool["mix"] = -1
        replica.state = GONE
        self._stale = True

    def _out_of_routing(self, replica: _Replica) -> int:
        same = (replica.workload, replica.kind)
        return sum(
            each.state in (DRAINING, LINGERING) and (each.workload, each.kind) == same
            for each in self._replicas
        )

    def _go(self, number: int, gone_s: float) -> None:
        self._replicas[number].state = GONE
        self._replicas[number].gone_s = gone_s
        self._stale = True

    def _recount(self) -> None:
        """The ready replicas of each option and pool, after some have come or gone."""
        if not self._stale:
            return
        self._stale = False
        ready = np.zeros((len(self._system.groups), len(self._system.options)))
        for each in self._replicas:
            if each.state == SERVING:
                ready[each.group, each.option] += 1.0
        by_role = np.zeros((len(ready), len(ROLES)))
        for role in range(len(ROLES)):
            by_role[:, role] = ready[:, self._role == role].sum(axis=1)
        of_group = np.array([each.workload for each in self._system.groups], np.int64)
        both = (by_role[:, PREFILL] > 0.0) & (by_role[:, DECODE] > 0.0)
        paired = np.bincount(of_group[both], minlength=len(self.flow.pools)) > 0
        counted = both | (by_role[:, AGGREGATED] > 0.0) | ~paired[of_group]
        self.flow.options["ready"] = ready[counted].sum(axis=0)
        self._share_out(by_role[counted], of_group[counted])
        self.flow.pools["mix"] = -1

    def _share_out(self, by_role: Floats, of_group: Integers) -> None:
        """Servers of one queue, and the share of the arrivals that a kind of pool takes."""
        pools = self.flow.pools
        options = self.flow.options
        rate = self._by_role(options["ready"] * options["capacity"])
        weight = np.stack([np.minimum(rate[:, PREFILL], rate[:, DECODE]), rate[:, AGGREGATED]], 1)
        some = self._by_role(options["ready"]) > 0.0
        weight[:, SPLIT] += 1e-9 * (some[:, PREFILL] | some[:, DECODE])
        total = weight.sum(axis=1, keepdims=True)
        pools["split"] = np.divide(weight, total, out=np.zeros_like(weight), where=total > 0.0)
        nobody = (total[:, 0] <= 0.0).nonzero()[0]
        pools["split"][nobody, SPLIT if self._system.is_split(0) else WHOLE] = 1.0
        for kind, first, last in ((SPLIT, PREFILL, DECODE), (WHOLE, AGGREGATED, AGGREGATED)):
            groups = np.bincount(of_group, by_role[:, first] > 0.0, len(pools))
            for name, role in (("servers", first), ("decode_servers", last)):
                amount = np.bincount(of_group, by_role[:, role], len(pools))
                pools[name][:, kind] = np.maximum(1.0, amount / np.maximum(1.0, groups))
            pools["queues"][:, kind] = np.maximum(1.0, groups)
        pools["queues"][:, WHOLE] *= pools["servers"][:, WHOLE]
        pools["servers"][:, WHOLE] = 1.0
        for number, load in enumerate(self._system.scenario.workloads):
            routing = self._options.routings(load.routing)
            if routing[Role.PREFILL] in (Routing.RANDOM, Routing.ROUND_ROBIN):
                pools["servers"][number, SPLIT] = 1.0
            if routing[Role.DECODE] is Routing.RANDOM:
                pools["decode_servers"][number, SPLIT] = 1.0
            if routing[Role.AGGREGATED] is Routing.RANDOM:
                pools["decode_servers"][number, WHOLE] = 1.0


def _ranges(system: ServingSystem) -> Integers:
    """[W, role, 2] first option and the one after the last."""
    found = np.zeros((len(system.scenario.workloads), len(ROLES), 2), np.int64)
    for number, option in enumerate(system.options):
        first, last = found[option.workload, option.role]
        found[option.workload, option.role] = (number if first == last else first, number + 1)
    return found
