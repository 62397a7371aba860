"""Rules across files, one function a rule: profiles, workloads, and the fleet they run on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Leaf
from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import Role, Workload
from heteroplan.errors import InputProblem
from heteroplan.inputs.fleet_checks import doubled
from heteroplan.inputs.schemas.profile import ProfileFile
from heteroplan.inputs.schemas.scenario import WorkloadSpec
from heteroplan.inputs.yaml_source import Document, FieldPath

_PAIR = (Role.PREFILL, Role.DECODE)


@dataclass(frozen=True, slots=True)
class WorkloadCase:
    """A workload that fits its schema, with all it runs on."""

    document: Document
    """The scenario file."""
    path: FieldPath
    """Of the workload in it."""
    profile_document: Document
    workload: Workload
    fleet: Fleet
    horizon: Horizon
    candidates: tuple[Candidate, ...]

    def problem(self, field: str, remedy: str) -> InputProblem:
        """A problem of a field (`a.b`) of the workload."""
        return self.document.problem((*self.path, *field.split(".")), remedy)

    def usable(self, role: Role) -> list[Candidate]:
        """Candidates of `role` that serve something."""
        return [each for each in self.candidates if each.engine.role is role and each.usable]

    def moments(self) -> Iterator[tuple[int, int, list[tuple[Candidate, OperatingPoint]]]]:
        """Each interval with demand and class, with the candidates' points; equal ones once."""
        seen = set()
        for t, demand in enumerate(self.workload.demand):
            key = tuple(id(each.points[t]) for each in self.candidates)
            if demand.rps <= 0 or key in seen:
                continue
            seen.add(key)
            for k in range(len(demand.classes)):
                yield t, k, [(each, each.points[t][k]) for each in self.candidates]

    def when(self, interval: int, request_class: int) -> str:
        """Names an interval, and the class where there are several."""
        start = self.horizon.boundaries()[interval].isoformat(timespec="minutes")
        classes = self.workload.demand[interval].classes
        return start if len(classes) == 1 else f"{start}, class {classes[request_class].name}"


def check_model(
    document: Document, path: FieldPath, spec: WorkloadSpec, profile: ProfileFile
) -> Iterator[InputProblem]:
    """The profile is one of the workload's model."""
    if spec.model != profile.model:
        remedy = f"the profile {spec.profile} is for '{profile.model}'; use that model's profile"
        yield document.problem((*path, "model"), remedy)


def check_workload_names_unique(
    document: Document, specs: Iterable[tuple[FieldPath, WorkloadSpec]]
) -> Iterator[InputProblem]:
    """No two workloads share a name."""
    names = [(spec.name, (*path, "name")) for path, spec in specs]
    yield from doubled(document, names, "workload")


def check_engine_names_unique(document: Document, spec: ProfileFile) -> Iterator[InputProblem]:
    """No two engines of a profile share a name."""
    names: list[tuple[str, FieldPath]] = [
        (each.name, ("engines", i, "name")) for i, each in enumerate(spec.engines)
    ]
    yield from doubled(document, names, "engine")


def check_engines_on_fleet(case: WorkloadCase) -> Iterator[InputProblem]:
    """The fleet has GPUs for an aggregated engine, or for a prefill and a decode engine."""
    roles = {each.engine.role for each in case.candidates}
    if Role.AGGREGATED in roles or roles.issuperset(_PAIR):
        return
    lacking = [role for role in _PAIR if role not in roles]
    needed = sorted({each.gpu for each in case.workload.profile.engines if each.role in lacking})
    there = sorted({each.gpu.name for each in case.fleet.node_types})
    remedy = (
        f"no {' and no '.join(lacking)} engine runs on the fleet: its GPUs are "
        f"{', '.join(there)}, such engines are for {', '.join(needed) or 'none'}; "
        "add engines or node types"
    )
    yield case.problem("profile", remedy)


def check_replicas_fit_nodes(case: WorkloadCase) -> Iterator[InputProblem]:
    """A replica takes an equal part of a node or whole nodes, on some node type with its GPU."""
    for i, engine in enumerate(case.workload.profile.engines):
        sizes = {
            each.name: each.gpus for each in case.fleet.node_types if each.gpu.name == engine.gpu
        }
        if sizes and not any(_fits(engine.gpus, size) for size in sizes.values()):
            there = ", ".join(f"{name} ({size} GPUs)" for name, size in sizes.items())
            remedy = f"neither divides a node nor fills whole ones; nodes are {there}"
            yield case.profile_document.problem(("engines", i, "gpus"), remedy)


def check_measured_range(case: WorkloadCase) -> Iterator[InputProblem]:
    """No engine is asked for what its profile was not measured for, unless that is allowed."""
    reported = set()
    for t, k, points in case.moments():
        for candidate, point in points:
            name = candidate.engine.name
            if point.limited_by is Limit.RANGE and point.capacity_rps <= 0 and name not in reported:
                reported.add(name)
                remedy = (
                    f"{name}: {point.reason} ({case.when(t, k)}); measure there, "
                    "leave the engine out, or set allow_extrapolation: true"
                )
                yield case.problem("profile", remedy)


