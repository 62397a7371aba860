"""Offers and tiny scenarios of sizes."""

from collections.abc import Sequence
from dataclasses import replace

from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.offers import Offer, OfferKind, Offers, SizeLimits
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Engine, Loss, Resilience, Role
from tests.builders import engine, fleet, node_type, scenario, workload

BIG, SMALL = "h100x8", "l40sx8"


def purchase(node_type: str = BIG, usd: float = 16.0, most_nodes: int | None = None) -> Offer:
    return Offer(f"{node_type} bought", node_type, OfferKind.PURCHASE, usd, most_nodes)


def on_demand(node_type: str = BIG, usd: float = 16.0, most_nodes: int | None = None) -> Offer:
    return Offer(f"{node_type} rented", node_type, OfferKind.ON_DEMAND, usd, most_nodes)


def offers(*each: Offer, limits: SizeLimits | None = None) -> Offers:
    return Offers(each, limits or SizeLimits())


def two_types(
    rps: Sequence[float], *, startup_s: float = 0.0, drain_s: float = 0.0, leaves: int = 1
) -> Scenario:
    """One workload: prefill of 4 GPUs serves 10 requests/s on H100 and 5 on L40S, decode of 4 GPUs
    10 on H100 and 8 on L40S; nodes of 8 GPUs below one spine."""

    def made(name: str, role: Role, gpu: str, rate: float) -> Engine:
        return engine(
            name, role=role, gpu=gpu, capacity_rps=rate, startup_s=startup_s, drain_s=drain_s
        )

    engines = [
        made("h-prefill", Role.PREFILL, "H100", 10.0),
        made("h-decode", Role.DECODE, "H100", 10.0),
        made("l-prefill", Role.PREFILL, "L40S", 5.0),
        made("l-decode", Role.DECODE, "L40S", 8.0),
    ]
    names = [f"l{i + 1}" for i in range(leaves)]
    return scenario(
        [workload("chat", rps=rps, engines=engines, affinity=Affinity.SPINE)],
        in_fleet=fleet(
            {name: {BIG: 0, SMALL: 0} for name in names},
            node_types=(node_type(), node_type(SMALL, gpu="L40S", usd_per_gpu_hour=0.8)),
            spines=dict.fromkeys(names, "s1"),
        ),
    )


def two_spines(rps: Sequence[float], spines: int = 2) -> Scenario:
    """As `two_types`, below two spines or more of one leaf each."""
    made = two_types(rps, leaves=spines)
    leaves = tuple(
        Leaf(leaf.name, f"s{i + 1}", leaf.cluster, dict(leaf.nodes))
        for i, leaf in enumerate(made.fleet.network.leaves)
    )
    return replace(made, fleet=replace(made.fleet, network=Network(leaves)))


def may_lose(made: Scenario, lose: Loss, serve: float) -> Scenario:
    """With any one `lose` gone all workloads serve a share still."""
    loads = (replace(load, resilience=Resilience(lose, serve)) for load in made.workloads)
    return replace(made, workloads=tuple(loads))
