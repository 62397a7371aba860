"""Registries of file formats: their names, and each format in a module of its own."""

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import cast

from heteroplan.errors import UsageError


class Formats[F](Mapping[str, F]):
    """Formats by the names that users write, in the order in which messages list them.

    Each is the `FORMAT` of a module, which is imported when it is looked up: the names alone cost
    nothing. A new format is one module and one line in `modules`.
    """

    def __init__(self, kind: str, package: str, modules: Mapping[str, str]) -> None:
        self.kind = kind
        """What the files hold, for messages: traces or measurements."""
        self.modules = dict(modules)
        """Names of the modules in `package`, by name of the format."""
        self.package = package

    def __getitem__(self, name: str) -> F:
        module = import_module(f"{self.package}.{self.modules[name]}")
        return cast(F, module.FORMAT)

    def __iter__(self) -> Iterator[str]:
        return iter(self.modules)

    def __len__(self) -> int:
        return len(self.modules)

    @property
    def help(self) -> str:
        """Text of `--format` in `--help`."""
        *others, last = self.modules
        return f"{', '.join(others)} or {last}; default: by what is in the file."

    def check(self, name: str | None) -> None:
        """Raise UsageError for a name that is not known."""
        if name is not None and name not in self.modules:
            known = ", ".join(self.modules)
            raise UsageError(f"unknown {self.kind} format {name!r}; known are {known}")


def check_unique(file: str, fitting: Sequence[str]) -> None:
    """Raise UsageError where a file fits several formats."""
    if len(fitting) > 1:
        raise UsageError(
            f"{file} may be {' or '.join(fitting)}: say which with --format {fitting[0]}"
        )
