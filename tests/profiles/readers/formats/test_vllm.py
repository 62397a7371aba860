"""`vllm bench serve` and SGLang's `bench_serving`."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements

GIVEN = Given("G", 2)
RESULT: dict[str, Any] = {
    "date": "20260115-101500",
    "endpoint_type": "openai",
    "backend": "openai",
    "label": None,
    "model_id": "meta-llama/Llama-3.1-8B-Instruct",
    "tokenizer_id": "meta-llama/Llama-3.1-8B-Instruct",
    "num_prompts": 110,
    "request_rate": "inf",
    "burstiness": 1.0,
    "max_concurrency": None,
    "duration": 50.0,
    "completed": 100,
    "failed": 10,
    "total_input_tokens": 100_000,
    "total_output_tokens": 10_100,
    "request_throughput": 2.0,
    "request_goodput": None,
    "output_throughput": 202.0,
    "total_token_throughput": 2202.0,
    "mean_ttft_ms": 100.0,
    "median_ttft_ms": 90.0,
    "std_ttft_ms": 5.0,
    "p99_ttft_ms": 300.0,
    "mean_tpot_ms": 10.0,
    "median_tpot_ms": 9.0,
    "std_tpot_ms": 1.0,
    "p99_tpot_ms": 20.0,
    "mean_itl_ms": 12.0,
    "median_itl_ms": 11.0,
    "std_itl_ms": 1.0,
    "p99_itl_ms": 30.0,
}
"""1,000 tokens in and 101 out take 100 + 100 * 10 ms; at 2 a second 2.2 are in flight."""
RUN = Run("G", 2, isl=1000.0, osl=101.0, concurrency=2.2, ttft_ms=100.0, tpot_ms=10.0)
NOTHING_ANSWERED = {
    "completed": 0,
    "total_input_tokens": 0,
    "total_output_tokens": 0,
    "request_throughput": 0.0,
    "mean_ttft_ms": 0.0,
    "mean_tpot_ms": 0.0,
}
SGLANG: dict[str, Any] = {
    "backend": "sglang",
    "dataset_name": "random",
    "request_rate": float("inf"),
    "max_concurrency": 16,
    "random_input_len": 1024,
    "random_output_len": 1024,
    "random_range_ratio": 0.0,
    "duration": 50.0,
    "completed": 100,
    "total_input_tokens": 100_000,
    "total_output_tokens": 10_100,
    "total_output_tokens_retokenized": 10_090,
    "request_throughput": 2.0,
    "input_throughput": 2000.0,
    "output_throughput": 202.0,
    "mean_e2e_latency_ms": 1100.0,
    "mean_ttft_ms": 100.0,
    "mean_tpot_ms": 10.0,
    "concurrency": 2.2,
}


def written(folder: Path, *results: dict[str, Any]) -> Path:
    path = folder / "result.json"
    path.write_text("".join(f"{json.dumps(result)}\n" for result in results))
    return path


@pytest.mark.parametrize(
    "load",
    [
        {"request_rate": "inf", "max_concurrency": None},
        {"request_rate": 2.5, "max_concurrency": 8},
        {"request_rate": float("inf")},
    ],
)
def test_requests_in_flight_are_those_measured(tmp_path: Path, load: dict[str, Any]) -> None:
    """Whatever load was asked for: 2 requests/s of 1.1 s each."""
    reading = read_measurements(written(tmp_path, RESULT | load), given=GIVEN)
    assert reading.runs == (RUN,)
    assert reading.model == "meta-llama/Llama-3.1-8B-Instruct"


def test_sglang_writes_lines_with_a_bare_infinity(tmp_path: Path) -> None:
    path = written(tmp_path, SGLANG, SGLANG | {"mean_ttft_ms": 200.0})
    assert "Infinity" in path.read_text()
    reading = read_measurements(path, given=GIVEN)
    assert [run.ttft_ms for run in reading.runs] == [100.0, 200.0]
    assert (reading.runs[0], reading.model, reading.notes) == (RUN, None, ())


@pytest.mark.parametrize(
    ("counts", "failed"),
    [
        ({"failed": 10}, 10),
        ({"failed": None, "num_prompts": 103}, 3),
        ({"failed": None, "num_prompts": None}, 0),
        ({"failed": None, "num_prompts": "1000"}, 0),
        ({"failed": None, "num_prompts": 90}, 0),
        ({"failed": 0}, 0),
    ],
)
def test_failed_requests_are_told(tmp_path: Path, counts: dict[str, Any], failed: int) -> None:
    """Older versions say only how many were asked for."""
    result = {name: value for name, value in (RESULT | counts).items() if value is not None}
    notes = read_measurements(written(tmp_path, result), given=GIVEN).notes
    told = (f"{failed} requests failed; times are of those that did not",)
    assert notes == (told if failed else ())


@pytest.mark.parametrize(
    "change",
    [NOTHING_ANSWERED, {"total_output_tokens": 100}, {"total_output_tokens": 50}],
)
def test_a_run_without_a_second_token_is_left_out(tmp_path: Path, change: dict[str, Any]) -> None:
    reading = read_measurements(
        written(tmp_path, RESULT | {"failed": 0}, RESULT | change), given=GIVEN
    )
    assert reading.runs == (RUN,)
    assert "left out 1 runs of" in reading.notes[0]


def test_a_file_in_which_nothing_was_answered_says_so(tmp_path: Path) -> None:
    reading = read_measurements(
        written(tmp_path, RESULT | NOTHING_ANSWERED | {"failed": 110}), given=GIVEN
    )
    assert reading.runs == ()
    assert len(reading.notes) == 2


def test_a_saturated_run_is_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, *(RESULT | {"mean_ttft_ms": ms} for ms in (60_000.0, 60_001.0)))
    reading = read_measurements(path, given=GIVEN)
    assert [run.ttft_ms for run in reading.runs] == [60_000.0]
    assert reading.notes[0] == "left out 1 runs with a TTFT above 60 s"


def test_metadata_say_what_engine_it_was(tmp_path: Path) -> None:
    """`--metadata` are texts, and may name a product; the user must not say otherwise."""
    path = written(tmp_path, RESULT | {"gpu": "NVIDIA-H100-80GB-HBM3", "tensor_parallel_size": "8"})
    (run,) = read_measurements(path).runs
    assert (run.gpu, run.gpus) == ("H100-SXM-80GB", 8)
    with pytest.raises(InputError, match="8: is what was measured; --tp says 2"):
        read_measurements(path, given=Given(gpus=2))


def test_a_gpu_of_no_known_name_is_what_the_user_says(tmp_path: Path) -> None:
    path = written(tmp_path, RESULT | {"gpu": "our-h100", "tensor_parallel_size": "8"})
    assert read_measurements(path).runs[0].gpu == "our-h100"
    assert read_measurements(path, given=Given(gpu="H100-SXM-80GB")).runs[0].gpu == "H100-SXM-80GB"


@pytest.mark.parametrize("size", ["", "0", "-8", "8x", "²", "9" * 5000, "1e1", 0, None])
def test_a_size_that_is_no_number_is_asked_for(tmp_path: Path, size: str | int | None) -> None:
    path = written(tmp_path, RESULT | {"gpu": "", "tensor_parallel_size": size})
    remedy = "does not say what engine was measured: give --gpu (its GPU type) and --tp (its GPUs)"
    with pytest.raises(InputError, match=re.escape(remedy)):
        read_measurements(path)


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    """A result without a model is taken to be of the one named."""
    rest = {name: value for name, value in RESULT.items() if name != "model_id"}
    path = written(
        tmp_path,
        RESULT | {"model_id": "a", "mean_ttft_ms": 1.0},
        RESULT | {"model_id": "b", "mean_ttft_ms": 2.0},
        rest | {"mean_ttft_ms": 3.0},
    )
    with pytest.raises(InputError, match="holds a, b; name one: --model"):
        read_measurements(path, given=GIVEN)
    reading = read_measurements(path, given=Given("G", 2, "b"))
    assert [run.ttft_ms for run in reading.runs] == [2.0, 3.0]
    assert reading.model == "b"


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ({"completed": "100"}, "1.completed", '"100"'),
        ({"completed": True}, "1.completed", "true"),
        ({"completed": -1}, "1.completed", "-1"),
        ({"completed": 99.5}, "1.completed", "99.5"),
        ({"total_input_tokens": 10**400}, "1.total_input_tokens", "1" + "0" * 39),
        ({"total_input_tokens": 0}, "1.total_input_tokens", "0"),
        ({"total_output_tokens": 10**400}, "1.total_output_tokens", "1" + "0" * 39),
        ({"total_output_tokens": None}, "1.total_output_tokens", "null"),
        ({"mean_ttft_ms": float("nan")}, "1.mean_ttft_ms", "NaN"),
        ({"mean_ttft_ms": True}, "1.mean_ttft_ms", "true"),
        ({"mean_ttft_ms": "100"}, "1.mean_ttft_ms", '"100"'),
        ({"mean_ttft_ms": 0.0}, "1.mean_ttft_ms", "0"),
        ({"mean_tpot_ms": 1e300}, "1.mean_tpot_ms", "1e+300"),
        ({"mean_tpot_ms": float("inf")}, "1.mean_tpot_ms", "Infinity"),
        ({"request_throughput": 0.0}, "1.request_throughput", "0"),
        ({"request_throughput": [2.0]}, "1.request_throughput", "[2.0]"),
        ({"failed": -5}, "1.failed", "-5"),
        ({"model_id": 7}, "1.model_id", "7"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], path: str, value: str) -> None:
    file = written(tmp_path, RESULT, RESULT | change)
    with pytest.raises(InputError) as raised:
        read_measurements(file, given=GIVEN)
    (problem,) = raised.value.problems
    assert (problem.file, problem.path, problem.value) == (str(file), path, value)
    assert problem.remedy


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, RESULT | {"mean_ttft_ms": 0, "request_throughput": 0})
    with pytest.raises(InputError) as raised:
        read_measurements(path)
    assert [each.path for each in raised.value.problems] == [
        "",
        "mean_ttft_ms",
        "request_throughput",
    ]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        ("[]", "holds no results"),
        ("{}", "completed: {}: Field required"),
        ("[[]]", "0: []: Input should be a valid dictionary"),
    ],
)
def test_what_holds_no_result_is_refused(tmp_path: Path, text: str, remedy: str) -> None:
    path = tmp_path / "result.json"
    path.write_text(text)
    with pytest.raises(InputError, match=re.escape(remedy)):
        read_measurements(path, "vllm", GIVEN)
