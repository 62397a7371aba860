"""Durations as users write them: `15min`, `1h`, `300s`, `1d`."""

import re

_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400}
_DURATION = re.compile(r"([0-9]{1,7})\s*(s|m|min|h|d)")


def parse_duration_s(text: str) -> int:
    """Seconds in a duration such as `15min`. Raises ValueError that says what to write."""
    match = _DURATION.fullmatch(text.strip())
    if match is None or int(match[1]) == 0:
        raise ValueError("not a duration; write a whole number and s, min, h or d, such as 15min")
    return int(match[1]) * _SECONDS[match[2]]
