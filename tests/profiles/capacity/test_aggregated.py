from dataclasses import replace
from itertools import pairwise

import pytest

from heteroplan.entities.arrivals import Arrivals, Dispersion
from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.slo import ItlOf
from heteroplan.entities.workload import (
    DecodeCoefficients,
    PrefillCoefficients,
    RequestClass,
    Role,
    Routing,
    Span,
    TtftCoefficients,
)
from heteroplan.profiles.capacity.aggregated import aggregated_points
from heteroplan.profiles.capacity.setting import Setting
from tests.profiles.aggregated_simulation import in_time
from tests.profiles.settings import DECODE, setting

FLAT = DecodeCoefficients(base_ms=20.0, ms_per_sequence=0.0, ms_per_context_token=0.0)


def aggregated_point(setting: Setting) -> OperatingPoint:
    [point] = aggregated_points(setting)
    return point


def flat(**changes: object) -> Setting:
    """Prefill 100 ms, decode step 20 ms whatever the batch, ITL target 40 ms, medians."""
    defaults: dict[str, object] = {
        "decode": FLAT,
        "osl": 100.0,
        "itl_ms": 40.0,
        "itl_of": ItlOf.REQUEST,
        "isl_cv": 0.0,
    }
    return setting(Role.AGGREGATED, **(defaults | changes))  # type: ignore[arg-type]


def test_prefill_stretches_decode_until_itl_is_used_up() -> None:
    """20 / (1 - phi) = 40 at phi = 0.5 = r * 0.1 s: r = 5, of answers so long that as much prefill
    falls into each; B = 5 * 10,000 * 0.02 s / 0.5 = 2,000. A step with a prompt takes 120 ms, so
    that more than half of the prompts wait.
    """
    point = aggregated_point(flat(osl=10_000.0, ttft_ms=1e5))
    assert point.capacity_rps == pytest.approx(5.0, rel=0.02)
    assert point.limited_by is Limit.ITL
    assert point.utilization == pytest.approx(0.5, rel=0.02)
    assert point.batch == pytest.approx(2000.0, rel=0.04)
    assert point.itl_ms == pytest.approx(40.0, rel=0.01)
    assert point.ttft_ms is not None
    assert point.ttft_ms > 140.0


def test_kv_memory_bounds_the_stretched_batch() -> None:
    """10,500 / (1000 + 100 / 2) = 10 sequences: 2 r / (1 - 0.1 r) = 10 at r = 10/3."""
    point = aggregated_point(flat(kv_tokens=10_500, itl_ms=200.0, itl_of=ItlOf.TOKEN))
    assert point.capacity_rps == pytest.approx(10.0 / 3.0, rel=1e-3)
    assert point.limited_by is Limit.KV_MEMORY


def test_measured_batches_bound_the_stretched_batch() -> None:
    """10 sequences: 2 r / (1 - 0.1 r) = 10 at r = 10/3."""
    point = aggregated_point(flat(batch=Span(1.0, 10.0), itl_ms=200.0, itl_of=ItlOf.TOKEN))
    assert point.capacity_rps == pytest.approx(10.0 / 3.0, rel=1e-3)
    assert point.limited_by is Limit.RANGE
    far = aggregated_point(flat(batch=Span(1.0, 10.0), allow_extrapolation=True))
    assert far.capacity_rps > 4.0
    assert far.extrapolated


def test_sequences_allowed_beyond_the_measured_batch_are_extrapolated() -> None:
    """15 sequences: 2 r / (1 - 0.1 r) = 15 at r = 30/7."""
    far = aggregated_point(
        flat(batch=Span(1.0, 10.0), max_sequences=15, itl_ms=200.0, itl_of=ItlOf.TOKEN)
    )
    assert far.capacity_rps == pytest.approx(30.0 / 7.0, rel=1e-3)
    assert (far.limited_by, far.extrapolated) == (Limit.MAX_SEQUENCES, True)


def test_ttft_bounds_the_rate() -> None:
    """A prompt comes in the middle of a step of 20 ms and takes one of 120 ms. With 140 ms it is
    late where it waits for more than what is left of that: of the 12 % of the time that steps with
    prompts take at 1 request/s, all but a twelfth. 5 % are late at 0.45 requests/s.
    """
    point = aggregated_point(flat(percentile=0.95, ttft_ms=140.0, itl_ms=200.0))
    assert point.capacity_rps == pytest.approx(0.05 / 0.12 / (11 / 12), rel=0.02)
    assert point.limited_by is Limit.TTFT