def check_slo_reachable(case: WorkloadCase) -> Iterator[InputProblem]:
    """At every interval with demand some engine (or pair of engines) meets the SLO.

    The first interval and class where none does is reported with each engine's reason, unless
    `check_measured_range` or `check_replicas_fit_nodes` says it already.
    """
    roles = {each.engine.role for each in case.candidates}
    if not (Role.AGGREGATED in roles or roles.issuperset(_PAIR)):
        return
    for t, k, points in case.moments():
        failing = [
            (each, point)
            for role in Role
            for each, point in points
            if each.engine.role is role and not _serves(points, role)
        ]
        lost = {each.engine.role for each, _ in failing} | (set(_PAIR) - roles)
        if Role.AGGREGATED in roles - lost or not lost.intersection(_PAIR):
            continue
        told = {
            role
            for role in lost
            if _told_elsewhere([p for c, p in failing if c.engine.role is role])
        }
        if Role.AGGREGATED in told or lost.intersection(_PAIR) <= told:
            return
        reasons = "; ".join(
            f"{each.engine.name} on {each.node_type}: {point.reason}" for each, point in failing
        )
        remedy = f"no engine meets it ({case.when(t, k)}): {reasons}; loosen it or add engines"
        yield case.problem("slo", remedy)
        return


def check_common_domain(case: WorkloadCase) -> Iterator[InputProblem]:
    """Some domain at the workload's affinity level holds a usable pair or aggregated engine."""
    engines = {role: case.usable(role) for role in Role}
    if not engines[Role.AGGREGATED] and not all(engines[role] for role in _PAIR):
        return
    level = case.workload.affinity
    holding: dict[Role, set[str]] = {role: set() for role in Role}
    for name, leaves in case.fleet.network.domains(level).items():
        for role, candidates in engines.items():
            if any(_holds(case.fleet, leaves, each) for each in candidates):
                holding[role].add(name)
    if holding[Role.AGGREGATED] or holding[Role.PREFILL] & holding[Role.DECODE]:
        return
    found = "; ".join(
        f"{role} fits {', '.join(sorted(names)) or 'nowhere'}"
        for role, names in holding.items()
        if engines[role]
    )
    remedy = f"no {level} holds a prefill and a decode engine: {found}; widen it or move nodes"
    yield case.problem("affinity", remedy)


def check_min_replicas(case: WorkloadCase) -> Iterator[InputProblem]:
    """The fleet, all of it given to the workload, holds the fewest replicas asked for."""
    totals = {
        each.name: each.gpus
        * sum(leaf.nodes.get(each.name, 0) for leaf in case.fleet.network.leaves)
        for each in case.fleet.node_types
    }
    for role, fewest in case.workload.min_replicas.items():
        most: dict[str, int] = {}
        for each in case.usable(role):
            held = totals[each.node_type] // each.engine.gpus
            most[each.node_type] = max(held, most.get(each.node_type, 0))
        if fewest > sum(most.values()):
            remedy = (
                f"the fleet holds at most {sum(most.values())} usable {role} replicas; lower it"
            )
            yield case.problem(f"min_replicas.{role}", remedy)


def check_replica_sizes(cases: Sequence[WorkloadCase]) -> Iterator[InputProblem]:
    """Replicas that share nodes of a type have sizes that divide one another.

    Else a count of free GPUs does not prove that they fit: 4 + 4 + 4 GPUs leave no room for 6 on
    a node of 12 that is half taken.
    """
    sizes: dict[str, dict[int, tuple[WorkloadCase, Candidate]]] = {}
    for case in cases:
        for each in case.candidates:
            if each.usable and each.engine.gpus < case.fleet.node_type(each.node_type).gpus:
                sizes.setdefault(each.node_type, {}).setdefault(each.engine.gpus, (case, each))
    for node_type, found in sizes.items():
        ordered = sorted(found)
        for small, large in pairwise(ordered):
            if large % small:
                case, candidate = found[large]
                other_case, other = found[small]
                index = case.workload.profile.engines.index(candidate.engine)
                remedy = (
                    f"{small} does not divide {large}, and {other.engine.name} of "
                    f"{other_case.workload.name} takes {small} GPUs of the same {node_type} "
                    "nodes; use sizes that divide one another or separate node types"
                )
                yield case.profile_document.problem(("engines", index, "gpus"), remedy)


RULES = (
    check_engines_on_fleet,
    check_replicas_fit_nodes,
    check_measured_range,
    check_slo_reachable,
    check_common_domain,
    check_min_replicas,
)
"""Rules of one workload at a time."""


def _fits(replica_gpus: int, node_gpus: int) -> bool:
    return node_gpus % replica_gpus == 0 or replica_gpus % node_gpus == 0


def _serves(points: Iterable[tuple[Candidate, OperatingPoint]], role: Role) -> bool:
    return any(each.engine.role is role and point.capacity_rps > 0 for each, point in points)


def _told_elsewhere(points: Sequence[OperatingPoint]) -> bool:
    """Whether measuring more would help, or no replica fits its nodes."""
    limits = {point.limited_by for point in points}
    return Limit.RANGE in limits or limits == {Limit.MEMORY}


def _holds(fleet: Fleet, leaves: Iterable[Leaf], candidate: Candidate) -> bool:
    """Whether the leaves together have GPUs for one replica."""
    nodes = sum(leaf.nodes.get(candidate.node_type, 0) for leaf in leaves)
    return nodes * fleet.node_type(candidate.node_type).gpus >= candidate.engine.gpus
