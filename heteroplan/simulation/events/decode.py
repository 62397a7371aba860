"""A decode replica: continuous batching, from one change of its batch to the next.

It stands at the boundary `since`; its next event is `leap` steps later. What arrives in between
joins at the end of the step in progress.
"""

from math import inf

from heteroplan.numerics.compiling import compiled
from heteroplan.simulation.events.finishing import finished, first_token, leave_if_empty
from heteroplan.simulation.events.heaps import push_running, remove_running, set_timer
from heteroplan.simulation.events.lists import append_waiting, pop_waiting, prepend_waiting
from heteroplan.simulation.events.steps import (
    ROUNDING,
    late_steps,
    prefill_s,
    step_alone_s,
    steps_s,
    steps_within,
)
from heteroplan.simulation.events.world import ANEW, PREEMPT, World


@compiled
def admitted_alone(world: World, replica: int, request: int) -> None:
    """What a mean step of the request takes alone on the replica, and so how long one may take."""
    asked = world.requests[request]
    asked.step_alone = step_alone_s(world.replicas[replica], asked.isl + asked.osl / 2.0)
    asked.longest_gap = min(asked.gap, asked.gap_over_alone * asked.step_alone)


@compiled
def _count_late(world: World, replica: int, steps: int, ends_s: float) -> None:
    """Count gaps between tokens that are too long in the next `steps` steps, until `ends_s`.

    The first of them gives a request that is new its first token, which is no gap, and ends the gap
    of one that was evicted.
    """
    record = world.replicas[replica]
    first_s = ends_s - record.since if record.chunk > 0 else steps_s(record, 1)
    for place in range(record.running):
        asked = world.requests[world.running[replica, place].request]
        if asked.longest_gap == inf:
            continue
        asked.late += late_steps(record, steps, asked.longest_gap)
        gap_s = first_s
        if asked.evicted > 0.0:
            gap_s = record.since + first_s - asked.evicted
            asked.evicted = 0.0
        is_gap = asked.given + record.step - asked.admitted > 0
        if is_gap and gap_s > asked.longest_gap * (1.0 + ROUNDING):
            asked.late += 1


@compiled
def pass_steps(world: World, replica: int, steps: int, ends_s: float) -> None:
    """`steps` decode steps of the batch are over at `ends_s`."""
    record = world.replicas[replica]
    if steps > 0 and world.workloads[record.workload].by_gap:
        _count_late(world, replica, steps, ends_s)
    workload, spent_s = world.workloads[record.workload], ends_s - record.since
    tokens = record.running * steps
    record.step += steps
    record.held += tokens
    record.summed += tokens
    record.leap -= steps
    if steps > 0:
        record.extra = 0.0
    record.since = ends_s
    workload.decoded_tokens += tokens
    workload.gaps += tokens
    workload.gaps_s += record.running * spent_s
    world.busy_s[record.option] += spent_s


@compiled
def settle(world: World, replica: int) -> None:
    """Pass the steps that are over by now, so that counts and contexts are those of now."""
    record = world.replicas[replica]
    if record.running == 0 or record.leap <= 1:
        return
    steps = steps_within(record, world.clock[0].now - record.since)
    if 0 < steps < record.leap:
        pass_steps(world, replica, steps, record.since + steps_s(record, steps))


@compiled
def fits(world: World, replica: int, request: int) -> bool:
    """Whether a request can be admitted to the batch as it stands."""
    record, asked = world.replicas[replica], world.requests[request]
    if record.running + record.prompts >= max(1, record.most_running):
        return False
    if world.clock[0].kv_full == PREEMPT:
        held = record.held + asked.isl + asked.given
        return bool(held + record.running + record.prompts + 1 <= record.kv_tokens)
    return bool(record.reserved + asked.isl + asked.osl <= record.kv_tokens)


@compiled
def finish_due(world: World, replica: int) -> None:
    """Sequences that the last step ended leave the batch."""
    record, now = world.replicas[replica], world.clock[0].now
    while record.running > 0 and world.running[replica, 0].step <= record.step:
        request = remove_running(world, replica, 0)
        asked = world.requests[request]
        context = asked.isl + asked.given + record.step - asked.admitted
        record.held -= context
        record.summed -= context
        finished(world, replica, request, now)


