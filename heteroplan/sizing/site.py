"""Nodes of offers -> leaves: few spines, in each a leaf for every node type if there are enough.

Groups of a workload live in one domain of its affinity level. In one domain nodes serve whatever
engine needs them; in two, each rounds up on its own. So nodes fill one domain before the next one
gets any, each domain with the same mix of types where one is too small for all.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil

import numpy as np

from heteroplan.entities.fleet import Fleet, NodeType, Outage
from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.offers import LimitKind, Offer, OfferKind, UsedUp
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Workload
from heteroplan.numerics.tolerances import ROUNDING
from heteroplan.optimize.program.build import LOST_LEVELS
from heteroplan.optimize.program.problem import Ints
from heteroplan.sizing.potential import Offered, Potential

type Standing = dict[tuple[str, str], int]
"""(offer, leaf) -> nodes."""

PAID_ANYWAY = 1e-3
"""Share of its price at which a plan counts a node that is paid whether it runs or not: less than
any that is paid by the hour, and still better free than taken."""


@dataclass(frozen=True, eq=False)
class Section:
    """Leaves, and the program of what is served on them."""

    leaves: tuple[Leaf, ...]
    potential: Potential


def sections(whole: Potential) -> tuple[Section, ...]:
    """Domains that may be lost, each with its share of the demand, and what else lives in it.

    One with all leaves where none may be lost, or where a domain does not serve its share alone.
    """
    offered, found = whole.offered, list[Section]()
    network = offered.scenario.fleet.network
    known: dict[tuple[tuple[str, float], ...], Potential] = {}
    alike = not any(offer.leaves or offer.most_nodes for offer in offered.offers)
    for leaves, shares in _homes(offered):
        key = tuple(sorted(shares.items()))
        potential = known.get(key) if alike and not offered.limits.node_watts else None
        potential = potential or Potential.of(_within(offered, leaves, shares))
        known[key] = potential
        if not potential.servable:
            found.clear()
            break
        found.append(Section(leaves, potential))
    return tuple(found) or (Section(network.leaves, whole),)


def on_section(scenario: Scenario, section: Section) -> Scenario:
    """The workloads that live in a section, on its nodes."""
    names = {work.name for work in section.potential.program.workloads}
    leaves = {leaf.name for leaf in section.leaves}
    network = Network(tuple(leaf for leaf in scenario.fleet.network.leaves if leaf.name in leaves))
    return replace(
        scenario,
        workloads=tuple(load for load in scenario.workloads if load.name in names),
        fleet=replace(scenario.fleet, network=network),
    )


def _homes(offered: Offered) -> list[tuple[tuple[Leaf, ...], dict[str, float]]]:
    """Leaves of domains that may be lost, and which share of which workload each serves; none
    where none may be.

    A workload that may lose one lives in as few as let the rest serve enough of it; any other one
    in one, in which no other lives from which it keeps apart.
    """
    scenario = offered.scenario
    loads = sorted(scenario.workloads, key=lambda load: _lost_level(load) is None)
    levels = [level for load in loads if (level := _lost_level(load)) is not None]
    if not levels:
        return []
    level = max(levels, key=list(Affinity).index)
    domains = sorted(
        scenario.fleet.network.domains(level).items(),
        key=lambda each: -_standing_on(offered, each[1]),
    )
    shares: dict[str, dict[str, float]] = {name: {} for name, _ in domains}
    for load in loads:
        apart = {
            each.name
            for each in loads
            if each.name in load.anti_affinity or load.name in each.anti_affinity
        }
        able = {
            leaf.domain(level)
            for leaves in load.domains(scenario.fleet.network).values()
            for leaf in leaves
        }
        mine = [name for name in shares if name in able]
        mine.sort(key=lambda name: len(apart & set(shares[name])))
        parts, share = _spread(load, len(mine))
        for name in mine[:parts]:
            shares[name][load.name] = share
    return [(leaves, shares[name]) for name, leaves in domains if shares[name]]


def _lost_level(load: Workload) -> Affinity | None:
    """Of the domains of which it may lose any one."""
    return None if load.resilience is None else LOST_LEVELS.get(load.resilience.lose)


def _spread(load: Workload, domains: int) -> tuple[int, float]:
    """Over how many of the domains a workload is spread, and which share of it each serves."""
    if load.resilience is None or _lost_level(load) is None or domains < 2:
        return 1, 1.0
    serve = load.resilience.serve
    enough = ceil(1.0 / (1.0 - serve) - ROUNDING) if serve < 1.0 else domains
    parts = min(domains, max(2, enough))
    return parts, max(1.0 / parts, serve / (parts - 1))


def _within(offered: Offered, leaves: Sequence[Leaf], shares: Mapping[str, float]) -> Offered:
    """Of some leaves alone, with shares of some workloads."""
    scenario, limits = offered.scenario, offered.limits
    names, spines = {leaf.name for leaf in leaves}, {leaf.spine for leaf in leaves}
    loads = [
        _part_of(load, shares[load.name]) for load in scenario.workloads if load.name in shares
    ]
    fleet = replace(scenario.fleet, network=Network(tuple(leaves)), outages=())
    offers = (
        replace(offer, leaves=tuple(leaf for leaf in offered.leaves(offer) if leaf in names))
        for offer in offered.offers
    )
    return replace(
        offered,
        scenario=replace(scenario, workloads=tuple(loads), fleet=fleet, current=None),
        offers=tuple(offer for offer in offers if offer.leaves),
        limits=replace(
            limits,
            budget_usd=None,
            rack_places=tuple(each for each in limits.rack_places if each[0] in names),
            power_w=tuple(each for each in limits.power_w if each[0] in spines),
        ),
    )


def _part_of(load: Workload, share: float) -> Workload:
    """A share of a workload, that nothing is asked of but to serve it."""
    return replace(
        load.scaled(share),
        min_replicas={role: ceil(n * share) for role, n in load.min_replicas.items()},
        anti_affinity=(),
        resilience=None if _lost_level(load) is not None else load.resilience,
    )


@dataclass
class Site:
    """Leaves with room for nodes, filled one by one."""

    offered: Offered
    standing: Standing = field(default_factory=dict)

    def room(self, offer: Offer, leaf: str) -> bool:
        """Whether one more node of an offer may stand on a leaf."""
        return leaf in self.offered.leaves(offer) and self.used_up(offer, leaf) is None

    def used_up(self, offer: Offer, leaf: str) -> UsedUp | None:
        """What leaves no room on a leaf of an offer for one more node of it; None where it has."""
        if offer.most_nodes is not None and self.count(offer) >= offer.most_nodes:
            if offer.kind is OfferKind.EXISTING:
                return UsedUp(LimitKind.STANDING, leaf)
            return UsedUp(LimitKind.MOST_NODES, offer.name)
        places = self.offered.places[leaf]
        if places is not None and self.on(leaf) >= places:
            by_ports = leaf in self.offered.limits.by_ports
            return UsedUp(LimitKind.PORTS if by_ports else LimitKind.RACK_PLACES, leaf)
        spine = self.spine_of[leaf]
        limit_w = dict(self.offered.limits.power_w).get(spine)
        if limit_w is None:
            return None
        watts = dict(self.offered.limits.node_watts)
        fits = self.used_w(spine) + watts[offer.node_type] <= limit_w
        return None if fits else UsedUp(LimitKind.POWER_KW, spine)

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


type Shares = Sequence[tuple[Sequence[Leaf], Mapping[str, int]]]
"""Leaves, and nodes of each offer on them."""


def placed(
    offered: Offered, counts: Mapping[str, int], shares: Shares = (), *, partly: bool = False
) -> Standing | None:
    """So many nodes of each offer on leaves; where they find no room None, or what finds some.

    Where there are `shares`, these leaves have nodes in proportion to them.
    """
    site = Site(offered)
    network = offered.scenario.fleet.network
    left = {name: nodes for name, nodes in counts.items() if nodes > 0}
    standing = {name for name in left if offered.by_name[name].kind is OfferKind.EXISTING}
    domains = _domains(offered)
    for domain in domains:
        _fill(site, domain, left, {name: left[name] for name in standing})
    new = {name: nodes for name, nodes in left.items() if name not in standing}
    for leaves, share in _divided(shares or [(network.leaves, new)], new):
        for domain in domains:
            here = tuple(leaf for leaf in domain if leaf in leaves)
            part = _share(site, here, share) if here else {}
            before = dict(left)
            _fill(site, here, left, part)
            share = {name: nodes - before[name] + left[name] for name, nodes in share.items()}
    _fill(site, network.leaves, left, dict(left))
    return site.standing if partly or not any(left.values()) else None


def _divided(
    shares: Shares, nodes: Mapping[str, int]
) -> list[tuple[Sequence[Leaf], dict[str, int]]]:
    """Nodes of each offer in proportion to some others; what is left goes to the first leaves."""
    total = Counter[str]()
    for _, share in shares:
        total.update(share)
    found = [
        (leaves, {name: n * share.get(name, 0) // max(1, total[name]) for name, n in nodes.items()})
        for leaves, share in shares
    ]
    for name, n in nodes.items():
        found[0][1][name] += n - sum(here[name] for _, here in found)
    return found


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

    Of the narrowest affinity.
    """
    level = min((load.affinity for load in offered.scenario.workloads), key=list(Affinity).index)
    domains = list(offered.scenario.fleet.network.domains(level).values())
    return sorted(domains, key=lambda leaves: -_standing_on(offered, leaves))


