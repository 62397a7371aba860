"""How busy replicas may be so that requests still start in time. Replaceable as a whole.

c replicas take Poisson arrivals from one queue, first come first served (M/G/c); c = 1 is a queue
for each replica. With C the probability of waiting in M/M/c (Erlang C),

    P(wait > W) = C * P(Y + V > W)

Y: the least of c independent residual service times; V: the wait of an M/G/1 queue whose server is
c times as fast (Tijms, van Hoorn, Federgruen, Adv. Appl. Prob. 13, 1981: c busy servers behave like
one of c times the speed). Exact for c = 1 (Pollaczek-Khinchine) and for exponential service. For
c > 1 waits are lengthened by half a squared coefficient of variation of a service of the whole
pool, at most doubled: an empirical margin, chosen so that nothing simulated was more than 5 %
shorter than said, in wait + service as in utilization (`tests/benchmarks/queueing.py`).

Service times are a mix of gamma distributions, one or many a request class: with a coefficient of
variation of 0 constant, of 1 exponential.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heteroplan.numerics.root_finding import largest_meeting
from heteroplan.queueing.lattice import Lattice, constant_residual, erlang_c

if TYPE_CHECKING:
    import numpy as np

    type Floats = np.ndarray[tuple[int, ...], np.dtype[np.float64]]

UTILIZATION_CAP = 0.95
"""Beyond it every queue is unstable in practice, however long it may wait."""
ENDLESS = 1 << 20
"""So many replicas are taken to find everyone a free one."""
ROUNDING = 1e-12
LEAST_LATE = 1e-3
"""Of what is allowed."""
MARGIN = 0.5
FINE, COARSE, LEAST, MOST = 32, 4, 256, 8192
"""Lattice points: wanted and needed a pool service, least and most of a horizon."""
FARTHEST = 2000.0
"""Longest wait looked at [pool services]."""


@dataclass(frozen=True, slots=True)
class Service:
    """How long a class of requests holds a replica."""

    share: float
    """Of the requests; shares of a mix need not sum to 1."""
    mean_ms: float
    cv: float
    """Coefficient of variation, 0 or more."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How long a share of the requests may wait."""

    share: float
    """Shares sum to 1."""
    wait_ms: float
    """Below 0 they are late however short the wait."""


class ReplicaPool:
    """Replicas that share one queue, and what they serve."""

    def __init__(self, services: Sequence[Service], servers: int = 1) -> None:
        weight = sum(service.share for service in services)
        self.servers = servers
        self.mean_ms = sum(each.share * each.mean_ms for each in services) / weight
        self._mix = [
            (each.share / weight, each.mean_ms / self.mean_ms, each.cv) for each in services
        ]
        squares = sum(share * mean**2 * (1.0 + cv**2) for share, mean, cv in self._mix)
        self.scv = max(0.0, squares - 1.0)
        self._exponential = all(
            cv == 1.0 and abs(mean - 1.0) < ROUNDING for _, mean, cv in self._mix
        )
        self._margin = MARGIN * self.scv * (1.0 - 1.0 / servers) / servers
        self._widest: Lattice | None = None

    def greatest_utilization(self, budgets: Sequence[Budget], percentile: float) -> float:
        """Busy share <= UTILIZATION_CAP at which `percentile` of the requests are in time."""
        late = 1.0 - percentile
        if self.servers >= ENDLESS:
            always = sum(each.share for each in budgets if each.wait_ms < 0.0)
            return UTILIZATION_CAP if always <= late else 0.0
        late_share = self.late_share(budgets)
        return largest_meeting(lambda load: lateness(late_share(load), percentile), UTILIZATION_CAP)

    def wait_ms(self, utilization: float, percentile: float) -> float:
        """Wait that `percentile` of the requests stay within at `utilization` < 1 [ms].

        Infinite where it is longer than `FARTHEST` services of the whole pool.
        """
        late = 1.0 - percentile
        delayed = 0.0 if self.servers >= ENDLESS else erlang_c(self.servers, utilization)
        if delayed <= late:
            return 0.0
        decay = self.servers * (1.0 - utilization)
        if self._exponential:
            return self.mean_ms * math.log(delayed / late) / decay
        for lattice in self._wider((1.0 + self.scv) / decay * math.log(delayed / late)):
            tail = lattice.tail(utilization)
            if tail[-1] < late:
                wait = lattice.crossing(tail, late)
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

        lattice = None if self._exponential else self._lattice(max(0.0, longest_ms) / self.mean_ms)

        def beyond(utilization: float, waits_ms: "Floats") -> "Floats":
            waits = np.maximum(waits_ms, 0.0) / self.mean_ms
            if lattice is None:
                decay = self.servers * (1.0 - utilization)
                found = erlang_c(self.servers, utilization) * np.exp(-decay * waits)
            else:
                shorter = np.maximum(waits - self._margin, waits / 2.0)
                found = lattice.at(lattice.tail(utilization), shorter)
            late: Floats = np.where(waits_ms < 0.0, 1.0, found)
            return late

        return beyond

    def _wider(self, horizon: float) -> "Iterator[Lattice]":
        """The widest lattice that there is, then from `horizon` on ever wider ones."""
        if self._widest is not None:
            yield self._widest
        while horizon <= 2.0 * FARTHEST / self.servers:
            yield self._lattice(horizon)
            horizon *= 2.0

    def _residual(self, times: "Floats") -> "Floats":
        """P(residual service time > each of `times`) [mean services]."""
        import numpy as np
        from scipy.special import gammaincc

        constant = [(share, mean) for share, mean, cv in self._mix if cv == 0.0]
        shares, means = np.array(constant).reshape(-1, 2).T
        tail = constant_residual(shares, means, times)
        for share, mean, cv in self._mix:
            if cv == 1.0:
                tail += share * mean * np.exp(-times / mean)
            elif cv != 0.0:
                shape, scale = 1.0 / cv**2, mean * cv**2
                ahead = mean * gammaincc(shape + 1.0, times / scale)
                tail += share * np.maximum(ahead - times * gammaincc(shape, times / scale), 0.0)
        return tail

    def _lattice(self, horizon: float) -> Lattice:
        """Waits up to `horizon` [mean services]."""
        horizon = min(max(horizon, 1e-6), FARTHEST / self.servers)
        services = self.servers * horizon
        points = int(max(LEAST, min(FINE * services, MOST), COARSE * services))
        self._widest = Lattice.of(self._residual, horizon, points, self.servers)
        return self._widest


def lateness(late_share: float, percentile: float) -> float:
    """ln(late share / what `percentile` allows), about straight in the load: quickly searched."""
    return math.log(max(LEAST_LATE, late_share / (1.0 - percentile)))
