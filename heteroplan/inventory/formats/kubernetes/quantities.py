"""Quantities of Kubernetes, such as 8, 64000m and 80Gi."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?", re.ASCII
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_MOST = 2.0**63
"""No quantity is greater."""
_MOST_CHARACTERS = 64
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def quantity(value: Any) -> float:
    """The number that a quantity stands for. Raises ValueError for what is none."""
    number = _number(value)
    if number is None or not 0 <= number <= _MOST:
        raise ValueError("not a quantity of Kubernetes; write a number such as 8")
    return number


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if not isinstance(value, str):
        return float(value) if value <= _MOST else None
    if len(value) > _MOST_CHARACTERS:
        return None
    if value.isascii() and value.isdecimal():
        return float(value)
    found = _QUANTITY.fullmatch(value)
    if found is None:
        return None
    number, suffix, exponent = found.groups(default="")
    if suffix in _BINARY:
        return float(number) * 2.0 ** _BINARY[suffix]
    return float(f"{number}e{int(exponent or 0) + _DECIMAL[suffix]}")


Quantity = Annotated[float, BeforeValidator(quantity)]
