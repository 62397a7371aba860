"""llm-d-benchmark's report."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.profiles.readers.changes import changed

H100 = "NVIDIA-H100-80GB-HBM3"
LATENCY = "results.request_performance.aggregate.latency"
REQUESTS = "results.request_performance.aggregate.requests"
STACK = "scenario.stack"
LOADED_WITH = "scenario.load.metadata.concurrent_with"


def figure(units: str, mean: Any) -> dict[str, Any]:
    return {"units": units, "mean": mean, "p50": 1.0, "p99": 2.0}


def engine(role: str = "replica", replicas: int = 1, **accelerator: Any) -> dict[str, Any]:
    """A component of the stack: 8 GPUs, unless said otherwise."""
    parallelism = {"tp": 8, "dp": 1, "dp_local": 1, "workers": 1, "ep": 1, "pp": 1}
    parts: dict[str, Any] = {"model": H100, "count": 8, "parallelism": parallelism} | accelerator
    return {
        "metadata": {"label": f"vllm-{role}", "cfg_id": "cc73fc6b", "schema_version": "0.0.1"},
        "standardized": {
            "kind": "inference_engine",
            "tool": "llm-d",
            "tool_version": "ghcr.io/llm-d/llm-d-cuda:0.3.1",
            "role": role,
            "replicas": replicas,
            "model": {"name": "Qwen/Qwen3-0.6B"},
            "accelerator": parts,
        },
        "native": {"args": {"--tensor-parallel-size": 8}, "envars": {}},
    }


SCHEDULER = {
    "metadata": {"label": "epp-0", "cfg_id": "47000e70"},
    "standardized": {
        "kind": "generic",
        "tool": "llm-d-inference-scheduler",
        "tool_version": "0.3.2",
        "role": "router",
        "replicas": "2",
        "model": "none",
        "accelerator": None,
    },
    "native": {"config": {"kind": "EndpointPickerConfig"}},
}
"""Of what is no engine anything may be said."""
REPORT: dict[str, Any] = {
    "version": "0.2",
    "run": {"uid": "38b1f169", "time": {"start": "2025-11-05T18:00:42Z", "duration": "PT50S"}},
    "scenario": {
        "load": {
            "metadata": {"cfg_id": "a4e18f26", "schema_version": "0.0.1"},
            "standardized": {
                "tool": "inference-perf",
                "tool_version": "0.3.0",
                "concurrency": float("inf"),
                "input_seq_len": {"distribution": "fixed", "value": 1000},
                "source": "sampled",
            },
            "native": {},
        },
        "stack": [engine(), SCHEDULER],
    },
    "results": {
        "request_performance": {
            "aggregate": {
                "latency": {
                    "time_to_first_token": figure("s", 0.1),
                    "time_per_output_token": figure("s/token", 0.005),
                    "inter_token_latency": figure("s/token", 0.005),
                    "request_latency": figure("s", 1.1),
                },
                "requests": {
                    "total": 500,
                    "failures": 0,
                    "input_length": figure("count", 1000.0),
                    "output_length": figure("count", 101.0),
                },
                "throughput": {"request_rate": figure("queries/s", 2.0)},
            }
        }
    },
}
"""100 tokens follow the first in 1.1 - 0.1 s; at 2 a second 2.2 requests are in flight."""


def report(path: str = "", value: Any = None) -> dict[str, Any]:
    """A report with another value at `path`."""
    return changed(REPORT, path, value)


def written(folder: Path, content: dict[str, Any], suffix: str = ".yaml") -> Path:
    path = folder / f"benchmark_report{suffix}"
    path.write_text(json.dumps(content) if suffix == ".json" else yaml.safe_dump(content))
    return path


def run_of(folder: Path, content: dict[str, Any], given: Given | None = None) -> Run:
    (run,) = read_measurements(written(folder, content), given=given or Given()).runs
    return run


def problem_of(
    folder: Path, content: dict[str, Any], given: Given | None = None
) -> tuple[str, str, str]:
    """Path, value and remedy of the only problem, which names the file."""
    path = written(folder, content)
    with pytest.raises(InputError) as raised:
        read_measurements(path, given=given or Given())
    (problem,) = raised.value.problems
    assert problem.file == str(path)
    return problem.path, problem.value, problem.remedy


@pytest.mark.parametrize("suffix", [".yaml", ".yml", ".json"])
@pytest.mark.parametrize("version", ["0.2", "0.2.1"])
def test_a_report_is_a_run(tmp_path: Path, suffix: str, version: str) -> None:
    reading = read_measurements(written(tmp_path, report("version", version), suffix))
    (run,) = reading.runs
    assert (run.gpu, run.gpus, run.replicas, run.prefill_gpus) == ("H100-SXM-80GB", 8, 1, None)
    assert (run.isl, run.osl, run.ttft_ms) == (1000.0, 101.0, 100.0)
    assert run.concurrency == pytest.approx(2.2)
    assert (reading.model, reading.notes) == ("Qwen/Qwen3-0.6B", ())


def test_tpot_is_what_is_left_of_the_request(tmp_path: Path) -> None:
    """10 ms; the 5 ms stated are inference-perf's, whose tokens are counted twice."""
    assert run_of(tmp_path, REPORT).tpot_ms == pytest.approx(10.0)


