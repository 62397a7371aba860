"""Ctrl-C during a solve."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from heteroplan.cli.interrupts import Interrupt

MESSAGE = "Interrupted: ending with the best plan so far. Press again to end at once.\n"
TWICE = """
import signal
from heteroplan.cli.interrupts import Interrupt

with Interrupt() as interrupted:
    signal.raise_signal(signal.SIGINT)
    print("noted", interrupted(), flush=True)
    signal.raise_signal(signal.SIGINT)
    print("not reached", flush=True)
"""

UNHEARD = """
import os
import signal
from heteroplan.cli.interrupts import Interrupt

os.close(2)
with Interrupt() as interrupted:
    signal.raise_signal(signal.SIGINT)
    print("noted", interrupted(), flush=True)
"""


def ours(number: int, frame: object) -> None:
    """A handler that stood before."""


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, ours)
    yield
    signal.signal(signal.SIGINT, before)


def test_nothing_pressed_is_nothing_noted(capfd: pytest.CaptureFixture[str]) -> None:
    with Interrupt() as interrupted:
        assert not interrupted()
    assert not interrupted()
    assert signal.getsignal(signal.SIGINT) is ours
    assert capfd.readouterr() == ("", "")


def test_the_first_press_is_noted_and_told(capfd: pytest.CaptureFixture[str]) -> None:
    """The next one would end the process; what stood before stands again afterwards."""
    with Interrupt() as interrupted:
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert interrupted()
    assert signal.getsignal(signal.SIGINT) is ours
    assert capfd.readouterr() == ("", MESSAGE)


def test_what_stood_before_stands_again_after_an_error() -> None:
    with pytest.raises(ValueError, match="while solving"), Interrupt():
        raise ValueError("while solving")
    assert signal.getsignal(signal.SIGINT) is ours


def test_the_second_press_ends_the_process() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == -signal.SIGINT
    assert done.stdout == "noted True\n"
    assert done.stderr == MESSAGE


def test_a_press_is_noted_where_nobody_can_be_told() -> None:
    """Standard error takes nothing, as one that is closed or on a full disk."""
    done = subprocess.run(
        [sys.executable, "-c", UNHEARD], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, "noted True\n")
