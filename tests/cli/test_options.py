"""Numbers of options are those that files take."""

import time
from contextvars import ContextVar
from typing import get_args, get_type_hints

import pytest

from heteroplan.cli import options
from heteroplan.cli.app import app

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
def test_what_is_no_number_in_a_file_is_none_in_an_option(run, command, value):
    for option in NUMBERS[command]:
        ended = run(command, "x", f"{option}={value}")
        assert ended.code == 2, (option, ended.err)
        assert f"Invalid value for '{option}'" in ended.err


def test_no_option_is_left_to_typers_own_numbers():
    """Which take 1_0, other digits, inf and nan."""
    for command in app.registered_commands:
        for name, hint in get_type_hints(command.callback, include_extras=True).items():
            kind, *about = get_args(hint) or (hint,)
            if {int, float} & {kind, *get_args(kind)}:
                assert all(each.parser for each in about), (command.callback, name)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("plan x --gap 1", "1 is 100 %; write 0.01 for 1 %, or 100% if that is meant"),
        ("plan x --gap 0.5", "0.5 is 50 %; write 0.005 for 0.5 %, or 50% if that is meant"),
        ("check x --min-headroom 10", "10 is 1000 %; write 0.1 for 10 %, or 1000% if that is"),
        ("check x --min-headroom 2", "2 is 200 %"),
        ("demand x --growth 20%", "'20%' is not a number; write 1.2 for 20% more"),
        ("demand x --days 0", "0 is not between 1 and 366"),
        ("demand x --days 367", "367 is not between 1 and 366"),
        ("fit x --isl 1e10", "1e10 is not between 1 and 1,000,000,000"),
        ("fit x --kv-tokens H100:0=1", "is not TOKENS or GPU:TP=TOKENS"),
    ],
)
def test_a_share_or_number_that_is_likely_a_slip_is_asked_for(run, command, message):
    ended = run(*command.split())
    assert ended.code == 2
    assert message in ended.err


@pytest.mark.parametrize(
    "command",
    ["plan x --gap 0.49", "plan x --gap 100%", "check x --min-headroom 1000%", "plan x --gap 1%"],
)
def test_shares_with_percent_are_taken(run, command):
    ended = run(*command.split())
    assert "x: no such file" in ended.out + ended.err


@pytest.mark.parametrize(("limit_s", "left_s"), [(20.0, 2.0), (60.0, 6.0), (0.0, 0.0)])
def test_a_tenth_of_a_time_limit_is_left_whatever_the_start_took(monkeypatch, limit_s, left_s):
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
def test_a_span_may_be_open_or_one_value(text, ends):
    found = options.span(text)
    assert (found.low, found.high) == ends