@compiled
def newest_running(world: World, replica: int) -> int:
    """Place of the sequence that was admitted last."""
    place, latest = 0, -1
    for index in range(world.replicas[replica].running):
        turn = world.requests[world.running[replica, index].request].turn
        if turn > latest:
            place, latest = index, turn
    return place


@compiled
def evict_newest(world: World, replica: int) -> None:
    """The sequence that was admitted last leaves the KV cache and waits before all others."""
    record = world.replicas[replica]
    request = remove_running(world, replica, newest_running(world, replica))
    asked = world.requests[request]
    context = asked.isl + asked.given + record.step - asked.admitted
    record.held -= context
    record.summed -= context
    record.reserved -= asked.isl + asked.osl
    asked.given = context - asked.isl
    asked.evicted = world.clock[0].now
    asked.admitted = ANEW
    asked.restarts = min(127, asked.restarts + 1)
    prepend_waiting(world, replica, request)


@compiled
def _admit(world: World, replica: int) -> int:
    """Put what waits into the batch while it fits; the first request admitted, -1 without any."""
    record = world.replicas[replica]
    first = -1
    while record.waiting > 0 and fits(world, replica, record.head):
        request = pop_waiting(world, replica)
        asked = world.requests[request]
        context = asked.isl + asked.given
        if asked.admitted == ANEW:
            record.extra += prefill_s(record, context, float(context) * context)
        else:
            asked.first_alone += step_alone_s(record, float(asked.isl))
            admitted_alone(world, replica, request)
        asked.admitted = record.step
        record.admissions += 1
        asked.turn = record.admissions
        record.held += context
        record.summed += context
        record.reserved += asked.isl + asked.osl
        push_running(world, replica, record.step + asked.osl - asked.given, request)
        if first < 0:
            first = request
    return first


@compiled
def plan_leap(world: World, replica: int) -> None:
    """The batch stays until a sequence ends or the KV cache is full."""
    record = world.replicas[replica]
    steps = world.running[replica, 0].step - record.step
    if world.clock[0].kv_full == PREEMPT:
        steps = min(steps, max(1, (record.kv_tokens - record.held) // record.running))
    record.leap = steps
    set_timer(world, replica, record.since + steps_s(record, steps))


@compiled
def resume(world: World, replica: int) -> None:
    """At a boundary, now: evict what does not fit, admit what waits, and go on or rest."""
    record, now = world.replicas[replica], world.clock[0].now
    record.since = now
    if world.clock[0].kv_full == PREEMPT:
        while record.running > 1 and record.held + record.running > record.kv_tokens:
            evict_newest(world, replica)
    waiting = record.waiting
    request = _admit(world, replica)
    if record.running == 0:
        record.leap = 0
        set_timer(world, replica, inf)
        leave_if_empty(world, replica)
        return
    first_s = now + steps_s(record, 1)
    for _ in range(waiting - record.waiting):
        first_token(world, request, first_s)
        request = world.requests[request].next
    plan_leap(world, replica)


@compiled
def end_leap(world: World, replica: int) -> None:
    """The next event of a decode replica."""
    record = world.replicas[replica]
    pass_steps(world, replica, record.leap, record.timer)
    finish_due(world, replica)
    resume(world, replica)


@compiled
def shorten_leap(world: World, replica: int) -> None:
    """The batch changes at the end of the step in progress."""
    record = world.replicas[replica]
    steps = steps_within(record, world.clock[0].now - record.since) + 1
    if steps < record.leap:
        record.leap = steps
        set_timer(world, replica, record.since + steps_s(record, steps))


@compiled
def enter_decode(world: World, replica: int, request: int) -> None:
    """The request's KV cache is there."""
    record = world.replicas[replica]
    append_waiting(world, replica, request)
    if record.running == 0:
        resume(world, replica)
    elif record.waiting == 1 and fits(world, replica, request):
        shorten_leap(world, replica)
