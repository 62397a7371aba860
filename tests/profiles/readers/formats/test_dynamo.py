"""Dynamo's profiler: .npz, JSON and CSV say the same."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers import read
from heteroplan.profiles.readers.reading import Given
from tests.realdata import DATA, needs_data

H200, FOUR = Given("H200-SXM-141GB", 1), Given("G", 4)
DECODE: dict[str, list[float]] = {
    "x_kv_usage": [0.001, 0.5],
    "y_context_length": [100.0, 1000.0],
    "z_itl": [4.0, 25.0],
    "z_thpt_per_gpu": [62.5, 500.0],
    "max_kv_tokens": [100_000],
}
"""On 4 GPUs: 1 sequence makes 250 tokens/s at 4 ms, 50 make 2,000 at 25 ms."""


def written(folder: Path, arrays: dict[str, list[float]], suffix: str = ".npz") -> Path:
    path = folder / f"raw_data{suffix}"
    if suffix == ".npz":
        columns: dict[str, Any] = {name: np.array(values) for name, values in arrays.items()}
        np.savez(path, **columns)
    else:
        path.write_text(json.dumps(arrays))
    return path


@pytest.mark.parametrize("suffix", [".npz", ".json"])
def test_sequences_in_flight_fill_the_share_of_the_cache(tmp_path: Path, suffix: str) -> None:
    """0.1 % of 100,000 tokens is one sequence of 100; half of them are 50 of 1,000."""
    reading = read(written(tmp_path, DECODE, suffix), given=FOUR)
    assert reading.points == (
        Measurement("G", 4, Role.DECODE, 1.0, 1.0, 100.0, 4.0),
        Measurement("G", 4, Role.DECODE, 50.0, 1.0, 1000.0, 25.0),
    )
    assert reading.kv_tokens == {("G", 4): 100_000}


def test_prefill_is_one_prompt(tmp_path: Path) -> None:
    arrays: dict[str, list[float]] = {
        "prefill_isl": [100, 2000],
        "prefill_ttft": [20.0, 50.0],
    }
    path = written(tmp_path, arrays | {"prefill_thpt_per_gpu": [2500.0, 20000.0]})
    assert read(path, given=Given("G", 2)).points == (
        Measurement("G", 2, Role.PREFILL, 1.0, 100.0, 0.0, 20.0),
        Measurement("G", 2, Role.PREFILL, 1.0, 2000.0, 0.0, 50.0),
    )


@pytest.mark.parametrize(
    ("given", "options"),
    [
        (Given(), "give --gpu (its GPU type) and --tp (its GPUs)"),
        (Given(gpus=1), "give --gpu (its GPU type)"),
        (Given(gpu="G"), "give --tp (its GPUs)"),
    ],
)
def test_what_the_file_does_not_say_is_asked_for(
    tmp_path: Path, given: Given, options: str
) -> None:
    with pytest.raises(InputError, match=re.escape(options)):
        read(written(tmp_path, DECODE), given=given)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"z_itl": [4.0]}, "must all be of one length"),
        ({"z_itl": [4.0, 0.0]}, r"z_itl\[1\]: 0.0: must be a finite number above 0"),
        ({"z_itl": [float("nan"), 1.0]}, r"z_itl\[0\]: nan: must be a finite"),
        ({"max_kv_tokens": [1.0, 2.0]}, "must be there and one whole number"),
        ({"max_kv_tokens": [0.5]}, "must be there and one whole number"),
        ({"max_kv_tokens": []}, "must be there and one whole number"),
        ({"x_kv_usage": [0.1, 50.0]}, r"x_kv_usage\[1\]: 50: must be a share up to 1; 1 % is 0.01"),
        ({"y_context_length": None}, "y_context_length: is missing"),
    ],
)
def test_faults_are_named(tmp_path: Path, change: dict[str, Any], problem: str) -> None:
    arrays = {name: values for name, values in (DECODE | change).items() if values is not None}
    with pytest.raises(InputError, match=problem):
        read(written(tmp_path, arrays), given=FOUR)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    path = written(tmp_path, DECODE | {"z_itl": [0.0, 1.0], "max_kv_tokens": [1.0, 2.0]})
    with pytest.raises(InputError) as raised:
        read(path)
    assert [problem.path for problem in raised.value.problems] == ["", "max_kv_tokens", "z_itl[0]"]


def test_sequences_that_wait_are_not_in_flight(tmp_path: Path) -> None:
    """1,000 tokens/s at 25 ms are 25 sequences; the cache would hold 50, so half were queued."""
    reading = read(written(tmp_path, DECODE | {"z_thpt_per_gpu": [62.5, 250.0]}), given=FOUR)
    assert [point.batch for point in reading.points] == [1.0]
    (note,) = reading.notes
    assert note.startswith("left out 1 decode points")


@pytest.mark.parametrize("gpus", [1, 2, 8])
def test_gpus_that_throughput_disproves_are_refused(tmp_path: Path, gpus: int) -> None:
    with pytest.raises(InputError, match=f"the engine had 4 in all; --tp says {gpus}"):
        read(written(tmp_path, DECODE), given=Given("G", gpus))


def test_pickled_objects_are_refused(tmp_path: Path) -> None:
    """Unpickling would run whatever the file says."""
    path = tmp_path / "evil.npz"
    np.savez(path, z_itl=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match=r"is no \.npz file of plain numbers"):
        read(path, given=H200)


@needs_data
@pytest.mark.parametrize(("phase", "points"), [("prefill", 17), ("decode", 38)])
def test_the_published_profile_is_the_same_in_both_forms(phase: str, points: int) -> None:
    """Scattered points, 945,029 KV tokens, the first decode point one sequence.

    Three of 41 decode points are of sequences most of which waited: 1,573 would fill the cache,
    808 ran.
    """
    base = DATA / "perf" / f"dynamo_H200_TP1P_TP1D_{phase}"
    arrays = read(base.with_name(f"{base.name}_raw_data.npz"), given=H200)
    table = read(base.with_name(f"{base.name}.csv"), given=H200)
    assert arrays.points == table.points
    assert len(arrays.points) == points
    if phase == "decode":
        assert arrays.kv_tokens == {("H200-SXM-141GB", 1): 945_029}
        assert arrays.points[0].batch == pytest.approx(1.0)
        grid = {(point.batch, point.context) for point in arrays.points}
        assert len({b for b, _ in grid}) * len({c for _, c in grid}) > len(grid)
