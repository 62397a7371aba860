"""Engines made of fits: what each of their fields says, and what they are called."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest

from heteroplan.entities.workload import (
    DecodeCoefficients,
    Engine,
    PrefillCoefficients,
    Role,
    Source,
    SourceKind,
    Span,
    TtftCoefficients,
)
from heteroplan.profiles.capacity.latency import SHORTEST_MS
from heteroplan.profiles.fitting.end_to_end import Latencies, RunFit
from heteroplan.profiles.fitting.fit import Fit, FitError, Mark
from heteroplan.profiles.fitting.fitted import (
    Fitted,
    Line,
    measured_engine,
    named,
    of_points,
    of_runs,
    with_limits,
)
from heteroplan.profiles.measurement import Measurement, Run
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from tests.builders import engine
from tests.profiles.fitting.test_end_to_end import RUNS
from tests.profiles.fitting.test_fit import PROMPTS, STEPS

SEEN, HELD_OUT = FitError(0.01, 0.02), FitError(0.03, 0.05)
MARKS = (Mark(128.0, "", 25.0, 26.0), Mark(512.0, "", 50.0, 49.0))
PREFILL = Fit(
    gpu="H100",
    gpus=4,
    phase=Role.PREFILL,
    coefficients=PrefillCoefficients(20.0, 0.05, 3e-6),
    points=7,
    measurements=21,
    seen=SEEN,
    held_out=HELD_OUT,
    spread=0.004,
    batch_tokens_range=Span(99.96, 8192.4),
    batch_range=None,
    context_range=None,
    kind=SourceKind.FITTED,
    marks=MARKS,
)
DECODE = replace(
    PREFILL,
    phase=Role.DECODE,
    coefficients=DecodeCoefficients(22.0, 0.11, 2e-5),
    batch_tokens_range=None,
    batch_range=Span(1.0, 64.0),
    context_range=Span(0.12345, 123456.0),
    kind=SourceKind.MODELLED,
)

LONG = Run("H100", 4, 1000.0, 101.0, 4.0, 1000.0, 10.0)
"""Half of each request decodes: 2 sequences of 1050.5 tokens, 2101 in flight."""
SHORT = Run("H100", 4, 100.4, 201.0, 5.0, 500.0, 10.0)
"""4/5 of each does: 4 sequences of 200.9 tokens, 803.6 in flight."""
RUN_FIT = RunFit(
    gpu="H100",
    gpus=4,
    variant="vllm fp8",
    prefill_gpus=None,
    runs=2,
    decode=DecodeCoefficients(9.0, 0.2, 1e-5, 0.0, 0.3),
    prefill_ms_per_token=0.02,
    ttft=TtftCoefficients(40.0, 0.05, 1.0, 1e-3),
    tpot_seen=FitError(0.01, 0.02),
    ttft_seen=FitError(0.03, 0.04),
    tpot_held_out=FitError(0.05, 0.09),
    ttft_held_out=FitError(0.07, 0.08),
    isl_range=Span(100.0, 1000.0),
    batch_range=Span(2.0, 4.0),
    context_range=Span(200.0, 1051.0),
    kv_tokens_range=Span(803.6, 2101.0),
    beyond=0.06,
    unqueued=PrefillCoefficients(30.0, 0.04, 0.0),
    latencies=Latencies(tpot=(12.0, 0.0, 0.0, 0.0, 0.0), ttft=(800.0, 0.0, 0.0, 0.0, 0.0)),
)


def test_a_prefill_fit_is_an_engine_and_a_line_about_it() -> None:
    assert of_points(PREFILL) == Fitted(
        Engine(
            name="",
            role=Role.PREFILL,
            gpu="H100",
            gpus=4,
            source=Source(
                SourceKind.FITTED, error_mape=0.03, error_worst=0.05, points=7, spread=0.004
            ),
            prefill=PrefillCoefficients(20.0, 0.05, 3e-6),
            batch_tokens_range=Span(99.96, 8192.4),
        ),
        (Line("prefill", "tokens of a batch", 7, SEEN, HELD_OUT, 0.004, "100-8192", MARKS),),
    )


def test_a_decode_fit_is_an_engine_and_a_line_about_it() -> None:
    made = of_points(DECODE)
    assert (made.engine.role, made.engine.prefill) == (Role.DECODE, None)
    assert made.engine.decode == DECODE.coefficients
    assert (made.engine.batch_range, made.engine.context_range) == (
        DECODE.batch_range, DECODE.context_range,
    )  # fmt: skip
    assert made.engine.source.kind is SourceKind.MODELLED
    [line] = made.lines
    assert (line.what, line.work) == ("decode", "sequences of a step")
    assert line.reach == "1-64 x 0.123-123456"


@pytest.mark.parametrize(("high", "said"), [(99.96, "100"), (100.4, "100"), (149.6, "150")])
def test_a_reach_has_three_digits_and_all_of_a_whole_number(high: float, said: str) -> None:
    [line] = of_points(replace(PREFILL, batch_tokens_range=Span(12.34, high))).lines
    assert line.reach == f"12.3-{said}"


def test_the_error_to_expect_is_that_at_points_held_out_where_there_are_such() -> None:
    [line] = of_points(PREFILL).lines
    assert line.error == HELD_OUT
    source = of_points(replace(PREFILL, held_out=None, spread=None)).engine.source
    assert (source.error_mape, source.error_worst, source.spread) == (0.01, 0.02, None)


def test_runs_of_an_aggregated_engine_are_one_with_both_latencies() -> None:
    """TTFT is off by more in the mean, TPOT at worst. That 2101 tokens were in flight at most is a
    measured range and no limit of memory.
    """
    [made] = of_runs(RUN_FIT, [LONG, SHORT])
    assert made.variant == "vllm fp8"
    assert made.engine == Engine(
        name="",
        role=Role.AGGREGATED,
        gpu="H100",
        gpus=4,
        source=Source(
            SourceKind.FITTED, error_mape=0.07, error_worst=0.09, points=2, error_beyond=0.06
        ),
        prefill=PrefillCoefficients(SHORTEST_MS, 0.02, 0.0),
        decode=RUN_FIT.decode,
        ttft=RUN_FIT.ttft,
        batch_tokens_range=Span(100.0, 1000.0),
        batch_range=Span(2.0, 4.0),
        context_range=Span(200.0, 1051.0),
        kv_tokens_range=Span(803.6, 2101.0),
    )
    tpot, ttft = made.lines
    assert (tpot.what, tpot.seen, tpot.held_out, tpot.reach) == (
        "TPOT", FitError(0.01, 0.02), FitError(0.05, 0.09), "2-4 x 200-1051",
    )  # fmt: skip
    assert (ttft.what, ttft.seen, ttft.held_out, ttft.reach) == (
        "TTFT", FitError(0.03, 0.04), FitError(0.07, 0.08), "100-1000",
    )  # fmt: skip
    assert {(line.work, line.points, line.spread) for line in made.lines} == {
        ("requests in flight", 2, None)
    }


def test_runs_are_shown_by_what_was_in_flight_beside_what_the_fit_says() -> None:
    tpot, ttft = of_runs(RUN_FIT, [LONG, SHORT])[0].lines
    for line, measured_ms, fitted_ms in ((tpot, (10.0, 10.0), 12.0), (ttft, (1e3, 500.0), 800.0)):
        assert [(mark.work, mark.series) for mark in line.marks] == [
            (4.0, "1000 in, 101 out"),
            (5.0, "100 in, 201 out"),
        ]
        assert tuple(mark.measured_ms for mark in line.marks) == measured_ms
        assert [mark.fitted_ms for mark in line.marks] == pytest.approx([fitted_ms] * 2)


def test_a_cache_that_is_seen_full_holds_no_more_than_it_did_then() -> None:
    full = replace(RUN_FIT, latencies=replace(RUN_FIT.latencies, kv_tokens=1500.7, sequences=3.2))
    made = of_runs(full, [LONG, SHORT])[0].engine
    assert (made.kv_tokens, made.max_sequences) == (1500, 4)


def test_runs_of_disaggregated_engines_are_two_each_with_its_own_latency() -> None:
    prefill, decode = of_runs(replace(RUN_FIT, prefill_gpus=2), [LONG, SHORT])
    assert prefill.engine == Engine(
        name="",
        role=Role.PREFILL,
        gpu="H100",
        gpus=2,
        source=Source(SourceKind.FITTED, error_mape=0.07, error_worst=0.08, points=2),
        prefill=PrefillCoefficients(30.0, 0.04, 0.0),
        batch_tokens_range=Span(100.0, 1000.0),
    )
    assert decode.engine == Engine(
        name="",
        role=Role.DECODE,
        gpu="H100",
        gpus=4,
        source=Source(
            SourceKind.FITTED, error_mape=0.05, error_worst=0.09, points=2, error_beyond=0.06
        ),
        decode=RUN_FIT.decode,
        batch_range=Span(2.0, 4.0),
        context_range=Span(200.0, 1051.0),
        kv_tokens_range=Span(803.6, 2101.0),
    )
    assert ([line.what for line in prefill.lines], [line.what for line in decode.lines]) == (
        ["TTFT"], ["TPOT"],
    )  # fmt: skip
    assert prefill.variant == decode.variant == "vllm fp8"


def test_repeats_spread_as_much_as_those_that_spread_most() -> None:
    """Of prefill a setting was repeated, 1 % apart, of decode one 3 % apart: deviations of
    sqrt(2) / 2 of that.
    """
    twice = [
        replace(points[3], latency_ms=points[3].latency_ms * off)
        for points, off in ((PROMPTS, 1.01), (STEPS, 1.03))
    ]
    reading = FileMeasurements((*PROMPTS, *STEPS, *twice))
    made = measured_engine(engine(role=Role.AGGREGATED), reading, "m.csv")
    assert made.source.spread == pytest.approx(0.03 / 2**0.5, rel=0.02)


def test_a_measured_engine_names_the_file_and_its_hash() -> None:
    for sha256, kept in (("ab", ("ab",)), ("", ())):
        reading = FileMeasurements(tuple(PROMPTS), sha256=sha256)
        source = measured_engine(engine(role=Role.PREFILL), reading, "m.csv").source
        assert (source.origin, source.sha256) == ("m.csv", kept)


def test_a_measured_engine_keeps_what_the_measurements_do_not_say() -> None:
    """A prefill engine gets no KV cache, a decode engine no coefficients of prefill."""
    bare = replace(engine(role=Role.DECODE, startup_s=60.0, drain_s=5.0), capacity_rps=None)
    made = measured_engine(bare, FileMeasurements((*PROMPTS, *STEPS)), "m.csv")
    assert (made.name, made.startup_s, made.drain_s) == ("decode", 60.0, 5.0)
    assert (made.prefill, made.ttft, made.batch_tokens_range) == (None, None, None)
    assert made.source.points == len(STEPS)


def test_what_an_engine_states_goes_before_what_a_file_tells_of_its_memory() -> None:
    ttft = TtftCoefficients(40.0, 0.05, 1.0, 1e-3)
    bare = replace(engine(role=Role.AGGREGATED), kv_tokens=12_345, max_sequences=7, ttft=ttft)
    told = FileMeasurements((*PROMPTS, *STEPS), kv_tokens={("H100", 4): 480_000})
    made = measured_engine(bare, told, "m.csv")
    assert (made.kv_tokens, made.max_sequences, made.ttft) == (12_345, 7, ttft)


@pytest.mark.parametrize(
    ("stated", "kept"), [(Span(2.0, 20.0), (4.0, 16.0)), (Span(0.5, 90.0), (1.0, 64.0))]
)
def test_a_stated_batch_limits_which_steps_are_fitted(
    stated: Span, kept: tuple[float, float]
) -> None:
    bare = replace(engine(role=Role.DECODE), batch_range=stated)
    made = measured_engine(bare, FileMeasurements(tuple(STEPS)), "m.csv")
    assert made.batch_range == Span(*kept)
    assert made.source.points == 3 * sum(stated.low <= n <= stated.high for n in (1, 4, 16, 64))


def test_a_stated_context_limits_which_steps_are_fitted() -> None:
    bare = replace(engine(role=Role.DECODE), context_range=Span(600.0, 9000.0))
    made = measured_engine(bare, FileMeasurements(tuple(STEPS)), "m.csv")
    assert made.context_range == Span(2048.0, 8192.0)
    assert made.source.points == 8


def test_phases_go_before_whole_requests() -> None:
    """Where a file has both an aggregated engine is made of its phases."""
    both = FileMeasurements((*PROMPTS, *STEPS), runs=tuple(RUNS))
    made = measured_engine(engine(role=Role.AGGREGATED), both, "m.csv")
    assert made.ttft is None
    assert made.source.points == len(PROMPTS) + len(STEPS)


def test_whole_requests_of_other_engines_are_left_out() -> None:
    """Those of other GPUs, and disaggregated ones."""
    bare = engine(role=Role.AGGREGATED)
    others = [replace(each, gpus=8) for each in RUNS]
    others += [replace(each, gpu="A100") for each in RUNS]
    others += [replace(each, prefill_gpus=4) for each in RUNS]
    made = measured_engine(bare, FileMeasurements(runs=(*others, *RUNS)), "m.json")
    assert made.ttft == measured_engine(bare, FileMeasurements(runs=tuple(RUNS)), "m.json").ttft
    message = "runs of H100 x4 must be of one engine; there are none with 3 runs; "
    with pytest.raises(ValueError, match=message):
        measured_engine(bare, FileMeasurements(runs=(*others, *RUNS[:2])), "m.json")


def test_measurements_of_something_else_are_named_once_each() -> None:
    points = [*PROMPTS, *(replace(p, gpus=2) for p in PROMPTS), *STEPS]
    message = "^no decode measurements of A100 x4; there are H100 x2 prefill, H100 x4 decode, "
    with pytest.raises(ValueError, match=message + "H100 x4 prefill$"):
        measured_engine(engine(gpu="A100"), FileMeasurements(tuple(points)), "m.csv")


@pytest.mark.parametrize("change", [{"gpu": "A100"}, {"gpus": 8}])
def test_measurements_of_something_else_are_not_fitted(change: dict[str, object]) -> None:
    slow: list[Measurement] = [
        replace(p, latency_ms=2.0 * p.latency_ms, **change)  # type: ignore[arg-type]
        for p in PROMPTS
    ]
    bare = engine(role=Role.PREFILL)
    made = measured_engine(bare, FileMeasurements((*slow, *PROMPTS)), "m.csv")
    assert made == measured_engine(bare, FileMeasurements(tuple(PROMPTS)), "m.csv")


def fitted(role: Role, *, gpu: str = "H100", gpus: int = 4, variant: str = "") -> Fitted:
    return Fitted(engine("", role=role, gpu=gpu, gpus=gpus), (), variant)


def test_limits_go_to_what_they_limit() -> None:
    """Tokens a batch to prefill; the KV cache of its size and sequences to all that decodes."""
    given = [fitted(role) for role in (Role.PREFILL, Role.DECODE, Role.AGGREGATED)]
    cache = {("H100", 4): 480_000, ("H100", 8): 1, ("A100", 4): 2}
    limits = [
        (each.engine.max_batch_tokens, each.engine.kv_tokens, each.engine.max_sequences)
        for each in with_limits(given, cache, 256, 8192)
    ]
    assert limits == [(8192, None, None), (None, 480_000, 256), (None, 480_000, 256)]


def test_what_is_not_given_stays_as_it_was_found() -> None:
    found = fitted(Role.AGGREGATED)
    found = replace(found, engine=replace(found.engine, kv_tokens=1234, max_sequences=17))
    assert with_limits([found], {("H100", 8): 1}) == [found]
    assert with_limits([found], {}, 256)[0].engine.max_sequences == 256
    [shorter] = with_limits([found], {("H100", 4): 1000})
    assert (shorter.engine.kv_tokens, shorter.engine.max_sequences) == (1000, 17)


def names(found: Sequence[Fitted]) -> list[str]:
    return [each.engine.name for each in named(found)]


def test_names_say_type_size_role_and_variant_and_number_what_is_alike() -> None:
    found = [
        fitted(Role.PREFILL, gpu="H100-SXM"),
        fitted(Role.DECODE, gpu="H100-SXM", gpus=8, variant="vLLM (fp8)"),
        *[fitted(Role.DECODE, gpu="H100-SXM")] * 3,
    ]
    assert names(found) == [
        "h100-tp4-prefill",
        "h100-tp8-decode-vllm-fp8",
        "h100-tp4-decode",
        "h100-tp4-decode-2",
        "h100-tp4-decode-3",
    ]


def test_only_types_that_share_a_first_part_keep_their_whole_names() -> None:
    types = ["A100-SXM-80GB", "A100-PCIe_40GB", "L40S-48GB"]
    assert names([fitted(Role.DECODE, gpu=gpu) for gpu in types]) == [
        "a100-sxm-80gb-tp4-decode",
        "a100-pcie-40gb-tp4-decode",
        "l40s-tp4-decode",
    ]


def test_long_names_are_cut_and_stay_apart() -> None:
    """63 characters are a DNS label; a number takes the place of the last ones."""
    long, longer = names([fitted(Role.DECODE, variant="v" * 80)] * 11)[::10]
    assert long == "h100-tp4-decode-" + "v" * 47
    assert longer == "h100-tp4-decode-" + "v" * 44 + "-11"
    assert names([fitted(Role.DECODE, variant="v" * 46 + "-w")]) == ["h100-tp4-decode-" + "v" * 46]


def test_what_was_in_flight_is_no_limit_of_memory() -> None:
    [made] = of_runs(replace(RUN_FIT, latencies=replace(RUN_FIT.latencies, kv_tokens=inf)), [SHORT])
    assert made.engine.kv_tokens is None
