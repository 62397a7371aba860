"""An aggregated replica: each step decodes the batch and prefills a chunk of the prompts admitted.

While no prompt is being prefilled its steps are leapt over as those of a decode replica.
"""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.decode import (
    admitted_alone,
    evict_newest,
    finish_due,
    fits,
    pass_steps,
    plan_leap,
    shorten_leap,
)
from heteroplan.simulation.events.finishing import finished, first_token, leave_if_empty
from heteroplan.simulation.events.heaps import push_running, set_timer
from heteroplan.simulation.events.lists import (
    append_waiting,
    count,
    pop_waiting,
    prepend_waiting,
)
from heteroplan.simulation.events.prefill import prompt_tokens
from heteroplan.simulation.events.routing import touch
from heteroplan.simulation.events.steps import ROUNDING, prefill_s, prompt_alone_s, steps_s
from heteroplan.simulation.events.world import AGGREGATED, ANEW, PREEMPT, World


@compiled
def _evict_prompt(world: World, replica: int) -> None:
    """The prompt that was admitted last leaves the KV cache and waits before all others."""
    record = world.replicas[replica]
    before, request = -1, record.batch
    for _ in range(record.prompts - 1):
        before, request = request, world.requests[request].next
    record.prompts -= 1
    if record.prompts == 0:
        record.done = 0
    else:
        record.batch_tail = before
    asked = world.requests[request]
    record.held -= asked.isl + asked.given
    record.reserved -= asked.isl + asked.osl
    asked.admitted = ANEW
    asked.restarts = min(127, asked.restarts + 1)
    prepend_waiting(world, replica, request)


@compiled
def _admit(world: World, replica: int) -> None:
    record = world.replicas[replica]
    while record.waiting > 0 and fits(world, replica, record.head):
        request = pop_waiting(world, replica)
        asked = world.requests[request]
        record.held += asked.isl + asked.given
        record.reserved += asked.isl + asked.osl
        asked.next = -1
        if record.prompts == 0:
            record.batch = request
        else:
            world.requests[record.batch_tail].next = request
        record.batch_tail = request
        record.prompts += 1


@compiled
def _prefilled(world: World, replica: int, request: int) -> None:
    """A prompt is done: its first token is there, and it decodes on, if it is to have more."""
    record, asked, now = world.replicas[replica], world.requests[request], world.clock[0].now
    tokens, late_s = float(asked.missed), 0.0
    if record.first_base > 0.0 or record.first_token > 0.0:
        alone_s = record.first_base + record.first_token * tokens
        late_s = max(0.0, alone_s - prefill_s(record, tokens, tokens * tokens))
    first_token(world, request, now + late_s)
    if asked.given == 0:
        asked.first_alone = prompt_alone_s(record, asked.missed) + late_s
        admitted_alone(world, replica, request)
    elif asked.evicted > 0.0:
        asked.late += now - asked.evicted > asked.longest_gap * (1.0 + ROUNDING)
        asked.evicted = 0.0
    asked.given += 1
    record.held += 1
    world.workloads[record.workload].decoded_tokens += 1
    if asked.given >= asked.osl:
        record.held -= asked.isl + asked.given
        finished(world, replica, request, now)
        return
    asked.admitted = record.step
    record.admissions += 1
    asked.turn = record.admissions
    record.summed += asked.isl + asked.given
    push_running(world, replica, record.step + asked.osl - asked.given, request)


@compiled
def _pass_chunk(world: World, replica: int) -> None:
    """The prompts have the tokens of the chunk."""
    record = world.replicas[replica]
    world.workloads[record.workload].prefilled_tokens += record.chunk
    left = record.chunk
    record.chunk = 0
    while left > 0:
        request = record.batch
        missing = prompt_tokens(world, request) - record.done
        if missing > left:
            record.done += left
            return
        left -= missing
        record.done = 0
        record.batch = world.requests[request].next
        record.prompts -= 1
        _prefilled(world, replica, request)


@compiled
def _plan_chunk(world: World, replica: int) -> None:
    """The next step prefills as many tokens as its budget leaves beside the sequences it decodes,

    or a whole prompt where there is no budget.
    """
    record = world.replicas[replica]
    request, done, total, squares = record.batch, float(record.done), 0, 0.0
    budget = max(1, record.batch_tokens - record.running)
    for _ in range(record.prompts):
        tokens = prompt_tokens(world, request) - int(done)
        if record.batch_tokens > 0:
            tokens = min(tokens, budget - total)
        squares += (done + tokens) * (done + tokens) - done * done
        total += tokens
        if record.batch_tokens == 0 or total >= budget:
            break
        done = 0.0
        request = world.requests[request].next
    record.chunk = total
    record.leap = 1
    time_s = prefill_s(record, float(total), squares)
    if record.running > 0:
        time_s += steps_s(record, 1)
    set_timer(world, replica, record.since + time_s)


@compiled
def resume_aggregated(world: World, replica: int) -> None:
    """At a boundary, now: evict what does not fit, admit what waits, and go on or rest."""
    record = world.replicas[replica]
    record.since = world.clock[0].now
    if world.clock[0].kv_full == PREEMPT:
        while (
            record.running + record.prompts > 1
            and record.held + record.running + record.prompts > record.kv_tokens
        ):
            if record.prompts > 0:
                _evict_prompt(world, replica)
            else:
                evict_newest(world, replica)
    _admit(world, replica)
    if record.prompts > 0:
        _plan_chunk(world, replica)
    elif record.running > 0:
        plan_leap(world, replica)
    else:
        record.leap = 0
        set_timer(world, replica, inf)
        leave_if_empty(world, replica)


@compiled
def end_aggregated(world: World, replica: int) -> None:
    """The next event of an aggregated replica."""
    record = world.replicas[replica]
    pass_steps(world, replica, record.leap, record.timer)
    if record.chunk > 0:
        _pass_chunk(world, replica)
    finish_due(world, replica)
    resume_aggregated(world, replica)


@compiled
def enter_aggregated(world: World, replica: int, request: int) -> None:
    """The request is routed to the replica."""
    record = world.replicas[replica]
    record.load += 1
    touch(world, replica)
    world.requests[request].replica = replica
    count(world, record.workload, AGGREGATED, 0, 1)
    append_waiting(world, replica, request)
    if record.running == 0 and record.prompts == 0:
        resume_aggregated(world, replica)
    elif record.prompts == 0 and record.waiting == 1 and fits(world, replica, request):
        shorten_leap(world, replica)
