"""`sweep --risk`: which quantile of demand to plan for, from capacity and shortages in money."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.clock import Stop, never
from heteroplan.errors import ExitCode, UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.pipelines.shared.solving import check_effort
from heteroplan.pipelines.shared.uncertainty import KINDS, uncertainty_of
from heteroplan.pipelines.sweep import GAP, STEPS

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.scenario import Scenario
    from heteroplan.inputs import Loaded
    from heteroplan.pipelines.shared.quantile_plans import (
        QuantilePlan,
        QuantileScenarios,
        QuantileTask,
    )
    from heteroplan.studies.outlook import Outlook
    from heteroplan.studies.risk import Met, PlanRisk, Risk, WorkloadPlanned
    from heteroplan.studies.samples import Uncertainty

type Done = Callable[[int, int, int], None]
"""Told how many plans are done, how many of them were known before, and of how many."""

QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
MOST_QUANTILES = 100
SAMPLES = 1000


def undisturbed(done: int, known: int, of: int) -> None:
    """A `Done` that tells nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskOptions:
    """Keywords of `risk`."""

    quantiles: Sequence[float] = QUANTILES
    """Of demand, each of which is planned for beside what the scenario plans for."""
    samples: int = SAMPLES
    """That every plan is met with."""
    seed: int = 1
    """Of the samples."""
    sampled: str | Sequence[str] = KINDS
    """What is drawn: `demand`, `profiles`, `failures`, as far as something says how uncertain each
    is."""
    overrides: str | Sequence[str] = ()
    """Fields to set, such as `workloads.chat.shortage_usd_per_1000_requests=20` (`--set`)."""
    interval: str | None = None
    """Planning step, such as `15min`; that of the scenario where not given."""
    gap: float = GAP
    """Gap at which the search of a plan ends; 1 % is 0.01."""
    steps: int = STEPS
    """Steps after which the search of a plan ends, the same on every machine."""
    time_limit_s: float = 600.0
    """For each plan: a safety, since results depend on the machine where the clock ends one [s]."""
    solver: str = "HiGHS"
    """MIP and LP solver: HiGHS or one that PuLP finds here, such as gurobi, copt, cplex, cbc."""
    jobs: int = 1
    """Plans that are made at a time, a process each."""
    dask: str | None = None
    """Address of a Dask cluster that makes the plans in place of processes here."""
    ray: str | None = None
    """Address of a Ray cluster that makes the plans, or `auto`."""
    folder: Name | None = None
    """Where each plan is kept as soon as it is there; those that are found there are not made
    again."""
    stop: Stop = never
    """Asked during the plans: whether to end."""
    done: Done = undisturbed


@dataclass(frozen=True)
class RiskResult:
    """What plans for several quantiles cost, shortages included, as files and frames."""

    risk: "Risk"
    """As risk.json holds it."""
    met: "tuple[Met, ...]"
    """Each plan with what it does not serve in each sample."""

    @property
    def exit_code(self) -> ExitCode:
        """3 where a quantile has no plan; 0 otherwise."""
        planned = all(each.unserved_requests is not None for each in self.risk.plans)
        return ExitCode.OK if planned else ExitCode.UNDECIDED

    def plans_frame(self) -> "DataFrame":
        """One row a plan and workload: cost, shortages, and the price above which it pays."""
        from heteroplan.outputs.risk.frames import plans_frame

        return plans_frame(self.risk)

    def samples_frame(self) -> "DataFrame":
        """One row a plan and sample: requests that each workload is not served."""
        from heteroplan.outputs.risk.frames import samples_frame

        return samples_frame(self.risk, self.met)

    @staticmethod
    def file_names() -> tuple[str, ...]:
        """What `write` writes into the folder."""
        return ("risk.json", "risk.csv", "risk-samples.csv", "report.html")

    def json_text(self) -> str:
        """The document as text."""
        from heteroplan.outputs.risk.frames import risk_json

        return risk_json(self.risk)

    def write(self, folder: Name) -> None:
        """Write risk.json, risk.csv, risk-samples.csv and report.html: all or none.

        Raises UsageError.
        """
        from heteroplan.outputs.risk.frames import plan_rows, rows_csv, sample_rows
        from heteroplan.outputs.risk.page import risk_html
        from heteroplan.outputs.shared.files import try_folder, write_all

        out = Path(folder)
        try_folder(out)
        write_all(
            {
                out / "risk.csv": rows_csv(plan_rows(self.risk)),
                out / "risk-samples.csv": rows_csv(sample_rows(self.risk, self.met)),
                out / "risk.json": self.json_text(),
                out / "report.html": risk_html(self.risk, self.met),
            }
        )


@keywords(RiskOptions)
def risk(scenario: Name, options: RiskOptions) -> RiskResult:
    """Which quantile of demand costs least, capacity and shortages together.

    A plan for each quantile is made once and met with samples of what may come. Nothing says what
    a shortage costs unless workloads have `shortage_usd_per_1000_requests`; then each plan has the
    price above which it pays. Keywords are the fields of `RiskOptions`.
    Raises UsageError and InputError.
    """
    check_effort(options.gap, options.time_limit_s)
    check_limits(options, limits.RISK)
    _check_quantiles(options.quantiles)
    from heteroplan.inputs import Pasts
    from heteroplan.pipelines.shared.quantile_plans import QuantileScenarios

    pasts = Pasts()
    source = QuantileScenarios(
        os.fspath(scenario), names(options.overrides), options.interval, pasts
    )
    own = source.own()
    what = uncertainty_of(own, pasts, names(options.sampled))
    tasks = list(_tasks(own, source, what, options))
    return _result(own.scenario, what, _plans(tasks, options), options)


