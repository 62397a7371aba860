from dataclasses import replace

import pytest
from scipy.special import gammainc

from heteroplan.entities.capacity import Limit, OperatingPoint
from heteroplan.entities.workload import DecodeCoefficients, RequestClass, Role, Span
from heteroplan.profiles.capacity.decode import decode_points
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.steps import DecodeSteps
from tests.profiles.settings import setting


def decode_point(setting: Setting) -> OperatingPoint:
    [point] = decode_points(setting)
    return point


def test_itl_bounds_the_batch_and_littles_law_gives_the_rate() -> None:
    """Context 1000 + 100: itl(b) = 20 + 0.21 b = 41 at b = 100; the median batch is the mean;
    a request finds 100 others and adds 0.21 ms: 100 / (200 tokens * 0.04121 s) = 12.133 requests/s.
    """
    point = decode_point(setting(Role.DECODE))
    assert point.batch == pytest.approx(100.0)
    assert point.itl_ms == pytest.approx(41.0)
    assert point.capacity_rps == pytest.approx(100.0 / 8.242)
    assert point.limited_by is Limit.ITL


def test_batch_leaves_room_for_its_swing() -> None:
    """A step of B = 79.203 takes 20 + 0.21 * 79.203 = 36.633 ms, 20 of which are fixed: the number
    in flight varies by f = 36.633 / 20 = 1.8316 times its mean. What sequences add has the mean
    16.633 and the variance 79.203 * 0.21^2 * 1.8316 = 6.3976: a gamma of shape a = 43.242 and scale
    0.38464, whose P95 is by Wilson and Hilferty a (1 - 1 / 9a + 1.64485 / 3 sqrt(a))^3 = 54.59
    scales = 21.0 ms, which 41 - 20 leave.
    """
    point = decode_point(setting(Role.DECODE, percentile=0.95))
    assert point.batch == pytest.approx(79.203, rel=1e-3)
    assert point.utilization == pytest.approx(0.79203, rel=1e-3)
    assert point.itl_ms == pytest.approx(41.0)


def test_a_percentile_below_the_median_does_not_overfill_memory() -> None:
    """z would be negative, and the mean batch above the greatest one."""
    point = decode_point(setting(Role.DECODE, percentile=0.1))
    assert point.batch == pytest.approx(100.0)


def test_kv_memory_bounds_the_batch() -> None:
    """55,000 KV tokens / (1000 + 200 / 2) = 50; itl 30.5 ms, and 0.21 ms more for one
    that comes: 50 / (200 * 0.03071 s) = 8.141.
    """
    point = decode_point(setting(Role.DECODE, kv_tokens=55_000))
    assert point.capacity_rps == pytest.approx(50.0 / 6.142)
    assert point.limited_by is Limit.KV_MEMORY


def test_measured_batches_bound_the_batch_unless_extrapolation_is_allowed() -> None:
    """20 sequences: itl 24.2 ms; 20 / (200 * 0.02441 s) = 4.097."""
    inside = decode_point(setting(Role.DECODE, batch=Span(1.0, 20.0)))
    assert inside.capacity_rps == pytest.approx(20.0 / 4.882)
    assert (inside.limited_by, inside.extrapolated) == (Limit.RANGE, False)
    beyond = decode_point(setting(Role.DECODE, batch=Span(1.0, 20.0), allow_extrapolation=True))
    assert beyond.capacity_rps == pytest.approx(100.0 / 8.242)
    assert beyond.extrapolated


def test_larger_batches_than_measured_are_extrapolated_up_to_the_sequences_allowed() -> None:
    """50 sequences: itl 30.5 ms; 50 / (200 * 0.03071 s)."""
    beyond = decode_point(setting(Role.DECODE, batch=Span(1.0, 20.0), max_sequences=50))
    assert beyond.capacity_rps == pytest.approx(50.0 / 6.142)
    assert (beyond.limited_by, beyond.extrapolated) == (Limit.MAX_SEQUENCES, True)


@pytest.mark.parametrize("max_sequences", [20, 21])
def test_as_many_sequences_as_were_measured_are_not_extrapolated(max_sequences: int) -> None:
    """20.5 in the mean are 21 at times."""
    point = decode_point(setting(Role.DECODE, batch=Span(1.0, 20.5), max_sequences=max_sequences))
    assert not point.extrapolated
    assert point.batch == pytest.approx(min(20.5, max_sequences))


def test_a_kv_cache_in_use_is_a_measured_range_where_memory_is_not_known() -> None:
    """22,000 tokens of 1,100 each are 20 sequences."""
    seen = decode_point(setting(Role.DECODE, kv_in_use=Span(1.0, 22_000.0)))
    assert seen.capacity_rps == pytest.approx(20.0 / 4.882)
    assert (seen.limited_by, seen.extrapolated) == (Limit.RANGE, False)
    known = setting(Role.DECODE, kv_in_use=Span(1.0, 22_000.0), kv_tokens=55_000)
    assert decode_point(known) == decode_point(setting(Role.DECODE, kv_tokens=55_000))


