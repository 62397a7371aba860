"""Study files."""

from pathlib import Path

import pytest

from heteroplan.errors import InputError
from heteroplan.studies.case import Variation
from heteroplan.studies.study import Study, read_study


def read(folder: Path, text: str) -> Study:
    file = folder / "study.yaml"
    file.write_text(text, encoding="utf-8")
    return read_study(str(file))


def test_a_file_says_what_is_varied_and_how_cases_are_planned(tmp_path: Path) -> None:
    study = read(
        tmp_path,
        """
name: next year
set: {horizon.interval: 1h}
vary:
  demand: [1, 1.2]
  fleet.l1.h100x8: 6..8
  slo.ttft_ms: [500, 1000..2000/500]
cases:
  as it is: {}
  dear: {fleet.node_types.h100x8.usd_per_gpu_hour: "*2"}
interval: 30min
gap: 2%
steps: 5
""",
    )
    assert study == Study(
        name="next year",
        fixed=(("horizon.interval", "1h"),),
        variations=(
            Variation("demand", (1, 1.2)),
            Variation("fleet.l1.h100x8", (6, 7, 8)),
            Variation("slo.ttft_ms", (500, 1000, 1500, 2000)),
        ),
        named={
            "as it is": (),
            "dear": (("fleet.node_types.h100x8.usd_per_gpu_hour", "*2"),),
        },
        interval="30min",
        gap=0.02,
        steps=5,
    )
    assert len(study.cases()) == 2 * 2 * 3 * 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: x", "nothing is varied; give vary or cases"),
        ("vary: {a: 1}", "vary.a: 1: not"),
        ("vary: {a: x}", "vary.a: x: neither a list nor a range; write [1, 1.2] or 6..12"),
        ("vary: {a: []}", "neither a list nor a range"),
        ("vary: {a: 3..1}", "vary.a: 3..1: '3..1': the low end is above the high end; swap them"),
        ("vary: {a: [1, 1]}", "a has the value 1 twice; keep one of them"),
        ("vary: {a: [1]}\ncases: {x: {a: 2}}", "a is set twice in x; keep one of them"),
        ("vary: {a: [1]}\ngap: 2", "gap: 2: must be at most 1"),
        ("vary: {a: [1]}\nvaries: {}", "varies"),
    ],
)
def test_what_a_file_cannot_say_is_a_problem_with_its_field(
    tmp_path: Path, text: str, problem: str
) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert problem in str(caught.value)
    assert "study.yaml" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_study(str(tmp_path / "none.yaml"))