@pytest.mark.parametrize("whole", [None, figure("s", 0.1), figure("s", 0.05)])
def test_tpot_is_the_one_stated_where_nothing_is_left(
    tmp_path: Path, whole: dict[str, Any] | None
) -> None:
    """2 requests/s * (0.1 + 100 * 0.005) s = 1.2 in flight."""
    run = run_of(tmp_path, report(f"{LATENCY}.request_latency", whole))
    assert run.tpot_ms == pytest.approx(5.0)
    assert run.concurrency == pytest.approx(1.2)


def test_every_figure_has_its_unit(tmp_path: Path) -> None:
    latency = {
        "time_to_first_token": figure("ms", 100.0),
        "time_per_output_token": figure("ms/token", 10.0),
    }
    run = run_of(tmp_path, report(LATENCY, latency))
    assert (run.ttft_ms, run.tpot_ms) == (100.0, 10.0)
    latency["request_latency"] = figure("s", 1.1)
    assert run_of(tmp_path, report(LATENCY, latency)).tpot_ms == pytest.approx(10.0)


def test_prefill_and_decode_stand_apart(tmp_path: Path) -> None:
    two = {"count": 2, "parallelism": {"tp": 2}}
    stack = [engine("prefill", 3, **two), SCHEDULER, engine("decode", 2)]
    run = run_of(tmp_path, report(STACK, stack))
    assert (run.gpus, run.replicas, run.prefill_gpus, run.prefill_replicas) == (8, 2, 2, 3)
    assert run.concurrency == pytest.approx(2.2)


def test_decode_alone_serves_whole_requests(tmp_path: Path) -> None:
    run = run_of(tmp_path, report(STACK, [engine("decode", 2), SCHEDULER]))
    assert (run.gpus, run.replicas, run.prefill_gpus) == (8, 2, None)


@pytest.mark.parametrize(
    ("count", "sizes", "gpus"),
    [
        (8, {"tp": 8}, 8),
        (8, {"tp": 4, "pp": 2}, 8),
        (8, {"tp": 1, "dp": 8, "dp_local": 8}, 8),
        (8, {"tp": 1, "dp": 16, "dp_local": 8, "workers": 2}, 16),
        (16, {"tp": 8}, 8),
    ],
)
def test_gpus_a_replica(tmp_path: Path, count: int, sizes: dict[str, int], gpus: int) -> None:
    """Two replicas: a count of 16 is that of both, and a count of 8 that of one worker of two."""
    stack = [engine("decode", 2, count=count, parallelism=sizes)]
    assert run_of(tmp_path, report(STACK, stack)).gpus == gpus


@pytest.mark.parametrize(
    ("count", "sizes"),
    [
        (0, {"tp": 1}),
        (8, {}),
        (8, {"tp": 4}),
        (8, {"tp": 0}),
        (1, {"tp": 1, "dp": 8, "workers": 1}),
    ],
)
def test_gpus_that_do_not_agree_are_asked_for(
    tmp_path: Path, count: int, sizes: dict[str, int]
) -> None:
    made = report(STACK, [engine(count=count, parallelism=sizes)])
    remedy = "does not say what engine was measured: give --tp (its GPUs)"
    assert problem_of(tmp_path, made) == ("", "", remedy)
    assert run_of(tmp_path, made, Given(gpus=4)).gpus == 4


@pytest.mark.parametrize("model", ["", "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", "Gaudi3"])
def test_a_gpu_that_is_not_known_is_asked_for(tmp_path: Path, model: str) -> None:
    remedy = "does not say what engine was measured: give --gpu (its GPU type)"
    assert problem_of(tmp_path, report(STACK, [engine(model=model)])) == ("", "", remedy)


@pytest.mark.parametrize("scenario", [{}, {"stack": []}, {"stack": [SCHEDULER]}])
def test_without_an_engine_it_is_asked_for(tmp_path: Path, scenario: dict[str, Any]) -> None:
    made = report("scenario", scenario)
    remedy = "does not say what engine was measured: give --gpu (its GPU type) and --tp (its GPUs)"
    assert problem_of(tmp_path, made)[2] == remedy
    run = run_of(tmp_path, made, Given("G", 2))
    assert (run.gpu, run.gpus, run.replicas) == ("G", 2, 1)


@pytest.mark.parametrize(
    "roles", [("replica", "replica"), ("decode", "replica"), ("prefill", "prefill", "decode")]
)
def test_two_engines_of_a_role_are_refused(tmp_path: Path, roles: tuple[str, ...]) -> None:
    made = report(STACK, [engine(role) for role in roles])
    assert problem_of(tmp_path, made) == (STACK, "", "more than one engine of a role; keep one")


