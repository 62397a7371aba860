from dataclasses import replace

import pytest

from heteroplan.entities.arrivals import POISSON, Arrivals, Dispersion
from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import PrefillCoefficients, RequestClass, Role, Routing, Span
from heteroplan.profiles.capacity.prefill import prefill_points
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.queueing.waiting import Budget, ReplicaPool, Service
from tests.profiles.settings import setting


def prefill_point(setting: Setting) -> OperatingPoint:
    [point] = prefill_points(setting)
    return point


def test_rate_is_the_utilization_that_the_queue_allows_over_the_service_time() -> None:
    """s = 10 + 0.09 * 1000 = 100 ms; W = 660 - 100 - 60 = 500 ms; rho is 0.528 to 0.529
    (0.528 * e^-2.360 = 0.0498, 0.529 * e^-2.355 = 0.0502); rate = rho / 0.1 s.
    """
    point = prefill_point(setting(Role.PREFILL, ttft_ms=660.0, itl_ms=60.0, percentile=0.95))
    assert 5.28 < point.capacity_rps < 5.29
    assert point.utilization == pytest.approx(point.capacity_rps * 0.1)
    assert point.ttft_ms == pytest.approx(660.0)
    assert (point.limited_by, point.batch) == (Limit.TTFT, 1.0)


def test_only_cache_missed_tokens_are_computed() -> None:
    """1,250 tokens, 20 % hit: 1,000 missed, the same 100 ms."""
    cached = setting(Role.PREFILL, isl=1250.0, prefix_hit_rate=0.2)
    assert prefill_point(cached).capacity_rps == prefill_point(setting(Role.PREFILL)).capacity_rps


def test_kv_transfer_takes_its_time_out_of_the_wait() -> None:
    """1 MB a token at 2 GB/s: 1,000 tokens take 500 ms; 100 + 500 + 60 = 660, nothing is left to
    wait, so rho = 1 - 0.95 and the rate 0.05 / 0.1 s = 0.5; the NIC could move 2 requests/s.
    """
    moved = setting(
        Role.PREFILL,
        ttft_ms=660.0,
        itl_ms=60.0,
        percentile=0.95,
        kv_bytes_per_token=1e6,
        bytes_per_s=2e9,
    )
    point = prefill_point(moved)
    assert point.capacity_rps == pytest.approx(0.5)
    assert point.limited_by is Limit.TTFT


def test_long_prompts_move_as_much_longer() -> None:
    """Exponential lengths of 1,000 tokens that take 10 + 0.09 m of prefill and 0.1 m to move [ms]:
    with a first step of 41 ms those of up to (251 - 51) / 0.19 = 1,053 tokens are in time when
    nobody waits, 1 - e^-1.053 = 65 % of them. With the mean transfer for all it would be
    1 - e^-(100 / 0.09 / 1000) = 67 %."""
    moved = setting(
        Role.PREFILL,
        ttft_ms=251.0,
        itl_ms=41.0,
        isl_cv=1.0,
        kv_bytes_per_token=1e6,
        bytes_per_s=1e10,
    )
    for share, served in ((0.62, True), (0.66, False)):
        slo = replace(moved.slo, ttft_percentile=share, itl_percentile=share)
        assert (prefill_point(replace(moved, slo=slo)).capacity_rps > 0.0) is served


def test_nic_bounds_the_rate() -> None:
    """1 MB a token at 1 GB/s: one request a second; the queue would allow more in 10 s."""
    point = prefill_point(setting(Role.PREFILL, ttft_ms=10_000.0, kv_bytes_per_token=1e6))
    assert (point.capacity_rps, point.limited_by) == (1.0, Limit.KV_TRANSFER)


def test_prompt_too_long_for_the_target_serves_nothing_and_says_why() -> None:
    point = prefill_point(setting(Role.PREFILL, ttft_ms=140.0))
    assert (point.capacity_rps, point.limited_by) == (0.0, Limit.TTFT)
    assert point.reason == (
        "prefill takes 100 ms, KV transfer 0 ms and the first decode step up to 41 ms, "
        "TTFT SLO 140 ms"
    )


