import contextlib
import gzip
import json
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.traces.formats import prometheus
from heteroplan.forecasting.traces.formats.counters import increments
from heteroplan.forecasting.traces.head import head_of
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.source import open_trace
from heteroplan.forecasting.traces.trace_format import AskedOfTrace

REQUESTS = "vllm:request_success_total"
ENDED = "requests count when they end, later than they arrive"
BEGIN_S = 1_800_000_000
STEP_S = 60


def series(
    name: str, values: list[Any], begin: int = 0, step: int = 1, **labels: str
) -> dict[str, Any]:
    """Samples each `step` steps of a minute from step `begin` on; None where there is none."""
    metric = {"__name__": name, **labels} if name else labels
    stamps = (BEGIN_S + STEP_S * (begin + number * step) for number in range(len(values)))
    samples = [
        [stamp, str(value)]
        for stamp, value in zip(stamps, values, strict=True)
        if value is not None
    ]
    return {"metric": metric, "values": samples}


def answer(*found: Any) -> str:
    return json.dumps(
        {"status": "success", "data": {"resultType": "matrix", "result": list(found)}}
    )


def of(folder: Path, *texts: str, **columns: str) -> tuple[Windows, list[str]]:
    """The windows that files called 0.json, 1.json and so on hold, and the notes on them."""
    asked = AskedOfTrace(ZoneInfo("UTC"), columns, [])
    with contextlib.ExitStack() as stack:
        sources = []
        for number, text in enumerate(texts):
            path = folder / f"{number}.json"
            path.write_text(text)
            sources.append(stack.enter_context(open_trace(str(path))))
        return prometheus.windows(sources, asked), asked.notes


def problems(folder: Path, *texts: str, **columns: str) -> list[tuple[str, str, str]]:
    with pytest.raises(InputError) as raised:
        of(folder, *texts, **columns)
    return [(p.path, p.value, p.remedy) for p in raised.value.problems]


def steps(windows: Windows) -> list[float]:
    """Starts of windows in steps."""
    return [(start / 1e6 - BEGIN_S) / STEP_S for start in windows.start_us]


def counted(folder: Path, *found: dict[str, Any]) -> dict[float, float]:
    """Requests by the step in which a window starts."""
    windows, _ = of(folder, answer(*found))
    return dict(zip(steps(windows), windows.requests.tolist(), strict=True))


def test_increments_of_all_pods_and_reasons_are_added(tmp_path: Path) -> None:
    """100 to 107 are 7, 50 to 51 is 1; what was counted before the query counts nothing."""
    found = (
        series(REQUESTS, [100, 107, 110], pod="a", finished_reason="stop"),
        series(REQUESTS, [50, 51, 55], pod="b", finished_reason="length"),
    )
    windows, notes = of(tmp_path, answer(*found))
    assert steps(windows) == [0, 1]
    assert list(windows.end_us - windows.start_us) == [60_000_000] * 2
    assert list(windows.requests) == [8, 7]
    assert np.isnan(windows.with_lengths).all()
    assert np.isnan(windows.input_tokens).all()
    assert windows.cached_tokens is None
    assert notes == [ENDED]


def test_a_counter_that_falls_was_reset(tmp_path: Path) -> None:
    """After 110 comes 4: 4 since the reset, however many were lost before it."""
    assert counted(tmp_path, series(REQUESTS, [100, 110, 4, 6])) == {0: 10, 1: 4, 2: 2}


def test_a_new_pod_counts_from_its_first_value(tmp_path: Path) -> None:
    """Pod b starts in the second step with 5; pod c ends after the first."""
    found = (
        series(REQUESTS, [10, 11, 12, 13], pod="a"),
        series(REQUESTS, [5, 9], begin=2, pod="b"),
        series(REQUESTS, [70, 80], pod="c"),
    )
    assert counted(tmp_path, *found) == {0: 11, 1: 6, 2: 5}


def test_a_hole_of_one_pod_is_filled_evenly(tmp_path: Path) -> None:
    """Pod a counts 12 in four steps without samples between: 3 a step; pod b 1 a step."""
    found = (
        series(REQUESTS, [0, None, None, None, 12, 14], pod="a"),
        series(REQUESTS, [0, 1, 2, 3, 4, 5], pod="b"),
    )
    assert counted(tmp_path, *found) == {0: 4, 1: 4, 2: 4, 3: 4, 4: 3}


