"""The command line: parse, one pipeline call, one render."""

from heteroplan.cli.main import main

__all__ = ["main"]
