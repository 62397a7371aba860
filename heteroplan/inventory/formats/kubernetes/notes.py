"""Words for what is told of many nodes or pods."""

from collections.abc import Sequence

_MOST_NAMES = 3


def counted(count: int, what: str) -> str:
    """Such as `1 node` and `1,200 nodes`."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Such as `n1, n2, n3 and 5 more`."""
    more = len(names) - _MOST_NAMES
    if more <= 1:
        return ", ".join(names)
    return f"{', '.join(names[:_MOST_NAMES])} and {more:,} more"
