"""Recorded intervals: what a trace held, by elapsed time from local midnight."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.forecasting.made_traces import rates, recorded, steady, written
from tests.realdata import DATA, needs_data


def test_rate_and_lengths_per_interval(tmp_path: Path) -> None:
    """Two requests in the first minute, one in the second, which is cut: 2/60 requests/s; mean
    input (100 + 300) / 2 = 200, output (10 + 30) / 2 = 20.
    """
    rows = ["08:00:00.0000000,100,10", "08:00:59.9999999,300,30", "08:01:00.0000000,50,5"]
    curve = recorded(written(tmp_path, (f"2026-11-23 {row}" for row in rows)), interval_s=60)
    (row,) = curve.rows
    assert row.start.isoformat() == "2026-11-23T08:00:00+00:00"
    assert row.rps == 2 / 60
    assert row.shape is not None
    assert (row.shape.isl, row.shape.osl) == pytest.approx((200.0, 20.0))
    assert curve.notes == (
        "3 requests",
        "left out 1 interval(s) at the ends that the trace covers in part",
    )


def test_an_interval_is_planned_for_its_busiest_piece(tmp_path: Path) -> None:
    """An hour with a request a minute, and one every 10 s from minute 20 to 25: of its five-minute
    pieces the busiest has 30 requests, 0.1 a second; the hour has 55 + 30 = 85.
    """
    minutes = [f"2026-11-23 08:{m:02d}:00,100,10" for m in range(60) if not 20 <= m < 25]
    burst = [f"2026-11-23 08:{20 + s // 60}:{s % 60:02d},100,10" for s in range(0, 300, 10)]
    path = written(tmp_path, sorted([*minutes, *burst]))
    (row,) = recorded(path, interval_s=3600, peak_s=300).rows
    assert (row.rps, row.mean_rps) == pytest.approx((0.1, 85 / 3600))
    (whole,) = recorded(path, interval_s=3600).rows
    assert whole.rps == pytest.approx(85 / 3600)


def test_intervals_that_the_trace_covers_in_part_are_left_out(tmp_path: Path) -> None:
    """One a minute from 08:07 to 09:22: of the quarter hours only 08:15 to 09:15 are whole."""
    curve = recorded(steady(tmp_path, first="2026-11-23T08:07:00", seconds=75 * 60))
    assert [f"{row.start:%H:%M}" for row in curve.rows] == ["08:15", "08:30", "08:45", "09:00"]
    assert rates(curve) == [15 / 900] * 4


def test_a_quiet_trace_does_not_lose_its_last_interval(tmp_path: Path) -> None:
    """A request every 5 minutes: the last one comes 5 minutes before the hour ends."""
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=7200, every_s=300)
    assert rates(recorded(path, interval_s=3600)) == [12 / 3600] * 2


def test_a_trace_inside_one_interval_is_kept_and_said_to_be_too_low(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T08:10:00", seconds=600)
    curve = recorded(path, interval_s=3600)
    assert rates(curve) == [10 / 3600]
    assert curve.notes == ("10 requests", "the trace covers no whole 3600 s: its rates are low")


@pytest.mark.parametrize("interval_s", [3600, 6 * 3600, 86_400])
def test_a_trace_much_shorter_than_an_interval_is_told_by_its_pieces(
    tmp_path: Path, interval_s: int
) -> None:
    """Ten minutes at a request a minute, in pieces of five minutes."""
    path = steady(tmp_path, first="2026-11-23T08:10:00", seconds=601)
    (row,) = recorded(path, interval_s=interval_s, peak_s=300).rows
    assert (row.rps, row.mean_rps) == pytest.approx((1 / 60, 1 / 60))


@pytest.mark.parametrize("tokens", [0, 1])
def test_requests_without_tokens_are_counted(tmp_path: Path, tokens: int) -> None:
    """Failed requests have none; class errors do not divide by them."""
    path = written(tmp_path, [f"2026-11-23 08:{m:02d}:00,{100 if m else tokens},{m}"
                              for m in range(60)])  # fmt: skip
    curve = recorded(path, interval_s=900)
    assert rates(curve) == [15 / 900] * 4


def test_an_interval_without_requests_is_idle(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600, skip=range(900, 1800))
    curve = recorded(path)
    assert rates(curve) == [15 / 900, 0.0, 15 / 900, 15 / 900]
    assert [row.shape.isl for row in curve.rows if row.shape] == pytest.approx([100.0] * 4)


def test_intervals_start_at_local_midnight(tmp_path: Path) -> None:
    """Kathmandu is 5:45 ahead: hours of its day start at a quarter past UTC hours."""
    path = steady(tmp_path, first="2026-11-23T08:00:00+00:00", seconds=7200)
    curve = recorded(path, interval_s=3600, timezone="Asia/Kathmandu")
    assert [row.start.isoformat() for row in curve.rows] == ["2026-11-23T14:00:00+05:45"]


def test_stamps_without_a_zone_may_be_of_another_than_the_days(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T00:00:00", seconds=3600)
    curve = recorded(path, timezone="Asia/Singapore", trace_timezone="UTC")
    assert curve.rows[0].start.isoformat() == "2026-11-23T08:00:00+08:00"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_on_which_clocks_change_is_elapsed_time(tmp_path: Path, day: str, hours: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    first = midnight.astimezone(ZoneInfo("UTC")).isoformat()
    path = steady(tmp_path, first=first, seconds=hours * 3600)
    curve = recorded(path, interval_s=3600, timezone="Europe/Berlin")
    assert rates(curve) == [60 / 3600] * hours
    assert {row.start.date() for row in curve.rows} == {midnight.date()}
    assert len({row.start.astimezone(ZoneInfo("UTC")) for row in curve.rows}) == hours


def test_start_moves_the_first_request_and_all_others_with_it(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2023-11-16T18:00:00", seconds=3600)
    curve = recorded(path, timezone="Asia/Singapore", start=datetime(2026, 11, 23, 9))
    assert curve.rows[0].start.isoformat() == "2026-11-23T09:00:00+08:00"
    assert rates(curve) == [15 / 900] * 4


def test_several_files_make_one_curve_in_whatever_order(tmp_path: Path) -> None:
    paths = [
        steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600, name="one.csv"),
        steady(tmp_path, first="2026-11-23T09:00:00", seconds=3600, name="two.csv"),
    ]
    for given in (paths, paths[::-1]):
        assert rates(recorded(*given, interval_s=3600)) == [60 / 3600] * 2


def test_rows_may_come_in_any_order_and_before_the_first_day(tmp_path: Path) -> None:
    """Four days of hours, backwards: the steps grow towards the past. The last hour is cut."""
    stamps = [f"2026-11-{20 + h // 24} {h % 24:02d}:00:00,100,10" for h in range(96)]
    curves = [recorded(written(tmp_path, rows), interval_s=3600) for rows in (stamps, stamps[::-1])]
    assert curves[0] == curves[1]
    assert rates(curves[0]) == [1 / 3600] * 95


def test_growth_multiplies_rates(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600)
    assert rates(recorded(path, interval_s=3600, growth=1.2)) == [pytest.approx(1.2 / 60)]


def test_missing_windows_are_filled_from_like_times_and_never_read_as_zero(tmp_path: Path) -> None:
    """10:00 to 11:59 of the second day are missing: 5 requests/s as at that time on the others."""
    path = tmp_path / "demand.csv"
    stamps = [(day, hour) for day in (2, 3, 4) for hour in range(24)]
    kept = [(day, hour) for day, hour in stamps if not (day == 3 and hour in (10, 11))]
    rows = (f"2026-11-{day:02d}T{hour:02d}:00,{5 if hour == 10 else 3}" for day, hour in kept)
    path.write_text("\n".join(["interval_start,rps", *rows]))
    curve = recorded(str(path), interval_s=3600)
    assert rates(curve)[24 + 9 : 24 + 13] == [3.0, 5.0, 3.0, 3.0]
    assert "2.0 h of missing data are filled from the same time on like days" in curve.notes


@pytest.mark.slow
@needs_data
@pytest.mark.parametrize(("interval_s", "max_class_error"), [(60, 1.0), (300, 1.0), (900, 0.03)])
def test_azure_trace_and_its_vidur_copy_give_the_same_curve_and_classes(
    interval_s: int, max_class_error: float
) -> None:
    traces = DATA / "traces"
    options = {"interval_s": interval_s, "peak_s": 300, "max_class_error": max_class_error}
    azure = recorded(str(traces / "azure_llm_2023_code.csv"), **options)
    vidur = recorded(
        str(traces / "vidur_splitwise_code.csv"),
        **options,
        start=datetime(2023, 11, 16, 18, 17, 3, 979960),
    )
    assert azure == vidur
    assert azure.notes[0] == "8,819 requests"
    assert len(azure.rows[0].classes) == (3 if max_class_error < 1 else 1)


@needs_data
def test_azure_trace_against_a_plain_count() -> None:
    """Lines of 18:30:00 to 18:44:59 counted as text, without any time arithmetic."""
    path = DATA / "traces" / "azure_llm_2023_code.csv"
    lines = path.read_text().splitlines()
    quarter = [line.split(",") for line in lines if "2023-11-16 18:30" <= line < "2023-11-16 18:45"]
    row = recorded(str(path)).rows[0]
    assert row.start.isoformat() == "2023-11-16T18:30:00+00:00"
    assert row.rps == len(quarter) / 900
    assert row.shape is not None
    assert row.shape.isl == pytest.approx(sum(int(isl) for _, isl, _ in quarter) / len(quarter))
    assert row.shape.osl == pytest.approx(sum(int(osl) for _, _, osl in quarter) / len(quarter))
