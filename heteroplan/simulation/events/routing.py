"""Which group and which replica takes a request.

A workload's requests go to the group with the least requests in flight for what its ready replicas
serve; in it, and from prefill to decode, to a replica by the routing of the role: the one with the
least load (of prefill that which would be done first), the next one in turn, or any one. Unlike
replicas have turns and chances by their capacity, as the weights that `export` gives to routers. A
prompt goes where it is in time alone, if there is such a place.
"""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.steps import prefill_s
from heteroplan.simulation.events.world import (
    DECODE,
    LEAST_LOADED,
    PREFILL,
    RANDOM,
    ROUND_ROBIN,
    SERVING,
    SHARED,
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
def load(world: World, replica: int) -> float:
    """Requests on the replica and one more, for those that it has at its capacity."""
    record = world.replicas[replica]
    return float((record.load + 1) / record.in_flight)


@compiled
def touch(world: World, replica: int) -> None:
    """Write the replica's key anew, after its load, its queue or its state has changed."""
    record = world.replicas[replica]
    key = inf
    if record.state == SERVING:
        key = record.free_at if record.kind == PREFILL else load(world, replica)
    group, side = record.group, 1 if record.kind == DECODE else 0
    node = world.clock[0].seats + record.seat
    world.keys[group, side, node] = key
    while node > 1:
        key = min(key, world.keys[group, side, node ^ 1])
        node >>= 1
        if world.keys[group, side, node] == key:
            break
        world.keys[group, side, node] = key


@compiled
def _least_key(world: World, group: int, side: int, least: float) -> int:
    """The member with the least key, the first of those that have `least` or less; -1 if none."""
    wanted, node, seats = max(least, world.keys[group, side, 1]), 1, world.clock[0].seats
    if world.keys[group, side, 1] == inf:
        return -1
    while node < seats:
        node *= 2
        if world.keys[group, side, node] > wanted:
            node += 1
    return int(world.members[group, side, node - seats])


@compiled
def reweigh(world: World, group: int) -> None:
    """Count again what the ready replicas of a group serve, and how long requests may be."""
    record = world.groups[group]
    first_rps, decode_rps = 0.0, 0.0
    record.in_time = record.most_isl = record.most_held = 0
    for side in range(2):
        for place in range(world.member_counts[group, side]):
            replica = world.replicas[world.members[group, side, place]]
            touch(world, world.members[group, side, place])
            if replica.state != SERVING:
                continue
            if side == 0:
                first_rps += replica.capacity
                record.in_time = max(record.in_time, replica.in_time)
                record.most_isl = max(record.most_isl, replica.kv_tokens)
            else:
                decode_rps += replica.capacity
            if side == 1 or not record.split:
                record.most_held = max(record.most_held, replica.kv_tokens)
    record.weight = min(first_rps, decode_rps) if record.split else first_rps


@compiled
def suits(world: World, index: int, request: int) -> int:
    """0 where the replica cannot take the request, 2 where its prompt is in time alone, else 1."""
    asked, replica = world.requests[request], world.replicas[index]
    if replica.kind == DECODE:
        return 2 if asked.isl + asked.osl <= replica.kv_tokens else 0
    held = asked.isl if replica.kind == PREFILL else asked.isl + asked.osl
    if held > replica.kv_tokens:
        return 0
    return 2 if asked.missed + asked.given <= replica.in_time else 1


@compiled
def group_suits(world: World, group: int, request: int) -> int:
    """As `suits`, of the best ready replica of a group; 0 where no ready one can decode it."""
    record = world.groups[group]
    if record.alike:
        asked = world.requests[request]
        if asked.isl > record.most_isl or asked.isl + asked.osl > record.most_held:
            return 0
        return 2 if asked.missed + asked.given <= record.in_time else 1
    best = 0
    for side in range(2 if record.split else 1):
        found = 0
        for place in range(world.member_counts[group, side]):
            index = world.members[group, side, place]
            if world.replicas[index].state == SERVING:
                found = max(found, suits(world, index, request))
                if found == 2:
                    break
        if found == 0:
            return 0
        if side == 0:
            best = found
    return best


@compiled
def best_group(world: World, request: int) -> int:
    """The group that should take the request; -1 where none can at present."""
    workload = world.workloads[world.requests[request].workload]
    best, least, best_suits = -1, inf, 1
    for group in range(workload.first_group, workload.first_group + workload.groups):
        record = world.groups[group]
        if record.weight <= 0.0:
            continue
        found = group_suits(world, group, request)
        share = (record.in_flight + 1) / record.weight
        if found > best_suits or (found == best_suits and share < least):
            best, least, best_suits = group, share, found
    return best


@compiled
def _cost(world: World, index: int, missed: int) -> float:
    """What makes a replica a worse place for a request of `missed` tokens.

    Of prefill when it would be done with it; of others the requests on it for what it serves.
    """
    replica, clock = world.replicas[index], world.clock[0]
    if replica.kind != PREFILL:
        return load(world, index)
    service_s = prefill_s(replica, float(missed), float(missed) * missed)
    return float(max(clock.now, replica.free_at) + service_s)


@compiled
def _routing(world: World, group: int, side: int) -> int:
    """Of the replicas of a side; what shares no queue has the least loaded one take a request."""
    record = world.groups[group]
    workload = world.workloads[record.workload]
    found = workload.aggregated_routing
    if side == 1:
        found = workload.decode_routing
    elif record.split:
        found = workload.prefill_routing
    return int(LEAST_LOADED if found == SHARED else found)


@compiled
def best_replica(world: World, group: int, side: int, request: int) -> int:
    """The ready replica of a group for a request by its routing; -1 where none takes it.

    `side` is 1 for decode replicas, 0 for others.
    """
    routing = _routing(world, group, side)
    if routing in (ROUND_ROBIN, RANDOM) and not world.groups[group].alike:
        return _by_capacity(world, group, side, request, routing == ROUND_ROBIN)
    if routing == ROUND_ROBIN:
        return _next_in_turn(world, group, side, request)
    if routing == RANDOM:
        return _any(world, group, side, request)
    return least_loaded(world, group, side, request, True)


@compiled
def least_loaded(world: World, group: int, side: int, request: int, ready: bool) -> int:
    """The replica of a group with the least load for a request; -1 where none takes it.

    Those that are `ready` are asked, or those that are out of routing and run still.
    """
    record = world.groups[group]
    if ready and record.alike:
        idle = world.clock[0].now if side == 0 and record.split else 0.0
        index = _least_key(world, group, side, idle)
        return index if index >= 0 and suits(world, index, request) > 0 else -1
    missed = world.requests[request].missed
    best, least, best_suits = -1, inf, 1
    for place in range(world.member_counts[group, side]):
        index = world.members[group, side, place]
        state = world.replicas[index].state
        if (state == SERVING) != ready or state <= STARTING:
            continue
        found = suits(world, index, request)
        if found < best_suits:
            continue
        cost = _cost(world, index, missed)
        if found > best_suits or cost < least:
            best, least, best_suits = index, cost, found
    return int(best)


@compiled
def _from_place(world: World, group: int, side: int, request: int, start: int) -> int:
    """Place of the first ready member from `start` on that takes the request, in time if any is;

    -1 where none does.
    """
    amount, best, best_suits = world.member_counts[group, side], -1, 0
    for offset in range(amount):
        place = (start + offset) % amount
        index = world.members[group, side, place]
        if world.replicas[index].state != SERVING:
            continue
        found = suits(world, index, request)
        if found > best_suits:
            best, best_suits = place, found
            if found == 2:
                break
    return int(best)


@compiled
def _next_in_turn(world: World, group: int, side: int, request: int) -> int:
    record = world.groups[group]
    turn = record.turn if side == 0 else record.decode_turn
    place = _from_place(world, group, side, request, turn)
    if place < 0:
        return -1
    if side == 0:
        record.turn = place + 1
    else:
        record.decode_turn = place + 1
    return int(world.members[group, side, place])


@compiled
def _any(world: World, group: int, side: int, request: int) -> int:
    """Any ready member, each as likely; the next one from a place where most take it not."""
    amount = world.member_counts[group, side]
    if amount == 0:
        return -1
    for _ in range(amount):
        index = world.members[group, side, random_below(world, amount)]
        if world.replicas[index].state == SERVING and suits(world, index, request) == 2:
            return int(index)
    place = _from_place(world, group, side, request, random_below(world, amount))
    return int(world.members[group, side, place]) if place >= 0 else -1


@compiled
def _by_capacity(world: World, group: int, side: int, request: int, in_turn: bool) -> int:
    """A ready member that takes the request, in time if any is; -1 where none does.

    Any one with a chance by its capacity, or by smooth weighted round robin as of nginx and Envoy:
    each gets its capacity as credit, and the one with the most pays for all.
    """
    amount, best_suits, total = world.member_counts[group, side], 0, 0.0
    for place in range(amount):
        index = world.members[group, side, place]
        if world.replicas[index].state == SERVING:
            found = suits(world, index, request)
            if found > best_suits:
                best_suits, total = found, 0.0
            if found > 0 and found == best_suits:
                total += world.replicas[index].capacity
    if best_suits == 0:
        return -1
    best, most = -1, -inf
    left = 0.0 if in_turn else total * random_below(world, 1 << 30) / (1 << 30)
    for place in range(amount):
        index = world.members[group, side, place]
        replica = world.replicas[index]
        if replica.state != SERVING or suits(world, index, request) != best_suits:
            continue
        if in_turn:
            replica.credit += replica.capacity
            if replica.credit > most:
                best, most = index, replica.credit
        elif left >= 0.0:
            best = index
            left -= replica.capacity
    if in_turn:
        world.replicas[best].credit -= total
    return int(best)


@compiled
def idle_prefill(world: World, group: int, request: int) -> int:
    """The first idle prefill replica of a group that takes the request; -1 where there is none.

    One with which it is in time alone comes before the others.
    """
    best, best_suits = -1, 0
    for place in range(world.member_counts[group, 0]):
        index = world.members[group, 0, place]
        replica = world.replicas[index]
        if replica.state == SERVING and replica.prompts == 0:
            found = suits(world, index, request)
            if found > best_suits:
                best, best_suits = index, found
    return best
