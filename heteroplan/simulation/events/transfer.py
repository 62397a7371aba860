"""From prefill to decode: the KV cache moves through the prefill replica's share of its NIC."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.decode import enter_decode
from heteroplan.simulation.events.heaps import pop_transfer, push_transfer
from heteroplan.simulation.events.lists import append_prefilled, append_unrouted, count
from heteroplan.simulation.events.routing import best_replica, touch
from heteroplan.simulation.events.world import DECODE, World


@compiled
def decode_place(world: World, request: int) -> int:
    """The decode replica for a prefilled request: of its group, else of another; -1 without any."""
    asked = world.requests[request]
    place = best_replica(world, asked.group, 1, request, True)
    if place < 0:
        place = best_replica(world, asked.group, 1, request, False)
    if place >= 0:
        return place
    workload = world.workloads[asked.workload]
    for group in range(workload.first_group, workload.first_group + workload.groups):
        place = best_replica(world, group, 1, request, True)
        if place >= 0:
            world.groups[asked.group].in_flight -= 1
            asked.group = group
            world.groups[group].in_flight += 1
            return place
    return -1


@compiled
def send(world: World, source: int, request: int) -> None:
    """The request leaves prefill replica `source` for a decode replica, or waits for one."""
    asked, clock = world.requests[request], world.clock[0]
    target = decode_place(world, request)
    count(world, asked.workload, DECODE, 0, 1)
    if target < 0:
        asked.replica = -1
        append_prefilled(world, asked.workload, request)
        return
    workload, record = world.workloads[asked.workload], world.replicas[target]
    asked.replica = target
    record.load += 1
    touch(world, target)
    moved = asked.isl if workload.moves_all else asked.missed
    size = workload.kv_bytes * moved
    if size <= 0.0:
        enter_decode(world, target, request)
        return
    sender = world.replicas[source]
    rate = min(sender.bytes_per_s, record.bytes_per_s) * world.factors[sender.leaf, record.leaf]
    start_s = max(clock.now, sender.nic_free)
    sender.nic_free = start_s + size / rate
    push_transfer(world, clock.latency + sender.nic_free, request)


@compiled
def end_transfer(world: World) -> None:
    """The next KV transfer ends; what was on the way to a replica that died starts anew."""
    request = pop_transfer(world)
    asked = world.requests[request]
    if asked.replica >= 0:
        enter_decode(world, asked.replica, request)
        return
    count(world, asked.workload, DECODE, 0, -1)
    world.groups[asked.group].in_flight -= 1
    asked.restarts = min(127, asked.restarts + 1)
    append_unrouted(world, asked.workload, request)


@compiled
def resend_prefilled(world: World, workload: int) -> None:
    """Prefilled requests for which no decode replica was ready go to one, if there is one now.

    Their KV cache moves as if each came from an idle NIC of the replica's own bandwidth.
    """
    record, now = world.workloads[workload], world.clock[0].now
    request, last = record.prefilled_head, record.prefilled_tail
    record.prefilled_head = -1
    while request >= 0:
        after = world.requests[request].next if request != last else -1
        asked = world.requests[request]
        target = decode_place(world, request)
        if target < 0:
            append_prefilled(world, workload, request)
        else:
            asked.replica = target
            replica = world.replicas[target]
            replica.load += 1
            touch(world, target)
            moved = asked.isl if record.moves_all else asked.missed
            size = record.kv_bytes * moved
            if size <= 0.0 or replica.bytes_per_s == inf:
                enter_decode(world, target, request)
            else:
                time_s = now + world.clock[0].latency + size / replica.bytes_per_s
                push_transfer(world, time_s, request)
        request = after
