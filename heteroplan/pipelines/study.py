"""`replay --study signals`: how well the signals that policies scale on tell the load."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from heteroplan.clock import Stop, never
from heteroplan.errors import UsageError
from heteroplan.pipelines.replay import (
    Progress,
    ReplayOptions,
    output_suffix,
    settings_of,
    silent,
    source_of,
    write_replay,
)
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.outputs.replay.study.document import StudyDocument
    from heteroplan.outputs.shared.files import Content
    from heteroplan.simulation.study.results import SignalStudy

RUN_S = 1200.0
"""Simulated at each load where nothing else is asked for."""
SETTLING_SHARE = 0.25
"""Of the time at each load, before the first sample."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyOptions:
    """Keywords of `study`."""

    workload: str | None = None
    """To be studied; the one of which the plan has the most replicas where not given."""
    seed: int = 0
    duration_s: float = RUN_S
    """Simulated at each load; a quarter of it passes before the first sample [s]."""
    routing: str | None = None
    """`least_loaded` (or `least_work`), `round_robin`, `random` or `shared`, of all roles; where
    not given, as the workload has it."""
    kv_full: str = "preempt"
    """`preempt` and compute anew, or `wait`, where the KV cache of a replica is full."""
    jobs: int = 1
    """Loads that are simulated at a time."""
    overrides: str | Sequence[str] = ()
    """Fields of the scenario to set (`--set`); not of a plan."""
    gap: float = 0.01
    """Relative gap to prove where a scenario is planned first."""
    time_limit_s: float = 60.0
    """For planning a scenario first [s]."""
    stop: Stop = never
    """Asked now and then: whether to end without a result, by KeyboardInterrupt."""
    progress: Progress = silent


@dataclass(frozen=True)
class StudyResult:
    """A signal study, and what it looks like as files and frames."""

    study: "SignalStudy"

    @cached_property
    def document(self) -> "StudyDocument":
        """The study as `--json` prints it."""
        from heteroplan.outputs.replay.study.document import document_of

        return document_of(self.study)

    def signals_frame(self) -> "DataFrame":
        """One row a signal and load."""
        from heteroplan.outputs.replay.study.files import signals_frame

        return signals_frame(self.study)

    def content(self, name: str) -> "Content":
        """What goes into a file of that name: .html, .json, .csv and `-`. Raises UsageError."""
        match output_suffix(name):
            case ".html":
                from heteroplan.outputs.replay.study.page import study_html

                return study_html(self.study)
            case ".json":
                return self.json_text()
            case _:
                from heteroplan.outputs.replay.study.files import signals_csv

                return signals_csv(self.study)

    def json_text(self) -> str:
        """The document as text."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)

    def write(self, folder: Name) -> None:
        """Write study.json, study.csv and study.html, all or none. Raises UsageError."""
        write_replay(self, folder, "study")


@keywords(StudyOptions)
def study(source: Name, options: StudyOptions) -> StudyResult:
    """The eight signals of a workload at loads from 10 % of what its replicas serve at the SLO on.

    `source` is a plan.json (or `-`), or a scenario that is planned first. Keywords are the fields
    of `StudyOptions`. Raises UsageError, InputError, NoPlanError, and KeyboardInterrupt where
    `stop` says so.
    """
    check_limits(options, limits.STUDY)
    of_replay = ReplayOptions(
        seed=options.seed,
        routing=options.routing,
        kv_full=options.kv_full,
        overrides=options.overrides,
        gap=options.gap,
        time_limit_s=options.time_limit_s,
        stop=options.stop,
    )
    scenario, planned = source_of(os.fspath(source), of_replay)
    names = [load.name for load in scenario.workloads]
    if options.workload is not None and options.workload not in names:
        raise UsageError(
            f"--study: there is no workload {options.workload}; write one of {', '.join(names)}"
        )
    settings = settings_of(scenario, of_replay)
    plan = planned()

    from heteroplan.pipelines.replay_policies import prepared
    from heteroplan.profiles.capacity.candidates import candidates_of
    from heteroplan.simulation.study.station import planned_replicas, station
    from heteroplan.simulation.study.studied import studied
    from heteroplan.simulation.study.sweep import Sweep

    ready = prepared(plan, 0, ())
    replicas = planned_replicas(ready.system, ready.replicas)
    if options.workload is None:
        number = int(replicas.sum(axis=1).argmax())
    else:
        number = names.index(options.workload)
    found = studied(
        station(scenario, number, candidates_of(scenario), replicas[number]),
        Sweep(
            options.duration_s,
            SETTLING_SHARE * options.duration_s,
            options.seed,
            settings.simulator,
        ),
        plan_id=plan.plan_id,
        jobs=options.jobs,
        progress=of_replay.stoppable(options.progress),
    )
    return StudyResult(found)