def _standing_on(offered: Offered, leaves: Iterable[Leaf]) -> int:
    """Existing nodes on leaves."""
    names = {leaf.name for leaf in leaves}
    return sum(
        (offer.most_nodes or 0) * len(names & set(offered.leaves(offer)))
        for offer in offered.paid
        if offer.kind is OfferKind.EXISTING
    )


def _share(site: Site, domain: tuple[Leaf, ...], left: Mapping[str, int]) -> dict[str, int]:
    """Nodes of each offer that a domain gets of those left: all, or in proportion to its room."""
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


def with_standing(offered: Offered, standing: Standing) -> Standing:
    """With nodes that stand on a leaf in place of new ones of their type there, which cost as much
    at least."""
    found = dict(standing)
    new = [each for each in offered.paid if each.kind is not OfferKind.EXISTING]
    for offer in sorted(new, key=lambda each: -each.usd_per_node_hour):
        for old in offered.paid:
            if old.kind is OfferKind.EXISTING and _no_dearer(old, offer):
                (leaf,) = offered.leaves(old)
                free = (old.most_nodes or 0) - found.get((old.name, leaf), 0)
                moved = min(free, found.get((offer.name, leaf), 0))
                if moved > 0:
                    found[offer.name, leaf] -= moved
                    found[old.name, leaf] = found.get((old.name, leaf), 0) + moved
    return {at: nodes for at, nodes in found.items() if nodes > 0}


