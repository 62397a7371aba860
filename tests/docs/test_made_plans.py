"""Plans that pages share: made once, and shown as if each page had made its own."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.docs import made_plans
from tests.docs.made_plans import with_made_plans
from tests.docs.running import bash

WORKS = """heteroplan() {{
echo $* >> {ran}; echo Covered; [[ $* == *--out* ]] || return 0
mkdir ${{@: -1}}; echo "{{}}" > ${{@: -1}}/plan.json
echo "Next: heteroplan export ${{@: -1}}/plan.json"
echo "Wrote ${{@: -1}}/plan.json, ${{@: -1}}/x." >&2
}}
"""
"""A command that notes how it was called."""
FAILS = "heteroplan() { false; }\n"


@pytest.fixture
def works(tmp_path: Path) -> str:
    return WORKS.format(ran=tmp_path / "ran")


@pytest.fixture
def run(works: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], str]:
    """What a line prints on a page, with that command."""

    def faked(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
        return bash(works + line, folder)

    monkeypatch.setattr(made_plans, "bash", faked)
    folder, made = tmp_path / "page", tmp_path / "made"
    folder.mkdir()
    made.mkdir()
    return lambda line: faked(with_made_plans(line, folder, made), folder).stdout


@pytest.mark.parametrize("out", ["out", "plan"])
@pytest.mark.parametrize("rest", ["", " > plan.txt", " | tail -1"])
def test_a_page_shows_what_its_own_plan_would_print(
    run: Callable[[str], str], works: str, tmp_path: Path, out: str, rest: str
) -> None:
    line = f"heteroplan plan scenarios/quickstart --out {out}{rest}"
    alone = tmp_path / "alone"
    alone.mkdir()
    assert sorted(run(line).splitlines()) == sorted(bash(works + line, alone).stdout.splitlines())
    assert (tmp_path / "page" / out / "plan.json").read_text() == "{}\n"


def test_without_a_folder_nothing_is_said_of_one(
    run: Callable[[str], str], works: str, tmp_path: Path
) -> None:
    line = "heteroplan plan scenarios/quickstart"
    assert run(line) == bash(works + line, tmp_path).stdout == "Covered\n"
    assert not list((tmp_path / "page").iterdir())


def test_the_same_plan_is_made_once(run: Callable[[str], str], tmp_path: Path) -> None:
    plans = (("a", "one"), ("a", "two"), ("a --set x=1", "three"), ("b", "four"))
    run("heteroplan plan scenarios/a")
    shown = [run(f"heteroplan plan scenarios/{what} --out {out}") for what, out in plans]
    assert "Wrote two/plan.json, two/x." in shown[1]
    assert (tmp_path / "ran").read_text().splitlines() == [
        "plan scenarios/a --out out",
        "plan scenarios/a --set x=1 --out out",
        "plan scenarios/b --out out",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "heteroplan plan scenario.yaml --out out",
        "heteroplan plan scenarios/a --current now/placement.csv --out next",
        "heteroplan plan scenarios/a --out out --placement",
        "heteroplan plan scenarios/a | head -5",
        "heteroplan plan scenarios/a --json",
    ],
)
def test_other_commands_stay_as_they_are(line: str, tmp_path: Path) -> None:
    assert with_made_plans(line, tmp_path, tmp_path) == line


def test_a_command_that_fails_leaves_nothing_to_copy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(made_plans, "bash", lambda line, folder: bash(FAILS + line, folder))
    for _ in range(2):
        with pytest.raises(AssertionError):
            with_made_plans("heteroplan plan scenarios/a --out out", tmp_path, tmp_path)
