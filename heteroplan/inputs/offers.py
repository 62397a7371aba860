"""Offers files, and what a fleet may be made of where there is none."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heteroplan.entities.fleet import Fleet, GpuType, NodeType
from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.offers import Offer, OfferKind, Offers, SizeLimits
from heteroplan.entities.purchasing import (
    HOURS_PER_DAY,
    HOURS_PER_MONTH,
    HOURS_PER_YEAR,
    Growth,
    Payment,
    Purchasing,
    Spares,
)
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import InputError, InputProblem
from heteroplan.inputs import build
from heteroplan.inputs.checks.offers import BESIDE_GPUS, OffersCase, node_watts, offers_problems
from heteroplan.inputs.checks.schema_problems import checked
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.schemas.offers import (
    ExistingSpec,
    HourlySpec,
    OffersFile,
    OfferSpec,
    SparesSpec,
)
from heteroplan.reading.input_files import STDIN, Files, UnreadableError, shown
from heteroplan.reading.yaml_source import Document, parse_document
from heteroplan.units import s_to_hours


def load_offers(source: str, scenario: Scenario, *, from_nothing: bool = False) -> Purchasing:
    """The offers file `source` (or `-`) for a scenario. Raises InputError with every problem."""
    path = STDIN if source == "-" else Path(source)
    try:
        text = Files().text(path)
    except UnreadableError as error:
        raise InputError([InputProblem(shown(path), 0, "", "", str(error))]) from None
    document, problems = parse_document(text, shown(path))
    spec = checked(document, OffersFile, problems)
    if spec is not None:
        problems += offers_problems(OffersCase(document, spec, scenario))
    if problems or spec is None:
        raise InputError(problems)
    return _Building(spec, scenario, from_nothing or spec.from_nothing).purchasing()


def fleet_offers(scenario: Scenario, *, from_nothing: bool = False) -> Purchasing:
    """Where nobody offers anything: the node types of the fleet at its prices, for all hours."""
    spec = OffersFile.model_validate(
        {
            "offers": [
                {
                    "name": f"{each.name[:55]}-static".replace("--", "-"),
                    "node_type": each.name,
                    "kind": "reserved",
                    "years": 1.0,
                    "usd_per_gpu_hour": each.usd_per_gpu_hour,
                }
                for each in scenario.fleet.node_types
            ]
        }
    )
    found = _Building(spec, scenario, from_nothing).purchasing()
    note = (
        "No offers are given: nodes of the fleet's types are taken at its prices, paid for all "
        "hours. State what can be bought or rented in a file (--offers FILE)."
    )
    return replace(found, notes=(note, *found.notes))


@dataclass(frozen=True, slots=True)
class _Building:
    """A checked offers file -> entities."""

    spec: OffersFile
    scenario: Scenario
    from_nothing: bool

    def purchasing(self) -> Purchasing:
        """All of it."""
        fleet = self._fleet()
        types = {each.name: each for each in fleet.node_types}
        new = {each.name: _payment(each, types[each.node_type]) for each in self.spec.offers}
        standing = list(self._standing(fleet, types))
        offers = (
            *(offer for offer, *_ in standing),
            *(self._offer(each, new[each.name], types) for each in self.spec.offers),
        )
        limits, notes = self._limits(types)
        spares, stated = self._spares(types)
        return Purchasing(
            fleet=fleet,
            offers=Offers(offers, limits),
            payments=new | {offer.name: payment for offer, payment, *_ in standing},
            kept=frozenset(offer.name for offer, _, kept, _ in standing if kept),
            bought_out=frozenset(offer.name for offer, _, _, owned in standing if owned),
            spares=spares,
            growth=None if self.spec.growth is None else Growth(**dict(self.spec.growth)),
            today=self.spec.today,
            notes=(*notes, *stated),
        )

    def _fleet(self) -> Fleet:
        """With the node types of the file, and without nodes where they are left out."""
        fleet = self.scenario.fleet
        gpus = built_in() | {each.gpu.name: each.gpu for each in fleet.node_types}
        gpus |= {each.name: GpuType(each.name, each.memory_gib) for each in self.spec.gpu_types}
        added = (
            NodeType(
                **dict(each) | {"gpu": gpus[each.gpu], "failures": build.failures(each.failures)}
            )
            for each in self.spec.node_types
        )
        leaves = tuple(
            replace(leaf, nodes={}) if self.from_nothing else leaf for leaf in fleet.network.leaves
        )
        return replace(
            fleet,
            node_types=(*fleet.node_types, *added),
            network=Network(leaves),
            outages=() if self.from_nothing else fleet.outages,
        )

    def _standing(
        self, fleet: Fleet, types: Mapping[str, NodeType]
    ) -> Iterator[tuple[Offer, Payment, bool, bool]]:
        """Offers for the nodes of each leaf, how they are paid, whether kept, and bought out."""
        for leaf in fleet.network.leaves:
            for name, nodes in leaf.nodes.items():
                if nodes == 0:
                    continue
                terms = self.spec.existing.get(name, ExistingSpec.model_validate({}))
                payment = Payment(running_usd_per_node_hour=_hourly(terms, types[name]))
                owned = False
                if terms.buyout_usd_per_node is not None:
                    bought = Payment(
                        terms.buyout_usd_per_node, terms.buyout_years, terms.owned_usd_per_node_hour
                    )
                    owned = bought.usd_per_node_hour < payment.usd_per_node_hour
                    payment = bought if owned else payment
                offer = Offer(
                    name=existing_name(name, leaf.name),
                    node_type=name,
                    kind=OfferKind.EXISTING,
                    usd_per_node_hour=payment.usd_per_node_hour,
                    most_nodes=nodes,
                    leaves=(leaf.name,),
                )
                yield offer, payment, terms.keep, owned

    def _limits(self, types: Mapping[str, NodeType]) -> tuple[SizeLimits, tuple[str, ...]]:
        spec, horizon = self.spec.limits, self.scenario.horizon
        hours = horizon.intervals * horizon.interval_hours
        budget, places = spec.budget_usd_per_month, self._places()
        watts, assumed = {}, []
        used = self._used_types
        for name in types:
            taken = node_watts(spec, types[name])
            if taken is not None:
                watts[name] = taken
                if name not in spec.node_kw and spec.power_kw and name in used:
                    assumed.append(f"{name} ({taken / 1000:.3g} kW)")
        note = (
            f"Power is not given of {', '.join(assumed)}: {BESIDE_GPUS:g} times that of their GPUs "
            "is assumed, as of a DGX H100 (node_kw)."
        )
        limits = SizeLimits(
            budget_usd=None if budget is None else budget_of_hours(budget, hours),
            rack_places=tuple(places.items()),
            by_ports=frozenset(
                leaf for leaf in spec.ports if places[leaf] != spec.rack_places.get(leaf)
            ),
            power_w=tuple((name, 1000 * kw) for name, kw in spec.power_kw.items()),
            node_watts=tuple(watts.items()),
        )
        return limits, (note,) if assumed else ()

    def _offer(self, spec: OfferSpec, payment: Payment, types: Mapping[str, NodeType]) -> Offer:
        """Its replicas start as long as the slowest engine for its GPUs."""
        gpu = types[spec.node_type].gpu.name
        startup_s = max(
            (
                engine.startup_s
                for load in self.scenario.workloads
                for engine in load.profile.engines
                if engine.gpu == gpu
            ),
            default=0.0,
        )
        return _offer(spec, payment, self.scenario.fleet.network, s_to_hours(startup_s))

    def _spares(self, types: Mapping[str, NodeType]) -> tuple[dict[str, Spares], tuple[str, ...]]:
        """As the file says; of other node types for the failures that the fleet states."""
        spares = {name: Spares(**dict(each)) for name, each in self.spec.spares.items()}
        stated: dict[tuple[float, float], list[str]] = {}
        for name in self._used_types:
            failures = types[name].failures
            if name in spares or failures is None or failures.nodes_per_1000_days == 0:
                continue
            a_year = failures.nodes_per_1000_days / 1000 * HOURS_PER_YEAR / HOURS_PER_DAY
            given = SparesSpec(failures_per_node_year=a_year, repair_hours=failures.repair_hours)
            spares[name] = Spares(**dict(given))
            stated.setdefault((a_year, failures.repair_hours), []).append(name)
        return spares, tuple(
            f"Spares of {', '.join(names)} are for the failures that the fleet states: "
            f"{a_year:.3g} a node and year, {repair_hours:g} h of repair."
            for (a_year, repair_hours), names in stated.items()
        )

    @property
    def _used_types(self) -> list[str]:
        spec = self.spec.model_copy(update={"from_nothing": self.from_nothing})
        return OffersCase(Document("", {}), spec, self.scenario).used_types

    def _places(self) -> dict[str, int]:
        """Nodes that fit each leaf: its places, and as many as its ports connect at least."""
        spec = self.spec.limits
        places = dict(spec.rack_places)
        most = max((ports for ports in spec.node_ports.values()), default=1)
        for leaf, ports in spec.ports.items():
            places[leaf] = min(places.get(leaf, ports // most), ports // most)
        return places


def existing_name(node_type: str, leaf: str) -> str:
    """Name of the offer of nodes that stand on a leaf; no other offer's name has such a sign."""
    return f"existing {node_type} @ {leaf}"


