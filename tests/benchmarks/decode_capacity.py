"""Decode capacity said and simulated: `python -m tests.benchmarks.decode_capacity`.

By hand; some minutes. `--points N` drawn from the grid.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from heteroplan.entities.arrivals import Arrivals, Dispersion
from heteroplan.entities.slo import ItlOf
from heteroplan.entities.workload import RequestClass, Role, Routing
from heteroplan.profiles.capacity.decode import decode_points
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.swing import shorter_of_two
from tests.benchmarks.markdown import header, row
from tests.profiles.decode_simulation import drawn, greatest_rps
from tests.profiles.settings import setting

ENGINES: dict[str, dict[str, float]] = {
    "ITL, 100 sequences": {"itl_ms": 41.0},
    "ITL, 25 sequences": {"itl_ms": 25.0},
    "KV memory, 65 sequences": {"itl_ms": 200.0, "kv_tokens": 72_000},
    "sequences, 64": {"itl_ms": 200.0, "max_sequences": 64},
}
POOLS = (1, 2, 4, 8, 16, 64)
DISPERSIONS = (1.0, 2.0, 5.0, 13.0)
SPREADS = (0.0, 0.5, 1.0)
PERCENTILES = (0.9, 0.95, 0.99)
FEWEST, EACH, MOST = 60_000, 20_000, 500_000
"""Requests of a run, with more for each replica."""


@dataclass(frozen=True)
class Point:
    """Of the grid, by what tables are grouped by."""

    engine: str
    routing: str
    dispersion: float
    pool: int
    spread: float
    percentile: float
    itl_of: str
    factor: float
    """Simulated capacity over the one said."""


def setting_of(
    engine: str,
    servers: int,
    routing: Routing,
    dispersion: float,
    spread: float,
    percentile: float,
    itl_of: ItlOf,
) -> Setting:
    """Inputs of 1,000 tokens with the same spread as the outputs of 100; batches of arrivals."""
    in_flight = 1.0 + (dispersion - 1.0) * shorter_of_two(spread)
    arrivals = (Dispersion(1.0, percentile, dispersion, in_flight),) * (dispersion > 1.0)
    return setting(
        Role.DECODE,
        mix=(RequestClass("all", 1.0, 1000.0, 100.0, isl_cv=spread, osl_cv=spread),),
        percentile=percentile,
        servers=servers,
        routing=routing,
        arrivals=Arrivals(arrivals),
        itl_of=itl_of,
        **ENGINES[engine],  # type: ignore[arg-type]
    )


def factors(points: int, seed: int) -> list[Point]:
    """Of points drawn from the grid, those apart that say no capacity."""
    grid = list(
        product(ENGINES, POOLS, list(Routing), DISPERSIONS, SPREADS, PERCENTILES, list(ItlOf))
    )
    chosen = np.random.default_rng(seed).permutation(len(grid))[:points]
    found = []
    for number in chosen.tolist():
        engine, servers, routing, dispersion, spread, percentile, itl_of = grid[number]
        of = setting_of(engine, servers, routing, dispersion, spread, percentile, itl_of)
        said_rps = decode_points(of)[0].capacity_rps
        if said_rps <= 0.0:
            continue
        requests = drawn(of, (dispersion + 1.0) / 2.0, min(MOST, FEWEST + EACH * servers), number)
        found.append(
            Point(
                engine,
                routing.value,
                dispersion,
                servers,
                spread,
                percentile,
                itl_of.value,
                greatest_rps(of, requests, said_rps) / said_rps,
            )
        )
    return found


def table(points: Sequence[Point]) -> None:
    """Least, median and greatest factors by each figure."""
    header(
        "Decode capacity simulated over said",
        f"{len(points)} points of the grid. Below 1: the model promises too much.",
        ("by", "", "points", "least", "5 %", "median", "95 %", "greatest"),
    )
    for name in ("engine", "routing", "dispersion", "pool", "spread", "percentile", "itl_of"):
        for value in dict.fromkeys(sorted(getattr(point, name) for point in points)):
            own = np.array([p.factor for p in points if getattr(p, name) == value])
            quantiles = np.quantile(own, [0.0, 0.05, 0.5, 0.95, 1.0])
            row(name, value, len(own), *(f"{each:.3f}" for each in quantiles))
    for point in sorted(points, key=lambda point: point.factor)[:10]:
        print(point)


if __name__ == "__main__":
    options = argparse.ArgumentParser()
    options.add_argument("--points", type=int, default=400)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    table(factors(given.points, given.seed))
