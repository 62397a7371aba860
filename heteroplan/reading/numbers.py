"""Numbers as files and options write them: decimal, in ASCII digits, and finite."""

import math
import re
from contextlib import suppress

NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
"""Means the same to Python and to Arrow."""
_NUMBER = re.compile(NUMBER)
PERCENT = r"^[0-9]+(\.[0-9]+)? ?%$"
"""`10%`. Means the same to Python, pydantic and JSON Schema."""
SIGNED_PERCENT = PERCENT.replace("^", "^-?")


def parse_number(text: str) -> float:
    """A number such as 12, 0.5 or 1e-3.

    Raises ValueError for anything else that `float` takes (`1_0`, inf, nan, other digits).
    """
    found = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(found):
        raise ValueError("too large" if math.isinf(found) else "not a number")
    return found


def parse_number_within(text: str, least: float, most: float) -> float:
    """The number in a cell of a table. Raises ValueError with what to write."""
    if not text:
        raise ValueError("empty; write a number")
    found = parse_number(text)
    if not least <= found <= most:
        raise ValueError(f"must be between {least:g} and {most:g}")
    return found


def parse_whole(text: str, least: int, most: int) -> int:
    """A whole number: digits, with a minus at most. Raises ValueError, which repeats `text`."""
    if not (text.isascii() and text.removeprefix("-").isdecimal()):
        raise ValueError(f"{text!r} is not a whole number; write digits, such as 12")
    below = text.startswith("-")
    digits = text.removeprefix("-").lstrip("0") or "0"
    if len(digits) > len(f"{most}"):
        raise ValueError(beyond(text, least, most, below=below))
    value = -int(digits) if below else int(digits)
    if not least <= value <= most:
        raise ValueError(beyond(text, least, most, below=value < least))
    return value


def beyond(text: str, least: float, most: float, *, below: bool) -> str:
    """Message for a number that is too small (`below`) or too large."""
    end = least if below else most
    shown = f"{int(end):,}" if end == int(end) else f"{end:g}"
    if below:
        return f"{text} is too small; write {shown} or more"
    return f"{text} is too large; write {shown} or less"


def more_or_less(text: str, share: float) -> str:
    """The factor that is meant by `text`, which is `share` as a percentage."""
    if share < 0:
        return f"{max(0.0, 1 + share):g} for {text.removeprefix('-')} less"
    return f"{1 + share:g} for {text} more"


def number_of(value: object) -> float | None:
    """A number of a document or its text as a finite float; None for anything else."""
    found = math.nan
    with suppress(ValueError, OverflowError):
        if isinstance(value, str):
            found = parse_number(value.strip())
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found = float(value)
    return found if math.isfinite(found) else None


def parse_percent(text: str) -> float | None:
    """`10%` or `10 %` as 0.1, `-3%` as -0.03; None for what is not written so."""
    return float(text[:-1]) / 100 if re.fullmatch(SIGNED_PERCENT, text) else None


def plain_share(value: float, below: float) -> float:
    """A share written without %. Raises ValueError from `below` upwards: 10 may mean 10 %."""
    if value >= below:
        raise ValueError(
            f"{value:g} is {value * 100:g} %; write {value / 100:g} for {value:g} %, "
            f"or {value * 100:g}% if that is meant"
        )
    return value
