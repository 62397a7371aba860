"""A second simulator of requests, naive on purpose: an oracle for small cases.

A heap of events, objects, every step walked; it shares nothing with the product. `simulate` takes
a `Case` and gives an `Outcome` (`naive_case`). What it decides where more than one way is right:

Order. The pending event with the least (time, class, index) is handled whole, with what it starts,
before the next. Classes: ends of batches and steps by replica, in the
order of their first start; transfers that arrive, by request;
what falls due (ready, end of a drain) by replica; commands in their order; arrivals by request.
So two prompts that come to an idle replica at one time are two batches, and a request that comes
to a decode replica exactly at a step's end waits a step. Of candidates whose scores differ by less
than 1e-9 the first is taken. Events at `duration_s` happen, arrivals only before it.

Fit. A prompt fits a prefill replica of enough `kv_tokens` for isl, a decode or aggregated replica
of enough for isl + osl. A request that no group fits with all replicas in any state is rejected.
All else looks at ready replicas.

Routing. Group: of positive weight and fit, in time if any is, of the least (in flight + 1) /
weight. Replica: fit, in time if any is, then by the rule; they are tried in the order
of their start. Work of a prefill replica: the rest of
its batch and the times alone of waiting prompts. An aggregated one is taken as a decode replica is.
Round robin takes the next after the last taken; of decode replicas only among ready ones of the
group. A shared queue is walked from its
head by a prefill replica that falls idle or turns ready: what it does not fit is skipped, the first
that fits it and not the batch ends the batch. Requests that no ready replica takes wait
in the workload's queue, walked whenever a replica turns ready and when requests go back to it.

Transfer. To a decode replica that fits: ready in the group, else draining in it, else ready in any
group of the workload, each by the least (requests there or on the way + 1) / in_flight; else the
request waits until one turns ready. It counts as in flight in the group where it is decoded. From
the end of its batch on it no longer depends on its prefill replica.

Decode. At a step's end: tokens are given, sequences leave, are evicted, are admitted; the next
step starts. A sequence holds isl + tokens so far; that is its context. With `preempt` the coming
step must fit: held tokens and one more of each admitted sequence, the candidate included. The
latest admitted is evicted first, to the head of the queue. In an aggregated replica all admitted
sequences count, those in prefill too; only decoding ones count in the step's time and against
`max_batch_tokens`; the floor of the prefill time applies to the prefill part of each step.
Recomputed are isl + tokens so far, cached ones too. The delay of `ttft` moves the first token (and
the last one if it were before it), and nothing else.

Alone. A request is compared with itself on the replicas that served it last: prefill of its missed
tokens (of an aggregated replica in chunks of `max_batch_tokens`, and the delay of `ttft`), its
transfer, a step with isl tokens of context; its steps with isl + osl / 2. Gaps are between its
tokens as engines give them, those in which it was evicted included.

Lifecycle. The requests of a killed replica go to the end of the workload's queue, by index, as if
nothing of them had been computed. Prompts in a shared queue that no ready replica of the group
fits any more go there before them, without a restart. Turning ready, a replica sees to prefilled
requests, then the group's shared queue, then the workload's queue. A draining replica is gone when
empty and its time is over; a starting one at once; a lingering one acts as if draining, but stays.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from heapq import heappop, heappush
from math import nan

from tests.simulation.naive_case import (
    Case,
    Command,
    Drain,
    Kill,
    Linger,
    NaiveAggregated,
    NaiveDecode,
    NaivePrefill,
    NaiveWorkload,
    Outcome,
    ReplicaOutcome,
    RequestOutcome,
    Restore,
    Routing,
    Start,
    for_routing,
)
from tests.simulation.naive_replicas import (
    ANY_STATE,
    Aggregated,
    Decode,
    Group,
    Prefill,
    Replica,
    Request,
)

ENDS, ARRIVES_AT_DECODE, FALLS_DUE, COMMANDED, ARRIVES = range(5)
SLACK = 1e-9


def simulate(case: Case) -> Outcome:
    """What happens to each request and replica."""
    return _Simulation(case).run()


def _least[T](candidates: Iterable[T], score: Callable[[T], float], relative: bool) -> T:
    """The first of the least score, rounding disregarded."""
    chosen, *others = candidates
    best = score(chosen)
    for other in others:
        found = score(other)
        if found < (best * (1.0 - SLACK) if relative else best - SLACK):
            chosen, best = other, found
    return chosen


def _in_turn[R: Replica](replicas: Sequence[R], taken: int) -> R:
    """The first after the seat that was taken last, or the first of all."""
    return ([each for each in replicas if each.seat > taken] or list(replicas))[0]


def _by_credit[R: Replica](replicas: Sequence[R]) -> R:
    """Smooth weighted round robin: all gain their capacity, the first of the most pays for all."""
    for each in replicas:
        each.credit += each.given.capacity_rps
    chosen = max(replicas, key=lambda each: each.credit)
    total = 0.0
    for each in replicas:
        total += each.given.capacity_rps
    chosen.credit -= total
    return chosen


class _Simulation:
    def __init__(self, case: Case) -> None:
        self.case, self.now = case, 0.0
        self.started = 0
        """Replicas that have been."""
        self.heap: list[tuple[float, int, int, int, Callable[[], None]]] = []
        self.pushed = 0
        self.requests = [Request(index, given) for index, given in enumerate(case.requests)]
        self.groups = [Group(index, workload) for index, workload in enumerate(case.groups)]
        self.replicas: list[Replica] = []
        self.queues: list[list[Request]] = [[] for _ in case.workloads]
        """Requests that no ready replica could take, by workload."""
        self.prefilled: list[list[Request]] = [[] for _ in case.workloads]
        self.to_come: list[list[Request]] = [[] for _ in case.workloads]
        """Of closed loops, by workload."""
        for index, given in enumerate(case.replicas):
            group = self.groups[given.group]
            match given:
                case NaivePrefill():
                    group.prefill.append(Prefill(self, index, given))
                    self.replicas.append(group.prefill[-1])
                case NaiveDecode():
                    group.decode.append(Decode(self, index, given))
                    self.replicas.append(group.decode[-1])
                case NaiveAggregated():
                    group.aggregated.append(Aggregated(self, index, given))
                    self.replicas.append(group.aggregated[-1])
            if given.at_start:
                self.replicas[-1].state = "ready"
                self.replicas[-1].takes_seat()

    def run(self) -> Outcome:
        self.schedule()
        while self.heap and self.heap[0][0] <= self.case.duration_s:
            self.now, *_, handle = heappop(self.heap)
            handle()
        self.now = self.case.duration_s
        for replica in self.replicas:
            replica.leave()
        return Outcome(
            tuple(
                RequestOutcome(
                    each.arrived_s,
                    self.first_s(each),
                    each.last_s,
                    each.outcome,
                    each.restarts,
                    each.first_alone_s,
                    each.step_alone_s,
                    each.late_gaps,
                )
                for each in self.requests
            ),
            tuple(
                ReplicaOutcome(
                    each.prefill_tokens, each.decode_tokens, each.busy_s, tuple(each.held_s)
                )
                for each in self.replicas
            ),
        )

    def first_s(self, request: Request) -> float:
        """Its first token; NaN where that is delayed past the end of an unfinished request."""
        late = request.outcome == "unfinished" and request.first_s > self.now
        return nan if late else request.first_s

    # Events

    def schedule(self) -> None:
        for request in self.requests:
            if self.of(request).users is None:
                self.arrives(request, request.given.arrival_s)
            else:
                self.to_come[request.given.workload].append(request)
        for workload, given in enumerate(self.case.workloads):
            for _ in range(given.users or 0):
                self.next_of_loop(workload)
        for position, command in enumerate(self.case.commands):
            self.at(command.at_s, COMMANDED, position, partial(self.obey, command))

    def at(self, time_s: float, kind: int, index: int, handle: Callable[[], None]) -> None:
        self.pushed += 1
        heappush(self.heap, (time_s, kind, index, self.pushed, handle))

    def later(self, replica: Replica, wait_s: float, kind: int, handle: Callable[[], None]) -> None:
        """Unless the replica is gone until then."""
        life = replica.life
        self.at(
            self.now + wait_s,
            kind,
            replica.number,
            lambda: handle() if replica.life == life else None,
        )

    def ends(self, replica: Replica, length_s: float) -> None:
        self.later(replica, length_s, ENDS, replica.rests)

    def arrives(self, request: Request, time_s: float) -> None:
        if time_s < self.case.duration_s:
            self.at(time_s, ARRIVES, request.index, lambda: self.arrive(request))

    def next_of_loop(self, workload: int) -> None:
        if self.to_come[workload]:
            self.arrives(self.to_come[workload].pop(0), self.now)

    # Requests

    def of(self, request: Request) -> NaiveWorkload:
        return self.case.workloads[request.given.workload]

    def groups_of(self, request: Request) -> list[Group]:
        return [each for each in self.groups if each.workload == request.given.workload]

    def arrive(self, request: Request) -> None:
        request.arrived_s, request.outcome = self.now, "unfinished"
        if not any(group.fits(request, ANY_STATE) for group in self.groups_of(request)):
            request.outcome = "rejected"
            self.next_of_loop(request.given.workload)
        elif not self.route(request):
            self.queues[request.given.workload].append(request)

    def finish(self, request: Request) -> None:
        request.outcome = "finished"
        if request.group:
            request.group.in_flight -= 1
        self.next_of_loop(request.given.workload)

    def route(self, request: Request) -> bool:
        """Whether a ready replica took it."""
        groups = [each for each in self.groups_of(request) if each.fits(request, ("ready",))]
        groups = [each for each in groups if each.weight() > 0.0]
        if not groups:
            return False
        in_time = [
            each for each in groups if any(to.in_time(request) for to in each.eligible(request))
        ]
        group = _least(
            in_time or groups, lambda each: (each.in_flight + 1) / each.weight(), relative=True
        )
        request.group = group
        group.in_flight += 1
        aggregated = [each for each in group.eligible(request) if isinstance(each, Aggregated)]
        prefill = [each for each in group.eligible(request) if isinstance(each, Prefill)]
        of = self.of(request)
        routing = of.aggregated_routing if aggregated else of.routing
        chosen: Prefill | Aggregated
        if routing is Routing.ROUND_ROBIN:
            chosen = self.next_of(group, group.eligible(request), group.taken)
            group.taken = chosen.seat
        elif aggregated:
            chosen = _least(aggregated, lambda each: each.load(), relative=True)
        elif routing is Routing.LEAST_WORK:
            chosen = _least(prefill, lambda each: each.done_s(request), relative=False)
        elif idle := [each for each in group.ready(request) if not each.requests()]:
            chosen = ([each for each in idle if each.in_time(request)] or idle)[0]
        else:
            group.queue.append(request)
            return True
        chosen.accept(request)
        return True

    def next_of[R: Replica](self, group: Group, replicas: Sequence[R], taken: int) -> R:
        """By turns; by capacity where the group has unlike replicas of a kind, running or not."""
        given = [each for each in self.case.replicas if each.group == group.index]
        unlike = {(type(each), repr(for_routing(each))) for each in given}
        if len(unlike) > len({type(each) for each in given}):
            return _by_credit(replicas)
        return _in_turn(replicas, taken)

    def prefill_ended(self, request: Request) -> None:
        if not self.transfer(request):
            self.prefilled[request.given.workload].append(request)

    def transfer(self, request: Request) -> bool:
        """Whether a decode replica was found for the prefilled request."""
        sender, own = request.sender, request.group
        assert sender is not None
        assert own is not None
        ready = [each for each in own.seated() if each.state == "ready" and each.fits(request)]
        if ready and self.of(request).decode_routing is Routing.ROUND_ROBIN:
            receiver = self.next_of(own, ready, own.decode_taken)
            own.decode_taken = receiver.seat
            self.send(request, sender, receiver)
            return True
        elsewhere = [each for group in self.groups_of(request) for each in group.seated()]
        for replicas, states in (
            (own.seated(), ("ready",)),
            (own.seated(), ("draining", "lingering")),
            (elsewhere, ("ready",)),
        ):
            found = [each for each in replicas if each.state in states and each.fits(request)]
            if found:
                self.send(request, sender, _least(found, Decode.load, relative=True))
                return True
        return False

    def send(self, request: Request, sender: Prefill, receiver: Decode) -> None:
        assert request.group is not None
        request.group.in_flight -= 1
        request.group = receiver.group
        request.group.in_flight += 1
        receiver.coming.append(request)
        workload, tokens = self.of(request), request.given.isl
        if workload.transfers_missed:
            tokens = request.missed
        arrives_s = self.now
        if workload.kv_bytes_per_token > 0.0:
            to = receiver.engine
            assert isinstance(to, NaiveDecode)
            share = self.case.bandwidth.get((sender.engine.leaf, to.leaf), 1.0)
            bytes_per_s = min(sender.engine.nic_bytes_per_s, to.nic_bytes_per_s) * share
            start = max(self.now, sender.nic_free_s)
            sender.nic_free_s = start + workload.kv_bytes_per_token * tokens / bytes_per_s
            arrives_s = sender.nic_free_s + workload.latency_s
        life = receiver.life
        self.at(
            arrives_s,
            ARRIVES_AT_DECODE,
            request.index,
            lambda: receiver.accept(request) if receiver.life == life else None,
        )

    # Lifecycle

    def obey(self, command: Command) -> None:
        if isinstance(command, Kill):
            self.kill([self.replicas[index] for index in command.replicas])
            return
        replica = self.replicas[command.replica]
        match command:
            case Start() if replica.state == "absent":
                replica.state = "starting"
                replica.takes_seat()
                self.later(replica, command.startup_s, FALLS_DUE, lambda: self.ready(replica))
            case Drain() if replica.state == "starting":
                replica.leave()
            case Drain() if replica.state in ("ready", "lingering"):
                replica.state, replica.stays_until = "draining", self.now + command.drain_s
                end = (lambda: self.kill([replica])) if command.kill else replica.leave_if_empty
                self.later(replica, command.drain_s, FALLS_DUE, end)
                self.return_requests([])
            case Linger() if replica.state == "ready":
                replica.state = "lingering"
                self.return_requests([])
            case Restore() if replica.state == "lingering":
                self.ready(replica)
            case _:
                raise ValueError(f"{command} of a replica that is {replica.state}")

    def ready(self, replica: Replica) -> None:
        replica.state = "ready"
        workload = replica.group.workload
        waiting = self.prefilled[workload]
        self.prefilled[workload] = [each for each in waiting if not self.transfer(each)]
        if isinstance(replica, Prefill):
            replica.start()
        self.walk_queues()

    def kill(self, replicas: Sequence[Replica]) -> None:
        left = [request for replica in replicas for request in replica.leave()]
        for request in left:
            request.restarts += 1
            request.tokens = request.done = 0
            request.given_s.clear()
            request.recomputes, request.first_s = False, nan
        self.return_requests(sorted(left, key=lambda each: each.index))

    def return_requests(self, left: Iterable[Request]) -> None:
        """To their workloads' queues; before them prompts of shared queues that fit no more."""
        back: list[Request] = []
        for group in self.groups:
            ready = [each for each in group.prefill if each.state == "ready"]
            stuck = [each for each in group.queue if not any(to.fits(each) for to in ready)]
            group.queue = [each for each in group.queue if each not in stuck]
            back += stuck
        for request in [*back, *left]:
            if request.group:
                request.group.in_flight -= 1
            request.group = None
            self.queues[request.given.workload].append(request)
        self.walk_queues()

    def walk_queues(self) -> None:
        for workload, waiting in enumerate(self.queues):
            self.queues[workload] = [each for each in waiting if not self.route(each)]
