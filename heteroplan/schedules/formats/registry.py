"""Formats by name, each imported when it is looked up: the names alone cost nothing."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import cast


class Registry[F](Mapping[str, F]):
    """Functions by the names that users write, in the order of their lines."""

    def __init__(self, package: str, places: Mapping[str, str]) -> None:
        self._package = package
        self._places = dict(places)
        """`module:function`; the module is relative to the package if it begins with a dot."""

    def __getitem__(self, name: str) -> F:
        module, _, function = self._places[name].partition(":")
        return cast(F, getattr(import_module(module, self._package), function))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
