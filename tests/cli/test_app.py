"""What holds for every command."""

import subprocess
import sys
from pathlib import Path

import pytest

from heteroplan import __version__
from heteroplan.cli.app import app
from heteroplan.schedules.formats import FORMATS
from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles

COMMANDS = [
    "init",
    "plan",
    "check",
    "replay",
    "sweep",
    "compare",
    "size",
    "validate",
    "explain",
    "export",
    "nightly",
    "demand",
    "fit",
    "profiles",
    "schema",
]
GROUPS = ["fleet"]
"""Commands that have commands."""


def test_version(run: Run) -> None:
    ended = run("--version")
    assert (ended.code, ended.out) == (0, f"heteroplan {__version__}\n")


def test_help_names_every_command_and_exit_code(run: Run) -> None:
    ended = run("--help")
    assert ended.code == 0
    listed = [line.split()[0] for line in ended.out.split("Commands:\n")[1].splitlines()]
    assert listed == COMMANDS + GROUPS
    assert [each.callback.__name__ for each in app.registered_commands if each.callback] == COMMANDS
    assert [
        each.typer_instance.info.name for each in app.registered_groups if each.typer_instance
    ] == GROUPS
    assert "130 interrupted" in ended.out
    assert "--install-completion" in ended.out


@pytest.mark.parametrize("command", COMMANDS + GROUPS)
def test_every_command_has_help(run: Run, command: str) -> None:
    ended = run(command, "--help")
    assert ended.code == 0
    assert ended.out.startswith(f"Usage: heteroplan {command}")


def test_a_command_of_commands_alone_shows_its_help(run: Run) -> None:
    ended = run("fleet")
    assert ended.code == 2
    assert "\nCommands:\n  import " in ended.err
    assert [line.split()[0] for line in ended.err.split("Commands:\n")[1].splitlines()] == [
        "import",
        "show",
        "diff",
    ]


def test_help_of_export_names_every_format(run: Run) -> None:
    words = run("export", "--help").out.replace(",", " ").replace(".", " ").split()
    assert set(FORMATS) <= set(words)


def test_an_unknown_command_ends_with_2(run: Run) -> None:
    ended = run("plam")
    assert ended.code == 2
    assert "No such command 'plam'" in ended.err


def test_no_color_stands_before_or_after_the_command(
    files: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[1;32m" in run_coloured(run, monkeypatch, "validate", ".")
    assert "\x1b[1;32m" not in run_coloured(run, monkeypatch, "--no-color", "validate", ".")
    assert "\x1b[1;32m" not in run_coloured(run, monkeypatch, "validate", ".", "--no-color")


def run_coloured(run: Run, monkeypatch: pytest.MonkeyPatch, *args: str) -> str:
    """Output of a command, with the environment as it was before."""
    with monkeypatch.context() as inner:
        inner.delenv("NO_COLOR", raising=False)
        return run(*args).out


def test_help_needs_no_heavy_import() -> None:
    """Start-up: neither pydantic nor numpy, pulp or rich is read before a command runs."""
    heavy = {"numpy", "pandas", "plotly", "pulp", "highspy", "pydantic", "rich", "scipy", "yaml"}
    script = f"import sys, heteroplan.cli; print(sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_it_runs_as_a_module(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "heteroplan", "--version"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"heteroplan {__version__}\n"