@pytest.mark.parametrize("measured", [Span(1.0, 999.0), Span(1001.0, 2000.0)])
def test_outside_the_measured_range_needs_permission(measured: Span) -> None:
    refused = prefill_point(setting(Role.PREFILL, batch_tokens=measured))
    assert (refused.capacity_rps, refused.limited_by) == (0.0, Limit.RANGE)
    assert refused.reason == (
        f"a prompt of 1000 is outside the measured {measured.low:g} to {measured.high:g}"
    )
    allowed = prefill_point(setting(Role.PREFILL, batch_tokens=measured, allow_extrapolation=True))
    assert allowed.capacity_rps > 0
    assert allowed.extrapolated


def test_prompt_must_fit_kv_memory() -> None:
    point = prefill_point(setting(Role.PREFILL, kv_tokens=900))
    assert (point.limited_by, point.reason) == (
        Limit.KV_MEMORY,
        "a prompt holds 1000 KV tokens, the replica 900",
    )


def test_constant_lengths_may_use_more_of_the_replica() -> None:
    """100 ms each, 500 ms to wait: M/D/1 instead of M/M/1."""
    waits = setting(Role.PREFILL, ttft_ms=660.0, itl_ms=60.0, percentile=0.95)
    constant = prefill_point(waits.of(replace(waits.mix[0], isl_cv=0.0)))
    queue = ReplicaPool([Service(1.0, 100.0, 0.0)])
    assert constant.utilization == pytest.approx(
        queue.greatest_utilization([Budget(1.0, 500.0)], 0.95)
    )
    assert constant.capacity_rps > 1.3 * prefill_point(waits).capacity_rps


def test_spread_lengths_count_with_their_own_prefill() -> None:
    """Of lengths of cv 0.5 the longest 2 % take more than twice the mean; at P99 and a TTFT of
    twice the mean prefill and no more nothing can be served, at P95 little.
    """
    waits = setting(Role.PREFILL, ttft_ms=260.0, itl_ms=41.0, percentile=0.99, isl_cv=0.5)
    late = prefill_point(waits)
    assert (late.capacity_rps, late.limited_by) == (0.0, Limit.TTFT)
    assert "too long for the TTFT SLO of 260 ms, at isl_cv 0.5" in late.reason
    looser = replace(waits, slo=replace(waits.slo, ttft_percentile=0.9))
    assert 0.0 < prefill_point(looser).capacity_rps < 10.0


def test_squares_of_spread_lengths_cost_more_than_that_of_their_mean() -> None:
    """E[n^2] = (1 + cv^2) n^2: 100 ms of squares become 125 at cv 0.5, and the rate at the cap
    of 95 % falls by as much.
    """
    squares = PrefillCoefficients(0.0, 0.0, 1e-4)
    slow = setting(Role.PREFILL, prefill=squares, ttft_ms=1e6, isl_cv=0.5)
    assert prefill_point(slow).capacity_rps == pytest.approx(0.95 / 0.125, rel=1e-3)


def test_classes_that_come_together_wait_for_each_other() -> None:
    """Short prompts alone may keep the replica busier than behind long ones."""
    short = RequestClass("short", 0.9, 500.0, 200.0, isl_cv=0.0)
    long = RequestClass("long", 0.1, 4000.0, 200.0, isl_cv=0.0)
    mixed = setting(Role.PREFILL, ttft_ms=1000.0, percentile=0.95, mix=(short, long))
    queue = ReplicaPool([Service(0.9, 55.0, 0.0), Service(0.1, 370.0, 0.0)])
    budgets = [Budget(0.9, 1000.0 - 41.0 - 55.0), Budget(0.1, 1000.0 - 41.0 - 370.0)]
    busy = queue.greatest_utilization(budgets, 0.95)
    first, second = prefill_points(mixed)
    assert first.utilization == second.utilization == pytest.approx(busy)
    assert busy < (prefill_point(mixed.of(short)).utilization or 0.0)


def test_a_replica_is_shared_out_by_prefill_time() -> None:
    """10 + 0.09 * 500 = 55 and 10 + 0.09 * 4000 = 370 ms, of the mix 49.5 + 37 = 86.5 ms:
    95 % of the time, the cap, are 10.983 requests/s of the mix, 17.27 short or 2.568 long ones.
    """
    short = RequestClass("short", 0.9, 500.0, 200.0)
    long = RequestClass("long", 0.1, 4000.0, 200.0)
    first, second = prefill_points(setting(Role.PREFILL, ttft_ms=1e6, mix=(short, long)))
    assert first.capacity_rps == pytest.approx(950.0 / 55.0)
    assert second.capacity_rps == pytest.approx(950.0 / 370.0)
    whole = 0.9 / first.capacity_rps + 0.1 / second.capacity_rps
    assert 1.0 / whole == pytest.approx(950.0 / 86.5)


