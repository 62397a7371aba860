"""What is wrong with one file, gathered while it is read."""

from dataclasses import dataclass, field

from heteroplan.errors import MOST_NOTED, InputError, InputProblem

SHOWN_CHARACTERS = 40
"""Characters of a value that a message shows."""


@dataclass(slots=True)
class FileProblems:
    """The problems of one file so far."""

    file: str
    """Its name in messages."""
    problems: list[InputProblem] = field(default_factory=list, kw_only=True)

    def problem(self, line: int, path: str, value: str, remedy: str) -> None:
        """Note one thing that is wrong. Raises InputError when that is enough."""
        self.problems.append(InputProblem(self.file, line, path, value[:SHOWN_CHARACTERS], remedy))
        if len(self.problems) >= MOST_NOTED:
            self.done()

    def done(self) -> None:
        """Raise InputError with the problems so far, in order of lines, if there is one."""
        if self.problems:
            raise InputError(sorted(self.problems))
