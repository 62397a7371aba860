from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heteroplan.entities.workload import (
    DecodeCoefficients,
    PrefillCoefficients,
    Role,
    SourceKind,
    Span,
)
from heteroplan.profiles.capacity.latency import prefill_ms, step_ms
from heteroplan.profiles.fitting.fit import Within, fit
from heteroplan.profiles.fitting.fitted import measured_engine
from heteroplan.profiles.fitting.report import Wanted, fit_all
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.profiles.readers.read import read_measurements
from heteroplan.queueing.lengths import gamma_parts
from tests.builders import engine
from tests.realdata import DATA, needs_data

TRUE_PREFILL = PrefillCoefficients(20.0, 0.05, 3e-6)
TRUE_DECODE = DecodeCoefficients(22.0, 0.11, 2e-5)
LENGTHS = (128, 256, 512, 1024, 2048, 4096, 8192)


def prefill(tokens: float, latency_ms: float, batch: float = 1) -> Measurement:
    return Measurement("H100", 4, Role.PREFILL, batch, tokens, 0.0, latency_ms)


def of(points: list[Measurement]) -> FileMeasurements:
    return FileMeasurements(tuple(points))


PROMPTS = [prefill(tokens, prefill_ms(TRUE_PREFILL, tokens)) for tokens in LENGTHS]
STEPS = [
    Measurement("H100", 4, Role.DECODE, batch, 1.0, context, step_ms(TRUE_DECODE, batch, context))
    for batch, context in product((1, 4, 16, 64), (512, 2048, 8192))
]


def test_exact_prefill_times_give_their_coefficients_back() -> None:
    found = fit(PROMPTS)
    values = found.coefficients
    assert isinstance(values, PrefillCoefficients)
    assert values.overhead_ms == pytest.approx(20.0)
    assert values.ms_per_token == pytest.approx(0.05)
    assert values.ms_per_token_squared == pytest.approx(3e-6)
    assert found.batch_tokens_range == Span(128, 8192)
    assert found.held_out is not None
    assert found.held_out.worst < 1e-9


def test_exact_decode_steps_give_their_coefficients_back() -> None:
    found = fit(STEPS)
    values = found.coefficients
    assert isinstance(values, DecodeCoefficients)
    assert values.base_ms == pytest.approx(22.0)
    assert values.ms_per_sequence == pytest.approx(0.11)
    assert values.ms_per_context_token == pytest.approx(2e-5)
    assert (found.batch_range, found.context_range) == (Span(1, 64), Span(512, 8192))


def test_error_is_relative_to_each_latency() -> None:
    """Times 100, 200, 300 and 440 at 1 to 4 kilotokens: a line through 0 of 100 a kilotoken and
    no negative overhead; every error stays within those of that line, 0, 0, 0 and 40/440 = 9 %.
    """
    found = fit([prefill(1000 * k, t) for k, t in ((1, 100), (2, 200), (3, 300), (4, 440))])
    values = found.coefficients
    assert isinstance(values, PrefillCoefficients)
    assert min(values.overhead_ms, values.ms_per_token, values.ms_per_token_squared) >= 0
    assert found.seen.mape <= 40 / 440
    assert found.seen.mape <= found.seen.worst


def test_repeats_count_once_by_their_median() -> None:
    """One repeat ten times too slow does not move a median of three."""
    repeated = [replace(p, latency_ms=p.latency_ms * f) for p in PROMPTS for f in (1, 1, 10)]
    found = fit(repeated)
    assert (found.points, found.measurements) == (7, 21)
    assert found.coefficients == fit(PROMPTS).coefficients


def test_held_out_error_sees_what_a_flexible_fit_hides() -> None:
    """Four points, three coefficients: a bump of 20 % at one inner point is mostly fitted away,
    yet each fit that does not see it misses it by more.
    """
    bumped = [
        replace(p, latency_ms=p.latency_ms * (1.2 if p.tokens == 512 else 1)) for p in PROMPTS
    ]
    found = fit(bumped)
    assert found.held_out is not None
    assert found.held_out.worst > found.seen.worst
    assert found.error.mape == found.held_out.mape


