from pathlib import Path

import pytest

from heteroplan.errors import InputError
from tests.forecasting.traces.whole_traces import rows_of, written

HEADER = "arrived_at,num_prefill_tokens,num_decode_tokens\n"


def test_arrivals_are_seconds_rounded_to_the_microsecond(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "0.0,10,1\n0.999999,20,2\n0.9999999,30,3\n1.5,40,4\n2,1,1\n")
    assert rows_of(path) == [
        (0, 10, 1),
        (999_999, 20, 2),
        (1_000_000, 30, 3),
        (1_500_000, 40, 4),
        (2_000_000, 1, 1),
    ]


def test_whole_seconds_are_as_good(tmp_path: Path) -> None:
    assert rows_of(written(tmp_path, HEADER + "7,10.0,1\n8,20,2.0\n")) == [
        (7_000_000, 10, 1),
        (8_000_000, 20, 2),
    ]


@pytest.mark.parametrize("arrival", ["-0.5", "nan", "inf", "1e99", "soon", ""])
def test_no_arrival(tmp_path: Path, arrival: str) -> None:
    with pytest.raises(InputError, match=rf":2: arrived_at: ({arrival}: )?not a time that exists"):
        rows_of(written(tmp_path, f"{HEADER}{arrival},1,1\n"))
