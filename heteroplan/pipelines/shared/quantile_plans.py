"""Plans of one scenario for several quantiles of demand, as tasks for any executor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from heteroplan.clock import Clock, Stop, never
from heteroplan.errors import HeteroplanError
from heteroplan.pipelines.shared.solving import SolveEffort, load, solved

if TYPE_CHECKING:
    from heteroplan.entities.plan import Plan
    from heteroplan.entities.workload import Workload
    from heteroplan.inputs import Loaded, Pasts
    from heteroplan.studies.engine_errors import EngineKey
    from heteroplan.studies.outlook import Outlook
    from heteroplan.studies.result import CaseResult
    from heteroplan.studies.serving import Serving


@dataclass(frozen=True, slots=True)
class QuantileTask:
    """A scenario whose demand is a quantile of what may come."""

    quantile: float | None
    """None for the demand of the scenario as it is."""
    loaded: "Loaded"
    spreads: "Mapping[EngineKey, float]"
    gap: float
    steps: int | None
    time_limit_s: float
    solver: str


@dataclass(frozen=True, slots=True)
class QuantilePlan:
    """What is left of a plan for a quantile."""

    quantile: float | None
    case: "CaseResult"
    costs_usd: Mapping[str, float]
    """By workload."""
    serving: "Serving | None"
    """None where there is no plan; `case` says why."""


def quantile_plan(task: QuantileTask, stop: Stop = never) -> QuantilePlan:
    """Plan a task, and what that plan serves. Raises KeyboardInterrupt."""
    from heteroplan.optimize.solvers.solver import using
    from heteroplan.studies.serving import serving_of

    effort = SolveEffort(
        gap=task.gap,
        clock=Clock(task.time_limit_s),
        tail_cpu_s=0.0,
        stop=stop,
        steps=task.steps,
    )
    try:
        with using(task.solver):
            plan = solved(task.loaded, effort)
    except HeteroplanError as error:
        return QuantilePlan(task.quantile, _failed(task, str(error)), {}, None)
    if stop():
        raise KeyboardInterrupt
    costs = {each.name: each.cost_usd for each in plan.workloads}
    return QuantilePlan(task.quantile, _case(task, plan), costs, serving_of(plan, task.spreads))


class QuantileScenarios:
    """The scenario with its demand at any quantile; traces are read once."""

    def __init__(
        self,
        scenario: str,
        overrides: Sequence[str],
        interval: str | None,
        pasts: "Pasts",
    ) -> None:
        self._scenario, self._overrides, self._interval = scenario, tuple(overrides), interval
        self._pasts = pasts

    def own(self) -> "Loaded":
        """As the scenario is. Raises InputError."""
        return self._load(())

    def at(self, quantile: float, outlooks: "Sequence[Outlook]") -> "Loaded":
        """With the demand of every workload at a quantile, beside its headroom."""
        from heteroplan.profiles.capacity.candidates import candidates_of
        from heteroplan.studies.outlook import PastErrors, StatedErrors

        loaded = self._load(
            tuple(
                f"workloads.{each.workload}.demand.quantile={quantile!r}"
                for each in outlooks
                if isinstance(each.errors, PastErrors)
            )
        )
        stated = {
            each.workload: each.errors.at(quantile) / each.errors.at(each.planned_quantile)
            for each in outlooks
            if isinstance(each.errors, StatedErrors)
        }
        if not stated:
            return loaded
        workloads = tuple(
            _scaled(each, stated.get(each.name, 1.0)) for each in loaded.scenario.workloads
        )
        scenario = replace(loaded.scenario, workloads=workloads)
        return replace(loaded, scenario=scenario, candidates=tuple(candidates_of(scenario)))

    def _load(self, more: tuple[str, ...]) -> "Loaded":
        return load(
            self._scenario,
            overrides=(*self._overrides, *more),
            interval=self._interval,
            pasts=self._pasts,
        )


def _scaled(workload: "Workload", factor: float) -> "Workload":
    demand = tuple(replace(each, rps=each.rps * factor) for each in workload.demand)
    return replace(workload, demand=demand)


def _case(task: QuantileTask, plan: "Plan") -> "CaseResult":
    from heteroplan.studies.result import CaseResult, CaseStatus

    return CaseResult(
        inputs={"quantile": task.quantile},
        key=plan.scenario.inputs_sha256,
        status=CaseStatus(plan.report.termination.value),
        covered=plan.coverage.value,
        cost_usd=plan.totals.cost_usd,
        gpu_hours=plan.totals.gpu_hours,
        served_fraction=plan.totals.served_fraction,
        peak_gpus=plan.totals.peak_gpus,
        gap=plan.report.gap,
    )


def _failed(task: QuantileTask, error: str) -> "CaseResult":
    from heteroplan.studies.result import CaseResult, CaseStatus

    key = task.loaded.scenario.inputs_sha256
    return CaseResult(
        inputs={"quantile": task.quantile}, key=key, status=CaseStatus.FAILED, error=error
    )
