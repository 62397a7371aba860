"""Durations as users write them: `15min`, `1h`, `300s`, `1d`."""

import re
from math import ceil

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"(-?[0-9]{1,7})\s*(s|m|min|h|d)")


def parse_duration_s(text: str) -> int:
    """Seconds in a duration such as `15min`. Raises ValueError that says what to write."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) <= 0:
        wrong = "not a duration" if match is None else "not more than 0"
        raise ValueError(f"{wrong}; write a whole number and s, min, h or d, such as 15min")
    return int(match[1]) * _SECONDS[match[2]]


def written_duration(seconds: int) -> str:
    """The same as `parse_duration_s` reads it, in the largest unit of which it is a multiple."""
    unit = next(unit for unit in ("d", "h", "min", "s") if seconds % _SECONDS[unit] == 0)
    return f"{seconds // _SECONDS[unit]}{unit}"


def shown_duration(seconds: float) -> str:
    """In whole minutes rounded up, the two largest units that it has: `3 d 4 h`, `1 h 30 min`."""
    minutes = ceil(round(seconds, 3) / 60)
    sizes = {"d": minutes // 1440, "h": minutes // 60 % 24, "min": minutes % 60}
    parts = [(count, unit) for unit, count in sizes.items()]
    first = next((i for i, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{n} {unit}" for n, unit in parts[first : first + 2] if n or first == 2)
