"""AIConfigurator's estimates."""

from pathlib import Path

import pytest

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.realdata import DATA, needs_data

HEADER = (
    "model,system,backend,backend_version,tp,phase,context_len,batch_size,ttft_ms,tpot_ms,"
    "tok_per_s_per_gpu,memory_gib_per_gpu,kv_cache_warning\n"
)


def row(phase: str, latency_ms: float, warning: str = "False", version: str = "0.24.0") -> str:
    both = f"{latency_ms}," if phase == "prefill" else f",{latency_ms}"
    return f"Qwen/Qwen3-32B,h200_sxm,vllm,{version},4,{phase},2048,8,{both},1,30,{warning}\n"


def written(folder: Path, *rows: str) -> Path:
    path = folder / "estimates.csv"
    path.write_text(HEADER + "".join(rows))
    return path


def test_estimates_are_modelled(tmp_path: Path) -> None:
    path = written(tmp_path, row("prefill", 900.0), row("decode", 19.5))
    modelled = SourceKind.MODELLED
    assert read_measurements(path).points == (
        Measurement("H200-SXM-141GB", 4, Role.PREFILL, 8.0, 2048.0, 0.0, 900.0, modelled),
        Measurement("H200-SXM-141GB", 4, Role.DECODE, 8.0, 1.0, 2048.0, 19.5, modelled),
    )


def test_what_does_not_fit_in_memory_is_left_out(tmp_path: Path) -> None:
    reading = read_measurements(
        written(tmp_path, row("decode", 19.5), row("decode", 120.0, "True"))
    )
    assert [point.latency_ms for point in reading.points] == [19.5]
    (note,) = reading.notes
    assert note.startswith("left out 1 rows whose KV cache does not fit in memory")


def test_several_backends_are_not_mixed(tmp_path: Path) -> None:
    path = written(tmp_path, row("decode", 19.5), row("decode", 20.0, version="0.14.0"))
    with pytest.raises(InputError, match="several backends on h200_sxm; keep one's rows"):
        read_measurements(path)


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, row("decode", 19.5), row("decode", 9.0).replace("32B", "8B"))
    with pytest.raises(InputError, match="holds Qwen/Qwen3-32B, Qwen/Qwen3-8B; name one: --model"):
        read_measurements(path)
    reading = read_measurements(path, given=Given(model="Qwen/Qwen3-8B"))
    assert [point.latency_ms for point in reading.points] == [9.0]


def test_every_fault_has_its_line(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        row("decode", 19.5).replace("h200_sxm", "h9000"),
        row("encode", 1.0),
        row("decode", 0.0),
        row("decode", 1.0, "perhaps"),
    )
    with pytest.raises(InputError) as raised:
        read_measurements(path)
    where = {(problem.line, problem.path) for problem in raised.value.problems}
    assert where >= {(2, "system"), (3, "phase"), (4, "tpot_ms"), (5, "kv_cache_warning")}


@needs_data
def test_the_published_estimates() -> None:
    """224 rows, 25 of which do not fit in memory."""
    reading = read_measurements(DATA / "perf" / "aiconfigurator_modelled_pd_qwen3-32b.csv")
    assert len(reading.points) == 199
    assert "left out 25 rows" in reading.notes[0]
    assert {point.source for point in reading.points} == {SourceKind.MODELLED}
