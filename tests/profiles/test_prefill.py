import pytest

from heteroplan.entities.capacity import Limit
from heteroplan.entities.workload import Role, Span
from heteroplan.profiles.prefill import prefill_point
from tests.profiles.settings import setting


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
