"""Values that nobody expects."""

from dataclasses import dataclass
from random import Random
from typing import Any

COMMAND = "::error file=x::"
"""A line that starts so is run by GitHub as a command."""
MARKUP = "<script>alert(1)</script>"
FORMULA = '=HYPERLINK("http://x","y")'

TEXTS = (
    "",
    " ",
    " x ",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "a\x7fb",
    "a\x85b",
    "\x9b31m",
    "\u202ereversed\u202c",
    "\u2066isolated\u2069",
    "a\u2028b\u2029c",
    "\ufeffx",
    "a\u200bb",
    f"a\n{COMMAND}b",
    f"{COMMAND}b",
    f"a\r{COMMAND}b",
    "a\r\nb",
    "a\tb",
    "a\x00b",
    "a\x0bb\x0cc",
    "x\n* * * * * evil\n",
    "x\nevil: true\n---\nevil: true\n",
    FORMULA,
    "+1+cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "-1+1",
    MARKUP,
    "</script><script>alert(1)</script>",
    "[bold red]x[/]",
    "[/nothing]",
    "{0}{x}%s%d",
    "$(touch evil)`touch evil`",
    "'; touch evil; '",
    "../../evil",
    "/dev/null/x",
    "~",
    "no",
    "-",
    "--help",
    "*",
    "é" * 40,
    "\u0301" * 30,
    "\U0001f9d1\u200d\U0001f4bb",
    "مرحبا",
    "日本語" * 30,
    "x" * 201,
    "x" * 5_000,
    "A" * 200_000,
    "2026-11-23T00:00:00+99:00",
    "2026-02-30",
    "0001-01-01",
    "9999-12-31T23:59:59",
    "24:00",
    "15min",
    "1e3h",
    "inf",
    "nan",
    "1_0",
    "１０",
    "٣",
    "0x10",
    "1e400",
    "10%",
    "1,5",
    "ready:nothing",
    "ready:../x",
)
NUMBERS = (
    "0", "-0", "-0.0", "1", "-1", "2", "7", "0.1", "0.5", "1.5", "-1e-9", "1e-9", "1e-12",
    "1e-320", "5e-324", "1e-300", "1e6", "1e9", "1e12", "1e15", "1e16", "1e18", "1e300", "1e308",
    "1e400", "-1e400", "9007199254740993", "9223372036854775807", "9223372036854775808",
    "18446744073709551616", "-9223372036854775809", "1" + "0" * 400, "9" * 5000, "00012", "+5",
    "1_0", "１０", "0x1f", "0o17", "0b1", "1e", ".5", "5.", ".", "1:30", "NaN", "Infinity",
    "-Infinity", ".inf", "-.inf", ".nan", "inf", "nan", "true", "1.0000000001", "0.9999999999",
)  # fmt: skip
NEVER = frozenset({"NaN", "Infinity", "-Infinity", ".inf", "-.inf", ".nan", "inf", "nan", "1_0",
                   "１０", "1e400", "-1e400", "1e", ".", "1:30"})  # fmt: skip
"""Of `NUMBERS` what is no number that a file may hold."""


@dataclass(frozen=True, slots=True)
class Raw:
    """Written as it is, without quotes."""

    text: str


def number(draw: Random) -> Raw:
    return Raw(draw.choice(NUMBERS))


def text(draw: Random) -> str:
    if draw.random() < 0.1:
        return "".join(chr(_character(draw)) for _ in range(draw.randrange(1, 12)))
    return draw.choice(TEXTS)


def value(draw: Random) -> Any:
    """A number, a text, or something of another kind."""
    odds = draw.random()
    if odds < 0.4:
        return number(draw)
    if odds < 0.8:
        return text(draw)
    return draw.choice(
        [None, True, False, [], {}, [[]], [None], {"": ""}, {"x": 1}, ["a", 1], [1, 2, 3]]
    )


def _character(draw: Random) -> int:
    """Any but a surrogate; often one of those that terminals obey."""
    ranges = ((0, 0x20), (0x7F, 0xA0), (0x200B, 0x2030), (0x2060, 0x2070), (0x20, 0x7F),
              (0xE000, 0x10FFFF))  # fmt: skip
    return draw.randrange(*draw.choice(ranges))
