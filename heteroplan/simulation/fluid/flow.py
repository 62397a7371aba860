"""One step of a pool, and the loop over the steps of all workloads."""

from math import ceil, exp
from typing import Any

import numpy as np

from heteroplan.numerics.compiling import borrowed, compiled
from heteroplan.simulation.fluid.decoding import run_batches, step_s
from heteroplan.simulation.fluid.observing import in_queue, observe
from heteroplan.simulation.fluid.state import SPLIT, WHOLE, Flow
from heteroplan.simulation.fluid.waiting import delayed, pass_time
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL

OBSERVED_S = 15.0
"""Over which waits are averaged before they are compared with the SLO [s]."""
MOST_PREFILL = 0.98
"""Share of its time that an aggregated replica can spend on prefill beside decode."""


@compiled
def refresh(flow: Flow, workload: int, kind: int, mix: int) -> None:
    """What the ready replicas of a pool can do with a mix."""
    pool = flow.pools[workload, kind]
    pool.mix = mix
    role = PREFILL if kind == SPLIT else AGGREGATED
    rate = replicas = mean = square = 0.0
    for number in range(flow.ranges[workload, role, 0], flow.ranges[workload, role, 1]):
        ready, service = flow.options[number].ready, flow.services[number, mix]
        if ready > 0.0:
            own = ready / service.full
            rate += own
            replicas += ready
            mean += own * service.mean
            square += own * service.square
    pool.replicas = replicas
    if rate > 0.0:
        pool.service = mean / rate
        pool.each = replicas / rate
        pool.scv = max(0.0, square / rate / (pool.service * pool.service) - 1.0)
    set_rate(pool, rate)
    role = DECODE if kind == SPLIT else AGGREGATED
    numbers = flow.mixes[workload, mix]
    pool.decoders = pool.weight = pool.slots = full = 0.0
    for number in range(flow.ranges[workload, role, 0], flow.ranges[workload, role, 1]):
        option = flow.options[number]
        pool.decoders += option.ready
        pool.weight += option.ready * option.capacity
        held = numbers.isl + numbers.osl if flow.clock[3] > 0.0 else numbers.context
        slots = max(1.0, min(option.most_running, option.kv_tokens / max(1.0, held)))
        pool.slots += option.ready * slots
        full += option.ready * step_s(option, slots, numbers.context) * numbers.osl
    pool.full_stay = full / pool.decoders if pool.decoders > 0.0 else 0.0
    pool.osl_scv = numbers.osl_scv


@compiled
def set_rate(pool: Any, rate: float) -> None:
    """The same unfinished work waits for another rate."""
    pool.rate = rate
    if rate <= 0.0:
        return
    wait = pool.queued / rate
    change = wait / pool.wait if pool.wait > 0.0 else 1.0
    pool.wait = wait
    pool.wait_square = max(wait * wait, pool.wait_square * change * change)


@compiled
def pass_queue(flow: Flow, pool: Any, burst: float, rate: float, time: float) -> float:
    """Prompts come at `rate` for a while; how many leave the queue.

    The replicas have `queues` queues. Requests go where the least are in flight, decoded ones
    included, which makes one queue of them over times longer than a request stays, in which queues
    differ and not what is decoded. As much longer, prompts leave as evenly as they are served, and
    before as randomly as they came.
    """
    if pool.rate <= 0.0:
        pool.queued += rate * time
        pool.through = 0.0
        return 0.0
    load = rate / pool.rate
    lasting, servers = 1.0, pool.servers * pool.queues
    if load < 1.0:
        noise = pool.each * (burst + pool.scv) / pool.servers
        relaxation = noise / ((1.0 - load) * (1.0 - load))
        lasting = relaxation / (relaxation + pool.stay)
        servers = pool.servers * (1.0 + (pool.queues - 1.0) * lasting)
    noise = pool.each * (burst + pool.scv) / servers
    share = delayed(flow.erlang, servers, load)
    pool.wait, pool.wait_square = pass_time(pool.wait, pool.wait_square, load, share, noise, time)
    out = max(0.0, pool.queued + rate * time - pool.rate * pool.wait)
    pool.queued += rate * time - out
    pool.through = out / time
    pool.burst = burst + (min(burst, pool.scv) - burst) * lasting
    return float(out)


@compiled
def batched_s(flow: Flow, workload: int, pool: Any, mix: int) -> tuple[float, float]:
    """What batching adds to the time of a prompt, and the busy share of the replicas.

    A replica that takes k prompts at a time has as many come while it computes: k = rate * time(k).
    """
    first, last = flow.ranges[workload, PREFILL]
    best = first
    for number in range(first, last):
        if flow.options[number].ready > flow.options[best].ready:
            best = number
    service = flow.services[best, mix]
    rate = pool.through / pool.replicas
    if service.prompts <= 1.0:
        return 0.0, min(1.0, rate * pool.each)
    longer = (service.full * service.prompts - service.mean) / (service.prompts - 1.0)
    fixed = service.mean - longer
    left = 1.0 - rate * longer
    prompts = service.prompts
    if left > 0.0:
        prompts = min(prompts, max(1.0, rate * fixed / left))
    time = fixed + longer * prompts
    busy = min(1.0, rate * time / prompts)
    return time - service.mean + busy * time / 2.0, busy


