"""`check`: does each fleet cover its forecast, how much more, and for how much?"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from heteroplan.clock import Clock, Progress, Stop, never, silent
from heteroplan.entities.scenario import Objective, Scenario
from heteroplan.errors import ExitCode, HeteroplanError, NoPlanError, UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.pipelines.shared.processes import Done, results, undisturbed
from heteroplan.pipelines.shared.solving import SHOW_CPU_S, SolveEffort, check_effort, load, solved

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.plan import Plan
    from heteroplan.inputs import Loaded
    from heteroplan.outputs.plan.check_report import CheckRow, Headroom
    from heteroplan.outputs.plan.cost_limits import BaselinePlan, CostLimit

CHECK_GAP = 0.05
"""`check` asks whether demand is covered; what it costs need not be known to the last percent."""
ANY_GAP = 1.0
"""Ends a solve at the first plan that covers all demand."""
PLAN_SHARE = 0.6
"""Of a scenario's time in `check`, that its plan may take where headroom is looked for as well."""
COST_SHARE = 0.5
"""Of the time that is left then, that looking for a plan of less cost may take, where headroom is
looked for as well."""
NO_GAP = 0.0
UNDER_LIMIT = 1e-3
"""By how much a search stays under a limit on cost: replicas that move on nodes cost some more."""
HEADROOM_STEP = 0.01
"""A headroom that falls short is looked for to 1 % of the grown demand."""
MOST_HEADROOM = 100.0
"""Most that may be asked for: 101 times the demand."""
MOST_TOLERANCE = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Keywords of `check`."""

    overrides: str | Sequence[str] = ()
    """Fields of each scenario to set, such as `workloads.chat.headroom=0.2` (`--set`)."""
    min_headroom: float = 0.0
    """Share by which all demand must be able to grow; 10 % is 0.1."""
    max_cost_usd: float | None = None
    """Most that each plan may cost a day [USD]."""
    baseline: Name | Iterable[Name] = ()
    """Earlier plans: a plan.json each, or a folder of them. Each is for the scenario of its name,
    or for the only one."""
    tolerance: float = 0.05
    """Share by which a plan may take more than its baseline, of what the scenario minimises."""
    jobs: int = 1
    """Scenarios that are checked at a time, a process each (see `processes.results`)."""
    time_limit_s: float = 60.0
    """For all scenarios together [s]."""
    stop: Stop = never
    """Asked during a solve: whether it should end."""
    progress: Progress = silent
    """Told the best objective so far (or None), its bound (same unit) and the seconds spent; with
    several jobs of nothing."""
    done: Done = undisturbed
    """Told how many scenarios are done, and of how many."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What `check` found."""

    rows: "tuple[CheckRow, ...]"
    """One a scenario, in the order given."""
    exit_code: ExitCode
    """The first that any scenario has of: wrong input, not covered, undecided, covered."""

    @property
    def passed(self) -> bool:
        """Whether every fleet covers its forecast with the headroom asked for."""
        return self.exit_code is ExitCode.OK

    def scenarios_frame(self) -> "DataFrame":
        """One row a scenario: verdict, headroom, peak and error."""
        from heteroplan.outputs.plan.frames import scenarios_frame

        return scenarios_frame(self.rows)


@keywords(CheckOptions)
def check(scenarios: Name | Iterable[Name], options: CheckOptions) -> CheckResult:
    """Whether each fleet covers its forecast, and all of it grown by `min_headroom`.

    Headroom is the greatest h at which the fleet still covers (1 + h) times the demand of every
    workload in every interval, the scenario's own `headroom` included. A row shows a lower limit
    of it: `min_headroom` where that is reached, or else the greatest growth that a plan covers,
    found to `HEADROOM_STEP` of the grown demand. A limit on cost is kept where a plan is found
    that keeps it, and broken where the bound is above it. A scenario that cannot be loaded or
    planned is a row with its error, as is a baseline of no scenario. All scenarios together end
    within `time_limit_s`, each with an equal part of what those before it left. Keywords are the
    fields of `CheckOptions`.
    Raises UsageError for those, InputError for a baseline, and KeyboardInterrupt when `stop` ended
    a solve.
    """
    check_effort(CHECK_GAP, options.time_limit_s)
    check_limits(options, limits.CHECK)
    for option, value, most in (
        ("--min-headroom", options.min_headroom, MOST_HEADROOM),
        ("--tolerance", options.tolerance, MOST_TOLERANCE),
    ):
        if not 0 <= value <= most:
            raise UsageError(f"{option} {value:g}: write a share from 0 to {most:g}; 10 % is 0.1")
    asked = names(scenarios)
    if not asked:
        raise UsageError("name a scenario")
    baselines = _baselines(names(options.baseline))
    # Other processes have another standard input, and cannot tell this one of their solves.
    jobs = 1 if "-" in asked else min(options.jobs, len(asked))
    task = _Task("", tuple(names(options.overrides)), options.min_headroom, options.max_cost_usd,
                 tuple(baselines), options.tolerance, only=len(asked) == len(baselines) == 1,
                 progress=options.progress if jobs == 1 else silent)  # fmt: skip
    rows = results(
        _row,
        [replace(task, scenario=name) for name in asked],
        jobs=jobs,
        time_limit_s=options.time_limit_s,
        stop=options.stop,
        done=options.done,
    )
    found = [*rows, *_without_scenario(baselines, [row for row, _ in rows])]
    codes = {code for _, code in found}
    first = (ExitCode.BAD_INPUT, ExitCode.NOT_COVERED, ExitCode.UNDECIDED)
    return CheckResult(
        tuple(row for row, _ in found),
        next((code for code in first if code in codes), ExitCode.OK),
    )


