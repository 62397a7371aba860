"""The naive simulator against hand arithmetic: engines, routing, transfers, arrivals."""

from dataclasses import replace

import pytest

from tests.simulation.naive import simulate
from tests.simulation.naive_case import (
    Case,
    FirstTokenTime,
    NaiveAggregated,
    NaiveDecode,
    NaivePrefill,
    NaiveRequest,
    NaiveWorkload,
    PrefillTime,
    Routing,
    StepTime,
)
from tests.simulation.naive_random import random_case
from tests.simulation.naive_words import DECODE, PREFILL, asked, first_ms, last_ms, restarts


def test_lone_request() -> None:
    """Missed 1000: 10 + 100 + 1 ms. 1200 tokens of 1000 bytes at 0.5 GB/s: 2.4 + 0.5 ms. Steps:
    5 + 1 ms and a thousandth a token of context, 1200, 1201, 1202."""
    prefill = NaivePrefill(PrefillTime(10.0, 0.1, 1e-6), nic_bytes_per_s=1e9)
    step = StepTime(base_ms=3.0, root_ms=2.0, ms_per_sequence=1.0, ms_per_context_token=0.001)
    outcome = simulate(
        Case(
            (prefill, NaiveDecode(step, leaf=1, nic_bytes_per_s=2e9)),
            (NaiveRequest(2.0, isl=1200, osl=3, cached=200),),
            workloads=(NaiveWorkload(kv_bytes_per_token=1000.0),),
            bandwidth={(0, 1): 0.5},
        )
    )
    (request,) = outcome.requests
    assert request.outcome == "finished"
    assert request.first_token_s == pytest.approx(2.0 + (111.0 + 2.9 + 7.2) / 1000.0)
    between_s = (request.last_token_s - request.first_token_s) / 2
    assert between_s * 1000.0 == pytest.approx((7.201 + 7.202) / 2)
    of_prefill, of_decode = outcome.replicas
    assert (of_prefill.prefill_tokens, of_decode.decode_tokens) == (1000, 3)
    assert of_prefill.busy_s == pytest.approx(0.111)
    assert of_decode.busy_s == pytest.approx((7.2 + 7.201 + 7.202) / 1000.0)


def test_alone_and_late() -> None:
    """Alone 10 ms of prefill, 1.5 of transfer, a step of 5 ms and one a token of context. The first
    has its first token at 26.5. The second comes at 21.5 and shares the next two steps, of 5 + 11 +
    10 and 5 + 12 + 11 ms, which are gaps longer than 1.5 times the mean step alone, 16.5."""
    prefill = NaivePrefill(PREFILL.time, nic_bytes_per_s=1e7)
    decode = NaiveDecode(StepTime(base_ms=5.0, ms_per_context_token=1.0), nic_bytes_per_s=1e7)
    workload = NaiveWorkload(kv_bytes_per_token=1000.0)
    requests = (NaiveRequest(0.0, 10, 3, gap_over_alone=1.5), NaiveRequest(0.0, 10, 3))
    outcome = simulate(Case((prefill, decode), requests, workloads=(workload,)))
    first, second = outcome.requests
    assert first.first_alone_s == second.first_alone_s == pytest.approx(0.0265)
    assert first.step_alone_s == pytest.approx(0.0165)
    assert first_ms(outcome)[0] == pytest.approx(26.5)
    assert last_ms(outcome)[0] == pytest.approx(26.5 + 26.0 + 28.0)
    assert (first.late_gaps, second.late_gaps) == (2, 0)


def test_what_is_cached_need_not_be_sent() -> None:
    """1000 of 1200 tokens, a microsecond each, and no latency."""
    workload = NaiveWorkload(kv_bytes_per_token=1000.0, transfers_missed=True, latency_s=0.0)
    prefill = NaivePrefill(PREFILL.time, nic_bytes_per_s=1e9)
    case = Case((prefill, DECODE), (NaiveRequest(0.0, 1200, 1, 200),), workloads=(workload,))
    assert first_ms(simulate(case)) == pytest.approx([1000.0 + 1.0 + 10.0])