def test_a_hole_of_all_pods_is_missing(tmp_path: Path) -> None:
    """One sample that is missing is filled evenly, (30 - 20) / 2; two are not known."""
    values = [0, 10, 20, None, 30, None, None, 60, 61, 62]
    assert counted(tmp_path, series(REQUESTS, values)) == {
        0: 10,
        1: 10,
        2: 5,
        3: 5,
        7: 1,
        8: 1,
    }


def test_samples_that_are_no_numbers_are_skipped(tmp_path: Path) -> None:
    values = [0, 10, 20, "NaN", 40, "+Inf", 60, 70]
    assert counted(tmp_path, series(REQUESTS, values)) == dict.fromkeys(range(7), 10)


def test_files_that_overlap_in_time_are_merged(tmp_path: Path) -> None:
    """Steps 0 to 3 and 2 to 4 of the same pods; the first value of the later file is not new."""
    early = answer(series(REQUESTS, [0, 1, 3, 6], pod="a"), series(REQUESTS, [9] * 4, pod="b"))
    late = answer(
        series(REQUESTS, [3, 6, 10], begin=2, pod="a"),
        series(REQUESTS, [9] * 3, begin=2, pod="b"),
    )
    for files in ((early, late), (late, early), (early, late, early)):
        windows, _ = of(tmp_path, *files)
        assert steps(windows) == [0, 1, 2, 3]
        assert list(windows.requests) == [1, 2, 3, 4]


def test_first_values_of_another_query_are_not_new(tmp_path: Path) -> None:
    """Pods of two clusters, the second of which was asked for later: 5,000 is its whole past."""
    one = answer(series(REQUESTS, [0, 1, 2, 3], cluster="x"))
    other = answer(series(REQUESTS, [5000, 5010], begin=2, cluster="y"))
    windows, _ = of(tmp_path, one, other)
    assert list(windows.requests) == [1, 1, 11]


def test_stamps_may_have_fractions_and_documents_be_packed(tmp_path: Path) -> None:
    samples = [[BEGIN_S + 0.5, "1"], [BEGIN_S + 60.5, "3"], [BEGIN_S + 120.5, "4"]]
    text = answer({"metric": {"__name__": REQUESTS}, "values": samples})
    path = tmp_path / "packed.json.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with open_trace(str(path)) as source:
        assert prometheus.fits(head_of(source))
        windows = prometheus.windows([source], AskedOfTrace(ZoneInfo("UTC"), {}, []))
    assert list(windows.start_us) == [1_800_000_000_500_000, 1_800_000_060_500_000]
    assert list(windows.requests) == [2, 1]


def test_counters_of_tokens_are_of_all_requests(tmp_path: Path) -> None:
    windows, _ = of(
        tmp_path,
        answer(series(REQUESTS, [0, 10, 30])),
        answer(series("vllm:prompt_tokens_total", [0, 1000, 3000])),
        answer(series("vllm:generation_tokens_total", [0, 100, 300])),
    )
    assert list(windows.with_lengths) == list(windows.requests) == [10, 20]
    assert list(windows.input_tokens) == [1000, 2000]
    assert list(windows.output_tokens) == [100, 200]


def test_sums_of_histograms_are_of_the_requests_they_count(tmp_path: Path) -> None:
    """8 of 10 requests have lengths. Outputs are of 4 requests only, 200 tokens: 50 each, and so
    400 of 8."""
    windows, notes = of(
        tmp_path,
        answer(
            series(REQUESTS, [0, 10]),
            series("vllm:request_prompt_tokens_count", [0, 8]),
            series("vllm:request_prompt_tokens_sum", [0, 800]),
            series("vllm:request_prompt_tokens_bucket", [0, 8], le="+Inf"),
            series("vllm:request_generation_tokens_count", [0, 4]),
            series("vllm:request_generation_tokens_sum", [0, 200]),
            series("vllm:prompt_tokens_total", [0, 999]),
            series("vllm:num_requests_running", [3, 3]),
        ),
    )
    assert list(windows.requests) == [10]
    assert list(windows.with_lengths) == [8]
    assert list(windows.input_tokens) == [800]
    assert list(windows.output_tokens) == [400]
    taken = [REQUESTS]
    taken += [f"vllm:request_prompt_tokens_{kind}" for kind in ("count", "sum")]
    taken += [f"vllm:request_generation_tokens_{kind}" for kind in ("count", "sum")]
    assert notes == [
        f"counted by {', '.join(taken)}; not added to that: vllm:prompt_tokens_total",
        "buckets of histograms are not read",
        "not read: vllm:num_requests_running",
        ENDED,
    ]


