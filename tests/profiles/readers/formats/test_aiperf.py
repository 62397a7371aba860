"""AIPerf's and genai-perf's export."""

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


def metric(unit: str, mean: Any) -> dict[str, Any]:
    return {"unit": unit, "avg": mean, "p50": 1.0, "p99": 2.0, "min": 0.5, "max": 3.0, "std": 0.1}


EXPORT: dict[str, Any] = {
    "schema_version": "1.0",
    "aiperf_version": "0.5.0",
    "request_throughput": metric("requests/sec", 2.0),
    "request_latency": metric("ms", 1100.0),
    "request_count": metric("requests", 100.0),
    "time_to_first_token": metric("ms", 100.0),
    "inter_token_latency": metric("ms", 10.0),
    "output_token_throughput": metric("tokens/sec", 202.0),
    "output_sequence_length": metric("tokens", 101.0),
    "input_sequence_length": metric("tokens", 1000.0),
    "input_config": {"endpoint": {"model_names": ["m"]}, "loadgen": {"concurrency": 4}},
    "was_cancelled": False,
    "error_summary": [],
}
"""100 + 100 * 10 ms; at 2 a second 2.2 requests are in flight."""
RUN = Run("G", 2, isl=1000.0, osl=101.0, concurrency=2.2, ttft_ms=100.0, tpot_ms=10.0)


def telemetry(*names: str) -> dict[str, Any]:
    """What DCGM said of one GPU of each name, on two nodes."""
    gpus = [
        {"gpu_index": i, "gpu_name": name, "gpu_uuid": f"GPU-{i}", "hostname": "n", "metrics": {}}
        for i, name in enumerate(names)
    ]
    endpoints = {f"node{i}:9401": {"gpus": {f"gpu_{i}": gpu}} for i, gpu in enumerate(gpus)}
    summary = {"start_time": "2026-01-15T10:15:00", "end_time": "2026-01-15T10:16:00"}
    return {"telemetry_data": {"summary": summary, "endpoints": endpoints}}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "profile_export_aiperf.json"
    path.write_text(json.dumps(EXPORT | changes))
    return path


def test_an_export_is_a_run(tmp_path: Path) -> None:
    reading = read_measurements(written(tmp_path), given=GIVEN)
    assert (reading.runs, reading.notes, reading.model) == ((RUN,), (), None)


@pytest.mark.parametrize(
    ("unit", "ttft", "tpot"), [("s", 0.1, 0.01), ("sec", 0.1, 0.01), ("us", 1e5, 1e4)]
)
def test_units_stand_beside_each_metric(
    tmp_path: Path, unit: str, ttft: float, tpot: float
) -> None:
    path = written(
        tmp_path, time_to_first_token=metric(unit, ttft), inter_token_latency=metric(unit, tpot)
    )
    (run,) = read_measurements(path, given=GIVEN).runs
    assert (run.ttft_ms, run.tpot_ms) == pytest.approx((100.0, 10.0))
    assert run.concurrency == pytest.approx(2.2)


def test_metrics_may_have_different_units(tmp_path: Path) -> None:
    path = written(tmp_path, inter_token_latency=metric("ns", 1e7))
    assert read_measurements(path, given=GIVEN).runs[0].tpot_ms == pytest.approx(10.0)


def test_genai_perf_writes_the_same(tmp_path: Path) -> None:
    left_out = ("schema_version", "aiperf_version", "was_cancelled", "error_summary")
    export = {name: value for name, value in EXPORT.items() if name not in left_out}
    path = tmp_path / "profile_export_genai_perf.json"
    path.write_text(json.dumps(export | {"telemetry_stats": {}}))
    assert read_measurements(path, given=GIVEN).runs == (RUN,)


@pytest.mark.parametrize(
    ("names", "gpu"),
    [
        (["NVIDIA H100 80GB HBM3"] * 2, "H100-SXM-80GB"),
        (["NVIDIA H200"], "H200-SXM-141GB"),
        (["NVIDIA H100 80GB HBM3", "NVIDIA H200"], None),
        (["NVIDIA H100 80GB HBM3 MIG 1g.10gb"], None),
        (["AMD Instinct MI300X"], "MI300X-192GB"),
        (["AMD Instinct MI250X"], None),
        ([""], None),
        ([], None),
    ],
)
def test_one_kind_of_gpu_was_watched_or_it_is_asked_for(
    tmp_path: Path, names: list[str], gpu: str | None
) -> None:
    path = written(tmp_path, **telemetry(*names))
    if gpu is None:
        with pytest.raises(InputError, match=re.escape("give --gpu (its GPU type)")):
            read_measurements(path, given=Given(gpus=4))
    else:
        assert read_measurements(path, given=Given(gpus=4)).runs[0].gpu == gpu


