"""What a name may be, and what a terminal or a log is shown of a text."""

import re
from collections.abc import Iterable, Sequence

_HIDDEN = r"\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u206f"
"""Control characters (C0, DEL, C1), line and paragraph separators, and what reorders text."""

MOST_CHARACTERS = 253
"""Most characters of a name."""
LINE = rf"^[^{_HIDDEN}]*$"
"""A text on one line. Both patterns mean the same to Python, pydantic and JSON Schema."""
NAME = rf"^[^{_HIDDEN}\s=+@-]([^{_HIDDEN}]*[^{_HIDDEN}\s])?$"
"""A line without blanks at its ends that no spreadsheet takes for a formula."""
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


def percent(fraction: float, digits: int = 1) -> str:
    """A share as `12.3 %`; what is little but not nothing says so."""
    least = 10.0**-digits
    if 0 < 100 * fraction < least / 2:
        return f"< {least:g} %"
    return f"{round(100 * fraction, digits) + 0.0:.{digits}f} %"


def listed(names: Sequence[str], most: int, between: str = ", ") -> str:
    """The first `most` names, and how many more there are, such as `a, b and 1,200 more`."""
    more = len(names) - most
    return between.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def counted(count: int, what: str) -> str:
    """Such as `1 node` and `1,200 nodes`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
