"""Pools of `queueing.waiting` beside an event simulation: `python -m tests.benchmarks.queueing`.

By hand. `pools` (some minutes) compares the utilization that is granted with what a simulation
bears, `routers` shows what other routers bear. `--arrivals N` of each simulation.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise, product

import numpy as np

from heteroplan.entities.workload import Routing
from heteroplan.queueing.waiting import Budget, ReplicaPool, Service
from tests.benchmarks.markdown import header, percent, row
from tests.queueing.pools import PARTS, Floats, Router, Stream, greatest

SERVERS = (1, 2, 4, 8, 16, 64)
DISPERSIONS = (1, 2, 5, 13, 40)
WAITS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 60.0)
PERCENTILES = (0.5, 0.9, 0.95, 0.99)
LOADS = tuple(np.concatenate([[0.02], np.arange(0.05, 0.91, 0.05), [0.925, 0.95]]).tolist())
USABLE = 0.05
"""Lower utilizations are not compared: nobody plans them, and a point of them is noise."""
BORNE = (USABLE, 0.2, 0.4, 0.6, 0.95)
"""Utilizations between which cases with bursts are told apart."""
ROUTERS = {
    Routing.RANDOM: Router.RANDOM,
    Routing.ROUND_ROBIN: Router.ROUND_ROBIN,
    Routing.LEAST_LOADED: Router.LEAST_WORK,
}
MIXES = {
    "constant": [Service(1.0, 1.0, 0.0)],
    "gamma, cv 0.5": [Service(1.0, 1.0, 0.5)],
    "exponential": [Service(1.0, 1.0, 1.0)],
    "gamma, cv 2": [Service(1.0, 1.0, 2.0)],
    "0.9 short, 0.1 long; cv 1.2": [Service(0.9, 0.6, 0.0), Service(0.1, 4.6, 0.0)],
    "0.98 short, 0.02 long; cv 2": [Service(0.98, 5 / 7, 0.0), Service(0.02, 15.0, 0.0)],
}


@dataclass(frozen=True)
class Case:
    """A pool, and how much of what a simulation bears it is granted."""

    routing: Routing
    dispersion: int
    servers: int
    mix: str
    granted: float
    borne: float
    most: float
    """That two standard errors fewer late requests would allow."""

    @property
    def over(self) -> float:
        """Granted above what is borne beside the noise, as a share."""
        return self.granted / max(self.most, USABLE) - 1.0

    @property
    def under(self) -> float:
        """Borne but not granted, as a share."""
        return 1.0 - self.granted / self.borne


def cases(arrivals: int) -> Iterator[Case]:
    """All of them but those that bear hardly anything, or all."""
    for (mix, services), dispersion in product(MIXES.items(), DISPERSIONS):
        stream = Stream.of(services, dispersion, arrivals, seed=dispersion)
        for (routing, router), servers in product(ROUTERS.items(), SERVERS):
            late = [stream.late(router, servers, load, WAITS) for load in LOADS]
            mean = np.array([each.mean(axis=0) for each in late])
            errors = np.array([each.std(axis=0, ddof=1) for each in late]) / PARTS**0.5
            pool = ReplicaPool(services, servers, routing=routing, dispersion=dispersion)
            for (place, wait), percentile in product(enumerate(WAITS), PERCENTILES):
                allowed = 1.0 - percentile
                borne = greatest(LOADS, mean[:, place], allowed)
                most = greatest(LOADS, (mean - 2 * errors)[:, place], allowed)
                granted = pool.greatest_utilization([Budget(1.0, wait)], percentile)
                if max(borne, granted) >= USABLE and min(borne, granted) < LOADS[-1]:
                    yield Case(routing, dispersion, servers, mix, granted, max(borne, USABLE), most)


def pools(arrivals: int) -> None:
    """Errors of the granted utilization, by routing, dispersion, pool and service."""
    found = list(cases(arrivals))
    header(
        "Utilization granted beside what a simulation bears",
        f"{len(found):,} cases: pools of {SERVERS}, waits of {WAITS} mean services, percentiles "
        f"{PERCENTILES}, {arrivals:,} arrivals each; without those that bear less than "
        f"{percent(USABLE)} or 95 %. Optimistic: beside two standard errors.",
        ("", "", "cases", "optimistic, at most", "pessimistic, median", "a tenth, at least"),
    )
    for routing, dispersion in product(ROUTERS, DISPERSIONS):
        chosen = [
            each for each in found if (each.routing, each.dispersion) == (routing, dispersion)
        ]
        _row(routing, f"dispersion {dispersion}", chosen)
    for routing, servers in product(ROUTERS, SERVERS):
        chosen = [each for each in found if (each.routing, each.servers) == (routing, servers)]
        _row(routing, f"{servers} replicas", chosen)
    for routing, mix in product(ROUTERS, MIXES):
        chosen = [each for each in found if (each.routing, each.mix) == (routing, mix)]
        _row(routing, mix, chosen)
    shared = [each for each in found if each.routing is Routing.LEAST_LOADED]
    for least, most in pairwise(BORNE):
        between = [each for each in shared if least <= each.borne < most]
        chosen = [each for each in between if each.dispersion > 1]
        _row("least_loaded", f"bursts, {percent(least)} to {percent(most)} borne", chosen)
    _row("all", "", found)
    worst = max(found, key=lambda each: each.over)
    print(f"\nThe most optimistic: {worst}")


def _row(routing: str, group: str, chosen: list[Case]) -> None:
    under = [each.under for each in chosen]
    row(
        routing,
        group,
        len(chosen),
        percent(max(0.0, *(each.over for each in chosen))),
        percent(float(np.median(under))),
        percent(float(np.quantile(under, 0.9))),
    )


def routers(arrivals: int, wait: float = 4.0, percentile: float = 0.95) -> None:
    """What pools bear under routers that know less than the work left."""
    header(
        "Utilization that routers bear",
        f"{percent(percentile)} of the requests wait {wait:g} mean services at most; simulated, "
        f"{arrivals:,} arrivals each.",
        (
            "service",
            "dispersion",
            "replicas",
            *(each.name.lower().replace("_", " ") for each in Router),
        ),
    )
    for mix, dispersion, servers in product(MIXES, (1, 5), (2, 8, 32)):
        stream = Stream.of(MIXES[mix], dispersion, arrivals, seed=servers)
        borne = [_borne(stream, router, servers, wait, 1.0 - percentile) for router in Router]
        row(mix, dispersion, servers, *(f"{each:.2f}" for each in borne))


def _borne(stream: Stream, router: Router, servers: int, wait: float, allowed: float) -> float:
    late: Floats = np.array([stream.late(router, servers, load, [wait]).mean() for load in LOADS])
    return greatest(LOADS, late, allowed)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("what", choices=("pools", "routers"), nargs="?", default="pools")
    options.add_argument("--arrivals", type=int, default=1_000_000)
    chosen = options.parse_args()
    (pools if chosen.what == "pools" else routers)(chosen.arrivals)
