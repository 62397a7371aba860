import contextlib
import csv
import gzip
from collections import defaultdict
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError, UsageError
from heteroplan.forecasting.traces.formats import servegen
from heteroplan.forecasting.traces.head import head_of
from heteroplan.forecasting.traces.requests import Windows
from heteroplan.forecasting.traces.source import open_trace
from heteroplan.forecasting.traces.trace_format import AskedOfTrace
from tests.realdata import DATA, needs_data

HEADER = "day,window_start_s,req_per_s,active_clients,req_per_s_with_lengths,"
HEADER += "mean_input_tokens,mean_output_tokens,input_tok_per_s_scaled\n"
TRACES = DATA / "traces"
ONCE = "give each time once"


def read(*paths: Path) -> tuple[Windows, list[str]]:
    """The windows of some files, and the notes on them."""
    asked = AskedOfTrace(ZoneInfo("UTC"), {}, [])
    with contextlib.ExitStack() as stack:
        sources = [stack.enter_context(open_trace(str(path))) for path in paths]
        return servegen.windows(sources, asked), asked.notes


def of(folder: Path, *texts: str) -> tuple[Windows, list[str]]:
    paths = [folder / f"{number}.csv" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text)
    return read(*paths)


def problems(folder: Path, *texts: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(InputError) as raised:
        of(folder, *texts)
    return [(p.line, p.path, p.value, p.remedy) for p in raised.value.problems]


def starts_s(windows: Windows) -> list[float]:
    return [start / 1e6 for start in windows.start_us]


def test_lengths_cover_a_part_of_the_requests(tmp_path: Path) -> None:
    """10/s over 600 s are 6,000 requests, 4/s of them with lengths: 2,400, of 100 tokens each
    240,000. Both windows: 4,800 of 12,000, which is 40 %."""
    rows = "0,0,10,3,4,100,20,999\n0,600,10,3,4,50,10,999\n"
    windows, notes = of(tmp_path, HEADER + rows)
    assert starts_s(windows) == [0, 600]
    assert list(windows.end_us) == [600_000_000, 1_200_000_000]
    assert list(windows.requests) == [6000, 6000]
    assert list(windows.with_lengths) == [2400, 2400]
    assert list(windows.input_tokens) == [240_000, 120_000]
    assert list(windows.output_tokens) == [48_000, 24_000]
    assert windows.cached_tokens is None
    assert notes == ["40 % of the requests have lengths; the others are assumed to have the same"]


def test_means_alone_are_of_all_requests(tmp_path: Path) -> None:
    text = "window_start_s,req_per_s,mean_input_tokens,mean_output_tokens\n0,2,100,10\n60,2,100,10"
    windows, notes = of(tmp_path, text)
    assert list(windows.with_lengths) == [120, 120]
    assert list(windows.input_tokens) == [12_000, 12_000]
    assert not notes


def test_a_window_without_mean_lengths_counts_none(tmp_path: Path) -> None:
    text = "window_start_s,req_per_s,mean_input_tokens,mean_output_tokens\n0,2,100,10\n60,2,,\n"
    windows, notes = of(tmp_path, text)
    assert list(windows.requests) == [120, 120]
    assert list(windows.with_lengths) == [120, 0]
    assert list(windows.input_tokens) == [12_000, 0]
    assert notes == ["50 % of the requests have lengths; the others are assumed to have the same"]


def test_rates_alone_know_no_lengths(tmp_path: Path) -> None:
    windows, notes = of(tmp_path, "window_start_s,req_per_s\n0,2\n60,0\n")
    assert list(windows.requests) == [120, 0]
    assert np.isnan(windows.input_tokens).all()
    assert not notes


def test_what_was_not_recorded_is_missing_and_not_idle(tmp_path: Path) -> None:
    """1200 is absent, 1800 has no rate, 2400 neither rate nor clients; 3000 is idle."""
    rows = "0,0,1,3,1,9,9,\n0,600,1,3,1,9,9,\n0,1800,,3,,,,\n0,2400,0,0,0,,,\n0,3000,0,3,0,,,\n"
    windows, notes = of(tmp_path, HEADER + rows)
    assert starts_s(windows) == [0, 600, 3000]
    assert list(windows.requests) == [600, 600, 0]
    assert notes == ["left out 2 windows that were not recorded"]


def test_nothing_recorded_is_a_problem(tmp_path: Path) -> None:
    rows = "0,0,,3,,,,\n0,600,,3,,,,\n"
    assert problems(tmp_path, HEADER + rows) == [(0, "", "", "holds no recorded window")]


def test_starts_of_the_trace_and_of_the_day(tmp_path: Path) -> None:
    """With 86,400 s a day, 85,800 s of day 0 come 600 s before 0 s of day 1."""
    header = "day,window_start_s,req_per_s\n"
    of_trace, _ = of(tmp_path, header + "0,85800,1\n1,86400,1\n1,87000,1\n")
    of_day, _ = of(tmp_path, header + "0,85800,1\n1,0,1\n1,600,1\n")
    assert starts_s(of_trace) == starts_s(of_day) == [85_800, 86_400, 87_000]


def test_files_are_laid_in_order_of_time(tmp_path: Path) -> None:
    header = "day,window_start_s,req_per_s\n"
    windows, _ = of(tmp_path, header + "1,0,3\n1,600,4\n", header + "0,0,1\n0,600,2\n")
    assert starts_s(windows) == [0, 600, 86_400, 87_000]
    assert list(windows.requests) == [600, 1200, 1800, 2400]


def test_files_that_overlap_are_told(tmp_path: Path) -> None:
    header = "window_start_s,req_per_s\n"
    assert problems(tmp_path, header + "0,3\n600,4\n", header + "300,1\n900,2\n") == [
        (3, "window_start_s", "600", f"overlaps a window of {tmp_path / '1.csv'}; " + ONCE),
        (2, "window_start_s", "300", f"overlaps a window of {tmp_path / '0.csv'}; " + ONCE),
        (3, "window_start_s", "900", f"overlaps a window of {tmp_path / '0.csv'}; " + ONCE),
    ]


def test_rates_of_clients_are_summed(tmp_path: Path) -> None:
    """At 600 s only client a has a row, at 1200 s none: the former is recorded, the latter not."""
    text = "client,window_start_s,rate_rps,cv\na,0,1,1\nb,0,2,1\na,600,4,1\nb,1800,8,1\n"
    windows, notes = of(tmp_path, text)
    assert starts_s(windows) == [0, 600, 1800]
    assert list(windows.requests) == [1800, 2400, 4800]
    assert np.isnan(windows.with_lengths).all()
    assert np.isnan(windows.output_tokens).all()
    assert not notes


def test_clients_may_stand_in_several_files(tmp_path: Path) -> None:
    header = "client,window_start_s,rate_rps\n"
    windows, _ = of(tmp_path, header + "a,0,1\na,600,1\n", header + "b,600,2\n")
    assert list(windows.requests) == [600, 1800]
    assert problems(tmp_path, header + "a,0,1\na,600,1\n", header + "a,600,2\n") == [
        (2, "client", "a", "window 600 of this client appears twice")
    ]


def test_kinds_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="give one kind"):
        of(tmp_path, "client,window_start_s,rate_rps\n", "window_start_s,req_per_s\n")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            "",
            (1, "", "", "the header must hold window_start_s,req_per_s or client,"),
        ),
        ("0,1.5,1,Gamma,1,2\n", (1, "", "0,1.5,1,Gamma,1,2", "there is no header; ServeGen's own")),
        ("window_start_s,req_per_s\n", (0, "", "", "no rows; write at least two")),
        ("window_start_s,req_per_s\n0,1\n", (0, "", "", "one row; write at least two")),
        ("window_start_s,req_per_s\n0,x\n", (2, "req_per_s", "x", "not a number")),
        ("window_start_s,req_per_s\n0,-1\n", (2, "req_per_s", "-1", "must be between 0 and 1e+09")),
        ("window_start_s,req_per_s\n\n,1\n", (3, "window_start_s", "", "empty; write a number")),
        (
            "window_start_s,req_per_s\n0,1,2\n",
            (2, "", "0,1,2", "3 cells; the header has 2"),
        ),
        (
            "window_start_s,req_per_s\n600,1\n0,1\n",
            (3, "window_start_s", "0", "earlier than the row before; sort the rows"),
        ),
        (
            "window_start_s,req_per_s\n0,1\n600,1\n600,1\n",
            (4, "window_start_s", "600", "appears twice; keep one row per step"),
        ),
        (
            "window_start_s,req_per_s\n0,1\n600,1\n1200,1\n2100,1\n",
            (
                5,
                "window_start_s",
                "2100",
                "900 s after the row before, which is no multiple of the ",
            ),
        ),
        (
            "window_start_s,req_per_s,req_per_s\n0,1,1\n",
            (1, "req_per_s", "", "column appears twice; keep one of them"),
        ),
        (
            "window_start_s,req_per_s,mean_input_tokens\n0,1,1\n",
            (1, "", "window_start_s,req_per_s,mean_input_tokens"[:40], "column mean_output_tokens"),
        ),
        (
            HEADER + "0,0,1,1,2,9,9,\n0,600,1,1,1,9,9,\n",
            (2, "req_per_s_with_lengths", "2", "more than req_per_s"),
        ),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, found: tuple[int, str, str, str]) -> None:
    line, column, value, remedy = problems(tmp_path, text)[0]
    assert (line, column, value) == found[:3]
    assert remedy.startswith(found[3])


