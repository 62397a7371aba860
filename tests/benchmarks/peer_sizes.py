"""Other planners' problems of what to rent or keep, sized: a Markdown table.

    uv run --no-sync python -m tests.benchmarks.peer_sizes

Mélange's and AIBrix's problems on nodes of one GPU, and SageServe's, each model in each region on
its own, as its program has nothing that ties them: 400 sizes for 20 models in 20 regions, some
minutes. `cost` and `bound` are in the peer's terms.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter
from typing import Any

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.offers import Offer, OfferKind, Offers
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.sizing import size
from tests.benchmarks.markdown import header, row
from tests.benchmarks.peer_cases import Peer, all_peers, read
from tests.builders import candidates, engine, fleet, node_type, scenario, workload


@dataclass(frozen=True)
class PeerSize:
    """Cost and bound in the peer's terms."""

    cost: float
    bound: float
    covered: bool


def melange_size(peer: Peer, time_limit_s: float = 60.0) -> PeerSize:
    """Mélange's problem: any number of nodes of one GPU, paid for the hour."""
    shapes = tuple(replace(each, gpus=1) for each in peer.scenario.fleet.node_types)
    whole = replace(peer.scenario.fleet, node_types=shapes)
    by_class = {
        (each.engine.name, kind.name): point.capacity_rps
        for each in peer.candidates
        for kind, point in zip(
            peer.scenario.workloads[0].demand[0].classes, each.points[0], strict=True
        )
    }

    def rate(of: Scenario) -> tuple[Candidate, ...]:
        return candidates(of, by_class=by_class)

    offers = Offers(
        tuple(Offer(n.name, n.name, OfferKind.RESERVED, n.usd_per_gpu_hour) for n in shapes)
    )
    made = replace(peer.scenario, fleet=whole)
    found = size(made, offers, gap=1e-6, time_limit_s=time_limit_s, rate=rate)
    return PeerSize(found.cost_usd, found.bound_usd, found.covered)


def sageserve_size(given: Mapping[str, Any], time_limit_s: float = 20.0) -> PeerSize:
    """SageServe's problem: instances that run are kept or given back, new ones cost a start too.

    The cost is that of the change, as there.
    """
    cost, bound, covered = 0.0, 0.0, True
    for made, offers, kept_usd in sageserve_pools(given):
        found = size(made, offers, gap=1e-6, time_limit_s=time_limit_s, rate=partial(candidates))
        cost += found.cost_usd - kept_usd
        bound += found.bound_usd - kept_usd
        covered = covered and found.covered
    return PeerSize(cost, bound, covered)


def sageserve_pools(given: Mapping[str, Any]) -> Iterator[tuple[Scenario, Offers, float]]:
    """Each model in each region, with offers and the cost of keeping what runs."""
    prices: list[float] = given["gpu_cost"]
    for m, regions in enumerate(given["demand"]):
        for r, rate in enumerate(regions):
            names = [f"g{g}" for g in range(len(prices))]
            engines = [
                engine(
                    name, role=Role.AGGREGATED, gpu=name, gpus=1,
                    capacity_rps=given["tokens_per_instance"][m][g],
                )
                for g, name in enumerate(names)
            ]  # fmt: skip
            made = scenario(
                [workload("model", rps=[rate], engines=engines)],
                in_fleet=fleet(
                    {"l": dict.fromkeys(names, 0)},
                    node_types=[node_type(name, gpu=name, gpus=1) for name in names],
                ),
            )
            runs = given["current_instances"][m][r]
            kept = [
                Offer(f"{name} kept", name, OfferKind.EXISTING, prices[g], runs[g])
                for g, name in enumerate(names)
                if runs[g] > 0
            ]
            new = [
                Offer(name, name, OfferKind.RESERVED, prices[g] + given["startup_cost"][m][g])
                for g, name in enumerate(names)
            ]
            kept_usd = sum(p * n for p, n in zip(prices, runs, strict=True))
            yield made, Offers((*kept, *new)), float(kept_usd)


def main() -> None:
    header(
        "Peers' problems, sized",
        "Cost an hour (Mélange, AIBrix), cost of the change (SageServe).",
        ("problem", "cost", "bound", "all served", "s", "published", "best known"),
    )
    for peer in all_peers():
        began = perf_counter()
        given = read(peer.name) if peer.name.startswith("sageserve") else None
        found = melange_size(peer) if given is None else sageserve_size(given)
        published, known = peer.references[0], min(each.cost for each in peer.references)
        row(
            *(peer.name, f"{found.cost:,.3f}", f"{found.bound:,.3f}"),
            *("yes" if found.covered else "no", f"{perf_counter() - began:.1f}"),
            *(f"{published.cost:,.3f} ({published.status})", f"{known:,.3f}"),
        )


if __name__ == "__main__":
    main()