@dataclass(frozen=True, slots=True)
class _Task:
    """A scenario, and what is asked of it."""

    scenario: str
    overrides: tuple[str, ...]
    min_headroom: float
    max_cost_usd: float | None
    baselines: "tuple[BaselinePlan, ...]"
    tolerance: float
    only: bool
    """Whether the only baseline is for the only scenario, whatever their names."""
    progress: Progress

    def limits(self, plan: "Plan") -> "list[CostLimit]":
        """What is asked of the cost of a plan, and how it keeps to that."""
        from heteroplan.outputs.plan.cost_limits import against_baseline, max_cost
        from heteroplan.outputs.plan.document.from_plan import document_of

        document = document_of(plan)
        found = [] if self.max_cost_usd is None else [max_cost(document, self.max_cost_usd)]
        return found + [
            against_baseline(document, each, self.tolerance)
            for each in self.baselines
            if self.only or each.scenario == document.scenario
        ]


def _baselines(given: Sequence[str]) -> "list[BaselinePlan]":
    """Each plan.json, those of folders included. Raises InputError and UsageError."""
    from heteroplan.outputs.plan.cost_limits import BaselinePlan
    from heteroplan.outputs.plan.document.plan_json import read_plan

    found: dict[str, BaselinePlan] = {}
    for name in given:
        folder = Path(name)
        own = folder / "plan.json"
        files = [name]
        if name != "-" and folder.is_dir():
            files = [str(own)] if own.is_file() else sorted(map(str, folder.glob("*/plan.json")))
        if not files:
            raise UsageError(f"--baseline {name}: holds no plan.json, nor do folders in it")
        for file in files:
            plan = BaselinePlan.of(read_plan(file), file)
            if before := found.get(plan.scenario):
                raise UsageError(
                    f"--baseline {file}: a plan of {plan.scenario}, as {before.file} is; keep one"
                )
            found[plan.scenario] = plan
    return list(found.values())


def _without_scenario(
    baselines: "Sequence[BaselinePlan]", rows: "Sequence[CheckRow]"
) -> "list[tuple[CheckRow, ExitCode]]":
    """A row for each baseline that no scenario has; none where a scenario could not be loaded."""
    from heteroplan.outputs.plan.check_report import error_row

    if len(rows) == len(baselines) == 1 or any(row.error for row in rows):
        return []
    known = {row.name for row in rows}
    names_shown = ", ".join(sorted(known))
    return [
        (
            error_row(
                each.scenario,
                each.file,
                UsageError(
                    f"--baseline {each.file}: a plan of {each.scenario}; checked are {names_shown}"
                ),
            ),
            ExitCode.BAD_INPUT,
        )
        for each in baselines
        if each.scenario not in known
    ]


def _row(task: _Task, clock: Clock, stop: Stop) -> "tuple[CheckRow, ExitCode]":
    """The row of a scenario and its exit code, in the time of `clock`."""
    from heteroplan.inputs.scenario import located
    from heteroplan.outputs.plan.check_report import error_row
    from heteroplan.reading.input_files import shown

    began_s = time.monotonic()
    file = shown(located(task.scenario))
    try:
        row = _checked(task, file, clock, stop)
        code = row.exit_code
    except HeteroplanError as error:
        row, code = error_row(task.scenario, file, error), error.exit_code
    return replace(row, seconds=time.monotonic() - began_s), code


