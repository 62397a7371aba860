"""Modules of other libraries that are loaded when something of them is first used."""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Late(ModuleType):
    """Stands for a module until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        """What the module itself has under that name."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def load_late(name: str) -> None:
    """Let `import name` wait for the first use of the module.

    Nothing changes where the module is there already, or is not installed.
    """
    if name not in sys.modules and find_spec(name) is not None:
        sys.modules[name] = _Late(name)