def _no_dearer(old: Offer, new: Offer) -> bool:
    return old.node_type == new.node_type and old.usd_per_node_hour <= new.usd_per_node_hour


def _best_leaf(site: Site, offer: Offer, leaves: tuple[Leaf, ...]) -> str | None:
    """With room: one where nodes stand that would do instead, then one of its type alone, then an
    empty one, then the emptiest; None without room."""
    able = [leaf.name for leaf in leaves if site.room(offer, leaf.name)]
    stand = Counter[str]()
    for old in site.offered.paid:
        if old.kind is OfferKind.EXISTING and not offer.hourly and _no_dearer(old, offer):
            stand[site.offered.leaves(old)[0]] += old.most_nodes or 0

    def rank(leaf: str) -> tuple[bool, int, int]:
        here = [
            (site.offered.by_name[name].node_type, nodes)
            for (name, at), nodes in site.standing.items()
            if at == leaf
        ]
        types = {node_type for node_type, _ in here}
        alone = 0 if types == {offer.node_type} else 1 if not types else 2
        mine = sum(nodes for node_type, nodes in here if node_type == offer.node_type)
        return mine >= stand[leaf], alone, sum(nodes for _, nodes in here)

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


def only_needed(
    offered: Offered, made: Built, needed: Sequence[tuple[Sequence[Leaf], Mapping[str, Ints]]]
) -> Built:
    """The fleet, and its nodes by the hour that an interval does not need.

    Nor those before and after it, in which replicas start, and serve until others do. `needed` are
    nodes [T] by offer of some leaves.
    """
    horizon = offered.scenario.horizon
    ends = horizon.boundaries()
    outages = []
    for leaves, here in needed:
        on = {leaf.name for leaf in leaves}
        for node_type, offer in made.hourly.items():
            count = here.get(offer.name, np.zeros(horizon.intervals, dtype=np.int64))
            before, after = np.roll(count, 1), np.roll(count, -1)
            if not horizon.cyclic:
                before[0], after[-1] = count[0], count[-1]
            wanted = np.maximum(count, np.maximum(before, after))
            for leaf in made.marginal.network.leaves:
                if leaf.name not in on:
                    continue
                there = leaf.nodes.get(node_type, 0)
                used = np.minimum(wanted, there)
                wanted = wanted - used
                outages += [
                    Outage(leaf.name, node_type, there - int(used[t]), ends[t], ends[t + 1])
                    for t in range(horizon.intervals)
                    if there > used[t]
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