def test_late_requests_of_any_class_count_among_all() -> None:
    """3 % of the prompts take 10 + 0.09 * 12,000 = 1,090 ms and are late in any case, at a TTFT of
    1,000; of the 5 % that may be late, 2 in 97 remain to the others, who have no time to wait in
    10 + 0.09 * 10,544.4 = 959 = 1,000 - 41 ms: P(wait > 0) = rho = 0.02 / 0.97 = 0.02062.
    """
    whole = RequestClass("fits", 0.97, 949.0 / 0.09 - 1e-6, 200.0, isl_cv=0.0)
    late = RequestClass("late", 0.03, 12_000.0, 200.0, isl_cv=0.0)
    points = prefill_points(setting(Role.PREFILL, percentile=0.95, mix=(whole, late)))
    assert points[0].utilization == pytest.approx(0.02 / 0.97, rel=2e-3)
    assert points[1].capacity_rps == pytest.approx(1000 * 0.02 / 0.97 / 1090.0, rel=2e-3)
    assert (points[1].ttft_ms or 0.0) > 1000.0


def test_a_class_that_cannot_be_served_does_not_slow_the_others() -> None:
    """10 % are late in any case, more than 5 %."""
    short = RequestClass("short", 0.9, 500.0, 200.0)
    hopeless = RequestClass("hopeless", 0.1, 50_000.0, 200.0)
    mixed = setting(Role.PREFILL, ttft_ms=1000.0, percentile=0.95, mix=(short, hopeless))
    first, second = prefill_points(mixed)
    assert first == prefill_point(mixed.of(short))
    assert (second.capacity_rps, second.limited_by) == (0.0, Limit.TTFT)
    assert "prefill takes 4510 ms" in second.reason


def test_a_class_outside_the_measured_range_leaves_the_rest() -> None:
    short = RequestClass("short", 0.99, 500.0, 200.0)
    far = RequestClass("far", 0.01, 3000.0, 200.0)
    mixed = setting(Role.PREFILL, percentile=0.95, mix=(far, short), batch_tokens=Span(1.0, 2000.0))
    first, second = prefill_points(mixed)
    assert (first.capacity_rps, first.limited_by) == (0.0, Limit.RANGE)
    assert second == prefill_point(mixed.of(short))


def test_the_nic_moves_the_mix() -> None:
    """1 MB a token at 1 GB/s: 0.5 and 2 s, of halves 1.25 s, so 0.8 requests/s of the mix."""
    short = RequestClass("short", 0.5, 500.0, 200.0)
    long = RequestClass("long", 0.5, 2000.0, 200.0)
    mixed = setting(Role.PREFILL, ttft_ms=10_000.0, kv_bytes_per_token=1e6, mix=(short, long))
    points = prefill_points(mixed)
    assert [point.limited_by for point in points] == [Limit.KV_TRANSFER] * 2
    assert [point.capacity_rps for point in points] == pytest.approx([2.0, 0.5])
    assert 1.0 / sum(0.5 / point.capacity_rps for point in points) == pytest.approx(0.8)


def rates(routing: Routing, arrivals: Arrivals = POISSON) -> list[float]:
    return [
        prefill_point(
            setting(
                Role.PREFILL,
                ttft_ms=660.0,
                percentile=0.95,
                servers=servers,
                routing=routing,
                arrivals=arrivals,
            )
        ).capacity_rps
        for servers in (1, 2, 8, 64)
    ]


@pytest.mark.parametrize("routing", [Routing.SHARED, Routing.LEAST_LOADED])
def test_replicas_that_share_a_queue_may_be_busier(routing: Routing) -> None:
    found = rates(routing)
    assert found == sorted(found)
    assert found[2] > 1.5 * found[0]


def test_replicas_that_are_taken_at_random_have_a_queue_each() -> None:
    assert len(set(rates(Routing.RANDOM))) == 1


