"""The simulator as the rest of the program uses it: replicas come and go, and time passes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.workload import LEAST_LOADED as LEAST_LOADED_EVERYWHERE
from heteroplan.entities.workload import Role, Routing
from heteroplan.simulation.events import eviction, heaps, loop, routing
from heteroplan.simulation.events.world import (
    CLOCK,
    DECODE,
    FINISHED,
    GONE,
    GROUP,
    LEAST_LOADED,
    PREEMPT,
    RANDOM,
    REJECTED,
    REPLICA,
    REQUEST,
    ROLE,
    ROUND_ROBIN,
    RUNNING,
    SHARED,
    STARTING,
    TIMER,
    TRANSFER,
    UNFINISHED,
    WAIT,
    WORKLOAD,
    World,
)
from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.results import RequestTable

ROUTINGS = {
    Routing.LEAST_LOADED: LEAST_LOADED,
    Routing.RANDOM: RANDOM,
    Routing.ROUND_ROBIN: ROUND_ROBIN,
    Routing.SHARED: SHARED,
}
KV_FULL = {"preempt": PREEMPT, "wait": WAIT}
LATENCY_S = 0.0005
"""Of a KV transfer, beside bytes over bandwidth: what small transfers take between nodes with RDMA
(Mooncake's vLLM measurements: 128 tokens in 0.54 ms)."""
BLOCK = 64
"""Replicas for which room is made at a time, at least."""
SEATS = 4
"""Replicas of a kind for which each group has room at first."""


@dataclass(frozen=True, slots=True)
class SimulatorOptions:
    """How requests are routed and what happens when memory is full."""

    routing: Routing | None = None
    """Of all roles; as each workload has it where None."""
    kv_full: str = "preempt"
    latency_s: float = LATENCY_S
    users: int = 0
    """Closed loop: so many requests of each workload at a time; 0 for arrivals of their own."""
    seed: int = 0
    """Of random routing."""

    def routings(self, given: Mapping[Role, Routing]) -> Mapping[Role, Routing]:
        """Of each role of a workload that has `given` ones."""
        return given if self.routing is None else dict.fromkeys(Role, self.routing)


@dataclass(frozen=True, slots=True)
class WorkloadFacts:
    """What the simulator knows of a workload beside its requests."""

    kv_bytes_per_token: float
    moves_all: bool
    """The KV cache of all input tokens moves, not of those only that prefill computed."""
    routing: Mapping[Role, Routing] = field(default_factory=lambda: LEAST_LOADED_EVERYWHERE)
    """Of each role; only prefill replicas share a queue, others are routed by their load then."""


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """A serving group: prefill and decode replicas that exchange KV caches, or aggregated ones."""

    workload: int
    split: bool
    alike: bool
    """Its replicas of a kind are all of one engine."""


@dataclass(frozen=True, slots=True)
class ReplicaFacts:
    """An engine as the simulator runs it: fields of `world.REPLICA` by name, times in seconds."""

    kind: int
    option: int
    workload: int
    most_running: int
    fields: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class GapLimits:
    """How long the gaps between tokens may be where each is judged; arrays [request]."""

    gap_s: Floats
    """Infinite where nothing but `over_alone` limits them [s]."""
    over_alone: Floats
    """Over a step of the request alone; both infinite where gaps are not judged."""


class Simulator:
    """One simulation from its start on. Replicas are known by the number that `start` gives."""

    def __init__(
        self,
        stream: RequestStream,
        refused: NDArray[np.bool_],
        workloads: Sequence[WorkloadFacts],
        groups: Sequence[GroupFacts],
        options: int,
        factors: Floats,
        how: SimulatorOptions,
        gaps: GapLimits | None = None,
    ) -> None:
        """`refused` [request]: it fits no engine. `options` counts engines, `factors` is

        [leaf, leaf] share of NIC bandwidth. Groups are in the order of the workloads.
        """
        self.world = World(
            clock=np.zeros(1, CLOCK),
            requests=_requests(stream, refused, how.users),
            replicas=np.zeros(0, REPLICA),
            groups=_groups(groups),
            workloads=_workloads(stream, workloads, groups, how.users),
            roles=np.zeros((len(workloads), 3), ROLE),
            members=np.zeros((len(groups), 2, SEATS), np.int64),
            member_counts=np.zeros((len(groups), 2), np.int64),
            keys=np.full((len(groups), 2, 2 * SEATS), inf),
            running=np.zeros((0, 1), RUNNING),
            timers=np.zeros(0, TIMER),
            places=np.zeros(0, np.int64),
            transfers=np.zeros(max(1, len(stream)), TRANSFER),
            busy_s=np.zeros(options),
            factors=np.ascontiguousarray(factors),
        )
        clock = self.world.clock[0]
        clock["latency"], clock["users"] = how.latency_s, how.users
        clock["kv_full"] = KV_FULL[how.kv_full]
        clock["seats"] = SEATS
        clock["due"] = self.world.workloads["due"].sum()
        clock["random"] = (how.seed * 0x9E3779B97F4A7C15 + 0x2545F4914F6CDD1D) % 2**64 or 1
        if gaps is not None:
            self._judge_gaps(gaps)
        self._free: list[int] = []
        self.events = 0

    @property
    def now_s(self) -> float:
        """Since the start of the replay [s]."""
        return float(self.world.clock[0]["now"])

    def run(self, until_s: float) -> None:
        """All events until then; arrivals at that very moment come later."""
        self.events += loop.run(self.world, until_s)

    def close(self) -> None:
        """No request arrives any more."""
        clock = self.world.clock[0]
        clock["next"], clock["users"], clock["due"] = len(self.world.requests), 0, 0
        self.world.workloads["due"] = 0

    def settle(self) -> None:
        """Bring all counts up to now."""
        loop.settle_all(self.world)

    def busy_s(self) -> Floats:
        """[option] replica-seconds in which a batch ran, until now."""
        replicas, busy_s = self.world.replicas, self.world.busy_s.copy()
        works = (replicas["running"] > 0) | (replicas["prompts"] > 0)
        at_work = replicas[works & (replicas["state"] != GONE)]
        np.add.at(busy_s, at_work["option"], self.now_s - at_work["since"])
        return busy_s

    def start(self, facts: ReplicaFacts, group: int, leaf: int, ready_s: float) -> int:
        """A replica that serves from `ready_s` on; its number."""
        if not self._free:
            self._grow(facts.most_running)
        number = self._free.pop()
        if facts.most_running > self.world.running.shape[1]:
            self._widen(facts.most_running)
        record = self.world.replicas[number]
        self.world.replicas[number] = np.zeros((), REPLICA)
        for name, value in facts.fields.items():
            record[name] = value
        record["kind"], record["option"] = facts.kind, facts.option
        record["workload"], record["most_running"] = facts.workload, facts.most_running
        record["group"], record["leaf"] = group, leaf
        record["timer"], record["gone"] = inf, inf
        self._join(number, group, 1 if facts.kind == DECODE else 0)
        if ready_s <= self.now_s:
            loop.serve(self.world, number)
        else:
            record["state"] = STARTING
            heaps.set_timer(self.world, number, ready_s)
        return number

    def cancel(self, number: int) -> None:
        """A replica that starts is not wanted any more."""
        eviction.cancel(self.world, number)

    def drain(self, number: int, drain_s: float) -> None:
        """The replica finishes what it has; it holds its GPUs for `drain_s` at least [s]."""
        eviction.withdraw(self.world, number, self.now_s + drain_s)

    def linger(self, number: int) -> None:
        """The replica leaves routing and stays."""
        eviction.withdraw(self.world, number, inf)

    def restore(self, number: int) -> None:
        """A replica that lingers or drains serves again."""
        loop.serve(self.world, number)

    def kill(self, numbers: Sequence[int]) -> None:
        """The replicas are gone at once, together; their requests start anew."""
        if numbers:
            eviction.kill(self.world, np.array(numbers, np.int64))

    def release(self, number: int) -> None:
        """Forget a replica that is gone; its number is given again."""
        record = self.world.replicas[number]
        if record["state"] != GONE:
            raise ValueError(f"replica {number} is not gone")
        group, side = record["group"], 1 if record["kind"] == DECODE else 0
        counts = self.world.member_counts
        members = self.world.members[group, side]
        place = int(np.flatnonzero(members[: counts[group, side]] == number)[0])
        members[place : counts[group, side] - 1] = members[place + 1 : counts[group, side]]
        counts[group, side] -= 1
        turn = "decode_turn" if side else "turn"
        if place < self.world.groups[group][turn]:
            self.world.groups[group][turn] -= 1
        self.world.replicas["seat"][members[place : counts[group, side]]] -= 1
        seats = self.world.members.shape[2]
        keys = self.world.keys[group, side, seats:]
        keys[place:-1] = keys[place + 1 :]
        keys[-1] = inf
        self.world.keys[group, side] = _tree(keys)
        self._free.append(number)

    def set_field(self, number: int, name: str, value: float) -> None:
        """Change one number of a running replica; it holds from its next step on."""
        self.world.replicas[number][name] = value

    def reweigh(self, group: int) -> None:
        """Count again what the ready replicas of a group serve."""
        routing.reweigh(self.world, group)

    def table(self) -> RequestTable:
        """What became of each request."""
        requests = self.world.requests
        first_s = requests["first"]
        given = (first_s <= self.now_s) | (requests["outcome"] == FINISHED)
        return RequestTable(
            arrived_s=requests["arrival"].copy(),
            first_token_s=np.where(given, first_s, np.nan),
            last_token_s=requests["last"].copy(),
            outcome=requests["outcome"].copy(),
            restarts=requests["restarts"].copy(),
            first_alone_s=requests["first_alone"].copy(),
            step_alone_s=requests["step_alone"].copy(),
            late_gaps=requests["late"].copy(),
        )

    def _judge_gaps(self, limits: GapLimits) -> None:
        requests = self.world.requests
        requests["gap"], requests["gap_over_alone"] = limits.gap_s, limits.over_alone
        judged = np.isfinite(limits.gap_s) | np.isfinite(limits.over_alone)
        self.world.workloads["by_gap"][np.unique(requests["workload"][judged])] = True

    def _join(self, number: int, group: int, side: int) -> None:
        counts, seats = self.world.member_counts, self.world.members.shape[2]
        if counts[group, side] == seats:
            room = ((0, 0), (0, 0), (0, seats))
            keys = np.pad(self.world.keys[:, :, seats:], room, constant_values=inf)
            members = np.pad(self.world.members, room)
            self.world = replace(self.world, members=members, keys=_tree(keys))
            self.world.clock[0]["seats"] = 2 * seats
        seat = counts[group, side]
        self.world.members[group, side, seat] = number
        self.world.replicas[number]["seat"] = seat
        counts[group, side] += 1

    def _grow(self, most_running: int) -> None:
        """Room for more replicas."""
        old = self.world
        size = len(old.replicas)
        more = max(BLOCK, size)
        replicas = np.concatenate([old.replicas, np.zeros(more, REPLICA)])
        width = max(old.running.shape[1], most_running)
        running = np.zeros((size + more, width), RUNNING)
        running[:size, : old.running.shape[1]] = old.running
        timers = np.concatenate([old.timers, np.zeros(more, TIMER)])
        places = np.concatenate([old.places, np.full(more, -1)])
        self.world = replace(old, replicas=replicas, running=running, timers=timers, places=places)
        self._free.extend(range(size + more - 1, size - 1, -1))

    def _widen(self, most_running: int) -> None:
        running = np.zeros((len(self.world.running), most_running), RUNNING)
        running[:, : self.world.running.shape[1]] = self.world.running
        self.world = replace(self.world, running=running)


def _tree(leaves: Floats) -> Floats:
    """[..., 2 x seats] of [..., seats]: each node has the lesser of the two below it."""
    seats = leaves.shape[-1]
    made = np.full((*leaves.shape[:-1], 2 * seats), inf)
    made[..., seats:] = leaves
    while seats > 1:
        below = made[..., seats : 2 * seats]
        seats //= 2
        made[..., seats : 2 * seats] = np.minimum(below[..., ::2], below[..., 1::2])
    return made


def _requests(stream: RequestStream, refused: NDArray[np.bool_], users: int) -> NDArray[Any]:
    records = np.zeros(len(stream), REQUEST)
    records["arrival"] = np.nan if users else stream.arrival_s
    records["first"] = records["last"] = np.nan
    records["isl"], records["osl"] = stream.isl, stream.osl
    records["missed"] = stream.isl - stream.cached
    records["workload"] = stream.workload
    records["admitted"] = records["group"] = records["replica"] = records["next"] = -1
    records["outcome"] = np.where(refused, REJECTED, UNFINISHED)
    records["following"] = -1
    records["gap"] = records["gap_over_alone"] = inf
    for number in range(len(stream.workloads) if users else 0):
        own = np.flatnonzero(stream.workload == number)
        records["following"][own[:-1]] = own[1:]
    return records


def _groups(groups: Sequence[GroupFacts]) -> NDArray[Any]:
    records = np.zeros(len(groups), GROUP)
    for record, facts in zip(records, groups, strict=True):
        record["workload"], record["split"] = facts.workload, facts.split
        record["alike"], record["head"], record["tail"] = facts.alike, -1, -1
    return records


def _workloads(
    stream: RequestStream,
    workloads: Sequence[WorkloadFacts],
    groups: Sequence[GroupFacts],
    users: int,
) -> NDArray[Any]:
    records = np.zeros(len(workloads), WORKLOAD)
    for name in ("head", "tail", "prefilled_head", "prefilled_tail", "following"):
        records[name] = -1
    for number, facts in enumerate(workloads):
        record, own = records[number], [g for g, at in enumerate(groups) if at.workload == number]
        record["first_group"], record["groups"] = (own[0] if own else 0), len(own)
        record["kv_bytes"], record["moves_all"] = facts.kv_bytes_per_token, facts.moves_all
        for role in Role:
            record[f"{role}_routing"] = ROUTINGS[facts.routing[role]]
        record["due"] = users
        if users:
            requests = np.flatnonzero(stream.workload == number)
            record["following"] = requests[0] if len(requests) else -1
    return records