def test_prompts_one_after_the_other() -> None:
    """The second comes at 50, is begun at 100; each has its own step of ten milliseconds."""
    outcome = simulate(Case((PREFILL, DECODE), asked((0, 100, 1), (50, 200, 1))))
    assert first_ms(outcome) == pytest.approx([110.0, 310.0])
    assert outcome.replicas[0].busy_s == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("most", "rest"), [(70, (350 + 10, 350 + 20, 715 + 10)), (69, (260 + 10, 355 + 10, 720 + 10))]
)
def test_batch(most: int, rest: tuple[float, ...]) -> None:
    """Of 5 ms and a tenth of each square. At 95 prompts of 40, 30 and 60 wait: the batch of 40 + 30
    takes 5 + 160 + 90, where the second finds decode stepping; or 165 and 95, one by one."""
    time = PrefillTime(overhead_ms=5.0, ms_per_token_squared=0.1)
    prefill = NaivePrefill(time, max_batch_tokens=most)
    requests = asked((0, 30, 1), (1, 40, 1), (2, 30, 1), (3, 60, 1))
    outcome = simulate(Case((prefill, DECODE), requests))
    assert first_ms(outcome) == pytest.approx([95 + 10, *rest])


def test_a_sender_sends_one_after_the_other() -> None:
    """A batch of two ends at 120. Bytes of 80 ms are out at 200, those of 20 ms at 220, and there
    half a millisecond later."""
    prefill = NaivePrefill(PREFILL.time, max_batch_tokens=1000, nic_bytes_per_s=1e6)
    workload = NaiveWorkload(kv_bytes_per_token=1000.0)
    outcome = simulate(
        Case(
            (prefill, DECODE),
            asked((0, 20, 1), (1, 80, 1), (2, 20, 1)),
            workloads=(workload,),
        )
    )
    assert first_ms(outcome) == pytest.approx([50.5, 200.5 + 10, 220.5 + 10])


def test_who_comes_in_the_middle_of_a_step_joins_at_its_end() -> None:
    """Steps of 10 + n ms from 1: ends at 12 and 23; the second comes at 15 and shares from 23."""
    decode = NaiveDecode(StepTime(base_ms=10.0, ms_per_sequence=1.0))
    outcome = simulate(Case((PREFILL, decode), asked((0, 1, 4), (14, 1, 1))))
    assert first_ms(outcome) == pytest.approx([12.0, 35.0])
    assert last_ms(outcome) == pytest.approx([12 + 11 + 12 + 11, 35.0])


def test_no_more_sequences_than_the_engine_takes() -> None:
    decode = NaiveDecode(StepTime(base_ms=10.0), max_sequences=1)
    outcome = simulate(Case((PREFILL, decode), asked((0, 1, 2), (1, 1, 1))))
    assert last_ms(outcome) == pytest.approx([21.0, 31.0])


KV = NaiveDecode(StepTime(base_ms=10.0), PrefillTime(ms_per_token=1.0), kv_tokens=11)


def test_kv_full_evicts_the_latest() -> None:
    """The first holds 4 and 5 when the second comes: 5 + 1 + 4 + 1 are 11. A step later 6 + 5 + 2
    are too many. The first goes on alone, from 24 to 54; then 5 ms recompute and the last step."""
    outcome = simulate(Case((PREFILL, KV), asked((0, 4, 5), (6, 4, 2))))
    assert first_ms(outcome) == pytest.approx([14.0, 24.0])
    assert last_ms(outcome) == pytest.approx([54.0, 54.0 + 5 + 10])
    assert restarts(outcome) == [0, 1]
    assert outcome.replicas[1].decode_tokens == 7


def test_kv_full_waits() -> None:
    """9 + 6 tokens in the end are more than 11."""
    case = Case(
        (PREFILL, KV),
        asked((0, 4, 5), (6, 4, 2)),
        workloads=(NaiveWorkload(waits_when_full=True),),
    )
    outcome = simulate(case)
    assert last_ms(outcome) == pytest.approx([54.0, 74.0])
    assert restarts(outcome) == [0, 0]


def test_the_evicted_keep_their_order() -> None:
    """Of 13 tokens all are taken at 10.5: 3 + 2 + 5 and one more each; at 20.5 the third goes, at
    50.5 the second (7 + 6 + 2). The first ends at 60.5; the second is next: of 6 tokens each there
    is room for one. It needs a millisecond of recompute and a step, the third three steps."""
    decode = NaiveDecode(StepTime(base_ms=10.0), PrefillTime(overhead_ms=1.0), kv_tokens=13)
    prefill = NaivePrefill(PrefillTime(overhead_ms=0.5))
    outcome = simulate(Case((prefill, decode), asked((0, 2, 6), (1, 2, 5), (2, 5, 4))))
    assert first_ms(outcome) == pytest.approx([10.5, 20.5, 20.5])
    assert last_ms(outcome) == pytest.approx([60.5, 71.5, 102.5])
    assert restarts(outcome) == [0, 1, 1]


