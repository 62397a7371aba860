"""Python sessions in pages of the documentation: blocks marked `pycon`, run anew.

All blocks of a page are one session, in a folder of its own in which `scenarios` and `fleets` are
the repository's.
"""

import contextlib
import io
import re
import tempfile
from doctest import DocTestParser
from pathlib import Path
from typing import Any

from tests.docs.pages import ROOT

_BLOCK = re.compile(r"^```pycon\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def with_sessions(text: str) -> str:
    """The page with what its sessions print. Raises whatever a cell raises."""
    names: dict[str, Any] = {"__name__": "__main__"}

    def renewed(block: re.Match[str]) -> str:
        cells = [each.source for each in DocTestParser().get_examples(block[1])]
        body = "".join(f"{_shown(cell)}{_printed(cell, names)}" for cell in cells)
        return f"```pycon\n{body}```"

    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        for shared in ("scenarios", "fleets"):
            Path(shared).symlink_to(ROOT / shared)
        return _BLOCK.sub(renewed, text)


def _shown(cell: str) -> str:
    """The lines of a cell behind their prompts."""
    first, *others = cell.splitlines()
    return "".join([f">>> {first}\n", *(f"... {line}\n" for line in others)])


def _printed(cell: str, names: dict[str, Any]) -> str:
    """Lines without blanks at their ends."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(cell, "<cell>", "single"), names)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())
