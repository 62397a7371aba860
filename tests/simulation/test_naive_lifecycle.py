"""The naive simulator by hand: replicas that start, drain, linger and fail."""

from math import isnan

import pytest

from tests.simulation.naive import simulate
from tests.simulation.naive_case import (
    Case,
    Drain,
    Kill,
    Linger,
    NaiveDecode,
    NaivePrefill,
    NaiveRequest,
    NaiveWorkload,
    PrefillTime,
    Restore,
    Routing,
    Start,
    StepTime,
)
from tests.simulation.naive_words import (
    DECODE,
    PREFILL,
    PREFILL_LATER,
    asked,
    first_ms,
    last_ms,
    restarts,
)


def test_requests_wait_for_a_replica_that_starts() -> None:
    """Prefill from 100 on, decode from 500 on; GPUs are held from the order."""
    absent = NaivePrefill(PREFILL.time, at_start=False)
    outcome = simulate(
        Case(
            (absent, NaiveDecode(DECODE.step, at_start=False)),
            asked((0, 50, 1), (1, 50, 1)),
            duration_s=1.0,
            commands=(Start(0.05, 0, 0.05), Start(0.05, 1, 0.45)),
        )
    )
    assert first_ms(outcome) == pytest.approx([560.0, 610.0])
    assert outcome.replicas[0].held_s == ((0.05, 1.0),)


def test_prefilled_requests_wait_for_a_decode_replica() -> None:
    """The only one is drained while the prompt is computed; another is ready at 300."""
    outcome = simulate(
        Case(
            (PREFILL, DECODE, NaiveDecode(DECODE.step, at_start=False)),
            asked((0, 100, 1)),
            duration_s=1.0,
            commands=(Drain(0.05, 1), Start(0.1, 2, 0.2)),
        )
    )
    assert first_ms(outcome) == pytest.approx([310.0])
    assert outcome.replicas[1].held_s == ((0.0, 0.05),)


def test_draining_replica_takes_what_no_ready_one_does() -> None:
    """It stays for drain_s; the prompt ends before it is gone, and keeps it until 120."""
    outcome = simulate(
        Case(
            (PREFILL, DECODE), asked((0, 100, 2)), duration_s=1.0, commands=(Drain(0.05, 1, 0.055),)
        )
    )
    assert last_ms(outcome) == pytest.approx([120.0])
    assert outcome.replicas[1].held_s[0] == pytest.approx((0.0, 0.12))


def test_drained_replica_finishes_what_it_has() -> None:
    """Two prompts of 100 are there at 20, to 200; what comes later goes to the other."""
    outcome = simulate(
        Case(
            (PREFILL, NaivePrefill(PrefillTime(ms_per_token=10.0)), DECODE),
            asked((0, 100, 1), (10, 100, 1), (30, 10, 1)),
            duration_s=1.0,
            commands=(Drain(0.02, 0, 0.05),),
        )
    )
    assert first_ms(outcome) == pytest.approx([110.0, 210.0, 140.0])
    assert outcome.replicas[0].held_s[0] == pytest.approx((0.0, 0.2))
    assert restarts(outcome) == [0, 0, 0]


def test_drained_and_killed_in_the_end() -> None:
    """At 70 both of its prompts begin anew on the slow one, after the one that is there: 130."""
    outcome = simulate(
        Case(
            (PREFILL, NaivePrefill(PrefillTime(ms_per_token=10.0)), DECODE),
            asked((0, 100, 1), (10, 100, 1), (30, 10, 1)),
            duration_s=9.0,
            commands=(Drain(0.02, 0, 0.05, kill=True),),
        )
    )
    assert first_ms(outcome) == pytest.approx([1140.0, 2140.0, 140.0])
    assert restarts(outcome) == [1, 1, 0]
    assert outcome.replicas[0].busy_s == pytest.approx(0.07)
    assert outcome.replicas[0].held_s[0] == pytest.approx((0.0, 0.07))
    assert outcome.replicas[0].prefill_tokens == 0


def test_prefilled_requests_go_to_another_group() -> None:
    """The only decode replica of their group fails; the other group has one, and counts them from
    there on: what comes at 200 goes back to the second group, which has none in flight."""
    failing = NaiveDecode(DECODE.step, group=1)
    own = (NaivePrefill(PREFILL.time, group=1), failing)
    again = NaiveDecode(DECODE.step, group=1, at_start=False)
    outcome = simulate(
        Case(
            (NaivePrefill(PREFILL.time, kv_tokens=50), DECODE, *own, again),
            asked((0, 100, 50), (200, 7, 1)),
            duration_s=2.0,
            groups=(0, 0),
            commands=(Kill(0.05, (3,)), Start(0.15, 4)),
        )
    )
    assert first_ms(outcome)[0] == pytest.approx(110.0)
    assert [each.decode_tokens for each in outcome.replicas] == [0, 50, 0, 0, 1]
    assert [each.prefill_tokens for each in outcome.replicas] == [0, 0, 107, 0, 0]


def test_a_second_life_knows_nothing_of_the_first() -> None:
    """Killed at 50 of 100, back at 60 with the same prompt: done at 160. Cut off with no token."""
    case = Case(
        (PREFILL, DECODE),
        asked((0, 100, 1)),
        duration_s=2.0,
        commands=(Kill(0.05, (0,)), Start(0.06, 0)),
    )
    assert first_ms(simulate(case)) == pytest.approx([170.0])
    case = Case((PREFILL, DECODE), asked((0, 4, 3)), duration_s=2.0, commands=(Kill(0.02, (1,)),))
    assert isnan(simulate(case).requests[0].first_token_s)