def test_the_first_problems_are_told_and_the_others_counted(tmp_path: Path) -> None:
    text = "window_start_s,req_per_s\n" + "".join(f"{600 * n},x\n" for n in range(30))
    told = problems(tmp_path, text)
    assert len(told) == 21
    assert told[-1] == (31, "", "", "and 10 more problems, the last one here")


def test_after_some_problems_a_table_is_not_read_on(tmp_path: Path) -> None:
    text = "window_start_s,req_per_s\n" + "".join(f"{600 * n},x\n" for n in range(1000))
    last = problems(tmp_path, text)[-1]
    assert last == (101, "", "", "and at least 80 more problems, the last one here")
    clients = "client,window_start_s,rate_rps\n" + "a,0,1\n" * 1000
    last = problems(tmp_path, clients)[-1]
    assert last == (102, "", "", "and at least 80 more problems, the last one here")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200), st.sampled_from(["", "window_start_s,req_per_s\n0,1\n", HEADER]))
def test_any_bytes_are_read_or_refused(tmp_path: Path, junk: bytes, before: str) -> None:
    path = tmp_path / "junk.csv"
    path.write_bytes(before.encode() + junk)
    with contextlib.suppress(InputError):
        read(path)


def demand_rows(model: str) -> list[dict[str, str]]:
    with (TRACES / f"servegen_{model}_demand_10min.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@needs_data
def test_the_fortnight_of_m_large() -> None:
    """As the README of the data has it: 2,016 windows of 600 s from 48.4 to 583.0/s, 195.8 in the
    mean, 914 tokens in and 155 out; 15 clients' lengths are not published."""
    windows, notes = read(TRACES / "servegen_m-large_demand_10min.csv")
    rps = windows.requests / 600
    assert len(rps) == 2016
    assert set(np.diff(windows.start_us)) == {600_000_000}
    assert [round(float(each), 1) for each in (rps.mean(), rps.min(), rps.max())] == [
        195.8,
        48.4,
        583.0,
    ]
    assert round(windows.input_tokens.sum() / windows.with_lengths.sum()) == 914
    assert round(windows.output_tokens.sum() / windows.with_lengths.sum()) == 155
    assert notes == ["62.7 % of the requests have lengths; the others are assumed to have the same"]
    for row, number in zip(demand_rows("m-large"), range(2016), strict=True):
        tokens = float(row["input_tok_per_s_with_lengths"]) * 600
        assert windows.input_tokens[number] == pytest.approx(tokens, rel=1e-5)


@needs_data
def test_the_day_of_deepseek_r1() -> None:
    """All requests have lengths; more tokens come out than go in."""
    windows, notes = read(TRACES / "servegen_deepseek-r1_demand_10min.csv")
    assert len(windows.requests) == 144
    assert round(float(windows.requests.mean()) / 600, 1) == 16.0
    assert list(windows.with_lengths) == list(windows.requests)
    assert windows.output_tokens.sum() > windows.input_tokens.sum()
    assert not notes


@needs_data
@pytest.mark.parametrize("model", ["m-large", "deepseek-r1"])
def test_clients_sum_to_the_demand(model: str) -> None:
    """Though rows of rate 0 are dropped, one client lacks windows and one row has no pattern."""
    clients, _ = read(TRACES / f"servegen_{model}_client_rates.csv.gz")
    demand, _ = read(TRACES / f"servegen_{model}_demand_10min.csv")
    assert list(clients.start_us) == list(demand.start_us)
    assert clients.requests / 600 == pytest.approx(demand.requests / 600, abs=1e-4)
    independent: defaultdict[float, float] = defaultdict(float)
    with gzip.open(TRACES / f"servegen_{model}_client_rates.csv.gz", "rt", newline="") as file:
        for row in csv.DictReader(file):
            independent[float(row["window_start_s"])] += float(row["rate_rps"])
    assert clients.requests / 600 == pytest.approx([independent[t] for t in sorted(independent)])


@needs_data
def test_the_published_tables_are_recognised() -> None:
    fitting = {}
    for path in TRACES.glob("servegen_*.csv*"):
        with open_trace(str(path)) as source:
            fitting[path.name] = servegen.fits(head_of(source))
    assert {name for name, fits in fitting.items() if not fits} == {
        "servegen_deepseek-r1_token_lengths_6h.csv",
        "servegen_m-large_token_lengths_6h.csv",
    }
