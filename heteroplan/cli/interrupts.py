"""Ctrl-C during a solve."""

import contextlib
import os
import signal
from types import FrameType
from typing import Self

_STDERR = 2
_MESSAGE = b"Interrupted: ending with the best plan so far. Press again to end at once.\n"


class Interrupt:
    """Inside this context the first Ctrl-C is only noted and the second ends the process.

    Calling it says whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self._pressed = False

    def __call__(self) -> bool:
        return self._pressed

    def __enter__(self) -> Self:
        self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *raised: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._pressed = True
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        # Not sys.stderr, which this may have interrupted.
        with contextlib.suppress(OSError):
            os.write(_STDERR, _MESSAGE)
