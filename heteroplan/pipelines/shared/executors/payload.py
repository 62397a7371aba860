"""What is sent to a worker and what comes back: bytes, opened only where versions are the same."""

import pickle
import platform
import socket
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from heteroplan.errors import HeteroplanError, UsageError
from heteroplan.pipelines.shared.executors.executor import Lost

_DECIDING = ("highspy", "numpy", "numba", "scipy")
"""Libraries whose version may decide which plan is found."""

type Versions = Mapping[str, str]
"""By name, of what makes plans."""


@cache
def versions() -> Versions:
    """Of this process: heteroplan, Python, and the libraries that decide which plan is found."""
    from heteroplan import __version__

    python = ".".join(platform.python_version_tuple()[:2])
    return {"heteroplan": __version__, "Python": python, **{of: version(of) for of in _DECIDING}}


@dataclass(frozen=True, slots=True)
class _Made:
    result: Any


@dataclass(frozen=True, slots=True)
class _Raised:
    error: Exception


def packed(value: object) -> bytes:
    """To send; functions and classes by the name of their module."""
    return pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)


_WORK: dict[bytes, Callable[[Any], Any]] = {}
"""Opened in this process: the work that it did last."""


def carried_out(work: bytes, task: bytes, asked: Versions) -> bytes | dict[str, str]:
    """What `work` made of a task or raised, packed; where a version differs, those here instead."""
    own = versions()
    if own != asked:
        return {**own, "host": socket.gethostname()}
    try:
        opened = _WORK.get(work)
        if opened is None:
            _WORK.clear()
            opened = _WORK[work] = pickle.loads(work)
        return packed(_Made(opened(pickle.loads(task))))
    except Exception as error:
        return _packed_error(error)


def _packed_error(error: Exception) -> bytes:
    if not isinstance(error, HeteroplanError):
        error.add_note(f"In a worker:\n{traceback.format_exc()}")
    try:
        raised = packed(_Raised(error))
        pickle.loads(raised)
    except Exception:
        told = RuntimeError(f"{type(error).__name__}: {error}")
        told.add_note("\n".join(getattr(error, "__notes__", [])))
        return packed(_Raised(told))
    return raised


def opened(answer: bytes | dict[str, str] | Lost) -> Any:
    """The result, or the `Lost`; raises what `work` did, and UsageError where versions differ."""
    if isinstance(answer, Lost):
        return answer
    if isinstance(answer, dict):
        raise UsageError(refusal(answer))
    found = pickle.loads(answer)
    if isinstance(found, _Raised):
        raise found.error
    return found.result


def refusal(there: Versions) -> str:
    """Why a worker with these versions gets no task."""
    here = versions()
    differing = [name for name in here if there.get(name) != here[name]]
    has = " and ".join(f"{name} {there.get(name, 'of no version')}" for name in differing)
    own = " and ".join(f"{name} {here[name]}" for name in differing)
    return (
        f"a worker on {there['host']} has {has}, this process {own}: install the same there, "
        "or plans would depend on where they were made"
    )
