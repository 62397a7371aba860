"""Waits of `profiles.queueing` beside an event simulation: `python -m tests.benchmarks.queueing`.

By hand; some minutes. `--arrivals N` of each simulation.
"""

import argparse
from itertools import product

from heteroplan.queueing.waiting import Budget, ReplicaPool, Service
from tests.benchmarks.markdown import header, percent, row
from tests.profiles.queue_simulation import simulated

SERVERS = (1, 2, 4, 8, 16, 64)
UTILIZATIONS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
PERCENTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
MIXES = {
    "constant": [Service(1.0, 1.0, 0.0)],
    "gamma, cv 0.5": [Service(1.0, 1.0, 0.5)],
    "exponential": [Service(1.0, 1.0, 1.0)],
    "0.9 short, 0.1 long; cv 1.2": [Service(0.9, 0.6, 0.0), Service(0.1, 4.6, 0.0)],
    "0.98 short, 0.02 long; cv 2": [Service(0.98, 5 / 7, 0.0), Service(0.02, 15.0, 0.0)],
}


def table(arrivals: int) -> None:
    """Errors in wait + service of the percentile, and in the utilization it grants."""
    header(
        "Waits said and simulated",
        f"Over {len(SERVERS)} pools of {SERVERS} replicas and percentiles {PERCENTILES}, "
        f"{arrivals:,} arrivals each. Optimistic: the wait + a mean service is longer than said, "
        "beside two standard errors. Granted: the utilization that the simulated wait would be "
        "given, over the one simulated.",
        (
            "service",
            "utilization",
            "most optimistic",
            "most pessimistic",
            "granted at most",
            "least",
        ),
    )
    for (name, services), utilization in product(MIXES.items(), UTILIZATIONS):
        early, late, granted = [], [], []
        for servers in SERVERS:
            pool = ReplicaPool(services, servers)
            seen = simulated(services, servers, utilization, PERCENTILES, arrivals, seed=servers)
            for percentile, each in zip(PERCENTILES, seen, strict=True):
                said = pool.wait_ms(utilization, percentile)
                noise = 2 * each.error_ms
                early.append((each.wait_ms - noise + 1.0) / (said + 1.0) - 1.0)
                late.append((said + 1.0) / (each.wait_ms + noise + 1.0) - 1.0)
                if each.wait_ms > 4 * noise:
                    budget = [Budget(1.0, each.wait_ms - noise)]
                    given = pool.greatest_utilization(budget, percentile)
                    granted.append(given / min(utilization, 0.95))
        row(
            name,
            utilization,
            percent(max(0.0, *early)),
            percent(max(0.0, *late)),
            *(percent(each) for each in (max(granted), min(granted))),
        )


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--arrivals", type=int, default=400_000)
    table(options.parse_args().arrivals)