def test_late_by_either_latency_counts() -> None:
    """One percentile of both: fewer than of each alone."""
    each = flat(percentile=0.9, ttft_ms=300.0, osl=20.0)
    both = replace(each, slo=replace(each.slo, ttft_percentile=None, itl_percentile=None))
    assert 0.0 < aggregated_point(both).capacity_rps < aggregated_point(each).capacity_rps


def chunked(most: int, **changes: object) -> Setting:
    """An engine that prefills chunks of so many tokens in a step."""
    found = flat(**changes)
    return replace(found, engine=replace(found.engine, max_batch_tokens=most))


def test_chunks_that_fit_the_itl_never_break_it() -> None:
    """A step with 100 tokens takes 20 + 10 + 9 = 39 ms, with 200 tokens 48 ms."""
    point = aggregated_point(chunked(100, ttft_ms=1e5, percentile=0.95, osl=3.0))
    assert point.limited_by is Limit.TTFT
    tight = aggregated_point(chunked(200, ttft_ms=1e5, percentile=0.95, osl=3.0))
    assert tight.limited_by is Limit.ITL


def test_steps_hold_no_more_prompts_than_their_chunks() -> None:
    """Ten steps of 39 ms for each prompt: no more than 2.56 requests/s, however long they may wait;
    one step of 120 ms each without chunks.
    """
    point = aggregated_point(chunked(100, ttft_ms=1e5, percentile=0.9, osl=3.0, itl_ms=200.0))
    assert 0.9 / 0.39 < point.capacity_rps < 1.0 / 0.39
    whole = aggregated_point(flat(ttft_ms=1e5, percentile=0.9, osl=3.0, itl_ms=200.0))
    assert 0.9 / 0.12 < whole.capacity_rps < 1.0 / 0.12


def test_short_prompts_share_a_step() -> None:
    """Twenty prompts of 50 tokens take 120 ms in one step, 34.5 ms each in steps of their own."""
    alone = aggregated_point(flat(isl=50.0, ttft_ms=2000.0, percentile=0.9, osl=3.0, itl_ms=200.0))
    together = aggregated_point(
        chunked(1000, isl=50.0, ttft_ms=2000.0, percentile=0.9, osl=3.0, itl_ms=200.0)
    )
    assert together.capacity_rps > 2.0 * alone.capacity_rps


@pytest.mark.parametrize(
    ("most", "changes"),
    [
        (None, {"isl_cv": 0.7, "osl": 100.0}),
        (None, {"isl_cv": 0.5, "osl": 12.0, "itl_ms": 80.0}),
        (512, {"isl_cv": 0.7, "osl": 100.0, "itl_ms": 60.0}),
        (2048, {"isl_cv": 0.7, "osl": 12.0, "itl_ms": 80.0}),
    ],
)
def test_as_many_are_in_time_as_promised(most: int | None, changes: dict[str, object]) -> None:
    """By a simulation of single steps; a tenth more is too much, or nearly."""
    asked = flat(percentile=0.9, ttft_ms=1500.0, decode=DECODE, **changes)
    asked = replace(
        asked,
        engine=replace(asked.engine, max_batch_tokens=most),
        slo=replace(asked.slo, ttft_percentile=None, itl_percentile=None),
    )
    rate_rps = aggregated_point(asked).capacity_rps
    assert in_time(asked, rate_rps, requests=6000) >= 0.9 - 0.01
    assert in_time(asked, 1.35 * rate_rps, requests=6000) < 0.9


def pooled(servers: int, most: int = 1024, **changes: object) -> Setting:
    """P90 of both together; each request goes to a replica with the fewest in flight."""
    defaults: dict[str, object] = {"percentile": 0.9, "ttft_ms": 1500.0, "decode": DECODE}
    defaults |= {"isl_cv": 0.7, "osl": 40.0, "itl_ms": 60.0}
    found = chunked(most, **(defaults | changes))
    return replace(
        found,
        servers=servers,
        routing=Routing.LEAST_LOADED,
        slo=replace(found.slo, ttft_percentile=None, itl_percentile=None),
    )


def test_a_replica_alone_gets_requests_with_time_whoever_routes_them() -> None:
    one = pooled(1)
    by_chance = replace(one, routing=Routing.RANDOM)
    assert aggregated_point(one) == aggregated_point(by_chance)


def test_replicas_of_larger_pools_serve_more() -> None:
    """As fewest in flight lets requests come as others end, more so of more replicas."""
    rates = [aggregated_point(pooled(servers)).capacity_rps for servers in (1, 2, 4, 8, 32)]
    assert all(more > less for less, more in pairwise(rates))
    assert rates[-1] < 1.5 * rates[0]


