"""What `--vary` says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.studies.case import Value, Variation
from heteroplan.studies.variations import expanded, variation


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
