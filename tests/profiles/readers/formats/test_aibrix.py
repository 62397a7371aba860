"""AIBrix's GPU-optimizer profile."""

import json
from pathlib import Path
from typing import Any

import pytest

from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Rated
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.realdata import DATA, needs_data

GIVEN = Given("G", 1)
PROFILE: dict[str, Any] = {
    "gpu": "llama2-7b-a100",
    "cost": 1.0,
    "tputs": [[60.0, 30.0, 15.0], [5.0, 2.5, 0.0]],
    "indexes": [[4, 512], [128, 256, 512]],
    "created": 1748888478.25,
    "e2e": [[0.1, 0.2, 0.3], [1.0, 2.0, 9.0]],
    "slos": {"percentile": 99, "e2e": 5.0},
}
"""Two output lengths by three input lengths; the longest misses the SLO."""


def written(folder: Path, **changes: Any) -> Path:
    path = folder / "profile.json"
    path.write_text(json.dumps(PROFILE | changes))
    return path


def test_rows_are_output_lengths_and_columns_input_lengths(tmp_path: Path) -> None:
    reading = read_measurements(written(tmp_path), given=GIVEN)
    assert reading.rated == (
        Rated("G", 1, isl=128.0, osl=4.0, capacity_rps=60.0),
        Rated("G", 1, isl=256.0, osl=4.0, capacity_rps=30.0),
        Rated("G", 1, isl=512.0, osl=4.0, capacity_rps=15.0),
        Rated("G", 1, isl=128.0, osl=512.0, capacity_rps=5.0),
        Rated("G", 1, isl=256.0, osl=512.0, capacity_rps=2.5),
        Rated("G", 1, isl=512.0, osl=512.0, capacity_rps=0.0),
    )
    assert not reading.runs
    assert not reading.points


def test_its_slo_and_what_misses_it_are_told(tmp_path: Path) -> None:
    path = written(tmp_path)
    assert read_measurements(path, given=GIVEN).notes == (
        f"{path} is rated at its own SLO, not yours: percentile 99, e2e 5 (s)",
        f"1 request shapes of {path} miss that SLO at any rate",
    )


@pytest.mark.parametrize("slos", [{}, {"e2e": None}])
def test_an_slo_that_is_not_stated_is_told(tmp_path: Path, slos: dict[str, None]) -> None:
    assert (
        "not yours: not stated"
        in read_measurements(written(tmp_path, slos=slos), given=GIVEN).notes[0]
    )


def test_the_engine_is_asked_for(tmp_path: Path) -> None:
    """Its `gpu` names a deployment."""
    with pytest.raises(InputError, match=r"give --gpu \(its GPU type\) and --tp \(its GPUs\)"):
        read_measurements(written(tmp_path))


@pytest.mark.parametrize(
    ("changes", "path", "value"),
    [
        ({"tputs": [[60.0, 5.0], [30.0, 2.5], [15.0, 0.0]]}, "tputs", "3 rows"),
        ({"tputs": [[60.0, 30.0, 15.0], [5.0, 2.5]]}, "tputs", "2 rows"),
        ({"tputs": [[60.0, 30.0, 15.0]]}, "tputs", "1 rows"),
        ({"tputs": []}, "tputs", "0 rows"),
        ({"tputs": [[60.0, 30.0, 15.0], [5.0, 2.5, -1.0]]}, "tputs.1.2", "-1.0"),
        ({"tputs": [[60.0, 30.0, 15.0], [5.0, 2.5, float("nan")]]}, "tputs.1.2", "NaN"),
        ({"tputs": [[60.0, 30.0, 15.0], [5.0, 2.5, "1"]]}, "tputs.1.2", '"1"'),
        ({"tputs": [[60.0, 30.0, 15.0], [5.0, 2.5, True]]}, "tputs.1.2", "true"),
        ({"tputs": [[60.0, 30.0, 15.0], [5.0, 2.5, float("inf")]]}, "tputs.1.2", "Infinity"),
        ({"tputs": [[60.0, 30.0, 15.0], None]}, "tputs.1", "null"),
        ({"indexes": [[4, 4], [128, 256, 512]]}, "indexes.0", "[4.0, 4.0]"),
        ({"indexes": [[4, 0], [128, 256, 512]]}, "indexes.0.1", "0"),
        ({"indexes": [[4, 512], [128, 256, None]]}, "indexes.1.2", "null"),
        ({"indexes": None}, "indexes", "null"),
        ({"slos": {"e2e": "fast"}}, "slos.e2e", '"fast"'),
    ],
)
def test_faults_are_named(tmp_path: Path, changes: dict[str, Any], path: str, value: str) -> None:
    file = written(tmp_path, **changes)
    with pytest.raises(InputError) as raised:
        read_measurements(file, given=GIVEN)
    (problem,) = raised.value.problems
    assert (problem.file, problem.path, problem.value) == (str(file), path, value)
    assert problem.remedy


@pytest.mark.parametrize(
    ("tputs", "indexes", "paths"),
    [
        ([], [[], []], ["indexes.0", "indexes.1"]),
        ([[], []], [[4, 512], []], ["indexes.1"]),
        ([], [[], [128]], ["indexes.0"]),
    ],
)
def test_an_empty_grid_is_refused(
    tmp_path: Path, tputs: list[Any], indexes: list[Any], paths: list[str]
) -> None:
    with pytest.raises(InputError) as raised:
        read_measurements(written(tmp_path, tputs=tputs, indexes=indexes), given=GIVEN)
    assert [each.path for each in raised.value.problems] == paths


def test_three_axes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="indexes"):
        read_measurements(written(tmp_path, indexes=[[4, 512], [128, 256, 512], [1]]), given=GIVEN)


@needs_data
def test_the_published_profile() -> None:
    """8 output by 5 input lengths; none meets 5 s at 512 out, nor 2,048 in at 256 out."""
    path = DATA / "perf" / "aibrix_simulator-llama2-7b-a100.json"
    reading = read_measurements(path, given=Given("A100-SXM-80GB", 1))
    rates = {(each.isl, each.osl): each.capacity_rps for each in reading.rated}
    assert len(reading.rated) == len(rates) == 8 * 5
    assert rates[256.0, 4.0] == pytest.approx(32.31, abs=0.01)
    assert rates[128.0, 8.0] == pytest.approx(60.32, abs=0.01)
    missed = {(2048.0, 256.0), *((isl, 512.0) for isl in (128.0, 256.0, 512.0, 1024.0, 2048.0))}
    assert {shape for shape, rate in rates.items() if not rate} == missed