def _checked(task: _Task, file: str, clock: Clock, stop: Stop) -> "CheckRow":
    from heteroplan.outputs.plan.check_report import check_row
    from heteroplan.outputs.plan.document.from_plan import document_of

    asked = task.min_headroom
    loaded = load(task.scenario, overrides=task.overrides)
    planning = replace(clock, seconds=clock.seconds * (PLAN_SHARE if asked > 0 else 1.0))
    planned = solved(loaded, SolveEffort(CHECK_GAP, planning, stop=stop, progress=task.progress))
    found: list[CostLimit] = []
    headroom = None
    if planned.covered:
        planned, found = _within_limits(loaded, planned, task, clock, stop)
        if asked > 0:
            headroom = _headroom(loaded, asked, clock, stop)
    return check_row(
        document_of(planned), file, headroom=headroom, min_headroom=asked, limits=found
    )


def _within_limits(
    loaded: "Loaded", planned: "Plan", task: _Task, clock: Clock, stop: Stop
) -> "tuple[Plan, list[CostLimit]]":
    """The plan and its limits; a better one where the first decides nothing and there is time."""
    found = task.limits(planned)
    open_ = [each for each in found if not (each.kept or each.disproved)]
    if not open_ or any(each.disproved for each in found):
        return planned, found
    left_s = clock.left_s() - clock.reserve(SHOW_CPU_S, clock.slowness())
    if left_s <= 0:
        return planned, found
    search = _Search(
        task.progress,
        stop,
        most=min(each.most_per_day for each in open_) * _days(loaded.scenario),
        decides=all(_minimised(each, loaded.scenario) for each in open_),
    )
    own = Clock(left_s * (COST_SHARE if task.min_headroom > 0 else 1.0))
    try:
        better = solved(
            loaded,
            SolveEffort(NO_GAP, own, tail_cpu_s=0.0, stop=search.over, progress=search.heard),
        )
    except (NoPlanError, KeyboardInterrupt):
        return planned, found
    if not better.covered:
        return planned, found
    best = min(planned, better, key=lambda each: each.report.objective)
    bound = max(planned.report.bound, better.report.bound)
    best = replace(best, report=replace(best.report, bound=min(bound, best.report.objective)))
    return best, task.limits(best)


class _Search:
    """A `Stop` and a `Progress` of a search that ends when a limit is known to be kept or not."""

    def __init__(self, progress: Progress, stop: Stop, *, most: float, decides: bool) -> None:
        """`most` over the horizon, in what is minimised if the search `decides`."""
        self._progress, self._stop = progress, stop
        self._most, self._decides = most, decides
        self._known = False

    def over(self) -> bool:
        return self._known or self._stop()

    def heard(self, objective: float | None, bound: float, seconds: float) -> None:
        self._progress(objective, bound, seconds)
        if self._decides:
            kept = objective is not None and objective <= self._most * (1 - UNDER_LIMIT)
            self._known = self._known or kept or bound > self._most * (1 + UNDER_LIMIT)


def _minimised(limit: "CostLimit", scenario: Scenario) -> bool:
    return (limit.unit == "USD") == (scenario.objective is Objective.COST)


def _days(scenario: Scenario) -> float:
    return scenario.horizon.intervals * scenario.horizon.interval_s / 86_400


def _headroom(loaded: "Loaded", asked: float, clock: Clock, stop: Stop) -> "Headroom":
    """What is known in the time of `clock` of growth up to `asked`; none at all is covered."""
    from heteroplan.entities.plan import Coverage
    from heteroplan.outputs.plan.check_report import Headroom

    slowness = clock.slowness()

    def found(growth: float) -> Coverage:
        grown = replace(loaded, scenario=loaded.scenario.scaled(1 + growth))
        half = Clock(max(0.0, clock.left_s() - clock.reserve(SHOW_CPU_S, slowness)) / 2)
        try:
            return solved(grown, SolveEffort(ANY_GAP, half, tail_cpu_s=0.0, stop=stop)).coverage
        except NoPlanError:
            return Coverage.UNDECIDED

    whole = found(asked)
    if whole is Coverage.COVERED:
        return Headroom(asked, disproved=False)
    known, unknown = 0.0, asked
    while (1 + unknown) / (1 + known) > 1 + HEADROOM_STEP and clock.left_s() > 0:
        middle = math.sqrt((1 + known) * (1 + unknown)) - 1
        if found(middle) is Coverage.COVERED:
            known = middle
        else:
            unknown = middle
    return Headroom(math.floor(known * 1000) / 1000, disproved=whole is Coverage.SHORT)
