import json
from dataclasses import replace
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from heteroplan.forecasting.curve.curve import Curve
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.tables.arrivals_csv import read_arrivals
from heteroplan.inputs.tables.class_csv import with_classes
from heteroplan.inputs.tables.demand_csv import DemandSeries, read_demand
from heteroplan.outputs.demand.figures import horizon_of
from heteroplan.outputs.demand.files import arrivals_csv, classes_csv, demand_csv, demand_document
from tests.outputs.demand.test_text import BACKTEST, CHAT, DAY, LONGEST_DAY, SHORTEST_DAY, curve_of
from tests.outputs.demand.test_text import TWO as CLASSES

TWO = curve_of([1.0, 4.0], classes=tuple(replace(each, isl_cv=1.0) for each in CLASSES))


def read_back(curve: Curve) -> DemandSeries:
    horizon = horizon_of(curve)
    found = read_demand(demand_csv(curve), "demand.csv", ZoneInfo(horizon.timezone), horizon)
    assert found is not None
    return found


def header(curve: Curve) -> list[str]:
    return demand_csv(curve).splitlines()[0].split(",")


def test_a_row_says_all_of_an_interval() -> None:
    """4 requests/s of 1,000 and 200 tokens; the median is half of it, the mean a quarter."""
    head, _, row, *_ = demand_csv(DAY).splitlines()
    assert head == (
        "interval_start,rps,isl,osl,isl_cv,prefix_hit_rate,osl_cv,mean_rps,median_rps,"
        "input_tokens_per_s,output_tokens_per_s"
    )
    assert row == "2026-11-23T01:00:00+08:00,4,1000,200,1,0.4,0.5,1,2,4000,800"


def test_numbers_have_six_digits_and_no_exponent_where_large() -> None:
    row = demand_csv(curve_of([1234.56789])).splitlines()[1].split(",")
    assert (row[1], row[-2]) == ("1234.57", "1234570")


def test_what_is_not_told_has_no_column() -> None:
    assert header(curve_of([1.0], classes=())) == [
        "interval_start",
        "rps",
        "mean_rps",
        "median_rps",
    ]
    bare = StepShape("default", 1.0, 100.0, 50.0)
    assert header(curve_of([1.0], classes=(bare,)))[:5] == [
        "interval_start",
        "rps",
        "isl",
        "osl",
        "mean_rps",
    ]


def test_what_is_told_of_some_rows_only_has_no_column() -> None:
    """An empty cell is not read."""
    first, *others = DAY.rows
    rows = (replace(first, classes=(replace(CHAT, isl_cv=None, osl_cv=None),)), *others)
    curve = replace(DAY, rows=rows)
    assert not {"isl_cv", "osl_cv"} & set(header(curve))
    assert read_back(curve).shapes is not None


@pytest.mark.parametrize("curve", [DAY, LONGEST_DAY, SHORTEST_DAY, curve_of([0.0, 0.1, 1e6 / 7])])
def test_the_demand_is_read_again(curve: Curve) -> None:
    found = read_back(curve)
    assert found.start_s == int(curve.rows[0].start.astimezone(UTC).timestamp())
    assert found.step_s == curve.interval_s
    assert found.rps == pytest.approx([row.rps for row in curve.rows], rel=1e-5)
    assert found.shapes is not None
    assert found.shapes[0] == (replace(CHAT, name="default"),)


def test_demand_without_lengths_is_read_again() -> None:
    assert read_back(curve_of([1.0, 2.0], classes=())).shapes is None


def test_the_hour_that_comes_twice_has_two_offsets() -> None:
    stamps = [line.split(",")[0] for line in demand_csv(LONGEST_DAY).splitlines()[3:5]]
    assert stamps == ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]


def test_classes_have_a_row_an_interval_each() -> None:
    """The second tells no prefix hits, so none are told."""
    assert classes_csv(TWO).splitlines() == [
        "interval_start,class,share,isl,osl,isl_cv",
        "2026-11-23T00:00:00+08:00,chat,0.75,1000,200,1",
        "2026-11-23T00:00:00+08:00,long,0.25,5000,400,1",
        "2026-11-23T01:00:00+08:00,chat,0.75,1000,200,1",
        "2026-11-23T01:00:00+08:00,long,0.25,5000,400,1",
    ]


