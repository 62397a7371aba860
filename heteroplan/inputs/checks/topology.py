"""Rules of where workloads may stand, one function a rule: domains, neighbours, losses, nodes."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.network import Affinity, Leaf
from heteroplan.entities.scenario import Scenario
from heteroplan.entities.workload import Loss, Role
from heteroplan.errors import InputProblem
from heteroplan.inputs.checks.fleet import unknown
from heteroplan.inputs.checks.workload_case import (
    Choice,
    WorkloadCase,
    fits_node,
    is_whole,
    role_of,
    served_roles,
)
from heteroplan.inputs.schemas.workload import WorkloadSpec
from heteroplan.reading.yaml_source import Document, FieldPath

_Choices = dict[str, list[Choice]]
"""What serves something in a domain, by its name."""
_Domains = Mapping[str, Iterable[Leaf]]
"""Leaves by domain."""


def check_domain_names(case: WorkloadCase) -> Iterator[InputProblem]:
    """`pin` and `exclude` name domains at the affinity's level or wider."""
    affinity = case.workload.affinity
    levels = {name: level for level in Affinity for name in case.fleet.network.domains(level)}
    for field, names in (("pin", case.workload.pin), ("exclude", case.workload.exclude)):
        for i, name in enumerate(names):
            if name not in levels:
                wide = [each for each, level in levels.items() if not _narrower(level, affinity)]
                yield case.entry_problem(field, i, unknown("domain", name, wide))
            elif _narrower(levels[name], affinity):
                remedy = (
                    f"a {levels[name]}, but a {affinity}-affine group may use any "
                    f"{levels[name]} of its {affinity}; name a {affinity} or a wider domain, or "
                    f"set affinity: {levels[name]}"
                )
                yield case.entry_problem(field, i, remedy)


def check_surge(document: Document, scenario: Scenario) -> Iterator[InputProblem]:
    """What stays free for rolling updates is of the fleet's types, and leaves every spine some."""
    types = {shape.name: shape for shape in scenario.fleet.node_types}
    for name, gpus in scenario.surge:
        if name not in types:
            yield document.problem(("surge", name), unknown("node type", name, types))
            continue
        spines = {
            spine: types[name].gpus * sum(leaf.nodes.get(name, 0) for leaf in leaves)
            for spine, leaves in scenario.fleet.network.domains(Affinity.SPINE).items()
        }
        full = [spine for spine, there in spines.items() if 0 < there <= gpus]
        if full:
            remedy = f"leaves nothing of spine {full[0]}, which has {spines[full[0]]}; lower it"
            yield document.problem(("surge", name), remedy)


def check_domains_left(case: WorkloadCase) -> Iterator[InputProblem]:
    """`pin` and `exclude` leave a domain."""
    if not case.workload.domains(case.fleet.network) and not any(check_domain_names(case)):
        pinned = " that pin names" if case.workload.pin else ""
        remedy = f"leaves no {case.workload.affinity}{pinned}; remove a name"
        yield case.problem("exclude", remedy)


def check_replicas_fit_leaves(case: WorkloadCase) -> Iterator[InputProblem]:
    """A replica of several nodes finds as many of one type on one leaf, wherever any are."""
    leaves = case.fleet.network.leaves
    for engine in case.workload.profile.engines:
        largest = [
            (node, *max((leaf.nodes.get(node.name, 0), leaf.name) for leaf in leaves))
            for node in case.fleet.node_types
            if node.gpu.name == engine.gpu and fits_node(engine.gpus, node.gpus)
        ]
        there = [found for found in largest if found[1] > 0]
        if there and all(nodes * node.gpus < engine.gpus for node, nodes, _ in there):
            needed = " or ".join(
                f"{engine.gpus // node.gpus} {node.name} nodes of one leaf, of which {leaf}, the "
                f"largest, has {nodes}"
                for node, nodes, leaf in there
            )
            yield case.engine_problem(engine, "gpus", f"takes {needed}; lower it or move nodes")


