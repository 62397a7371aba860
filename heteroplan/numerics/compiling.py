"""Loops over many numbers, compiled."""

from collections.abc import Callable
from typing import Any, cast

from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic, overload
from numba.np import arrayobj


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compiled once for all runs; for each anew where no folder can hold the result."""
    made: Any
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        made = njit(nogil=True)(function)
    return cast(F, made)


def _typed(_typing: Any, array: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = arrayobj.make_array(signature.args[0])(context, builder, arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), code


_without_references: Any = intrinsic(_typed)


def borrowed[A](array: A) -> A:
    """The same array, of which no references are counted: each count is an atomic operation.

    Only inside compiled functions whose caller holds the array.
    """
    return array


@overload(borrowed)
def _overload(array: Any) -> Any:
    def made(array: Any) -> Any:
        return _without_references(array)

    return made