def test_least_work_takes_the_faster_end() -> None:
    """The slow replica is idle and done at 200, the fast one at 100 + 100; then at 300."""
    slow = NaivePrefill(PrefillTime(ms_per_token=2.0))
    outcome = simulate(
        Case((PREFILL, slow, DECODE), asked((0, 100, 1), (1, 100, 1), (2, 100, 1), (3, 10, 1)))
    )
    assert [each.prefill_tokens for each in outcome.replicas] == [210, 100, 0]


def test_round_robin_takes_turns() -> None:
    outcome = simulate(
        Case(
            (PREFILL, PREFILL, PREFILL, DECODE),
            asked((0, 1, 1), (50, 2, 1), (100, 4, 1), (150, 8, 1), (200, 16, 1)),
            workloads=(NaiveWorkload(Routing.ROUND_ROBIN),),
        )
    )
    assert [each.prefill_tokens for each in outcome.replicas[:3]] == [1 + 8, 2 + 16, 4]


def test_round_robin_by_capacity() -> None:
    """Credits (2, 1) -> first, (1, 2) -> second, (3, 0) -> first, and so on."""
    twice = replace(PREFILL, capacity_rps=2.0)
    outcome = simulate(
        Case(
            (twice, PREFILL, DECODE),
            asked(*((50.0 * n, 2**n, 1) for n in range(6))),
            workloads=(NaiveWorkload(Routing.ROUND_ROBIN),),
        )
    )
    assert [each.prefill_tokens for each in outcome.replicas[:2]] == [1 + 4 + 8 + 32, 2 + 16]


def test_round_robin_of_decode_replicas() -> None:
    """Whatever they have: the third request is the first one's again; what is long passes over."""
    small = NaiveDecode(DECODE.step, kv_tokens=50)
    requests = asked((0, 1, 40), (1, 1, 1), (50, 1, 3), (60, 1, 5), (70, 1, 60))
    workload = NaiveWorkload(decode_routing=Routing.ROUND_ROBIN)
    outcome = simulate(Case((PREFILL, small, DECODE), requests, workloads=(workload,)))
    assert [each.decode_tokens for each in outcome.replicas[1:]] == [40 + 3, 1 + 5 + 60]


def test_round_robin_of_aggregated_replicas() -> None:
    engine = NaiveAggregated(PREFILL.time, StepTime(base_ms=10.0))
    requests = asked((0, 1, 50), (20, 2, 1), (60, 4, 50), (80, 8, 50))
    workload = NaiveWorkload(aggregated_routing=Routing.ROUND_ROBIN)
    outcome = simulate(Case((engine, engine), requests, workloads=(workload,)))
    assert [each.prefill_tokens for each in outcome.replicas] == [1 + 4, 2 + 8]


def test_shared_queue_goes_to_who_is_idle_first() -> None:
    """The first is busy until 100, the second until 30: there the third and the fourth begin."""
    outcome = simulate(
        Case(
            (PREFILL, PREFILL, DECODE),
            asked((0, 100, 1), (0, 30, 1), (1, 40, 1), (2, 50, 1)),
            workloads=(NaiveWorkload(Routing.SHARED),),
        )
    )
    assert [each.prefill_tokens for each in outcome.replicas[:2]] == [100, 30 + 40 + 50]
    assert first_ms(outcome) == pytest.approx([110.0, 40.0, 80.0, 130.0])


def test_requests_share_groups_by_weight() -> None:
    """The first group has three times the capacity of the second: 1/3, 2/3, 3/3 = 1/1, 4/3."""
    big = (NaivePrefill(PREFILL.time, capacity_rps=4.0), NaiveDecode(DECODE.step, capacity_rps=3.0))
    small = (NaivePrefill(PREFILL.time, group=1), NaiveDecode(DECODE.step, group=1))
    requests = asked(*((i, 100, 1) for i in range(4)))
    outcome = simulate(Case((*big, *small), requests, groups=(0, 0)))
    assert [each.prefill_tokens for each in outcome.replicas] == [300, 0, 100, 0]


def test_prompts_go_where_they_fit_and_are_in_time() -> None:
    """The first replica is in time to 10 tokens, the second to 50; none takes 101."""
    first = NaivePrefill(PREFILL.time, tokens_in_time=10, kv_tokens=100)
    second = NaivePrefill(PREFILL.time, tokens_in_time=50, kv_tokens=60)
    requests = asked((0, 10, 1), (100, 11, 1), (200, 55, 1), (300, 70, 1), (400, 101, 1))
    outcome = simulate(Case((first, second, DECODE), requests))
    assert [each.prefill_tokens for each in outcome.replicas[:2]] == [10 + 55 + 70, 11]
    assert outcome.requests[4].outcome == "rejected"


