"""Pages show what the program prints, link to what is there, and name what exists."""

import functools
import os
import re
from pathlib import Path
from typing import Any

import pytest
import typer

from heteroplan.cli.app import app
from heteroplan.forecasting.traces.formats import FORMATS as TRACES
from heteroplan.inventory.formats import FORMATS as INVENTORIES
from heteroplan.profiles.readers.formats import FORMATS as MEASUREMENTS
from heteroplan.schedules.formats import FORMATS
from tests.docs.generated import each_command, slug
from tests.docs.pages import (
    PAGES,
    ROOT,
    has_commands,
    named,
    with_generated,
    with_outputs,
    without_seconds,
)

TEXTS = {page: page.read_text(encoding="utf-8") for page in PAGES}
RENEW = "run .ci/refresh-docs"
LONG = (
    "docs/how-to/capacity-questions.md",
    "docs/how-to/ci-gate.md",
    "docs/how-to/compare-plans.md",
    "docs/how-to/first-hour.md",
    "docs/how-to/forecast-risk.md",
    "docs/how-to/reading-the-report.md",
    "docs/how-to/replay.md",
    "docs/tutorial.md",
)
"""Pages whose commands plan several times: ten seconds together, or minutes."""


def shown(page: Path) -> str:
    """Text of a page of docs/."""
    return TEXTS[ROOT / "docs" / page]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages share, and the workers of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "plans of pages"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_generated_parts_are_those_of_the_program(page: Path) -> None:
    assert with_generated(TEXTS[page]) == TEXTS[page], RENEW


def with_commands() -> list[object]:
    """The pages that show what commands print."""
    return [
        pytest.param(page, marks=pytest.mark.long if named(page) in LONG else pytest.mark.slow)
        for page in PAGES
        if has_commands(TEXTS[page])
    ]


@pytest.mark.parametrize("page", with_commands(), ids=named)
def test_outputs_are_those_of_the_commands(page: Path, made: Path) -> None:
    """Line by line, in the order of the page; only seconds may differ."""
    assert without_seconds(with_outputs(TEXTS[page], made)) == without_seconds(TEXTS[page]), RENEW


def without_code(text: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)


def anchors(page: Path) -> set[str]:
    headings = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {slug(heading) for heading in re.findall(r"^#+ (.*)$", headings, re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", without_code(TEXTS[page]))
    for link in links:
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        links = re.findall(r"\]\(([^)#\s:]+)", without_code(TEXTS[page]))
        waiting += [(page.parent / link).resolve() for link in links]
    assert reached == set(PAGES)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_file_that_is_named_exists(page: Path) -> None:
    for path in re.findall(r"`((?:heteroplan|tests|scenarios|fleets|\.ci)/[\w./-]*)`", TEXTS[page]):
        assert (ROOT / path).exists() or "NAME" in path, path


@functools.cache
def all_commands() -> dict[str, Any]:
    return dict(each_command(typer.main.get_command(app)))


def options(command: str, rest: str) -> set[str]:
    """Of a command; `rest` of the line begins with the second word of `fleet import`."""
    commands = all_commands()
    second = f"{command} {next(iter(rest.split()), '')}"
    if any(name.startswith(f"{command} ") for name in commands) and not rest.split():
        return {"--help"}
    found = commands[second if second in commands else command]
    params = found.params
    return {name for each in params for name in (*each.opts, *each.secondary_opts)} | {"--help"}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_and_option_exists(page: Path) -> None:
    """Of commands that are shown in code, over several lines where these end with a backslash."""
    text = re.sub(r"\\\n(> )?", " ", TEXTS[page])
    code = "\n".join(re.findall(r"```\w*\n(.*?)```", text, re.DOTALL))
    code += "\n" + "\n".join(re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.S)))
    for command, rest in re.findall(r"(?<![\w/-])heteroplan ([a-z]+)\b([^|\n]*)", code):
        used = re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest.partition(" #")[0])
        assert set(used) <= options(command, rest), (command, rest)


def test_every_format_is_named_where_one_looks_for_it() -> None:
    how_to, own = Path("how-to"), {"heteroplan", "table"}
    for names, page in (
        (TRACES, how_to / "demand-from-traces-and-prometheus.md"),
        (MEASUREMENTS, how_to / "profiles-from-measurements.md"),
        (FORMATS, how_to / "nightly-schedule.md"),
        (INVENTORIES, how_to / "import-a-fleet.md"),
    ):
        text = shown(page).lower()
        assert [name for name in names if name not in own and name not in text] == []