def test_a_frontend_comes_before_its_engines(tmp_path: Path) -> None:
    """And a relabelled counter is not added to itself."""
    windows, notes = of(
        tmp_path,
        answer(
            series(REQUESTS, [0, 20]),
            series("vllm_request_success_total", [0, 20]),
            series("dynamo_frontend_requests_total", [0, 10], status="success"),
            series("dynamo_frontend_requests_total", [0, 1], status="error"),
        ),
    )
    assert list(windows.requests) == [11]
    assert notes == [
        "counted by dynamo_frontend_requests_total; not added to that: "
        "vllm:request_success_total, vllm_request_success_total",
        ENDED,
    ]


@pytest.mark.parametrize(
    "name",
    [
        "vllm_request_success_total",
        "ray_vllm_request_success_total",
        "kserve_vllm:request_success_total",
        "vllm:e2e_request_latency_seconds_count",
        "vllm:request_generation_tokens_count",
        "sglang:num_requests_total",
        "sglang_num_requests_total",
        "dynamo_frontend_input_sequence_tokens_count",
    ],
)
def test_names_of_requests(tmp_path: Path, name: str) -> None:
    assert counted(tmp_path, series(name, [0, 2])) == {0: 2}


@pytest.mark.parametrize(
    ("hits", "lookups", "inputs", "outputs"),
    [
        (
            "vllm:prefix_cache_hits_total",
            "vllm:prefix_cache_queries_total",
            "vllm:prompt_tokens_total",
            "vllm:generation_tokens_total",
        ),
        (
            "vllm:gpu_prefix_cache_hits_total",
            "vllm:gpu_prefix_cache_queries_total",
            "vllm:request_prompt_tokens_sum",
            "vllm:request_generation_tokens_sum",
        ),
    ],
)
def test_the_share_of_hits_is_of_the_input_tokens(
    tmp_path: Path, hits: str, lookups: str, inputs: str, outputs: str
) -> None:
    """1 of 4, then none looked up: the mean share of 1 of 4 again. 1,000 input tokens a step."""
    windows, _ = of(
        tmp_path,
        answer(
            series(REQUESTS, [0, 10, 20]),
            series(inputs, [0, 1000, 2000]),
            series(outputs, [0, 100, 200]),
            series(hits, [0, 50, 50]),
            series(lookups, [0, 200, 200]),
        ),
    )
    assert windows.cached_tokens is not None
    assert list(windows.cached_tokens) == [250, 250]


@pytest.mark.parametrize(
    ("requests", "hits", "inputs", "outputs"),
    [
        (
            "sglang:num_requests_total",
            "sglang:cached_tokens_total",
            "sglang:prompt_tokens_total",
            "sglang:generation_tokens_total",
        ),
        (
            "dynamo_frontend_requests_total",
            "dynamo_frontend_cached_tokens_sum",
            "dynamo_frontend_input_sequence_tokens_sum",
            "dynamo_frontend_output_tokens_total",
        ),
    ],
)
def test_cached_tokens_are_of_the_input_tokens(
    tmp_path: Path, requests: str, hits: str, inputs: str, outputs: str
) -> None:
    windows, notes = of(
        tmp_path,
        answer(
            series(requests, [0, 10]),
            series(hits, [0, 50], cache_source="device"),
            series(hits, [0, 30], cache_source="host"),
            series(inputs, [0, 200]),
            series(outputs, [0, 100]),
        ),
    )
    assert windows.cached_tokens is not None
    assert list(windows.cached_tokens) == [80]
    assert notes == [ENDED]


