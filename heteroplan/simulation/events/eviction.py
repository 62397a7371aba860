"""Replicas that go: drained, kept for a while, or killed with what they have."""

from math import inf

import numpy as np
from numpy.typing import NDArray

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.decode import settle
from heteroplan.simulation.events.finishing import leave_if_empty
from heteroplan.simulation.events.heaps import push_transfer, remove_running, set_timer
from heteroplan.simulation.events.lists import append_unrouted, count, pop_waiting, take_shared
from heteroplan.simulation.events.loop import route_unrouted
from heteroplan.simulation.events.routing import reweigh, suits
from heteroplan.simulation.events.world import (
    DRAINING,
    GONE,
    LINGERING,
    PREFILL,
    SERVING,
    World,
)


@compiled
def _start_anew(world: World, request: int, kind: int) -> None:
    """The request is computed from the beginning, where there is room; what it had is lost."""
    asked = world.requests[request]
    count(world, asked.workload, kind, 0, -1)
    world.groups[asked.group].in_flight -= 1
    asked.restarts = min(127, asked.restarts + 1)
    asked.given = asked.late = 0
    asked.evicted = 0.0
    asked.first = float("nan")
    asked.admitted = -1
    append_unrouted(world, asked.workload, request)


@compiled
def _leave_shared(world: World, group: int) -> None:
    """Prompts of a shared queue that no ready prefill replica of the group takes go elsewhere."""
    record, before = world.groups[group], -1
    request = record.head
    for _ in range(record.waiting):
        after, taken = world.requests[request].next, False
        for place in range(world.member_counts[group, 0]):
            index = world.members[group, 0, place]
            ready = world.replicas[index].state == SERVING
            taken = taken or (ready and suits(world, index, request) > 0)
        if taken:
            before = request
        else:
            take_shared(world, group, before)
            count(world, record.workload, PREFILL, 0, -1)
            record.in_flight -= 1
            append_unrouted(world, record.workload, request)
        request = after


@compiled
def withdraw(world: World, replica: int, drained_s: float) -> None:
    """No new requests come to the replica.

    It drains until `drained_s` at least; where that is infinite it stays, to serve again.
    """
    record = world.replicas[replica]
    record.state = LINGERING if drained_s == inf else DRAINING
    record.drained = drained_s
    reweigh(world, record.group)
    _leave_shared(world, record.group)
    if record.running == 0 and record.prompts == 0:
        leave_if_empty(world, replica)
    route_unrouted(world, record.workload)


@compiled
def _take_all(world: World, replica: int, taken: "NDArray[np.int64]") -> int:
    """Put all requests of a replica into `taken`; how many there are."""
    record, amount = world.replicas[replica], 0
    request = record.batch
    for _ in range(record.prompts):
        taken[amount] = request
        request = world.requests[request].next
        amount += 1
    record.prompts = 0
    while record.waiting > 0:
        taken[amount] = pop_waiting(world, replica)
        amount += 1
    while record.running > 0:
        taken[amount] = remove_running(world, replica, 0)
        amount += 1
    clock = world.clock[0]
    on_the_way = clock.transfers
    clock.transfers = 0
    for place in range(on_the_way):
        transfer = world.transfers[place]
        time_s, request = transfer.time, transfer.request
        if world.requests[request].replica == replica:
            taken[amount] = request
            amount += 1
        else:
            push_transfer(world, time_s, request)
    return amount


@compiled
def kill(world: World, replicas: "NDArray[np.int64]") -> None:
    """Replicas are gone at once, all together; their requests start anew elsewhere."""
    now = world.clock[0].now
    most = 0
    for replica in replicas:
        record = world.replicas[replica]
        most += record.load
        if record.running > 0 and record.chunk == 0:
            settle(world, replica)
        if record.running + record.prompts > 0:
            world.busy_s[record.option] += now - record.since
        record.state = GONE
        record.gone = now
        set_timer(world, replica, inf)
    taken = np.empty(most, np.int64)
    amount = 0
    for replica in replicas:
        amount += _take_all(world, replica, taken[amount:])
        world.replicas[replica].load = 0
    for replica in replicas:
        reweigh(world, world.replicas[replica].group)
        _leave_shared(world, world.replicas[replica].group)
    taken[:amount].sort()
    for request in taken[:amount]:
        _start_anew(world, request, world.replicas[world.requests[request].replica].kind)
    for replica in replicas:
        route_unrouted(world, world.replicas[replica].workload)


@compiled
def cancel(world: World, replica: int) -> None:
    """A replica that starts is not wanted any more."""
    record = world.replicas[replica]
    record.state = GONE
    record.gone = world.clock[0].now
    set_timer(world, replica, inf)
