"""A measurement file opened, and what is wrong with it, gathered."""

from dataclasses import dataclass, field

from heteroplan.errors import InputError, InputProblem

SHOWN_CHARACTERS = 40


@dataclass(slots=True)
class Opened:
    """What every kind of file has: a name, names inside by which it is known, and problems."""

    file: str
    problems: list[InputProblem] = field(default_factory=list, kw_only=True)

    @property
    def names(self) -> frozenset[str]:
        """Columns, keys or arrays."""
        return frozenset()

    def problem(self, line: int, path: str, value: str, remedy: str) -> None:
        """Note one thing that is wrong."""
        self.problems.append(InputProblem(self.file, line, path, value[:SHOWN_CHARACTERS], remedy))

    def done(self) -> None:
        """Raise InputError with every problem noted so far, in order of lines, if there is one."""
        if self.problems:
            raise InputError(sorted(self.problems))
