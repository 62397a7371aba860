"""Runs of whole requests: what was put in comes out, and errors are those of loads not seen."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import inf

import numpy as np
import pytest

from heteroplan.entities.capacity import Limit
from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import (
    PrefillCoefficients,
    RequestClass,
    Role,
    Span,
    TtftCoefficients,
)
from heteroplan.profiles.capacity.latency import step_ms
from heteroplan.profiles.capacity.replica import Asked, replica_at
from heteroplan.profiles.fitting.end_to_end import (
    Latencies,
    RunFit,
    curves,
    errors_left_out,
    fit_runs,
    predicted,
)
from heteroplan.profiles.fitting.fitted import measured_engine, of_runs
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers.file_measurements import FileMeasurements, Given
from heteroplan.profiles.readers.read import read_measurements
from tests.builders import engine
from tests.realdata import DATA, needs_data

TRUTH = Latencies(
    tpot=(8.0, 0.05, 2e-5, 0.02, 0.0), ttft=(40.0, 0.05, 1.0, 1e-3, 0.0), kv_tokens=float("inf")
)
EMPTY = Run("H100", 4, 1000.0, 500.0, 1.0, 1.0, 1.0)


def run(concurrency: float, isl: float = 1000.0, osl: float = 500.0, **changes: object) -> Run:
    """What an engine of TRUTH would show."""
    asked = replace(EMPTY, concurrency=concurrency, isl=isl, osl=osl, **changes)  # type: ignore[arg-type]
    return shown(asked, TRUTH)


def shown(asked: Run, truth: Latencies) -> Run:
    tpot_ms, ttft_ms = predicted(asked, truth)
    return replace(asked, tpot_ms=tpot_ms, ttft_ms=ttft_ms)


RUNS = [
    run(concurrency, isl, osl)
    for concurrency, (isl, osl) in product(
        (1, 4, 16, 64), ((500.0, 200.0), (2000.0, 200.0), (8000.0, 1000.0))
    )
]


def test_littles_law_gives_rate_and_batch() -> None:
    """16 in flight, 100 ms to the first token, 99 tokens of 10 ms: 16 / 1.09 s; of those 1.09 s
    0.99 are decoding.
    """
    one = Run("H", 1, 1000.0, 100.0, 16.0, 100.0, 10.0)
    assert one.rate_rps == pytest.approx(16 / 1.09)
    assert one.batch == pytest.approx(16 * 0.99 / 1.09)
    assert replace(one, replicas=4).batch == pytest.approx(4 * 0.99 / 1.09)


def test_coefficients_come_back_from_exact_runs() -> None:
    """Weakly pulled towards what they all together say, which here is the same."""
    [found], notes = fit_runs(RUNS)
    assert notes == []
    assert found.decode.base_ms == pytest.approx(8.0, rel=0.05)
    assert found.prefill_ms_per_token == pytest.approx(0.02, rel=0.05)
    assert found.ttft.ms_per_token == pytest.approx(0.05, rel=0.05)
    assert max(found.tpot_seen.mape, found.ttft_seen.mape) < 0.02
    assert found.isl_range.low == 500.0


def test_whole_curves_are_left_out_to_tell_the_error() -> None:
    """Two outputs of each of three prompts: the other five tell what the sixth takes."""
    shapes = product((500.0, 2000.0, 8000.0), (200.0, 1000.0))
    runs = [run(n, isl, osl) for (isl, osl), n in product(shapes, (1, 4, 16, 64))]
    [found], _ = fit_runs(runs)
    assert max(found.tpot_held_out.mape, found.ttft_held_out.mape) < 0.03
    curve = curves(runs)
    assert curve == [i // 4 for i in range(24)]
    off = np.abs(errors_left_out(runs, lambda place, run: curve[place]))
    assert found.tpot_held_out.mape == pytest.approx(off[:, 0].mean())


def test_a_curve_is_an_engine_and_lengths_within_a_tenth() -> None:
    shapes = [(1000.0, 100.0), (1090.0, 109.0), (1110.0, 100.0), (1000.0, 120.0), (1000.0, 91.0)]
    runs = [run(4, isl, osl) for isl, osl in shapes]
    assert curves(runs) == [0, 0, 1, 2, 0]
    others = [replace(each, variant="vllm") for each in runs]
    assert curves([*runs, *others]) == [0, 0, 1, 2, 0, 3, 3, 4, 5, 3]


def test_each_run_of_one_or_two_curves_is_left_out_alone() -> None:
    """Of two shapes the second says nothing of lengths between them."""
    assert curves([run(n, isl) for isl in (500.0, 2000.0) for n in (1, 4, 16)]) == [*range(6)]


def test_one_request_shape_is_good_for_a_tenth_around_it() -> None:
    """Prompts of 1,000 tokens, 500 more at the end: 900 to 1,100 and 900 to 1,650."""
    [found], [note] = fit_runs([run(n) for n in (1, 4, 16, 64)])
    assert note.startswith("of 1 engines one request shape was measured: they are used within 10%")
    assert found.isl_range == Span(900.0, 1100.0)
    contexts = found.context_range
    assert (contexts.low, contexts.high) == pytest.approx((900.0, 1650.0), abs=1.0)


def test_the_error_beyond_is_that_of_the_largest_batches_when_they_are_left_out() -> None:
    """They take a tenth longer than the others say."""
    runs = [run(n, isl) for isl in (500.0, 2000.0, 8000.0) for n in (1, 2, 4, 8, 16)]
    last = run(100.0)
    [exact], _ = fit_runs([*runs, last])
    [slower], _ = fit_runs([*runs, replace(last, tpot_ms=1.1 * last.tpot_ms)])
    assert exact.beyond == pytest.approx(0.0, abs=0.03)
    assert slower.beyond == pytest.approx(1.0 - 1.0 / 1.1, abs=0.03)
    [alone], _ = fit_runs([run(100.0, isl) for isl in (900.0, 1000.0, 1100.0)])
    assert alone.beyond is None


def test_a_run_is_predicted_without_what_it_showed() -> None:
    blind = replace(RUNS[5], tpot_ms=1.0, ttft_ms=1.0)
    assert predicted(blind, TRUTH) == pytest.approx((RUNS[5].tpot_ms, RUNS[5].ttft_ms), rel=1e-6)


def test_of_replicas_each_takes_its_part() -> None:
    """Four replicas under 64 requests are as one under 16."""
    one = predicted(replace(EMPTY, concurrency=16.0), TRUTH)
    four = predicted(replace(EMPTY, concurrency=64.0, replicas=4), TRUTH)
    assert four == pytest.approx(one)


def test_who_finds_no_room_waits_for_whole_requests() -> None:
    """10 sequences of 1,250 tokens fit; of 30 in flight 20 wait two decoding times more."""
    full = replace(TRUTH, ttft=(40.0, 0.0, 0.0, 0.0, 1.0), kv_tokens=12_500.0)
    tpot_ms, ttft_ms = predicted(replace(EMPTY, concurrency=30.0), full)
    assert ttft_ms == pytest.approx(40.0 + 2.0 * tpot_ms * 499.0)


def test_few_runs_are_told() -> None:
    fits, notes = fit_runs(RUNS[:2])
    assert fits == []
    assert notes == ["1 engines have fewer than 3 runs and are not fitted"]


def test_engines_lend_each_other_what_few_runs_leave_open() -> None:
    """Three runs of one shape cannot tell what a longer prompt takes; others of the GPU can."""
    few = [replace(each, variant="few") for each in RUNS[::4]]
    alone = {fit.variant: fit for fit in fit_runs(few)[0]}["few"]
    helped = {fit.variant: fit for fit in fit_runs([*RUNS, *few])[0]}["few"]
    assert abs(helped.prefill_ms_per_token - 0.02) < abs(alone.prefill_ms_per_token - 0.02)


def test_runs_left_out_together_are_not_seen() -> None:
    off = errors_left_out(RUNS, lambda place, run: 0)
    assert np.isnan(off).all()


def test_an_aggregated_engine_is_made_of_its_runs() -> None:
    bare = engine(role=Role.AGGREGATED)
    made = measured_engine(bare, FileMeasurements(runs=tuple(RUNS)), "m.json")
    assert made.prefill is not None
    assert made.decode is not None
    assert made.ttft is not None
    assert made.batch_tokens_range is not None
    assert (made.batch_tokens_range.low, made.batch_tokens_range.high) == (500.0, 8000.0)
    twice = [*RUNS, *(replace(each, variant="other") for each in RUNS)]
    with pytest.raises(ValueError, match="must be of one engine; there are , other"):
        measured_engine(bare, FileMeasurements(runs=tuple(twice)), "m.json")


@pytest.mark.parametrize(
    ("stated", "kept"),
    [
        (None, (500.0, 8000.0)),
        (Span(100.0, 9000.0), (500.0, 8000.0)),
        (Span(1000.0, 9000.0), (1000.0, 8000.0)),
        (Span(100.0, 6000.0), (500.0, 6000.0)),
        (Span(1000.0, 6000.0), (1000.0, 6000.0)),
    ],
)
def test_an_engine_of_runs_keeps_to_what_is_stated_and_measured(
    stated: Span | None, kept: tuple[float, float]
) -> None:
    """Prompts of 500 to 8,000 tokens were measured."""
    bare = replace(engine(role=Role.AGGREGATED), batch_tokens_range=stated)
    made = measured_engine(bare, FileMeasurements(runs=tuple(RUNS)), "m.json")
    assert made.batch_tokens_range is not None
    assert (made.batch_tokens_range.low, made.batch_tokens_range.high) == kept


def test_what_an_engine_states_that_it_holds_goes_before_what_was_seen_in_flight() -> None:
    bare = engine(role=Role.AGGREGATED)
    seen = measured_engine(bare, FileMeasurements(runs=tuple(RUNS)), "m.json")
    assert seen.kv_tokens is None
    assert seen.kv_tokens_range is not None
    stated = replace(bare, kv_tokens=12_345, max_sequences=7)
    made = measured_engine(stated, FileMeasurements(runs=tuple(RUNS)), "m.json")
    assert (made.kv_tokens, made.max_sequences) == (12_345, 7)


def test_disaggregated_runs_give_a_prefill_and_a_decode_engine() -> None:
    """A prompt takes no more of a prefill replica than leaves room for the rate measured."""
    split = [replace(each, prefill_gpus=2, replicas=2, prefill_replicas=1) for each in RUNS]
    [found], _ = fit_runs(split)
    assert found.prefill_ms_per_token < 1e-6
    prefill, decode = (each.engine for each in of_runs(found, split))
    assert (prefill.role, prefill.gpus, decode.role, decode.gpus) == (
        Role.PREFILL, 2, Role.DECODE, 4,
    )  # fmt: skip
    values = found.unqueued
    for each in split:
        busy_s = (values.overhead_ms + values.ms_per_token * each.isl) / 1000
        assert each.rate_rps * busy_s <= 1.0 + 1e-9


@needs_data
@pytest.mark.parametrize("served", ["vllm", "vllm_quantization"])
def test_knee_of_inference_perf_from_light_stages(served: str) -> None:
    """From those below 60 % of the load; at 128 sequences (vLLM's default) within 10 % of it."""
    folder = DATA / "perf" / "inference_perf_kubecon2025" / served
    given = Given("H100-SXM-80GB", 1)
    stages = [
        run
        for path in sorted(folder.glob("stage_*.json"))
        for run in read_measurements(path, given=given).runs
    ]
    most_rps = max(stage.rate_rps for stage in stages)
    light = [stage for stage in stages if stage.rate_rps < 0.6 * most_rps]
    [found], _ = fit_runs(light)
    measured = of_runs(found, light)[0].engine
    shape = RequestClass("default", 1.0, light[-1].isl, light[-1].osl)
    asked = Asked(shape, Slo(60_000.0, 1000.0, ttft_percentile=0.5, itl_percentile=0.5))
    point = replica_at(replace(measured, max_sequences=128), asked)
    assert (point.limited_by, point.extrapolated) == (Limit.MAX_SEQUENCES, True)
    assert point.capacity_rps == pytest.approx(most_rps, rel=0.1)
    assert replica_at(measured, asked).limited_by is Limit.RANGE


@needs_data
def test_runs_left_out_of_the_silicon_sample() -> None:
    """Qwen3-32B on H100, 349 runs, whole curves: TPOT within 5 %, TTFT within 15 % in the mean."""
    path = DATA / "perf" / "aiconfigurator_silicon_sample_shared.csv"
    runs = read_measurements(path, given=Given(model="Qwen/Qwen3-32B")).runs
    curve = curves(runs)
    off = np.abs(errors_left_out(runs, lambda place, run: curve[place]))
    tpot, ttft = np.nanmean(off, axis=0)
    assert len(runs) == 349
    assert tpot < 0.05
    assert ttft < 0.15


@pytest.mark.parametrize("replicas", [1, 2])
def test_prefill_is_as_slow_as_the_busiest_run_leaves_room_for(replicas: int) -> None:
    """By TTFT one replica would be busier than all the time and is full; each of two is not."""
    split = [replace(each, prefill_gpus=2, prefill_replicas=replicas, replicas=2) for each in RUNS]
    [found], _ = fit_runs(split)

    def busiest(overhead_ms: float, ms_per_token: float) -> float:
        return max(
            each.rate_rps / replicas * (overhead_ms + ms_per_token * each.isl) / 1000
            for each in split
        )

    by_ttft = busiest(found.ttft.base_ms, found.ttft.ms_per_token)
    assert (by_ttft > 1.0) == (replicas == 1)
    values = found.unqueued
    assert busiest(values.overhead_ms, values.ms_per_token) == pytest.approx(min(1.0, by_ttft))


def test_a_batch_that_was_seen_is_held_to_the_next_whole_sequence() -> None:
    """10.4 on average were seen, so that 11 fit; 10 do where it was 10."""
    [found], _ = fit_runs(RUNS)
    for seen, most in ((10.4, 11), (10.0, 10), (float("inf"), None)):
        limited = replace(found, latencies=replace(found.latencies, sequences=seen))
        assert of_runs(limited, RUNS)[0].engine.max_sequences == most


@pytest.mark.parametrize(("replicas", "full"), [(1, True), (4, False)])
def test_replicas_are_full_by_what_each_of_them_has_in_flight(replicas: int, full: bool) -> None:
    """First tokens take as long as all others; 16 requests are on one replica, or 4 on each."""
    slow = [
        replace(each, ttft_ms=each.tpot_ms * (each.osl - 1.0), concurrency=16.0, replicas=replicas)
        for each in RUNS
    ]
    [found], _ = fit_runs(slow)
    latencies = found.latencies
    assert (min(latencies.sequences, latencies.kv_tokens) < float("inf")) == full


@pytest.mark.parametrize(
    ("term", "times"),
    [(0, 1.0), (1, 4.0), (2, 4.0 * 1050.5), (3, 4.0 * 1000.0 / 100.0), (4, 2.0)],
)
@pytest.mark.parametrize("prefill_gpus", [None, 2])
def test_time_per_token_is_the_sum_of_its_terms(
    term: int, times: float, prefill_gpus: int | None
) -> None:
    """8 requests on each of two replicas decode half of their time: 4 sequences at a time.

    With a term of 5 ms beside 5 ms a token takes 10 ms, 1 s all but the first, which takes 1 s.
    Prompts take their share from decode only where they share its replica.
    """
    values = [5.0, 0.0, 0.0, 0.0, 0.0]
    own = 0.0 if term == 3 and prefill_gpus else 5.0
    values[term] += (5.0 if own else 50.0) / times
    values[0] += 5.0 - own
    asked = Run("H", 1, 1000.0, 101.0, 16.0, 1.0, 1.0, replicas=2, prefill_gpus=prefill_gpus)
    truth = Latencies(tuple(values), (1000.0, 0.0, 0.0, 0.0, 0.0))
    assert predicted(asked, truth) == pytest.approx((10.0, 1000.0))


@pytest.mark.parametrize(("prefill_gpus", "own"), [(None, 8.0), (2, 4.0)])
def test_time_to_the_first_token_is_the_sum_of_its_terms(
    prefill_gpus: int | None, own: float
) -> None:
    """16 in flight: 8 on each of two replicas, 4 on each of four of prefill where that is apart.

    40 + 0.05 * 1000 + (1 + 0.001 * 1000) * own, and 5 fit of the 8: 3/5 of a second's decoding.
    """
    asked = Run(
        "H", 1, 1000.0, 101.0, 16.0, 1.0, 1.0,
        replicas=2, prefill_gpus=prefill_gpus, prefill_replicas=4,
    )  # fmt: skip
    truth = Latencies((10.0, 0.0, 0.0, 0.0, 0.0), (40.0, 0.05, 1.0, 1e-3, 0.5), sequences=5.0)
    assert predicted(asked, truth) == pytest.approx((10.0, 90.0 + 2.0 * own + 0.5 * 600.0))


@pytest.mark.parametrize(
    ("sequences", "kv_tokens", "most"), [(5.0, inf, 5.0), (inf, 3151.5, 3.0), (2.0, 3151.5, 2.0)]
)
def test_what_decodes_at_a_time_is_limited_by_what_fills_up_first(
    sequences: float, kv_tokens: float, most: float
) -> None:
    asked = replace(EMPTY, isl=1000.0, osl=101.0)
    assert Latencies((), (), sequences, kv_tokens).limit(asked) == pytest.approx(most)


def full(concurrency: float, isl: float, *, ttft_ms: float = 1000.0, **changes: object) -> Run:
    """Decoding takes a second; as long to the first token, half of the requests are decoding."""
    made = Run("H100", 4, isl, 201.0, concurrency, ttft_ms, 5.0)
    return replace(made, **changes)  # type: ignore[arg-type]


def limits(*of: Run) -> tuple[float, float]:
    [found], _ = fit_runs(of)
    return found.latencies.sequences, found.latencies.kv_tokens


LIGHT = full(2.0, 899.5, ttft_ms=50.0)


@pytest.mark.parametrize(
    ("in_flight", "isl", "limit"),
    [
        pytest.param((32, 64, 128), (899.5, 399.5, 149.5), (inf, 16_000), id="tokens"),
        pytest.param((32, 32, 32), (899.5, 399.5, 149.5), (16, inf), id="sequences"),
        pytest.param((32, 36, 40), (899.5, 399.5, 149.5), (18, inf), id="rather sequences"),
        pytest.param((32, 56, 140), (899.5, 399.5, 149.5), (inf, 16_000), id="rather tokens"),
        pytest.param((32, 40, 64), (899.5, 899.5, 899.5), (20, 20_000), id="one shape: either"),
    ],
)
def test_what_fills_up_is_what_differs_less_over_shapes(
    in_flight: Sequence[float], isl: Sequence[float], limit: tuple[float, float]
) -> None:
    """Contexts of 1,000, 500 and 250 tokens. The limit is the median of what was in flight."""
    found = limits(LIGHT, *map(full, in_flight, isl))
    assert found == pytest.approx(limit)


@pytest.mark.parametrize(
    ("runs", "seen"),
    [
        pytest.param([full(32, 899.5), full(8, 899.5)], True, id="eight in flight"),
        pytest.param([full(32, 899.5), full(7.9, 899.5)], False, id="fewer than eight"),
        pytest.param(
            [full(32, 899.5), full(31, 899.5, replicas=4)], False, id="fewer than eight each"
        ),
        pytest.param([full(32, 899.5), full(32, 899.5, ttft_ms=251.0)], True, id="a quarter"),
        pytest.param([full(32, 899.5), full(32, 899.5, ttft_ms=250.0)], False, id="no more"),
        pytest.param([full(32, 899.5), LIGHT], False, id="one run alone"),
        pytest.param(
            [full(32, 899.5, prefill_gpus=4)] * 3, False, id="prompts wait for prefill elsewhere"
        ),
    ],
)
def test_replicas_are_full_where_two_runs_wait_long_for_their_first_token(
    runs: list[Run], seen: bool
) -> None:
    """Longer than a quarter of their decoding, with eight in flight on a replica."""
    light = [] if runs[0].prefill_gpus else [LIGHT]
    assert (limits(*light, *runs) != (inf, inf)) == seen


def off_by_a_few_percent(runs: Sequence[Run]) -> list[Run]:
    return [
        replace(
            each,
            tpot_ms=each.tpot_ms * (1.0 + 0.01 * (i % 3)),
            ttft_ms=each.ttft_ms * (1.0 - 0.04 * (i % 4)),
        )
        for i, each in enumerate(runs)
    ]


NOISY = off_by_a_few_percent(sorted(RUNS, key=lambda each: (each.isl, each.osl, each.concurrency)))


def off(run: Run, fit: RunFit) -> tuple[float, float]:
    tpot_ms, ttft_ms = predicted(run, fit.latencies)
    return tpot_ms / run.tpot_ms - 1.0, ttft_ms / run.ttft_ms - 1.0


def test_a_run_left_out_is_predicted_from_all_that_are_not() -> None:
    """What is told apart modulo five is left out together."""
    found = errors_left_out(NOISY, lambda place, run: place + 2)
    for part in range(5):
        out = [i for i in range(len(NOISY)) if i % 5 == part]
        [fit], _ = fit_runs([each for i, each in enumerate(NOISY) if i not in out])
        assert found[out] == pytest.approx(np.array([off(NOISY[i], fit) for i in out]))


def test_errors_are_means_and_worst_of_what_was_seen_and_of_what_was_not() -> None:
    """Each of its own engine and latency: here TTFT is off by more."""
    second = [replace(each, variant="vllm", tpot_ms=each.tpot_ms * 1.5) for each in NOISY[::-1]]
    fits, _ = fit_runs([*second, *NOISY])
    runs = [*NOISY, *sorted(second, key=lambda each: (each.isl, each.osl, each.concurrency))]
    curve = curves(runs)
    left_out = np.abs(errors_left_out(runs, lambda place, run: curve[place]))
    assert [fit.variant for fit in fits] == ["", "vllm"]
    for fit, mine in zip(fits, (slice(0, 12), slice(12, 24)), strict=True):
        seen = np.abs([off(each, fit) for each in runs[mine]])
        told = [
            (fit.tpot_seen, seen[:, 0]),
            (fit.ttft_seen, seen[:, 1]),
            (fit.tpot_held_out, left_out[mine, 0]),
            (fit.ttft_held_out, left_out[mine, 1]),
        ]
        for error, each in told:
            assert (error.mape, error.worst) == pytest.approx((each.mean(), each.max()))
        assert fit.ttft_seen.mape > fit.tpot_seen.mape > 1e-3
        assert (fit.runs, fit.gpu, fit.gpus, fit.prefill_gpus) == (12, "H100", 4, None)


def test_runs_in_any_order_give_the_same_fit() -> None:
    assert fit_runs(NOISY[::-1]) == fit_runs(NOISY)


def test_three_runs_are_a_fit_and_two_are_not() -> None:
    fits, notes = fit_runs([*RUNS, *(replace(each, variant="x") for each in RUNS[:3])])
    assert ([fit.runs for fit in fits], notes) == ([12, 3], [])
    lone = [replace(each, variant=variant) for each in RUNS[:2] for variant in "xy"]
    fits, notes = fit_runs([*RUNS, *lone])
    assert [fit.variant for fit in fits] == [""]
    assert notes == ["2 engines have fewer than 3 runs and are not fitted"]


@pytest.mark.parametrize("change", [{"gpu": "A100"}, {"prefill_gpus": 4}])
def test_engines_of_another_kind_lend_nothing(change: dict[str, object]) -> None:
    """Those of another GPU type, and disaggregated ones to aggregated ones."""
    others = [
        replace(each, tpot_ms=9.0 * each.tpot_ms, **change)  # type: ignore[arg-type]
        for each in RUNS
    ]
    alone, _ = fit_runs(NOISY)
    beside, _ = fit_runs([*others, *NOISY])
    assert [fit.latencies for fit in beside if fit.gpu == "H100" and fit.prefill_gpus is None] == [
        alone[0].latencies
    ]


def of_size(gpus: int) -> Latencies:
    """All of TRUTH and 8 times as much a GPU."""
    times = 1.0 + 8.0 / gpus
    return Latencies(
        tuple(value * times for value in TRUTH.tpot), tuple(value * times for value in TRUTH.ttft)
    )


def test_what_engines_lend_each_other_is_a_part_of_all_and_a_part_that_gpus_share() -> None:
    """Runs of one shape on 16 GPUs do not tell what a prompt takes: 0.02 * (1 + 8 / 16) ms.

    Those on 2, 4 and 8 GPUs say so, of any shape.
    """
    many = [shown(replace(each, gpus=gpus), of_size(gpus)) for each in RUNS for gpus in (2, 4, 8)]
    few = [shown(replace(each, gpus=16), of_size(16)) for each in RUNS[::3]]
    found = {fit.gpus: fit for fit in fit_runs([*many, *few])[0]}[16]
    assert found.prefill_ms_per_token == pytest.approx(0.03, rel=0.1)
    assert found.ttft.ms_per_token == pytest.approx(0.075, rel=0.1)
    assert found.decode.base_ms == pytest.approx(12.0, rel=0.1)


def test_what_was_measured_is_told_in_whole_tokens_outwards() -> None:
    """Prompts of 500.6 to 8,000.2 tokens, of which the longest get 1,000 more."""
    shapes = ((500.6, 201.0), (2000.0, 201.0), (8000.2, 1000.0))
    runs = [run(concurrency, *shape) for concurrency, shape in product((1, 4, 16), shapes)]
    [found], _ = fit_runs(runs)
    assert found.isl_range == Span(500.0, 8001.0)
    assert found.context_range == Span(500.0, 9001.0)
    batches = [each.batch for each in runs]
    assert found.batch_range == Span(min(batches), max(batches))


def test_a_step_of_the_decode_engine_is_a_token_without_prompts() -> None:
    """With prompts of no tokens and no wait before, a token takes what the engine's step does."""
    [found], _ = fit_runs(NOISY)
    alone = replace(EMPTY, isl=0.0, osl=1001.0, concurrency=9.0)
    latencies = replace(found.latencies, tpot=(*found.latencies.tpot[:4], 0.5), ttft=(0.0,) * 5)
    decode = replace(found.decode, ms_per_root_sequence=0.5)
    assert found.decode.ms_per_root_sequence == found.latencies.tpot[4]
    assert predicted(alone, latencies)[0] == pytest.approx(step_ms(decode, 9.0, 500.5))


def test_a_first_token_of_the_engine_is_what_its_runs_say_without_a_queue() -> None:
    truth = TtftCoefficients(*TRUTH.ttft[:4])
    [found], _ = fit_runs(RUNS)
    assert found.ttft.base_ms == pytest.approx(truth.base_ms, rel=0.1)
    assert found.ttft.ms_per_request == pytest.approx(truth.ms_per_request, rel=0.1)
    assert found.ttft.ms_per_request_token == pytest.approx(truth.ms_per_request_token, rel=0.1)
    assert found.unqueued.ms_per_token_squared == 0.0


def test_a_prefill_replica_that_is_not_full_takes_what_its_first_tokens_take() -> None:
    split = [shown(replace(each, prefill_gpus=2, prefill_replicas=64), TRUTH) for each in RUNS]
    [found], _ = fit_runs(split)
    said = PrefillCoefficients(found.ttft.base_ms, found.ttft.ms_per_token, 0.0)
    assert found.unqueued == said


@pytest.mark.parametrize(
    "change", [{"gpu": "A100"}, {"gpus": 8}, {"variant": "vllm"}, {"prefill_gpus": 4}]
)
def test_a_fit_knows_its_own_runs(change: dict[str, object]) -> None:
    [found], _ = fit_runs(RUNS)
    assert found.is_of(RUNS[0])
    assert not found.is_of(replace(RUNS[0], **change))  # type: ignore[arg-type]
