"""What a simulator is to the driver, to replicas that come and go, and to the metrics.

Two are there: of single requests (`single`), and of flows (`fluid`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from heteroplan.simulation.events.simulator import ReplicaFacts
from heteroplan.simulation.requests import Floats, Integers
from heteroplan.simulation.results import Attainment, ClassAttainment, Percentiles, RequestTable

COUNTS = (
    "arrived",
    "arrived_isl",
    "arrived_cached",
    "finished",
    "finished_osl",
    "first_tokens",
    "ttft_s",
    "prefilled_tokens",
    "decoded_tokens",
    "gaps",
    "gaps_s",
)
"""Of each workload since the start; gaps are between tokens."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What was counted since the start, and what there is now; arrays [W, role] but the first."""

    totals: Mapping[str, Floats]
    """`COUNTS` -> [W]"""
    busy_s: Floats
    """[option] replica-seconds in which a batch ran."""
    waiting: Floats
    """Requests in queues."""
    present: Floats
    """Requests that wait or run."""
    waiting_s: Floats
    """Request-seconds."""
    present_s: Floats
    held: Floats
    """Tokens in the KV caches of ready replicas."""
    kv_tokens: Floats
    """Room for them."""
    running: Floats
    """Sequences that ready replicas run."""
    most_running: Floats
    """That they could run."""


@dataclass(frozen=True, slots=True)
class Served:
    """What became of the requests; arrays [W, interval] by the interval of arrival.

    Fields are those of `results.IntervalTable` and `results.PolicyReplay`.
    """

    requests: Integers
    finished: Integers
    attained_ttft: Integers
    attained_itl: Integers
    attained_both: Integers
    ttft_p50_ms: Floats
    ttft_percentile_ms: Floats
    itl_p50_ms: Floats
    itl_percentile_ms: Floats
    attainment: Attainment
    ttft_ms: Percentiles
    itl_ms: Percentiles
    e2e_ms: Percentiles
    rejected: Mapping[str, int]
    unfinished: int
    table: RequestTable | None
    classes: tuple[ClassAttainment, ...] = ()
    percentiles: tuple[float, ...] = ()
    """[W] of the SLOs that the figures are of; those that were asked for where empty."""


class Level(Protocol):
    """A simulation from its start on. Replicas are known by the number that `start` gives."""

    @property
    def now_s(self) -> float:
        """Since the start of the replay [s]."""
        ...

    def run(self, until_s: float) -> None:
        """Let time pass; what arrives at that very moment comes later."""
        ...

    def finish(self, followed_s: float) -> None:
        """Nothing arrives any more; what is there is followed for so long [s]."""
        ...

    def start(self, facts: ReplicaFacts, group: int, leaf: int, ready_s: float) -> int:
        """A replica that serves from `ready_s` on; its number."""
        ...

    def cancel(self, number: int) -> None:
        """A replica that starts is not wanted any more."""
        ...

    def drain(self, number: int, drain_s: float) -> None:
        """The replica finishes what it has; it holds its GPUs for `drain_s` at least [s]."""
        ...

    def linger(self, number: int) -> None:
        """The replica leaves routing and stays."""
        ...

    def restore(self, number: int) -> None:
        """A replica that lingers or drains serves again."""
        ...

    def kill(self, numbers: Sequence[int]) -> None:
        """The replicas are gone at once, together; their requests start anew."""
        ...

    def release(self, number: int) -> None:
        """Forget a replica that is gone; its number is given again."""
        ...

    def set_field(self, number: int, name: str, value: float) -> None:
        """Change one number of a running replica; it holds from its next step on."""
        ...

    def reweigh(self, group: int) -> None:
        """Count again what the ready replicas of a group serve."""
        ...

    def load_of(self, number: int) -> float:
        """Requests on a replica and on the way to it."""
        ...

    def gone_s(self, number: int) -> float:
        """When a replica gave its GPUs back; infinite while it holds them [s]."""
        ...

    def drained_s(self, number: int) -> float:
        """Earliest end of a replica that drains [s]."""
        ...

    def counts(self) -> Counts:
        """All counts, up to now."""
        ...

    def served(self, percentiles: Sequence[float], interval_s: float) -> Served:
        """What became of the requests; `percentiles` [W] are those of the SLOs."""
        ...