def test_shared_queue_is_for_ready_replicas() -> None:
    """The first drains from 10 on and leaves the second prompt, which one ready at 60 takes."""
    outcome = simulate(
        Case(
            (PREFILL, NaivePrefill(PrefillTime(overhead_ms=500.0)), PREFILL_LATER, DECODE),
            asked((0, 50, 1), (0, 50, 1), (1, 20, 1)),
            duration_s=2.0,
            workloads=(NaiveWorkload(Routing.SHARED),),
            commands=(Drain(0.01, 0), Start(0.06, 2)),
        )
    )
    assert first_ms(outcome) == pytest.approx([60.0, 510.0, 90.0])


def test_lost_on_the_way() -> None:
    """A transfer of 100 ms is under way when its receiver fails; what arrives is nobody's."""
    prefill = NaivePrefill(PREFILL.time, nic_bytes_per_s=1e6)
    workload = NaiveWorkload(kv_bytes_per_token=1000.0, latency_s=0.0)
    outcome = simulate(
        Case(
            (prefill, DECODE),
            asked((0, 100, 1)),
            duration_s=2.0,
            workloads=(workload,),
            commands=(Kill(0.15, (0, 1)), Start(0.16, 0), Start(0.16, 1)),
        )
    )
    assert first_ms(outcome) == pytest.approx([160 + 100 + 100 + 10])
    assert restarts(outcome) == [1]
    assert outcome.replicas[1].held_s == ((0.0, 0.15), (0.16, 2.0))


def test_a_drain_ends_when_its_time_is_over() -> None:
    """The last step ends at 14, the drain at 100; what is on the way until then keeps it, too."""
    prefill = NaivePrefill(PREFILL.time, nic_bytes_per_s=1e6)
    case = Case(
        (PREFILL, DECODE), asked((0, 4, 1)), duration_s=1.0, commands=(Drain(0.01, 1, 0.09),)
    )
    assert simulate(case).replicas[1].held_s[0] == pytest.approx((0.0, 0.1))
    workload = NaiveWorkload(kv_bytes_per_token=1000.0, latency_s=0.0)
    case = Case(
        (prefill, DECODE),
        asked((0, 4, 1)),
        duration_s=1.0,
        workloads=(workload,),
        commands=(Drain(0.005, 1),),
    )
    assert simulate(case).replicas[1].held_s[0] == pytest.approx((0.0, 0.018))


def test_order_at_one_time() -> None:
    """Who comes at a step's end waits a step, be it from prefill or by a transfer; a token at the
    end of the replay is given. Quarters of a second have no rounding."""
    step = NaiveDecode(StepTime(base_ms=250.0))
    prefill = NaivePrefill(PrefillTime(overhead_ms=250.0))
    requests = (NaiveRequest(0.0, 1, 2), NaiveRequest(0.25, 1, 1))
    outcome = simulate(Case((prefill, step), requests, duration_s=1.0))
    assert [each.first_token_s for each in outcome.requests] == [0.5, 1.0]


def test_killed_decode_replica() -> None:
    """At 19 a token is given and the next half done: all anew, 4 ms of prefill and two steps."""
    case = Case(
        (PREFILL, DECODE, NaiveDecode(DECODE.step, capacity_rps=0.1)),
        asked((0, 4, 2)),
        duration_s=1.0,
        commands=(Kill(0.019, (1,)),),
    )
    outcome = simulate(case)
    assert first_ms(outcome) == pytest.approx([33.0])
    assert last_ms(outcome) == pytest.approx([43.0])
    assert restarts(outcome) == [1]
    assert [each.decode_tokens for each in outcome.replicas] == [0, 1, 2]
    assert outcome.replicas[1].busy_s == pytest.approx(0.015)


def test_shared_queue_of_a_failed_replica() -> None:
    """The one in work restarts, the one in the queue is only sent elsewhere, and before it."""
    other = NaivePrefill(PREFILL.time, group=1)
    outcome = simulate(
        Case(
            (PREFILL, DECODE, other, NaiveDecode(DECODE.step, group=1, capacity_rps=0.01)),
            asked((0, 100, 1), (1, 100, 1)),
            duration_s=1.0,
            workloads=(NaiveWorkload(Routing.SHARED),),
            groups=(0, 0),
            commands=(Kill(0.05, (0,)),),
        )
    )
    assert restarts(outcome) == [1, 0]
    assert first_ms(outcome) == pytest.approx([260.0, 160.0])


def test_lingering_replica_is_back_at_once() -> None:
    outcome = simulate(
        Case(
            (PREFILL, NaivePrefill(PrefillTime(ms_per_token=5.0)), DECODE),
            asked((0, 10, 1), (100, 10, 1), (200, 10, 1)),
            duration_s=1.0,
            commands=(Linger(0.05, 0), Restore(0.15, 0)),
        )
    )
    assert first_ms(outcome) == pytest.approx([20.0, 160.0, 220.0])
    assert outcome.replicas[0].held_s == ((0.0, 1.0),)
