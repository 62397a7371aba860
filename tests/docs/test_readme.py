"""The README says what is true, in 8 KB."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from heteroplan.cli.app import app
from heteroplan.errors import ExitCode
from tests.docs.pages import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
FIGURES = (ROOT / "docs/figures.md").read_text(encoding="utf-8")
SET_UP = [
    "pip install uv && uv run heteroplan plan scenarios/quickstart",
    "pip install uv && uv run pytest",
]


def test_it_is_short() -> None:
    assert len(README.encode()) <= 8192


def test_set_up_is_two_lines() -> None:
    assert [line for line in README.splitlines() if line.startswith("pip ")] == SET_UP


def test_every_command_is_described_and_every_described_one_exists() -> None:
    commands: Any = typer.main.get_command(app)
    described = re.findall(r"^\| `heteroplan ([a-z]+)", README, re.MULTILINE)
    assert described == list(commands.commands)


def test_exit_codes_are_those_of_the_program() -> None:
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)} == set(
        ExitCode
    )


def test_every_shipped_scenario_is_described() -> None:
    described = set(re.findall(r"^\| `scenarios/([a-z-]+)`", README, re.MULTILINE))
    assert described == {path.name for path in (ROOT / "scenarios").iterdir()}


@pytest.mark.slow
def test_python_example_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It prints the costs of the baselines that the README shows."""
    (example,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(ROOT)
    exec(example, {})
    rows = [line.split() for line in capsys.readouterr().out.splitlines()[1:]]
    assert rows[0][1] == "static_peak"
    for _, _, cost, _ in rows:
        assert f" {float(cost):,.2f} " in README.replace("\n", " ")


def percents(begin: str, text: str) -> list[str]:
    """The percentages of the one line that begins so."""
    (line,) = (line for line in text.splitlines() if line.startswith(begin))
    return re.findall(r"[\d.]+(?= %)", line)


def test_figures_of_quickstart_are_those_of_its_output() -> None:
    """Its gap, and what a static peak costs more, of all GPU types and of one."""
    assert percents("| quickstart, gap |", FIGURES) == percents("Solver: ", README)
    begins = ("static peak (cheapest to  ", "static peak, one GPU type  ")
    saved = [percents(begin, README)[0] for begin in begins]
    assert percents("| quickstart, cost against a static peak;", FIGURES) == saved


def test_the_source_distribution_holds_what_the_readme_links_to() -> None:
    project = Path(ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert '"docs"' in project
