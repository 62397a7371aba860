"""Waits of requests whose batch finds some of several replicas free.

Where j of c replicas are busy, c - j requests of the batch begin at once. With n more of it before
a request, which is so with probability q^(n + c - j), q the share of requests that come with the
one before them, the request waits longer than W if no more than n services end within W. With A the
number that end at a replica which began with the batch, and B at one whose service was under way,

    P(wait > W) = q^(c - j) E[q^A]^(c - j) E[q^B]^j

since numbers of independent replicas multiply. It is exact but for services under way, which may
have begun together. E[q^A] is P(a geometric number of services > W).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from heteroplan.queueing.bursts import Bursts

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

NEGLIGIBLE = 1e-6
"""Share of those who wait here whose batches are left out, by how many replicas they find busy."""


@dataclass(frozen=True, eq=False)
class Mates:
    """Requests of a batch at replicas of which some are free; arrays [time]."""

    bursts: Bursts
    servers: int
    began: "Floats"
    """E[q^A]."""
    under_way: "Floats"
    """E[q^B]."""

    def late_share(self, utilization: float, replaced: "Floats") -> "Floats":
        """P(wait > each time), of requests whose batch finds a replica free.

        Less what it were if each that waits did so for longer with the probability `replaced`.
        """
        import numpy as np

        joined, busy = self.bursts.joined, np.arange(self.servers)
        chances = self.bursts.finds(self.servers, utilization)
        waiting = chances * joined ** (self.servers - busy)
        counted = np.flatnonzero(waiting >= NEGLIGIBLE * waiting.sum())
        least, most = int(counted[0]), int(counted[-1])
        ended, found = joined * self.began, np.zeros(len(self.began))
        under_way = self.under_way**least
        for chance in chances[least : most + 1].tolist():
            found = found * ended + chance * under_way
            under_way = under_way * self.under_way
        found *= ended ** (self.servers - most)
        late: Floats = found - waiting[least : most + 1].sum() * replaced
        return late
