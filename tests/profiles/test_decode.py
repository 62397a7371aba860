import pytest

from heteroplan.entities.capacity import Limit
from heteroplan.entities.workload import DecodeCoefficients, Role, Span
from heteroplan.profiles.decode import decode_point
from tests.profiles.settings import setting


def test_itl_bounds_the_batch_and_littles_law_gives_the_rate() -> None:
    """Context 1000 + 100: itl(b) = 20 + 0.21 b = 41 at b = 100; the median batch is the mean;
    100 / (200 tokens * 0.041 s) = 12.195 requests/s.
    """
    point = decode_point(setting(Role.DECODE))
    assert point.batch == pytest.approx(100.0)
    assert point.itl_ms == pytest.approx(41.0)
    assert point.capacity_rps == pytest.approx(100.0 / 8.2)
    assert point.limited_by is Limit.ITL


def test_batch_leaves_room_for_its_swing() -> None:
    """z(0.95) = 1.64485: B + 1.64485 * sqrt(B) = 100 at B = 84.85 (sqrt 9.2113: 84.85 + 15.15)."""
    point = decode_point(setting(Role.DECODE, percentile=0.95))
    assert point.batch == pytest.approx(84.848, abs=1e-3)
    assert point.utilization == pytest.approx(0.84848, abs=1e-5)


def test_a_percentile_below_the_median_does_not_overfill_memory() -> None:
    """z would be negative, and the mean batch above the greatest one."""
    point = decode_point(setting(Role.DECODE, percentile=0.1))
    assert point.batch == pytest.approx(100.0)


def test_kv_memory_bounds_the_batch() -> None:
    """60,000 KV tokens / (1000 + 200) = 50; itl 30.5 ms; 50 / (200 * 0.0305 s) = 8.197."""
    point = decode_point(setting(Role.DECODE, kv_tokens=60_000))
    assert point.capacity_rps == pytest.approx(50.0 / 6.1)
    assert point.limited_by is Limit.KV_MEMORY


def test_measured_batches_bound_the_batch_unless_extrapolation_is_allowed() -> None:
    """20 sequences: itl 24.2 ms; 20 / (200 * 0.0242 s) = 4.132."""
    inside = decode_point(setting(Role.DECODE, batch=Span(1.0, 20.0)))
    assert inside.capacity_rps == pytest.approx(20.0 / 4.84)
    assert (inside.limited_by, inside.extrapolated) == (Limit.RANGE, False)
    beyond = decode_point(setting(Role.DECODE, batch=Span(1.0, 20.0), allow_extrapolation=True))
    assert beyond.capacity_rps == pytest.approx(100.0 / 8.2)
    assert beyond.extrapolated


def test_mean_batch_below_one_runs_steps_of_one() -> None:
    """One sequence fits: B + 1.64485 * sqrt(B) = 1 at B = 0.22309; a step takes 20.21 ms."""
    point = decode_point(setting(Role.DECODE, kv_tokens=1200, percentile=0.95))
    assert point.batch == pytest.approx(0.22309, abs=1e-4)
    assert point.capacity_rps == pytest.approx(0.22309 / (200 * 0.02021), rel=1e-3)


def test_steps_below_the_measured_batches_are_not_taken_as_faster() -> None:
    """Measured from 30 (itl 26.3 ms), mean batch 24.0: 24.0 / (200 * 0.0263 s)."""
    kv_tokens = round((24.0 + 1.64485 * 24.0**0.5) * 1200)
    point = decode_point(
        setting(Role.DECODE, kv_tokens=kv_tokens, percentile=0.95, batch=Span(30.0, 200.0))
    )
    assert point.capacity_rps == pytest.approx(24.0 / 5.26, rel=1e-4)


def test_nic_bounds_the_rate_and_the_batch_follows() -> None:
    """1 MB a token at 4 GB/s: 4 requests/s; B = 4 * 0.2 * (20 + 0.21 B) = 16 / 0.832 = 19.23."""
    point = decode_point(setting(Role.DECODE, kv_bytes_per_token=1e6, bytes_per_s=4e9))
    assert (point.capacity_rps, point.limited_by) == (4.0, Limit.KV_TRANSFER)
    assert point.batch == pytest.approx(16.0 / 0.832)


