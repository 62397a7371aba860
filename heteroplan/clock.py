"""The time that a command may take on a machine that others use as well; what ends it early."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic, process_time

MOST_SLOWED = 8.0
"""Wall seconds a CPU second that are believed at most: more is waiting for something else."""
LEAST_CPU_S = 0.05
"""Below this the two clocks are too coarse to compare [s]."""
LEAST_SHARE = 0.1
"""Share of a time limit that is left for planning although what came before took longer."""
MOST_RESERVED = 0.25
"""Share of a time limit that is kept for one thing at most, unless it must be done."""

type Stop = Callable[[], bool]
"""Asked now and then; true ends the work at hand, with the best plan so far."""
type Progress = Callable[[float | None, float, float], None]
"""Told the best objective, None while its plan leaves demand unserved; its bound; seconds."""


def never() -> bool:
    """A `Stop` that lets the work run to its own end."""
    return False


def silent(objective: float | None, bound: float, seconds: float) -> None:
    """A `Progress` that tells nobody."""


def now() -> datetime:
    """The present moment, in UTC."""
    return datetime.now(UTC)


_NOT_COUNTED: list[tuple[float, float]] = []
"""When what no time limit counts began in this process, on time.monotonic, and its seconds."""


def not_counted(began: float) -> float:
    """Count the time since `began`, on time.monotonic, for no clock of this process; its seconds.

    It is for what an installation does once.
    """
    seconds = monotonic() - began
    _NOT_COUNTED.append((began, seconds))
    return seconds


@dataclass(frozen=True, slots=True)
class Clock:
    """A time limit that began when this was made."""

    seconds: float
    began: float = field(default_factory=monotonic)
    """On the clock of time.monotonic [s]."""
    began_cpu: float = field(default_factory=process_time)
    """On the clock of time.process_time [s]."""

    @property
    def end(self) -> float:
        """On the clock of time.monotonic [s]."""
        longer_s = sum(seconds for began, seconds in _NOT_COUNTED if began >= self.began)
        return self.began + self.seconds + longer_s

    def left_s(self) -> float:
        """Until the end; negative after it."""
        return self.end - monotonic()

    def slowness(self) -> float:
        """Wall seconds a CPU second took since the beginning, at least 1.

        Of use where this process has not waited: it says how many others share its processor.
        """
        cpu_s = process_time() - self.began_cpu
        if cpu_s < LEAST_CPU_S:
            return 1.0
        return min(MOST_SLOWED, max(1.0, (monotonic() - self.began) / cpu_s))

    def reserve(self, cpu_s: float, slowness: float, most: float = MOST_RESERVED) -> float:
        """Wall seconds to keep for work of so many CPU seconds, a share of the time at most."""
        return min(cpu_s * slowness, most * self.seconds)


@dataclass(frozen=True, slots=True)
class Late:
    """A `Stop` that ends the work when the user or the clock does."""

    stop: Stop
    end: float
    """On the clock of time.monotonic [s]."""

    def __call__(self) -> bool:
        return self.stop() or monotonic() >= self.end

    @property
    def seconds_left(self) -> float:
        """Until the end; negative after it."""
        return self.end - monotonic()