def _plans(tasks: "Sequence[QuantileTask]", options: RiskOptions) -> "list[QuantilePlan]":
    """Of each task, those from the folder that are there.

    Raises UsageError, and KeyboardInterrupt where `stop` says so: what is done stays there.
    """
    from heteroplan.pipelines.shared.executors.choose import executor_of
    from heteroplan.pipelines.shared.executors.executor import Lost
    from heteroplan.pipelines.shared.quantile_plans import no_plan, quantile_plan
    from heteroplan.pipelines.shared.result_store import kept_plans

    store = kept_plans(options.folder)
    before = [None if store is None else store.found(each.kept_key) for each in tasks]
    plans = {place: plan for place, plan in enumerate(before) if plan is not None}
    known, left = len(plans), [place for place in range(len(tasks)) if place not in plans]
    options.done(known, known, len(tasks))
    with executor_of(options.jobs, options.dask, options.ray) as executor:
        for i, made in executor.run(quantile_plan, [tasks[at] for at in left], options.stop):
            task = tasks[left[i]]
            plan = no_plan(task, made.reason) if isinstance(made, Lost) else made
            if store is not None and plan.serving is not None:
                store.keep(task.kept_key, plan)
            plans[left[i]] = plan
            options.done(len(plans), known, len(tasks))
    return [plans[place] for place in range(len(tasks))]


def _check_quantiles(quantiles: Sequence[float]) -> None:
    """Raises UsageError."""
    wrong = [each for each in quantiles if not 0.0 < each < 1.0]
    if wrong:
        raise UsageError(f"--quantiles {wrong[0]:g}: write shares above 0 and below 1, such as 0.9")
    if not 1 <= len(quantiles) <= MOST_QUANTILES:
        raise UsageError(f"--quantiles: write 1 to {MOST_QUANTILES} of them")


def _tasks(
    own: "Loaded", source: "QuantileScenarios", what: "Uncertainty", options: RiskOptions
) -> "list[QuantileTask]":
    """The scenario's own plan, then by quantile; the own one is none of the others."""
    from heteroplan.pipelines.shared.quantile_plans import QuantileTask
    from heteroplan.studies.case import Search

    search = Search(gap=options.gap, steps=options.steps, solver=options.solver)
    planned = _planned_quantile(what.outlooks)
    wanted = sorted(set(options.quantiles) - {planned}) if what.outlooks else []
    scenarios = [(planned, own), *((each, source.at(each, what.outlooks)) for each in wanted)]
    return [
        QuantileTask(quantile, loaded, what.spreads, search, options.time_limit_s)
        for quantile, loaded in scenarios
    ]


def _planned_quantile(outlooks: "Sequence[Outlook]") -> float | None:
    """That all workloads are planned for; None where they differ."""
    found = {each.planned_quantile for each in outlooks}
    return found.pop() if len(found) == 1 else None


def _result(
    scenario: "Scenario",
    what: "Uncertainty",
    plans: "Sequence[QuantilePlan]",
    options: RiskOptions,
) -> RiskResult:
    from heteroplan.studies.risk import Met, Risk, asked_requests, best_of, met, plan_risks
    from heteroplan.studies.samples import samples

    drawn = list(samples(scenario, what, options.seed, options.samples))
    found = tuple(
        Met(
            each.quantile,
            each.case,
            each.costs_usd,
            met(each.serving, scenario, drawn),
        )
        for each in plans
        if each.serving is not None
    )
    prices = {load.name: load.shortage_usd_per_1000_requests for load in scenario.workloads}
    asked = asked_requests(scenario, drawn)
    risks = plan_risks(found, asked, prices)
    return RiskResult(
        Risk(
            scenario=scenario.name,
            samples=len(drawn),
            seed=options.seed,
            sampled=what.kinds,
            notes=what.notes,
            horizon_hours=scenario.horizon.intervals * scenario.horizon.interval_hours,
            mean_requests=float(asked.sum(axis=1).mean()),
            workloads=_workloads(scenario, what, risks),
            plans=_with_failed(plans, risks),
            best=best_of(risks) if len(risks) == len(plans) else None,
        ),
        found,
    )


def _workloads(
    scenario: "Scenario", what: "Uncertainty", risks: "Sequence[PlanRisk]"
) -> "tuple[WorkloadPlanned, ...]":
    from heteroplan.studies.risk import WorkloadPlanned, best_of_workload

    planned = {each.workload: each.planned_quantile for each in what.outlooks}
    return tuple(
        WorkloadPlanned(
            name=load.name,
            planned_quantile=planned.get(load.name),
            headroom=load.headroom,
            shortage_usd_per_1000_requests=load.shortage_usd_per_1000_requests,
            best=best_of_workload(risks, load.name),
        )
        for load in scenario.workloads
    )


def _with_failed(
    plans: "Sequence[QuantilePlan]", risks: "Sequence[PlanRisk]"
) -> "tuple[PlanRisk, ...]":
    """In the order of the plans, those that were not found without figures."""
    from heteroplan.studies.risk import PlanRisk

    found = iter(risks)
    return tuple(
        PlanRisk(quantile=each.quantile, case=each.case) if each.serving is None else next(found)
        for each in plans
    )
