"""The terminal itself: consoles, sparklines, progress and error messages."""

import math
import re
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console, RenderableType
from rich.status import Status
from rich.text import Text as RichText  # noqa: TID251

from heteroplan.text import percent, visible

_GLUE = "\N{NO-BREAK SPACE}"
_UNIT_GAP = re.compile(
    r"(?<=\d) (?=%|(?:s|h|min|USD|GPU-hours|requests/s)\b|x \d)|(?<=\d x) (?=\d)"
)
NARROWEST = 20
"""Columns that are taken for granted, whatever a terminal or COLUMNS says."""
BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII_LEVELS = " .:-=+*#@"


type AnyText = RichText
"""`Text`, or what Rich makes of parts of it."""


class Text(RichText):
    """Rich's text, of one line: whatever it is made of does nothing to a terminal or a log."""

    def __init__(self, text: str = "", *args: Any, **options: Any) -> None:
        super().__init__(visible(text), *args, **options)

    def append(self, text: RichText | str, style: Any = None) -> Self:
        """As Rich's."""
        super().append(visible(text) if isinstance(text, str) else text, style)
        return self


class _OneLineStrings(Console):
    """Shows plain strings as `Text` does."""

    def render_str(self, text: str, **options: Any) -> RichText:
        return super().render_str(visible(text), **options)


def make_console(*, stderr: bool = False) -> Console:
    """A console on stdout or stderr; colour only on a terminal, unless NO_COLOR forbids it.

    Characters that the stream cannot encode are replaced rather than raise.
    """
    stream = sys.stderr if stderr else sys.stdout
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and stream.errors == "strict":
        reconfigure(errors="replace")
    console = _OneLineStrings(stderr=stderr, highlight=False, emoji=False, soft_wrap=False)
    console.width = max(NARROWEST, console.width)
    return console


def draws_blocks(console: Console) -> bool:
    """Whether the console's encoding has block characters."""
    try:
        BLOCKS.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def print_error(error: BaseException, console: Console) -> None:
    """The message as it is: no markup, no colours in it, no line breaks added."""
    console.print("Error:", style="bold red", end=" ")
    print_lines(str(error), console)


def print_lines(text: str, console: Console) -> None:
    """Lines of the program's own making, each as it is."""
    for line in text.split("\n"):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def print_wrapped(text: AnyText, console: Console) -> None:
    """A sentence, broken between words but not between a number and its unit."""
    glued = _UNIT_GAP.sub(_GLUE, text.plain)
    start = 0
    for line in textwrap.wrap(glued, console.width, break_long_words=False, break_on_hyphens=False):
        start = glued.index(line, start)
        console.print(text[start : start + len(line)], soft_wrap=True)
        start += len(line)


def print_trimmed(renderable: RenderableType, console: Console) -> None:
    """What is rendered, without the blanks that fill a table's last column."""
    for line in console.render_lines(renderable, pad=False):
        text = Text.assemble(*((part.text, part.style or "") for part in line if not part.control))
        text.rstrip()
        console.print(text, soft_wrap=True)


def sparkline(values: Sequence[float], width: int, *, blocks: bool = True) -> str:
    """`values` from 0 to their maximum in at most `width` characters.

    Where several values share a character the greatest shows; 0 is blank, anything more is not.
    """
    levels = BLOCKS if blocks else ASCII_LEVELS
    top = max(values, default=0.0)
    n = len(values)
    if top <= 0 or width < 1:
        return " " * min(n, max(0, width))
    columns = spark_width(n, width)
    shown = (
        max(values[i * n // columns : max(i * n // columns + 1, -(-(i + 1) * n // columns))])
        for i in range(columns)
    )
    return "".join(levels[math.ceil(value / top * (len(levels) - 1))] for value in shown)


def spark_width(values: int, width: int) -> int:
    """Characters that a sparkline of so many values takes: a whole number each if they fit."""
    return width if values > width else values * (width // values)


class LiveLine:
    """A line on a terminal that changes while something runs; silent elsewhere. A context
    manager."""

    def __init__(self, text: str, console: Console) -> None:
        self._status = (
            Status(text, console=console, spinner="dots" if draws_blocks(console) else "line")
            if console.is_terminal
            else None
        )

    def show(self, text: str) -> None:
        """From now on."""
        if self._status is not None:
            self._status.update(visible(text))

    def __enter__(self) -> Self:
        if self._status is not None:
            self._status.start()
        return self

    def __exit__(self, *raised: object) -> None:
        if self._status is not None:
            self._status.stop()


class SolveProgress(LiveLine):
    """The falling gap while a solve runs."""

    def __init__(self, console: Console) -> None:
        super().__init__("Solving", console)

    def update(self, incumbent: float | None, bound: float, seconds: float) -> None:
        """Show the best objective, its proven bound (same unit) and the time spent [s]."""
        if incumbent is None:
            best = "no plan yet"
        else:
            gap = (incumbent - bound) / incumbent if incumbent > 0 else 0.0
            best = f"best {incumbent:,.2f}, gap {percent(min(1.0, max(0.0, gap)))}"
        self.show(f"Solving: {best}, bound {max(0.0, bound):,.2f}, {seconds:.0f} s")


class CheckProgress(SolveProgress):
    """How many scenarios are checked, and the solve of the one at hand if it is told of."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._before = ""

    def done(self, count: int, of: int) -> None:
        """So many of all scenarios are checked."""
        self._before = f"{count:,} of {of:,} scenarios are checked. "
        self.show("")

    def show(self, text: str) -> None:
        """With how many are done."""
        super().show(f"{self._before}{text}")
