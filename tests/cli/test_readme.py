"""The README says what is true."""

import re
from pathlib import Path

import pytest

from heteroplan.cli.app import app
from heteroplan.errors import ExitCode

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SET_UP = [
    "pip install uv && uv run heteroplan plan scenarios/quickstart",
    "pip install uv && uv run pytest",
]
OUTPUT = re.search(
    r"<!-- output: heteroplan plan scenarios/quickstart -->\n```\n(.*?)```", README, re.DOTALL
)


def test_set_up_is_two_lines():
    assert [line for line in README.splitlines() if line.startswith("pip ")] == SET_UP


def test_every_command_is_described_and_every_described_one_exists():
    described = re.findall(r"^\| `heteroplan ([a-z]+)", README, re.MULTILINE)
    assert described == [each.callback.__name__ for each in app.registered_commands]
    used = set(re.findall(r"heteroplan ([a-z]+) (?=[a-zA-Z./-]*[/.A-Z-])", README))
    assert used <= set(described)


def test_every_option_exists(run):
    for line in re.findall(r"heteroplan ([a-z]+ [^`\n]*--[^`\n]*)", README):
        helped = run(line.split()[0], "--help").out
        for option in re.findall(r"--[a-z-]+", line):
            assert option in helped, line


def test_exit_codes_are_those_of_the_program():
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)} == set(
        ExitCode
    )


def test_every_shipped_scenario_is_described():
    described = set(re.findall(r"^\| `scenarios/([a-z-]+)`", README, re.MULTILINE))
    assert described == {path.name for path in (ROOT / "scenarios").iterdir()}


def test_output_is_that_of_the_command(run):
    """Title, verdict and baselines word for word; figures within a point of percent.

    Solver versions differ in the last digits, so the schedule itself is not compared.
    """
    assert OUTPUT is not None
    printed = run("plan", str(ROOT / "scenarios" / "quickstart"), "--time-limit", "10").out
    shown = OUTPUT[1]
    assert printed.splitlines()[:4] == shown.splitlines()[:4]
    for label in ("static peak ", "static peak, one GPU type "):
        assert saved(printed, label) == pytest.approx(saved(shown, label), abs=2.0)


def saved(output: str, label: str) -> float:
    """Percent saved against a baseline."""
    found = re.search(rf"^{re.escape(label)} .*?([\d.]+) %", output, re.MULTILINE)
    assert found is not None
    return float(found[1])