@compiled
def shared_s(service: Any, came: float) -> float:
    """Prefill time of a prompt where `came` come in a step and share the next one [s]."""
    if service.prompts <= 1.0 or came <= 0.0:
        return float(service.mean)
    together = min(service.prompts, came / (1.0 - exp(-came)))
    saved = (1.0 - 1.0 / together) / (1.0 - 1.0 / service.prompts)
    return float(service.mean - (service.mean - service.full) * saved)


@compiled
def share_replica(flow: Flow, workload: int, pool: Any, mix: int, time: float) -> float:
    """An aggregated pool prefills beside decode; how often a step takes as long as without it."""
    first, last = flow.ranges[workload, AGGREGATED]
    numbers = flow.mixes[workload, mix]
    each, most, delay = 0.0, 0.0, 0.0
    for number in range(first, last):
        option, service = flow.options[number], flow.services[number, mix]
        if option.ready > most:
            most = option.ready
            steps = 1.0
            if option.batch_tokens > 0.0:
                steps = numbers.missed / max(1.0, option.batch_tokens - option.batch)
            decoding = min(1.0, option.batch)
            alone = shared_s(service, pool.through / pool.replicas * pool.whole_step)
            pool.service = alone
            each = alone + steps * pool.step * decoding
            delay = pool.step * decoding * (0.5 + max(1.0, ceil(steps)))
            if option.first_base > 0.0 or option.first_token > 0.0:
                measured = option.first_base + option.first_token * numbers.missed
                delay += max(0.0, measured - service.mean)
    if pool.replicas > 0.0:
        pool.each = each
        set_rate(pool, pool.replicas / each)
    pool.token_wait = delay
    busy = 0.0
    if pool.replicas > 0.0:
        busy = min(MOST_PREFILL, pool.through / pool.replicas * pool.service)
    for number in range(first, last):
        flow.options[number].busy += (
            flow.options[number].ready * busy * time * max(0.0, 1.0 - flow.options[number].batch)
        )
    return 1.0 / (1.0 - busy)


@compiled
def pass_room(flow: Flow, pool: Any, came: float, time: float) -> float:
    """How many of `admitting` are admitted: sequences are servers, their decoding the service."""
    if pool.slots <= 0.0 or pool.full_stay <= 0.0:
        return 0.0
    rate = pool.slots / pool.full_stay
    load = came / time / rate
    servers = pool.slots / pool.queues
    noise = pool.full_stay * (pool.burst + pool.osl_scv) / servers
    before = pool.admitting - came
    pool.room_wait = before / rate
    pool.room_square = max(pool.room_square, pool.room_wait * pool.room_wait)
    share = delayed(flow.erlang, servers, load)
    pool.room_wait, pool.room_square = pass_time(
        pool.room_wait, pool.room_square, load, share, noise, time
    )
    return float(max(0.0, pool.admitting - rate * pool.room_wait))


@compiled
def see(pool: Any, amount: float) -> None:
    """Note how long the requests that are admitted have waited."""
    pool.seen += amount
    pool.seen_wait += amount * (pool.wait + pool.room_wait)
    both = pool.wait_square + pool.room_square + 2.0 * pool.wait * pool.room_wait
    pool.seen_square += amount * both
    pool.seen_step += amount * pool.step
    pool.seen_variance += amount * (pool.step_variance + pool.step * pool.step)
    pool.seen_after += amount * (pool.token_wait + pool.extra)


@compiled
def decode(flow: Flow, workload: int, kind: int, mix: int, came: float, time: float) -> None:
    """Prefilled requests come, are admitted while there is room, and get their tokens."""
    pool, numbers = flow.pools[workload, kind], flow.mixes[workload, mix]
    told = flow.workloads[workload]
    stretch = 1.0
    pool.stay = pool.step * numbers.osl
    tokens = run_batches(flow, workload, kind, mix, time)
    if kind == WHOLE:
        stretch = share_replica(flow, workload, pool, mix, time)
        prompts = pool.through / max(1.0, pool.replicas) * numbers.osl * pool.step * stretch
        pool.step *= stretch
        pool.whole_step = pool.step
        taken = pool.service * pool.service * (1.0 + pool.scv) * prompts
        pool.step_variance = pool.step_variance * stretch * stretch + taken / (
            numbers.osl * numbers.osl
        )
        tokens /= stretch
    pool.admitting += came
    pool.admitting_tokens += came * numbers.osl
    if pool.decoding_tokens > 1e-9 and tokens > 0.0:
        ending = tokens / pool.decoding_tokens * time
    else:
        ending = time / max(1e-9, numbers.osl * pool.step)
    stays = exp(-ending)
    mean_stay = (1.0 - stays) / ending if ending > 1e-12 else 1.0
    room = max(0.0, pool.slots - pool.decoding * stays) / mean_stay
    admitted = min(pass_room(flow, pool, came, time), room)
    brought = pool.admitting_tokens * (admitted / pool.admitting) if admitted > 0.0 else 0.0
    decoding = pool.decoding * stays + admitted * mean_stay
    left = pool.decoding_tokens * stays + brought * mean_stay
    finished, given = pool.decoding + admitted - decoding, pool.decoding_tokens + brought - left
    pool.admitting -= admitted
    pool.admitting_tokens -= brought
    told.gaps_s += (pool.decoding + pool.leaving) * time
    pool.decoding, pool.decoding_tokens = decoding, left
    if pool.leaving > 0.0:
        rest = exp(-pool.leaving / pool.step / max(pool.leaving_tokens, 1e-9) * time)
        finished += pool.leaving * (1.0 - rest)
        given += pool.leaving_tokens * (1.0 - rest)
        pool.leaving *= rest
        pool.leaving_tokens *= rest
    if kind == SPLIT:
        running = min(1.0, pool.decoding / max(1.0, pool.decoders))
        pool.token_wait = pool.step * (1.0 + 0.5 * running)
    told.finished += finished
    told.finished_osl += given
    told.decoded_tokens += given
    told.gaps += given
    told.first_tokens += admitted
    told.ttft_s += admitted * (pool.wait + pool.room_wait + pool.service + pool.token_wait)
    see(pool, admitted)


