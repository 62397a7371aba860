import io
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TextIO

import pytest
import typer

from heteroplan.cli import main
from tests.scenario_files import ScenarioFiles

COMMAND = (sys.executable, "-m", "heteroplan")
made_once = cache(typer.main.get_command)
"""Typer makes all commands of an app whenever it is called, which a process does once."""


@dataclass(frozen=True)
class Ended:
    """A command that ran to its end."""

    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ScenarioFiles:
    """A small scenario, written, whose folder is the working directory."""
    monkeypatch.chdir(tmp_path)
    made = ScenarioFiles(tmp_path)
    made.write()
    return made


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process, 80 columns wide and without colours.

    With the text of `stdin` as standard input, and `stdout` as standard output, which is not read.
    """
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr("typer.main.get_command", made_once)

    def run(*args: str, stdin: str | None = None, stdout: TextIO | None = None) -> Ended:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["heteroplan", *args])
        monkeypatch.setattr("heteroplan.cli.options._PROCESS_BEGAN", [])
        with monkeypatch.context() as streams:
            if stdin is not None:
                given = io.TextIOWrapper(io.BytesIO(stdin.encode()), encoding="utf-8")
                streams.setattr(sys, "stdin", given)
            if stdout is not None:
                streams.setattr(sys, "stdout", stdout)
            with pytest.raises(SystemExit) as ended:
                main()
        out, err = capsys.readouterr()
        return Ended(int(ended.value.code or 0), out, err)

    return run


def run_apart(
    args: Sequence[str], *, cwd: Path, stdin: str = "", stdout: int = subprocess.PIPE
) -> Ended:
    """Runs a command in a process of its own, with a terminal's environment of 80 columns."""
    environment = {**os.environ, "COLUMNS": "80"}
    done = subprocess.run(
        [*COMMAND, *args],
        input=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env=environment,
        timeout=120,
        check=False,
    )
    return Ended(done.returncode, done.stdout or "", done.stderr)


@pytest.fixture
def apart() -> Run:
    """`run_apart`."""
    return run_apart
