"""Plans of one scenario for several quantiles of demand, as tasks for any executor."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pydantic import ConfigDict, TypeAdapter

from heteroplan.clock import Clock
from heteroplan.errors import HeteroplanError
from heteroplan.pipelines.shared.executors.executor import STOP
from heteroplan.pipelines.shared.solving import SolveEffort, load, solved
from heteroplan.reading.input_files import Files
from heteroplan.studies.case import Case, Search, case_key
from heteroplan.studies.result import CaseResult, failed, result_of
from heteroplan.studies.serving import Serving, serving_of

if TYPE_CHECKING:
    from heteroplan.inputs import Loaded, Pasts
    from heteroplan.studies.engine_errors import EngineKey
    from heteroplan.studies.outlook import Outlook

QUANTILE = "quantile"
"""Input of a case: that of demand, of all workloads."""
PRICE = "shortage_usd_per_1000_requests"
"""Field of a workload."""


@dataclass(frozen=True, slots=True)
class QuantileTask:
    """A scenario whose demand is a quantile of what may come."""

    quantile: float | None
    """None for the demand of the scenario as it is."""
    loaded: "Loaded"
    spreads: "Mapping[EngineKey, float]"
    search: Search
    time_limit_s: float

    @property
    def case(self) -> Case:
        """As one of a study of quantiles."""
        return Case(0, ((QUANTILE, self.quantile),))

    @property
    def case_key(self) -> str:
        """What names its plan."""
        return case_key(f"{self.loaded.scenario.inputs_sha256} {self.quantile}", self.search)

    @property
    def kept_key(self) -> str:
        """What names its plan and the capacities that are known of it."""
        known = [[*engine, spread] for engine, spread in sorted(self.spreads.items())]
        return hashlib.sha256(json.dumps([self.case_key, known]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class QuantilePlan:
    """What is left of a plan for a quantile."""

    __pydantic_config__ = ConfigDict(ser_json_inf_nan="constants")

    quantile: float | None
    case: CaseResult
    costs_usd: Mapping[str, float]
    """By workload."""
    serving: Serving | None
    """None where there is no plan; `case` says why."""


KEPT_PLAN = TypeAdapter(QuantilePlan)
"""A plan as a file."""


def quantile_plan(task: QuantileTask) -> QuantilePlan:
    """Plan a task, and what that plan serves. Raises KeyboardInterrupt."""
    from heteroplan.optimize.solvers.solver import using

    stop = STOP.get()
    effort = SolveEffort(
        gap=task.search.gap,
        clock=Clock(task.time_limit_s),
        tail_cpu_s=0.0,
        stop=stop,
        steps=task.search.steps,
    )
    try:
        with using(task.search.solver):
            plan = solved(task.loaded, effort)
    except HeteroplanError as error:
        return no_plan(task, str(error))
    if stop():
        raise KeyboardInterrupt
    costs = {each.name: each.cost_usd for each in plan.workloads}
    case = result_of(task.case, task.case_key, plan)
    return QuantilePlan(task.quantile, case, costs, serving_of(plan, task.spreads))


def no_plan(task: QuantileTask, error: str) -> QuantilePlan:
    """In the place of a plan that was not found, or whose workers were lost."""
    return QuantilePlan(task.quantile, failed(task.case, task.case_key, error), {}, None)


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
        self._pasts, self._files = pasts, Files()

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
            each.scaled(stated.get(each.name, 1.0)) for each in loaded.scenario.workloads
        )
        scenario = replace(loaded.scenario, workloads=workloads)
        return replace(loaded, scenario=scenario, candidates=tuple(candidates_of(scenario)))

    def _load(self, more: tuple[str, ...]) -> "Loaded":
        """A price of shortages decides no plan, so that it names none either."""
        overrides = (*self._overrides, *more)
        loaded = self._set(overrides)
        deciding = tuple(each for each in overrides if not each.partition("=")[0].endswith(PRICE))
        if deciding == overrides:
            return loaded
        named = self._set(deciding).scenario.inputs_sha256
        return replace(loaded, scenario=replace(loaded.scenario, inputs_sha256=named))

    def _set(self, overrides: tuple[str, ...]) -> "Loaded":
        return load(
            self._scenario,
            overrides=overrides,
            interval=self._interval,
            files=self._files,
            pasts=self._pasts,
        )
