"""A replica that prefills several waiting prompts at a time.

Whenever it is free it takes all that wait, so many at most; k of them take `service_ms[k - 1]`.
The numbers waiting when batches start are a Markov chain (Bailey, J. R. Stat. Soc. B 16, 1954:
queues with bulk service), solved up to a length that is hardly ever reached. A prompt that comes
while a batch runs waits for its end and for the full batches ahead; its own is taken to be full,
which is safe and, where few wait, more than need be.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.queueing.waiting import UTILIZATION_CAP, lateness
from heteroplan.units import MS_PER_S

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

BATCHES_AHEAD = 24
"""Full batches that may wait at the start of one; more of them count as so many."""
MOMENTS = 16
"""Of a running batch at which a prompt may come, evenly spread."""


@lru_cache(maxsize=4096)
def greatest_rate_rps(service_ms: tuple[float, ...], budget_ms: float, percentile: float) -> float:
    """Greatest rate at which the percentile of waiting and prefill is within the budget."""
    return BatchQueue(service_ms).greatest_rate_rps(budget_ms, percentile)


@dataclass(frozen=True, slots=True)
class BatchQueue:
    """Prefill times by the number of prompts."""

    service_ms: tuple[float, ...]
    """Of 1, 2, ... prompts, not decreasing [ms]."""

    def greatest_rate_rps(self, budget_ms: float, percentile: float) -> float:
        """Greatest rate at which the percentile of waiting and prefill is within the budget."""
        if self.service_ms[0] > budget_ms:
            return 0.0
        rate_per_ms = largest_meeting(
            lambda rate: lateness(self.late_share(rate, budget_ms), percentile),
            UTILIZATION_CAP * len(self.service_ms) / self.service_ms[-1],
        )
        return rate_per_ms * MS_PER_S

    def late_share(self, rate_per_ms: float, budget_ms: float) -> float:
        """Share of the prompts that wait and are prefilled for longer than the budget."""
        import numpy as np
        from scipy.stats import poisson

        most, full_ms = len(self.service_ms), self.service_ms[-1]
        starts, alone = self._starts(rate_per_ms)
        late, came = 0.0, alone
        for taken, lasts_ms in enumerate(self.service_ms, start=1):
            shares = starts[taken - 1 :] if taken == most else starts[taken - 1 : taken]
            left = np.arange(len(shares))
            after_ms = lasts_ms * (np.arange(MOMENTS) + 0.5) / MOMENTS
            batches = np.floor((budget_ms - full_ms - (lasts_ms - after_ms)) / full_ms)
            ahead = (most * (batches + 1.0) - 1.0)[:, None] - left
            in_time = np.where(ahead >= 0, poisson.cdf(ahead, rate_per_ms * after_ms[:, None]), 0.0)
            arrivals = rate_per_ms * lasts_ms
            late += arrivals * float((1.0 - in_time).mean(axis=0) @ shares)
            came += arrivals * float(shares.sum())
        return late / came

    def _starts(self, rate_per_ms: float) -> tuple["Floats", float]:
        """[waiting - 1] shares of the batch starts, and that of prompts which found nobody."""
        import numpy as np
        from scipy.stats import poisson

        most = len(self.service_ms)
        size = BATCHES_AHEAD * most
        moves = np.zeros((size, size))
        empty = np.zeros(size)
        for taken, lasts_ms in enumerate(self.service_ms, start=1):
            chances = poisson.pmf(np.arange(size + 1), rate_per_ms * lasts_ms)
            for waiting in range(taken, size + 1) if taken == most else (taken,):
                left = waiting - taken
                row = moves[waiting - 1]
                row[max(left, 1) - 1 :] = chances[max(1 - left, 0) : size + 1 - left]
                row[-1] += max(0.0, 1.0 - float(chances[: size + 1 - left].sum()))
                if left == 0:
                    empty[waiting - 1] = chances[0]
                    row[0] += chances[0]
        balance = np.vstack([(moves.T - np.eye(size))[:-1], np.ones(size)])
        starts = np.maximum(np.linalg.solve(balance, np.eye(size)[-1]), 0.0)
        return starts, float(starts @ empty)
