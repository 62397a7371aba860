"""`check`: does each fleet cover its forecast, and how much more?"""

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from heteroplan.clock import LEAST_SHARE, Clock, Progress, Stop, never, silent
from heteroplan.entities.scenario import Scenario
from heteroplan.errors import ExitCode, HeteroplanError, NoPlanError, UsageError
from heteroplan.pipelines.arguments import Name, keywords, names
from heteroplan.pipelines.solving import SHOW_CPU_S, SolveEffort, check_effort, load, solved

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.inputs import Loaded
    from heteroplan.outputs.plan.check_report import CheckRow, Headroom

CHECK_GAP = 0.05
"""`check` asks whether demand is covered; what it costs need not be known to the last percent."""
ANY_GAP = 1.0
"""Ends a solve at the first plan that covers all demand."""
PLAN_SHARE = 0.6
"""Of a scenario's time in `check`, that its plan may take where headroom is looked for as well."""
HEADROOM_STEP = 0.01
"""A headroom that falls short is looked for to 1 % of the grown demand."""
MOST_HEADROOM = 100.0
"""Most that may be asked for: 101 times the demand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckOptions:
    """Keywords of `check`."""

    overrides: str | Sequence[str] = ()
    """Fields of each scenario to set, such as `workloads.chat.headroom=0.2` (`--set`)."""
    min_headroom: float = 0.0
    """Share by which all demand must be able to grow; 10 % is 0.1."""
    time_limit_s: float = 60.0
    """For all scenarios together [s]."""
    stop: Stop = never
    """Asked during a solve: whether it should end."""
    progress: Progress = silent
    """Told the best objective so far (or None), its bound (same unit) and the seconds spent."""


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
    found to `HEADROOM_STEP` of the grown demand. A scenario that cannot be loaded or planned is a
    row with its error. All scenarios together end within `time_limit_s`, each with an equal part
    of what those before it left. Keywords are the fields of `CheckOptions`.
    Raises UsageError for those, and KeyboardInterrupt when `stop` ended a solve.
    """
    from heteroplan.inputs.scenario import located
    from heteroplan.outputs.plan.check_report import error_row
    from heteroplan.reading.input_files import shown

    check_effort(CHECK_GAP, options.time_limit_s)
    if not 0 <= options.min_headroom <= MOST_HEADROOM:
        raise UsageError(
            f"--min-headroom {options.min_headroom:g}: write a share from 0 to "
            f"{MOST_HEADROOM:g}; 10 % is 0.1"
        )
    asked = names(scenarios)
    if not asked:
        raise UsageError("name a scenario")
    whole = Clock(options.time_limit_s)
    rows: list[CheckRow] = []
    codes: list[ExitCode] = []
    for i, name in enumerate(asked):
        began_s = time.monotonic()
        least_s = LEAST_SHARE * options.time_limit_s / len(asked)
        clock = Clock(max(whole.left_s() / (len(asked) - i), least_s))
        file = shown(located(name))
        try:
            row = _checked(name, file, clock, options)
            codes.append(row.exit_code)
        except HeteroplanError as error:
            row = error_row(name, file, error)
            codes.append(error.exit_code)
        if options.stop():
            raise KeyboardInterrupt
        rows.append(replace(row, seconds=time.monotonic() - began_s))
    first = (ExitCode.BAD_INPUT, ExitCode.NOT_COVERED, ExitCode.UNDECIDED)
    return CheckResult(tuple(rows), next((code for code in first if code in codes), ExitCode.OK))


def _checked(name: str, file: str, clock: Clock, options: CheckOptions) -> "CheckRow":
    """The row of one scenario, in the time of `clock`."""
    from heteroplan.outputs.plan.check_report import check_row
    from heteroplan.outputs.plan.document.from_plan import document_of

    asked, stop = options.min_headroom, options.stop
    loaded = load(name, overrides=names(options.overrides))
    planning = replace(clock, seconds=clock.seconds * (PLAN_SHARE if asked > 0 else 1.0))
    planned = solved(loaded, SolveEffort(CHECK_GAP, planning, stop=stop, progress=options.progress))
    headroom = None
    if asked > 0 and planned.covered:
        headroom = _headroom(loaded, asked, clock, stop)
    return check_row(document_of(planned), file, headroom=headroom, min_headroom=asked)


def _headroom(loaded: "Loaded", asked: float, clock: Clock, stop: Stop) -> "Headroom":
    """What is known in the time of `clock` of growth up to `asked`; none at all is covered."""
    from heteroplan.entities.plan import Coverage
    from heteroplan.outputs.plan.check_report import Headroom

    slowness = clock.slowness()

    def found(growth: float) -> Coverage:
        grown = replace(loaded, scenario=_grown(loaded.scenario, growth))
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


def _grown(scenario: Scenario, growth: float) -> Scenario:
    """The scenario with (1 + `growth`) times the demand."""
    workloads = tuple(
        replace(
            workload,
            demand=tuple(
                replace(interval, rps=interval.rps * (1 + growth)) for interval in workload.demand
            ),
        )
        for workload in scenario.workloads
    )
    return replace(scenario, workloads=workloads)
