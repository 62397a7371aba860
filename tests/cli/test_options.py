"""Numbers of options are those that files take."""

import math
import subprocess
import sys
import time
from contextvars import ContextVar
from datetime import date, datetime
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
import typer

from heteroplan.cli import options
from heteroplan.cli.app import app
from heteroplan.cli.options import KvTokens
from tests.cli.conftest import Run

NUMBERS = {
    "fit": [
        *("--tp", "--layers", "--context-tokens", "--tokens", "--batch", "--context", "--isl"),
        *("--osl", "--ttft-ms", "--itl-ms", "--percentile", "--kv-tokens"),
        *("--kv-bytes-per-token", "--max-sequences", "--max-batch-tokens", "--startup-s"),
        "--drain-s",
    ],
    "demand": [
        *("--quantile", "--trend", "--growth", "--days", "--prefix-cache", "--max-class-error"),
        "--holdback",
    ],
    "plan": ["--gap", "--time-limit"],
    "check": ["--min-headroom", "--time-limit"],
}


@pytest.mark.parametrize("command", NUMBERS)
@pytest.mark.parametrize("value", ["1_0", "１０", "inf", "nan", "1e400", "-inf", ""])
def test_what_is_no_number_in_a_file_is_none_in_an_option(
    run: Run, command: str, value: str
) -> None:
    for option in NUMBERS[command]:
        ended = run(command, "x", f"{option}={value}")
        assert ended.code == 2, (option, ended.err)
        assert f"Invalid value for '{option}'" in ended.err


def test_no_option_is_left_to_typers_own_numbers() -> None:
    """Which take 1_0, other digits, inf and nan."""
    parsers = {}
    for command in app.registered_commands:
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            kind, *about = get_args(hint) or (hint,)
            if {int, float} & {kind, *get_args(kind)}:
                parsers[command.callback, name] = all(each.parser for each in about)
    assert len(parsers) > 10
    assert [option for option, has_parser in parsers.items() if not has_parser] == []


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("plan x --gap 1", "1 is 100 %; write 0.01 for 1 %, or 100% if that is meant"),
        ("plan x --gap 0.5", "0.5 is 50 %; write 0.005 for 0.5 %, or 50% if that is meant"),
        ("check x --min-headroom 10", "10 is 1000 %; write 0.1 for 10 %, or 1000% if that is"),
        ("check x --min-headroom 2", "2 is 200 %"),
        ("demand x --growth 20%", "'20%' is not a number; write 1.2 for 20% more"),
        ("demand x --growth -10%", "'-10%' is not a number; write 0.9 for 10% less"),
        ("plan x --gap -1%", "'--gap': -1% is too small; write 0 or more, such as 0.01 for 1 %"),
        ("plan x --gap -0.01", "'--gap': -0.01 is too small; write 0 or more, such as 0.01 for"),
        ("nightly x --out y --max-unserved -1%", "-1% is too small; write 0 or more, such as 0.1"),
        ("size x --budget-usd -5", "'--budget-usd': -5 is too small; write 0 or more"),
        ("sweep x --samples -1", "'--samples': -1 is too small; write 1 or more"),
        ("demand x --days 0", "0 is too small; write 1 or more"),
        ("demand x --days 367", "367 is too large; write 366 or less"),
        ("fit x --isl 1e10", "1e10 is too large; write 1,000,000,000 or less"),
        ("fit x --kv-tokens H100:0=1", "is not TOKENS or GPU:TP=TOKENS"),
    ],
)
def test_a_share_or_number_that_is_likely_a_slip_is_asked_for(
    run: Run, command: str, message: str
) -> None:
    ended = run(*command.split())
    assert ended.code == 2
    assert message in ended.err


@pytest.mark.parametrize(
    "command",
    ["plan x --gap 0.49", "plan x --gap 100%", "check x --min-headroom 1000%", "plan x --gap 1%"],
)
def test_shares_with_percent_are_taken(run: Run, command: str) -> None:
    ended = run(*command.split())
    assert "x: no such file" in ended.out + ended.err