@compiled
def advance(flow: Flow, workload: int, kind: int, rate: float, mix: int, time: float) -> None:
    """One step of a pool at a rate."""
    pool, numbers = flow.pools[workload, kind], flow.mixes[workload, mix]
    told = flow.workloads[workload]
    if pool.mix != mix:
        refresh(flow, workload, kind, mix)
    out = pass_queue(flow, pool, told.burst, rate, time)
    extra = 0.0
    if kind == SPLIT and pool.replicas > 0.0:
        extra, busy = batched_s(flow, workload, pool, mix)
        for number in range(flow.ranges[workload, PREFILL, 0], flow.ranges[workload, PREFILL, 1]):
            flow.options[number].busy += flow.options[number].ready * busy * time
    pool.extra = extra
    lag = pool.service + extra + (pool.token_wait if kind == WHOLE else 0.0)
    stays = exp(-time / lag) if lag > 0.0 else 0.0
    prefilling = pool.prefilling * stays + pool.through * lag * (1.0 - stays)
    came = max(0.0, pool.prefilling + out - prefilling)
    pool.prefilling += out - came
    told.prefilled_tokens += came * numbers.missed
    decode(flow, workload, kind, mix, came, time)
    count(flow, workload, kind, time)


@compiled
def count(flow: Flow, workload: int, kind: int, time: float) -> None:
    """What waits and runs, now and as sums over time."""
    pool = flow.pools[workload, kind]
    waiting = in_queue(pool)
    decoding = pool.decoding + pool.leaving + pool.admitting
    if kind == SPLIT:
        add(flow.roles[workload, PREFILL], waiting, waiting + pool.prefilling, time)
        boundary = min(pool.decoding, pool.through * (pool.token_wait - pool.step))
        add(flow.roles[workload, DECODE], pool.admitting + max(0.0, boundary), decoding, time)
    else:
        add(
            flow.roles[workload, AGGREGATED],
            waiting + pool.admitting,
            waiting + pool.prefilling + decoding,
            time,
        )


@compiled
def add(role: Any, waiting: float, present: float, time: float) -> None:
    """Write what is there, and add it to the sums."""
    role.waiting, role.present = waiting, present
    role.waiting_s += waiting * time
    role.present_s += present * time


@compiled
def run_workload(flow: Flow, workload: int, until: float) -> None:
    """All steps of one workload until then."""
    now, told = flow.clock[0], flow.workloads[workload]
    piece = np.searchsorted(flow.edges, now, side="right") - 1
    while now < until - 1e-9:
        while flow.edges[piece + 1] <= now + 1e-9:
            piece += 1
        time = min(flow.clock[1], until - now, flow.edges[piece + 1] - now)
        rate, mix = flow.rates[workload, piece], flow.mix[workload, piece]
        numbers = flow.mixes[workload, mix]
        for kind in range(2):
            if flow.pools[workload, kind].split > 0.0 or flow.pools[workload, kind].queued > 0.0:
                advance(flow, workload, kind, rate * flow.pools[workload, kind].split, mix, time)
        came = rate * time
        told.came += came
        told.arrived += came
        told.arrived_isl += came * numbers.isl
        told.arrived_cached += came * numbers.cached
        if (now + time) // OBSERVED_S > now // OBSERVED_S or now + time >= flow.edges[
            -2
        ] - 1e-9 > now:
            observe(flow, workload, now + time)
        now += time


@compiled
def observe_all(flow: Flow) -> None:
    """Compare what left the queues since the last time with the SLOs."""
    for workload in range(len(flow.workloads)):
        observe(flow, workload, flow.clock[0])


@compiled
def run(flow: Flow, until: float) -> None:
    """All steps of all workloads until then."""
    flow = borrowed(flow)
    for workload in range(len(flow.workloads)):
        run_workload(flow, workload, until)
    flow.clock[0] = until
