from dataclasses import replace

import pytest

from heteroplan.entities.capacity import Limit
from heteroplan.entities.workload import (
    DecodeCoefficients,
    PrefillCoefficients,
    Role,
    Span,
    TtftCoefficients,
)
from heteroplan.profiles.aggregated import aggregated_point
from heteroplan.profiles.setting import Setting
from tests.profiles.settings import setting

FLAT = DecodeCoefficients(base_ms=20.0, ms_per_sequence=0.0, ms_per_context_token=0.0)


def flat(**changes: object) -> Setting:
    """Prefill 100 ms, decode step 20 ms whatever the batch, ITL target 40 ms, medians."""
    defaults: dict[str, object] = {"decode": FLAT, "osl": 100.0, "itl_ms": 40.0}
    return setting(Role.AGGREGATED, **(defaults | changes))  # type: ignore[arg-type]


def test_prefill_stretches_decode_until_itl_is_used_up() -> None:
    """20 / (1 - phi) = 40 at phi = 0.5 = r * 0.1 s: r = 5; B = 5 * 100 * 0.02 s / 0.5 = 20;
    half of the requests find no prefill running, so the median TTFT is 100 + 40 ms.
    """
    point = aggregated_point(flat())
    assert point.capacity_rps == pytest.approx(5.0)
    assert point.limited_by is Limit.ITL
    assert point.utilization == pytest.approx(0.5)
    assert point.batch == pytest.approx(20.0)
    assert point.itl_ms == pytest.approx(40.0)
    assert point.ttft_ms == pytest.approx(140.0)


def test_kv_memory_bounds_the_stretched_batch() -> None:
    """11,000 / (1000 + 100) = 10 sequences: 2 r / (1 - 0.1 r) = 10 at r = 10/3."""
    point = aggregated_point(flat(kv_tokens=11_000))
    assert point.capacity_rps == pytest.approx(10.0 / 3.0)
    assert point.limited_by is Limit.KV_MEMORY


def test_measured_batches_bound_the_stretched_batch() -> None:
    """10 sequences as above."""
    point = aggregated_point(flat(batch=Span(1.0, 10.0)))
    assert point.capacity_rps == pytest.approx(10.0 / 3.0)
    assert point.limited_by is Limit.RANGE
    far = aggregated_point(flat(batch=Span(1.0, 10.0), allow_extrapolation=True))
    assert far.capacity_rps == pytest.approx(5.0)
    assert far.extrapolated


def test_ttft_bounds_the_rate() -> None:
    """At phi = 0.05 (r = 0.5) 95 % do not wait. B = 0.5 * 100 * 20 ms / 0.95 = 1.0526, so that
    prefill takes 0.05 * (1 + 1.64485 / 1.02598) = 0.13016 of the busiest 5 % of the decodings:
    TTFT = 100 + 20 / 0.86984 = 122.993 ms.
    """
    point = aggregated_point(flat(percentile=0.95, ttft_ms=100.0 + 20.0 / 0.869839))
    assert point.capacity_rps == pytest.approx(0.5, rel=1e-4)
    assert point.limited_by is Limit.TTFT


def test_a_growing_step_is_solved_for_its_own_batch() -> None:
    """itl = 20 + 0.21 B (context 1,100), r = 3, phi = 0.3: B = 3 * 0.2 * (20 + 0.21 B) / 0.7
    = 17.142857 / 0.82 = 20.906; itl / 0.7 = 24.3903 / 0.7 = 34.843 ms, taken as the target.
    """
    point = aggregated_point(setting(Role.AGGREGATED, itl_ms=(20.0 + 0.21 * 20.905923) / 0.7))
    assert point.capacity_rps == pytest.approx(3.0, rel=1e-5)
    assert point.batch == pytest.approx(20.905923, rel=1e-5)


def test_no_kv_cache_moves() -> None:
    moved = aggregated_point(flat(kv_bytes_per_token=1e9, bytes_per_s=1.0))
    assert moved.capacity_rps == pytest.approx(5.0)


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
    point = aggregated_point(flat(max_sequences=10))
    assert point.capacity_rps == pytest.approx(10.0 / 3.0)
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
    spread = spread.of(replace(spread.shape, isl_cv=0.7))
    assert aggregated_point(spread).capacity_rps == 0.0
    assert aggregated_point(flat(ttft_ms=220.0, percentile=0.99)).capacity_rps > 0.0


def test_itl_holds_for_requests_that_many_prompts_come_by() -> None:
    """B = 20 at the median allows phi = 0.5; at P99 phi (1 + 2.326 / sqrt(B)) may be 0.5."""
    point = aggregated_point(flat(percentile=0.99, ttft_ms=1e6))
    assert point.batch is not None
    assert point.utilization is not None
    busiest = point.utilization * (1 + 2.3263479 / max(1.0, point.batch) ** 0.5)
    assert busiest == pytest.approx(0.5, rel=1e-4)
    assert point.limited_by is Limit.ITL
