"""Runs of whole requests: what was put in comes out, and errors are those of loads not seen."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from heteroplan.entities.workload import Role, Span
from heteroplan.profiles.end_to_end import (
    Latencies,
    errors_left_out,
    fit_runs,
    predicted,
)
from heteroplan.profiles.fitted import measured_engine, of_runs
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers import read
from heteroplan.profiles.readers.reading import Given, Reading
from tests.builders import engine
from tests.realdata import DATA, needs_data

TRUTH = Latencies(
    tpot=(8.0, 0.05, 2e-5, 0.02, 0.0), ttft=(40.0, 0.05, 1.0, 1e-3, 0.0), kv_tokens=float("inf")
)
EMPTY = Run("H100", 4, 1000.0, 500.0, 1.0, 1.0, 1.0)


def run(concurrency: float, isl: float = 1000.0, osl: float = 500.0, **changes: object) -> Run:
    """What an engine of TRUTH would show."""
    asked = replace(EMPTY, concurrency=concurrency, isl=isl, osl=osl, **changes)  # type: ignore[arg-type]
    tpot_ms, ttft_ms = predicted(asked, TRUTH)
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
    assert max(found.tpot_held_out.mape, found.ttft_held_out.mape) < 0.03
    assert found.isl_range.low == 500.0


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
    made = measured_engine(bare, Reading(runs=tuple(RUNS)), "m.json")
    assert made.prefill is not None
    assert made.decode is not None
    assert made.ttft is not None
    assert made.batch_tokens_range is not None
    assert (made.batch_tokens_range.low, made.batch_tokens_range.high) == (500.0, 8000.0)
    twice = [*RUNS, *(replace(each, variant="other") for each in RUNS)]
    with pytest.raises(ValueError, match="must be of one engine; there are , other"):
        measured_engine(bare, Reading(runs=tuple(twice)), "m.json")


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
    made = measured_engine(bare, Reading(runs=tuple(RUNS)), "m.json")
    assert made.batch_tokens_range is not None
    assert (made.batch_tokens_range.low, made.batch_tokens_range.high) == kept


def test_what_an_engine_states_that_it_holds_goes_before_what_was_seen_in_flight() -> None:
    bare = engine(role=Role.AGGREGATED)
    seen = measured_engine(bare, Reading(runs=tuple(RUNS)), "m.json")
    assert seen.kv_tokens is not None
    assert seen.kv_tokens != 12_345
    stated = replace(bare, kv_tokens=12_345, max_sequences=7)
    made = measured_engine(stated, Reading(runs=tuple(RUNS)), "m.json")
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
def test_knee_of_inference_perf_from_light_stages() -> None:
    """Below 60 % of the load; at 128 sequences (vLLM's default) within 15 % of the 103.1 req/s."""
    folder = DATA / "perf" / "inference_perf_kubecon2025" / "vllm"
    given = Given("H100-SXM-80GB", 1)
    stages = [
        run for path in sorted(folder.glob("stage_*.json")) for run in read(path, given=given).runs
    ]
    [found], _ = fit_runs([stage for stage in stages if stage.rate_rps < 62.0])
    last = stages[2]
    stolen = 128.0 * last.isl / (last.osl - 1.0)
    factors = (1.0, 128.0, 128.0 * last.context, stolen, 128.0**0.5)
    tpot_ms = float(np.dot(found.latencies.tpot, factors))
    knee_rps = 128.0 / (tpot_ms * (last.osl - 1.0)) * 1000.0
    assert knee_rps == pytest.approx(max(stage.rate_rps for stage in stages), rel=0.15)


@needs_data
def test_runs_left_out_of_the_silicon_sample() -> None:
    """Qwen3-32B on H100, 349 runs: TPOT within 6 %, TTFT within 20 % in the mean."""
    path = DATA / "perf" / "aiconfigurator_silicon_sample_shared.csv"
    runs = read(path, given=Given(model="Qwen/Qwen3-32B")).runs
    off = np.abs(errors_left_out(runs, lambda place, run: place))
    tpot, ttft = np.nanmean(off, axis=0)
    assert len(runs) == 349
    assert (tpot, ttft) < (0.06, 0.2)
    assert ttft < 0.2


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
