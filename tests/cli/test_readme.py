"""The README says what is true."""

import re
from pathlib import Path

import pytest

from heteroplan.cli.app import app
from heteroplan.errors import ExitCode
from tests.cli.conftest import Run

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = [
    "pip install uv && uv run heteroplan plan scenarios/quickstart",
    "pip install uv && uv run pytest",
]
OUTPUTS = dict(re.findall(r"<!-- output: heteroplan (.*?) -->\n```\n(.*?)```", README, re.DOTALL))
OUTPUT = OUTPUTS["plan scenarios/quickstart"]


def test_set_up_is_two_lines() -> None:
    assert [line for line in README.splitlines() if line.startswith("pip ")] == SET_UP


def test_every_command_is_described_and_every_described_one_exists() -> None:
    described = re.findall(r"^\| `heteroplan ([a-z]+)", README, re.MULTILINE)
    assert described == [
        each.callback.__name__ for each in app.registered_commands if each.callback
    ]
    used = set(re.findall(r"heteroplan ([a-z]+) (?=[a-zA-Z./-]*[/.A-Z-])", README))
    assert used <= set(described)


def test_every_option_exists(run: Run) -> None:
    for line in re.findall(r"heteroplan ([a-z]+ [^`\n]*--[^`\n]*)", README):
        helped = run(line.split()[0], "--help").out
        for option in re.findall(r"--[a-z-]+", line):
            assert option in helped, line


def test_exit_codes_are_those_of_the_program() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)} == set(
        ExitCode
    )


def test_every_shipped_scenario_is_described() -> None:
    described = set(re.findall(r"^\| `scenarios/([a-z-]+)`", README, re.MULTILINE))
    assert described == {path.name for path in (ROOT / "scenarios").iterdir()}


def without_seconds(output: str) -> list[str]:
    """Lines as they are shown; how long the solve took is another each time."""
    return [re.sub(r", [\d.]+ s\b", ", ... s", line).rstrip() for line in output.splitlines()]


@pytest.mark.parametrize("command", OUTPUTS)
def test_output_is_that_of_the_command(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Line by line; `.ci/refresh-readme` renews it."""
    monkeypatch.chdir(ROOT)
    printed = run(*command.split()).out
    assert without_seconds(printed) == without_seconds(OUTPUTS[command])


def percents(begin: str, text: str) -> list[str]:
    """The percentages of the one line that begins so."""
    (line,) = (line for line in text.splitlines() if line.startswith(begin))
    return re.findall(r"[\d.]+(?= %)", line)


def test_figures_of_quickstart_are_those_of_its_output() -> None:
    """Its gap, and what a static peak costs more, of all GPU types and of one."""
    assert percents("| its gap |", README) == percents("Solver: ", OUTPUT)
    saved = [
        percents(f"{peak}  ", OUTPUT)[0] for peak in ("static peak", "static peak, one GPU type")
    ]
    assert percents("| its cost against a static peak;", README) == saved
