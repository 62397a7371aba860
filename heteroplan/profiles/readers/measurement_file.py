"""A measurement file opened, and what is wrong with it, gathered."""

import math
from collections.abc import Collection
from dataclasses import dataclass

from heteroplan.errors import InputError, InputProblem
from heteroplan.reading.file_problems import FileProblems
from heteroplan.text import listed

SHOWN_NAMES = 20
"""Names of models or engines that a message shows."""
LEAST, MOST = 1e-9, 1e12
"""No latency, length, batch or rate that was measured lies outside."""


@dataclass(slots=True)
class MeasurementFile(FileProblems):
    """What every kind of file has: names inside by which it is known, and problems."""

    @property
    def names(self) -> frozenset[str]:
        """Names of its columns, keys or arrays."""
        return frozenset()

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


def listed_names(names: Collection[str]) -> str:
    """The first names in order, and how many more; `none` of none."""
    return listed(sorted(names), SHOWN_NAMES) or "none"


def refused(file: str, remedy: str, line: int = 0) -> InputError:
    """One problem of a whole file."""
    return InputError([InputProblem(file, line, "", "", remedy)])
