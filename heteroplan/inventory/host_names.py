"""Lists of hosts as Slurm and topograph write them, such as `rack[0-1]_gpu[01-16,20],login`.

ClusterShell, which the tests compare with, expands a list without a limit and reads files of the
user's when it is imported; python-hostlist is under the GPL.
"""

import math
import re
from dataclasses import dataclass
from itertools import product
from typing import Self

MOST_HOSTS = 200_000
"""Most hosts of one list."""
_BETWEEN = re.compile(r",(?![^\[]*\])")
"""A comma between hosts, not inside brackets."""
_PART = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18}))?")
NOTHING = ("", "(null)", "N/A", "None")
"""How Slurm writes that there is none."""


def expand(text: str) -> list[str]:
    """The hosts of a list, each once, in its order. Raises ValueError with what is wrong.

    Numbers are as wide as the first of their range: `[08-11]` is 08, 09, 10 and 11.
    """
    text = text.strip()
    if text in NOTHING:
        return []
    hosts: dict[str, None] = {}
    room = MOST_HOSTS
    for entry in _BETWEEN.split(text):
        parts = [_Part.of(*found) for found in _parts(entry.strip())]
        room -= math.prod(part.size for part in parts)
        if room < 0:
            raise ValueError(f"more than {MOST_HOSTS:,} hosts; name fewer")
        for each in product(*(part.texts() for part in parts)):
            hosts["".join(each)] = None
    return list(hosts)


def _parts(entry: str) -> list[tuple[str, str]]:
    """Each part of one entry: what is in brackets, or plain text."""
    found = list(_PART.finditer(entry))
    if sum(len(part[0]) for part in found) < len(entry):
        raise ValueError("brackets that do not match; write for example gpu[01-16]")
    if not entry or re.search(r"\s", entry):
        raise ValueError("a name is empty or has a blank in it; separate names by single commas")
    return [(part[1], part[2]) for part in found]


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of a host's name: plain text, or numbers."""

    text: str
    ranges: tuple[tuple[int, int, int], ...]
    """First, last and width of each."""

    @classmethod
    def of(cls, inside: str | None, plain: str | None) -> Self:
        if plain is not None:
            return cls(plain, ())
        return cls("", tuple(_range(each.strip()) for each in (inside or "").split(",")))

    @property
    def size(self) -> int:
        return sum(last - first + 1 for first, last, _ in self.ranges) if self.ranges else 1

    def texts(self) -> list[str]:
        if not self.ranges:
            return [self.text]
        return [
            f"{number:0{width}d}"
            for first, last, width in self.ranges
            for number in range(first, last + 1)
        ]


def _range(text: str) -> tuple[int, int, int]:
    found = _RANGE.fullmatch(text)
    if found is None:
        raise ValueError(f"[{text}] is no range; write numbers, such as [1-16] or [1,3]")
    first, last = int(found[1]), int(found[2] or found[1])
    if last < first:
        raise ValueError(f"range {text} runs backwards; write {found[2]}-{found[1]}")
    return first, last, len(found[1])
