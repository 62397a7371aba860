"""How much Hypothesis tries, where compiled modules are kept, and what the garbage collector skips.

On CI (`CI` in the environment) the same cases each time; by hand others each time; many more with
`--hypothesis-profile wide`. Where Python is told to keep no compiled modules, the cache of pytest
keeps them: else each process that a test starts compiles all that it imports anew, for a second.

Ten thousand tests are a million objects that live to the end. While they are collected nothing is
looked through for garbage (a third of the time), and later these are not looked through again.
"""

import gc
import os
import sys
from collections.abc import Generator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

EXAMPLES, WIDER = 50, 40
"""Of a property that does not say how many; times as many of each property."""

CACHE = Path(__file__).parents[1] / ".pytest_cache"
if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
    sys.dont_write_bytecode = False
    sys.pycache_prefix = os.environ["PYTHONPYCACHEPREFIX"] = str(CACHE / "bytecode")


def _drop_old_loops() -> None:
    """Loops of the simulator that were compiled before its newest change.

    Nothing finds them any more (`heteroplan.numerics.tables`); numba would keep them for good.
    """
    room = Path(__file__).parents[1] / "heteroplan" / "simulation" / "events"
    newest = max(each.stat().st_mtime for each in room.glob("*.py"))
    for loop in (room / "__pycache__").glob("*.nb?"):
        with suppress(FileNotFoundError):
            if loop.stat().st_mtime < newest:
                loop.unlink()


_drop_old_loops()

_usual = settings.get_profile("default")
settings.register_profile("default", _usual, deadline=None, max_examples=EXAMPLES)
settings.register_profile(
    "ci",
    _usual,
    deadline=None,
    max_examples=EXAMPLES,
    derandomize=True,
    database=None,
    print_blob=True,
)
settings.register_profile("wide", _usual, deadline=None, max_examples=WIDER * EXAMPLES)
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    gc.disable()
    done = yield
    gc.freeze()
    gc.enable()
    return done


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    for item in items:
        for mark in ("realdata", "needs_ray"):
            if item.get_closest_marker(mark):
                item.user_properties.append((mark, True))  # JUnit XML knows no marks
    if settings.get_current_profile_name() != "wide":
        return
    tests: set[Any] = {getattr(item, "obj", None) for item in items}
    for test in tests:
        if not is_hypothesis_test(test):
            continue
        own: settings = test._hypothesis_internal_use_settings
        if own.max_examples != settings().max_examples:
            test._hypothesis_internal_use_settings = settings(
                own, max_examples=WIDER * own.max_examples
            )