@pytest.mark.parametrize(
    ("stack", "value", "remedy"),
    [
        (
            [engine("prefill", model="NVIDIA H200"), engine("decode")],
            f"NVIDIA H200, {H100}",
            "prefill and decode must both be there, on one GPU type",
        ),
        (
            [engine("prefill", count=0), engine("decode")],
            "0",
            "count of prefill does not say how many GPUs a replica has, tp * pp * dp",
        ),
    ],
)
def test_prefill_must_be_known(tmp_path: Path, stack: list[Any], value: str, remedy: str) -> None:
    assert problem_of(tmp_path, report(STACK, stack)) == (STACK, value, remedy)


def test_prefill_without_decode_is_refused(tmp_path: Path) -> None:
    path, _, remedy = problem_of(tmp_path, report(STACK, [engine("prefill")]), Given("G", 2))
    assert (path, remedy) == (STACK, "prefill and decode must both be there, on one GPU type")


def test_a_load_beside_another_is_refused(tmp_path: Path) -> None:
    """What the engine did is then more than what was measured."""
    made = report(LOADED_WITH, ["agentic", "batch"])
    path, value, remedy = problem_of(tmp_path, made)
    assert (path, value) == (LOADED_WITH, "agentic, batch")
    assert "measure one load at a time" in remedy
    assert run_of(tmp_path, report(LOADED_WITH, [])).gpus == 8


def test_failed_requests_are_told(tmp_path: Path) -> None:
    told = ("7 requests failed; times are of those that did not",)
    assert read_measurements(written(tmp_path, report(f"{REQUESTS}.failures", 7))).notes == told
    assert read_measurements(written(tmp_path, report(f"{REQUESTS}.failures", None))).notes == ()


@pytest.mark.parametrize(
    ("path", "value", "shown"),
    [
        ("version", "0.1", '"0.1"'),
        ("version", "0.3", '"0.3"'),
        ("version", None, "null"),
        ("results", None, "null"),
        ("results.request_performance", None, "null"),
        (f"{LATENCY}.time_to_first_token", None, "null"),
        (f"{LATENCY}.time_to_first_token.units", "us", '"us"'),
        (f"{LATENCY}.time_to_first_token.mean", float("nan"), "NaN"),
        (f"{LATENCY}.time_to_first_token.mean", "0.1", '"0.1"'),
        (f"{LATENCY}.time_to_first_token.mean", 0.0, "0.0"),
        (f"{LATENCY}.request_latency.mean", None, "null"),
        (f"{LATENCY}.time_per_output_token.mean", float("inf"), "Infinity"),
        (f"{REQUESTS}.output_length.mean", True, "true"),
        (f"{REQUESTS}.input_length", None, "null"),
        (f"{REQUESTS}.input_length.mean", -1.0, "-1.0"),
        (f"{REQUESTS}.failures", -1, "-1"),
        ("results.request_performance.aggregate.throughput", {}, "{}"),
        ("scenario", None, "null"),
        (STACK, None, "null"),
        (STACK, [1], "1"),
        (LOADED_WITH, "all", '"all"'),
    ],
)
def test_faults_are_named(tmp_path: Path, path: str, value: Any, shown: str) -> None:
    found, stands, remedy = problem_of(tmp_path, report(path, value), Given("G", 1))
    assert found.startswith(path)
    assert stands == shown
    assert remedy


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("replicas", 0),
        ("replicas", "two"),
        ("replicas", 10**400),
        ("role", "leader"),
        ("kind", None),
        ("accelerator", None),
        ("model", "Qwen"),
    ],
)
def test_faults_of_an_engine_are_named(tmp_path: Path, name: str, value: Any) -> None:
    made = engine()
    made["standardized"][name] = value
    path, _, _ = problem_of(tmp_path, report(STACK, [made]), Given("G", 1))
    assert path == f"{STACK}.0.standardized.{name}"


@pytest.mark.parametrize("name", ["kind", "replicas"])
def test_what_an_engine_must_say_is_not_made_up(tmp_path: Path, name: str) -> None:
    made = engine("decode", 2)
    del made["standardized"][name]
    path, _, remedy = problem_of(tmp_path, report(STACK, [made]), Given("G", 1))
    assert (path, remedy) == (f"{STACK}.0.standardized.{name}", "Field required")


@pytest.mark.parametrize("osl", [1.0, 0.5])
def test_one_token_is_no_run(tmp_path: Path, osl: float) -> None:
    path, _, remedy = problem_of(tmp_path, report(f"{REQUESTS}.output_length.mean", osl))
    assert (path, remedy) == (LATENCY, "gives no time per token after the first")


def test_a_report_without_a_time_of_a_token_is_refused(tmp_path: Path) -> None:
    made = report(LATENCY, {"time_to_first_token": figure("s", 0.1)})
    assert problem_of(tmp_path, made)[2] == "gives no time per token after the first"


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    made = report(STACK, [engine(model="", count=0), engine()])
    del made["results"]["request_performance"]["aggregate"]["latency"]["request_latency"]
    del made["results"]["request_performance"]["aggregate"]["latency"]["time_per_output_token"]
    with pytest.raises(InputError, match=re.escape("give --gpu")) as raised:
        read_measurements(written(tmp_path, made))
    assert [each.path for each in raised.value.problems] == ["", LATENCY, STACK]
