from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.scenario import Horizon
from heteroplan.errors import InputError
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs.tables.demand_csv import DemandSeries, read_demand
from heteroplan.reading import csv_rows

UTC = ZoneInfo("UTC")


def horizon(start: str = "2026-11-23T00:00", hours: int = 2, zone: str = "UTC") -> Horizon:
    first = datetime.fromisoformat(start).replace(tzinfo=ZoneInfo(zone))
    return Horizon(first, hours, 3600, zone, cyclic=True)


def read(text: str, over: Horizon | None = None) -> DemandSeries:
    over = over or horizon()
    series = read_demand(text, "d.csv", ZoneInfo(over.timezone), over)
    assert series is not None
    return series


def problems(text: str, over: Horizon | None = None) -> list[str]:
    with pytest.raises(InputError) as caught:
        read(text, over)
    return [str(each) for each in caught.value.problems]


def hourly(*stamps: str, header: str = "interval_start,rps") -> str:
    return "\n".join([header, *(f"{stamp},1" for stamp in stamps)])


def test_rows_become_a_series() -> None:
    """2026-11-23T00:00Z is 1795392000 s after 1970: 20780 days of 86,400 s."""
    rows = ["rps,interval_start,osl,isl", "5,2026-11-23T00:00,200,1000", ""]
    text = "\r\n".join([*rows, "8.5,2026-11-23T01:00,210,1100"])
    shapes = (
        (StepShape("default", 1.0, 1000.0, 200.0),),
        (StepShape("default", 1.0, 1100.0, 210.0),),
    )
    assert read(text) == DemandSeries(20_780 * 86_400, 3600, (5.0, 8.5), shapes)


def test_spreads_and_cache_hits_of_a_step_are_read_and_what_is_for_people_is_not() -> None:
    header = "interval_start,rps,isl,osl,isl_cv,prefix_hit_rate,osl_cv,mean_rps"
    rows = ["2026-11-23T00:00,5,1000,200,0.8,0.25,1.5,x", "2026-11-23T01:00,5,1000,200,0,0,0,"]
    shapes = read("\n".join([header, *rows])).shapes
    assert shapes is not None
    assert shapes[0] == (StepShape("default", 1.0, 1000.0, 200.0, 0.8, 0.25, osl_cv=1.5),)
    assert problems("\n".join([header, rows[0].replace("0.25", "1"), rows[1]])) == [
        "d.csv:2: prefix_hit_rate: 1: must be between 0 and 1"
    ]


def test_a_single_row_says_nothing_of_its_length() -> None:
    remedy = "one row; write at least two, because one does not say how long a step is"
    assert problems("interval_start,rps\n2026-11-23,4\n") == [f"d.csv: {remedy}"]


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_other_separators_than_commas_are_named(mark: str, name: str) -> None:
    (problem,) = problems(f"interval_start{mark}rps\n2026-11-23{mark}4\n")
    assert problem.startswith("d.csv:1: ")
    assert problem.endswith(f"columns are separated by {name}; separate them by commas")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["d.csv:1: empty; the first line is interval_start,rps"]),
        ("interval_start,rps\n", ["d.csv: no rows; write one per step under interval_start,rps"]),
        (
            "interval_strat,rps,rps\n",
            [
                "d.csv:1: interval_start: column is missing; columns are set by commas",
                "d.csv:1: interval_strat: unknown column; did you mean 'interval_start'?",
                "d.csv:1: rps: column appears twice; keep one of them",
            ],
        ),
        (
            "interval_start,rps,isl\n",
            ["d.csv:1: osl: column is missing; columns are set by commas"],
        ),
        (
            "interval_start,rps,zzz\n",
            [
                "d.csv:1: zzz: unknown column; known are interval_start, rps, isl, osl, "
                "isl_cv, prefix_hit_rate, context, context_cv, osl_cv, mean_rps, median_rps, "
                "input_tokens_per_s, output_tokens_per_s"
            ],
        ),
        (
            "interval_start,rps\n2026-11-23\n",
            ["d.csv:2: 2026-11-23: 1 cells; the header has 2 columns"],
        ),
        (
            'interval_start,rps\n"' + "x" * 200_000,
            ["d.csv:2: is no CSV text: field larger than field limit (131072)"],
        ),
    ],
)
def test_what_is_no_table_of_demand_is_refused(text: str, expected: list[str]) -> None:
    assert problems(text) == expected


@pytest.mark.parametrize(
    ("cell", "remedy"),
    [
        ("nan", "not a number"),
        ("1_0", "not a number"),
        ("٣", "not a number"),
        ("many", "not a number"),
        ("-1", "must be between 0 and 1e+09"),
        ("inf", "not a number"),
    ],
)
def test_rates_are_finite_numbers_from_0(cell: str, remedy: str) -> None:
    assert problems(f"interval_start,rps\n2026-11-23,{cell}\n") == [
        f"d.csv:2: rps: {cell}: {remedy}"
    ]


def test_empty_cells_and_lengths_below_a_token_are_refused() -> None:
    text = "interval_start,rps,isl,osl\n2026-11-23,,0,1\n"
    assert problems(text) == [
        "d.csv:2: isl: 0: must be between 1 and 1e+09",
        "d.csv:2: rps: empty; write a number",
    ]