def budget_of_hours(usd_per_month: float, hours: float) -> float:
    """The part of a budget a month that some hours have [USD]."""
    return usd_per_month * hours / HOURS_PER_MONTH


def _hourly(spec: HourlySpec, node_type: NodeType) -> float:
    """Price of a node [USD/h]; that of the fleet where the file has none."""
    if spec.usd_per_node_hour is not None:
        return spec.usd_per_node_hour
    of_gpu = spec.usd_per_gpu_hour
    return node_type.gpus * (node_type.usd_per_gpu_hour if of_gpu is None else of_gpu)


def _payment(spec: OfferSpec, node_type: NodeType) -> Payment:
    running = _hourly(spec, node_type) if spec.has_hourly else 0.0
    return Payment(spec.usd_per_node or 0.0, spec.years, running)


def _offer(spec: OfferSpec, payment: Payment, network: Network, startup_hours: float) -> Offer:
    return Offer(
        name=spec.name,
        node_type=spec.node_type,
        kind=OfferKind(spec.kind),
        usd_per_node_hour=payment.usd_per_node_hour,
        most_nodes=spec.most_nodes,
        leaves=tuple(leaf.name for leaf in network.leaves if _within(leaf, spec.places))
        if spec.places
        else (),
        interruptions_per_node_hour=spec.interruptions_per_node_hour or 0.0,
        most_share=1.0 if spec.most_share is None else spec.most_share,
        lead_time_days=spec.lead_time_days,
        startup_hours=startup_hours,
    )


def _within(leaf: Leaf, places: list[str]) -> bool:
    return any(leaf.domain(level) in places for level in Affinity)
