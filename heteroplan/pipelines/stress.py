"""`replay --stress`: how robust a plan is, and where its SLO first breaks."""

import os
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError
from heteroplan.pipelines.replay import (
    POLICIES,
    ReplayOptions,
    first_of,
    output_suffix,
    requests_of,
    setting_notes,
    settings_of,
    source_of,
    write_replay,
)
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names

if TYPE_CHECKING:
    from collections.abc import Callable

    from pandas import DataFrame

    from heteroplan.entities.scenario import Scenario
    from heteroplan.outputs.replay.stress.document import StressDocument
    from heteroplan.outputs.shared.files import Content
    from heteroplan.simulation.requests import RequestStream
    from heteroplan.simulation.stress.results import Stress


@dataclass(frozen=True)
class StressResult:
    """A stress test, and what it looks like as files and frames."""

    stress: "Stress"

    @cached_property
    def document(self) -> "StressDocument":
        """The test as `--json` prints it."""
        from heteroplan.outputs.replay.stress.document import document_of

        return document_of(self.stress)

    def runs_frame(self) -> "DataFrame":
        """One row a replay and workload."""
        from heteroplan.outputs.replay.stress.files import runs_frame

        return runs_frame(self.stress)

    def content(self, name: str) -> "Content":
        """What goes into a file of that name: .html, .json, .csv and `-`. Raises UsageError."""
        match output_suffix(name):
            case ".html":
                from heteroplan.outputs.replay.stress.page import stress_html

                return stress_html(self.stress)
            case ".json":
                return self.json_text()
            case _:
                from heteroplan.outputs.replay.stress.files import runs_csv

                return runs_csv(self.stress)

    def json_text(self) -> str:
        """The document as text."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)

    def write(self, folder: Name) -> None:
        """Write stress.json, stress.csv and stress.html, all or none. Raises UsageError."""
        write_replay(self, folder, "stress")


@keywords(ReplayOptions)
def stress(source: Name, options: ReplayOptions) -> StressResult:
    """The first of the policies with more and less demand, slower engines and slower starts.

    `source` is a plan.json (or `-`), or a scenario that is planned first. Keywords are the fields
    of `ReplayOptions`; `jobs` replays run at a time. Raises UsageError, InputError, NoPlanError,
    and KeyboardInterrupt where `stop` says so.
    """
    from heteroplan.pipelines.replay_policies import named_policies, prepared
    from heteroplan.simulation.stress.stressed import Subject, stressed

    check_limits(options, limits.REPLAY)
    if options.concurrency is not None:
        raise UsageError(
            "--stress: a closed loop has no demand to multiply; leave out --concurrency"
        )
    policies = named_policies(names(options.policy) or POLICIES)[:1]
    given, planned = source_of(os.fspath(source), options)
    first, scenario = first_of(given, options)
    settings = settings_of(scenario, options)
    requests = _requests(scenario, options)
    plan = planned()
    ready = prepared(plan, first, policies, one_slo=True)
    found = stressed(
        Subject(ready.system, ready.choices[0], settings, requests, plan.plan_id),
        jobs=options.jobs,
        progress=options.stoppable(options.progress),
    )
    return StressResult(replace(found, notes=(*found.notes, *ready.notes, *setting_notes(options))))


def _requests(scenario: "Scenario", options: ReplayOptions) -> "Callable[[float], RequestStream]":
    """For a factor on demand: drawn anew, or those of a trace in each interval so many times."""
    if not names(options.trace) or options.scale_to_demand:
        return lambda factor: requests_of(
            scenario, replace(options, demand_factor=options.demand_factor * factor)
        )
    from heteroplan.simulation.arrivals.more import times

    came = requests_of(scenario, options)
    return lambda factor: times(scenario, came, factor)
