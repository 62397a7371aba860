"""Rows of a trace that are wrong: how many may be left out, and what is said of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from heteroplan.errors import InputError, InputProblem
from heteroplan.reading.numbers import parse_percent
from heteroplan.text import percent

if TYPE_CHECKING:
    from heteroplan.forecasting.traces.source import TraceSource

MOST_PROBLEMS = 20
"""Bad rows that are reported where none may be left out."""
MOST_EXAMPLES = 5
"""Bad rows that are reported where too many were to be left out."""
MOST_COUNT = 10**12


@dataclass(frozen=True, slots=True)
class BadRowLimit:
    """How many rows may be bad: a count, or a share of all rows of the trace."""

    count: int | None = None
    share: float | None = None

    def __str__(self) -> str:
        return f"{self.count:,}" if self.share is None else percent(self.share)


NONE_BAD = BadRowLimit(count=0)


def parse_limit(text: int | str) -> BadRowLimit:
    """`100`, or `0.1%` of all rows. Raises ValueError with what to write."""
    share = parse_percent(text) if isinstance(text, str) else None
    if share is not None and 0 <= share < 1:
        return BadRowLimit(share=share)
    if isinstance(text, int) or (text.isascii() and text.isdecimal()):
        count = int(text)
        if 0 <= count <= MOST_COUNT:
            return BadRowLimit(count=count)
    raise ValueError("neither a number of rows nor a share below 100%; write 100 or 0.1%")


@dataclass(slots=True)
class BadRows:
    """The bad rows of one trace so far, in all of its files."""

    limit: BadRowLimit = NONE_BAD
    rows: int = 0
    """Read so far, bad ones included."""
    bad: int = 0
    _examples: list[InputProblem] = field(default_factory=list)

    def add(
        self, source: "TraceSource", bad: int, rows: int, problems: Sequence[InputProblem]
    ) -> None:
        """Count some rows. Raises InputError where more are bad than a count allows."""
        self.rows += rows
        self.bad += bad
        if problems and self.limit == NONE_BAD:
            raise InputError(sorted(problems)[:MOST_PROBLEMS])
        room = MOST_EXAMPLES - len(self._examples)
        self._examples += sorted(problems)[:room]
        if self.limit.count is not None and self.bad > self.limit.count:
            self._refuse(source.file)

    def done(self, file: str) -> None:
        """All rows are read. Raises InputError where too large a share of them is bad."""
        if self.limit.share is not None and self.bad > self.limit.share * self.rows:
            self._refuse(file)

    def _refuse(self, file: str) -> NoReturn:
        of = "so far" if self.limit.share is None else f"({percent(self.bad / self.rows)})"
        remedy = (
            f"{self.bad:,} of {self.rows:,} rows are bad {of}, and --max-bad-rows allows "
            f"{self.limit}; correct them (the first ones are listed), or allow more"
        )
        raise InputError([InputProblem(file, 0, "", "", remedy), *self._examples])

    def notes(self) -> tuple[str, ...]:
        """One sentence where rows were left out."""
        if not self.bad:
            return ()
        first = self._examples[0]
        first = replace(first, file=Path(first.file).name)
        return (
            f"{self.bad:,} of {self.rows:,} rows are bad and left out, the first one in {first}",
        )
