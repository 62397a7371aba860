from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from heteroplan.demand.curve import Curve, demand_curve, write_csv
from heteroplan.errors import InputError, UsageError
from tests.realdata import DATA, needs_data

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
VIDUR = "arrived_at,num_prefill_tokens,num_decode_tokens\n"


def steady(
    folder: Path, *, first: str, seconds: int, every_s: int = 60, skip: range = range(0)
) -> str:
    """A request every `every_s` seconds from `first`, none in `skip`, of 100 + 10 tokens."""
    begin = datetime.fromisoformat(first)
    stamps = (begin + timedelta(seconds=s) for s in range(0, seconds, every_s) if s not in skip)
    path = folder / "trace.csv"
    path.write_text(AZURE + "".join(f"{stamp},100,10\n" for stamp in stamps))
    return str(path)


def rates(curve: Curve) -> list[float]:
    return [row.rps for row in curve.rows]


def test_rate_and_mean_lengths_per_interval(tmp_path: Path) -> None:
    """Two requests in the first minute, one in the second: 2/60 and 1/60 requests/s; mean input
    (100 + 300) / 2 = 200, output (10 + 30) / 2 = 20.
    """
    path = tmp_path / "t.csv"
    path.write_text(
        AZURE
        + "2026-11-23 08:00:00.0000000,100,10\r\n"
        + "2026-11-23 08:00:59.9999999,300,30\r\n"
        + "2026-11-23 08:01:00.0000000,50,5"
    )
    curve = demand_curve([str(path)], interval_s=60)
    assert [(r.start.isoformat(), r.rps, r.isl, r.osl) for r in curve.rows] == [
        ("2026-11-23T08:00:00+00:00", 2 / 60, 200.0, 20.0)
    ]
    assert curve.notes == (
        "3 requests",
        "left out 1 interval(s) at the ends that the trace covers in part, "
        "with 1 of these requests",
    )


def test_intervals_that_the_trace_covers_in_part_are_left_out(tmp_path: Path) -> None:
    """One a minute from 08:07 to 09:22: of the quarter hours only 08:15 to 09:15 are whole."""
    path = steady(tmp_path, first="2026-11-23T08:07:00", seconds=75 * 60)
    curve = demand_curve([path], interval_s=900)
    assert [f"{row.start:%H:%M}" for row in curve.rows] == ["08:15", "08:30", "08:45", "09:00"]
    assert rates(curve) == [15 / 900] * 4


def test_a_quiet_trace_does_not_lose_its_last_interval(tmp_path: Path) -> None:
    """A request every 5 minutes: the last one comes 5 minutes before the hour ends."""
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=7200, every_s=300)
    assert rates(demand_curve([path], interval_s=3600)) == [12 / 3600] * 2


def test_a_trace_inside_one_interval_is_kept_and_said_to_be_too_low(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T08:10:00", seconds=600)
    curve = demand_curve([path], interval_s=3600)
    assert rates(curve) == [10 / 3600]
    assert curve.notes[-1] == "the trace covers no whole interval: its rates are too low"


def test_an_interval_without_requests_has_rate_0_and_the_lengths_before_it(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600, skip=range(900, 1800))
    curve = demand_curve([path], interval_s=900)
    assert [(row.rps, row.isl) for row in curve.rows] == [
        (15 / 900, 100.0),
        (0.0, 100.0),
        (15 / 900, 100.0),
        (15 / 900, 100.0),
    ]
    assert curve.notes[-1] == "1 interval(s) without requests: rate 0, lengths of the one before"


def test_intervals_start_at_local_midnight(tmp_path: Path) -> None:
    """Kathmandu is 5:45 ahead: hours of its day start at a quarter past UTC hours."""
    path = steady(tmp_path, first="2026-11-23T08:00:00+00:00", seconds=7200)
    curve = demand_curve([path], interval_s=3600, timezone="Asia/Kathmandu")
    assert [row.start.isoformat() for row in curve.rows] == ["2026-11-23T14:00:00+05:45"]


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_day_on_which_clocks_change_is_elapsed_time(tmp_path: Path, day: str, hours: int) -> None:
    midnight = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Berlin"))
    first = midnight.astimezone(ZoneInfo("UTC")).isoformat()
    path = steady(tmp_path, first=first, seconds=hours * 3600)
    curve = demand_curve([path], interval_s=3600, timezone="Europe/Berlin")
    assert rates(curve) == [60 / 3600] * hours
    assert {row.start.date() for row in curve.rows} == {midnight.date()}
    assert len({row.start.astimezone(ZoneInfo("UTC")) for row in curve.rows}) == hours


def test_start_moves_the_first_request_and_all_others_with_it(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2023-11-16T18:00:00", seconds=3600)
    curve = demand_curve(
        [path], interval_s=900, timezone="Asia/Singapore", start=datetime(2026, 11, 23, 9)
    )
    assert curve.rows[0].start.isoformat() == "2026-11-23T09:00:00+08:00"
    assert rates(curve) == [15 / 900] * 4


def test_several_files_make_one_curve(tmp_path: Path) -> None:
    one = tmp_path / "one"
    one.mkdir()
    paths = [
        steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600),
        steady(one, first="2026-11-23T09:00:00", seconds=3600),
    ]
    assert rates(demand_curve(paths, interval_s=3600)) == [60 / 3600] * 2


def test_growth_multiplies_rates(tmp_path: Path) -> None:
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600)
    assert rates(demand_curve([path], interval_s=3600, growth=1.2)) == [pytest.approx(1.2 / 60)]