@pytest.mark.parametrize(("limit_s", "left_s"), [(20.0, 2.0), (60.0, 6.0), (0.0, 0.0)])
def test_a_tenth_of_a_time_limit_is_left_whatever_the_start_took(
    monkeypatch: pytest.MonkeyPatch, limit_s: float, left_s: float
) -> None:
    """The command began two minutes ago; no limit stays none."""
    began = ContextVar[float]("began")
    began.set(time.monotonic() - 120.0)
    monkeypatch.setattr(options, "_BEGAN", began)
    assert options.seconds_left(limit_s) == left_s


@pytest.mark.parametrize(
    ("text", "ends"),
    [
        ("512:2048", (512.0, 2048.0)),
        ("512:512", (512.0, 512.0)),
        (":5", (0.0, 5.0)),
        ("5:", (5.0, float("inf"))),
    ],
)
def test_a_span_may_be_open_or_one_value(text: str, ends: tuple[float, ...]) -> None:
    found = options.span(text)
    assert (found.low, found.high) == ends


@pytest.mark.parametrize("text", ["5", "", "6:5", "x:5", "5:x", "5:6:7", "nan:"])
def test_what_is_no_span_is_told(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not LOW:HIGH, such as 512:2048"):
        options.span(text)


MOST = {
    "fit": {
        "--tp": "10000",
        "--layers": "10000",
        "--isl": "1000000000",
        "--osl": "1000000000",
        "--ttft-ms": "1000000000000",
        "--itl-ms": "1000000000000",
        "--kv-tokens": "1000000000000",
        "--kv-bytes-per-token": "1000000000000",
        "--max-sequences": "1000000",
        "--max-batch-tokens": "10000000",
        "--startup-s": "86400",
        "--drain-s": "86400",
    },
    "demand": {"--days": "366", "--prefix-cache": "1000000000000000", "--holdback": "10000"},
}


@pytest.mark.parametrize(
    ("command", "option", "most"),
    [(command, *each) for command, options in MOST.items() for each in options.items()],
)
def test_the_greatest_number_of_an_option_is_taken_and_no_greater(
    run: Run, command: str, option: str, most: str
) -> None:
    """As in the files."""
    taken = run(command, "x", f"{option}={most}")
    assert "Invalid value" not in taken.err
    refused = run(command, "x", f"{option}={int(most) + 1}")
    assert (refused.code, f"Invalid value for '{option}'" in refused.err) == (2, True)


@pytest.mark.parametrize("text", ["3", "4", "5"])
def test_bounds_of_a_number_belong_to_it(text: str) -> None:
    assert options.numbers(3, 5)(text) == options.wholes(3, 5)(text) == int(text)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("2", "2 is too small; write 3 or more"),
        ("-4", "-4 is too small; write 3 or more"),
        ("5001", "5001 is too large; write 5,000 or less"),
        ("10000", "10000 is too large; write 5,000 or less"),
    ],
)
def test_a_number_beyond_its_bounds_is_told_with_the_nearer_one(text: str, told: str) -> None:
    for kind in (options.numbers, options.wholes):
        with pytest.raises(typer.BadParameter, match=rf"^{told}$"):
            kind(3, 5000)(text)


def test_whole_numbers_are_plain_digits() -> None:
    assert options.wholes(-10, 100)("-7") == -7
    for text in ("1.0", "+1", " 1", "1e1", "", "-"):
        with pytest.raises(typer.BadParameter, match="is not a whole number; write digits, such"):
            options.wholes(0, 100)(text)
    assert options.wholes(0, 100)("0005") == 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("516000", KvTokens(None, 516_000)),
        ("H100-SXM-80GB:4=7", KvTokens(("H100-SXM-80GB", 4), 7)),
        ("a:b=c:8=9", KvTokens(("a:b=c", 8), 9)),
        ("A:10000=1000000000000", KvTokens(("A", 10_000), 10**12)),
    ],
)
def test_cache_sizes_are_of_an_engine_or_of_all(text: str, found: KvTokens) -> None:
    assert options.kv_tokens(text) == found