def test_stamps_must_exist_and_go_forward() -> None:
    text = hourly(
        "noon",
        "2026-11-23T01:00",
        "2026-11-23T01:00",
        "2026-11-23",
        "0001-01-01",
        "2026-11-23T02:00:00.5",
    )
    assert problems(text) == [
        "d.csv:2: interval_start: noon: not a date or time; write 2026-11-23 or 2026-11-23T06:00",
        "d.csv:4: interval_start: 2026-11-23T01:00: appears twice; keep one row per step",
        "d.csv:5: interval_start: 2026-11-23: earlier than the row before; sort the rows",
        "d.csv:6: interval_start: 0001-01-01: year is not between 1970 and 2199",
        "d.csv:7: interval_start: 2026-11-23T02:00:00.5: not a whole second",
    ]


def test_a_missing_row_is_an_irregular_step() -> None:
    text = hourly("2026-11-23T00", "2026-11-23T01", "2026-11-23T03", "2026-11-23T04")
    assert problems(text) == [
        "d.csv:4: interval_start: 2026-11-23T03: 7200 s after the row before, the file's step is "
        "3600 s; write one row per step (clocks set back repeat an hour)"
    ]


def test_the_skipped_hour_of_spring_does_not_exist() -> None:
    over = horizon("2026-03-29T00:00", 3, "Europe/Berlin")
    text = hourly(*(f"2026-03-29T0{hour}:00" for hour in range(4)))
    assert problems(text, over) == [
        "d.csv:4: interval_start: 2026-03-29T02:00: clocks in Europe/Berlin skip this time; "
        "leave the row out"
    ]
    assert read(hourly(*(f"2026-03-29T0{hour}:00" for hour in (0, 1, 3))), over).step_s == 3600


def test_the_repeated_hour_of_autumn_stands_twice() -> None:
    """00, 01, 02, 02 again and 03 o'clock are five hours from 22:00 UTC of the day before."""
    over = horizon("2026-10-25T00:00", 5, "Europe/Berlin")
    text = hourly(*(f"2026-10-25T{hour}:00" for hour in ("00", "01", "02", "02", "03")))
    assert len(read(text, over).rps) == 5
    assert read(text, over).step_s == 3600


def test_a_stamp_with_an_offset_needs_no_guess() -> None:
    over = horizon("2026-10-25T00:00", 2, "Europe/Berlin")
    assert read(hourly("2026-10-24T22:00Z", "2026-10-24T23:00+00:00"), over).step_s == 3600


def test_a_file_that_ends_early_says_what_it_covers() -> None:
    assert problems(hourly("2026-11-23T00", "2026-11-23T01"), horizon(hours=3)) == [
        "d.csv: interval_start: covers 2026-11-23T00:00+00:00 to 2026-11-23T02:00+00:00, the "
        "horizon is 2026-11-23T00:00+00:00 to 2026-11-23T03:00+00:00; add the missing rows, or "
        "move or shorten the horizon"
    ]


def test_whole_days_of_other_dates_are_not_moved_but_named() -> None:
    text = hourly(*(f"2023-11-16T{hour:02}:00" for hour in range(24)))
    assert problems(text, horizon(hours=24)) == [
        "d.csv: interval_start: covers 2023-11-16T00:00+00:00 to 2023-11-17T00:00+00:00, the "
        "horizon is 2026-11-23T00:00+00:00 to 2026-11-24T00:00+00:00; these are whole days of "
        "other dates: set horizon.start to 2023-11-16, or write the horizon's dates into "
        "interval_start"
    ]


def test_twenty_problems_are_shown_and_the_rest_counted() -> None:
    found = problems("interval_start,rps\n" + "2026-11-23,x\n" * 30)
    assert len(found) == 21
    assert found[0] == "d.csv:2: rps: x: not a number"
    assert found[-1] == "d.csv:31: and 39 more problems, the last one here"


def test_without_a_horizon_cells_are_checked_all_the_same() -> None:
    assert read_demand(hourly("2026-11-23", "2026-11-24"), "d.csv", None, None) is None
    with pytest.raises(InputError, match="not a number"):
        read_demand("interval_start,rps\n2026-11-23,x\n", "d.csv", None, None)


cells = st.sampled_from(
    [
        "interval_start",
        "rps",
        "isl",
        "2026-11-23",
        "2026-11-23T01:00",
        "9999-12-31T23:59",
        "1",
        "nan",
        '"',
        "\0",
    ]
)


@given(st.lists(st.lists(cells, max_size=4), max_size=6), st.text(max_size=20))
def test_any_text_is_a_series_or_an_input_error(rows: list[list[str]], junk: str) -> None:
    over = replace(horizon(), intervals=1)
    for header in ("", "interval_start,rps\n"):
        text = header + "\n".join(",".join(row) for row in rows) + junk
        with suppress(InputError):
            read_demand(text, "d.csv", UTC, over)


@pytest.mark.parametrize("row", ["2026-11-23T00:00,x", "2026-11-23T00:00,1", "x"])
def test_after_some_problems_a_file_is_not_read_on(row: str) -> None:
    """Of numbers, of stamps and of the form of rows."""
    found = problems("interval_start,rps\n" + f"{row}\n" * 1000)
    assert len(found) == 21
    place, _, remedy = found[-1].partition(": ")
    assert remedy == "and at least 80 more problems, the last one here"
    assert int(place.removeprefix("d.csv:")) < 110, "of a thousand"


def test_a_file_has_so_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_rows, "MAX_ROWS", 2)
    text = "interval_start,rps\n2026-11-23T00:00,1\n2026-11-23T01:00,1\n"
    assert len(read(text).rps) == 2
    assert problems(text + "2026-11-23T02:00,1\n") == [
        "d.csv:4: more than 2 rows; split or shorten it"
    ]
