"""What a text may be: a name, a number, a share; and what a terminal or a log is shown of it."""

import math
import re
from collections.abc import Iterable

_HIDDEN = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f"
"""Control characters (C0, DEL, C1), line and paragraph separators, and what reorders text."""

MOST_CHARACTERS = 253
"""Of a name."""
LINE = rf"^[^{_HIDDEN}]*$"
"""A text on one line. Both patterns mean the same to Python, pydantic and JSON Schema."""
NAME = rf"^[^{_HIDDEN}\s=+@-]([^{_HIDDEN}]*[^{_HIDDEN}\s])?$"
"""A line without blanks at its ends that no spreadsheet takes for a formula."""
PERCENT = r"^[0-9]+(\.[0-9]+)? ?%$"
"""`10%`."""
_NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_UNSHOWN = re.compile(
    rf"[{_HIDDEN}\ud800-\udfff]"
    r"|:(?=:[A-Za-z])"  # ::error:: is a command to GitHub,
    r"|#(?=#[A-Za-z]*\[)"  # and so is ##[error]; ##vso[...] to Azure
)
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def visible(text: str) -> str:
    r"""`text` on one line that shows all it holds and does nothing to a terminal or a CI log.

    Control characters are shown escaped (`\x1b`, `\u202e`), and so is what begins a command to
    a CI runner that reads logs. Twice is as once.
    """
    return _UNSHOWN.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return _SHORT.get(found[0]) or (f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}")


def of_words(name: str, known: Iterable[str]) -> list[str]:
    """Those of `known` with all words of `name`: A10-24GB for a10, and not A100-SXM-80GB."""
    words = set(_words(name))
    return [each for each in known if words.issubset(_words(each))]


def _words(name: str) -> list[str]:
    return re.split(r"[^a-z0-9.]+", name.lower())


def wrong_name(text: str) -> str:
    """What keeps `text` from being a name, and what to do; empty where nothing does."""
    if not text.strip():
        return "empty; write a name"
    if len(text) > MOST_CHARACTERS:
        return f"longer than {MOST_CHARACTERS} characters; shorten it"
    if not re.fullmatch(LINE, text):
        return "holds control characters; remove them"
    if text != text.strip():
        return "begins or ends with a blank; remove it"
    if not re.fullmatch(NAME, text):
        return f"begins with {text[0]}, which makes it a formula in a spreadsheet; rename it"
    return ""


def number(text: str) -> float:
    """A decimal number in ASCII digits, such as 12, 0.5 or 1e-3, and a finite one.

    Raises ValueError for anything else that `float` takes (`1_0`, inf, nan, other digits).
    """
    found = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(found):
        raise ValueError("too large" if math.isinf(found) else "not a number")
    return found


def percent(text: str) -> float | None:
    """`10%` or `10 %` as 0.1; None for what is not written so."""
    return float(text[:-1]) / 100 if re.fullmatch(PERCENT, text) else None


def plain_share(value: float, below: float) -> float:
    """A share written without %. Raises ValueError from `below` upwards: 10 may mean 10 %."""
    if value >= below:
        raise ValueError(
            f"{value:g} is {value * 100:g} %; write {value / 100:g} for {value:g} %, "
            f"or {value * 100:g}% if that is meant"
        )
    return value
