"""The error family and the exit codes.

HeteroplanError                 anything a user can correct; one message, no traceback
├── UsageError          exit 2  a wrong option or argument
├── InputError          exit 2  problems in input files, all of them at once
├── ShortScheduleError  exit 1  a schedule that would not be carried out as planned
└── NoPlanError         exit 3  there is no plan

PlanViolationError (a bug, exit 70) is no member: it must end in a traceback.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from heteroplan.text import visible


class ExitCode(IntEnum):
    """What a heteroplan process ends with."""

    OK = 0
    NOT_COVERED = 1
    """Proven; or a limit that was asked for is broken."""
    BAD_INPUT = 2
    UNDECIDED = 3
    """Neither covered nor proven short, or no plan at all."""
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class InputProblem:
    """One thing wrong with the input, and how to correct it."""

    file: str
    """Path as the user wrote it (or `<stdin>`)."""
    line: int
    """1-based line, 0 where none is known."""
    path: str
    """Field, for example `workloads[0].slo.itl_ms`; empty for the file as a whole."""
    value: str
    """What stands there, shortened; empty where nothing does."""
    remedy: str
    """What is wrong and what to write instead."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = (place, self.path, self.value, self.remedy)
        return visible(": ".join(part for part in parts if part))


MOST_SHOWN = 20
"""Problems of one file that are reported."""
MOST_NOTED = 100
"""Problems of one file after which no others are looked for."""


class HeteroplanError(Exception):
    """A mistake the user can correct. As text it is one line, or one a problem."""

    exit_code = ExitCode.BAD_INPUT

    def __str__(self) -> str:
        return visible(super().__str__())


class UsageError(HeteroplanError):
    """A wrong option or argument, or several: one message each."""

    def __str__(self) -> str:
        return "\n".join(visible(str(each)) for each in self.args)


class InputError(HeteroplanError):
    """Every problem found in the input files; of each file the first, and how many more."""

    def __init__(self, problems: Iterable[InputProblem]) -> None:
        by_file: dict[str, list[InputProblem]] = {}
        for problem in dict.fromkeys(problems):
            by_file.setdefault(problem.file, []).append(problem)
        self.problems = tuple(each for found in by_file.values() for each in _first_of(found))
        super().__init__(self.problems)

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


def _first_of(problems: list[InputProblem]) -> list[InputProblem]:
    """The first `MOST_SHOWN` of one file and how many more, where that is not one line as well."""
    more = len(problems) - MOST_SHOWN
    if more <= 1:
        return problems
    count = f"at least {MOST_NOTED - MOST_SHOWN}" if len(problems) >= MOST_NOTED else str(more)
    last = problems[-1]
    remedy = f"and {count} more problems, the last one here"
    return [*problems[:MOST_SHOWN], InputProblem(last.file, last.line, "", "", remedy)]


class ShortScheduleError(HeteroplanError):
    """A schedule whose system would have fewer replicas than planned for too long."""

    exit_code = ExitCode.NOT_COVERED


class NoPlanError(HeteroplanError):
    """There is no plan, or none was found."""

    exit_code = ExitCode.UNDECIDED


class PlanViolationError(AssertionError):
    """A plan that breaks its own inputs: a bug in heteroplan, never the user's mistake."""
