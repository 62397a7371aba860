"""From prefill to decode: the KV cache moves through the prefill replica's share of its NIC."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.decode import enter_decode
from heteroplan.simulation.events.heaps import pop_transfer, push_transfer
from heteroplan.simulation.events.lists import append_prefilled
from heteroplan.simulation.events.routing import best_replica, least_loaded, load, touch
from heteroplan.simulation.events.world import World


@compiled
def decode_place(world: World, request: int) -> int:
    """The decode replica for a prefilled request: of its group, else of another; -1 without any."""
    asked = world.requests[request]
    place = best_replica(world, asked.group, 1, request)
    if place < 0:
        place = least_loaded(world, asked.group, 1, request, False)
    if place >= 0:
        return place
    workload = world.workloads[asked.workload]
    least = inf
    for group in range(workload.first_group, workload.first_group + workload.groups):
        other = least_loaded(world, group, 1, request, True)
        if other >= 0 and load(world, other) < least:
            place, least = other, load(world, other)
    if place >= 0:
        world.groups[asked.group].in_flight -= 1
        asked.group = world.replicas[place].group
        world.groups[asked.group].in_flight += 1
    return place


@compiled
def send(world: World, request: int) -> None:
    """A prefilled request goes to a decode replica, or waits for one to be ready."""
    asked, clock = world.requests[request], world.clock[0]
    target = decode_place(world, request)
    asked.replica = target
    if target < 0:
        append_prefilled(world, asked.workload, request)
        return
    workload, record = world.workloads[asked.workload], world.replicas[target]
    record.load += 1
    touch(world, target)
    size = workload.kv_bytes * (asked.isl if workload.moves_all else asked.missed)
    if size <= 0.0:
        push_transfer(world, clock.now, request)
        return
    sender = world.replicas[asked.source]
    rate = min(sender.bytes_per_s, record.bytes_per_s) * world.factors[sender.leaf, record.leaf]
    sender.nic_free = max(clock.now, sender.nic_free) + size / rate
    asked.first_alone += clock.latency + size / rate
    push_transfer(world, clock.latency + sender.nic_free, request)


@compiled
def end_transfer(world: World) -> None:
    """The next KV transfer ends."""
    request = pop_transfer(world)
    enter_decode(world, world.requests[request].replica, request)


@compiled
def resend_prefilled(world: World, workload: int) -> None:
    """Prefilled requests for which no decode replica was ready go to one, if there is one now."""
    record = world.workloads[workload]
    request, last = record.prefilled_head, record.prefilled_tail
    record.prefilled_head = -1
    while request >= 0:
        after = world.requests[request].next if request != last else -1
        send(world, request)
        request = after
