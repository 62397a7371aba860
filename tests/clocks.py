"""A clock that moves only when a test moves it, so that shares of time can be checked exactly."""

import sys
from dataclasses import dataclass
from time import monotonic

import pytest

from heteroplan.clock import Clock


@dataclass
class StillClock:
    """What all but the solver takes for the time."""

    now: float
    """On the clock of time.monotonic [s]."""


def stand_still(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    """Stops the clock of every loaded module outside `heteroplan.optimize`."""
    clock = StillClock(monotonic())
    for name, module in list(sys.modules.items()):
        if not name.startswith("heteroplan.") or name.startswith("heteroplan.optimize"):
            continue
        if getattr(module, "monotonic", None) is monotonic:
            monkeypatch.setattr(module, "monotonic", lambda: clock.now)
        if name != Clock.__module__ and getattr(module, "Clock", None) is Clock:
            monkeypatch.setattr(module, "Clock", lambda seconds: Clock(seconds, began=clock.now))
    return clock
