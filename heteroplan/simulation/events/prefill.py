"""A prefill replica: prompts first come, first served, one by one or in batches."""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.finishing import leave_if_empty
from heteroplan.simulation.events.heaps import set_timer
from heteroplan.simulation.events.lists import (
    append_shared,
    append_waiting,
    count,
    pop_waiting,
    take_shared,
)
from heteroplan.simulation.events.routing import idle_prefill, suits, touch
from heteroplan.simulation.events.steps import prefill_s
from heteroplan.simulation.events.transfer import send
from heteroplan.simulation.events.world import ANEW, DECODE, PREFILL, SERVING, SHARED, World


@compiled
def prompt_tokens(world: World, request: int) -> int:
    """Tokens that prefill has to compute: all of the context where a replica had it and lost it."""
    asked = world.requests[request]
    return int((asked.isl if asked.admitted == ANEW else asked.missed) + asked.given)


@compiled
def _fits_batch(world: World, replica: int, request: int, total: int) -> bool:
    record = world.replicas[replica]
    tokens = prompt_tokens(world, request)
    return bool(record.prompts == 0 or total + tokens <= record.batch_tokens)


@compiled
def _join(world: World, replica: int, request: int) -> int:
    """The prompt is of the batch that starts; its tokens."""
    record = world.replicas[replica]
    world.requests[request].next = -1
    if record.prompts == 0:
        record.batch = request
    else:
        world.requests[record.batch_tail].next = request
    record.batch_tail = request
    record.prompts += 1
    tokens = prompt_tokens(world, request)
    record.chunk += tokens
    record.squares += float(tokens) * tokens
    return tokens


@compiled
def _take_shared(world: World, replica: int) -> None:
    """Of the shared queue the first prompts that the replica can take, while they fit the batch."""
    record = world.replicas[replica]
    group, before = world.groups[record.group], -1
    request = group.head if group.waiting > 0 else -1
    for _ in range(group.waiting):
        after = world.requests[request].next
        if suits(world, replica, request) == 0:
            before = request
        elif _fits_batch(world, replica, request, record.chunk):
            take_shared(world, record.group, before)
            world.requests[request].replica = replica
            record.load += 1
            _join(world, replica, request)
        else:
            break
        request = after


@compiled
def start_batch(world: World, replica: int) -> None:
    """An idle replica takes the prompts that wait, as many as a batch holds."""
    record, now = world.replicas[replica], world.clock[0].now
    record.chunk, record.squares = 0, 0.0
    while record.waiting > 0 and _fits_batch(world, replica, record.head, record.chunk):
        tokens = _join(world, replica, pop_waiting(world, replica))
        record.queued_s -= prefill_s(record, float(tokens), float(tokens) * tokens)
    shared = world.workloads[record.workload].prefill_routing == SHARED
    if record.state == SERVING and shared:
        _take_shared(world, replica)
    if record.waiting == 0:
        record.queued_s = 0.0
    if record.prompts == 0:
        record.free_at = now
        touch(world, replica)
        set_timer(world, replica, inf)
        leave_if_empty(world, replica)
        return
    record.since = now
    ends_s = now + prefill_s(record, float(record.chunk), record.squares)
    record.free_at = ends_s + record.queued_s
    touch(world, replica)
    set_timer(world, replica, ends_s)


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
        asked = world.requests[request]
        asked.source = replica
        asked.first_alone = prefill_s(record, float(asked.missed), float(asked.missed) ** 2)
        count(world, asked.workload, PREFILL, 0, -1)
        count(world, asked.workload, DECODE, 0, 1)
        send(world, request)
        request = after
    record.prompts = 0
    start_batch(world, replica)


@compiled
def enter_prefill(world: World, replica: int, request: int) -> None:
    """The request is routed to the replica."""
    record = world.replicas[replica]
    tokens = float(prompt_tokens(world, request))
    service_s = prefill_s(record, tokens, tokens * tokens)
    record.queued_s += service_s
    record.free_at += service_s
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