def test_bursts_count_at_the_time_that_prompts_may_wait() -> None:
    """660 - 100 - 41 ms are left to wait: at 519 ms the dispersion is 4, later it is more."""
    point = (0.519, 0.95, 4.0, 4.0)
    found = rates(Routing.LEAST_LOADED, Arrivals((Dispersion(*point),)))
    later = Arrivals((Dispersion(*point), Dispersion(100.0, 0.95, 400.0, 400.0)))
    assert rates(Routing.LEAST_LOADED, later) == pytest.approx(found, rel=1e-6)
    pool = ReplicaPool([Service(1.0, 100.0, 1.0)], 8, dispersion=4.0)
    busy = pool.greatest_utilization([Budget(1.0, 519.0)], 0.95)
    assert found[2] == pytest.approx(busy / 0.1)
    assert found[2] < rates(Routing.LEAST_LOADED)[2]


def batched(most: int, **changes: object) -> Setting:
    found = setting(Role.PREFILL, **({"percentile": 0.95, "isl_cv": 0.0} | changes))  # type: ignore[arg-type]
    return replace(found, engine=replace(found.engine, max_batch_tokens=most))


def test_short_prompts_are_prefilled_together() -> None:
    """Four of 500 tokens fit 2,000: 10 + 0.09 * 2000 = 190 ms, not 4 x 55; nothing fits twice."""
    prompts = setting(Role.PREFILL, isl=500.0, percentile=0.95, isl_cv=0.0)
    together = prefill_point(batched(2000, isl=500.0))
    assert together.batch == pytest.approx(4.0)
    assert prefill_point(prompts).capacity_rps < together.capacity_rps < 4.0 / 0.19
    assert prefill_point(batched(999, isl=500.0)) == prefill_point(prompts)


def test_no_batch_is_larger_than_what_was_measured() -> None:
    point = prefill_point(batched(8000, isl=500.0, batch_tokens=Span(100.0, 1000.0)))
    assert point.batch == pytest.approx(2.0)


def test_classes_are_prefilled_together() -> None:
    """As of one class where they are alike; of others a prompt takes what it adds to a batch."""
    half = RequestClass("half", 0.5, 500.0, 200.0, isl_cv=0.0)
    four = batched(2000, isl=500.0)
    [one] = prefill_points(four)
    alike = prefill_points(four.of(half, half))
    assert [each.capacity_rps for each in alike] == pytest.approx([one.capacity_rps] * 2)
    short, long = prefill_points(four.of(half, replace(half, isl=1000.0)))
    assert short.capacity_rps == pytest.approx(2.0 * long.capacity_rps)


def test_pools_prefill_more_in_batches() -> None:
    """Of a queue that is shared, and of replicas chosen by chance as alone."""
    alone = prefill_point(batched(2000, isl=500.0, ttft_ms=500.0))
    shared = prefill_point(
        batched(2000, isl=500.0, ttft_ms=500.0, servers=4, routing=Routing.SHARED)
    )
    by_chance = prefill_point(batched(2000, isl=500.0, ttft_ms=500.0, servers=4))
    assert shared.capacity_rps > 1.05 * alone.capacity_rps
    assert by_chance.capacity_rps == pytest.approx(alone.capacity_rps)


def test_bursts_leave_less_to_batches() -> None:
    bursts = Arrivals((Dispersion(1.0, 0.95, 5.0, 5.0),))
    calm, burst = (
        prefill_point(batched(2000, isl=500.0, arrivals=each)).capacity_rps
        for each in (Arrivals(), bursts)
    )
    assert 0.3 * calm < burst < 0.9 * calm


def test_a_floor_counts_for_each_length() -> None:
    """Never below 100 ms, 0.1 ms a token: of lengths of cv 1 the mean time is
    100 (1 + e^-1) = 136.8 ms, so that 95 % of the time are 6.95 requests/s.
    """
    floored = PrefillCoefficients(0.0, 0.1, 0.0, floor_ms=100.0)
    point = prefill_point(setting(Role.PREFILL, prefill=floored, ttft_ms=1e6, isl_cv=1.0))
    assert point.capacity_rps == pytest.approx(0.95 / 0.13679, rel=1e-3)


def test_percentiles_see_the_tail_of_the_lengths() -> None:
    """Exponential lengths of 0.1 ms a token: 0.14 % take longer than 659 ms alone."""
    tail = setting(
        Role.PREFILL,
        prefill=PrefillCoefficients(0.0, 0.1, 0.0),
        ttft_ms=700.0,
        isl_cv=1.0,
        percentile=0.999,
    )
    assert prefill_point(tail).capacity_rps == 0.0
    looser = replace(tail, slo=replace(tail.slo, ttft_percentile=0.998))
    assert prefill_point(looser).capacity_rps > 0.0
