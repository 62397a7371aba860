"""Which plan a file belongs to, so that files of two plans are not taken for one.

plan.json has `plan_id`, schedule.csv and placement.csv a column `plan`, report.html a meta tag. A
run that is killed between their renames leaves files of two plans side by side.
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from heteroplan.errors import InputProblem
from heteroplan.reading.input_files import shown

META = "heteroplan-plan"
"""Name of the meta tag."""
BESIDE = ("schedule.csv", "report.html")
"""Written with every plan.json."""
_ID = re.compile("[0-9a-f]{16}")
_TAG = re.compile(f'<meta name="{META}" content="([0-9a-f]{{16}})">')
_HEAD = 65_536
"""Characters of a page within which the tag stands."""
_MOST_BYTES = 512 * 2**20
"""Largest file that is looked into [bytes]."""
_REMEDY = (
    "a run was cut short, or the files are of two runs; plan again, or keep the files of each plan "
    "in a folder of its own"
)


def content_id(text: str | bytes) -> str:
    """Id of the plan in the text of a plan.json: 16 hex digits of a hash over its content.

    All but the id itself and `solver.seconds`. Spacing, the order of fields, and 1 or 1.0 make no
    difference.
    """
    document = json.loads(text, parse_int=float)
    document.pop("plan_id", None)
    document["solver"].pop("seconds", None)
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:16]


def plan_problems(path: Path | None, content: bytes, plan_id: str | None) -> Iterator[InputProblem]:
    """What is wrong with the id of a valid plan.json, and with the files beside `path`.

    A plan without an id was written before there were any. `path` is None for standard input.
    """
    file = "<stdin>" if path is None else str(path)
    if plan_id is not None and (found := content_id(content)) != plan_id:
        remedy = (
            f"the content is that of another plan ({found}): it was changed after it was written; "
            "plan again, or remove plan_id to read it as it is"
        )
        yield InputProblem(file, 0, "plan_id", plan_id, remedy)
        return
    for other in () if path is None else (path.with_name(name) for name in BESIDE):
        if strangers := _named(other) - {plan_id}:
            remedy = f"{shown(other)} is of plan {' and '.join(sorted(strangers))}; {_REMEDY}"
            yield InputProblem(file, 0, "plan_id", plan_id or "none", remedy)


def placement_problems(plans: set[str], file: str, folder: Path | None) -> Iterator[InputProblem]:
    """What is wrong with the plans that the rows of a placement name, and with plan.json beside it.

    `folder` is that of the placement; None for standard input.
    """
    if len(plans) > 1:
        remedy = f"rows of plans {' and '.join(sorted(plans))}; give the placement of one plan"
        yield InputProblem(file, 0, "plan", "", remedy)
        return
    beside = None if folder is None else folder / "plan.json"
    own = _plan_of(beside) if beside is not None and plans else None
    if beside is not None and own is not None and plans != {own}:
        remedy = f"{shown(beside)} is of plan {own or 'none'}; {_REMEDY} (plan --placement)"
        yield InputProblem(file, 0, "plan", "".join(plans), remedy)


def _named(path: Path) -> set[str]:
    """Plans that schedule.csv or report.html names; none where it is absent, or another's file."""
    try:
        if not _is_plain(path):
            return set()
        with path.open(encoding="utf-8", newline="") as file:
            if path.suffix == ".html":
                return set(_TAG.findall(file.read(_HEAD)))
            named = {row.get("plan") or "" for row in csv.DictReader(file)}
            return {each for each in named if _ID.fullmatch(each)}
    except (OSError, ValueError, csv.Error):
        return set()


def _plan_of(path: Path) -> str | None:
    """Id in a plan.json, empty where it has none; None where there is no plan."""
    try:
        document = json.loads(path.read_bytes()) if _is_plain(path) else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or "heteroplan_version" not in document:
        return None
    return str(document.get("plan_id", ""))


def _is_plain(path: Path) -> bool:
    """Whether it is there, no stream, and not too large for a file of ours."""
    return path.is_file() and path.stat().st_size <= _MOST_BYTES
