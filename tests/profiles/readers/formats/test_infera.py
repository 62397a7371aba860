"""AMD Infera's profile.json."""

import json
from pathlib import Path
from typing import Any

import pytest

from heteroplan.entities.workload import Role
from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements

PROFILE: dict[str, Any] = {
    "prefill": {"isl": [128, 1024], "ttft_ms": [20.0, 90.0], "thpt_per_gpu": [1.0, 2.0]},
    "decode": {
        "kv_usage": [0.1, 0.5, 0.9],
        "context_length": [500, 1000],
        "itl_ms": [[10.0, 11.0], [20.0, None], [30.0, 33.0]],
        "thpt_per_gpu": [[250.0, 114.0], [625.0, None], [750.0, 341.0]],
        "max_kv_tokens": 50_000,
    },
    "prefill_engine_num_gpu": 2,
    "decode_engine_num_gpu": 4,
}


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "profile.json"
    path.write_text(json.dumps(PROFILE | changes))
    return path


def test_rows_are_kv_usage_and_columns_context(tmp_path: Path) -> None:
    """10 % of 50,000 tokens are 10 sequences of 500; nothing was measured at null."""
    reading = read_measurements(written(tmp_path), given=Given("MI300X"))
    prefill = [point for point in reading.points if point.phase is Role.PREFILL]
    decode = {(p.batch, p.context): p.latency_ms for p in reading.points if p.phase is Role.DECODE}
    assert prefill[1] == Measurement("MI300X", 2, Role.PREFILL, 1.0, 1024.0, 0.0, 90.0)
    assert decode == {
        (10.0, 500.0): 10.0,
        (5.0, 1000.0): 11.0,
        (50.0, 500.0): 20.0,
        (90.0, 500.0): 30.0,
        (45.0, 1000.0): 33.0,
    }
    assert reading.kv_tokens == {("MI300X", 4): 50_000}


def test_sequences_that_wait_are_not_in_flight(tmp_path: Path) -> None:
    """4 x 375 tokens/s at 30 ms are 45 sequences, half of the 90 that fill the cache."""
    rates = [[250.0, 114.0], [625.0, None], [375.0, 341.0]]
    decode = PROFILE["decode"] | {"thpt_per_gpu": rates}
    reading = read_measurements(written(tmp_path, decode=decode), given=Given("G"))
    assert 90.0 not in {point.batch for point in reading.points}
    assert len(reading.notes) == 1


def test_the_gpu_type_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give --gpu"):
        read_measurements(written(tmp_path))


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    decode = PROFILE["decode"] | {"max_kv_tokens": 0, "context_length": [500, "x"]}
    with pytest.raises(InputError) as raised:
        read_measurements(written(tmp_path, decode=decode), given=Given("G"))
    assert [problem.path for problem in raised.value.problems] == [
        "decode.context_length.1",
        "decode.max_kv_tokens",
    ]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"prefill": {"isl": [1, 2], "ttft_ms": [1.0]}}, "prefill.ttft_ms"),
        ({"decode": PROFILE["decode"] | {"itl_ms": [[1.0]] * 3}}, "decode.itl_ms"),
        ({"decode": PROFILE["decode"] | {"itl_ms": [[1.0, 1.0]]}}, "decode.itl_ms"),
        ({"decode": PROFILE["decode"] | {"thpt_per_gpu": [[1.0]]}}, "decode.thpt_per_gpu"),
    ],
)
def test_a_grid_that_does_not_match_is_refused(
    tmp_path: Path, changes: dict[str, Any], path: str
) -> None:
    with pytest.raises(InputError) as raised:
        read_measurements(written(tmp_path, **changes), given=Given("G"))
    assert [problem.path for problem in raised.value.problems] == [path]
