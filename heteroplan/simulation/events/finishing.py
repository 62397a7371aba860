"""The ends of requests: first tokens, last tokens, and replicas that have nothing left to do."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.heaps import set_timer
from heteroplan.simulation.events.lists import count
from heteroplan.simulation.events.routing import touch
from heteroplan.simulation.events.world import DRAINING, FINISHED, GONE, World


@compiled
def first_token(world: World, request: int, time_s: float) -> None:
    """The request has its first token, unless it had one before a restart."""
    record = world.requests[request]
    if record.first == record.first:
        return
    record.first = time_s
    workload = world.workloads[record.workload]
    workload.first_tokens += 1
    workload.ttft_s += time_s - record.arrival


@compiled
def finished(world: World, replica: int, request: int, time_s: float) -> None:
    """The request has its last token on the replica; with users, its user sends the next one."""
    record, place = world.requests[request], world.replicas[replica]
    record.last = max(time_s, record.first)
    record.outcome = FINISHED
    place.load -= 1
    touch(world, replica)
    place.reserved -= record.isl + record.osl
    world.groups[record.group].in_flight -= 1
    workload = world.workloads[record.workload]
    workload.finished += 1
    workload.finished_osl += record.osl
    count(world, record.workload, place.kind, 0, -1)
    if world.clock[0].users > 0:
        workload.due += 1
        world.clock[0].due += 1


@compiled
def leave_if_empty(world: World, replica: int) -> None:
    """A replica that drains gives its GPUs back when it is empty, its drain time at the least."""
    record, now = world.replicas[replica], world.clock[0].now
    if record.state != DRAINING:
        return
    if record.load > 0:
        set_timer(world, replica, inf)
        return
    if now < record.drained:
        set_timer(world, replica, record.drained)
        return
    record.state = GONE
    record.gone = now
    set_timer(world, replica, inf)
