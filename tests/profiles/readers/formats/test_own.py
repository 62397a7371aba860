from pathlib import Path

import pytest

from heteroplan.entities.workload import Role, SourceKind
from heteroplan.errors import InputError
from heteroplan.profiles.measurement import Measurement
from heteroplan.profiles.readers.read import read_measurements

HEADER = "gpu,gpus,phase,batch,tokens,context,latency_ms,source\n"


def written(folder: Path, rows: str, header: str = HEADER) -> Path:
    path = folder / "m.csv"
    path.write_text(header + rows)
    return path


def test_both_phases(tmp_path: Path) -> None:
    rows = "H100,4,prefill,2,512,,61.5,measured\nH100,4,decode,8,,1024,31.2,modelled\n"
    assert read_measurements(written(tmp_path, rows)).points == (
        Measurement("H100", 4, Role.PREFILL, 2.0, 512.0, 0.0, 61.5, SourceKind.MEASURED),
        Measurement("H100", 4, Role.DECODE, 8.0, 1.0, 1024.0, 31.2, SourceKind.MODELLED),
    )


def test_every_problem_at_once(tmp_path: Path) -> None:
    rows = (
        "H100,4,prefill,1,512,,nan,measured\n"
        "H100,4,prefill,1,512,,-1,measured\n"
        "H100,4,prefill,1,512,,0,\n"
        "H100,4,decode,1,,,30,guessed\n"
        ",four,training,x,512,,1_0,\n"
        "H100,4\n"
    )
    path = written(tmp_path, rows)
    with pytest.raises(InputError) as raised:
        read_measurements(path)
    above = "must be a finite number above 0"
    assert [str(problem) for problem in raised.value.problems] == [
        f"{path}:2: latency_ms: nan: not a number",
        f"{path}:3: latency_ms: -1: {above}",
        f"{path}:4: latency_ms: 0: {above}",
        f"{path}:5: context: not a number",
        f"{path}:5: source: guessed: must be one of measured, modelled",
        f"{path}:6: batch: x: not a number",
        f"{path}:6: gpu: GPU type is missing",
        f"{path}:6: gpus: four: must be a whole number above 0",
        f"{path}:6: latency_ms: 1_0: not a number",
        f"{path}:6: phase: training: must be one of prefill, decode",
        f"{path}:7: H100,4: 2 cells; the header has 8 columns",
    ]


def test_columns_are_checked_by_name(tmp_path: Path) -> None:
    header = "gpu,gpus,phase,batch,tokens,context,latency,gpu\n"
    with pytest.raises(InputError) as raised:
        read_measurements(written(tmp_path, "", header), "heteroplan")
    assert [(p.path, p.remedy.split(";")[0]) for p in raised.value.problems] == [
        ("", "has no rows"),
        ("gpu", "column appears twice"),
        ("latency", "unknown column"),
        ("latency_ms", "column is missing"),
        ("source", "column is missing"),
    ]
