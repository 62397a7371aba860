"""`replay --curate` and `--calibrate`: options of policies that do best, and capacity judged."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
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
)
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.scenario import Scenario
    from heteroplan.outputs.replay.calibration.document import CalibrationDocument
    from heteroplan.outputs.replay.curation.document import CurationDocument
    from heteroplan.outputs.shared.files import Content
    from heteroplan.pipelines.replay_policies import NamedPolicy, Prepared
    from heteroplan.simulation.curation.calibrate import Judging
    from heteroplan.simulation.curation.curate import Subject
    from heteroplan.simulation.curation.results import Curation
    from heteroplan.simulation.curation.search import Point
    from heteroplan.simulation.policies.shared.options import Options
    from heteroplan.simulation.run import PolicyChoice

SHARE, TRIALS = 0.5, 40
"""Of the replay, seen by the search; and a policy."""
CALIBRATING = "calibration"
"""What progress calls it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateOptions(ReplayOptions):
    """Keywords of `curate`: those of `replay`, and how to search."""

    share: float = SHARE
    """Of the replay that the search may see (`--curate-share`), to the nearest interval."""
    trials: int = TRIALS
    """Replays of the seen part for each policy, its given options included."""


@dataclass(frozen=True)
class CurationResult:
    """Policies with better options, and what they look like as files and frames."""

    curation: "Curation"

    @cached_property
    def document(self) -> "CurationDocument":
        """The curation as `--json` prints it."""
        from heteroplan.outputs.replay.curation.document import document_of

        return document_of(self.curation)

    def policies_frame(self) -> "DataFrame":
        """Two rows a policy: with its given options and with those found, on the unseen part."""
        from heteroplan.outputs.replay.curation.rows import policies_frame

        return policies_frame(self.curation)

    def json_text(self) -> str:
        """The document as text."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)

    def content(self, name: str) -> "Content":
        """What goes into a file of that name: a page for .html, all figures for .json, CSV for
        .csv and `-`. Raises UsageError for another name."""
        match output_suffix(name):
            case ".html":
                from heteroplan.outputs.replay.curation.page import curation_html

                return curation_html(self.curation)
            case ".json":
                return self.json_text()
        from heteroplan.outputs.replay.curation.rows import trials_csv

        return trials_csv(self.curation)


@dataclass(frozen=True)
class CalibrationResult:
    """Capacity as simulated, against capacity as planned."""

    document: "CalibrationDocument"
    """As it is written to a file."""

    def content(self, name: str) -> "Content":
        """The document as YAML, or as JSON where the name ends with .json. Raises UsageError."""
        check_calibration_output(name)
        if Path(name).suffix.lower() == ".json":
            return self.json_text()
        from heteroplan.outputs.replay.calibration.document import yaml_text

        return yaml_text(self.document)

    def json_text(self) -> str:
        """The document as JSON."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)


def check_calibration_output(name: str) -> None:
    """Raise UsageError for the name of a file that factors are not written to."""
    if Path(name).suffix.lower() not in (".yaml", ".yml", ".json"):
        raise UsageError(f"--calibrate {name}: write a name that ends with .yaml, .yml or .json")


