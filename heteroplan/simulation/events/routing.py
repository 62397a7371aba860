"""Which group and which replica takes a request.

A workload's requests go to the group with the least requests in flight for what its ready replicas
serve; in it, to the prefill replica that would be done with them first, and from there to the
decode replica with the least load. A prompt goes where it is in time alone, if there is such a
place.
"""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.steps import prefill_s
from heteroplan.simulation.events.world import (
    DECODE,
    LEAST_WORK,
    PREFILL,
    RANDOM,
    ROUND_ROBIN,
    SERVING,
    STARTING,
    World,
)


@compiled
def random_below(world: World, bound: int) -> int:
    """A number of 0 to bound - 1, by xorshift64*."""
    clock = world.clock[0]
    state = clock.random
    state ^= state >> 12
    state ^= state << 25
    state ^= state >> 27
    clock.random = state
    return int(((state >> 33) * bound) >> 31)


@compiled
def touch(world: World, replica: int) -> None:
    """Write the replica's key anew, after its load, its queue or its state has changed."""
    record = world.replicas[replica]
    key = inf
    if record.state == SERVING:
        key = record.free_at if record.kind == PREFILL else (record.load + 1) / record.capacity
    world.keys[record.group, 1 if record.kind == DECODE else 0, record.seat] = key


@compiled
def _least_key(world: World, group: int, side: int, least: float) -> int:
    """The member with the least key, the first of those that have `least` or less; -1 if none."""
    keys = world.keys[group, side]
    best, lowest = -1, inf
    for place in range(world.member_counts[group, side]):
        if keys[place] < lowest:
            best, lowest = place, keys[place]
            if lowest <= least:
                break
    return int(world.members[group, side, best]) if best >= 0 else -1


@compiled
def reweigh(world: World, group: int) -> None:
    """Count again what the ready replicas of a group serve, and how long requests may be."""
    record = world.groups[group]
    rates = [0.0, 0.0]
    record.most_missed = record.in_time = record.most_isl = record.most_held = 0
    for side in range(2):
        for place in range(world.member_counts[group, side]):
            replica = world.replicas[world.members[group, side, place]]
            touch(world, world.members[group, side, place])
            if replica.state != SERVING:
                continue
            rates[side] += replica.capacity
            if side == 0:
                record.most_missed = max(record.most_missed, replica.most_missed)
                record.in_time = max(record.in_time, replica.in_time)
                record.most_isl = max(record.most_isl, replica.kv_tokens)
            if side == 1 or not record.split:
                record.most_held = max(record.most_held, replica.kv_tokens)
    record.weight = min(rates[0], rates[1]) if record.split else rates[0]


@compiled
def best_group(world: World, request: int) -> int:
    """The group that should take the request; -1 where none can at present."""
    asked = world.requests[request]
    workload, missed = world.workloads[asked.workload], asked.missed + asked.given
    best, least, best_in_time = -1, inf, False
    for group in range(workload.first_group, workload.first_group + workload.groups):
        record = world.groups[group]
        if (
            record.weight <= 0.0
            or missed > record.most_missed
            or asked.isl > record.most_isl
            or asked.isl + asked.osl > record.most_held
        ):
            continue
        in_time = missed <= record.in_time
        load = (record.in_flight + 1) / record.weight
        if (in_time and not best_in_time) or (in_time == best_in_time and load < least):
            best, least, best_in_time = group, load, in_time
    return best


@compiled
def _cost(world: World, index: int, missed: int) -> float:
    """What makes a replica a worse place for a request of `missed` tokens.

    Of prefill when it would be done with it; of others the requests on it for what it serves.
    """
    replica, clock = world.replicas[index], world.clock[0]
    if replica.kind != PREFILL:
        return float((replica.load + 1) / replica.capacity)
    service_s = prefill_s(replica, float(missed), float(missed) * missed)
    return float(max(clock.now, replica.free_at) + service_s)


@compiled
def best_replica(world: World, group: int, side: int, request: int, ready: bool) -> int:
    """The replica of a group for a request; -1 where none takes it.

    `side` is 1 for decode replicas, 0 for others. Those that are `ready` are asked, or those that
    are out of routing and run still.
    """
    asked, record, routing = world.requests[request], world.groups[group], world.clock[0].routing
    missed, held, amount = asked.missed + asked.given, asked.isl, world.member_counts[group, side]
    if side == 1 or not record.split:
        held += asked.osl
    if ready and record.alike and (routing == LEAST_WORK or (side == 1 and routing != RANDOM)):
        idle = world.clock[0].now if side == 0 and record.split else 0.0
        index = _least_key(world, group, side, idle)
        if index < 0:
            return -1
        replica = world.replicas[index]
        taken = held <= replica.kv_tokens and (side == 1 or missed <= replica.most_missed)
        return index if taken else -1
    start, in_turn = 0, False
    if routing == RANDOM and amount > 0:
        start, in_turn = random_below(world, amount), True
    elif routing == ROUND_ROBIN and side == 0:
        start, in_turn = record.turn, True
    best, least, best_in_time, best_place = -1, inf, False, 0
    for offset in range(amount):
        place = (start + offset) % amount if in_turn else offset
        index = world.members[group, side, place]
        replica = world.replicas[index]
        if (replica.state == SERVING) != ready or replica.state <= STARTING:
            continue
        if held > replica.kv_tokens or (side == 0 and missed > replica.most_missed):
            continue
        in_time = side == 1 or missed <= replica.in_time
        if best_in_time and not in_time:
            continue
        cost = 0.0 if in_turn else _cost(world, index, missed)
        if (in_time and not best_in_time) or cost < least:
            best, least, best_in_time, best_place = index, cost, in_time, place
            if in_time and in_turn:
                break
    if in_turn and side == 0 and best >= 0:
        record.turn = best_place + 1
    return int(best)


@compiled
def idle_prefill(world: World, group: int, request: int) -> int:
    """The first idle prefill replica of a group that takes the request; -1 where there is none."""
    asked = world.requests[request]
    for place in range(world.member_counts[group, 0]):
        index = world.members[group, 0, place]
        replica = world.replicas[index]
        if (
            replica.state == SERVING
            and replica.timer == inf
            and asked.missed + asked.given <= replica.most_missed
        ):
            return index
    return -1
