import contextlib
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError
from heteroplan.forecasting.traces.formats import own
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.source import open_trace
from heteroplan.forecasting.traces.trace_format import AskedOfTrace

HEADER = "interval_start,rps,isl,osl\n"
MIDNIGHT_S = 1_795_392_000
"""2026-11-23T00:00Z: 20,780 days of 86,400 s."""


def of(folder: Path, *texts: str, zone: str = "UTC") -> Windows:
    with contextlib.ExitStack() as stack:
        sources = []
        for number, text in enumerate(texts):
            path = folder / f"{number}.csv"
            path.write_text(text)
            sources.append(stack.enter_context(open_trace(str(path))))
        return own.windows(sources, AskedOfTrace(ZoneInfo(zone), {}, []))


def problems(folder: Path, *texts: str, zone: str = "UTC") -> list[tuple[int, str, str, str]]:
    with pytest.raises(InputError) as raised:
        of(folder, *texts, zone=zone)
    return [(p.line, p.path, p.value, p.remedy) for p in raised.value.problems]


def hours(windows: Windows) -> list[float]:
    """Starts of windows since `MIDNIGHT_S`."""
    return [(start / 1e6 - MIDNIGHT_S) / 3600 for start in windows.start_us]


def test_a_row_is_a_window(tmp_path: Path) -> None:
    """2/s for an hour are 7,200 requests, of 100 tokens in 720,000 and of 10 out 72,000."""
    rows = "2026-11-23T00:00Z,2,100,10\n2026-11-23T01:00Z,0,200,20\n"
    windows = of(tmp_path, HEADER + rows)
    assert hours(windows) == [0, 1]
    assert list(windows.end_us - windows.start_us) == [3_600_000_000] * 2
    assert list(windows.requests) == list(windows.with_lengths) == [7200, 0]
    assert list(windows.input_tokens) == [720_000, 0]
    assert list(windows.output_tokens) == [72_000, 0]
    assert windows.cached_tokens is None


def test_columns_of_the_curve_beside_them(tmp_path: Path) -> None:
    """A quarter of 720,000 input tokens is found in the cache; where no rate is told, none is."""
    header = "interval_start,rps,isl,osl,isl_cv,prefix_hit_rate,mean_rps\n"
    rows = "2026-11-23T00:00Z,2,100,10,0.5,0.25,1\n2026-11-23T01:00Z,2,100,10,,,1\n"
    windows = of(tmp_path, header + rows)
    assert windows.cached_tokens is not None
    assert windows.cached_tokens[0] == 180_000
    assert np.isnan(windows.cached_tokens[1])


def test_rates_alone_know_no_lengths(tmp_path: Path) -> None:
    windows = of(tmp_path, "rps,interval_start\n1,2026-11-23\n1,2026-11-24\n")
    assert list(windows.requests) == [86_400, 86_400]
    assert np.isnan(windows.with_lengths).all()
    assert np.isnan(windows.input_tokens).all()


def test_rows_that_are_not_there_are_missing(tmp_path: Path) -> None:
    rows = "".join(f"2026-11-23T{hour:02d}:00Z,1,9,9\n" for hour in (0, 1, 2, 5))
    windows = of(tmp_path, HEADER + rows)
    assert hours(windows) == [0, 1, 2, 5]
    assert set(windows.end_us - windows.start_us) == {3_600_000_000}


def test_stamps_without_an_offset_are_wall_clock(tmp_path: Path) -> None:
    """Singapore is 8 h ahead; an offset in the file wins."""
    rows = "2026-11-23T08:00,1,9,9\n2026-11-23T09:00+08:00,1,9,9\n"
    assert hours(of(tmp_path, HEADER + rows, zone="Asia/Singapore")) == [0, 1]


def test_clocks_set_back_and_forward(tmp_path: Path) -> None:
    """On 2026-10-25 Berlin has 02:00 twice, on 2026-03-29 it has none."""
    rows = "".join(f"2026-10-25T{hour:02d}:00,1\n" for hour in (1, 2, 2, 3))
    windows = of(tmp_path, "interval_start,rps\n" + rows, zone="Europe/Berlin")
    assert list(np.diff(windows.start_us)) == [3_600_000_000] * 3
    rows = "".join(f"2026-03-29T{hour:02d}:00,1\n" for hour in (1, 2, 3))
    skips = "clocks in Europe/Berlin skip this time; leave the row out"
    assert problems(tmp_path, "interval_start,rps\n" + rows, zone="Europe/Berlin") == [
        (3, "interval_start", "2026-03-29T02:00", skips)
    ]


def test_files_are_joined_in_order_of_time(tmp_path: Path) -> None:
    """A file without lengths beside one with them counts none of its requests among those."""
    late = HEADER + "2026-11-24T00:00Z,1,9,9\n2026-11-24T01:00Z,1,9,9\n"
    early = "interval_start,rps\n2026-11-23T00:00Z,2\n2026-11-23T00:30Z,2\n"
    windows = of(tmp_path, late, early)
    assert hours(windows) == [0, 0.5, 24, 25]
    assert list(windows.requests) == [3600, 3600, 3600, 3600]
    assert list(windows.with_lengths) == [0, 0, 3600, 3600]
    assert list(windows.input_tokens) == [0, 0, 32_400, 32_400]


def test_files_that_overlap_are_told(tmp_path: Path) -> None:
    first = HEADER + "2026-11-23T00:00Z,1,9,9\n2026-11-23T01:00Z,1,9,9\n"
    second = HEADER + "2026-11-23T01:30Z,1,9,9\n2026-11-23T02:30Z,1,9,9\n"
    remedy = f"overlaps a window of {tmp_path / '0.csv'}; give each time once"
    assert problems(tmp_path, first, second) == [(2, "interval_start", "2026-11-23T01:30Z", remedy)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a,b\n", (1, "", "a,b", "the header must hold interval_start,rps")),
        (
            "interval_start,rps,isl\n",
            (
                1,
                "",
                "interval_start,rps,isl",
                "column osl is missing; give both mean lengths or none",
            ),
        ),
        (
            HEADER,
            (0, "", "", "no rows; write at least two, because one does not say how long a step is"),
        ),
        (HEADER + "2026-11-23,1,,9\n", (2, "isl", "", "empty; write a number")),
        (HEADER + "2026-11-23,1,0,9\n", (2, "isl", "0", "must be between 1 and 1e+09")),
        (
            HEADER + "soon,1,9,9\n",
            (
                2,
                "interval_start",
                "soon",
                "not a date or time; write 2026-11-23 or 2026-11-23T06:00",
            ),
        ),
        (
            HEADER + "0001-01-01,1,9,9\n",
            (2, "interval_start", "0001-01-01", "year is not between 1970 and 2199"),
        ),
        (
            HEADER + "2026-11-23,1,9,9\n2026-11-23,1,9,9\n",
            (3, "interval_start", "2026-11-23", "appears twice; keep one row per step"),
        ),
        (
            HEADER + "2026-11-24,1,9,9\n2026-11-23,1,9,9\n",
            (3, "interval_start", "2026-11-23", "earlier than the row before; sort the rows"),
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, found: tuple[int, str, str, str]) -> None:
    assert problems(tmp_path, text) == [found]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200), st.sampled_from(["", HEADER, HEADER + "2026-11-23,1,9,9\n"]))
def test_any_text_is_read_or_refused(tmp_path: Path, junk: str, before: str) -> None:
    with contextlib.suppress(InputError):
        of(tmp_path, before + junk.encode("utf-8", "replace").decode())
