from datetime import datetime
from pathlib import Path

from heteroplan.demand.curve import demand_curve

HEADER = "arrived_at,num_prefill_tokens,num_decode_tokens\n"


def test_arrivals_are_seconds_kept_to_the_microsecond(tmp_path: Path) -> None:
    """0.999999 s is still in the first second, 1.0 s (written 0.9999999, to the us) is not."""
    path = tmp_path / "v.csv"
    path.write_text(HEADER + "0.0,10,1\n0.999999,20,2\n0.9999999,30,3\n1.5,40,4\n2.0,1,1\n")
    curve = demand_curve([str(path)], interval_s=1, start=datetime(2026, 11, 23))
    assert [(row.start.second, row.rps, row.isl, row.osl) for row in curve.rows] == [
        (0, 2.0, 15.0, 1.5),
        (1, 2.0, 35.0, 3.5),
    ]