def test_hits_without_lookups_are_not_read(tmp_path: Path) -> None:
    windows, notes = of(
        tmp_path,
        answer(
            series(REQUESTS, [0, 10]),
            series("vllm:prompt_tokens_total", [0, 200]),
            series("vllm:generation_tokens_total", [0, 200]),
            series("vllm:prefix_cache_hits_total", [0, 50]),
        ),
    )
    assert windows.cached_tokens is None
    assert (
        notes[0] == "prefix cache hits need vllm_prefix_cache_queries_total beside them: not read"
    )


def test_tokens_of_a_part_of_the_time(tmp_path: Path) -> None:
    """Tokens were asked for from step 2 on: before it no request has lengths."""
    windows, _ = of(
        tmp_path,
        answer(series(REQUESTS, [0, 10, 20, 30])),
        answer(series("vllm:prompt_tokens_total", [500, 600], begin=2)),
        answer(series("vllm:generation_tokens_total", [500, 510], begin=2)),
    )
    assert list(windows.requests) == [10, 10, 10]
    assert list(windows.with_lengths) == [0, 0, 10]
    assert list(windows.input_tokens) == [0, 0, 100]
    assert list(windows.output_tokens) == [0, 0, 10]


def test_tokens_in_coarser_steps_are_spread(tmp_path: Path) -> None:
    windows, _ = of(
        tmp_path,
        answer(series(REQUESTS, [0, 10, 20])),
        answer(series("vllm:prompt_tokens_total", [0, 100], step=2)),
        answer(series("vllm:generation_tokens_total", [0, 10], step=2)),
    )
    assert list(windows.input_tokens) == [50, 50]


def test_expressions_are_rates_over_the_step_that_ends(tmp_path: Path) -> None:
    """2/s until step 1 and 3/s until step 2, of two pods; a minute has 60 s."""
    rates = answer(series("", [2, 3], begin=1, pod="a"), series("", [1, "NaN"], begin=1, pod="b"))
    windows, notes = of(
        tmp_path,
        rates,
        answer(series("", [200, 300], begin=1)),
        answer(series("job:out:rate1m", [20, 30], begin=1)),
        rps="0.json",
        input_tokens_per_s=str(tmp_path / "1.json"),
        output_tokens_per_s="2.json",
    )
    assert steps(windows) == [0, 1]
    assert list(windows.requests) == [180, 180]
    assert list(windows.with_lengths) == [180, 180]
    assert list(windows.input_tokens) == [12_000, 18_000]
    assert list(windows.output_tokens) == [1200, 1800]
    assert not notes


def test_rates_that_are_missing_are_not_known(tmp_path: Path) -> None:
    windows, _ = of(tmp_path, answer(series("", [2, 2, None, 2, 2])), rps="0.json")
    assert steps(windows) == [-1, 0, 2, 3]
    assert windows.requests == pytest.approx([120] * 4)


def test_cached_tokens_as_a_rate(tmp_path: Path) -> None:
    """70 of 100 input tokens a second."""
    windows, _ = of(
        tmp_path,
        *(answer(series("", [value] * 2)) for value in (1, 100, 10, 70)),
        rps="0.json",
        input_tokens_per_s="1.json",
        output_tokens_per_s="2.json",
        cached_tokens_per_s="3.json",
    )
    assert windows.cached_tokens is not None
    assert windows.cached_tokens == pytest.approx([4200, 4200])


def test_models_that_are_added_up_are_told(tmp_path: Path) -> None:
    found = (series(REQUESTS, [0, 1], model_name=name) for name in ("m", "n"))
    _, notes = of(tmp_path, answer(*found))
    assert notes == [ENDED, "2 models are added up: m, n"]


def test_split_prefill_and_decode_count_twice(tmp_path: Path) -> None:
    found = (
        series("sglang:num_requests_total", [0, 1], engine_type="prefill"),
        series("sglang:num_requests_total", [0, 1], engine_type="decode"),
    )
    assert problems(tmp_path, answer(*found)) == [
        (
            "__name__",
            "sglang:num_requests_total",
            "prefill and decode engines both count each request; ask for one of them, the decode "
            "engines say, or for what the frontend counts",
        )
    ]
    assert counted(tmp_path, found[1]) == {0: 1}
    frontend = series("dynamo_frontend_requests_total", [0, 1])
    assert counted(tmp_path, *found, frontend) == {0: 1}


