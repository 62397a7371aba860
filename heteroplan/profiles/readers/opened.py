"""A measurement file opened, and what is wrong with it, gathered."""

import math
from collections.abc import Collection
from dataclasses import dataclass, field

from heteroplan.errors import MOST_NOTED, InputError, InputProblem

SHOWN_CHARACTERS = 40
SHOWN_NAMES = 20
"""Of models or engines, in a message."""
LEAST, MOST = 1e-9, 1e12
"""No latency, length, batch or rate that was measured lies outside."""


@dataclass(slots=True)
class Opened:
    """What every kind of file has: a name, names inside by which it is known, and problems."""

    file: str
    problems: list[InputProblem] = field(default_factory=list, kw_only=True)
    sha256: str = field(default="", kw_only=True)
    """Of the file's bytes, in hexadecimal."""

    @property
    def names(self) -> frozenset[str]:
        """Columns, keys or arrays."""
        return frozenset()

    def problem(self, line: int, path: str, value: str, remedy: str) -> None:
        """Note one thing that is wrong. Raises InputError when that is enough."""
        self.problems.append(InputProblem(self.file, line, path, value[:SHOWN_CHARACTERS], remedy))
        if len(self.problems) >= MOST_NOTED:
            self.done()

    def measured(self, line: int, path: str, value: float, shown: str) -> float:
        """`value` if it is a number that can be measured; NaN after noting the problem if not."""
        if LEAST <= value <= MOST:
            return value
        positive = math.isfinite(value) and value > 0
        remedy = (
            f"is not between {LEAST:g} and {MOST:g}"
            if positive
            else "must be a finite number above 0"
        )
        self.problem(line, path, shown, remedy)
        return math.nan

    def done(self) -> None:
        """Raise InputError with the problems noted so far, in order of lines, if there is one."""
        if self.problems:
            raise InputError(sorted(self.problems))


def listed(names: Collection[str]) -> str:
    """The first names in order, and how many more; `none` of none."""
    more = len(names) - SHOWN_NAMES
    shown = ", ".join(sorted(names)[:SHOWN_NAMES]) or "none"
    return f"{shown} and {more:,} more" if more > 0 else shown


def refused(file: str, remedy: str, line: int = 0) -> InputError:
    """One problem of a whole file."""
    return InputError([InputProblem(file, line, "", "", remedy)])
