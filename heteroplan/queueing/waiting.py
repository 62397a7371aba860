"""How busy replicas may be so that requests still start in time. Replaceable as a whole.

Requests arrive as `bursts` has it: Poisson, or in batches of geometric size. What the router does
with them makes the queues of a pool of n replicas:

- random: one queue for each, of bursts that are n times thinner (exact);
- round_robin: every n-th request in a queue of its own (exact, `round_robin`);
- shared, and least_loaded: one queue, first come first served. With the least work left a request
  goes where it starts first, which is the same (Kiefer, Wolfowitz, Trans. AMS 78, 1955). Constant
  services end in the order in which they began, so with bursts replicas then take turns (exact).

Any other queue of c replicas, with C the probability of waiting for exponential services, has

    P(wait > W) = C * P(Y + V > W)

Y: the least of c independent residual service times; V: the wait at one server c times as fast
(Tijms, van Hoorn, Federgruen, Adv. Appl. Prob. 13, 1981: c busy servers behave like one of c times
the speed). Exact for c = 1 (Pollaczek-Khinchine) and for exponential service. For c > 1 there are
margins, chosen so that nothing simulated was more than 5 % shorter than said, in wait + service as
in utilization (`tests/benchmarks/queueing.py`):

- waits are lengthened by half a squared coefficient of variation of a service of the whole pool,
  over the requests of a batch, at most doubled;
- the batch of a request that waits may have begun with all replicas at once: Y is then the least of
  whole services, and of fewer than c where services are even and the batch makes several free.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heteroplan.entities.workload import Routing
from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.queueing.bursts import Bursts
from heteroplan.queueing.lattice import Lattice, Points
from heteroplan.queueing.round_robin import RoundRobin
from heteroplan.queueing.services import ROUNDING, Mix
from heteroplan.queueing.services import Service as Service

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

UTILIZATION_CAP = 0.95
"""Beyond it every queue is unstable in practice, however long it may wait."""
LEAST_LATE = 1e-3
"""Of what is allowed."""
MARGIN = 0.5
EVENNESS = 0.5
"""Share of a batch that makes replicas free together, where services are constant."""
FINE, COARSE, LEAST, MOST = 32, 4, 256, 8192
"""Lattice points: wanted and needed a pool service, least and most of a horizon."""
COARSER = 4
"""So many fewer are wanted where requests come in batches, behind which waits are smoother."""
FARTHEST = 2000.0
"""Longest wait looked at [pool services of a batch]."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a share of the requests may wait."""

    share: float
    """Shares sum to 1."""
    wait_ms: float
    """Below 0 they are late however short the wait."""