def test_warnings_of_prometheus_are_told(tmp_path: Path) -> None:
    """A store that did not answer makes for too few series."""
    text = json.loads(answer(series(REQUESTS, [0, 1])))
    _, notes = of(tmp_path, json.dumps({**text, "warnings": ["store 2 did not answer"]}))
    assert notes == [f"{tmp_path / '0.json'}: Prometheus warns: store 2 did not answer", ENDED]


ASK = "ask /api/v1/query_range with start, end and step"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[]", ("", "", f"is no answer of Prometheus; {ASK}")),
        (
            '{"status": "error", "errorType": "bad_data", "error": "parse error"}',
            ("error", "bad_data: parse error", "Prometheus refused the query; ask again"),
        ),
        (
            '{"status": "success", "data": {"resultType": "vector", "result": []}}',
            ("data.resultType", "vector", f"is of one moment, not a series; {ASK}"),
        ),
        ('{"status": "success"}', ("data.result", "", f"must be a matrix of series; {ASK}")),
        (answer(), ("data.result", "", "the query found no series")),
        (
            answer({"values": []}),
            ("data.result[0].metric", "", "must be labels and their values"),
        ),
        (
            answer({"metric": {}, "values": [[BEGIN_S, "x"]]}),
            (
                "data.result[0].values",
                "",
                'must be pairs of Unix seconds and a number, [1700000000, "12"]',
            ),
        ),
        (
            answer({"metric": {}, "values": [[BEGIN_S * 1000, "1"]]}),
            ("data.result[0].values", "1.8e+12", "is no time in Unix seconds"),
        ),
        (answer(series(REQUESTS, [-1, 1])), ("data.result[0].values", "-1", "is no count")),
        (
            answer(series(REQUESTS, [1])),
            ("data.result", "", "holds one sample a series; ask with a shorter step"),
        ),
        (
            answer(series("vllm:num_requests_running", [1, 2])),
            (
                "__name__",
                "vllm:num_requests_running",
                "is a gauge, the state of a moment, from which no demand follows; ask for "
                "counters: vllm:request_success_total, vllm:prompt_tokens_total, "
                "vllm:generation_tokens_total",
            ),
        ),
        (
            answer(series("vllm:request_prompt_tokens_bucket", [1, 2])),
            (
                "__name__",
                "vllm:request_prompt_tokens_bucket",
                "is a histogram's buckets; ask for its _count and _sum",
            ),
        ),
        (
            answer(series("vllm:prompt_tokens_total", [1, 2])),
            (
                "",
                "",
                "counts tokens and no requests: add one of vllm:request_success_total, "
                "sglang:num_requests_total, dynamo_frontend_requests_total, or --map rps=FILE",
            ),
        ),
        (
            answer(series(REQUESTS, [1, 2]), series("sglang:prompt_tokens_total", [1, 2])),
            (
                "",
                "",
                "has one length only: add dynamo_frontend_output_sequence_tokens_sum, "
                "dynamo_frontend_output_tokens_total, vllm_request_generation_tokens_sum, "
                "vllm_generation_tokens_total, sglang_generation_tokens_total, "
                "or --map output_tokens_per_s=FILE",
            ),
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, found: tuple[str, str, str]) -> None:
    assert problems(tmp_path, text) == [found]


def test_an_expression_must_be_explained(tmp_path: Path) -> None:
    file = tmp_path / "0.json"
    remedy = (
        f"an expression has no name; say what it is: --map rps={file}, input_tokens_per_s=, "
        "output_tokens_per_s="
    )
    assert problems(tmp_path, answer(series("", [1, 2]))) == [("data.result", "", remedy)]


def test_an_unknown_name_lists_the_known_ones(tmp_path: Path) -> None:
    ((path, value, remedy),) = problems(tmp_path, answer(series("tgi_request_count", [1, 2])))
    assert (path, value) == ("__name__", "tgi_request_count")
    assert remedy.startswith("is not known; known are dynamo_frontend_cached_tokens_sum, ")


