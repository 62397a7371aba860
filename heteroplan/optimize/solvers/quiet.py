"""Solver libraries write to standard output whatever their options are; data goes there."""

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def stdout_closed() -> Iterator[None]:
    """Inside, what C libraries and Python write to standard output is lost."""
    sys.stdout.flush()
    kept = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        with open(os.devnull, "w") as lost, contextlib.redirect_stdout(lost):  # noqa: PTH123
            yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)
