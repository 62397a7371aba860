"""A prefill replica: prompts first come, first served, one by one or in batches."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.finishing import leave_if_empty
from heteroplan.simulation.events.heaps import set_timer
from heteroplan.simulation.events.lists import (
    append_shared,
    append_waiting,
    count,
    pop_shared,
    pop_waiting,
)
from heteroplan.simulation.events.routing import idle_prefill, touch
from heteroplan.simulation.events.steps import prefill_s
from heteroplan.simulation.events.transfer import send
from heteroplan.simulation.events.world import ANEW, PREFILL, SERVING, World


@compiled
def prompt_tokens(world: World, request: int) -> int:
    """Tokens that prefill has to compute: all of the context where a replica had it and lost it."""
    asked = world.requests[request]
    return int((asked.isl if asked.admitted == ANEW else asked.missed) + asked.given)


@compiled
def _next_prompt(world: World, replica: int) -> int:
    """Which request the replica would take next; -1 without any."""
    record = world.replicas[replica]
    if record.waiting > 0:
        return int(record.head)
    if world.workloads[record.workload].shared and record.state == SERVING:
        group = world.groups[record.group]
        if group.waiting > 0 and prompt_tokens(world, group.head) <= record.most_missed:
            return int(group.head)
    return -1


@compiled
def start_batch(world: World, replica: int) -> None:
    """An idle replica takes the prompts that wait, as many as a batch holds."""
    record = world.replicas[replica]
    total, squares = 0, 0.0
    while True:
        request = _next_prompt(world, replica)
        if request < 0:
            break
        tokens = prompt_tokens(world, request)
        if record.prompts > 0 and total + tokens > record.batch_tokens:
            break
        if record.waiting > 0:
            pop_waiting(world, replica)
        else:
            pop_shared(world, record.group)
            world.requests[request].replica = replica
            record.load += 1
        world.requests[request].next = -1
        if record.prompts == 0:
            record.batch = request
        else:
            world.requests[record.batch_tail].next = request
        record.batch_tail = request
        record.prompts += 1
        total += tokens
        squares += float(tokens) * tokens
    if record.prompts == 0:
        record.free_at = world.clock[0].now
        touch(world, replica)
        set_timer(world, replica, inf)
        leave_if_empty(world, replica)
        return
    record.since = world.clock[0].now
    record.chunk = total
    set_timer(world, replica, record.since + prefill_s(record, total, squares))


@compiled
def end_batch(world: World, replica: int) -> None:
    """The prompts of a batch go on to decode, and the next batch starts."""
    record, now = world.replicas[replica], world.clock[0].now
    world.busy_s[record.option] += now - record.since
    world.workloads[record.workload].prefilled_tokens += record.chunk
    request = record.batch
    for _ in range(record.prompts):
        after = world.requests[request].next
        record.load -= 1
        count(world, record.workload, PREFILL, 0, -1)
        send(world, replica, request)
        request = after
    record.prompts = 0
    start_batch(world, replica)


@compiled
def enter_prefill(world: World, replica: int, request: int) -> None:
    """The request is routed to the replica."""
    record = world.replicas[replica]
    tokens = prompt_tokens(world, request)
    start_s = max(world.clock[0].now, record.free_at)
    record.free_at = start_s + prefill_s(record, tokens, float(tokens) * tokens)
    record.load += 1
    touch(world, replica)
    world.requests[request].replica = replica
    count(world, record.workload, PREFILL, 0, 1)
    append_waiting(world, replica, request)
    if record.prompts == 0:
        start_batch(world, replica)


@compiled
def enter_shared(world: World, group: int, request: int) -> None:
    """The request is routed to the queue that the prefill replicas of a group share."""
    count(world, world.groups[group].workload, PREFILL, 0, 1)
    append_shared(world, group, request)
    idle = idle_prefill(world, group, request)
    if idle >= 0:
        start_batch(world, idle)