def test_quantile_of_like_times_of_day(tmp_path: Path) -> None:
    """Day 1 has a request a minute, day 2 one every 30 s: an hour has
    60 and 120 requests, so the median rate is 90 / 3600, the maximum 120 / 3600.
    """
    two = tmp_path / "two"
    two.mkdir()
    paths = [
        steady(tmp_path, first="2026-11-23T00:00:00", seconds=86400),
        steady(two, first="2026-11-24T00:00:00", seconds=86400, every_s=30),
    ]
    curve = demand_curve(paths, interval_s=3600, quantile=0.5)
    assert rates(curve) == [90 / 3600] * 24
    assert [row.start.hour for row in curve.rows] == list(range(24))
    assert {f"{row.start:%F}" for row in curve.rows} == {"2026-11-23"}
    assert curve.notes[-1] == "quantile 0.5 of 2 days, by time of day"
    assert rates(demand_curve(paths, interval_s=3600, quantile=1.0)) == [120 / 3600] * 24


def test_quantile_day_has_no_clock_change(tmp_path: Path) -> None:
    """From 29 March 2026 in Berlin (23 h) on: laid on the 30th, every hour of which exists."""
    path = steady(tmp_path, first="2026-03-28T23:00:00+00:00", seconds=3 * 86400, every_s=600)
    curve = demand_curve([path], interval_s=3600, timezone="Europe/Berlin", quantile=0.9)
    assert {f"{row.start:%F}" for row in curve.rows} == {"2026-03-30"}
    assert rates(curve) == [6 / 3600] * 24


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"interval_s": 7}, "an interval of 7 s does not divide the day"),
        ({"interval_s": 0}, "an interval of 0 s does not divide the day"),
        ({"quantile": 1.5}, "quantile 1.5 is not between 0 and 1"),
        ({"growth": 0.0}, "growth 0 must be a finite number above 0"),
        ({"growth": float("nan")}, "growth nan must be"),
        ({"timezone": "Mars/Base"}, "unknown time zone 'Mars/Base'"),
        ({"timezone": "../etc"}, "unknown time zone"),
        ({"format": "x"}, "unknown trace format 'x'; known are azure, vidur"),
        ({"quantile": 0.5}, "a quantile over days needs a trace of more than one day"),
    ],
)
def test_wrong_arguments(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=3600)
    with pytest.raises(UsageError, match=message):
        demand_curve([path], **changes)  # type: ignore[arg-type]


def test_a_trace_without_dates_needs_a_start(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text(VIDUR + "0.0,1,1\n")
    with pytest.raises(UsageError, match="knows no date; say when it starts"):
        demand_curve([str(path)])


def test_a_stamp_far_off_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(AZURE + "1970-01-01 00:00:00,1,1\n2026-11-23 00:00:00,1,1\n")
    with pytest.raises(UsageError, match="spans 1994881 intervals of 900 s"):
        demand_curve([str(path)])


def test_a_trace_without_requests_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text(AZURE)
    with pytest.raises(InputError, match="holds no requests"):
        demand_curve([str(path)])


def test_csv_as_scenarios_read_it(tmp_path: Path) -> None:
    """15 requests in 900 s are 0.0166667 requests/s."""
    path = steady(tmp_path, first="2026-11-23T08:00:00", seconds=900)
    assert write_csv(demand_curve([path], interval_s=900)) == (
        "interval_start,rps,isl,osl\n2026-11-23T08:00:00+00:00,0.0166667,100,10\n"
    )


@needs_data
@pytest.mark.parametrize("interval_s", [60, 300, 900])
def test_azure_trace_and_its_vidur_copy_give_the_same_curve(interval_s: int) -> None:
    traces = DATA / "traces"
    azure = demand_curve([str(traces / "azure_llm_2023_code.csv")], interval_s=interval_s)
    vidur = demand_curve(
        [str(traces / "vidur_splitwise_code.csv")],
        interval_s=interval_s,
        start=datetime(2023, 11, 16, 18, 17, 3, 979960),
    )
    assert azure == vidur
    assert azure.notes[0] == "8819 requests"


@needs_data
def test_azure_trace_against_a_plain_count() -> None:
    """Lines of 18:30:00 to 18:44:59 counted as text, without any time arithmetic."""
    path = DATA / "traces" / "azure_llm_2023_code.csv"
    lines = path.read_text().splitlines()
    quarter = [line.split(",") for line in lines if "2023-11-16 18:30" <= line < "2023-11-16 18:45"]
    row = demand_curve([str(path)], interval_s=900).rows[0]
    assert row.start.isoformat() == "2023-11-16T18:30:00+00:00"
    assert row.rps == len(quarter) / 900
    assert row.isl == pytest.approx(sum(int(isl) for _, isl, _ in quarter) / len(quarter))
    assert row.osl == pytest.approx(sum(int(osl) for _, _, osl in quarter) / len(quarter))
