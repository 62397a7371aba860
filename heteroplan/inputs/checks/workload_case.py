"""What the rules of one workload look at: the workload, what it runs on, and where that fits."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from heteroplan.entities.capacity import Candidate, OperatingPoint
from heteroplan.entities.fleet import Fleet
from heteroplan.entities.network import Leaf
from heteroplan.entities.scenario import Horizon
from heteroplan.entities.workload import Engine, Role, Workload
from heteroplan.errors import InputProblem
from heteroplan.inputs.ready import PREFIX
from heteroplan.reading.yaml_source import Document, FieldPath

PAIR = (Role.PREFILL, Role.DECODE)

Choice = tuple[Candidate, ...]
"""What can serve a role: an engine, or both parts of a divided one."""


@dataclass(frozen=True, slots=True)
class WorkloadCase:
    """A workload that fits its schema, with all it runs on."""

    document: Document
    """The scenario file."""
    path: FieldPath
    """Where the workload stands in it."""
    profile_document: Document
    workload: Workload
    fleet: Fleet
    horizon: Horizon
    candidates: tuple[Candidate, ...]

    def problem(self, field: str, remedy: str) -> InputProblem:
        """A problem of a field (`a.b`) of the workload."""
        return self.document.problem((*self.path, *field.split(".")), remedy)

    def entry_problem(self, field: str, index: int, remedy: str) -> InputProblem:
        """A problem of an entry of a list of the workload."""
        return self.document.problem((*self.path, field, index), remedy)

    def engine_problem(self, engine: Engine, field: str, remedy: str) -> InputProblem:
        """A problem of a field of an engine, or of the part that it is."""
        named = engine.part.of if engine.part else engine.name
        written = self.profile_document.data["engines"]
        path: FieldPath = ("engines", [each["name"] for each in written].index(named))
        if engine.part:
            path = (*path, "parts", engine.part.index)
        return self.profile_document.problem((*path, field), remedy)

    @property
    def ready(self) -> str | None:
        """`ready:NAME` where the profile is one, of which nobody can leave engines out."""
        written = self.document.value((*self.path, "profile"))
        return written if isinstance(written, str) and written.startswith(PREFIX) else None

    def roles(self) -> set[Role]:
        """Roles that something on the fleet's GPUs serves, whether or not at the SLO."""
        return {role for role in Role if any(choices(self.candidates, role))}

    def usable(self) -> list[Choice]:
        """What serves something in some role."""
        every = [choice for role in Role for choice in choices(self.candidates, role)]
        return [choice for choice in every if all(each.usable for each in choice)]

    def usable_in(self, domain: str) -> list[Choice]:
        """What serves something in a group that lives in `domain`, at the workload's affinity."""
        span = self.fleet.network.span(self.workload.affinity, domain)
        return [
            choice for choice in self.usable() if all(each.span in (None, span) for each in choice)
        ]

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


def choices(candidates: Iterable[Candidate], role: Role) -> Iterator[Choice]:
    """What could serve `role`; parts only together."""
    of_role = [each for each in candidates if each.engine.role is role]
    for each in of_role:
        part = each.engine.part
        if part is None:
            yield (each,)
        elif part.index == 0:
            for other in of_role:
                second = other.engine.part
                if second and second.of == part.of and second.index == 1:
                    yield each, other


def fits_node(replica_gpus: int, node_gpus: int) -> bool:
    """Whether a replica takes an equal part of a node or whole nodes."""
    return node_gpus % replica_gpus == 0 or replica_gpus % node_gpus == 0


def role_of(choice: Choice) -> Role:
    """The role that the choice serves."""
    return choice[0].engine.role


def served_roles(fleet: Fleet, choices: Iterable[Choice], leaves: Iterable[Leaf]) -> set[Role]:
    """Roles of the choices for which one of the leaves has room."""
    there = list(leaves)
    return {
        role_of(choice)
        for choice in choices
        if any(_has_room(fleet, leaf, choice) for leaf in there)
    }


def is_whole(roles: set[Role]) -> bool:
    """Whether the roles serve a request from prompt to last token."""
    return Role.AGGREGATED in roles or roles.issuperset(PAIR)


def _has_room(fleet: Fleet, leaf: Leaf, choice: Choice) -> bool:
    """Whether the leaf has the GPUs for a replica, or for one of both parts."""
    needed: Counter[str] = Counter()
    for each in choice:
        needed[each.node_type] += each.engine.gpus
    return all(
        leaf.nodes.get(name, 0) * fleet.node_type(name).gpus >= gpus
        for name, gpus in needed.items()
    )
