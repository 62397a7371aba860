"""Constants of the optimiser and of the placement, read from their modules."""

import ast
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import heteroplan

ROOMS = ("optimize", "placement", "planning")
ROOT = Path(heteroplan.__file__).parent


def constants() -> str:
    """A row a constant: where it stands, its value, and the text below it."""
    lines = ["| module | constant | value | meaning |", "|---|---|---|---|"]
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            module = path.relative_to(ROOT).with_suffix("").as_posix()
            lines += [f"| `{module}` | {row} |" for row in _rows(path)]
    return "\n".join(lines)


def _rows(path: Path) -> Iterator[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    for statement, below in pairwise([*body, ast.Pass()]):
        if not isinstance(statement, ast.Assign):
            continue
        (target,) = statement.targets
        names = [ast.unparse(each) for each in getattr(target, "elts", [target])]
        if all(name.isupper() and not name.startswith("_") for name in names) and _counts(
            statement.value
        ):
            shown = ", ".join(f"`{name}`" for name in names)
            yield f"{shown} | `{ast.unparse(statement.value)}` | {_meaning(below)}"


def _counts(value: ast.expr) -> bool:
    """Whether a value holds a number that could be another."""
    return any(
        isinstance(each, ast.Constant) and isinstance(each.value, int | float)
        for each in ast.walk(value)
    )


def _meaning(below: ast.stmt) -> str:
    if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        return " ".join(str(below.value.value).split()).replace("|", "\\|")
    return ""
