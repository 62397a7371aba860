"""Requests chained by `next`, and how many a workload has at its replicas of a kind."""

from typing import Any

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.world import AGGREGATED, PREFILL, World


@compiled
def count(world: World, workload: int, kind: int, waiting: int, present: int) -> None:
    """So many more requests wait, and are present, at the workload's replicas of a kind."""
    role, now = world.roles[workload, kind], world.clock[0].now
    elapsed_s = now - role.since
    role.waiting_s += role.waiting * elapsed_s
    role.present_s += role.present * elapsed_s
    role.since = now
    role.waiting += waiting
    role.present += present


@compiled
def first_kind(world: World, workload: int) -> int:
    """Kind of the replicas that requests of a workload come to first."""
    first = world.workloads[workload].first_group
    return PREFILL if world.groups[first].split else AGGREGATED


@compiled
def _append(world: World, queue: Any, request: int) -> None:
    """The request is the last of the queue of a replica or of a group."""
    world.requests[request].next = -1
    if queue.waiting == 0:
        queue.head = request
    else:
        world.requests[queue.tail].next = request
    queue.tail = request
    queue.waiting += 1


@compiled
def append_waiting(world: World, replica: int, request: int) -> None:
    """The request waits at the replica, behind the others."""
    record = world.replicas[replica]
    _append(world, record, request)
    count(world, record.workload, record.kind, 1, 0)


@compiled
def prepend_waiting(world: World, replica: int, request: int) -> None:
    """The request waits at the replica, before the others."""
    record = world.replicas[replica]
    world.requests[request].next = record.head if record.waiting else -1
    record.head = request
    if record.waiting == 0:
        record.tail = request
    record.waiting += 1
    count(world, record.workload, record.kind, 1, 0)


@compiled
def pop_waiting(world: World, replica: int) -> int:
    """The first request that waits at the replica, which then waits no longer."""
    record = world.replicas[replica]
    request = record.head
    record.head = world.requests[request].next
    record.waiting -= 1
    count(world, record.workload, record.kind, -1, 0)
    return request


@compiled
def append_shared(world: World, group: int, request: int) -> None:
    """The request waits in the queue that the prefill replicas of a group share."""
    record = world.groups[group]
    _append(world, record, request)
    count(world, record.workload, PREFILL, 1, 0)


@compiled
def take_shared(world: World, group: int, before: int) -> int:
    """Take the request after `before` (-1: the first) out of the queue that a group shares."""
    record = world.groups[group]
    request = record.head if before < 0 else world.requests[before].next
    after = world.requests[request].next
    if before < 0:
        record.head = after
    else:
        world.requests[before].next = after
    if record.tail == request:
        record.tail = before
    record.waiting -= 1
    count(world, record.workload, PREFILL, -1, 0)
    return request


@compiled
def append_unrouted(world: World, workload: int, request: int) -> None:
    """The request waits for a replica of its workload to be ready."""
    record = world.workloads[workload]
    world.requests[request].next = -1
    if record.head < 0:
        record.head = request
    else:
        world.requests[record.tail].next = request
    record.tail = request
    count(world, workload, first_kind(world, workload), 1, 1)


@compiled
def append_prefilled(world: World, workload: int, request: int) -> None:
    """The request, prefilled, waits for a decode replica of its workload to be ready."""
    record = world.workloads[workload]
    world.requests[request].next = -1
    if record.prefilled_head < 0:
        record.prefilled_head = request
    else:
        world.requests[record.prefilled_tail].next = request
    record.prefilled_tail = request
