"""Requests, groups and replicas of the naive simulator; what it decides is said in `naive`."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan
from typing import Protocol

from tests.simulation.naive_case import (
    LEAST_MS,
    Case,
    NaiveAggregated,
    NaiveDecode,
    NaivePrefill,
    NaiveReplica,
    NaiveRequest,
    Routing,
)


class Simulation(Protocol):
    """What replicas need of the simulation."""

    case: Case
    now: float
    started: int
    groups: "list[Group]"

    def ends(self, replica: "Replica", length_s: float) -> None:
        """A batch or step of the replica ends after so long."""

    def prefill_ended(self, request: "Request") -> None:
        """It needs a decode replica."""

    def finish(self, request: "Request") -> None:
        """It has all its tokens."""


@dataclass(eq=False, slots=True)
class Request:
    index: int
    given: NaiveRequest
    arrived_s: float = nan
    first_s: float = nan
    last_s: float = nan
    outcome: str = "absent"
    restarts: int = 0
    group: "Group | None" = None
    sender: "Prefill | None" = None
    tokens: int = 0
    """Given so far."""
    given_s: list[float] = field(default_factory=list)
    """When each was."""
    first_alone_s: float = nan
    step_alone_s: float = nan
    recomputes: bool = False
    todo: int = 0
    """Tokens of the prefill in an aggregated replica."""
    done: int = 0

    @property
    def missed(self) -> int:
        return self.given.isl - self.given.cached

    @property
    def held(self) -> int:
        return self.given.isl + self.tokens

    @property
    def late_gaps(self) -> int:
        limit_s = min(self.given.gap_s, self.given.gap_over_alone * self.step_alone_s)
        return sum(after - before > limit_s for before, after in pairwise(self.given_s))

    @property
    def length(self) -> int:
        return self.given.isl + self.given.osl


@dataclass(eq=False, slots=True)
class Group:
    index: int
    workload: int
    prefill: list["Prefill"] = field(default_factory=list)
    decode: list["Decode"] = field(default_factory=list)
    aggregated: list["Aggregated"] = field(default_factory=list)
    in_flight: int = 0
    seats: int = 0
    taken: int = -1
    """Seat of the replica that round robin took last, of those to which requests are routed."""
    decode_taken: int = -1
    """Of decode replicas."""
    queue: list[Request] = field(default_factory=list)
    """Shared by the prefill replicas."""

    @property
    def entries(self) -> Sequence["Prefill | Aggregated"]:
        """Replicas to which requests are routed."""
        return sorted([*self.prefill, *self.aggregated], key=lambda each: each.seat)

    def weight(self) -> float:
        def ready(replicas: Sequence[Replica]) -> float:
            return sum(each.given.capacity_rps for each in replicas if each.state == "ready")

        return ready(self.aggregated) or min(ready(self.prefill), ready(self.decode))

    def fits(self, request: Request, states: Sequence[str]) -> bool:
        def some(replicas: Sequence[Replica]) -> bool:
            return any(each.state in states and each.fits(request) for each in replicas)

        return some(self.aggregated) or (some(self.prefill) and some(self.decode))

    def seated(self) -> list["Decode"]:
        """Decode replicas in the order of their start."""
        return sorted(self.decode, key=lambda each: each.seat)

    def ready(self, request: Request) -> list["Prefill | Aggregated"]:
        """Ready replicas that fit."""
        return [each for each in self.entries if each.state == "ready" and each.fits(request)]

    def eligible(self, request: Request) -> list["Prefill | Aggregated"]:
        """Ready replicas that fit, and whether one is in time decides which of them."""
        ready = self.ready(request)
        return [each for each in ready if each.in_time(request)] or ready


ANY_STATE = ("absent", "starting", "ready", "lingering", "draining")


class Replica:
    """What all replicas have in common: a state, and batches that take time."""

    def __init__(
        self,
        simulation: "Simulation",
        index: int,
        given: NaiveReplica,
    ) -> None:
        self.simulation, self.index = simulation, index
        self.given: NaiveReplica = given
        self.group = simulation.groups[given.group]
        self.workload = simulation.case.workloads[self.group.workload]
        self.state = "absent"
        self.number = self.seat = -1
        """In the order of first starts of all, of starts in the group."""
        self.credit = 0.0
        """Its turn by weighted round robin."""
        self.life = 0
        """Times that it was gone: events of an earlier life are void."""
        self.since = self.stays_until = 0.0
        self.busy_since: float | None = None
        self.prefill_tokens = self.decode_tokens = 0
        self.busy_s = 0.0
        self.held_s: list[tuple[float, float]] = []

    def takes_seat(self) -> None:
        """It holds GPUs from now on; of its group it is the last to be tried."""
        self.since, self.seat, self.credit = self.simulation.now, self.group.seats, 0.0
        self.group.seats += 1
        if self.number < 0:
            self.number = self.simulation.started
            self.simulation.started += 1

    def fits(self, request: Request) -> bool:
        raise NotImplementedError

    def requests(self) -> list[Request]:
        """All that it has."""
        raise NotImplementedError

    def clear(self) -> None:
        """It has none any more."""
        raise NotImplementedError

    def ended(self) -> None:
        """The batch or step has ended."""
        raise NotImplementedError

    def works(self, length_s: float) -> None:
        self.busy_since = self.simulation.now
        self.simulation.ends(self, length_s)

    def rests(self) -> None:
        self.stops_work()
        self.ended()
        self.leave_if_empty()

    def stops_work(self) -> None:
        if self.busy_since is not None:
            self.busy_s += self.simulation.now - self.busy_since
        self.busy_since = None

    def leave_if_empty(self) -> None:
        over = self.simulation.now >= self.stays_until
        if self.state == "draining" and over and not self.requests():
            self.leave()

    def leave(self) -> list[Request]:
        """It is gone; what it had."""
        left = self.requests()
        self.stops_work()
        self.clear()
        if self.state != "absent":
            self.held_s.append((self.since, self.simulation.now))
        self.state, self.life = "absent", self.life + 1
        return left


class Prefill(Replica):
    def __init__(self, simulation: "Simulation", index: int, given: NaivePrefill) -> None:
        super().__init__(simulation, index, given)
        self.engine = given
        self.waiting: list[Request] = []
        self.batch: list[Request] = []
        self.nic_free_s = self.ends_s = 0.0

    def fits(self, request: Request) -> bool:
        return request.given.isl <= self.engine.kv_tokens

    def in_time(self, request: Request) -> bool:
        return request.missed <= self.engine.tokens_in_time

    def takes_seat(self) -> None:
        super().takes_seat()
        self.nic_free_s = 0.0

    def done_s(self, request: Request) -> float:
        """When the prompt would be done, one after the other."""
        prompts = [*self.waiting, request]
        free = self.ends_s if self.batch else self.simulation.now
        return free + sum(self.engine.time.alone_s(each.missed) for each in prompts)

    def requests(self) -> list[Request]:
        return [*self.batch, *self.waiting]

    def clear(self) -> None:
        self.batch, self.waiting = [], []

    def accept(self, request: Request) -> None:
        self.waiting.append(request)
        self.start()

    def start(self) -> None:
        if self.batch:
            return
        shared = self.workload.routing is Routing.SHARED and self.state == "ready"
        queue = self.group.queue if shared and not self.waiting else self.waiting
        most = self.engine.max_batch_tokens or 0
        for request in list(queue):
            if not self.fits(request):
                continue
            if self.batch and sum(each.missed for each in self.batch) + request.missed > most:
                break
            self.batch.append(request)
            queue.remove(request)
        if self.batch:
            time_ms = self.engine.time.ms({each.index: (0, each.missed) for each in self.batch})
            length_s = max(LEAST_MS, time_ms) / 1000.0
            self.ends_s = self.simulation.now + length_s
            self.works(length_s)

    def ended(self) -> None:
        batch, self.batch = self.batch, []
        for request in batch:
            self.prefill_tokens += request.missed
            request.sender = self
            self.simulation.prefill_ended(request)
        self.start()


class Decode(Replica):
    def __init__(
        self, simulation: "Simulation", index: int, given: NaiveDecode | NaiveAggregated
    ) -> None:
        super().__init__(simulation, index, given)
        self.engine = given
        self.coming: list[Request] = []
        self.waiting: list[Request] = []
        self.running: list[Request] = []
        """By admission."""

    def fits(self, request: Request) -> bool:
        return request.length <= self.engine.kv_tokens

    def load(self, _: object = None) -> float:
        return (len(self.requests()) + 1) / self.engine.in_flight

    def requests(self) -> list[Request]:
        return [*self.running, *self.waiting, *self.coming]

    def clear(self) -> None:
        self.running, self.waiting, self.coming = [], [], []

    def accept(self, request: Request) -> None:
        if request in self.coming:
            self.coming.remove(request)
        request.todo = request.missed
        self.waiting.append(request)
        if self.busy_since is None:
            self.begin_step()

    def begin_step(self) -> None:
        while not self.has_room(self.running):
            self.evict()
        while self.waiting and self.admits([*self.running, self.waiting[0]]):
            self.running.append(self.waiting.pop(0))
        if self.running:
            self.works(self.step_ms() / 1000.0)

    def has_room(self, sequences: Sequence[Request]) -> bool:
        """Whether their KV fits until the end of the coming step, or with `wait` in the end."""
        if self.workload.waits_when_full:
            return sum(each.length for each in sequences) <= self.engine.kv_tokens
        return sum(each.held + 1 for each in sequences) <= self.engine.kv_tokens

    def admits(self, sequences: Sequence[Request]) -> bool:
        return len(sequences) <= self.engine.max_sequences and self.has_room(sequences)

    def evict(self) -> None:
        request = self.running.pop()
        request.restarts += 1
        request.recomputes = True
        request.todo, request.done = request.held, 0
        self.waiting.insert(0, request)

    def step_ms(self) -> float:
        time_ms = self.engine.step.ms(len(self.running), sum(each.held for each in self.running))
        for request in self.running:
            if request.recomputes and isinstance(self.engine, NaiveDecode):
                time_ms += self.engine.recompute.alone_s(request.held) * 1000.0
            request.recomputes = False
        return time_ms

    def ended(self) -> None:
        for request in list(self.running):
            self.give_token(request, 0.0)
        self.begin_step()

    def give_token(self, request: Request, delay_s: float) -> None:
        now = self.simulation.now
        request.tokens += 1
        request.given_s.append(now)
        self.decode_tokens += 1
        if request.tokens == 1:
            request.first_s = now + delay_s
        if request.tokens == request.given.osl:
            request.last_s = max(now, request.first_s)
            self.running.remove(request)
            request.first_alone_s = self.first_alone_s(request)
            middle = request.given.isl + request.given.osl / 2
            request.step_alone_s = self.engine.step.ms(1, middle) / 1000.0
            self.simulation.finish(request)

    def first_alone_s(self, request: Request) -> float:
        """TTFT of the request were it alone here and where it came from."""
        sender, alone_s = request.sender, self.engine.step.ms(1, request.given.isl) / 1000.0
        assert sender is not None
        assert isinstance(self.engine, NaiveDecode)
        alone_s += sender.engine.time.alone_s(request.missed)
        tokens = request.missed if self.workload.transfers_missed else request.given.isl
        if self.workload.kv_bytes_per_token > 0.0:
            pair = (sender.engine.leaf, self.engine.leaf)
            share = self.simulation.case.bandwidth.get(pair, 1.0)
            rate = min(sender.engine.nic_bytes_per_s, self.engine.nic_bytes_per_s) * share
            alone_s += self.workload.latency_s + self.workload.kv_bytes_per_token * tokens / rate
        return alone_s


class Aggregated(Decode):
    def __init__(self, simulation: "Simulation", index: int, given: NaiveAggregated) -> None:
        super().__init__(simulation, index, given)
        self.both = given
        self.chunks: dict[int, tuple[int, int]] = {}
        """Of the step by request: tokens done before, tokens of the chunk."""

    def in_time(self, request: Request) -> bool:
        return request.missed <= self.both.tokens_in_time

    def step_ms(self) -> float:
        decoding = [each for each in self.running if each.done == each.todo]
        prompts = [each for each in self.running if each.done < each.todo]
        most = self.both.max_batch_tokens
        left = prompts[0].todo if most is None and prompts else max(1, (most or 0) - len(decoding))
        self.chunks = {}
        for request in prompts:
            chunk = min(request.todo - request.done, left)
            left -= chunk
            if chunk:
                self.chunks[request.index] = (request.done, chunk)
        decode_ms = prefill_ms = 0.0
        if decoding:
            decode_ms = self.engine.step.ms(len(decoding), sum(each.held for each in decoding))
        if self.chunks:
            prefill_ms = self.both.time.ms(self.chunks)
        return max(LEAST_MS, decode_ms + prefill_ms)

    def ended(self) -> None:
        for request in list(self.running):
            if request.done == request.todo:
                self.give_token(request, 0.0)
            elif request.index in self.chunks:
                _, chunk = self.chunks[request.index]
                request.done += chunk
                self.prefill_tokens += chunk
                if request.done == request.todo:
                    self.give_token(request, self.delay_s(request))
        self.begin_step()

    def first_alone_s(self, request: Request) -> float:
        most, done, alone_s = self.both.max_batch_tokens or request.missed, 0, 0.0
        while done < request.missed:
            chunk = min(most, request.missed - done)
            alone_s += max(LEAST_MS, self.both.time.ms({0: (done, chunk)})) / 1000.0
            done += chunk
        return alone_s + self.delay_s(request)

    def delay_s(self, request: Request) -> float:
        """By which the first token comes later than the step that computed it."""
        of = self.both.ttft
        if of is None:
            return 0.0
        whole_s = (of.base_ms + of.ms_per_token * request.missed) / 1000.0
        return max(0.0, whole_s - self.both.time.alone_s(request.missed))