@pytest.mark.parametrize("start", ["2026-10-25", "2026-03-29", "2026-11-23"])
@pytest.mark.parametrize("share", [1e-4, 1 / 3, 0.5])
def test_classes_are_read_again(start: str, share: float) -> None:
    """Also where one of them is rare, and where its name has a comma."""
    classes = (
        replace(CHAT, name="chat, short", share=share),
        replace(CHAT, name="long", share=1 - share),
    )
    curve = curve_of([1.0] * 23, start=start, zone="Europe/Berlin", classes=classes)
    horizon = horizon_of(curve)
    found = with_classes(
        read_back(curve), classes_csv(curve), "classes.csv", ZoneInfo(horizon.timezone)
    )
    assert found.shapes is not None
    for read, row in zip(found.shapes, curve.rows, strict=True):
        assert [each.name for each in read] == ["chat, short", "long"]
        assert [each.share for each in read] == pytest.approx(
            [each.share for each in row.classes], abs=2e-6
        )


def test_arrivals_are_read_again() -> None:
    text = arrivals_csv(DAY)
    assert text.splitlines() == [
        "scale_s,percentile,prefill,decode",
        "2,0.95,40,10",
        "10,0.95,50,12",
    ]
    assert read_arrivals(text, "arrivals.csv") == DAY.bursts.arrivals


def test_the_document_holds_everything() -> None:
    document = json.loads(json.dumps(demand_document(TWO, BACKTEST), allow_nan=False))
    rows, backtest = document.pop("rows"), document.pop("backtest")
    assert document.pop("heteroplan_version")
    assert document == {
        "schema_version": 1,
        "timezone": "Asia/Singapore",
        "interval_s": 3600,
        "step_s": 300,
        "quantile": 0.95,
        "days": 14,
        "class_error": 0.021,
        "arrivals": {
            "source": "measured",
            "windows": [
                {
                    "window_s": 1.0,
                    "requests": 13.0,
                    "new_input_tokens": 12.5,
                    "output_tokens": None,
                }
            ],
            "points": [
                {
                    "scale_s": 2.0,
                    "percentile": 0.95,
                    "prefill": 40.0,
                    "decode": 10.0,
                    "prefill_capacity": 3.9,
                    "decode_in_flight": 3.1,
                },
                {
                    "scale_s": 10.0,
                    "percentile": 0.95,
                    "prefill": 50.0,
                    "decode": 12.0,
                    "prefill_capacity": 2.5,
                    "decode_in_flight": 4.2,
                },
            ],
        },
        "notes": ["12 rows left out"],
    }
    assert rows[1]["start"] == "2026-11-23T01:00:00+08:00"
    assert (rows[1]["rps"], rows[1]["median_rps"], rows[1]["mean_rps"]) == (4.0, 2.0, 1.0)
    assert (rows[1]["isl"], rows[1]["input_tokens_per_s"]) == (2000.0, 8000.0)
    assert rows[1]["classes"][1] == {
        "name": "long",
        "share": 0.25,
        "isl": 5000.0,
        "osl": 400.0,
        "isl_cv": 1.0,
        "prefix_hit_rate": None,
        "context": None,
        "context_cv": None,
        "osl_cv": None,
    }
    assert backtest["held_back"] == ["2026-11-21", "2026-11-22"]
    assert backtest["coverage_by_day"] == [0.97, 0.91]
    assert backtest["measures"][0] == {
        "what": "requests",
        "coverage": 0.94,
        "planned_over_true": 1.32,
        "worst_shortfall": 0.12,
        "worst_start": "2026-11-21T18:15:00",
    }
    assert backtest["measures"][2]["planned_over_true"] is None


def test_a_document_without_lengths_and_backtest() -> None:
    document = demand_document(curve_of([1.0], classes=()), None)
    (row,) = document["rows"]
    assert document["backtest"] is document["class_error"] is row["isl"] is None
    assert row["classes"] == []
