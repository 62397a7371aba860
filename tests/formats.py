"""Formats that a test adds to a registry."""

import sys
from types import ModuleType
from typing import Any

import pytest

from heteroplan.reading.formats import Formats


def add_format(patch: pytest.MonkeyPatch, formats: Formats[Any], name: str, made: object) -> None:
    """Register `made` under `name` as long as `patch` holds."""
    module = ModuleType(name)
    module.__dict__["FORMAT"] = made
    patch.setitem(formats.modules, name, name)
    patch.setitem(sys.modules, f"{formats.package}.{name}", module)
