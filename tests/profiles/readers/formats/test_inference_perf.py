"""inference-perf's stages."""

import json
from pathlib import Path
from typing import Any

import pytest

from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.profiles.readers.changes import changed
from tests.realdata import DATA, needs_data

GIVEN = Given("G", 2)
KUBECON = DATA / "perf" / "inference_perf_kubecon2025"


def spread(mean: float) -> dict[str, float]:
    return {"mean": mean, "min": mean / 2, "median": mean, "p99": mean * 2, "max": mean * 3}


STAGE: dict[str, Any] = {
    "load_summary": {
        "count": 120,
        "schedule_delay": spread(0.0004),
        "send_duration": 60.0,
        "requested_rate": 2.0,
        "achieved_rate": 2.0,
    },
    "successes": {
        "count": 120,
        "latency": {
            "request_latency": spread(1.1),
            "normalized_time_per_output_token": spread(0.011),
            "time_per_output_token": spread(0.005),
            "time_to_first_token": spread(0.1),
            "inter_token_latency": spread(0.005),
        },
        "throughput": {
            "input_tokens_per_sec": 2000.0,
            "output_tokens_per_sec": 202.0,
            "total_tokens_per_sec": 2202.0,
            "requests_per_sec": 2.0,
        },
        "prompt_len": spread(1000.0),
        "output_len": spread(101.0),
    },
    "failures": {"count": 0, "request_latency": None, "prompt_len": None},
}
"""100 tokens follow the first in 1.1 - 0.1 s; at 2 a second 2.2 requests are in flight."""
RUN = Run("G", 2, isl=1000.0, osl=101.0, concurrency=2.2, ttft_ms=100.0, tpot_ms=10.0)


def stage(path: str = "", value: Any = None) -> dict[str, Any]:
    """A stage with another value at `path`."""
    return changed(STAGE, path, value)


def written(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / "stage_0_lifecycle_metrics.json"
    path.write_text(json.dumps(content))
    return path


def problem_of(path: Path) -> tuple[str, str, str]:
    """Path, value and remedy of the only problem, which names the file."""
    with pytest.raises(InputError) as raised:
        read_measurements(path, given=GIVEN)
    (problem,) = raised.value.problems
    assert problem.file == str(path)
    return problem.path, problem.value, problem.remedy


def test_tpot_is_what_is_left_of_the_request(tmp_path: Path) -> None:
    """10 ms a token, though chunks came every 5 ms."""
    reading = read_measurements(written(tmp_path, STAGE), given=GIVEN)
    (run,) = reading.runs
    assert run.tpot_ms == pytest.approx(RUN.tpot_ms)
    assert (run.gpu, run.gpus, run.isl, run.osl) == ("G", 2, 1000.0, 101.0)
    assert (run.concurrency, run.ttft_ms) == pytest.approx((RUN.concurrency, RUN.ttft_ms))
    assert (reading.notes, reading.model) == ((), None)


def test_newer_versions_count_prompts_as_the_server_does(tmp_path: Path) -> None:
    made = stage("successes.prompt_tokens", {"total": 1.0, "cached": 0.0} | spread(1100.0))
    del made["successes"]["prompt_len"]
    assert read_measurements(written(tmp_path, made), given=GIVEN).runs[0].isl == 1100.0
    del made["successes"]["prompt_tokens"]
    assert problem_of(written(tmp_path, made)) == (
        "successes.prompt_len",
        "",
        "is missing (or prompt_tokens)",
    )


@pytest.mark.parametrize("load", [{"concurrency": 8}, {"requested_rate": 4.0, "concurrency": 8}])
def test_a_stage_of_any_load_is_read(tmp_path: Path, load: dict[str, Any]) -> None:
    path = written(tmp_path, stage("load_summary", {"count": 120} | load))
    assert read_measurements(path, given=GIVEN).runs[0].concurrency == pytest.approx(2.2)


def test_the_summary_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, stage("load_summary", {"count": 120, "schedule_delay": spread(1.0)}))
    assert problem_of(path) == (
        "load_summary",
        "",
        "mixes all stages: give the stage_N_lifecycle_metrics.json files",
    )


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("successes.latency.time_to_first_token", None),
        ("successes.latency.time_to_first_token", spread(1.1)),
        ("successes.latency.request_latency", spread(0.05)),
        ("successes.output_len", spread(1.0)),
        ("successes.output_len", spread(0.5)),
    ],
)
def test_without_streaming_there_is_no_run(tmp_path: Path, path: str, value: Any) -> None:
    assert problem_of(written(tmp_path, stage(path, value))) == (
        "successes.latency",
        "",
        "no time is left after the first token: was streaming on?",
    )