def check_common_domain(case: WorkloadCase) -> Iterator[InputProblem]:
    """Some domain that the workload may use holds a usable pair or aggregated engine.

    Both parts of a divided engine stand on one leaf of it.
    """
    usable = {role_of(choice) for choice in case.usable()}
    domains = case.workload.domains(case.fleet.network)
    if not domains or not is_whole(usable) or any(check_replicas_fit_leaves(case)):
        return
    roles = {
        name: served_roles(case.fleet, case.usable_in(name), leaves)
        for name, leaves in domains.items()
    }
    if any(map(is_whole, roles.values())):
        return
    found = "; ".join(
        f"{role} fits {', '.join(sorted(n for n in roles if role in roles[n])) or 'nowhere'}"
        for role in Role
        if role in usable
    )
    level = f"{case.workload.affinity}{' that it may use' if _is_restricted(case) else ''}"
    remedy = f"no {level} holds a prefill and a decode engine: {found}; widen it or move nodes"
    yield case.problem("affinity", remedy)


def check_min_replicas(case: WorkloadCase) -> Iterator[InputProblem]:
    """The domains that the workload may use, all of them given to it, hold the fewest replicas.

    Only as many as it may have groups.
    """
    domains = case.workload.domains(case.fleet.network)
    for role, fewest in case.workload.min_replicas.items() if domains else ():
        held = sorted(
            (_most_replicas(case, role, name, leaves) for name, leaves in domains.items()),
            reverse=True,
        )
        most = sum(held[: case.workload.max_groups])
        if fewest > most:
            where = "the domains it may use hold" if _is_restricted(case) else "the fleet holds"
            remedy = f"{where} at most {most} usable {role} replicas; lower it"
            yield case.problem(f"min_replicas.{role}", remedy)


def check_resilience(case: WorkloadCase) -> Iterator[InputProblem]:
    """Whatever is lost, a domain that the workload may use still holds all that it needs.

    With `max_groups: 1` it is the same domain.
    """
    resilience = case.workload.resilience
    domains = case.workload.domains(case.fleet.network)
    if resilience is None:
        return
    usable = {name: case.usable_in(name) for name in domains}
    if not _stands(case, usable, domains):
        return
    one_group = case.workload.max_groups == 1
    alone = [{name: leaves} for name, leaves in domains.items()]
    homes = [home for home in alone if _stands(case, usable, home)] if one_group else [domains]
    losses = [_fatal_loss(case, usable, home, resilience.lose) for home in homes]
    if not all(losses):
        return
    if one_group:
        remedy = (
            f"with max_groups: 1 the loss of a {resilience.lose} may take all of it; raise "
            "max_groups, or ask for less"
        )
    else:
        remedy = (
            f"with {losses[0]} lost no {case.workload.affinity} that it may use holds a prefill "
            "and a decode engine; add nodes elsewhere, widen the affinity, or ask for less"
        )
    yield case.problem("resilience.lose", remedy)


def check_anti_affinity(
    document: Document, specs: Iterable[tuple[FieldPath, WorkloadSpec]]
) -> Iterator[InputProblem]:
    """`anti_affinity` names other workloads of the scenario, each once."""
    written = document.value(("workloads",))
    listed = written if isinstance(written, list) else []
    known = {str(each.get("name")): None for each in listed if isinstance(each, dict)}
    for path, spec in specs:
        for i, name in enumerate(spec.anti_affinity):
            field = (*path, "anti_affinity", i)
            if name == spec.name:
                yield document.problem(field, "the workload itself; name others")
            elif name not in known:
                others = [other for other in known if other != spec.name]
                yield document.problem(field, unknown("workload", name, others))
            elif name in spec.anti_affinity[:i]:
                yield document.problem(field, "appears twice; keep one of them")


