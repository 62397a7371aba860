"""What a curation found: policies with given and with better options, on both parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from heteroplan.simulation.curation.figures import PartFigures
from heteroplan.simulation.curation.pressure import PressureTest
from heteroplan.simulation.curation.search import Point, Trial


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy with one set of options, on both parts."""

    options: Point
    """Of those searched."""
    seen: PartFigures
    unseen: PartFigures


@dataclass(frozen=True, slots=True)
class Curated:
    """One policy: as it was given, and with the options that were found."""

    policy: str
    """As the user wrote it."""
    given: Candidate
    found: Candidate
    """The same as `given` where nothing was searched or nothing better found."""
    trials: tuple[Trial, ...]
    """In their order; of a policy without options to search none."""

    @property
    def text(self) -> str:
        """The policy with the options found, as `--policy` takes it."""
        if not self.trials:
            return self.policy
        options = ",".join(f"{name}={value:g}" for name, value in self.found.options.items())
        return f"{self.policy}{',' if ':' in self.policy else ':'}{options}"

    def gain(self, objective: str) -> float:
        """Share of the objective that the found options save on the unseen part."""
        before, after = (each.unseen.amount(objective) for each in (self.given, self.found))
        return 1.0 - after / before if before > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Curation:
    """All policies on the same requests."""

    scenario: str
    objective: str
    """`cost` or `gpu_hours`."""
    plan_id: str | None
    seed: int
    start: datetime
    """Zone-aware."""
    interval_s: int
    duration_s: float
    cut: int
    """Intervals of the seen part."""
    most_trials: int
    """A policy."""
    workloads: tuple[str, ...]
    percentiles: tuple[float, ...]
    """[W] of the SLOs."""
    ttft_slo_ms: tuple[float, ...]
    itl_slo_ms: tuple[float, ...]
    tests: tuple[PressureTest, ...]
    policies: tuple[Curated, ...]
    notes: tuple[str, ...]

    @property
    def cut_s(self) -> float:
        """Length of the seen part [s]."""
        return float(self.cut * self.interval_s)

    def keeps_slo(self, figures: PartFigures) -> bool:
        """Whether every workload reaches its percentile on a part."""
        return figures.shortfall(self.percentiles) == 0.0


def best(curation: Curation, policies: Sequence[Curated]) -> Curated | None:
    """The least of the objective on the unseen part among those that keep the SLO there."""
    keepers = [each for each in policies if curation.keeps_slo(each.found.unseen)]
    return min(keepers, key=lambda each: each.found.unseen.amount(curation.objective), default=None)
