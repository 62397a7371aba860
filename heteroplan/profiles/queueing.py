"""How busy a replica may be so that requests still start in time. Replaceable as a whole.

The rule is the tail of an M/M/1 queue: Poisson arrivals, exponential service of mean s, first
come first served (Kleinrock, Queueing Systems I, 1975, section 5.1):

    P(wait > W) = rho * exp(-(1 - rho) * W / s)

It asks for more capacity than needed (conservative) twice over: prefill times of one request shape
are nearly constant, and a queue with constant service (M/D/1) waits about half as long; and the
replicas of a pool share their load, whereas each is taken here as a queue of its own.
"""

import math

UTILIZATION_CAP = 0.95
"""Beyond it every queue is unstable in practice, however long it may wait."""
HALVINGS = 50


def greatest_utilization(budget_ms: float, service_ms: float, percentile: float) -> float:
    """Greatest busy share rho <= UTILIZATION_CAP at which the `percentile` waits <= `budget_ms`.

    Solves rho * exp(-(1 - rho) * budget / service) = 1 - percentile, which grows with rho, by
    bisection. At a budget of 0 the share 1 - percentile remains: so many requests may wait.
    """
    low, high = 0.0, UTILIZATION_CAP
    if _late_share(high, budget_ms, service_ms) <= 1.0 - percentile:
        return high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _late_share(middle, budget_ms, service_ms) <= 1.0 - percentile:
            low = middle
        else:
            high = middle
    return low


def wait_ms(utilization: float, service_ms: float, percentile: float) -> float:
    """Wait that `percentile` of the requests stay within at `utilization` < 1 [ms]."""
    late = 1.0 - percentile
    if utilization <= late:
        return 0.0
    return service_ms * math.log(utilization / late) / (1.0 - utilization)


def _late_share(utilization: float, budget_ms: float, service_ms: float) -> float:
    return utilization * math.exp(-(1.0 - utilization) * budget_ms / service_ms)
