"""What is reported of a stress test."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Stressor(StrEnum):
    """What is not as it was planned for."""

    DEMAND = "demand"
    ENGINES = "engine times"
    STARTUP = "start-up times"


class Criterion(StrEnum):
    """When the SLO is kept."""

    WHOLE = "whole"
    """Each workload reaches its percentile over the whole replay."""
    INTERVAL = "interval"
    """Each workload reaches it in each interval."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A workload in an interval."""

    workload: str
    interval: int
    requests: int
    share: float
    """Of them in time."""


@dataclass(frozen=True, slots=True)
class StressRun:
    """One replay."""

    stressor: Stressor
    factor: float
    """On what was planned for; 1 is as planned."""
    requests: int
    shares: Mapping[str, float]
    """By workload: share of its requests in time; without those that had none."""
    short: tuple[str, ...]
    """Workloads below their percentile over the whole replay, the furthest first."""
    intervals: int
    """Of workloads, with requests."""
    missed: int
    """Of them, those below the percentile."""
    first_missed: Cell | None
    """The earliest."""
    worst: Cell | None
    """The one that falls short the most; None without requests."""
    gpu_hours: float
    unfinished: int
    seconds: float
    """CPU seconds."""

    def keeps(self, criterion: Criterion) -> bool:
        """Whether the SLO is kept."""
        return not (self.short if criterion is Criterion.WHOLE else self.missed)


@dataclass(frozen=True, slots=True)
class StressLimit:
    """Where the SLO first breaks as one stressor grows."""

    stressor: Stressor
    criterion: Criterion
    holds: float | None
    """Greatest factor below the break that was tried and keeps the SLO; None where none does."""
    breaks: StressRun | None
    """The least factor that was tried and breaks it; None where none does."""


@dataclass(frozen=True, slots=True)
class Stress:
    """One policy under all stressors."""

    scenario: str
    plan_id: str | None
    policy: str
    seed: int
    start: datetime
    """Of the replay, zone-aware."""
    interval_s: int
    duration_s: float
    percentiles: Mapping[str, float]
    """By workload, of their SLOs."""
    runs: tuple[StressRun, ...]
    """As planned, then the fixed cases in order."""
    searched: tuple[StressRun, ...]
    """Those of the search, by stressor and factor."""
    limits: tuple[StressLimit, ...]
    notes: tuple[str, ...] = ()

    @property
    def planned(self) -> StressRun:
        """The replay in which all is as planned."""
        return self.runs[0]

    @property
    def seconds(self) -> float:
        """CPU seconds spent [s]."""
        return sum(each.seconds for each in (*self.runs, *self.searched))

    def of(self, stressor: Stressor) -> list[StressRun]:
        """All replays with it, the planned one included, by their factors."""
        found = [each for each in (*self.runs, *self.searched) if each.stressor is stressor]
        if self.planned not in found:
            found.append(self.planned)
        return sorted(found, key=lambda each: each.factor)