def test_prefill_keeps_to_single_prompts_where_there_are_enough() -> None:
    """Batches run 50 % slower here; capacity runs one prompt a batch and never sees them."""
    batches = [prefill(512, 1.5 * prefill_ms(TRUE_PREFILL, 512 * n), n) for n in (2, 4, 8)]
    assert fit(PROMPTS + batches).coefficients == fit(PROMPTS).coefficients
    few = [prefill(512, 40.0, n) for n in (1, 2, 4, 8)]
    assert fit(few).points == 4


def test_range_limits_what_is_fitted() -> None:
    found = fit(PROMPTS, Within(batch_tokens=Span(256, 2048)))
    assert (found.batch_tokens_range, found.points) == (Span(256, 2048), 4)
    found = fit(STEPS, Within(batch=Span(1, 16), context=Span(512, 2048)))
    assert (found.batch_range, found.context_range) == (Span(1, 16), Span(512, 2048))


def test_prefill_is_fitted_most_closely_where_prompts_of_the_length_take_their_time() -> None:
    """Prompts above 2,048 tokens take a quarter longer than shorter ones say, as chunks do."""
    kinked = [
        replace(point, latency_ms=point.latency_ms * (1.25 if point.tokens > 2048 else 1.0))
        for point in PROMPTS
    ]

    def off(mean: float, isl: float | None) -> float:
        """Of the mean time of prompts that are exponential between 128 and 8,192 tokens."""
        values = fit(kinked, isl=isl).coefficients
        assert isinstance(values, PrefillCoefficients)
        shares, parts = gamma_parts(1.0)
        lengths = np.clip(parts * mean, 128, 8192)
        told = [prefill_ms(values, tokens) for tokens in lengths.tolist()]
        wanted = np.interp(lengths, LENGTHS, [point.latency_ms for point in kinked])
        return abs(float(shares @ told) / float(shares @ wanted) - 1.0)

    for mean in (300.0, 2000.0, 4000.0):
        assert off(mean, mean) < 0.7 * off(mean, None)


def test_prompts_beyond_all_that_was_measured_weigh_nothing_differently() -> None:
    assert fit(PROMPTS, isl=1e9) == fit(PROMPTS)
    assert fit(STEPS, isl=100.0) == fit(STEPS)


def test_a_single_context_holds_for_a_tenth_around_it() -> None:
    found = fit([point for point in STEPS if point.context == 2048]).context_range
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.9 * 2048, 1.1 * 2048))
    assert fit(STEPS).context_range == Span(512, 8192)


def test_the_error_beyond_is_that_at_the_largest_batches_of_a_fit_without_them() -> None:
    """Of 1, 4, 16 and 64 sequences 64 are above 0.6 * 64; steps of 64 that take a tenth longer
    than the others say are told 1 / 1.1 of what they take.
    """
    assert fit(STEPS).beyond == pytest.approx(0.0, abs=1e-9)
    slower = [
        replace(point, latency_ms=point.latency_ms * (1.1 if point.batch == 64 else 1.0))
        for point in STEPS
    ]
    assert fit(slower).beyond == pytest.approx(1.0 - 1.0 / 1.1)
    assert fit([each for each in STEPS if each.batch == 64 or each.context > 4000]).beyond is None
    assert fit(PROMPTS).beyond is None


def test_too_few_points_are_refused_with_a_remedy() -> None:
    message = (
        "3 distinct prefill settings of H100 x4 in range; measure at least 4, or widen the range"
    )
    with pytest.raises(ValueError, match=message):
        fit(PROMPTS[:3])


def test_units_may_be_far_apart() -> None:
    """A coefficient of 1e-9 beside one of 1e3."""
    truth = PrefillCoefficients(1e3, 1e-3, 1e-9)
    found = fit([prefill(10.0**k, prefill_ms(truth, 10.0**k)) for k in range(1, 9)])
    assert found.seen.worst < 1e-6


def test_fitted_engine_carries_ranges_and_source() -> None:
    made = measured_engine(engine(role=Role.AGGREGATED), of(PROMPTS + STEPS), "m.csv")
    assert made.prefill == fit(PROMPTS).coefficients
    assert made.decode == fit(STEPS).coefficients
    assert made.batch_tokens_range == Span(128, 8192)
    assert (made.batch_range, made.context_range) == (Span(1, 64), Span(512, 8192))
    assert (made.source.kind, made.source.origin) == (SourceKind.FITTED, "m.csv")
    assert made.source.points == 7 + 12
    assert made.source.error_mape == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("off", [Role.PREFILL, Role.DECODE])
