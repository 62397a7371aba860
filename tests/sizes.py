"""Small sizes for tests: a node of 8 GPUs serves 1 request/s, of either type."""

from collections.abc import Mapping, Sequence

from heteroplan.entities.offers import Offer, OfferKind, Offers, SizeLimits
from heteroplan.entities.purchasing import Growth, Payment, Purchasing, Spares
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Role
from heteroplan.sizing.purchase.terms import Search
from tests.builders import engine, fleet, node_type, scenario, workload

QUICK = Search(gap=0.0, time_limit_s=20.0)
OWN = Payment(usd_per_node=8766.0, years=1.0, running_usd_per_node_hour=1.0)
"""2 USD an hour."""


def asking(*rps: float, standing: Mapping[str, int] | None = None) -> Scenario:
    """One workload on a leaf where nodes C and D may stand, or stand already."""
    engines = [
        engine(f"on-{gpu}", role=Role.AGGREGATED, gpu=gpu, gpus=8, capacity_rps=1.0)
        for gpu in ("C", "D")
    ]
    types = [
        node_type("c8", gpu="C", usd_per_gpu_hour=1.0),
        node_type("d8", gpu="D", usd_per_gpu_hour=3.0),
    ]
    on = fleet({"l1": dict(standing or {})}, node_types=types)
    return scenario([workload("a", rps=rps, engines=engines)], in_fleet=on)


def offer(
    name: str = "own",
    node_type: str = "c8",
    kind: OfferKind = OfferKind.PURCHASE,
    usd: float = 2.0,
    *,
    most: int | None = None,
    leaves: Sequence[str] = (),
    days: float = 0.0,
) -> Offer:
    return Offer(name, node_type, kind, usd, most, tuple(leaves), lead_time_days=days)


def stands(nodes: int, usd: float = 2.0, node_type: str = "c8") -> Offer:
    return offer(
        f"existing {node_type}", node_type, OfferKind.EXISTING, usd, most=nodes, leaves=["l1"]
    )


def terms(
    of: Scenario,
    *offers: Offer,
    kept: Sequence[str] = (),
    payments: Mapping[str, Payment] | None = None,
    limits: SizeLimits | None = None,
    spares: Mapping[str, Spares] | None = None,
    growth: Growth | None = None,
    today: Mapping[str, Mapping[str, int]] | None = None,
) -> Purchasing:
    plain = {
        each.name: Payment(running_usd_per_node_hour=each.usd_per_node_hour) for each in offers
    }
    return Purchasing(
        fleet=of.fleet,
        offers=Offers(tuple(offers), limits or SizeLimits()),
        payments=plain | dict(payments or {}),
        kept=frozenset(kept),
        spares=dict(spares or {}),
        growth=growth,
        today=dict(today or {}),
    )