def test_sequences_beyond_what_was_measured_use_more_kv_cache_than_was_measured() -> None:
    span = Span(1.0, 20.0)
    beyond = setting(Role.DECODE, batch=span, kv_in_use=Span(1.0, 22_000.0), max_sequences=50)
    assert decode_point(beyond) == decode_point(setting(Role.DECODE, batch=span, max_sequences=50))


def test_mean_batch_below_one_runs_steps_of_one() -> None:
    """A context of 1,100 fits 1,200: at B = 0.21599 f is 20.0454 / 20 and the gamma of the tokens
    held has the shape 0.21599 / 1.00227 = 0.2155 and the scale 1100 * 1.00227, so that 95 % are
    below 1200 / 1102.5 = 1.08844 scales. A step takes 20.21 ms, with one more 20.42.
    """
    assert float(gammainc(0.2155, 1.08844)) == pytest.approx(0.95, abs=1e-4)
    point = decode_point(setting(Role.DECODE, kv_tokens=1200, percentile=0.95))
    assert point.batch == pytest.approx(0.21599, abs=1e-4)
    assert point.capacity_rps == pytest.approx(0.21599 / (200 * 0.02042), rel=1e-3)


def test_steps_below_the_measured_batches_are_not_taken_as_faster() -> None:
    """Measured from 30 (itl 26.3 ms), mean batch 24.0: 24.0 / (200 * 0.02651 s). Its contexts have
    the mean 26,400 and, as f = 25.04 / 20, the variance 24 * 1,210,000 * 1.252: a gamma of shape
    19.169 and scale 1,377.2, whose P95 is 26.89 scales (Wilson and Hilferty).
    """
    kv_tokens = round(26.890 * 1377.2)
    point = decode_point(
        setting(Role.DECODE, kv_tokens=kv_tokens, percentile=0.95, batch=Span(30.0, 200.0))
    )
    assert point.capacity_rps == pytest.approx(24.0 / 5.302, rel=1e-3)


def test_nic_bounds_the_rate_and_the_batch_follows() -> None:
    """1 MB a token at 4 GB/s: 4 requests/s; B = 0.8 * (20.21 + 0.21 B) = 16.168 / 0.832."""
    point = decode_point(setting(Role.DECODE, kv_bytes_per_token=1e6, bytes_per_s=4e9))
    assert (point.capacity_rps, point.limited_by) == (4.0, Limit.KV_TRANSFER)
    assert point.batch == pytest.approx(16.168 / 0.832)


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
    """30 sequences at the median of a step of 20 + 0.21 * 30 = 26.3 ms, 26.51 with one more."""
    point = decode_point(setting(Role.DECODE, max_sequences=30))
    assert point.capacity_rps == pytest.approx(30 / (200 * 26.51e-3))
    assert point.limited_by is Limit.MAX_SEQUENCES


def test_no_step_is_faster_than_its_floor() -> None:
    """Floor 30 ms: 20 + 0.21 B passes it at B = 47.6, and at 41 ms B is 100 as without it."""
    floored = DecodeCoefficients(20.0, 0.1, 0.0001, floor_ms=30.0)
    slow = decode_point(setting(Role.DECODE, decode=floored, max_sequences=10))
    assert slow.itl_ms == 30.0
    assert slow.capacity_rps == pytest.approx(10 / (200 * 30.21e-3))
    free = decode_point(setting(Role.DECODE))
    assert decode_point(setting(Role.DECODE, decode=floored)).capacity_rps == pytest.approx(
        free.capacity_rps
    )
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
    assert moved.batch == pytest.approx(moved.capacity_rps * 200 * (step_ms + 0.21) / 1000)


SHORT = RequestClass("short", 0.75, 900.0, 200.0, context=1000.0, context_cv=0.0)
"""A sequence adds 0.1 + 0.1 = 0.2 ms."""
LONG = RequestClass("long", 0.25, 3800.0, 400.0, context=4000.0, context_cv=0.0)
"""0.1 + 0.4 = 0.5 ms."""
OSL = 250.0
"""Of the mix 0.75 * 200 + 0.25 * 400 tokens, of which 0.6 are short; of a sequence of a step the
mean slope is 0.6 * 0.2 + 0.4 * 0.5 = 0.32 ms, its square 0.6 * 0.04 + 0.4 * 0.25 = 0.124, context
2,200 and context times slope 0.6 * 1000 * 0.2 + 0.4 * 4000 * 0.5 = 920.
"""