def check_replica_sizes(cases: Sequence[WorkloadCase]) -> Iterator[InputProblem]:
    """Replicas that share nodes of a type have sizes that divide one another.

    Else a count of free GPUs does not prove that they fit: 4 + 4 + 4 GPUs leave no room for 6 on
    a node of 12 that is half taken, nor replicas of 2 nodes on two leaves one for 3 more.
    """
    sizes: dict[str, dict[int, tuple[WorkloadCase, Candidate]]] = {}
    for case in cases:
        for each in case.candidates:
            if each.usable:
                sizes.setdefault(each.node_type, {}).setdefault(each.engine.gpus, (case, each))
    for node_type, found in sizes.items():
        for small, large in pairwise(sorted(found)):
            if large % small:
                case, candidate = found[large]
                other_case, other = found[small]
                remedy = (
                    f"{small} does not divide {large}, and {other.engine.name} of "
                    f"{other_case.workload.name} takes {small} GPUs of the same {node_type} "
                    "nodes; use sizes that divide one another or separate node types"
                )
                yield case.engine_problem(candidate.engine, "gpus", remedy)


RULES = (
    check_domain_names,
    check_domains_left,
    check_replicas_fit_leaves,
    check_common_domain,
    check_min_replicas,
    check_resilience,
)
"""Rules of one workload at a time that look at the network."""


def _narrower(level: Affinity, than: Affinity) -> bool:
    levels = list(Affinity)
    return levels.index(level) < levels.index(than)


def _is_restricted(case: WorkloadCase) -> bool:
    workload = case.workload
    return bool(workload.pin or workload.exclude or workload.max_groups)


def _most_replicas(case: WorkloadCase, role: Role, domain: str, leaves: Iterable[Leaf]) -> int:
    """Replicas that a domain holds at most, of the smallest engine of each node type."""
    smallest: dict[str, int] = {}
    for first, *_ in case.usable_in(domain):
        if first.engine.role is role:
            gpus = first.engine.gpus
            smallest[first.node_type] = min(gpus, smallest.get(first.node_type, gpus))
    return sum(
        leaf.nodes.get(name, 0) * case.fleet.node_type(name).gpus // gpus
        for leaf in leaves
        for name, gpus in smallest.items()
    )


def _stands(case: WorkloadCase, usable: _Choices, domains: _Domains) -> bool:
    """Whether one of the domains, with these leaves, holds a request."""
    return any(
        is_whole(served_roles(case.fleet, usable[name], leaves)) for name, leaves in domains.items()
    )


def _fatal_loss(case: WorkloadCase, usable: _Choices, domains: _Domains, lose: Loss) -> str:
    """What of `domains`, once lost, leaves none that holds a request; empty where nothing does.

    Only what the first one that holds a request loses can matter.
    """
    first = next(name for name in domains if _stands(case, usable, {name: domains[name]}))
    for what, left in _losses(domains, first, lose):
        rest = {
            name: [left.get(leaf.name, leaf) for leaf in leaves] for name, leaves in domains.items()
        }
        if not _stands(case, usable, rest):
            return what
    return ""


def _losses(domains: _Domains, domain: str, lose: Loss) -> Iterator[tuple[str, dict[str, Leaf]]]:
    """What may be lost that touches `domain`, and what is left of the leaves it stood on."""
    if lose is Loss.NODE:
        for leaf in domains[domain]:
            for name, nodes in leaf.nodes.items():
                if nodes > 0:
                    fewer = {**leaf.nodes, name: nodes - 1}
                    yield f"one {name} node of {leaf.name}", {leaf.name: replace(leaf, nodes=fewer)}
        return
    level = Affinity(lose)
    empty: dict[str, dict[str, Leaf]] = {leaf.domain(level): {} for leaf in domains[domain]}
    for leaves in domains.values():
        for leaf in leaves:
            if leaf.domain(level) in empty:
                empty[leaf.domain(level)][leaf.name] = replace(leaf, nodes={})
    yield from ((f"{lose} {name}", left) for name, left in empty.items())
