"""What one policy took on a part of a replay, and whether its workloads kept their SLO."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.simulation.results import PolicyReplay


@dataclass(frozen=True, slots=True)
class PartFigures:
    """One policy on one part."""

    gpu_hours: float
    cost_usd: float
    requests: tuple[int, ...]
    """[W] that arrived."""
    in_time: tuple[int, ...]
    """[W] of them that kept both targets."""

    @property
    def shares(self) -> tuple[float, ...]:
        """[W] share of the requests that kept both targets; 1 of none."""
        return tuple(
            kept / came if came else 1.0
            for kept, came in zip(self.in_time, self.requests, strict=True)
        )

    @property
    def share(self) -> float:
        """Of the requests of all workloads; 1 of none."""
        return sum(self.in_time) / sum(self.requests) if any(self.requests) else 1.0

    def amount(self, objective: str) -> float:
        """What the scenario minimises: `cost` [USD] or `gpu_hours`."""
        return self.cost_usd if objective == "cost" else self.gpu_hours

    def shortfall(self, percentiles: Sequence[float], spare: float = 0.0) -> float:
        """By how much the shares of the workloads miss their percentiles, together.

        `spare` is the share of the misses that the percentiles allow which must be left over.
        """
        wanted = [p + spare * (1.0 - p) for p in percentiles]
        gaps = (max(0.0, p - have) for p, have in zip(wanted, self.shares, strict=True))
        # A share that is the percentile but for rounding reaches it.
        return sum(gap for gap in gaps if gap > 1e-12)


def figures_of(replay: PolicyReplay, cut: int = 0) -> PartFigures:
    """Of a whole replay, but requests from interval `cut` on alone."""
    table = replay.intervals
    return PartFigures(
        replay.gpu_hours,
        replay.cost_usd,
        *(
            tuple(int(n) for n in counts[:, cut:].sum(axis=1))
            for counts in (table.requests, table.attained_both)
        ),
    )


def figures_after(whole: PolicyReplay, first: PolicyReplay, cut: int) -> PartFigures:
    """Of a replay from interval `cut` on; `first` is the replay of what came before.

    A policy does not know the future, so both replays are the same until then: the difference
    is what the rest took.
    """
    assert np.array_equal(whole.intervals.requests[:, :cut], first.intervals.requests)
    return replace(
        figures_of(whole, cut),
        gpu_hours=whole.gpu_hours - first.gpu_hours,
        cost_usd=whole.cost_usd - first.cost_usd,
    )