def test_the_number_of_gpus_is_asked_for(tmp_path: Path) -> None:
    """Those watched may have served, or waited, or belonged to another."""
    with pytest.raises(InputError, match=r"give --tp \(its GPUs\)$"):
        read_measurements(written(tmp_path, **telemetry("NVIDIA H200", "NVIDIA H200")))


@pytest.mark.parametrize("telemetry_data", [None, {}, {"endpoints": {}}])
def test_without_telemetry_the_engine_is_asked_for(
    tmp_path: Path, telemetry_data: dict[str, Any] | None
) -> None:
    path = written(tmp_path, telemetry_data=telemetry_data)
    with pytest.raises(InputError, match=re.escape("give --gpu (its GPU type) and --tp")):
        read_measurements(path)


@pytest.mark.parametrize(
    ("errors", "failed"),
    [(None, 0), ([], 0), ([{"error_details": {}, "count": 3}, {"count": 4}], 7)],
)
def test_failed_requests_are_told(
    tmp_path: Path, errors: list[dict[str, Any]] | None, failed: int
) -> None:
    notes = read_measurements(written(tmp_path, error_summary=errors), given=GIVEN).notes
    told = (f"{failed} requests failed; times are of those that did not",)
    assert notes == (told if failed else ())


@pytest.mark.parametrize("change", [{"was_cancelled": True}, {"is_complete": False}])
def test_a_run_that_broke_off_is_told(tmp_path: Path, change: dict[str, Any]) -> None:
    (note,) = read_measurements(written(tmp_path, **change), given=GIVEN).notes
    assert note.endswith("is of a run that was cancelled or did not finish")


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ({"time_to_first_token": metric("minutes", 1.0)}, "time_to_first_token.unit", "minutes"),
        ({"inter_token_latency": metric("", 1.0)}, "inter_token_latency.unit", ""),
        ({"inter_token_latency": metric("ms", None)}, "inter_token_latency.avg", "null"),
        ({"inter_token_latency": metric("ms", "10")}, "inter_token_latency.avg", '"10"'),
        ({"inter_token_latency": metric("ms", True)}, "inter_token_latency.avg", "true"),
        ({"inter_token_latency": metric("ms", float("nan"))}, "inter_token_latency.avg", "NaN"),
        ({"time_to_first_token": None}, "time_to_first_token", "null"),
        ({"time_to_first_token": {"unit": "ms"}}, "time_to_first_token.avg", '{"unit": "ms"}'),
        ({"output_sequence_length": metric("tokens", 1)}, "output_sequence_length.avg", "1"),
        ({"output_sequence_length": metric("tokens", 0)}, "output_sequence_length.avg", "0"),
        ({"input_sequence_length": metric("tokens", 1e300)}, "input_sequence_length.avg", "1e+300"),
        ({"request_throughput": metric("requests/sec", -1)}, "request_throughput.avg", "-1"),
        ({"error_summary": [{"count": -1}]}, "error_summary.0.count", "-1"),
        ({"error_summary": [{"count": "many"}]}, "error_summary.0.count", '"many"'),
        ({"telemetry_data": []}, "telemetry_data", "[]"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], path: str, value: str) -> None:
    file = written(tmp_path, **change)
    with pytest.raises(InputError) as raised:
        read_measurements(file, given=GIVEN)
    (problem,) = raised.value.problems
    assert (problem.file, problem.path, problem.value) == (str(file), path, value)
    assert problem.remedy


def test_without_streaming_there_is_no_run(tmp_path: Path) -> None:
    export = dict(EXPORT)
    for name in ("time_to_first_token", "inter_token_latency"):
        del export[name]
    path = tmp_path / "profile_export_aiperf.json"
    path.write_text(json.dumps(export))
    with pytest.raises(InputError) as raised:
        read_measurements(path, given=GIVEN)
    assert [(each.path, each.remedy) for each in raised.value.problems] == [
        ("inter_token_latency", "Field required"),
        ("time_to_first_token", "Field required"),
    ]