class ReplicaPool:
    """Replicas, what they serve and how requests come to them."""

    def __init__(
        self,
        services: Sequence[Service] | Mix,
        servers: int = 1,
        *,
        routing: Routing = Routing.LEAST_LOADED,
        dispersion: float = 1.0,
    ) -> None:
        """`servers` replicas alike.

        `dispersion`: variance over mean of the number of requests in a window, 1 of Poisson; less
        counts as Poisson.
        """
        self._mix = services if isinstance(services, Mix) else Mix(services)
        self.mean_ms, self.scv = self._mix.mean_ms, self._mix.scv
        self.servers, self.bursts = servers, Bursts.of(dispersion)
        """Replicas that share a queue, and what comes to them."""
        self._stream = self.bursts
        in_order = routing is not Routing.RANDOM and self._in_order
        turns = in_order or routing is Routing.ROUND_ROBIN
        self._turns = servers if turns else 1
        if turns or routing is Routing.RANDOM:
            self.servers, self.bursts = 1, self._stream.split(servers)
        self._exact = self._mix.exponential and self._turns == 1
        even = EVENNESS * max(0.0, 1.0 - self.scv)
        self._together = min(float(self.servers), 1.0 + even * (self.bursts.mean - 1.0))
        alone = self.servers == 1 or self.bursts.joined == 0.0
        self._overlap = 0.5 if alone or self._exact else self._mix.overlap
        self._margin = MARGIN * self.scv * (1.0 - 1.0 / self.servers) / self.servers
        self._margin /= self.bursts.mean
        self._widest: Points | None = None

    @property
    def _in_order(self) -> bool:
        """Whether requests of one queue end as they began, so that replicas take turns.

        They do so for Poisson too, which the approximation serves as it always did.
        """
        return self.scv < ROUNDING and self.bursts.joined > 0.0

    def greatest_utilization(self, budgets: Sequence[Budget], percentile: float) -> float:
        """Busy share <= UTILIZATION_CAP at which `percentile` of the requests are in time."""
        late_share = self.late_share(budgets)
        return largest_meeting(lambda load: lateness(late_share(load), percentile), UTILIZATION_CAP)

    def wait_ms(self, utilization: float, percentile: float) -> float:
        """Wait that `percentile` of the requests stay within at `utilization` < 1 [ms].

        Infinite where it is longer than `FARTHEST` services of the whole pool and a batch.
        """
        late = 1.0 - percentile
        delayed = self._delayed(utilization)
        if delayed <= late:
            return 0.0
        decay = self.servers * self.bursts.spare(utilization)
        if self._exact:
            return self.mean_ms * math.log(delayed / late) / decay
        for points in self._wider((1.0 + self.scv) / decay * math.log(delayed / late)):
            tail = points.tail(utilization)
            if tail[-1] < late:
                wait = points.crossing(tail, late)
                return self.mean_ms * (wait + min(wait, self._margin))
        return math.inf

    def late_share(self, budgets: Sequence[Budget]) -> Callable[[float], float]:
        """Share of the requests that wait longer than they may, by utilization."""
        import numpy as np

        shares, waits_ms = np.array([(each.share, each.wait_ms) for each in budgets]).T
        beyond = self.beyond(float(waits_ms.max()))
        return lambda utilization: float(shares @ beyond(utilization, waits_ms))

    def beyond(self, longest_ms: float) -> "Callable[[float, Floats], Floats]":
        """P(wait > each of some waits [ms]) by utilization; 1 of a wait below 0.

        None of the waits is longer than `longest_ms`.
        """
        import numpy as np

        points = None if self._exact else self._lattice(max(0.0, longest_ms) / self.mean_ms)

        def beyond(utilization: float, waits_ms: "Floats") -> "Floats":
            waits = np.maximum(waits_ms, 0.0) / self.mean_ms
            if points is None:
                decay = self.servers * self.bursts.spare(utilization)
                found = self._delayed(utilization) * np.exp(-decay * waits)
            else:
                shorter = np.maximum(waits - self._margin, waits / 2.0)
                found = points.at(points.tail(utilization), shorter)
            late: Floats = np.where(waits_ms < 0.0, 1.0, found)
            return late

        return beyond

    def _delayed(self, utilization: float) -> float:
        """Probability of waiting; 1, as it is not known, where replicas take turns."""
        if self._turns > 1:
            return 1.0
        return self.bursts.delayed(self.servers, utilization, self._overlap)

    def _wider(self, horizon: float) -> "Iterator[Points]":
        """The widest lattice that there is, then from `horizon` on ever wider ones."""
        if self._widest is not None:
            yield self._widest
        while horizon <= 2.0 * FARTHEST * self.bursts.mean / self.servers:
            yield self._lattice(horizon)
            horizon *= 2.0

    def _lattice(self, horizon: float) -> Points:
        """Waits up to `horizon` [mean services]."""
        mean = self.bursts.mean
        horizon = min(max(horizon, 1e-6), FARTHEST * mean / self.servers)
        if self._turns > 1:
            self._widest = RoundRobin(self._mix.residual, horizon, self._turns, self._stream)
            return self._widest
        services = self.servers * horizon
        coarser = COARSER if self.bursts.joined else 1
        wanted = min(FINE * services, MOST) / coarser
        points = int(max(LEAST, wanted, COARSE * services / mean))
        self._widest = Lattice(
            self._mix.residual,
            horizon,
            points,
            self.servers,
            self.bursts,
            together=self._together,
            overlap=self._overlap,
        )
        return self._widest


def lateness(late_share: float, percentile: float) -> float:
    """ln(late share / what `percentile` allows), about straight in the load: quickly searched."""
    return math.log(max(LEAST_LATE, late_share / (1.0 - percentile)))
