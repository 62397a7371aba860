from pathlib import Path

import pytest

from heteroplan.entities.workload import Role
from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.realdata import DATA, needs_data

HEADER = (
    "model,hardware,prompt_size,batch_size,token_size,peak_power,average_power,"
    "prompt_time,token_time,e2e_time,tensor_parallel\n"
)


def row(hardware: str, batch: int, prompt_ms: float, token_ms: float = 30.0) -> str:
    return f"llama2-70b,{hardware},512,{batch},128,0,0,{prompt_ms},{token_ms},0,2\n"


def test_a_row_is_a_prefill_and_a_decode_measurement(tmp_path: Path) -> None:
    """Decode context halfway through 128 tokens after 512: 512 + 64 = 576."""
    path = tmp_path / "perf.csv"
    path.write_text(HEADER + row("a100-80gb", 4, 845.5, 60.5))
    assert read_measurements(path).points == (
        Measurement("A100-SXM-80GB", 2, Role.PREFILL, 4.0, 512.0, 0.0, 845.5),
        Measurement("A100-SXM-80GB", 2, Role.DECODE, 4.0, 1.0, 576.0, 60.5),
    )


def test_what_was_not_measured_is_left_out_with_a_note(tmp_path: Path) -> None:
    """Batch 8 in less time than batch 4 cannot have been one batch; a repeat adds nothing."""
    path = tmp_path / "perf.csv"
    rows = [
        row("h100-80gb", 4, 300.0),
        row("h100-80gb", 4, 300.0),
        row("h100-80gb", 8, 150.0),
        row("h100-80gb-pcap", 4, 390.0),
    ]
    path.write_text(HEADER + "".join(rows))
    reading = read_measurements(path)
    assert [point.latency_ms for point in reading.points] == [300.0, 30.0]
    assert reading.notes == (
        "left out 1 rows of power-capped hardware, computed upstream and not measured",
        "left out 1 rows that repeat another one exactly",
        "left out 1 rows in which a larger batch takes less time than a smaller one, so that it "
        "cannot have run as one batch",
    )


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "perf.csv"
    path.write_text(HEADER + row("a100-80gb", 1, 1.0) + row("b200", 1, 1.0).replace("70b", "7b"))
    with pytest.raises(InputError, match="holds llama2-70b, llama2-7b; name one: --model"):
        read_measurements(path)
    assert {
        point.gpu for point in read_measurements(path, given=Given(model="llama2-70b")).points
    } == {"A100-SXM-80GB"}
    with pytest.raises(InputError, match="3: hardware: b200: must be one of a100-80gb, h100-80gb"):
        read_measurements(path, given=Given(model="llama2-7b"))


@needs_data
def test_the_published_table() -> None:
    """945 rows, of which 315 are power-capped; batch 64 at tp 2 is broken in 10 rows."""
    reading = read_measurements(DATA / "perf" / "splitwise_sim_perf_model_llama2-70b.csv")
    repeats = int(reading.notes[1].split()[2])
    assert len(reading.points) == 2 * (945 - 315 - 10 - repeats)
    assert {(p.gpu, p.gpus) for p in reading.points} == {
        (gpu, gpus) for gpu in ("A100-SXM-80GB", "H100-SXM-80GB") for gpus in (2, 4, 8)
    }
    assert not [p for p in reading.points if p.gpus == 2 and p.batch == 64]