@pytest.mark.parametrize(
    ("changes", "limit", "ended", "uses"),
    [
        ({"itl_ms": 29.594118}, Limit.ITL, 1.0, (200 * 0.2, 400 * 0.5)),
        ({"kv_tokens": 26_731.6667}, Limit.KV_MEMORY, 0.5, (200 * 1000, 400 * 4000)),
        ({"max_sequences": 29.914118}, Limit.MAX_SEQUENCES, 1.0, (200, 400)),
        ({"batch": Span(1.0, 29.914118)}, Limit.RANGE, 1.0, (200, 400)),
    ],
)
def test_a_mix_is_shared_out_by_what_is_scarce(
    changes: dict[str, object], limit: Limit, ended: float, uses: tuple[float, float]
) -> None:
    """At the median, with a = rate * osl [1/ms], a mean step of m = 20 + a (0.32 m + 0.124) ms:
    of a = 1 m = 20.124 / 0.68 = 29.594 ms with 29.594 + 0.32 = 29.914 sequences, of a = 0.5
    m = 20.062 / 0.84 = 23.883 ms and 0.5 (2200 m + 920) = 26,732 KV tokens. The rate is a / 250
    a ms, of which a request of class k takes r_k / sum share r.
    """
    points = decode_points(setting(Role.DECODE, mix=(SHORT, LONG), **changes))  # type: ignore[arg-type]
    rate_rps = 1000.0 * ended / OSL
    mean = 0.75 * uses[0] + 0.25 * uses[1]
    assert [point.limited_by for point in points] == [limit] * 2
    assert [point.batch for point in points] == pytest.approx(
        [{1.0: 29.914118, 0.5: 0.5 * (23.883333 + 0.32)}[ended]] * 2
    )
    assert [point.capacity_rps for point in points] == pytest.approx(
        [rate_rps * mean / use for use in uses]
    )
    whole = 0.75 / points[0].capacity_rps + 0.25 / points[1].capacity_rps
    assert 1.0 / whole == pytest.approx(rate_rps)


def test_the_nic_moves_the_mix() -> None:
    """1 MB a token at 4 GB/s: 0.225 and 0.95 s, 0.40625 s of the mix. At 2.4615 requests/s of 250
    tokens a = 0.61538, m = (20 + 0.61538 * 0.124) / (1 - 0.61538 * 0.32) = 24.9993 ms and the batch
    0.61538 * (m + 0.32).
    """
    moved = setting(
        Role.DECODE, mix=(SHORT, LONG), kv_bytes_per_token=1e6, bytes_per_s=4e9, itl_ms=100.0
    )
    points = decode_points(moved)
    assert [point.limited_by for point in points] == [Limit.KV_TRANSFER] * 2
    assert [point.capacity_rps for point in points] == pytest.approx([1 / 0.225, 1 / 0.95])
    assert points[0].batch == pytest.approx(0.615385 * 25.31923, rel=1e-4)


def test_a_root_is_shared_out_by_sequences() -> None:
    """No slope: 20 + 2 sqrt(B) = 36 at B = 64, and a class takes its output tokens."""
    rooted = DecodeCoefficients(20.0, 0.0, 0.0, ms_per_root_sequence=2.0)
    points = decode_points(setting(Role.DECODE, decode=rooted, mix=(SHORT, LONG), itl_ms=36.0))
    rate_rps = 1000 * 64 / (OSL * 36)
    assert [point.capacity_rps for point in points] == pytest.approx(
        [rate_rps * OSL / 200, rate_rps * OSL / 400]
    )


def test_a_stated_context_stands_for_that_of_the_means() -> None:
    """Of outputs of 100 and 300 with inputs of 500 and 1,500 each half, a step holds on average
    (100 * 550 + 300 * 1,650) / 400 = 1,375 tokens, not 1,100: 41 = 20 + 0.2375 * 88.42.
    """
    even = RequestClass("all", 1.0, 1000.0, 200.0, context=1375.0, context_cv=0.0)
    point = decode_point(setting(Role.DECODE, mix=(even,)))
    assert point.batch == pytest.approx(21.0 / 0.2375)
    narrow = decode_point(setting(Role.DECODE, mix=(even,), percentile=0.95))
    spread = replace(even, context_cv=0.35)
    wide = decode_point(setting(Role.DECODE, mix=(spread,), percentile=0.95))
    assert wide.capacity_rps < narrow.capacity_rps < point.capacity_rps


def test_a_class_that_does_not_fit_leaves_the_rest() -> None:
    """4,200 tokens in 4,100; the short ones go on alone."""
    mixed = setting(Role.DECODE, mix=(LONG, SHORT), kv_tokens=4100)
    first, second = decode_points(mixed)
    assert (first.capacity_rps, first.limited_by) == (0.0, Limit.KV_MEMORY)
    assert second == decode_point(mixed.of(SHORT))


def test_without_a_base_numbers_swing_as_in_a_shared_processor() -> None:
    """200 tokens of 0.5 ms: 9 requests/s are 0.9 busy, 0.9 / (1 - 0.9) = 9 of them in flight as in
    M/M/1, a geometric number of variance 9 * (1 + 9). 95 % of the time no more than 82 are where
    0.05 = busy^83: 0.9646; a gamma comes within 1 % of that.
    """
    free = setting(Role.DECODE, decode=DecodeCoefficients(0.0, 0.5, 0.0), percentile=0.95)
    steps = DecodeSteps.of(free)
    load = steps.load(9.0)
    assert load.sequences == pytest.approx(9.0)
    assert steps.dispersion(load) == pytest.approx(10.0)
    assert decode_point(free).capacity_rps == pytest.approx(9.646, rel=0.01)
