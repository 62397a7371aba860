"""Study files, and what `--vary` says."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.studies.case import Value, Variation
from heteroplan.studies.study import Study, expanded, read_study, variation


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


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a=1,2,3", (1, 2, 3)),
        ("a=1,1.5,2e1", (1, 1.5, 20.0)),
        ("a=6..9", (6, 7, 8, 9)),
        ("a=2..8/3", (2, 5, 8)),
        ("a=2..7/3", (2, 5)),
        ("a=1..1.4/0.1", (1.0, 1.1, 1.2, 1.3, 1.4)),
        ("a=0.5..2/0.5", (0.5, 1.0, 1.5, 2.0)),
        ("a=-2..0", (-2, -1, 0)),
        ("a=1..2,5", (1, 2, 5)),
        ("a=true,false", (True, False)),
        ("a=,b", None),
        ("a=15min,1h", ("15min", "1h")),
        ("a=2026-11-23,2026-11-24", ("2026-11-23", "2026-11-24")),
        ("a='1','2'", ("1", "2")),
        ("a=[x, y],[z]", (["x", "y"], ["z"])),
        ("a={b: 1, c: 2},{b: 3}", ({"b": 1, "c": 2}, {"b": 3})),
        ("a=*0.9,*1.1", ("*0.9", "*1.1")),
        ("a=../x.csv,y..z", ("../x.csv", "y..z")),
        ("a=none", ("none",)),
        ("a=null,1", (None, 1)),
    ],
)
def test_values_are_yaml_and_ranges_have_both_ends(
    text: str, values: tuple[Value, ...] | None
) -> None:
    if values is None:
        with pytest.raises(ValueError, match="missing between two commas"):
            variation(text)
    else:
        assert variation(text) == Variation("a", values)
        assert [type(each) for each in variation(text).values] == [type(each) for each in values]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "'a' is not PATH=VALUE,VALUE,...; write for example demand=1,1.2,1.5"),
        ("=1,2", "'=1,2' is not PATH=VALUE"),
        ("a=", "'a=' is not PATH=VALUE"),
        ("a=1..x", "'1..x': not a range; write 6..12 or 1..2/0.25"),
        ("a=3..1", "'3..1': the low end is above the high end; swap them"),
        ("a=1..2.5", None),
        ("a=0.5..2", "'0.5..2': say in which steps, such as 0.5..2/0.1"),
        ("a=1..2/0", "'1..2/0': a range has numbers as its ends and a step above 0"),
        ("a=1..2/-1", "'1..2/-1': a range has numbers as its ends and a step above 0"),
        ("a=1..1000000", "'1..1000000' has more than 10,000 values; use a wider step"),
        ("a=1..nan/2", "'1..nan/2': a range has numbers"),
        ("a=1,2,1", "a has the value 1 twice; keep one of them"),
        ("a=1,1.0", "a has the value 1.0 twice; keep one of them"),
        ("a=[1", "not YAML"),
    ],
)
def test_what_is_no_variation_is_said_with_a_remedy(text: str, message: str | None) -> None:
    if message is None:
        assert variation(text).values == (1, 2)
        return
    with pytest.raises(ValueError, match=r".") as caught:
        variation(text)
    assert message in str(caught.value)


def test_true_is_not_one() -> None:
    assert variation("a=1,true").values == (1, True)


@given(st.integers(-1000, 1000), st.integers(1, 400), st.integers(1, 60))
def test_a_range_in_hundredths_has_the_numbers_that_are_written(
    first: int, step: int, count: int
) -> None:
    """Hundredths as decimal text: no 0.30000000000000004."""
    low, high = first / 100, (first + step * (count - 1)) / 100
    found = expanded(f"{low}..{high}/{step / 100}")
    assert found == [(first + step * i) / 100 for i in range(count)]


@given(
    st.lists(
        st.one_of(st.booleans(), st.integers(-(10**9), 10**9), st.floats(-1e9, 1e9)),
        min_size=1,
        unique_by=lambda value: json.dumps(float(value)),
    )
)
def test_values_written_as_json_are_read_as_they_were(values: list[Value]) -> None:
    text = ",".join(json.dumps(value) for value in values)
    assert variation(f"a={text}").values == tuple(values)
