"""Documents of tests with one value changed."""

import copy
from typing import Any


def changed(document: dict[str, Any], path: str = "", value: Any = None) -> dict[str, Any]:
    """A copy with another value at `path` (`a.b`), or an unchanged one without."""
    made = copy.deepcopy(document)
    *parents, last = path.split(".")
    place = made
    for parent in parents:
        place = place[parent]
    if path:
        place[last] = value
    return made
