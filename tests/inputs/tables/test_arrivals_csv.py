import pytest

from heteroplan.entities.arrivals import Arrivals, ArrivalsSource, Dispersion
from heteroplan.errors import InputError
from heteroplan.inputs.tables.arrivals_csv import read_arrivals

HEAD = "scale_s,percentile,prefill,decode"


def problems(*rows: str, head: str = HEAD) -> list[str]:
    with pytest.raises(InputError) as raised:
        read_arrivals("\n".join([head, *rows]) + "\n", "a.csv")
    return [str(each) for each in raised.value.problems]


def test_rows_are_points() -> None:
    found = read_arrivals(f"{HEAD}\n1,0.95,13,5\n10,0.95,70,20\n", "a.csv")
    points = (Dispersion(1.0, 0.95, 13.0, 5.0), Dispersion(10.0, 0.95, 70.0, 20.0))
    assert found == Arrivals(points, ArrivalsSource.MEASURED)


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ((), "a.csv: no rows; write one per time scale under scale_s,percentile,prefill,decode"),
        (("1,0.95,0.5,1",), "a.csv:2: prefill: 0.5: must be between 1 and 1e+06"),
        (("1,95,1,1",), "a.csv:2: percentile: 95: must be between 1e-06 and 0.999999"),
        (("1,0.95,x,1",), "a.csv:2: prefill: x: not a number"),
        (
            ("2,0.95,1,1", "1,0.95,1,1"),
            "a.csv:3: percentile: 0.95: not after the row before; sort by scale_s, then by "
            "percentile, each once",
        ),
        (
            ("1,0.9,1,1", "1,0.95,1,1", "2,0.95,1,1"),
            "a.csv:4: scale_s: 2: the first scale has the percentiles 0.9, 0.95; write these at "
            "every scale",
        ),
    ],
)
def test_what_is_no_table_is_a_problem(rows: tuple[str, ...], problem: str) -> None:
    assert problems(*rows) == [problem]


def test_a_missing_column_is_named() -> None:
    (found,) = problems("1,0.95,1", head="scale_s,percentile,prefill")
    assert "decode" in found
