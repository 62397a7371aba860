"""Rules across an offers file and the scenario that it is for, one function a rule."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from heteroplan.entities.fleet import NodeType
from heteroplan.entities.network import Affinity, Leaf
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import MOST_NOTED, InputProblem
from heteroplan.inputs.checks.fleet import close_names, doubled, unknown
from heteroplan.inputs.gpu_types import built_in
from heteroplan.inputs.schemas.offers import OffersFile, SizeLimitsSpec
from heteroplan.reading.yaml_source import Document, FieldPath

BESIDE_GPUS = 1.8
"""Power of a node over that of its GPUs, where nobody says: a DGX H100 takes 10.2 kW and its GPUs
5.6 kW."""


@dataclass(frozen=True, slots=True)
class OffersCase:
    """An offers file that fits its schema, and the scenario that it is for."""

    document: Document
    spec: OffersFile
    scenario: Scenario

    @property
    def used_types(self) -> list[str]:
        """Node types that are on offer, or stand on a leaf and count."""
        offered = [each.node_type for each in self.spec.offers]
        leaves = () if self.spec.from_nothing else self.scenario.fleet.network.leaves
        standing = [name for leaf in leaves for name, nodes in leaf.nodes.items() if nodes > 0]
        return list(dict.fromkeys([*offered, *standing]))

    @property
    def node_types(self) -> list[str]:
        """Of the fleet, then those that the file adds."""
        own = [each.name for each in self.scenario.fleet.node_types]
        return [*own, *(each.name for each in self.spec.node_types)]


def offers_problems(case: OffersCase) -> list[InputProblem]:
    """What every rule finds, as far as it is looked for."""
    return [problem for rule in RULES for problem in islice(rule(case), MOST_NOTED)]


def check_offer_names_unique(case: OffersCase) -> Iterator[InputProblem]:
    """No two offers share a name."""
    names = [(each.name, ("offers", i, "name")) for i, each in enumerate(case.spec.offers)]
    yield from doubled(case.document, names, "offer")


def check_new_node_types(case: OffersCase) -> Iterator[InputProblem]:
    """Node types are described once, here or in the fleet, and their GPUs are known."""
    fleet = case.scenario.fleet
    own = [each.name for each in fleet.node_types]
    names: list[tuple[str, FieldPath]] = []
    known = {*built_in(), *(each.name for each in case.spec.gpu_types)}
    known |= {each.gpu.name for each in fleet.node_types}
    for i, each in enumerate(case.spec.node_types):
        at: FieldPath = ("node_types", i)
        names.append((each.name, (*at, "name")))
        if each.name in own:
            remedy = "the fleet describes this node type already; remove it here"
            yield case.document.problem((*at, "name"), remedy)
        if each.gpu not in known:
            near = close_names(each.gpu, known)[:5]
            hint = f"did you mean {' or '.join(near)}? Or " if near else ""
            remedy = (
                f"unknown GPU type; {hint}describe it: gpu_types: "
                f"[{{name: {each.gpu}, memory_gib: ...}}]"
            )
            yield case.document.problem((*at, "gpu"), remedy)
    yield from doubled(case.document, names, "node type")


def check_names_known(case: OffersCase) -> Iterator[InputProblem]:
    """Node types, places and workloads that are named exist."""
    spec, network = case.spec, case.scenario.fleet.network
    types = case.node_types
    places = list(dict.fromkeys(name for level in Affinity for name in network.domains(level)))
    leaves = [leaf.name for leaf in network.leaves]
    spines = list(network.domains(Affinity.SPINE))
    wanted: list[tuple[FieldPath, str, str, list[str]]] = []
    for i, each in enumerate(spec.offers):
        wanted.append((("offers", i, "node_type"), "node type", each.node_type, types))
        wanted += [
            (("offers", i, "places", j), "leaf, spine or cluster", place, places)
            for j, place in enumerate(each.places)
        ]
    own = [each.name for each in case.scenario.fleet.node_types]
    for field, what, names, known in (
        (("existing",), "node type of the fleet", spec.existing, own),
        (("spares",), "node type", spec.spares, types),
        (("limits", "node_kw"), "node type", spec.limits.node_kw, types),
        (("limits", "node_ports"), "node type", spec.limits.node_ports, types),
        (("limits", "rack_places"), "leaf", spec.limits.rack_places, leaves),
        (("limits", "ports"), "leaf", spec.limits.ports, leaves),
        (("limits", "power_kw"), "spine", spec.limits.power_kw, spines),
        (("today",), "workload", spec.today, [load.name for load in case.scenario.workloads]),
    ):
        wanted += [((*field, name), what, name, known) for name in names]
    for workload, nodes in spec.today.items():
        wanted += [(("today", workload, name), "node type", name, types) for name in nodes]
    for path, what, name, known in wanted:
        if name not in known:
            yield case.document.problem(path, unknown(what, name, known))


def check_power_known(case: OffersCase) -> Iterator[InputProblem]:
    """Where power is limited, that of each node type is known."""
    spec = case.spec
    if not spec.limits.power_kw:
        return
    gpu_of = {each.name: each.gpu for each in spec.node_types}
    power = {name: gpu.power_w for name, gpu in built_in().items()}
    for each in case.scenario.fleet.node_types:
        gpu_of[each.name] = each.gpu.name
    for name in case.used_types:
        if name in gpu_of and name not in spec.limits.node_kw and not power.get(gpu_of[name]):
            remedy = (
                f"power is limited, but nobody states that of {gpu_of[name]}; add node_kw: "
                f"{{{name}: ...}}, of a node at full load"
            )
            yield case.document.problem(("limits", "power_kw"), remedy)


def check_ports_known(case: OffersCase) -> Iterator[InputProblem]:
    """Where ports are limited, each node type says how many it takes."""
    limits = case.spec.limits
    if not limits.ports:
        return
    for name in case.used_types:
        if name not in limits.node_ports:
            remedy = f"ports are limited; add node_ports: {{{name}: ...}}"
            yield case.document.problem(("limits", "ports"), remedy)


def check_nothing_kept(case: OffersCase) -> Iterator[InputProblem]:
    """Nodes that are left out have no terms."""
    if case.spec.from_nothing and case.spec.existing:
        remedy = "the fleet's nodes are left out (from_nothing: true); remove one of the two"
        yield case.document.problem(("existing",), remedy)


def node_watts(limits: SizeLimitsSpec, shape: NodeType) -> float | None:
    """Full load of a node: as the file says, or of its GPUs and what is beside; None if unknown."""
    if shape.name in limits.node_kw:
        return 1000 * limits.node_kw[shape.name]
    watts = shape.gpu.power_w
    return None if watts is None else BESIDE_GPUS * shape.gpus * watts


def _kept_nodes(case: OffersCase) -> Iterator[tuple[Leaf, str, int]]:
    """Leaf, node type and nodes of those that stay whatever happens."""
    existing = case.spec.existing
    for leaf in () if case.spec.from_nothing else case.scenario.fleet.network.leaves:
        for name, nodes in leaf.nodes.items():
            if name in existing and existing[name].keep:
                yield leaf, name, nodes


def check_kept_nodes_fit(case: OffersCase) -> Iterator[InputProblem]:
    """Nodes that stay whatever happens find room below the limits of their leaf."""
    limits = case.spec.limits
    most_ports = max(limits.node_ports.values(), default=1)
    kept: Counter[str] = Counter()
    for leaf, _, nodes in _kept_nodes(case):
        kept[leaf.name] += nodes
    for name, nodes in kept.items():
        stay = f"{nodes} nodes stay there (existing: keep: true)"
        if nodes > limits.rack_places.get(name, nodes):
            remedy = f"{stay}; write {nodes} or more, or keep: false"
            yield case.document.problem(("limits", "rack_places", name), remedy)
        if nodes > limits.ports.get(name, nodes * most_ports) // most_ports:
            remedy = f"{stay}; write {nodes * most_ports} or more, or keep: false"
            yield case.document.problem(("limits", "ports", name), remedy)


def check_kept_power(case: OffersCase) -> Iterator[InputProblem]:
    """Nodes that stay whatever happens take no more power than their spine has."""
    limits = case.spec.limits
    shapes = {each.name: each for each in case.scenario.fleet.node_types}
    taken_kw: defaultdict[str, float] = defaultdict(float)
    for leaf, name, nodes in _kept_nodes(case):
        taken_kw[leaf.spine] += nodes * (node_watts(limits, shapes[name]) or 0.0) / 1000
    for spine, limit in limits.power_kw.items():
        if taken_kw[spine] > limit:
            remedy = (
                f"nodes that stay there (existing: keep: true) take {taken_kw[spine]:.4g} kW; "
                "write as much or more, or keep: false"
            )
            yield case.document.problem(("limits", "power_kw", spine), remedy)


RULES = (
    check_offer_names_unique,
    check_new_node_types,
    check_names_known,
    check_power_known,
    check_ports_known,
    check_nothing_kept,
    check_kept_nodes_fit,
    check_kept_power,
)