def test_groups_in_time_come_first() -> None:
    """The second group alone is in time with 20 tokens, however much it has."""
    late = NaivePrefill(PREFILL.time, tokens_in_time=10)
    pair = (NaivePrefill(PREFILL.time, group=1), NaiveDecode(DECODE.step, group=1))
    requests = asked((0, 20, 1), (1, 20, 1), (2, 10, 1))
    outcome = simulate(Case((late, DECODE, *pair), requests, groups=(0, 0)))
    assert [each.prefill_tokens for each in outcome.replicas] == [10, 0, 40, 0]


def test_shared_queue_passes_over_what_a_replica_cannot_take() -> None:
    """From 1 on the first works on 100 tokens. At 10 the small one leaves 60 in the queue."""
    small = NaivePrefill(PREFILL.time, kv_tokens=50)
    requests = asked((0, 10, 1), (0, 101, 1), (1, 60, 1), (2, 20, 1))
    outcome = simulate(
        Case((small, PREFILL, DECODE), requests, workloads=(NaiveWorkload(Routing.SHARED),))
    )
    assert first_ms(outcome) == pytest.approx([20.0, 111.0, 171.0, 40.0])


def test_aggregated_replicas_by_their_load() -> None:
    """Not by their prompts, which are done when the next one comes; nor what they cannot take."""
    engine = NaiveAggregated(PREFILL.time, StepTime(base_ms=10.0))
    small = NaiveAggregated(PREFILL.time, StepTime(base_ms=10.0), kv_tokens=52)
    requests = asked((0, 1, 50), (20, 2, 50), (40, 4, 50), (60, 8, 50))
    outcome = simulate(Case((engine, small), requests))
    assert [each.prefill_tokens for each in outcome.replicas] == [1 + 4 + 8, 2]


def test_decode_replicas_by_their_load() -> None:
    """Two requests for each of the bigger one, and only there what is long."""
    small = NaiveDecode(DECODE.step, in_flight=1.0, kv_tokens=50)
    big = NaiveDecode(DECODE.step, in_flight=2.0)
    requests = asked(*((i, 1, 40) for i in range(6)), (6, 1, 100))
    outcome = simulate(Case((PREFILL, small, big), requests))
    assert [each.decode_tokens for each in outcome.replicas[1:]] == [2 * 40, 4 * 40 + 100]


CHUNKED = NaiveAggregated(
    PrefillTime(overhead_ms=5.0, ms_per_token=1.0, ms_per_token_squared=0.1),
    StepTime(base_ms=10.0, ms_per_context_token=1.0),
    max_batch_tokens=4,
)


def test_chunked_prefill() -> None:
    """Prompt of 6 alone: chunks 4 and 2; steps 5 + 4 + 1.6 and 5 + 2 + 2.0, then contexts 7, 8.

    The second, of 2, comes at 12: with two tokens left in the second chunk it would have shared it,
    but the step began at 10.6; it is done with the first decode step, 10 + 7 + 5 + 2 + 0.4.
    """
    outcome = simulate(Case((CHUNKED,), asked((0, 6, 3), (12, 2, 2))))
    first, both = 19.6, 19.6 + 24.4
    assert first_ms(outcome) == pytest.approx([first, both])
    assert last_ms(outcome) == pytest.approx([both + 10 + 8 + 3, both + 10 + 8 + 3])
    assert outcome.replicas[0].prefill_tokens == 8
    assert outcome.replicas[0].decode_tokens == 5


def test_several_prompts_share_a_step() -> None:
    """At 6.1 prompts of 3 and 2 wait: 3 + 1 tokens, then the last one (2^2 - 1^2 squared)."""
    outcome = simulate(Case((CHUNKED,), asked((0, 1, 1), (1, 3, 1), (2, 2, 1))))
    shared = 6.1 + 5 + 4 + 0.9 + 0.1
    assert last_ms(outcome) == pytest.approx([6.1, shared, shared + 5 + 1 + 0.3])


def test_whole_prompts_one_a_step() -> None:
    """The floor is the least of the prefill part; the last prompt waits for the third step."""
    engine = NaiveAggregated(
        PrefillTime(ms_per_token=1.0, floor_ms=30.0), StepTime(base_ms=10.0), kv_tokens=1000
    )
    outcome = simulate(Case((engine,), asked((0, 10, 2), (1, 50, 1), (2, 40, 1))))
    assert first_ms(outcome) == pytest.approx([30.0, 90.0, 130.0])
    assert last_ms(outcome) == pytest.approx([90.0, 90.0, 130.0])