def test_an_engine_is_as_far_off_as_the_worse_of_its_latencies(off: Role) -> None:
    """Every other latency of one phase is 10 % longer; the other phase is met exactly."""
    points = [
        replace(p, latency_ms=p.latency_ms * (1.1 if i % 2 and p.phase is off else 1.0))
        for i, p in enumerate(PROMPTS + STEPS)
    ]
    errors = {
        phase: fit([p for p in points if p.phase is phase]).error
        for phase in (Role.PREFILL, Role.DECODE)
    }
    worst = errors.pop(off)
    (exact,) = errors.values()
    assert exact.worst < 1e-6 < 0.01 < worst.mape < worst.worst
    source = measured_engine(engine(role=Role.AGGREGATED), of(points), "m.csv").source
    assert source.error_mape == pytest.approx(worst.mape)
    assert source.error_worst == pytest.approx(worst.worst)


def test_fitted_engine_keeps_to_the_range_it_states() -> None:
    bare = replace(engine(role=Role.PREFILL), batch_tokens_range=Span(500, 9000))
    assert measured_engine(bare, of(PROMPTS), "m.csv").batch_tokens_range == Span(512, 8192)


def test_modelled_points_make_a_modelled_engine() -> None:
    points = [replace(p, source=SourceKind.MODELLED) for p in PROMPTS]
    made = measured_engine(engine(role=Role.PREFILL), of(points), "tool")
    assert made.source.kind is SourceKind.MODELLED


def test_measurements_of_something_else_are_named() -> None:
    message = "no decode measurements of H100 x2; there are H100 x4 prefill"
    with pytest.raises(ValueError, match=message):
        measured_engine(engine(gpus=2), of(PROMPTS), "m.csv")


@needs_data
def test_splitwise_error_by_gpu_type_and_phase() -> None:
    """Settings left out in turn: at most 3 % by GPU type and phase in the useful range, and over
    everything measured more for prefill: both are stated.
    """
    measured = read_measurements(DATA / "perf" / "splitwise_sim_perf_model_llama2-70b.csv")

    def worst_mean(gpu: str, phase: Role, tokens: Span | None) -> float:
        wanted = Wanted(gpu=gpu, within=Within(batch_tokens=tokens))
        fitted = fit_all([("m.csv", measured)], wanted).fitted
        errors = [each.lines[0].error.mape for each in fitted if each.engine.role is phase]
        assert len(errors) == 3
        return sum(errors) / 3

    assert worst_mean("A100-SXM-80GB", Role.PREFILL, Span(256, 2048)) < 0.03
    assert worst_mean("H100-SXM-80GB", Role.PREFILL, Span(512, 2048)) < 0.03
    assert worst_mean("A100-SXM-80GB", Role.DECODE, None) < 0.03
    assert worst_mean("H100-SXM-80GB", Role.DECODE, None) < 0.02
    assert 0.05 < worst_mean("A100-SXM-80GB", Role.PREFILL, None) < 0.06
    assert 0.07 < worst_mean("H100-SXM-80GB", Role.PREFILL, None) < 0.08


@pytest.mark.parametrize("modelled", [Role.PREFILL, Role.DECODE])
def test_an_engine_is_modelled_where_either_of_its_latencies_is(modelled: Role) -> None:
    points = [
        replace(p, source=SourceKind.MODELLED) if p.phase is modelled else p
        for p in PROMPTS + STEPS
    ]
    made = measured_engine(engine(role=Role.AGGREGATED), of(points), "m.csv")
    assert made.source.kind is SourceKind.MODELLED


@pytest.mark.parametrize(
    ("role", "kv_tokens"),
    [(Role.AGGREGATED, 480_000), (Role.DECODE, 480_000), (Role.PREFILL, None)],
)
def test_what_decodes_takes_the_kv_cache_that_is_told_of_its_size(
    role: Role, kv_tokens: int | None
) -> None:
    told = replace(of(PROMPTS + STEPS), kv_tokens={("H100", 4): 480_000, ("H100", 8): 1})
    assert measured_engine(engine(role=role), told, "m.csv").kv_tokens == kv_tokens
