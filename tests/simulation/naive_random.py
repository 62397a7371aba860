"""Random small cases of everything that the naive simulator knows; times are such that no two
events meet by chance."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from random import Random

from tests.simulation.naive_case import (
    Case,
    Command,
    Drain,
    FirstTokenTime,
    Kill,
    Linger,
    NaiveAggregated,
    NaiveDecode,
    NaivePrefill,
    NaiveReplica,
    NaiveRequest,
    NaiveWorkload,
    PrefillTime,
    Restore,
    Routing,
    Start,
    StepTime,
)


def random_case(seed: int, requests: int = 60) -> Case:
    """One or two workloads, one to three groups, a life of its own for each replica."""
    random = Random(seed)
    workloads = _workloads(random)
    groups = (*range(len(workloads)), *([0] if random.random() < 0.5 else []))
    replicas = tuple(
        replica for group in range(len(groups)) for replica in _group_replicas(random, group)
    )
    if workloads[0].users is not None:
        replicas = tuple(_uneven(random, each) for each in replicas)
    commands = [
        command
        for index, replica in enumerate(replicas)
        for command in _life(random, index, replica.at_start)
    ]
    at_s, stream = 0.0, []
    for _ in range(requests):
        at_s += random.expovariate(10.0)
        isl = random.randint(1, 60)
        cached = random.choice([0, random.randrange(isl)])
        workload = random.randrange(len(workloads))
        limits = (
            random.choice([inf, random.uniform(0.005, 0.2)]),
            random.choice([inf, random.uniform(1.0, 10.0)]),
        )
        osl = random.randint(1, 20)
        stream.append(NaiveRequest(at_s, isl, osl, cached, workload, *limits))
    return Case(
        replicas,
        tuple(stream),
        duration_s=at_s + random.choice([0.001, 1.0, 1000.0]),
        workloads=workloads,
        groups=groups,
        commands=tuple(sorted(commands, key=lambda each: each.at_s)),
        bandwidth={(0, 1): 0.7, (1, 0): 0.8},
    )


def _workloads(random: Random) -> tuple[NaiveWorkload, ...]:
    """One or two; a full KV cache and closed loops are the same for both."""
    waits = random.random() < 0.4
    users = random.choice([None, None, random.randint(1, 12)])
    alone = [Routing.LEAST_WORK, Routing.LEAST_WORK, Routing.ROUND_ROBIN]
    return tuple(
        NaiveWorkload(
            routing=random.choice([*alone, Routing.SHARED]),
            decode_routing=random.choice(alone),
            aggregated_routing=random.choice(alone),
            waits_when_full=waits,
            kv_bytes_per_token=random.choice([0.0, random.uniform(1e3, 1e5)]),
            transfers_missed=random.random() < 0.5,
            users=users,
        )
        for _ in range(random.randint(1, 2))
    )


def _group_replicas(random: Random, group: int) -> list[NaiveReplica]:
    """Of an engine for each replica, or for each kind one; but step times are always of their own.

    Else replicas would go in step, and rounding would say whose step ends first.
    """
    kinds: list[Callable[[Random, int], NaiveReplica]]
    kinds = [_aggregated] if random.random() < 0.3 else [_prefill, _decode]
    alike = random.random() < 0.4
    found: list[NaiveReplica] = []
    for kind in kinds:
        each = [kind(random, group) for _ in range(random.randint(1, 3))]
        found += [_like(each[0], own) for own in each] if alike else each
    return found


def _uneven(random: Random, replica: NaiveReplica) -> NaiveReplica:
    """With steps that all take their own time.

    In a closed loop several chains of equal steps and prompts would end at one moment.
    """
    if isinstance(replica, NaivePrefill):
        return replace(replica, time=replace(replica.time, floor_ms=0.0))
    context = random.uniform(0.01, 0.1)
    step = replace(replica.step, ms_per_context_token=context, floor_ms=0.0)
    return replace(replica, step=step)


def _like(first: NaiveReplica, own: NaiveReplica) -> NaiveReplica:
    if isinstance(first, NaiveAggregated) and isinstance(own, NaiveAggregated):
        return replace(first, step=own.step, at_start=own.at_start)
    if isinstance(first, NaiveDecode) and isinstance(own, NaiveDecode):
        return replace(first, step=own.step, leaf=own.leaf, at_start=own.at_start)
    if isinstance(first, NaivePrefill) and isinstance(own, NaivePrefill):
        return replace(first, leaf=own.leaf, at_start=own.at_start)
    raise ValueError("replicas of two kinds")


def _prefill_time(random: Random) -> PrefillTime:
    return PrefillTime(
        random.uniform(0.0, 20.0),
        random.uniform(0.1, 3.0),
        random.choice([0.0, random.uniform(0.0, 0.02)]),
        random.choice([0.0, random.uniform(0.0, 60.0)]),
    )


def _step_time(random: Random) -> StepTime:
    return StepTime(
        random.uniform(0.0, 20.0),
        random.choice([0.0, random.uniform(0.0, 5.0)]),
        random.uniform(0.0, 5.0),
        random.choice([0.0, random.uniform(0.0, 0.1)]),
        random.choice([0.0, random.uniform(0.0, 30.0)]),
    )


def _prefill(random: Random, group: int) -> NaivePrefill:
    return NaivePrefill(
        _prefill_time(random),
        group,
        capacity_rps=random.uniform(1.0, 3.0),
        in_flight=random.uniform(1.0, 3.0),
        max_batch_tokens=random.choice([None, random.randint(10, 200)]),
        kv_tokens=random.choice([50, 55, 1000]),
        tokens_in_time=random.choice([30, 100]),
        leaf=random.randrange(2),
        nic_bytes_per_s=random.uniform(1e6, 1e8),
        at_start=random.random() < 0.8,
    )


def _decode(random: Random, group: int) -> NaiveDecode:
    return NaiveDecode(
        _step_time(random),
        _prefill_time(random),
        group,
        capacity_rps=random.uniform(1.0, 3.0),
        in_flight=random.uniform(1.0, 3.0),
        max_sequences=random.choice([3, 8, 1000]),
        kv_tokens=random.choice([70, 120, 250, 10000]),
        leaf=random.randrange(2),
        nic_bytes_per_s=random.uniform(1e6, 1e8),
        at_start=random.random() < 0.8,
    )


def _aggregated(random: Random, group: int) -> NaiveAggregated:
    delayed = FirstTokenTime(random.uniform(0.0, 40.0), random.uniform(0.0, 3.0))
    return NaiveAggregated(
        _prefill_time(random),
        _step_time(random),
        random.choice([None, delayed]),
        group,
        capacity_rps=random.uniform(1.0, 3.0),
        in_flight=random.uniform(1.0, 3.0),
        max_batch_tokens=random.choice([None, random.randint(2, 100)]),
        max_sequences=random.choice([3, 8, 1000]),
        kv_tokens=random.choice([70, 120, 250, 10000]),
        tokens_in_time=random.choice([30, 100]),
        at_start=random.random() < 0.8,
    )


def _life(random: Random, replica: int, at_start: bool) -> list[Command]:
    """Commands that suit the replica's state when they come."""
    commands: list[Command] = []
    at_s = random.uniform(0.0, 3.0)
    if not at_start:
        startup_s = random.uniform(0.0, 2.0)
        commands.append(Start(at_s, replica, startup_s))
        at_s += startup_s + random.uniform(0.1, 2.0)
    if random.random() < 0.3:
        commands += [Linger(at_s, replica), Restore(at_s + 0.5 + random.random(), replica)]
        at_s += 2.0
    match random.randrange(4):
        case 0:
            commands.append(Drain(at_s, replica, random.uniform(0.0, 1.0), random.random() < 0.5))
        case 1:
            commands.append(Kill(at_s, (replica,)))
            commands.append(Start(at_s + random.random(), replica, random.uniform(0.0, 1.0)))
    return commands
