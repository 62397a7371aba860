"""The scenarios of the benchmark: the same twice, and each of them can be loaded."""

from pathlib import Path

from heteroplan import inputs
from tests.benchmarks.check_jobs import LEAST, MOST, scenarios


def test_scenarios_are_the_same_twice_and_differ_in_demand(tmp_path: Path) -> None:
    peaks = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        loaded = [inputs.load(str(each)).scenario for each in scenarios(folder, 3)]
        peaks.append([max(each.rps for each in of.workloads[0].demand) for of in loaded])
    assert peaks[0] == peaks[1]
    assert len(set(peaks[0])) == 3
    assert max(peaks[0]) / min(peaks[0]) <= MOST / LEAST
