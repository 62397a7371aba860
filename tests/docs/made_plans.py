"""Plans that several pages make by the same command, made once.

`heteroplan plan scenarios/NAME [--set PATH=VALUE]... [--out DIR]` gives the same files and text in
each page, seconds apart; without `--out` it does not say what was written, nor what to do with it.
The first page that needs it makes it; the others take a copy. Pages may be renewed in several
processes at once.
"""

import fcntl
import hashlib
import re
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.docs.running import bash

_PLAN = re.compile(
    r"heteroplan plan (?P<what>scenarios/[\w-]+(?: --set [\w.=-]+)*)"
    r"(?: --out (?P<out>\w+)(?= [>|]|$)|$)",
    re.M,
)
OUT, SHOWN, TOLD = "out", "shown.txt", "told.txt"


def with_made_plans(line: str, folder: Path, made: Path) -> str:
    """A command line in which such a plan is copied to where it would be written.

    What it prints goes where the line sends it.
    """
    return _PLAN.sub(lambda found: _copied(found["what"], found["out"], folder, made), line)


def _copied(what: str, out: str | None, folder: Path, made: Path) -> str:
    place = made / hashlib.sha256(what.encode()).hexdigest()[:16]
    with _locked(place.with_suffix(".lock")):
        if not place.exists():
            _make(what, folder, place)
    shown, told = (shlex.quote(str(place / name)) for name in (SHOWN, TOLD))
    if out is None:
        edited = "/^(Next:|Wrote) /d"
    else:
        shutil.copytree(place / OUT, folder / out)
        edited = f"s#(^| ){OUT}/#\\1{out}/#g"
    return f"{{ sed -E '{edited}' {shown}; sed -E '{edited}' {told} >&2; }}"


def _make(what: str, folder: Path, place: Path) -> None:
    """All of it or nothing. Raises AssertionError with what the command says when it fails."""
    beside = place.with_suffix(".part")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    for shared in ("scenarios", "fleets"):
        (beside / shared).symlink_to((folder / shared).resolve())
    done = bash(f"heteroplan plan {what} --out {OUT} > {SHOWN} 2> {TOLD}", beside)
    assert done.returncode == 0, (what, (beside / TOLD).read_text(encoding="utf-8"))
    beside.rename(place)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