@pytest.mark.parametrize(
    "text", ["=5", ":4=5", "4=5", "H100:=5", "H100:4=", "H100:4=0", "0", "A:10001=1"]
)
def test_what_is_no_cache_size_is_told(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is not TOKENS or GPU:TP=TOKENS, such as 516000"):
        options.kv_tokens(text)


def test_shares_may_be_none() -> None:
    assert options.share_or_none("none") is None
    assert [options.share_or_none(text) for text in ("0.95", "95 %", "0")] == [0.95, 0.95, 0.0]
    assert options.share("7") == 7.0


def test_columns_are_pairs_of_our_names_and_theirs() -> None:
    """Theirs are as they stand, with blanks and signs."""
    assert options.columns("timestamp=ts, isl =a=b,osl= c ") == {
        "timestamp": "ts",
        "isl": "a=b",
        "osl": " c ",
    }
    for text in ("timestamp", "=ts", "timestamp=", "timestamp=ts,", ""):
        with pytest.raises(typer.BadParameter, match=r"is not NAME=COLUMN,..., such as timestamp="):
            options.columns(text)


def test_factors_and_seconds_have_no_unit() -> None:
    assert (options.factor("1.2"), options.seconds("60")) == (1.2, 60.0)
    with pytest.raises(
        typer.BadParameter, match=r"^'5%' is not a number; write 1\.05 for 5% more$"
    ):
        options.factor("5%")
    with pytest.raises(typer.BadParameter, match=r"^'x' is not a number; write a factor, such as"):
        options.factor("x")
    with pytest.raises(typer.BadParameter, match=r"'1min' is .*; write seconds without a unit"):
        options.seconds("1min")


def test_names_are_not_empty() -> None:
    assert options.named_file("a") == "a"
    assert (options.named_path("a"), options.named_folder(".")) == (Path("a"), Path())
    for read in (options.named_file, options.named_path):
        with pytest.raises(typer.BadParameter, match=r"^the name is empty; name a file$"):
            read("")
    with pytest.raises(typer.BadParameter, match=r"^the name is empty; name a folder, such as \."):
        options.named_folder("")


def test_durations_and_sizes_have_units() -> None:
    assert (options.duration_s("15min"), options.byte_size("2KiB")) == (900, 2048)
    with pytest.raises(typer.BadParameter, match=r"^'15' is "):
        options.duration_s("15")
    with pytest.raises(typer.BadParameter, match=r"^'x' is no number of bytes; write for example"):
        options.byte_size("x")
    assert (options.HELD, options.MEASURED_HELD) == ("512 MiB", "128 MiB")


def test_days_and_moments_are_of_our_time() -> None:
    """1970 to 2199, as in the files."""
    for year in (1970, 2199):
        assert options.day(f"{year}-12-31") == date(year, 12, 31)
        assert options.moment(f"{year}-12-31T06:30") == datetime(year, 12, 31, 6, 30)
    for text in ("1969-12-31", "2200-01-01", "soon"):
        with pytest.raises(typer.BadParameter, match=f"^'{text}' is no date; write for example"):
            options.day(text)
        with pytest.raises(typer.BadParameter, match=f"^'{text}' is no moment; write for example"):
            options.moment(text)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 s on a clock that stands still, in a process that began at 900 s."""
    monkeypatch.setattr(options, "_BEGAN", ContextVar[float]("began"))
    monkeypatch.setattr(options, "_PROCESS_BEGAN", [900.0])
    monkeypatch.setattr(time, "monotonic", lambda: 1000.0)


@pytest.mark.usefixtures("now")
def test_the_first_command_began_with_the_process_and_others_begin_now() -> None:
    assert options.seconds_left(250.0) == 250.0
    options.begin()
    assert options.seconds_left(250.0) == 150.0
    options.begin()
    assert options.seconds_left(250.0) == 250.0


@pytest.mark.usefixtures("now")
def test_what_is_no_time_limit_stays_as_it_is() -> None:
    options.begin()
    assert [options.seconds_left(each) for each in (-5.0, 0.0)] == [-5.0, 0.0]
    assert math.isnan(options.seconds_left(math.nan))


def test_a_command_is_charged_what_the_process_used_before_it() -> None:
    """Half a CPU second before anything of heteroplan is there."""
    code = (
        "import time\nwhile time.process_time() < 0.5: pass\n"
        "from heteroplan.cli import options\noptions.begin()\nprint(options.seconds_left(100.0))"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert float(done.stdout) <= 99.5
