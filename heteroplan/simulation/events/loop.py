"""From one event to the next: replicas first, then KV transfers, then arrivals."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.aggregated import end_aggregated, enter_aggregated
from heteroplan.simulation.events.decode import end_leap, settle
from heteroplan.simulation.events.finishing import leave_if_empty
from heteroplan.simulation.events.heaps import set_timer
from heteroplan.simulation.events.lists import append_unrouted, count, first_kind
from heteroplan.simulation.events.prefill import (
    end_batch,
    enter_prefill,
    enter_shared,
    start_batch,
)
from heteroplan.simulation.events.routing import best_group, best_replica, reweigh
from heteroplan.simulation.events.transfer import end_transfer, resend_prefilled
from heteroplan.simulation.events.world import (
    AGGREGATED,
    DECODE,
    PREFILL,
    REJECTED,
    SERVING,
    SHARED,
    STARTING,
    World,
)


@compiled
def route(world: World, request: int) -> bool:
    """Send the request to a group and its replica; whether there is one."""
    asked = world.requests[request]
    group = best_group(world, request)
    if group < 0:
        return False
    record = world.groups[group]
    asked.group = group
    if record.split and world.workloads[asked.workload].prefill_routing == SHARED:
        record.in_flight += 1
        enter_shared(world, group, request)
        return True
    replica = best_replica(world, group, 0, request)
    if replica < 0:
        return False
    record.in_flight += 1
    if record.split:
        enter_prefill(world, replica, request)
    else:
        enter_aggregated(world, replica, request)
    return True


@compiled
def arrive(world: World, request: int) -> None:
    """A request comes in."""
    asked = world.requests[request]
    workload = world.workloads[asked.workload]
    workload.arrived += 1
    workload.arrived_isl += asked.isl
    workload.arrived_cached += asked.isl - asked.missed
    if asked.outcome == REJECTED:
        if world.clock[0].users > 0:
            workload.due += 1
            world.clock[0].due += 1
        return
    if not route(world, request):
        append_unrouted(world, asked.workload, request)


@compiled
def route_unrouted(world: World, workload: int) -> None:
    """Requests for which no replica was ready go to one, if there is one now."""
    record = world.workloads[workload]
    request, last = record.head, record.tail
    record.head = -1
    while request >= 0:
        after = world.requests[request].next if request != last else -1
        count(world, workload, first_kind(world, workload), -1, -1)
        if not route(world, request):
            append_unrouted(world, workload, request)
        request = after


@compiled
def serve(world: World, replica: int) -> None:
    """The replica takes requests from now on."""
    record = world.replicas[replica]
    record.state = SERVING
    if record.running == 0 and record.prompts == 0:
        record.free_at = world.clock[0].now
        set_timer(world, replica, inf)
    reweigh(world, record.group)
    if record.kind == DECODE:
        resend_prefilled(world, record.workload)
    if record.kind == PREFILL and record.prompts == 0:
        start_batch(world, replica)
    route_unrouted(world, record.workload)


@compiled
def _replica_event(world: World, replica: int) -> None:
    record = world.replicas[replica]
    if record.state == STARTING:
        serve(world, replica)
    elif record.kind == PREFILL:
        if record.prompts > 0:
            end_batch(world, replica)
        else:
            leave_if_empty(world, replica)
    elif record.running + record.prompts == 0:
        leave_if_empty(world, replica)
    elif record.kind == AGGREGATED:
        end_aggregated(world, replica)
    else:
        end_leap(world, replica)


@compiled
def _user_sends(world: World) -> None:
    """A user whose request is done sends the next one of the workload's, if there is one.

    Where users of several workloads are about to, it is the one whose request comes first.
    """
    sender, first = -1, len(world.requests)
    for workload in range(len(world.workloads)):
        record = world.workloads[workload]
        if record.due > 0 and record.following < 0:
            world.clock[0].due -= record.due
            record.due = 0
        if record.due > 0 and record.following < first:
            sender, first = workload, record.following
    if sender >= 0:
        world.workloads[sender].due -= 1
        world.clock[0].due -= 1
        world.workloads[sender].following = world.requests[first].following
        world.requests[first].arrival = world.clock[0].now
        arrive(world, first)


@compiled
def run(world: World, until_s: float) -> int:
    """All events until then, arrivals at that moment excepted; how many there were."""
    clock, events, total = world.clock[0], 0, len(world.requests)
    while True:
        timer = world.timers[0].time if clock.timers > 0 else inf
        transfer = world.transfers[0].time if clock.transfers > 0 else inf
        arrival = inf
        if clock.due > 0:
            arrival = clock.now
        elif clock.next < total and clock.users == 0:
            arrival = world.requests[clock.next].arrival
        if timer <= transfer and timer <= arrival:
            if timer > until_s:
                break
            clock.now = timer
            _replica_event(world, world.timers[0].replica)
        elif transfer <= arrival:
            if transfer > until_s:
                break
            clock.now = transfer
            end_transfer(world)
        else:
            if arrival >= until_s:
                break
            clock.now = arrival
            if clock.due > 0:
                _user_sends(world)
            else:
                clock.next += 1
                arrive(world, clock.next - 1)
        events += 1
    clock.now = until_s
    return events


@compiled
def settle_all(world: World) -> None:
    """Pass the decode steps that are over by now, and count queues until now."""
    for place in range(world.clock[0].timers):
        replica = world.timers[place].replica
        record = world.replicas[replica]
        if record.kind != PREFILL and record.chunk == 0:
            settle(world, replica)
    for workload in range(len(world.workloads)):
        for kind in range(3):
            count(world, workload, kind, 0, 0)
