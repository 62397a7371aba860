"""`--set PATH=VALUE`: fields of the scenario set from the command line."""

import re
from collections.abc import Sequence
from typing import Any

from heteroplan.errors import InputError, InputProblem
from heteroplan.reading.yaml_source import Document, FieldPath, dotted, parse_value

OPTION = "--set"
_STEP = re.compile(r"\.?([^.\[\]=]+)|\[([0-9]{1,6})\]")


def override(
    document: Document, overrides: Sequence[str], interval: str | None
) -> list[InputProblem]:
    """Set fields of `document` in place; what cannot be set is a problem.

    A list's entry goes by index (`workloads[0].priority=2`) or by name
    (`workloads.chat-70b.priority=2`). Values are YAML. Keys that the schema does not know are
    left for it to refuse.
    """
    problems = []
    for text in overrides:
        try:
            path, value = _parsed(text)
            _set(document, path, value, OPTION)
        except ValueError as error:
            problems.append(InputProblem(OPTION, 0, "", text, str(error)))
        except InputError as error:
            remedy = error.problems[0].remedy
            problems.append(InputProblem(OPTION, 0, "", text, remedy))
    if interval is not None:
        try:
            _set(document, ("horizon", "interval"), interval, "--interval")
        except ValueError as error:
            problems.append(InputProblem("--interval", 0, "", interval, str(error)))
    return problems


def _parsed(text: str) -> tuple[FieldPath, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError("not PATH=VALUE; write for example workloads[0].headroom=0.2")
    path: list[str | int] = []
    end = 0
    while end < len(name):
        step = _STEP.match(name, end)
        if step is None:
            break
        path.append(step[1] if step[1] is not None else int(step[2]))
        end = step.end()
    if not path or end < len(name):
        raise ValueError(f"'{name}' is not a path; write for example workloads[0].headroom")
    return tuple(path), parse_value(value, OPTION)


def _set(document: Document, path: FieldPath, value: Any, option: str) -> None:
    at: Any = document.data
    trail: list[str | int] = []
    for i, step in enumerate(path):
        where = dotted(path[: i + 1])
        key = _entry(at, step, where)
        trail.append(key)
        if i == len(path) - 1:
            at[key] = value
        elif isinstance(at, dict) and at.get(key) is None:
            at[key] = {}
        at = at[key]
    document.origins[tuple(trail)] = option


def _entry(at: Any, step: str | int, where: str) -> str | int:
    """Key or index of `step` in `at`. Raises ValueError where it cannot have one."""
    if isinstance(at, dict) and isinstance(step, str):
        return step
    if isinstance(at, list) and isinstance(step, int) and step < len(at):
        return step
    if isinstance(at, list) and isinstance(step, str):
        names = [item.get("name") if isinstance(item, dict) else None for item in at]
        if step in names:
            return names.index(step)
        known = ", ".join(str(name) for name in names if name is not None)
        raise ValueError(f"unknown path: no entry {where}; there are {known}")
    if isinstance(at, list):
        raise ValueError(f"unknown path: no entry {where}; the list has {len(at)} entries")
    raise ValueError(f"unknown path: {where}; nothing can be set there")