@pytest.mark.parametrize(
    ("servers", "most", "changes"),
    [
        (2, 1024, {}),
        (8, 1024, {}),
        (4, 512, {"osl": 150.0, "itl_ms": 45.0}),
        (4, 2048, {"osl": 12.0, "itl_ms": 80.0}),
    ],
)
def test_as_many_are_in_time_in_a_pool(servers: int, most: int, changes: dict[str, object]) -> None:
    """By a simulation of single steps; nearly all that could be is granted."""
    asked = pooled(servers, most, **changes)
    rate_rps = aggregated_point(asked).capacity_rps
    assert in_time(asked, 0.95 * rate_rps, requests=6000) >= 0.9
    assert in_time(asked, 1.25 * rate_rps, requests=6000) < 0.9


def test_short_answers_are_stalled_by_those_that_come_together_with_them() -> None:
    """Bursts of half a second that even out within the TTFT: stamps that were rounded, say. Answers
    of 4 tokens are late by the ITL more often, those of 400 hardly."""

    def held(osl: float) -> float:
        even = pooled(4, osl=osl, itl_ms=60.0, ttft_ms=4000.0)
        rounded = (Dispersion(0.5, 0.9, 9.0, 1.0), Dispersion(2.0, 0.9, 1.0, 1.0))
        bursts = replace(even, arrivals=Arrivals(rounded))
        return aggregated_point(bursts).capacity_rps / aggregated_point(even).capacity_rps

    assert held(4.0) < 0.8
    assert 0.9 < held(400.0) <= 1.0


def test_no_kv_cache_moves() -> None:
    moved = aggregated_point(flat(kv_bytes_per_token=1e9, bytes_per_s=1.0))
    assert moved == aggregated_point(flat())


@pytest.mark.parametrize(
    ("changes", "limit", "reason"),
    [
        ({"itl_ms": 19.0}, Limit.ITL, "ITL is 20 ms at batch 1, SLO 19 ms"),
        (
            {"ttft_ms": 110.0},
            Limit.TTFT,
            "a first token takes 120 ms with nobody waiting, of which 20 ms are a decode step; "
            "TTFT SLO 110 ms",
        ),
        (
            {"batch_tokens": Span(1.0, 500.0)},
            Limit.RANGE,
            "a prompt of 1000 is outside the measured 1 to 500",
        ),
    ],
)
def test_what_serves_nothing_says_why(
    changes: dict[str, object], limit: Limit, reason: str
) -> None:
    point = aggregated_point(flat(**changes))
    assert (point.capacity_rps, point.limited_by, point.reason) == (0.0, limit, reason)


def test_the_engine_takes_no_more_sequences_than_its_limit() -> None:
    """10 sequences as with KV memory."""
    point = aggregated_point(flat(max_sequences=10, itl_ms=200.0, itl_of=ItlOf.TOKEN))
    assert point.capacity_rps == pytest.approx(10.0 / 3.0, rel=1e-3)
    assert point.limited_by is Limit.MAX_SEQUENCES


def test_ttft_measured_end_to_end_is_met_at_the_percentile() -> None:
    """50 ms alone and 10 ms a request in flight, 99 x 40 ms of decoding. Half of exponential waits
    are below 200 ms at a mean of 200 / ln 2 = 288.54; r * 10 ms * (50 + 3960 + 288.54 ms) are
    that mean at r = 6.7125.
    """
    measured = TtftCoefficients(50.0, 0.0, 10.0, 0.0)
    step = DecodeCoefficients(base_ms=40.0, ms_per_sequence=0.0, ms_per_context_token=0.0)
    point = aggregated_point(
        setting(
            Role.AGGREGATED,
            prefill=PrefillCoefficients(1e-3, 0.0, 0.0),
            decode=step,
            osl=100.0,
            ttft=measured,
            ttft_ms=250.0,
        )
    )
    assert point.capacity_rps == pytest.approx(6.7125, rel=1e-3)
    assert point.limited_by is Limit.TTFT


def test_no_load_that_never_ends_is_granted_at_the_median() -> None:
    """Steps that grow faster than the batch is worked off: the batch is infinite."""
    steep = DecodeCoefficients(base_ms=1.0, ms_per_sequence=1.0, ms_per_context_token=0.0)
    for percentile in (0.5, 0.501):
        point = aggregated_point(
            flat(decode=steep, itl_ms=1000.0, ttft_ms=1e6, percentile=percentile, osl=1000.0)
        )
        assert point.batch is not None
        assert point.batch < 1000.0
        assert point.capacity_rps < 1.0


