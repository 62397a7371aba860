"""Rules across files, one function a rule: profiles, workloads, and the GPUs they run on."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint
from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import Role
from heteroplan.errors import InputProblem
from heteroplan.inputs.checks.fleet import doubled
from heteroplan.inputs.checks.workload_case import (
    PAIR,
    WorkloadCase,
    choices,
    fits_node,
    is_whole,
    served_roles,
)
from heteroplan.inputs.ready import PREFIX
from heteroplan.inputs.schemas.profile import ProfileFile
from heteroplan.inputs.schemas.scenario import ScenarioFile
from heteroplan.inputs.schemas.workload import StabilitySpec, WorkloadSpec
from heteroplan.profiles.capacity.candidates import candidates
from heteroplan.reading.yaml_source import Document, FieldPath


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


def check_change_costs(document: Document, spec: ScenarioFile) -> Iterator[InputProblem]:
    """Changes cost USD, which count only where cost is minimised."""
    if spec.objective == "cost":
        return
    stabilities: list[tuple[FieldPath, StabilitySpec | None]] = [((), spec.stability)]
    stabilities += [(("workloads", i), each.stability) for i, each in enumerate(spec.workloads)]
    for path, stability in stabilities:
        if stability is not None and stability.change_cost_usd > 0:
            remedy = f"objective is {spec.objective}, which has no USD; limit changes by "
            remedy += "max_changes, or minimise cost"
            yield document.problem((*path, "stability", "change_cost_usd"), remedy)


def check_engine_names_unique(document: Document, spec: ProfileFile) -> Iterator[InputProblem]:
    """No two engines of a profile share a name, nor do their parts (`engine-part`)."""
    names: list[tuple[str, FieldPath]] = []
    for i, each in enumerate(spec.engines):
        names.append((each.name, ("engines", i, "name")))
        for j, part in enumerate(each.parts or []):
            names.append((f"{each.name}-{part.name}", ("engines", i, "parts", j, "name")))
    yield from doubled(document, names, "engine")


def check_engines_on_fleet(case: WorkloadCase) -> Iterator[InputProblem]:
    """The fleet has GPUs for an aggregated engine, or for a prefill and a decode engine."""
    roles = case.roles()
    if is_whole(roles):
        return
    lacking = [role for role in PAIR if role not in roles]
    there = ", ".join(sorted({each.gpu.name for each in case.fleet.node_types}))
    remedy = f"no {' and no '.join(lacking)} engine runs on the fleet: its GPUs are {there}, "
    if case.ready:
        remedy += (
            f"{case.ready} has {'; '.join(_engines_by_gpu(case))}; add such node types, take "
            "another profile, or see heteroplan profiles --model "
            f"{case.ready.removeprefix(PREFIX)}"
        )
    else:
        needed = {each.gpu for each in case.workload.profile.engines if each.role in lacking}
        remedy += f"such engines are for {', '.join(sorted(needed)) or 'none'}; "
        remedy += "add engines or node types"
    yield case.problem("profile", remedy)


def _engines_by_gpu(case: WorkloadCase) -> Iterator[str]:
    """Such as `prefill and decode engines for A100-SXM-80GB, H100-SXM-80GB`."""
    roles: dict[str, list[str]] = {}
    for role in Role:
        engines = [each for each in case.workload.profile.engines if each.role is role]
        if engines:
            gpus = ", ".join(sorted({each.gpu for each in engines}))
            roles.setdefault(gpus, []).append(role.value)
    for gpus, names in roles.items():
        yield f"{' and '.join(names)} engines for {gpus}"


def check_replicas_fit_nodes(case: WorkloadCase) -> Iterator[InputProblem]:
    """A replica takes an equal part of a node or whole nodes, on some node type with its GPU.

    Engines of a ready profile that do not are left aside; `check_slo_reachable` tells of them where
    none is left.
    """
    if case.ready:
        return
    for engine in case.workload.profile.engines:
        sizes = {
            each.name: each.gpus for each in case.fleet.node_types if each.gpu.name == engine.gpu
        }
        if sizes and not any(fits_node(engine.gpus, size) for size in sizes.values()):
            there = ", ".join(f"{name} ({size} GPUs)" for name, size in sizes.items())
            remedy = f"neither divides a node nor fills whole ones; nodes are {there}"
            yield case.engine_problem(engine, "gpus", remedy)


def check_measured_range(case: WorkloadCase) -> Iterator[InputProblem]:
    """No engine is asked for what its profile was not measured for, unless that is allowed.

    Engines of a ready profile are left aside; `check_slo_reachable` tells of them where none is
    left.
    """
    if case.ready:
        return
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

    The first interval and class where none does is reported with each engine's reason, and with
    the narrower affinity that would do, unless `check_measured_range` or
    `check_replicas_fit_nodes` says it already.
    """
    roles = case.roles()
    if not is_whole(roles):
        return
    for t, k, points in case.moments():
        lost = set(Role) - {role for role in Role if _serves(points, role)}
        if is_whole(set(Role) - lost):
            continue
        failing = [(c, p) for c, p in points if c.engine.role in lost and p.capacity_rps <= 0]
        if case.ready:
            yield _nothing_ready(case, case.when(t, k), failing)
            return
        reported = {
            role
            for role in lost
            if _reported_elsewhere([p for c, p in failing if c.engine.role is role])
        }
        if Role.AGGREGATED in reported or lost.intersection(PAIR) <= reported:
            return
        remedy = (
            f"no engine meets it ({case.when(t, k)}): {_reasons(failing)}; "
            f"loosen it or add engines{_narrower_remedy(case)}"
        )
        yield case.problem("slo", remedy)
        return


