"""Quantities of Kubernetes, such as 8, 64000m and 80Gi."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_QUANTITY = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,3}))?"
)
_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}


def quantity(value: Any) -> float:
    """The number that a quantity stands for. Raises ValueError for what is none."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, str) and value.isascii() and value.isdecimal():
        return float(value)
    found = _QUANTITY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("not a quantity of Kubernetes; write a number such as 8")
    number, suffix, exponent = found.groups(default="")
    if suffix in _BINARY:
        return float(number) * 2.0 ** _BINARY[suffix]
    return float(f"{number}e{int(exponent or 0) + _DECIMAL[suffix]}")


Quantity = Annotated[float, BeforeValidator(quantity)]
