"""The generator of the scale family: seeded, valid, and as full as it says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from heteroplan.inputs import load
from tests.benchmarks.scale_cases import FILL, MEAN_RPS, ROOM, Peak, Shape, main, make, write

SMALL = Shape(workloads=4, spines=3, types=3, gpus=2000, seed=11, intervals=24)
LARGE = Shape(workloads=50, spines=8, types=4, gpus=20000, seed=12)


def texts(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): file.read_text(encoding="utf-8") for file in files}


def test_a_seed_gives_the_same_files(tmp_path: Path) -> None:
    first = texts(write(make(SMALL), tmp_path / "first"))
    assert first == texts(write(make(SMALL), tmp_path / "second"))
    assert first != texts(write(make(replace(SMALL, seed=12)), tmp_path / "third"))


@pytest.mark.parametrize(
    "shape",
    [SMALL, Shape(1, 1, 1, 100, seed=1, intervals=24), Shape(3, 2, 5, 5000, seed=2, intervals=288)],
    ids=["small", "one of each", "288 intervals"],
)
def test_a_folder_loads_and_every_workload_has_a_home(shape: Shape, tmp_path: Path) -> None:
    made = load(str(write(make(shape), tmp_path)))
    assert len(made.scenario.workloads) == shape.workloads
    assert made.scenario.horizon.intervals == shape.intervals
    leaves = made.scenario.fleet.network.leaves
    assert len(leaves) == shape.spines
    for load_ in made.scenario.workloads:
        mine = [each for each in made.candidates if each.workload == load_.name]
        assert all(each.usable for each in mine)
        assert any(
            {each.engine.role for each in mine if leaf.nodes.get(each.node_type)}
            >= {"prefill", "decode"}
            for leaf in leaves
        )


def test_a_case_has_the_gpus_asked_for_and_sizes_of_the_family() -> None:
    case = make(LARGE)
    assert 8 * case.nodes.sum() == pytest.approx(LARGE.gpus, rel=0.01)
    assert set(np.unique(case.gpus)) <= {0, 1, 2, 4, 8}
    assert ((case.gpus > 0).sum(axis=2) >= 2).all()
    assert (case.nodes > 0).any(axis=0).all()
    assert np.median(case.rps.mean(axis=1)) == pytest.approx(MEAN_RPS, rel=0.4)


@pytest.mark.parametrize("shape", [SMALL, LARGE], ids=["small", "large"])
def test_the_busiest_interval_takes_the_fill_or_leaves_the_room(shape: Shape) -> None:
    peak = Peak(make(shape))
    assert peak.most() >= ROOM - 1e-6
    full = peak.taken(1.0) == pytest.approx(FILL, abs=0.01)
    assert full or peak.most() == pytest.approx(ROOM, abs=1e-6)


def test_the_command_writes_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = ("--workloads=2", "--spines=2", "--types=2", "--gpus=800", "--intervals=24", "--seed=3")
    main([*sizes, "--out", str(tmp_path / "made")])
    assert capsys.readouterr().out.strip() == str(tmp_path / "made")
    assert {"scenario.yaml", "fleet.yaml"} < set(texts(tmp_path / "made"))


def test_the_command_asks_for_whole_minutes(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--intervals", "7", "--seed", "1", "--out", str(tmp_path)])
