"""Heaps: replicas by their next event, transfers by their end, sequences by their last step."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.world import World


@compiled
def _earlier(world: World, a: int, b: int) -> bool:
    one, other = world.replicas[a].timer, world.replicas[b].timer
    return one < other or (one == other and a < b)


@compiled
def _put(world: World, place: int, replica: int) -> None:
    world.timers[place] = replica
    world.replicas[replica].place = place


@compiled
def _rise(world: World, place: int) -> None:
    replica = world.timers[place]
    while place > 0:
        above = (place - 1) >> 1
        if not _earlier(world, replica, world.timers[above]):
            break
        _put(world, place, world.timers[above])
        place = above
    _put(world, place, replica)


@compiled
def _sink(world: World, place: int) -> None:
    replica, size = world.timers[place], world.clock[0].timers
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size and _earlier(world, world.timers[below + 1], world.timers[below]):
            below += 1
        if not _earlier(world, world.timers[below], replica):
            break
        _put(world, place, world.timers[below])
        place = below
    _put(world, place, replica)


@compiled
def set_timer(world: World, replica: int, time_s: float) -> None:
    """The replica's next event is at `time_s`; it has none where that is infinite."""
    record, clock = world.replicas[replica], world.clock[0]
    record.timer = time_s
    place = record.place
    if time_s == inf:
        if place < 0:
            return
        record.place = -1
        clock.timers -= 1
        moved = world.timers[clock.timers]
        if moved != replica:
            _put(world, place, moved)
            _rise(world, place)
            _sink(world, world.replicas[moved].place)
        return
    if place < 0:
        place = clock.timers
        clock.timers += 1
        _put(world, place, replica)
    _rise(world, place)
    _sink(world, record.place)


@compiled
def push_transfer(world: World, time_s: float, request: int) -> None:
    """A KV transfer ends at `time_s`; of those that end together the first request's is first."""
    heap, place = world.transfers, world.clock[0].transfers
    world.clock[0].transfers += 1
    while place > 0:
        above = (place - 1) >> 1
        other = heap[above]
        if other.time < time_s or (other.time == time_s and other.request < request):
            break
        heap[place].time, heap[place].request = other.time, other.request
        place = above
    heap[place].time, heap[place].request = time_s, request


@compiled
def pop_transfer(world: World) -> int:
    """The request whose transfer ends next, which is then no longer on the way."""
    heap = world.transfers
    request = heap[0].request
    world.clock[0].transfers -= 1
    size = world.clock[0].transfers
    time_s, moved = heap[size].time, heap[size].request
    place = 0
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size:
            left, right = heap[below], heap[below + 1]
            if right.time < left.time or (right.time == left.time and right.request < left.request):
                below += 1
        other = heap[below]
        if time_s < other.time or (time_s == other.time and moved < other.request):
            break
        heap[place].time, heap[place].request = other.time, other.request
        place = below
    heap[place].time, heap[place].request = time_s, moved
    return request


@compiled
def push_running(world: World, replica: int, step: int, request: int) -> None:
    """A sequence decodes on the replica until `step`."""
    record = world.replicas[replica]
    place = record.running
    record.running += 1
    while place > 0:
        above = (place - 1) >> 1
        if world.running[replica, above].step <= step:
            break
        world.running[replica, place].step, world.running[replica, place].request = (
            world.running[replica, above].step,
            world.running[replica, above].request,
        )
        place = above
    world.running[replica, place].step, world.running[replica, place].request = step, request


@compiled
def remove_running(world: World, replica: int, place: int) -> int:
    """Take the sequence at `place` (0: the one that ends first) out; its request."""
    record = world.replicas[replica]
    request = world.running[replica, place].request
    record.running -= 1
    size = record.running
    step, moved = world.running[replica, size].step, world.running[replica, size].request
    while place > 0:
        above = (place - 1) >> 1
        if world.running[replica, above].step <= step:
            break
        world.running[replica, place].step, world.running[replica, place].request = (
            world.running[replica, above].step,
            world.running[replica, above].request,
        )
        place = above
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if (
            below + 1 < size
            and world.running[replica, below + 1].step < world.running[replica, below].step
        ):
            below += 1
        if step <= world.running[replica, below].step:
            break
        world.running[replica, place].step, world.running[replica, place].request = (
            world.running[replica, below].step,
            world.running[replica, below].request,
        )
        place = below
    world.running[replica, place].step, world.running[replica, place].request = step, moved
    return request
