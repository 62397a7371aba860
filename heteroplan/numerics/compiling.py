"""Loops over many numbers, compiled."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np import arrayobj
from numpy.typing import NDArray

if sys.platform != "win32":
    import fcntl

LOCK = "heteroplan.lock"
"""Beside what numba keeps in a folder."""


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compiled once for all runs; for each anew where no folder can hold the result."""
    made: Any
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        made = njit(nogil=True)(function)
    else:
        kept = made._cache
        kept._cache_file = OneAtATime(kept._cache_file, Path(kept.cache_path))
    return cast(F, made)


def own[Number: np.generic](array: NDArray[Number]) -> NDArray[Number]:
    """The array in the one layout for which loops are compiled, copied where it has another."""
    return array if array.flags.carray else array.copy()


class OneAtATime:
    """The files that numba keeps of a function, for one process at a time.

    Numba writes the number of a new file into its index, then the file. Of two processes that do
    so at once both may take the same number, and the index then names the wrong code; a process
    that reads in between finds what stood there before.
    """

    def __init__(self, files: Any, folder: Path) -> None:
        self._files = files
        self._folder = folder

    def load(self, key: Any) -> Any:
        """What is kept of a signature, or None."""
        with locked(self._folder):
            return self._files.load(key)

    def save(self, key: Any, data: Any) -> None:
        """Keep it."""
        with locked(self._folder):
            self._files.save(key, data)

    def flush(self) -> None:
        """Keep nothing any more."""
        with locked(self._folder):
            self._files.flush()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; without one where there is no folder, or where it has no locks."""
    if sys.platform == "win32":
        yield
        return
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            stack.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _typed(_typing: Any, arrays: Any) -> Any:
    def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        (found,) = arguments
        for place, kind in enumerate(arrays):
            given = builder.extract_value(found, place)
            view = arrayobj.make_array(kind)(context, builder, given)
            view.meminfo = cgutils.get_null_value(view.meminfo.type)
            view.parent = cgutils.get_null_value(view.parent.type)
            found = builder.insert_value(found, view._getvalue(), place)
        return found

    return arrays(arrays), code


_without_references: Any = intrinsic(_typed)


def borrowed[A: tuple[NDArray[Any], ...]](arrays: A) -> A:
    """The same arrays, of which no references are counted: each count is an atomic operation.

    Only inside compiled functions whose caller holds the arrays.
    """
    return arrays


@overload(borrowed)
def _overload(arrays: Any) -> Any:
    def made(arrays: Any) -> Any:
        return _without_references(arrays)

    return made