def _nothing_ready(
    case: WorkloadCase, when: str, failing: Sequence[tuple[Candidate, OperatingPoint]]
) -> InputProblem:
    """That no engine of a ready profile serves: it was not measured for it, or misses the SLO."""
    limits = {point.limited_by for _, point in failing}
    if limits <= {Limit.RANGE, Limit.MEMORY}:
        reasons = "; ".join(dict.fromkeys(point.reason for _, point in failing))
        extrapolate = ", or set allow_extrapolation: true" if Limit.RANGE in limits else ""
        remedy = (
            f"no engine serves it ({when}): {reasons}; take another profile (heteroplan profiles "
            f"lists them){extrapolate}"
        )
        return case.problem("profile", remedy)
    remedy = f"no engine meets it ({when}): {_reasons(failing)}; loosen it or take another profile"
    return case.problem("slo", remedy + _narrower_remedy(case))


def _reasons(failing: Sequence[tuple[Candidate, OperatingPoint]]) -> str:
    """Each engine with what is in its way."""
    found = (f"{each.engine.name} on {each.node_type}: {point.reason}" for each, point in failing)
    return "; ".join(dict.fromkeys(found))


RULES = (
    check_engines_on_fleet,
    check_replicas_fit_nodes,
    check_measured_range,
    check_slo_reachable,
)
"""Rules of one workload at a time that look at its engines."""


def _serves(points: Sequence[tuple[Candidate, OperatingPoint]], role: Role) -> bool:
    serving = [each for each, point in points if point.capacity_rps > 0]
    return any(choices(serving, role))


def _reported_elsewhere(points: Sequence[OperatingPoint]) -> bool:
    """Whether measuring more would help, or no replica fits its nodes."""
    limits = {point.limited_by for point in points}
    return Limit.RANGE in limits or limits == {Limit.MEMORY}


def _narrower_remedy(case: WorkloadCase) -> str:
    """`; affinity: leaf would do` where groups that span less meet the SLO; else empty."""
    levels = list(Affinity)
    for level in reversed(levels[: levels.index(case.workload.affinity)]):
        workload = replace(case.workload, affinity=level)
        there = replace(case, workload=workload, candidates=candidates(workload, case.fleet))
        whole = any(
            is_whole(served_roles(case.fleet, there.usable_in(domain), leaves))
            for domain, leaves in workload.domains(case.fleet.network).items()
        )
        met = all(
            is_whole({role for role in Role if _serves(points, role)})
            for _, _, points in there.moments()
        )
        if whole and met:
            return f"; affinity: {level} would do"
    return ""
