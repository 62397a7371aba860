"""Helix's times of a layer."""

import re
from pathlib import Path

import pytest

from heteroplan.entities.workload import Role
from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.file_measurements import Given
from heteroplan.profiles.readers.read import read_measurements
from tests.realdata import DATA, needs_data

GIVEN = Given(layers=80, context=1000.0)
HEADER = "machine,phase,batch_tokens,time_ms_per_layer\n"


def written(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "bs2time.csv"
    path.write_text(header + "".join(f"{row}\n" for row in rows))
    return path


def test_times_are_of_all_layers(tmp_path: Path) -> None:
    """80 layers: 2 ms are 160 and 1.5 are 120; a decode batch has one token a sequence."""
    path = written(tmp_path, "a100,prompt,250,2.0", "l4x2,decode,8,1.5")
    reading = read_measurements(path, given=GIVEN)
    assert reading.points == (
        Measurement("A100-40GB", 1, Role.PREFILL, 1.0, 250.0, 0.0, 160.0),
        Measurement("L4-24GB", 2, Role.DECODE, 8.0, 1.0, 1000.0, 120.0),
    )
    (note,) = reading.notes
    assert "a replica is assumed to run 80 layers" in note


@pytest.mark.parametrize("origin", ["0,0.0", "0,0", "0.0,0.00"])
def test_the_origin_was_not_measured(tmp_path: Path, origin: str) -> None:
    path = written(tmp_path, f"t4,prompt,{origin}", f"t4,decode,{origin}", "t4,decode,1,1.0")
    assert [point.batch for point in read_measurements(path, given=GIVEN).points] == [1.0]


@pytest.mark.parametrize(
    ("given", "remedies"),
    [
        (Given(), ["give --context-tokens", "give the number of layers with --layers"]),
        (Given(context=1.0), ["give the number of layers with --layers"]),
        (Given(layers=80), ["give --context-tokens"]),
    ],
)
def test_layers_and_context_are_asked_for(
    tmp_path: Path, given: Given, remedies: list[str]
) -> None:
    with pytest.raises(InputError) as raised:
        read_measurements(written(tmp_path, "t4,decode,1,1.0"), given=given)
    found = [each.remedy for each in raised.value.problems]
    assert len(found) == len(remedies)
    assert all(remedy in each for remedy, each in zip(remedies, found, strict=True))


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("h100,prompt,250,2.0", "3: machine: h100: must be one of a100, v100, l4, l4x2, t4"),
        (",prompt,250,2.0", "3: machine: must be one of a100"),
        ("a100,prefill,250,2.0", "3: phase: prefill: must be one of prompt, decode"),
        ("a100,prompt,0,2.0", "3: batch_tokens: 0: must be a finite number above 0"),
        ("a100,prompt,250,0.0", "3: time_ms_per_layer: 0.0: must be a finite number above 0"),
        ("a100,prompt,-1,2.0", "3: batch_tokens: -1: must be a finite number above 0"),
        ("a100,prompt,nan,2.0", "3: batch_tokens: nan: not a number"),
        ("a100,prompt,250,1e400", "3: time_ms_per_layer: 1e400: too large"),
        ("a100,prompt,250,1e13", "3: time_ms_per_layer: 1e13: is not between"),
        ("a100,prompt,,2.0", "3: batch_tokens: not a number"),
        ("a100,prompt,many,2.0", "3: batch_tokens: many: not a number"),
        ("a100,prompt,250", "3: a100,prompt,250: 3 cells; the header has 4 columns"),
    ],
)
def test_faults_are_named(tmp_path: Path, row: str, problem: str) -> None:
    path = written(tmp_path, "a100,prompt,250,2.0", row)
    with pytest.raises(InputError, match=re.escape(f"{path}:{problem}")):
        read_measurements(path, given=GIVEN)


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, "a100,prompt,1", header="machine,phase,batch_tokens\n")
    with pytest.raises(InputError, match="1: time_ms_per_layer: column is missing"):
        read_measurements(path, given=GIVEN)


def test_of_several_models_one_is_named(tmp_path: Path) -> None:
    rows = ["a,t4,decode,1,1.0", "b,t4,decode,1,2.0"]
    path = written(tmp_path, *rows, header=f"model,{HEADER}")
    with pytest.raises(InputError, match="holds a, b; name one: --model"):
        read_measurements(path, given=GIVEN)
    reading = read_measurements(path, given=Given(model="b", layers=80, context=1000.0))
    assert [point.latency_ms for point in reading.points] == [160.0]
    assert reading.model == "b"


@needs_data
def test_the_published_table() -> None:
    """636 rows of 7 machines, of which each has an origin of both phases."""
    reading = read_measurements(DATA / "perf" / "helix_llama2_70b_bs2time.csv", given=GIVEN)
    assert len(reading.points) == 636 - 2 * 7
    assert len(reading.engines) == 2 * 7
    assert reading.points[0].latency_ms == 160.0
    assert reading.model == "llama2_70b"
