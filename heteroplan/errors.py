"""The error family and the exit codes.

HeteroplanError                 anything a user can mend; one message, no traceback
├── UsageError          exit 2  a wrong option or argument
├── InputError          exit 2  problems in input files, all of them at once
└── NoPlanError         exit 3  there is no plan

PlanViolationError (a bug, exit 70) is no member: it must end in a traceback.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a heteroplan process ends with."""

    OK = 0
    NOT_COVERED = 1
    """Proven."""
    BAD_INPUT = 2
    UNDECIDED = 3
    """Neither covered nor proven short, or no plan at all."""
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True, slots=True, order=True)
class InputProblem:
    """One thing wrong with the input, and how to mend it."""

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
        return ": ".join(part for part in (place, self.path, self.value, self.remedy) if part)


MOST_SHOWN = 20
"""Problems of one file that are told."""
MOST_NOTED = 1_000
"""Problems of one file after which it is not read on."""


def first_of(problems: Iterable[InputProblem]) -> list[InputProblem]:
    """The first `MOST_SHOWN` problems of one file in order of lines, and how many more."""
    ordered = sorted(set(problems))
    kept = ordered[:MOST_SHOWN]
    if more := len(ordered) - len(kept):
        last = ordered[-1]
        remedy = f"and {more:,} more problems, the last one here"
        if len(ordered) >= MOST_NOTED:
            remedy += "; the rest was not looked at"
        kept.append(InputProblem(last.file, last.line, "", "", remedy))
    return kept


class HeteroplanError(Exception):
    """A mistake the user can mend."""

    exit_code = ExitCode.BAD_INPUT


class UsageError(HeteroplanError):
    """A wrong option or argument."""


class InputError(HeteroplanError):
    """Every problem found in the input files."""

    def __init__(self, problems: Iterable[InputProblem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class NoPlanError(HeteroplanError):
    """There is no plan, or none was found."""

    exit_code = ExitCode.UNDECIDED


class PlanViolationError(AssertionError):
    """A plan that breaks its own inputs: a bug in heteroplan, never the user's mistake."""
