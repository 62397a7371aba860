from dataclasses import replace

from heteroplan.outputs.demand.frames import classes_frame, curve_frame
from tests.outputs.demand.test_text import DAY, LONGEST_DAY, TWO, curve_of


def test_an_interval_is_a_row() -> None:
    """4 requests/s of 1,000 and 200 tokens; the median is half of it, the mean a quarter."""
    row = curve_frame(DAY).to_dict("records")[1]
    assert str(row.pop("interval_start")) == "2026-11-23 01:00:00+08:00"
    assert {name: value for name, value in row.items() if value == value} == {
        "rps": 4.0,
        "mean_rps": 1.0,
        "median_rps": 2.0,
        "isl_tokens": 1000.0,
        "osl_tokens": 200.0,
        "isl_cv": 1.0,
        "prefix_hit_rate": 0.4,
        "osl_cv": 0.5,
    }


def test_starts_are_local_where_the_clock_changes() -> None:
    starts = [each.isoformat() for each in curve_frame(LONGEST_DAY)["interval_start"]]
    assert starts[2:4] == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]


def test_a_class_of_an_interval_is_a_row_and_their_rates_sum_to_the_curve() -> None:
    """Of 4 requests/s three quarters are chat."""
    curve = curve_of([1.0, 4.0], classes=TWO)
    frame = classes_frame(curve)
    assert frame["class"].tolist() == ["chat", "long"] * 2
    assert frame["rps"].tolist() == [0.75, 0.25, 3.0, 1.0]
    assert frame["isl_tokens"].tolist() == [1000.0, 5000.0] * 2
    assert frame["prefix_hit_rate"].isna().tolist() == [False, True] * 2
    sums = frame.groupby("interval_start")["rps"].sum().tolist()
    assert sums == curve_frame(curve)["rps"].tolist()


def test_a_trace_without_lengths_has_rates_and_no_classes() -> None:
    bare = curve_of([1.0, 4.0], classes=())
    frame = curve_frame(replace(bare, notes=()))
    assert frame["rps"].tolist() == [1.0, 4.0]
    assert frame[["isl_tokens", "osl_cv"]].isna().all().all()
    assert classes_frame(bare).empty
    assert "isl_tokens" in classes_frame(bare)
