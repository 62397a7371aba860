"""DistServe's coefficients."""

import json
from pathlib import Path

import pytest

from heteroplan.entities.workload import DecodeCoefficients, PrefillCoefficients, Role, SourceKind
from heteroplan.errors import InputError
from heteroplan.profiles.fitting.fit import fit
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.realdata import DATA, needs_data

ENGINE = {
    "prefill": [10.0, 0.1, 1e-5],
    "decoding_smallbs": [20.0, 1e-3, 0.05],
    "decoding_largebs": [20.0, 1e-3, 0.05],
    "decoding_large_small_bs_threshold": 95,
}


def written(folder: Path, content: object) -> Path:
    path = folder / "profile.json"
    path.write_text(json.dumps(content))
    return path


def test_a_fit_gives_the_coefficients_back(tmp_path: Path) -> None:
    """Decode is a + b * sum of contexts + c * batch: b is ours a context token, c a sequence."""
    reading = read_measurements(written(tmp_path, {"m": {"2": ENGINE}}), given=Given("G"))
    assert {(point.gpu, point.gpus, point.source) for point in reading.points} == {
        ("G", 2, SourceKind.MODELLED)
    }
    for phase, wanted in (
        (Role.PREFILL, PrefillCoefficients(10.0, 0.1, 1e-5)),
        (Role.DECODE, DecodeCoefficients(20.0, 0.05, 1e-3)),
    ):
        found = fit([point for point in reading.points if point.phase is phase])
        assert found.kind is SourceKind.MODELLED
        for name in wanted.__slots__:
            mine, theirs = getattr(found.coefficients, name), getattr(wanted, name)
            assert mine == pytest.approx(theirs, rel=1e-6)


def test_large_batches_have_their_own_coefficients(tmp_path: Path) -> None:
    other = ENGINE | {"decoding_largebs": [100.0, 0.0, 0.0]}
    points = read_measurements(written(tmp_path, {"m": {"1": other}}), given=Given("G")).points
    at = {p.batch: p.latency_ms for p in points if p.phase is Role.DECODE and p.context == 1024.0}
    assert at[64.0] == pytest.approx(20.0 + 1e-3 * 64 * 1024 + 0.05 * 64)
    assert at[128.0] == 100.0


def test_one_of_several_models_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, {"a": {"1": ENGINE}, "b": {"2": ENGINE}})
    with pytest.raises(InputError, match="holds a, b; name one: --model"):
        read_measurements(path, given=Given("G"))
    assert {
        point.gpus for point in read_measurements(path, given=Given("G", model="b")).points
    } == {2}


def test_coefficients_that_cannot_be_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, {"m": {"1": ENGINE | {"prefill": [-1e6, 0.0, 0.0]}}})
    with pytest.raises(InputError, match="latencies of 0 ms and less"):
        read_measurements(path, given=Given("G"))


@pytest.mark.parametrize(
    "engine",
    [
        ENGINE | {"prefill": [1.0, 2.0]},
        ENGINE | {"prefill": ["1", True, 2.0]},
        ENGINE | {"prefill": [1e308, 1.0, 1.0]},
        ENGINE | {"decoding_large_small_bs_threshold": True},
    ],
)
def test_what_is_no_coefficient_is_refused(tmp_path: Path, engine: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"m\.1"):
        read_measurements(written(tmp_path, {"m": {"1": engine}}), given=Given("G"))


def test_sizes_stand_there_once(tmp_path: Path) -> None:
    path = written(tmp_path, {"m": {"1": ENGINE, "01": ENGINE}})
    with pytest.raises(InputError, match=r"m\.01"):
        read_measurements(path, given=Given("G"))


@needs_data
def test_the_published_file_is_read() -> None:
    path = DATA / "perf" / "distserve_profiler-a100-80g.distserve.json"
    reading = read_measurements(path, given=Given("A100-SXM-80GB", model="facebook/opt-13b"))
    assert {point.gpus for point in reading.points} == {1, 2, 4}
    assert "no measurements" in reading.notes[0]
