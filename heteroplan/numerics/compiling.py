"""Loops over many numbers, compiled."""

from collections.abc import Callable
from typing import Any, cast

from numba import njit
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array


def compiled[F: Callable[..., Any]](function: F) -> F:
    """Compiled once for all runs; for each anew where no folder can hold the result."""
    made: Any
    try:
        made = njit(cache=True, nogil=True)(function)
    except RuntimeError:
        made = njit(nogil=True)(function)
    return cast(F, made)


@intrinsic
def borrowed(_typing: Any, array: Any) -> Any:
    """The same array, of which no references are counted: each count is an atomic operation.

    Only inside compiled functions whose caller holds the array.
    """

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = make_array(signature.args[0])(context, builder, arguments[0])
        view.meminfo = cgutils.get_null_value(view.meminfo.type)
        view.parent = cgutils.get_null_value(view.parent.type)
        return view._getvalue()

    return array(array), code
