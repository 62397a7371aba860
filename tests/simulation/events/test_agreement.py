"""The compiled simulator against the naive one, request by request."""

from dataclasses import replace
from math import isnan

import pytest

from tests.simulation.events.compiled_case import CompiledCase
from tests.simulation.naive import simulate
from tests.simulation.naive_case import Case, Command, Kill, RequestOutcome, Start
from tests.simulation.naive_random import random_case

SEEDS, A_TEST = 400, 50
CLOSE_S = 1e-7


def close(one_s: float, other_s: float) -> bool:
    return abs(one_s - other_s) < CLOSE_S or (isnan(one_s) and isnan(other_s))


def same(got: RequestOutcome, wanted: RequestOutcome) -> bool:
    if wanted.outcome == "absent":
        return isnan(got.first_token_s)
    return (
        got.outcome == wanted.outcome
        and close(got.arrived_s, wanted.arrived_s)
        and got.restarts == wanted.restarts
        and close(got.first_token_s, wanted.first_token_s)
        and close(got.last_token_s, wanted.last_token_s)
        and (wanted.outcome != "finished" or same_alone(got, wanted))
    )


def same_alone(got: RequestOutcome, wanted: RequestOutcome) -> bool:
    return (
        close(got.first_alone_s, wanted.first_alone_s)
        and close(got.step_alone_s, wanted.step_alone_s)
        and got.late_gaps == wanted.late_gaps
    )


def differences(case: Case) -> list[str]:
    """What the compiled simulator says otherwise."""
    naive, compiled = simulate(case), CompiledCase(case)
    compiled.run()
    found = [
        f"request {index}: {got}, naive {wanted}"
        for index, (got, wanted) in enumerate(zip(compiled.requests(), naive.requests, strict=True))
        if not same(got, wanted)
    ]
    busy_s = compiled.simulator.busy_s()
    for index, replica in enumerate(naive.replicas):
        if abs(replica.busy_s - busy_s[index]) > CLOSE_S:
            found.append(f"replica {index}: busy for {busy_s[index]} s, naive {replica.busy_s} s")
    for number, record in enumerate(compiled.simulator.world.workloads):
        own = [
            outcome
            for outcome, given in zip(naive.replicas, case.replicas, strict=True)
            if case.groups[given.group] == number
        ]
        for name, wanted in (
            ("prefilled_tokens", sum(each.prefill_tokens for each in own)),
            ("decoded_tokens", sum(each.decode_tokens for each in own)),
        ):
            if record[name] != wanted:
                found.append(f"workload {number}: {name} {record[name]}, naive {wanted}")
    return found


@pytest.mark.parametrize("first", range(0, SEEDS, A_TEST))
def test_random_cases(first: int) -> None:
    """Everything at a time: what becomes of each request, and all counts."""
    found = {seed: differences(random_case(seed)) for seed in range(first, first + A_TEST)}
    assert not {seed: each for seed, each in found.items() if each}


def test_replicas_that_fail_together() -> None:
    """All that are ready at the start, of one group or of all, and each is back in its time."""
    for seed in range(60):
        case = random_case(seed)
        failing = tuple(
            index
            for index, each in enumerate(case.replicas)
            if each.at_start and (seed % 2 or each.group == 0)
        )
        commands: list[Command] = [Kill(1.51, failing)] if failing else []
        commands += [Start(2.13 + 0.17 * index, index, 0.31) for index in failing]
        found = differences(replace(case, commands=tuple(commands)))
        assert not found, (seed, found)
