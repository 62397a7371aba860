"""Pages of the documentation, and what the program says in them.

Three kinds of block are renewed:

- A `console` block: lines that begin with `$ ` are commands, run by bash in the order of the page,
  and what follows each is what it prints at 80 columns. All commands of a page share a folder of
  their own, in which `scenarios` and `fleets` are the repository's. A command that fails is an
  error unless `$ echo $?` comes next.
- A block after `<!-- file: NAME -->`: its content is written to that file of the folder, so that
  the commands after it find it.
- What stands between `<!-- generated: NAME -->` and `<!-- end -->`: text made by `generated`.
"""

import re
import tempfile
from pathlib import Path

from tests.docs.generated import GENERATED
from tests.docs.made_plans import with_made_plans
from tests.docs.running import bash

ROOT = Path(__file__).resolve().parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
_BLOCK = re.compile(
    r"^(?:<!-- file: (?P<file>\S+) -->\n)?```(?P<kind>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.M
)
_SPEED = re.compile(r"in\s[\d.,]+\sCPU\sseconds:\s[\d.,]+\srequests\sx\spolicies\sa\ssecond")
_GENERATED = re.compile(r"(<!-- generated: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def named(page: Path) -> str:
    """The page's path in the repository."""
    return page.relative_to(ROOT).as_posix()


def with_generated(text: str) -> str:
    """The page with its generated parts made anew."""
    return _GENERATED.sub(lambda found: f"{found[1]}\n{GENERATED[found[2]]()}\n{found[3]}", text)


def has_commands(text: str) -> bool:
    """Whether any block of the page shows what commands print."""
    return any(found["kind"] == "console" for found in _BLOCK.finditer(text))


def with_outputs(text: str, made: Path) -> str:
    """The page with its commands run anew. Raises AssertionError for a command that fails.

    `made` is a folder that pages share: a plan that is there is not made again.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for shared in ("scenarios", "fleets"):
            (folder / shared).symlink_to(ROOT / shared)
        return _BLOCK.sub(lambda found: _renewed(found, folder, made), text)


def _renewed(block: re.Match[str], folder: Path, made: Path) -> str:
    if block["file"]:
        path = folder / block["file"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block["body"], encoding="utf-8")
    if block["kind"] != "console":
        return block[0]
    return f"```console\n{_session(_commands(block['body']), folder, made)}```"


def _commands(body: str) -> list[str]:
    """Commands as they are shown, those of several lines with `> ` before the later ones."""
    return re.findall(r"^\$ .*\n(?:> .*\n)*", body, re.M)


def _session(commands: list[str], folder: Path, made: Path) -> str:
    text, code = "", 0
    for shown in commands:
        line = re.sub(r"^[$>] ", "", shown, flags=re.M)
        assert code == 0 or line.startswith("echo $?"), f"{text}\nended with {code}"
        done = bash(f"(exit {code}); {with_made_plans(line, folder, made)}", folder)
        code = done.returncode
        text += shown + "".join(f"{each.rstrip()}\n" for each in done.stdout.splitlines())
    assert code == 0, f"{text}\nended with {code}"
    return text


def without_seconds(text: str) -> list[str]:
    """Lines of a page; how long a command took is another each time, and may begin a line."""
    text = _SPEED.sub("in ... CPU seconds: ... requests x policies a second", text)
    return re.sub(r",\s[\d.]+ s$", ", ... s", text, flags=re.M).splitlines()
