"""A plan as the simulator takes it: its pools, the policies, and all of them on requests."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from heteroplan.entities.capacity import Candidate, queue_place, queues
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import HeteroplanError, UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument, PoolPart
from heteroplan.outputs.plan.sentences import routed_by_class
from heteroplan.pipelines.shared.solving import compile_first
from heteroplan.profiles.capacity.candidates import candidates_of
from heteroplan.simulation.hindsight import known
from heteroplan.simulation.policies.keda_cron import Manifest
from heteroplan.simulation.policies.registry import (
    PolicyInputs,
    PolicyKind,
    parse_policy,
    policy_kind,
)
from heteroplan.simulation.policies.shared.options import Options, read
from heteroplan.simulation.policies.shared.planned import PlannedPools
from heteroplan.simulation.rate_stream import RateStream
from heteroplan.simulation.requests import Floats, RequestStream
from heteroplan.simulation.results import PolicyReplay, Replay
from heteroplan.simulation.run import (
    PolicyChoice,
    Progress,
    ReplaySettings,
    policy_setting,
    run_policies,
)
from heteroplan.simulation.single import beyond_measured
from heteroplan.simulation.span.begin import from_interval
from heteroplan.simulation.system import PoolKey, ServingSystem, pool_key, serving_system

if TYPE_CHECKING:
    from heteroplan.entities.plan import Plan

STATIC_PEAK, KEDA, HINDSIGHT = "static_peak", "keda_cron", "hindsight"
ONE_SLO = "of several SLOs of a workload requests are judged by the first one"
NO_STATIC_PEAK = "static_peak is left out: the fleet cannot serve all peaks of demand at once"
_STATIC_S = 20.0
"""Most time for a plan that policies are made from [s]."""


@dataclass(frozen=True, slots=True)
class NamedPolicy:
    """A policy that the user names."""

    name: str
    """As it was written: with its options."""
    kind: PolicyKind
    options: Options


def named_policies(texts: Sequence[str]) -> list[NamedPolicy]:
    """`NAME[:OPTION=VALUE,...]` each. Raises UsageError, for the same text twice too."""
    found: dict[str, NamedPolicy] = {}
    for text in texts:
        name, given = parse_policy(text)
        kind = policy_kind(name)
        shown = text.replace(" ", "") if given else name
        if shown in found:
            raise UsageError(f"policy {shown} is there twice")
        found[shown] = NamedPolicy(shown, kind, read(kind.options, name, given))
    if not found:
        raise UsageError("name a policy")
    return list(found.values())


@dataclass(frozen=True, slots=True)
class Prepared:
    """A plan as the simulator takes it, from its interval `first` on."""

    system: ServingSystem
    replicas: NDArray[np.int64]
    """[deployment, interval] of the plan."""
    policies: tuple[NamedPolicy, ...]
    """Those that are replayed."""
    inputs: PolicyInputs
    """What they are made from."""
    notes: tuple[str, ...] = ()
    """What was left out."""

    @property
    def choices(self) -> tuple[PolicyChoice, ...]:
        """The policies with the options that they were told with."""
        return tuple(self.choice(each, each.options) for each in self.policies)

    def choice(self, policy: NamedPolicy, options: Options) -> PolicyChoice:
        """A policy with some options."""
        return PolicyChoice(
            policy.name, asdict(options), partial(policy.kind.make, self.inputs, options)
        )


def prepared(
    plan: PlanDocument,
    first: int,
    policies: Sequence[NamedPolicy],
    *,
    asked: bool = True,
    stream: RequestStream | RateStream | None = None,
    one_slo: bool = False,
) -> Prepared:
    """The plan from interval `first` on, and what the policies are made from.

    `stream` is what comes, for the policy that knows it. Raises UsageError for a policy that lacks
    what it is made from; a static peak that there is none of is left out with a note where the user
    has not `asked` for these policies. With `one_slo` requests are judged by the first of several
    SLOs, which a note says.
    """
    scenario = from_interval(plan.given, first)
    candidates = candidates_of(scenario)
    sizes = pool_sizes(plan, scenario, candidates, first)
    system = serving_system(scenario, candidates, sizes)
    names = {each.kind.name for each in policies}
    replicas = deployed(system, plan.pools, plan.horizon.intervals)
    later = np.roll(replicas, -first, axis=1)[:, : scenario.horizon.intervals]
    inputs = PolicyInputs(
        setting=policy_setting(system),
        planned=PlannedPools.of(system, later),
        hindsight=(
            _hindsight(system, stream) if HINDSIGHT in names and stream is not None else None
        ),
        static_peak=_static_peak(system, plan.given) if STATIC_PEAK in names else None,
        manifest=_manifest(system, plan) if KEDA in names else None,
    )
    notes: tuple[str, ...] = ()
    if one_slo and any(load.slo_items > 1 for load in scenario.workloads):
        judged = tuple(load.with_first_slo for load in scenario.workloads)
        system = replace(system, scenario=replace(scenario, workloads=judged))
        notes = (ONE_SLO,)
    if not asked and STATIC_PEAK in names and inputs.static_peak is None:
        policies = [each for each in policies if each.kind.name != STATIC_PEAK]
        notes = (*notes, NO_STATIC_PEAK)
    found = Prepared(system, later, tuple(policies), inputs, notes)
    for choice in found.choices:
        choice.make()
    return found


def poisson_note(scenario: Scenario, what: str) -> tuple[str, ...]:
    """That something counts on Poisson arrivals where workloads are planned for bursts."""
    bursty = [load.name for load in scenario.workloads if load.arrivals.points]
    if not bursty:
        return ()
    return (f"{what} of Poisson arrivals, not of the bursts planned for ({', '.join(bursty)})",)


def replayed(
    plan: PlanDocument,
    first: int,
    stream: RequestStream | RateStream,
    policies: Sequence[NamedPolicy],
    settings: ReplaySettings,
    *,
    jobs: int,
    progress: Progress,
    asked: bool = True,
) -> Replay:
    """Every policy on the requests, on the fleet and with the engines of the plan.

    The replay begins with interval `first` of the plan. Raises UsageError for a policy that lacks
    what it is made from; a static peak that there is none of is left out with a note where the
    user has not `asked` for these policies.
    """
    flows = isinstance(stream, RateStream)
    ready = prepared(plan, first, policies, asked=asked, stream=stream, one_slo=flows)
    system = ready.system
    found, seconds = run_policies(
        system, stream, ready.choices, settings, jobs=jobs, progress=progress
    )
    scenario = system.scenario
    loads, horizon = scenario.workloads, scenario.horizon
    if isinstance(stream, RateStream):
        more = poisson_note(scenario, "queues are those") if stream.burstiness == 1.0 else ()
    else:
        more = beyond_measured(system, stream)
    return Replay(
        scenario=scenario.name,
        objective=scenario.objective.value,
        plan_id=plan.plan_id,
        level="fluid" if flows else "requests",
        seed=settings.simulator.seed,
        workloads=tuple(load.name for load in loads),
        start=horizon.boundaries()[0],
        interval_s=horizon.interval_s,
        duration_s=stream.duration_s,
        percentiles=tuple(load.slo.percentile for load in loads),
        ttft_slo_ms=tuple(load.slo.ttft_ms for load in loads),
        itl_slo_ms=tuple(load.slo.itl_ms for load in loads),
        planned_rps=_planned_rps(system, found[0].intervals.requests.shape[1]),
        requests=stream.asked,
        seconds=seconds,
        policies=_with_savings(found, scenario.objective.value),
        notes=(*stream.notes, *ready.notes, *more, *_class_note(plan)),
    )


def _class_note(plan: PlanDocument) -> tuple[str, ...]:
    """That the plan needs a router that the simulator has not."""
    names = routed_by_class(plan)
    if not names:
        return ()
    return (
        f"the plan sends request classes to different pools ({', '.join(names)}), the simulated "
        "router does not: the plan's requests wait longer here than with a router that does",
    )


def pool_sizes(
    plan: PlanDocument, scenario: Scenario, candidates: Sequence[Candidate], first: int
) -> dict[PoolKey, int]:
    """Replicas of the largest pool of each engine, in the interval in which most is demanded of
    its workload; `scenario` is that of the plan from its interval `first` on.

    Those of a group that serve alike are one pool, on whatever node types.
    """
    at = {load.name: (first + load.busiest) % plan.horizon.intervals for load in scenario.workloads}
    queue_of = dict(
        zip(map(pool_key, reversed(candidates)), reversed(queues(candidates)), strict=True)
    )
    found: Counter[tuple[str, int]] = Counter()
    for pool in plan.pools:
        queue = queue_of[pool.workload, pool.engine, pool.node_type]
        place = queue_place(candidates[queue], pool.group, pool.domain)
        found[place, queue] += pool.replicas[at[pool.workload]]
    largest: dict[int, int] = {}
    for (_, queue), replicas in found.items():
        largest[queue] = max(largest.get(queue, 0), replicas)
    return {key: largest[queue] for key, queue in queue_of.items() if queue in largest}


def deployed(system: ServingSystem, pools: Sequence[PoolPart], intervals: int) -> NDArray[np.int64]:
    """[deployment, interval] replicas of the pools, where they were placed."""
    replicas = np.zeros((len(system.deployments), intervals), np.int64)
    for pool in pools:
        for leaf, counts in pool.leaves.items():
            replicas[system.place[pool.workload, pool.engine, pool.node_type, leaf]] += counts
    return replicas


def _static_peak(system: ServingSystem, scenario: Scenario) -> NDArray[np.int64] | None:
    """[deployment] the cheapest plan for the busiest interval of each workload of a scenario, all
    at once.

    None where the fleet cannot serve these together.
    """
    peak = replace(
        scenario,
        horizon=replace(scenario.horizon, intervals=1, cyclic=True),
        workloads=tuple(
            replace(load, demand=(load.demand[load.busiest],)) for load in scenario.workloads
        ),
        current=None,
    )
    sizes = _sizes(system, peak)
    return None if sizes is None else sizes[:, 0]


def _hindsight(system: ServingSystem, stream: RequestStream | RateStream) -> PlannedPools | None:
    """The plan for the rates that came; None where the fleet cannot serve them."""
    sizes = _sizes(system, known(system.scenario, stream))
    return None if sizes is None else PlannedPools.of(system, sizes)


def _sizes(system: ServingSystem, scenario: Scenario) -> NDArray[np.int64] | None:
    """[deployment, interval] of a plan of the scenario; None where none covers its demand."""
    from heteroplan.outputs.plan.document.from_plan import document_of

    try:
        plan = _plan(scenario)
    except HeteroplanError:
        return None
    if not plan.covered:
        return None
    return deployed(system, document_of(plan).pools, scenario.horizon.intervals)


def _plan(scenario: Scenario) -> "Plan":
    from heteroplan.planning import make_plan

    compile_first()
    return make_plan(scenario, candidates_of(scenario), time_limit_s=_STATIC_S, compare=False)


def _manifest(system: ServingSystem, plan: PlanDocument) -> Manifest:
    """What `export --format keda` writes, with the deployments of each of its pools."""
    from heteroplan.schedules.formats import ExportOptions, exported

    options = ExportOptions()
    pools = {
        name: [
            system.place[pool.workload, pool.engine, pool.node_type, leaf] for leaf in pool.leaves
        ]
        for name, pool in zip(options.names(plan.pools), plan.pools, strict=True)
    }
    return Manifest(exported(plan, "keda", options), pools)


def _planned_rps(system: ServingSystem, intervals: int) -> Floats:
    """[W, interval of the replay]; a cyclic horizon repeats, after another nothing is planned."""
    horizon, numbers = system.scenario.horizon, np.arange(intervals)
    planned: Floats = system.planned_rps[:, numbers % horizon.intervals]
    return planned if horizon.cyclic else np.where(numbers < horizon.intervals, planned, 0.0)


def _with_savings(found: Sequence[PolicyReplay], objective: str) -> tuple[PolicyReplay, ...]:
    """Each with what it saves of the objective against the static peak, where that was replayed."""

    def amount(policy: PolicyReplay) -> float:
        return policy.cost_usd if objective == "cost" else policy.gpu_hours

    static = next((each for each in found if each.policy == STATIC_PEAK), None)
    if static is None or amount(static) <= 0:
        return tuple(found)
    return tuple(
        replace(each, saved_fraction=1.0 - amount(each) / amount(static)) for each in found
    )
