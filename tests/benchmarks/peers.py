"""Other planners' problems, solved beside their own programs' figures, as a Markdown table.

    uv run --no-sync python -m tests.benchmarks.peers [--all] [--time-limit 60]

Mélange's grid at 500, 5,000 and 50,000 requests/s and SageServe's 20 models x 20 regions x 5 GPU
types; `--all` takes every problem of theirs. Solved to a gap of 0. `peer_cases` has the mapping.
"""

import argparse
from collections.abc import Iterator
from math import inf
from time import perf_counter

from heteroplan.optimize.solve import solve
from tests.benchmarks.markdown import header, row
from tests.benchmarks.peer_cases import (
    MELANGE,
    PEERS,
    RATES_RPS,
    SAGESERVE,
    Peer,
    all_peers,
    melange,
    sageserve,
)

SAME = 1e-6
"""Relative difference of costs that are the same."""


def wanted_peers() -> Iterator[Peer]:
    for rps in RATES_RPS:
        yield melange(MELANGE, rps)
    yield sageserve(SAGESERVE)


def solved(peer: Peer, time_limit_s: float) -> None:
    """A row: our cost in the peer's terms, and when it stood first and was proven."""
    began = perf_counter()
    problem = peer.problem
    built_s = perf_counter() - began
    best = min(each.cost for each in peer.references)
    reached_s = inf

    def progress(cost: float | None, bound: float, seconds: float) -> None:
        nonlocal reached_s
        if cost is not None and peer.peer_cost(cost) <= best + SAME * abs(best):
            reached_s = min(reached_s, seconds)

    found = solve(problem, gap=0.0, time_limit_s=time_limit_s, progress=progress)
    published, known = peer.references[0], min(peer.references, key=lambda each: each.cost)
    cost, bound = peer.peer_cost(found.objective), peer.peer_cost(found.bound)
    row(
        *(peer.name, len(problem.pools), f"{cost:,.3f}", f"{bound:,.3f}"),
        *(found.termination.value, "no" if any(found.unserved.values()) else "yes"),
        *(f"{reached_s:.2f}" if reached_s < inf else "", f"{found.seconds:.2f}", f"{built_s:.2f}"),
        f"{published.cost:,.3f}, {published.seconds:g} s ({published.status})",
        f"{known.cost:,.3f}, {known.seconds:g} s ({known.solver})",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Peers' problems.")
    parser.add_argument("--all", action="store_true", help="every problem of theirs")
    parser.add_argument("--time-limit", type=float, default=60.0, help="of each solve [s]")
    options = parser.parse_args()
    if not PEERS.is_dir():
        parser.error("the peers' problems are not beside the repository")
    header(
        "Peers",
        "Mélange and AIBrix: cost an hour; SageServe: cost of changing from the current instances. "
        "Costs of ours are proven or bounded by `bound`; seconds are those of `solve`, to the best "
        "known cost and to the end, and of `build_problem`. Theirs are from the reference files.",
        (
            *("problem", "pools", "cost", "bound", "ended", "all served"),
            *("s to best known", "s in all", "s to build", "published", "best known"),
        ),
    )
    for peer in all_peers() if options.all else wanted_peers():
        solved(peer, options.time_limit)


if __name__ == "__main__":
    main()
