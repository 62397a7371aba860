"""Python in the documentation runs and prints what the pages say."""

import re
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

import pytest
import typer

import heteroplan
from heteroplan.cli.app import app
from tests.docs.pages import PAGES, ROOT, named
from tests.docs.sessions import with_sessions

PYTHON = ROOT / "docs" / "how-to" / "python.md"


@pytest.mark.long
@pytest.mark.parametrize(
    "page", [page for page in PAGES if "```pycon" in page.read_text()], ids=named
)
def test_sessions_print_what_the_page_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert with_sessions(text).splitlines() == text.splitlines(), "run .ci/refresh-docs"


def test_keywords_that_are_no_option_of_that_name_are_listed() -> None:
    table = PYTHON.read_text(encoding="utf-8").partition("## Keywords")[2].partition("## ")[0]
    listed: dict[str, set[str]] = {
        name: set() for name in ("plan", "check", "compare", "demand", "fit", "replay")
    }
    for row in re.findall(r"^\| (`.*?) \| (`.*?) \|", table, re.MULTILINE):
        functions, keywords = (re.findall(r"`(\w+)`", cell) for cell in row)
        for function in functions:
            listed[function].update(keywords)
    commands: Any = typer.main.get_command(app)
    for function, names in listed.items():
        options = {name for each in commands.commands[function].params for name in each.opts}
        shown = [
            name
            for name, each in signature(getattr(heteroplan, function)).parameters.items()
            if each.kind is not Parameter.POSITIONAL_ONLY
        ]
        assert names == {name for name in shown if f"--{name.replace('_', '-')}" not in options}, (
            function
        )


def test_every_frame_is_listed() -> None:
    rows = re.findall(r"^\| `(\w+)` \| `(\w+)\(\)` \|", PYTHON.read_text("utf-8"), re.MULTILINE)
    results = {
        "plan": heteroplan.PlanResult,
        "check": heteroplan.CheckResult,
        "compare": heteroplan.CompareResult,
        "demand": heteroplan.DemandResult,
        "fit": heteroplan.FitResult,
        "replay": heteroplan.ReplayResult,
    }
    assert sorted(rows) == sorted(
        (function, name)
        for function, kind in results.items()
        for name in dir(kind)
        if name.endswith("_frame")
    )