def test_first_token_of_a_pipeline_comes_later() -> None:
    """20 + 2 x 10 ms are 30 more than the prefill; decode goes on: 20, 30, the last at 40."""
    engine = NaiveAggregated(
        PrefillTime(ms_per_token=1.0), StepTime(base_ms=10.0), FirstTokenTime(20.0, 2.0)
    )
    outcome = simulate(Case((engine,), asked((0, 10, 1), (100, 10, 5))))
    assert first_ms(outcome) == pytest.approx([40.0, 140.0])
    assert last_ms(outcome) == pytest.approx([40.0, 150.0])


def test_no_token_comes_before_it_is_computed() -> None:
    """A measured TTFT of less than the prefill time moves nothing; no step is below its floor."""
    engine = NaiveAggregated(
        PrefillTime(ms_per_token=1.0), StepTime(base_ms=10.0, floor_ms=15.0), FirstTokenTime(1.0, 0)
    )
    outcome = simulate(Case((engine,), asked((0, 10, 2))))
    assert (*first_ms(outcome), *last_ms(outcome)) == pytest.approx((10.0, 25.0))


def test_aggregated_replica_recomputes_what_it_gave() -> None:
    """Both are in from 4 to 18, where they hold 6 + 5 of 11. The first ends at 48; the second's
    prompt of 4 and its token take 5 ms and give the next token, a step the last."""
    engine = NaiveAggregated(PREFILL.time, StepTime(base_ms=10.0), kv_tokens=11)
    outcome = simulate(Case((engine,), asked((0, 4, 5), (1, 4, 3))))
    assert first_ms(outcome) == pytest.approx([4.0, 18.0])
    assert last_ms(outcome) == pytest.approx([48.0, 63.0])
    assert restarts(outcome) == [0, 1]
    assert outcome.replicas[0].prefill_tokens == 4 + 4 + 5


def test_aggregated_kv_full_evicts_what_is_in_prefill() -> None:
    """At 10 the first has a token and holds 4, the second comes with 5: 4 + 5 + 2 are 11. After 2
    of its tokens, at 30, they are 12. The first ends at 50; then chunks of 3 and 2."""
    engine = NaiveAggregated(
        PrefillTime(overhead_ms=10.0),
        StepTime(base_ms=10.0),
        max_batch_tokens=3,
        kv_tokens=11,
    )
    outcome = simulate(Case((engine,), asked((0, 3, 4), (1, 5, 1))))
    assert first_ms(outcome) == pytest.approx([10.0, 70.0])
    assert last_ms(outcome) == pytest.approx([50.0, 70.0])
    assert restarts(outcome) == [0, 1]
    assert outcome.replicas[0].prefill_tokens == 3 + 2 + 5


def test_the_end_cuts_off() -> None:
    """At 25 the first has a token and not its last, the second nothing, the third never came."""
    outcome = simulate(
        Case((PREFILL, DECODE), asked((0, 4, 3), (10, 100, 1), (25, 1, 1)), duration_s=0.025)
    )
    assert [each.outcome for each in outcome.requests] == ["unfinished", "unfinished", "absent"]
    assert first_ms(outcome)[0] == pytest.approx(14.0)
    assert [each.busy_s for each in outcome.replicas] == pytest.approx([0.019, 0.021])


def test_closed_loop() -> None:
    """Of two users one is free again at 20, the next at 30; arrivals of the list are no matter."""
    outcome = simulate(
        Case(
            (PREFILL, DECODE),
            asked(*[(999, 10, 1)] * 4),
            workloads=(NaiveWorkload(users=2),),
        )
    )
    arrived_ms = [each.arrived_s * 1000.0 for each in outcome.requests]
    assert arrived_ms == pytest.approx([0.0, 0.0, 20.0, 30.0])
    assert last_ms(outcome) == pytest.approx([20.0, 30.0, 40.0, 50.0])


@pytest.mark.parametrize("seed", range(40))
def test_nothing_is_lost(seed: int) -> None:
    """Whatever befalls replicas: who finished has all tokens, in order, and who ran was there."""
    case = random_case(seed)
    outcome = simulate(case)
    given = sum(each.decode_tokens for each in outcome.replicas)
    wanted = 0
    for asked_for, got in zip(case.requests, outcome.requests, strict=True):
        if got.outcome == "finished":
            wanted += asked_for.osl
            assert got.arrived_s < got.first_token_s <= got.last_token_s
        elif got.outcome == "absent":
            assert case.workloads[asked_for.workload].users is not None
    assert given >= wanted
    for replica in outcome.replicas:
        held_s = sum(end - begin for begin, end in replica.held_s)
        assert 0.0 <= replica.busy_s <= held_s + 1e-9
    if all(each.outcome == "finished" for each in outcome.requests) and not case.commands:
        assert given == wanted
