"""Heaps: replicas by their next event, transfers by their end, sequences by their last step."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.world import World


@compiled
def _earlier(world: World, place: int, time_s: float, replica: int) -> bool:
    """Whether the timer at a place of the heap comes before another one."""
    timer = world.timers[place]
    return timer.time < time_s or (timer.time == time_s and timer.replica < replica)


@compiled
def _put(world: World, place: int, time_s: float, replica: int) -> None:
    timer = world.timers[place]
    timer.time, timer.replica = time_s, replica
    world.places[replica] = place


@compiled
def _move(world: World, to: int, place: int) -> None:
    timer = world.timers[place]
    _put(world, to, timer.time, timer.replica)


@compiled
def _rise(world: World, place: int, time_s: float, replica: int) -> None:
    """Put a timer where it belongs, at `place` or above."""
    while place > 0:
        above = (place - 1) >> 1
        if _earlier(world, above, time_s, replica):
            break
        _move(world, place, above)
        place = above
    _put(world, place, time_s, replica)


@compiled
def _sink(world: World, place: int, time_s: float, replica: int) -> None:
    """Put a timer where it belongs, at `place` or below."""
    size = world.clock[0].timers
    while True:
        below = 2 * place + 1
        if below >= size:
            break
        if below + 1 < size:
            left = world.timers[below]
            below += _earlier(world, below + 1, left.time, left.replica)
        if not _earlier(world, below, time_s, replica):
            break
        _move(world, place, below)
        place = below
    _put(world, place, time_s, replica)


@compiled
def _replace(world: World, place: int, time_s: float, replica: int) -> None:
    """Another timer takes the place of the one that is there."""
    if _earlier(world, place, time_s, replica):
        _sink(world, place, time_s, replica)
    else:
        _rise(world, place, time_s, replica)


@compiled
def set_timer(world: World, replica: int, time_s: float) -> None:
    """The replica's next event is at `time_s`; it has none where that is infinite."""
    clock, place = world.clock[0], world.places[replica]
    world.replicas[replica].timer = time_s
    if time_s < inf:
        if place >= 0:
            _replace(world, place, time_s, replica)
        else:
            clock.timers += 1
            _rise(world, clock.timers - 1, time_s, replica)
    elif place >= 0:
        world.places[replica] = -1
        clock.timers -= 1
        if place < clock.timers:
            last = world.timers[clock.timers]
            _replace(world, place, last.time, last.replica)


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
