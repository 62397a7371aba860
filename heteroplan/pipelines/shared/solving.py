"""What commands share: loading a scenario, compiling once, and a solve that keeps to its time."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

from heteroplan.clock import LEAST_SHARE, Clock, Progress, Stop, never, not_counted, silent
from heteroplan.errors import NoPlanError, UsageError

if TYPE_CHECKING:
    from heteroplan.entities.plan import Plan
    from heteroplan.inputs import Loaded, Pasts
    from heteroplan.reading.input_files import Files

SHOW_CPU_S = 0.15
"""CPU seconds to show a plan."""
NOT_KEPT = "for this run alone (set NUMBA_CACHE_DIR to a folder that can keep the result)"
"""Of what is compiled where no folder can hold it."""


@dataclass(frozen=True, slots=True)
class SolveEffort:
    """How well a scenario is solved, in which time, and who hears of it."""

    gap: float
    """Relative gap at which the solve ends."""
    clock: Clock
    """Of the time for the solve and what comes after it."""
    tail_cpu_s: float = SHOW_CPU_S
    """CPU seconds that what comes after the solve takes."""
    stop: Stop = never
    progress: Progress = silent
    compare: bool = False
    """Whether baselines are computed as well."""
    method: str = "auto"
    """One of `planning.make.METHODS`."""
    frontier: bool = False
    """Whether the plan says what others with fewer changes of pool sizes cost."""
    steps: int | None = None
    """Of the search, after which each solve ends, the same on every machine."""
    starts: "Sequence[Plan]" = ()
    """Plans whose pool sizes the search may begin at."""


def check_effort(gap: float, time_limit_s: float) -> None:
    """Raises UsageError for a gap or a time limit that is none."""
    if not 0 <= gap <= 1:
        raise UsageError(f"--gap {gap:g}: write a share between 0 and 1; 1 % is 0.01")
    if not 0 < time_limit_s < float("inf"):
        raise UsageError(f"--time-limit {time_limit_s:g}: write seconds, more than 0")


def load(
    scenario: str,
    *,
    overrides: Sequence[str] = (),
    interval: str | None = None,
    current: str | None = None,
    files: "Files | None" = None,
    pasts: "Pasts | None" = None,
) -> "Loaded":
    """The scenario and what each engine serves in it. Raises InputError with every problem."""
    from heteroplan import inputs

    return inputs.load(
        scenario,
        overrides=overrides,
        interval=interval,
        current=current,
        files=files,
        pasts=pasts,
    )


def compile_first() -> None:
    """Compile the loops of the search where this installation has not yet, and say so.

    No clock counts that: it is once for an installation, or for each run where nothing is kept.
    """
    from heteroplan.planning.first_use import compile_search, is_kept

    began = monotonic()
    if compile_search():
        once = "once for this installation" if is_kept() else NOT_KEPT
        seconds = not_counted(began)
        print(
            f"Compiled the search, {once}: {seconds:.0f} s, which do not count against the time "
            "limit.",
            file=sys.stderr,
        )


def solved(loaded: "Loaded", effort: SolveEffort) -> "Plan":
    """The plan, with time left on the clock for what comes after it.

    Raises NoPlanError, and KeyboardInterrupt where `stop` left no plan.
    """
    from heteroplan.planning import make_plan

    compile_first()
    clock = effort.clock
    slowness = clock.slowness()
    left_s = clock.left_s() - clock.reserve(effort.tail_cpu_s, slowness)
    try:
        return make_plan(
            loaded.scenario,
            loaded.candidates,
            gap=effort.gap,
            time_limit_s=max(left_s, LEAST_SHARE * clock.seconds),
            stop=effort.stop,
            progress=effort.progress,
            compare=effort.compare,
            method=effort.method,
            slowness=slowness,
            frontier=effort.frontier,
            steps=effort.steps,
            starts=effort.starts,
        )
    except NoPlanError:
        if effort.stop():
            raise KeyboardInterrupt from None
        raise