def test_long_prompts_count_with_their_own_prefill() -> None:
    """One in fifty prompts is longer than three times the mean at cv 0.7 or so: at P99 a TTFT of
    twice the mean prefill cannot be met.
    """
    spread = flat(ttft_ms=220.0, percentile=0.99)
    spread = spread.of(replace(spread.mix[0], isl_cv=0.7))
    assert aggregated_point(spread).capacity_rps == 0.0
    assert aggregated_point(flat(ttft_ms=220.0, percentile=0.99)).capacity_rps > 0.0


def test_answers_of_equal_length_see_more_or_fewer_prompts() -> None:
    """Of 100 tokens with 20 ms to spare each, 19 prompts of 100 ms may come by in 99 x 40 ms: at
    P99 of a Poisson number that are 11.1 on average, 2.8 requests/s.
    """
    point = aggregated_point(flat(percentile=0.99, ttft_ms=1e5))
    assert point.capacity_rps == pytest.approx(2.8, rel=0.06)
    assert point.limited_by is Limit.ITL


SHORT = RequestClass("short", 0.9, 500.0, 100.0)
"""Prefill 55 ms, context 550."""
LONG = RequestClass("long", 0.1, 4000.0, 200.0)
"""Prefill 370 ms, context 4,100; of the mix 86.5 ms, and of its 110 tokens 20 of 110 are long."""


def test_prefill_of_a_mix_stretches_decode() -> None:
    """20 / (1 - phi) = 40 at phi = 0.5: 500 / 86.5 = 5.780 requests/s of the mix, of long answers.
    Steps are as long whatever they hold, so that prefill time is all that a request takes.
    """
    mix = tuple(replace(shape, osl=50.0 * shape.osl) for shape in (SHORT, LONG))
    points = aggregated_points(flat(mix=mix, ttft_ms=1e5))
    assert [point.limited_by for point in points] == [Limit.ITL] * 2
    expected = [500 / 55, 500 / 370]
    assert [point.capacity_rps for point in points] == pytest.approx(expected, rel=0.03)


def test_a_request_takes_its_prefill_and_what_its_tokens_add_to_steps() -> None:
    """55 + 100 * (0.1 + 0.055) = 70.5 and 370 + 200 * (0.1 + 0.41) = 472 ms."""
    points = aggregated_points(setting(Role.AGGREGATED, mix=(SHORT, LONG)))
    assert [point.limited_by for point in points] == [Limit.ITL] * 2
    assert points[0].capacity_rps / points[1].capacity_rps == pytest.approx(472.0 / 70.5)


def test_kv_memory_of_a_mix_goes_by_contexts_and_their_time() -> None:
    """(90 * 550 + 20 * 4,100) / 110 = 1,195.45 tokens a sequence, 10 fit 11,954.5; the rate r makes
    2.2 r / (1 - 0.0865 r) = 10, r = 3.2626; a request takes osl * context, 55,000 or 820,000.
    """
    points = aggregated_points(
        flat(mix=(SHORT, LONG), kv_tokens=11_954.5454545, itl_ms=400.0, itl_of=ItlOf.TOKEN)
    )
    assert [point.limited_by for point in points] == [Limit.KV_MEMORY] * 2
    assert points[0].batch == pytest.approx(10.0, rel=1e-3)
    rate_rps, mean = 10.0 / (2.2 + 0.865), 0.9 * 55_000 + 0.1 * 820_000
    assert [point.capacity_rps for point in points] == pytest.approx(
        [rate_rps * mean / 55_000, rate_rps * mean / 820_000], rel=1e-4
    )


def test_late_requests_of_any_class_count_among_all() -> None:
    """At P95 3 % are late in any case, 10 % are too many: then they are refused and the rest goes
    on.
    """
    few = replace(LONG, share=0.03 * 0.9 / 0.97)
    served = aggregated_points(flat(mix=(SHORT, few), ttft_ms=300.0, percentile=0.95))
    assert all(point.capacity_rps > 0 for point in served)
    tight = flat(mix=(SHORT, LONG), ttft_ms=300.0, percentile=0.95)
    first, second = aggregated_points(tight)
    assert first == aggregated_point(tight.of(SHORT))
    assert (second.capacity_rps, second.limited_by) == (0.0, Limit.TTFT)
    assert second.reason.startswith("a first token takes 390 ms with nobody waiting")