def test_failed_requests_are_told(tmp_path: Path) -> None:
    reading = read_measurements(written(tmp_path, stage("failures.count", 7)), given=GIVEN)
    assert reading.notes == ("7 requests failed; times are of those that did not",)


def test_a_saturated_stage_is_left_out(tmp_path: Path) -> None:
    made = stage("successes.latency.time_to_first_token", spread(60.1))
    made["successes"]["latency"]["request_latency"] = spread(70.0)
    reading = read_measurements(written(tmp_path, made), given=GIVEN)
    assert reading.runs == ()
    assert reading.notes == ("left out 1 runs with a TTFT above 60 s",)


def test_the_engine_is_asked_for(tmp_path: Path) -> None:
    path = written(tmp_path, STAGE)
    with pytest.raises(InputError, match=r"give --gpu \(its GPU type\) and --tp \(its GPUs\)"):
        read_measurements(path)


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("successes.latency.request_latency", None, "null"),
        ("successes.latency.request_latency.mean", None, "null"),
        ("successes.latency.request_latency.mean", float("nan"), "NaN"),
        ("successes.latency.request_latency.mean", "1.1", '"1.1"'),
        ("successes.latency.time_to_first_token.mean", 0, "0"),
        ("successes.latency.time_to_first_token.mean", float("inf"), "Infinity"),
        ("successes.throughput.requests_per_sec", 0.0, "0.0"),
        ("successes.throughput.requests_per_sec", True, "true"),
        ("successes.output_len", None, "null"),
        ("successes.output_len.mean", 10**400, "1" + "0" * 39),
        ("successes.prompt_len.mean", -1.0, "-1.0"),
        ("successes.latency", [], "[]"),
        ("successes", [], "[]"),
        ("failures.count", -1, "-1"),
        ("failures.count", 1.5, "1.5"),
        ("load_summary", None, "null"),
        ("load_summary.requested_rate", "fast", '"fast"'),
    ],
)
def test_faults_are_named(tmp_path: Path, path: str, value: Any, shown: str) -> None:
    found, stands, remedy = problem_of(written(tmp_path, stage(path, value)))
    assert (found, stands) == (path, shown)
    assert remedy


@needs_data
def test_the_published_stages() -> None:
    """A token takes 7.23 ms in the first stage, though 3.47 are stated; the knee is at the 5th.

    (0.48048 - 0.03113) s / 62.15 = 7.23 ms; 1.01716 requests/s * 0.48048 s = 0.4887.
    """
    given = Given("H100-SXM-80GB", 1)
    runs = [
        read_measurements(KUBECON / "vllm" / f"stage_{i}_lifecycle_metrics.json", given=given).runs[
            0
        ]
        for i in range(7)
    ]
    assert runs[0].tpot_ms == pytest.approx(7.23, abs=0.01)
    assert runs[0].concurrency == pytest.approx(0.4887, abs=1e-4)
    assert [run.ttft_ms > 1000.0 for run in runs] == [False] * 4 + [True] * 3
    loads = [run.concurrency for run in runs]
    assert loads == sorted(loads)
    assert {round(run.rate_rps) for run in runs[4:]} == {101, 103}


@needs_data
@pytest.mark.parametrize("folder", ["vllm", "vllm_quantization"])
def test_the_published_summary_is_refused(folder: str) -> None:
    with pytest.raises(InputError, match="mixes all stages"):
        read_measurements(KUBECON / folder / "summary_lifecycle_metrics.json", given=GIVEN)