@pytest.mark.parametrize(
    ("changes", "limit", "reason"),
    [
        ({"itl_ms": 20.1}, Limit.ITL, "ITL is 20.21 ms at batch 1, SLO 20.1 ms"),
        ({"kv_tokens": 1199}, Limit.KV_MEMORY, "a request holds 1200 KV tokens, the replica 1199"),
        (
            {"context": Span(1200.0, 8000.0)},
            Limit.RANGE,
            "a decode context of 1100 is outside the measured 1200 to 8000",
        ),
        (
            {"context": Span(100.0, 1000.0)},
            Limit.RANGE,
            "a decode context of 1100 is outside the measured 100 to 1000",
        ),
        (
            {"batch": Span(200.0, 300.0)},
            Limit.RANGE,
            "a decode batch of 100 is outside the measured 200 to 300",
        ),
    ],
)
def test_what_serves_nothing_says_why(
    changes: dict[str, object], limit: Limit, reason: str
) -> None:
    point = decode_point(setting(Role.DECODE, **changes))  # type: ignore[arg-type]
    assert (point.capacity_rps, point.limited_by, point.reason) == (0.0, limit, reason)


def test_context_outside_the_range_is_marked_where_allowed() -> None:
    far = setting(Role.DECODE, context=Span(100.0, 1000.0), allow_extrapolation=True)
    assert decode_point(far).extrapolated


def test_free_decoding_is_finite() -> None:
    point = decode_point(setting(Role.DECODE, decode=DecodeCoefficients(0.0, 0.0, 0.0)))
    assert 0 < point.capacity_rps < float("inf")


def test_the_engine_takes_no_more_sequences_than_its_limit() -> None:
    """30 sequences at the median of a step of 20 + 0.21 * 30 = 26.3 ms."""
    point = decode_point(setting(Role.DECODE, max_sequences=30))
    assert point.capacity_rps == pytest.approx(30 / (200 * 26.3e-3))
    assert point.limited_by is Limit.MAX_SEQUENCES


def test_no_step_is_faster_than_its_floor() -> None:
    """Floor 30 ms: 20 + 0.21 B passes it at B = 47.6, and at 41 ms B is 100 as without it."""
    floored = DecodeCoefficients(20.0, 0.1, 0.0001, floor_ms=30.0)
    slow = decode_point(setting(Role.DECODE, decode=floored, max_sequences=10))
    assert slow.itl_ms == 30.0
    assert slow.capacity_rps == pytest.approx(10 / (200 * 30e-3))
    assert decode_point(setting(Role.DECODE, decode=floored)) == decode_point(setting(Role.DECODE))
    hopeless = decode_point(setting(Role.DECODE, decode=floored, itl_ms=29.0))
    assert hopeless.capacity_rps == 0.0


def test_a_root_of_the_batch_counts() -> None:
    """1 ms a root and 0.21 ms a sequence over 20: 31 ms at b = 25, as 5 + 5.25 = 10.25; at 41 ms
    0.21 b + sqrt(b) = 21 gives sqrt(b) = (sqrt(1 + 17.64) - 1) / 0.42 = 7.899.
    """
    rooted = DecodeCoefficients(20.0, 0.1, 0.0001, ms_per_root_sequence=1.0)
    point = decode_point(setting(Role.DECODE, decode=rooted))
    assert point.batch == pytest.approx(7.899**2, rel=1e-3)
    assert point.itl_ms == pytest.approx(41.0)
    moved = decode_point(
        setting(Role.DECODE, decode=rooted, kv_bytes_per_token=1e6, bytes_per_s=1e9)
    )
    assert moved.batch is not None
    step_ms = 20.0 + 0.21 * moved.batch + moved.batch**0.5
    assert moved.batch == pytest.approx(moved.capacity_rps * 200 * step_ms / 1000)
