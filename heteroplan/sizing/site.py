"""Nodes of offers -> leaves: few spines, in each a leaf for every node type if there are enough.

Groups of a workload live in one domain of its affinity level. In one domain nodes serve whatever
engine needs them; in two, each rounds up on its own. So nodes fill one domain before the next one
gets any, each domain with the same mix of types where one is too small for all.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from heteroplan.entities.fleet import Fleet, NodeType, Outage
from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.offers import Offer, OfferKind
from heteroplan.entities.workload import Loss
from heteroplan.optimize.program.problem import Ints
from heteroplan.sizing.potential import Offered

type Standing = dict[tuple[str, str], int]
"""(offer, leaf) -> nodes."""

PAID_ANYWAY = 1e-3
"""Share of its price at which a plan counts a node that is paid whether it runs or not: less than
any that is paid by the hour, and still better free than taken."""


@dataclass
class Site:
    """Leaves with room for nodes, filled one by one."""

    offered: Offered
    standing: Standing = field(default_factory=dict)

    def room(self, offer: Offer, leaf: str) -> bool:
        """Whether one more node of an offer may stand on a leaf."""
        if leaf not in self.offered.leaves(offer):
            return False
        if offer.most_nodes is not None and self.count(offer) >= offer.most_nodes:
            return False
        places = self.offered.places[leaf]
        if places is not None and self.on(leaf) >= places:
            return False
        spine = self.spine_of[leaf]
        limit_w = dict(self.offered.limits.power_w).get(spine)
        if limit_w is None:
            return True
        watts = dict(self.offered.limits.node_watts)
        return self.used_w(spine) + watts[offer.node_type] <= limit_w

    def add(self, offer: Offer, leaf: str, nodes: int = 1) -> None:
        """Nodes of an offer on a leaf."""
        key = (offer.name, leaf)
        self.standing[key] = self.standing.get(key, 0) + nodes

    def count(self, offer: Offer) -> int:
        """Nodes of an offer, on all leaves."""
        return sum(nodes for (name, _), nodes in self.standing.items() if name == offer.name)

    @property
    def counts(self) -> dict[str, int]:
        """Offer -> nodes, on all leaves."""
        return {offer.name: self.count(offer) for offer in self.offered.offers}

    def on(self, leaf: str) -> int:
        """Nodes on a leaf."""
        return sum(nodes for (_, at), nodes in self.standing.items() if at == leaf)

    def used_w(self, spine: str) -> float:
        """Power of the nodes below a spine at full load [W]."""
        watts = dict(self.offered.limits.node_watts)
        return sum(
            watts[self.offered.by_name[name].node_type] * nodes
            for (name, at), nodes in self.standing.items()
            if self.spine_of[at] == spine
        )

    @cached_property
    def spine_of(self) -> dict[str, str]:
        """By leaf."""
        return {leaf.name: leaf.spine for leaf in self.offered.scenario.fleet.network.leaves}


def placed(offered: Offered, counts: Mapping[str, int], *, partly: bool = False) -> Standing | None:
    """So many nodes of each offer on leaves; where they find no room None, or what finds some."""
    site = Site(offered)
    left = {name: nodes for name, nodes in counts.items() if nodes > 0}
    standing = {name for name in left if offered.by_name[name].kind is OfferKind.EXISTING}
    domains = _domains(offered)
    for domain in domains:
        _fill(site, domain, left, {name: left[name] for name in standing})
    for domain in domains:
        new = {name: nodes for name, nodes in left.items() if name not in standing}
        _fill(site, domain, left, _share(site, domain, new))
    _fill(site, offered.scenario.fleet.network.leaves, left, dict(left))
    return site.standing if partly or not any(left.values()) else None


def _fill(
    site: Site, leaves: tuple[Leaf, ...], left: dict[str, int], share: dict[str, int]
) -> None:
    """Nodes of a share on leaves, as far as there is room; `left` loses them."""
    for name, nodes in share.items():
        offer = site.offered.by_name[name]
        for _ in range(min(nodes, left[name])):
            leaf = _best_leaf(site, offer, leaves)
            if leaf is None:
                break
            site.add(offer, leaf)
            left[name] -= 1


def _domains(offered: Offered) -> list[tuple[Leaf, ...]]:
    """Domains in which nodes of all types serve one another, those with most existing nodes first.

    Of the narrowest affinity; where a domain may be lost, nodes are spread over all of them.
    """
    network = offered.scenario.fleet.network
    level = min((load.affinity for load in offered.scenario.workloads), key=list(Affinity).index)
    existing = {
        leaf: offer.most_nodes or 0
        for offer in offered.paid
        if offer.kind is OfferKind.EXISTING
        for leaf in offered.leaves(offer)
    }
    domains = list(network.domains(level).values())
    return sorted(domains, key=lambda leaves: -sum(existing.get(leaf.name, 0) for leaf in leaves))


def _share(site: Site, domain: tuple[Leaf, ...], left: Mapping[str, int]) -> dict[str, int]:
    """Nodes of each offer that a domain gets of those left: all, or in proportion to its room."""
    lost = _lost_domains(site.offered)
    if lost > 1:
        return {name: -(-nodes // lost) for name, nodes in left.items()}
    part = min(1.0, _part_by_places(site, domain, left), _part_by_power(site, domain, left))
    return {name: nodes if part == 1.0 else round(nodes * part) for name, nodes in left.items()}


def _part_by_places(site: Site, domain: tuple[Leaf, ...], left: Mapping[str, int]) -> float:
    """Of the nodes left, for which a domain has rack places; 1 where they are not limited."""
    free = 0
    for leaf in domain:
        places = site.offered.places[leaf.name]
        if places is None:
            return 1.0
        free += places - site.on(leaf.name)
    return free / max(1, sum(left.values()))


def _part_by_power(site: Site, domain: tuple[Leaf, ...], left: Mapping[str, int]) -> float:
    """Of the nodes left, for which the spines of a domain have power; 1 where it is not limited.

    A spine's power is divided evenly among its leaves.
    """
    limits_w, watts = dict(site.offered.limits.power_w), dict(site.offered.limits.node_watts)
    leaves = Counter(site.spine_of.values())
    free_w = 0.0
    for spine, mine in Counter(leaf.spine for leaf in domain).items():
        if spine not in limits_w:
            return 1.0
        free_w += (limits_w[spine] - site.used_w(spine)) * mine / leaves[spine]
    wanted_w = sum(
        nodes * watts[site.offered.by_name[name].node_type] for name, nodes in left.items()
    )
    return free_w / wanted_w if wanted_w > 0 else 1.0


def _lost_domains(offered: Offered) -> int:
    """Domains over which nodes are spread because one of them may be lost; 1 where none is."""
    levels = {Loss.LEAF: Affinity.LEAF, Loss.SPINE: Affinity.SPINE}
    lost = [
        len(offered.scenario.fleet.network.domains(levels[load.resilience.lose]))
        for load in offered.scenario.workloads
        if load.resilience is not None and load.resilience.lose in levels
    ]
    return max(lost, default=1)


def _best_leaf(site: Site, offer: Offer, leaves: tuple[Leaf, ...]) -> str | None:
    """With room: one of its type alone, then an empty one, then the emptiest; None without room."""
    able = [leaf.name for leaf in leaves if site.room(offer, leaf.name)]

    def rank(leaf: str) -> tuple[int, int]:
        here = [
            (site.offered.by_name[name].node_type, nodes)
            for (name, at), nodes in site.standing.items()
            if at == leaf
        ]
        types = {node_type for node_type, _ in here}
        alone = 0 if types == {offer.node_type} else 1 if not types else 2
        return alone, sum(nodes for _, nodes in here)

    return min(able, key=rank, default=None)


@dataclass(frozen=True)
class Built:
    """A fleet of nodes that stand somewhere, and the offer of each of its node types on a leaf."""

    fleet: Fleet
    """At the prices of the offers."""
    marginal: Fleet
    """At what a running node costs more than one that stands idle."""
    hourly: dict[str, Offer]
    """Node type -> the offer, where hours that a node runs are paid."""
    not_needed: tuple[Outage, ...] = ()
    """Nodes by the hour that stand, but that a plan has no use for."""


def built(offered: Offered, standing: Standing) -> Built:
    """The fleet of some nodes. Node types that are paid in two ways are two types in it."""
    names = _type_names(offered, standing)
    old = offered.scenario.fleet
    nodes: dict[str, dict[str, int]] = {leaf.name: {} for leaf in old.network.leaves}
    usd: dict[str, list[tuple[float, int]]] = {}
    for (name, leaf), count in standing.items():
        if count > 0:
            here = nodes[leaf]
            here[names[name]] = here.get(names[name], 0) + count
            usd.setdefault(names[name], []).append((offered.by_name[name].usd_per_node_hour, count))
    hourly = {names[offer.name]: offer for offer in offered.hourly if names.get(offer.name) in usd}
    shapes, marginal = [], []
    for name, prices in usd.items():
        base = old.node_type(_base(offered, names, name))
        each = sum(price * count for price, count in prices) / sum(count for _, count in prices)
        shape = replace(base, name=name, usd_per_gpu_hour=each / base.gpus)
        shapes.append(shape)
        marginal.append(shape if name in hourly else _marginal(shape))
    order = [shape.name for shape in old.node_types]
    shapes.sort(key=lambda shape: order.index(_base(offered, names, shape.name)))
    marginal.sort(key=lambda shape: order.index(_base(offered, names, shape.name)))
    leaves = tuple(replace(leaf, nodes=nodes[leaf.name]) for leaf in old.network.leaves)
    fleet = replace(old, node_types=tuple(shapes), network=Network(leaves), outages=())
    return Built(fleet, replace(fleet, node_types=tuple(marginal)), hourly)


def only_needed(offered: Offered, made: Built, needed: Mapping[str, Ints]) -> Built:
    """The fleet, and its nodes by the hour that an interval does not need.

    Nor those before and after it, in which replicas start, and serve until others do. `needed` are
    nodes [T] by offer.
    """
    horizon = offered.scenario.horizon
    ends = horizon.boundaries()
    outages = []
    for node_type, offer in made.hourly.items():
        count = needed[offer.name]
        before, after = np.roll(count, 1), np.roll(count, -1)
        if not horizon.cyclic:
            before[0], after[-1] = count[0], count[-1]
        wanted = np.maximum(count, np.maximum(before, after))
        for leaf in made.marginal.network.leaves:
            there = leaf.nodes.get(node_type, 0)
            here = np.minimum(wanted, there)
            wanted = wanted - here
            outages += [
                Outage(leaf.name, node_type, there - int(here[t]), ends[t], ends[t + 1])
                for t in range(horizon.intervals)
                if there > here[t]
            ]
    return replace(made, not_needed=tuple(outages))


def _marginal(shape: NodeType) -> NodeType:
    return replace(shape, usd_per_gpu_hour=shape.usd_per_gpu_hour * PAID_ANYWAY)


def _base(offered: Offered, names: Mapping[str, str], name: str) -> str:
    """The offered node type behind a name of the fleet's."""
    return next(offered.by_name[offer].node_type for offer, own in names.items() if own == name)


def _type_names(offered: Offered, standing: Standing) -> dict[str, str]:
    """Offer -> name of its node type in the fleet: another one where hours are paid beside nodes
    of the type that are paid anyway, or at two prices."""
    present = {name for (name, _), nodes in standing.items() if nodes > 0}
    names: dict[str, str] = {}
    for offer in offered.offers:
        if offer.name not in present:
            continue
        own = offer.node_type
        taken = set(names.values()) | {shape.name for shape in offered.scenario.fleet.node_types}
        others = [
            each
            for each in offered.offers
            if each.name in present and each.node_type == own and each is not offer
        ]
        if offer.hourly and others:
            stem = own = f"{offer.node_type}-{offer.kind.value.replace('_', '-')}"
            number = 2
            while own in taken:
                own, number = f"{stem}-{number}", number + 1
        names[offer.name] = own
    return names