@keywords(CurateOptions)
def curate(source: Name, options: CurateOptions) -> CurationResult:
    """Options of each policy searched on the first part of a replay, and judged on the rest.

    `source` is a plan.json (or `-`), or a scenario that is planned first. Keywords are the fields
    of `CurateOptions`. Raises UsageError, InputError, NoPlanError, and KeyboardInterrupt where
    `stop` says so.
    """
    from heteroplan.pipelines.replay_policies import named_policies, poisson_note, prepared
    from heteroplan.simulation.curation.curate import Effort
    from heteroplan.simulation.curation.curate import curate as curated
    from heteroplan.simulation.curation.pieces import cut_interval

    check_limits(options, limits.CURATE)
    if options.concurrency is not None:
        raise UsageError(
            "--curate: a closed loop has no requests that arrive later; leave out --concurrency"
        )
    if options.level != "requests":
        raise UsageError("--curate: pressure tests are by single requests; leave out --fluid")
    asked = names(options.policy)
    policies = named_policies(asked or POLICIES)
    given, planned = source_of(os.fspath(source), options)
    first, scenario = first_of(given, options)
    settings = settings_of(scenario, options)
    stream = requests_of(scenario, options)
    effort = Effort(
        cut=cut_interval(stream.duration_s, float(scenario.horizon.interval_s), options.share),
        trials=options.trials,
        seed=options.seed,
        burstiness=options.gaps_cv,
        jobs=options.jobs,
    )
    plan = planned()
    ready = prepared(plan, first, policies, asked=bool(asked), one_slo=True)
    poisson = poisson_note(scenario, "pressure tests are") if options.burstiness is None else ()
    return CurationResult(
        curated(
            ready.system,
            stream,
            [_subject(ready, each) for each in ready.policies],
            settings,
            effort,
            options.stoppable(options.progress),
            plan_id=plan.plan_id,
            notes=(*stream.notes, *ready.notes, *poisson, *setting_notes(options)),
        )
    )


def _subject(ready: "Prepared", policy: "NamedPolicy") -> "Subject":
    from heteroplan.simulation.curation.curate import Subject
    from heteroplan.simulation.policies.registry import parse_policy

    _, written = parse_policy(policy.name)
    box = {name: of for name, of in policy.kind.searched.items() if name not in written}

    def make(point: "Point") -> "PolicyChoice":
        chosen: Options = replace(policy.options, **point)
        return ready.choice(policy, chosen)

    own = {each.name: each.metadata for each in fields(policy.options)}
    return Subject(
        name=policy.name,
        box=box,
        bounds={name: (own[name]["low"], own[name]["high"]) for name in box},
        defaults={name: float(getattr(policy.options, name)) for name in box},
        make=make,
    )


@keywords(ReplayOptions)
def calibrate(source: Name, options: ReplayOptions) -> CalibrationResult:
    """What the pools of a plan serve at the SLO when they are simulated.

    `source` is a plan.json (or `-`), or a scenario that is planned first. Keywords are those of
    `replay`, of which those on policies, time and demand do not matter. Requests are drawn from
    the classes of each workload; the gaps between them are those of its trace in its busiest
    interval, or drawn as in a replay. Raises UsageError, InputError, NoPlanError, and
    KeyboardInterrupt where `stop` says so.
    """
    from heteroplan.outputs.replay.calibration.document import document_of
    from heteroplan.pipelines.replay_policies import pool_sizes
    from heteroplan.profiles.capacity.candidates import candidates_of
    from heteroplan.simulation.curation.calibrate import calibrate as calibrated
    from heteroplan.simulation.system import serving_system

    check_limits(options, limits.REPLAY)
    given, planned = source_of(os.fspath(source), options)
    first, scenario = first_of(given, options)
    settings = settings_of(scenario, options)
    judging = _judging(scenario, options)
    found = candidates_of(scenario)
    sizes = pool_sizes(planned(), scenario, found, first)
    progress = options.stoppable(options.progress)
    with ThreadPoolExecutor(options.jobs) as pool:
        judged = calibrated(
            serving_system(scenario, found, sizes),
            found,
            settings,
            replace(judging, sizes=sizes),
            pool=pool,
            tell=lambda share: progress(CALIBRATING, share),
        )
    return CalibrationResult(document_of(scenario, judged, judging))


def _judging(scenario: "Scenario", options: ReplayOptions) -> "Judging":
    from heteroplan.simulation.arrivals.named import traces_by_workload
    from heteroplan.simulation.curation.calibrate import Judging
    from heteroplan.simulation.curation.pieces import busiest_gaps

    traced = list(traces_by_workload(scenario, names(options.trace)))
    gaps = {}
    if traced:
        interval_s = float(scenario.horizon.interval_s)
        gaps = busiest_gaps(requests_of(scenario, options), interval_s, traced)
    return Judging(seed=options.seed, burstiness=options.burstiness, gaps=gaps)