def test_a_counter_is_no_rate(tmp_path: Path) -> None:
    assert problems(tmp_path, answer(series(REQUESTS, [1, 2])), rps="0.json")[0] == (
        "__name__",
        REQUESTS,
        "is a counter and no rate; it is known by its name, leave it out of --map",
    )


def test_what_is_mapped_must_be_there(tmp_path: Path) -> None:
    text = answer(series(REQUESTS, [1, 2]))
    with pytest.raises(UsageError, match="unknown quantity 'qps' in --map; known are rps, input_"):
        of(tmp_path, text, qps="0.json")
    with pytest.raises(UsageError, match=r"--map rps=none\.json: no such file is given"):
        of(tmp_path, text, rps="none.json")


def test_stamps_that_are_far_apart_are_told(tmp_path: Path) -> None:
    samples = [[0, "1"], [1, "2"], [BEGIN_S, "3"]]
    text = answer({"metric": {"__name__": REQUESTS}, "values": samples})
    assert problems(tmp_path, text)[0][2].startswith("holds 1,800,000,000 steps of 1 s, at most")


def test_every_file_is_checked(tmp_path: Path) -> None:
    assert [path for path, _, _ in problems(tmp_path, "{", answer(), answer(series("x", [1])))] == [
        "",
        "data.result",
        "__name__",
    ]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (answer(), True),
        (answer().replace(", ", ",\n"), True),
        (answer(series(REQUESTS, list(range(9000)))), True),
        ('{"status": "error", "errorType": "x", "error": "y"}', True),
        ('{"timestamp": 1, "input_length": 2}', False),
        ("status,data\n", False),
    ],
)
def test_answers_are_recognised(tmp_path: Path, text: str, fits: bool) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with open_trace(str(path)) as source:
        assert prometheus.fits(head_of(source)) == fits


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=50))
def test_increments_equal_a_plain_loop(values: list[int]) -> None:
    total = 0
    for before, after in pairwise(values):
        total += after if after < before else after - before
    assert increments(np.array(values, dtype=np.float64)).sum() == total


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),
            st.lists(st.none() | st.integers(0, 1000), min_size=2, max_size=12),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_nothing_is_lost_or_counted_twice(
    tmp_path: Path, pods: list[tuple[int, list[int | None]]]
) -> None:
    """With pods that are always sampled no window is missing: the sum over windows is the plain
    sum of increments, and of the first values of pods that begin later."""
    found = [series(REQUESTS, [0] * 16, pod=f"always-{i}") for i in range(4)]
    total = 0
    for number, (begin, values) in enumerate(pods):
        found.append(series(REQUESTS, values, begin=begin, pod=str(number)))
        told = [(begin + at, value) for at, value in enumerate(values) if value is not None]
        total += sum(b if b < a else b - a for (_, a), (_, b) in pairwise(told))
        total += sum(value for at, value in told[:1] if at > 0)
    windows, _ = of(tmp_path, answer(*found))
    assert steps(windows) == list(range(15))
    assert windows.requests.sum() == pytest.approx(total)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["status", "data", "resultType", "result", "metric", "values"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)
RESULT = st.fixed_dictionaries(
    {
        "metric": st.fixed_dictionaries({"__name__": st.sampled_from([REQUESTS, "x", ""])}) | JSON,
        "values": st.lists(
            st.tuples(
                st.floats() | st.integers(), st.integers().map(str) | st.floats().map(str) | JSON
            ),
            max_size=5,
        )
        | JSON,
    }
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        JSON.map(json.dumps),
        st.lists(RESULT | JSON, max_size=4).map(lambda found: answer(*found)),
        st.text(max_size=50).map(lambda text: answer(series(REQUESTS, [1, 2]))[:-2] + text),
    ),
    st.booleans(),
)
def test_any_document_is_read_or_refused(tmp_path: Path, text: str, mapped: bool) -> None:
    text = text.encode("utf-8", "replace").decode()
    with contextlib.suppress(InputError):
        of(tmp_path, text, **({"rps": "0.json"} if mapped else {}))
