"""`replay`: a plan and autoscaling policies on the same requests, to files and frames."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from heteroplan.clock import Clock, Stop, never
from heteroplan.errors import UsageError
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import Name, check_limits, keywords, names
from heteroplan.pipelines.shared.solving import SolveEffort, check_effort, load, solved
from heteroplan.reading.input_size import MOST_BYTES

if TYPE_CHECKING:
    from pandas import DataFrame

    from heteroplan.entities.scenario import Scenario
    from heteroplan.forecasting.steps.opened import ReadOptions
    from heteroplan.inputs import Loaded
    from heteroplan.outputs.plan.document.plan_document import PlanDocument
    from heteroplan.outputs.replay.document import ReplayDocument
    from heteroplan.outputs.shared.files import Content
    from heteroplan.simulation.arrivals.traces import Scaling
    from heteroplan.simulation.rate_stream import RateStream
    from heteroplan.simulation.requests import RequestStream
    from heteroplan.simulation.results import Replay
    from heteroplan.simulation.run import ReplaySettings

type Progress = Callable[[str, float], None]
"""Called with a policy and the share of its replay that is over, 0 to 1."""

POLICIES = ("plan", "plan+feedback", "static_peak", "proportional", "hpa")
"""That are replayed where none is named."""
SUFFIXES = (".csv", ".html", ".json")
"""Of files that a result is written to."""


def silent(policy: str, share: float) -> None:
    """A `Progress` that does nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayOptions:
    """Keywords of `replay`."""

    trace: Name | Sequence[Name] = ()
    """Request traces, `[WORKLOAD=]FILE` each; workloads without one get requests that are drawn
    from their demand."""
    policy: str | Sequence[str] = ()
    """`NAME[:OPTION=VALUE,...]` each, such as `hpa:target_share=0.7`; `POLICIES` where none."""
    level: str = "requests"
    """`requests`, each by itself, or `fluid`, flows of tokens (`--fluid`)."""
    seed: int = 0
    rate_rps: float | None = None
    """Mean rate to which all traces together are stretched (`--rate`) [requests/s]."""
    scale_to_demand: bool = False
    """Traces are stretched so that each interval has the planned requests."""
    align: bool = False
    """Requests of traces arrive at their own date and time."""
    demand_factor: float = 1.0
    """Multiplies the demand that requests are drawn from, and at the fluid level the rates of
    windows of traces."""
    burstiness: float | None = None
    """Coefficient of variation of the gaps between drawn arrivals, 1 is Poisson; with the
    dispersion that each workload is planned for where not given (at the fluid level, and in the
    pressure tests of curate, Poisson)."""

    begin: str | None = None
    """Clock time, or date and time, of the interval with which the replay begins (`--from`)."""
    duration_s: float | None = None
    """Of the replay; the horizon, or as long as the traces, where not given [s]."""
    fail: str | Sequence[str] = ()
    """`LEVEL:DOMAIN@START+DURATION` each, such as `leaf:a-s1-l2@18:00+30min`."""
    concurrency: int | None = None
    """Closed loop: so many requests of each workload at a time, whenever they arrive."""
    routing: str | None = None
    """`least_loaded` (or `least_work`), `round_robin`, `random` or `shared`, of all roles; where
    not given, as the workloads have it."""
    kv_full: str = "preempt"
    """`preempt` and compute anew, or `wait`, where the KV cache of a replica is full."""
    scale_in: str = "drain"
    """`drain` replicas that go, or `kill` them after drain_s."""
    metrics_delay_s: float = 15.0
    """How late metrics reach policies [s]."""
    jobs: int = 1
    """Policies that are simulated at a time."""
    format: str | None = None
    """Of traces, such as azure or table; by what is in the file where not given."""
    columns: Mapping[str, str] | None = None
    """Our names of columns of traces -> theirs (`--map`)."""
    trace_timezone: str | None = None
    """Zone of stamps without one, where it is not that of the scenario."""
    start: datetime | None = None
    """When traces begin; without a zone it is in that of the scenario."""
    prefix_cache_tokens: int | None = None
    """Size of a prefix cache, where traces tell blocks [tokens]."""
    where: Mapping[str, str | Sequence[str]] | None = None
    """Values by column of a log, or by label of counters: what has others is left out."""
    max_bytes: int = MOST_BYTES
    """Held of a trace at a time."""
    overrides: str | Sequence[str] = ()
    """Fields of the scenario to set (`--set`); not of a plan."""
    gap: float = 0.01
    """Relative gap to prove where a scenario is planned first."""
    time_limit_s: float = 60.0
    """For planning a scenario first [s]."""
    stop: Stop = never
    """Asked now and then: whether to end without a result, by KeyboardInterrupt."""
    progress: Progress = silent

    @property
    def gaps_cv(self) -> float:
        """`burstiness`, of Poisson arrivals where it is not given."""
        return 1.0 if self.burstiness is None else self.burstiness

    def stoppable(self, progress: Progress) -> Progress:
        """`progress`, that ends by KeyboardInterrupt where `stop` says so."""

        def checked(policy: str, share: float) -> None:
            if self.stop():
                raise KeyboardInterrupt
            progress(policy, share)

        return checked


@dataclass(frozen=True)
class ReplayResult:
    """Policies on requests, and what they look like as files and frames."""

    replay: "Replay"
    stream: "RequestStream | None"
    """The requests; None at the fluid level."""

    @cached_property
    def document(self) -> "ReplayDocument":
        """The replay as `--json` prints it."""
        from heteroplan.outputs.replay.document import document_of

        return document_of(self.replay)

    def policies_frame(self) -> "DataFrame":
        """One row a policy: what it took, and which requests were in time."""
        from heteroplan.outputs.replay.frames import policies_frame

        return policies_frame(self.replay)

    def intervals_frame(self) -> "DataFrame":
        """One row a policy, workload and interval: what came, was in time, and ran."""
        from heteroplan.outputs.replay.frames import intervals_frame

        return intervals_frame(self.replay)

    def requests_frame(self) -> "DataFrame":
        """One row a policy and request. Raises UsageError at the fluid level, which has none."""
        from heteroplan.outputs.replay.frames import requests_frame

        return requests_frame(self.replay, self._requests())

    def content(self, name: str) -> "Content":
        """What goes into a file of that name: a page for .html, all figures for .json, CSV for
        .csv and `-`. Raises UsageError for another name."""
        match output_suffix(name):
            case ".html":
                from heteroplan.outputs.replay.page import replay_html

                return replay_html(self.replay, self.stream)
            case ".json":
                return self.json_text()
            case _:
                from heteroplan.outputs.replay.files import intervals_csv

                return intervals_csv(self.replay)

    def json_text(self) -> str:
        """The document as text."""
        from heteroplan.outputs.plan.document.parts import document_text

        return document_text(self.document)

    def requests_content(self) -> "Content":
        """Parquet, a row a policy and request. Raises UsageError at the fluid level."""
        from heteroplan.outputs.replay.files import write_requests

        return partial(write_requests, self.replay, self._requests())

    def write(self, folder: Name, *, requests: bool = False) -> None:
        """Write replay.json, replay.csv and replay.html, and requests.parquet on request.

        All or none. The folder is made. Raises UsageError.
        """
        more = {"requests.parquet": self.requests_content()} if requests else {}
        write_replay(self, folder, "replay", more)

    def _requests(self) -> "RequestStream":
        if self.stream is None or all(each.requests is None for each in self.replay.policies):
            raise UsageError("the fluid level has no single requests; replay them one by one")
        return self.stream


def output_suffix(name: str) -> str:
    """.html, .json or .csv, which `-` stands for. Raises UsageError for another name."""
    suffix = ".csv" if name == "-" else Path(name).suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"{name}: write a name that ends with .html, .json or .csv")
    return suffix


class _Writable(Protocol):
    def content(self, name: str) -> "Content": ...


def write_replay(
    result: _Writable, folder: Name, stem: str, more: "Mapping[str, Content] | None" = None
) -> None:
    """Write the page, JSON and CSV of a result, and `more` by name: all or none.

    The folder is made. Raises UsageError.
    """
    from heteroplan.outputs.shared.files import try_folder, write_all

    out = Path(folder)
    own = {f"{stem}{suffix}": result.content(f"{stem}{suffix}") for suffix in SUFFIXES}
    try_folder(out)
    write_all({out / name: content for name, content in (own | dict(more or {})).items()})


@keywords(ReplayOptions)
def replay(source: Name, options: ReplayOptions) -> ReplayResult:
    """A plan.json (or `-`), or a scenario that is planned first, on requests under each policy.

    Keywords are the fields of `ReplayOptions`. Raises UsageError, InputError, NoPlanError, and
    KeyboardInterrupt where `stop` says so.
    """
    from heteroplan.pipelines.replay_policies import named_policies, replayed

    check_limits(options, limits.REPLAY)
    asked = names(options.policy)
    policies = named_policies(asked or POLICIES)
    given, planned = source_of(os.fspath(source), options)
    first, scenario = first_of(given, options)
    settings = settings_of(scenario, options)
    single, stream = _arrivals(scenario, options)
    _check_failures(options, settings, stream)
    plan = planned()
    found = replayed(
        plan, first, stream, policies, settings,
        jobs=options.jobs, progress=options.stoppable(options.progress), asked=bool(asked),
    )  # fmt: skip
    return ReplayResult(replace(found, notes=(*found.notes, *setting_notes(options))), single)


def first_of(given: "Scenario", options: ReplayOptions) -> "tuple[int, Scenario]":
    """The interval with which a replay begins, and the scenario from it on. Raises UsageError."""
    from heteroplan.simulation.span.begin import from_interval, interval_at

    first = 0 if options.begin is None else interval_at(options.begin, given.horizon)
    return first, from_interval(given, first)


def setting_notes(options: ReplayOptions) -> list[str]:
    """What was not as it is by default, or was made to fail."""
    default = ReplayOptions()
    of = {
        "routing": options.routing,
        "kv_full": options.kv_full,
        "scale_in": options.scale_in,
        "metrics_delay_s": options.metrics_delay_s,
        "concurrency": options.concurrency,
    }
    changed = [f"{name} {value}" for name, value in of.items() if value != getattr(default, name)]
    return [
        *([f"settings: {', '.join(changed)}"] if changed else []),
        *(f"taken away: {each}" for each in names(options.fail)),
    ]


def is_plan(source: str) -> bool:
    """Whether it is a plan.json, or standard input, and not a scenario."""
    if source == "-":
        return True
    path = Path(source)
    try:
        with path.open("rb") as file:
            return file.read(64).lstrip().startswith(b"{")
    except OSError:
        return path.suffix == ".json"


def source_of(source: str, options: ReplayOptions) -> "tuple[Scenario, Callable[[], PlanDocument]]":
    """What is replayed, and its plan: read, or made when it is called for."""
    if is_plan(source):
        from heteroplan.outputs.plan.document.plan_json import read_plan

        if names(options.overrides):
            raise UsageError("--set: a plan is replayed as it was made; name its scenario instead")
        document = read_plan(source, with_inputs=True)
        return document.given, lambda: document
    check_effort(options.gap, options.time_limit_s)
    clock = Clock(options.time_limit_s)
    loaded = load(source, overrides=names(options.overrides))
    effort = SolveEffort(gap=options.gap, clock=clock, stop=options.stop)
    return loaded.scenario, partial(_planned, loaded, effort)


def _planned(loaded: "Loaded", effort: SolveEffort) -> "PlanDocument":
    from heteroplan.outputs.plan.document.from_plan import document_of

    return document_of(solved(loaded, effort))


def settings_of(scenario: "Scenario", options: ReplayOptions) -> "ReplaySettings":
    """What holds for all policies. Raises UsageError."""
    from heteroplan.entities.workload import Routing
    from heteroplan.simulation.events.simulator import KV_FULL, SimulatorOptions
    from heteroplan.simulation.replicas.failures import failure
    from heteroplan.simulation.replicas.lifecycle import LifecycleOptions
    from heteroplan.simulation.run import ReplaySettings

    routings = {each.value: each for each in Routing} | {"least_work": Routing.LEAST_LOADED}
    for name, known in (
        ("level", ("requests", "fluid")),
        ("routing", routings),
        ("kv_full", KV_FULL),
        ("scale_in", ("drain", "kill")),
    ):
        value = getattr(options, name)
        if value is not None and value not in known:
            raise UsageError(f"{name} {value!r}: write one of {', '.join(known)}")
    return ReplaySettings(
        simulator=SimulatorOptions(
            routing=None if options.routing is None else routings[options.routing],
            kv_full=options.kv_full,
            users=options.concurrency or 0,
            seed=options.seed,
        ),
        lifecycle=LifecycleOptions(scale_in=options.scale_in),
        delay_s=options.metrics_delay_s,
        failures=tuple(failure(each, scenario) for each in names(options.fail)),
    )


def _arrivals(
    scenario: "Scenario", options: ReplayOptions
) -> "tuple[RequestStream | None, RequestStream | RateStream]":
    """The single requests, if any, and what is replayed."""
    from heteroplan.simulation.arrivals.flows import from_demand, from_requests
    from heteroplan.simulation.arrivals.rates import Planned

    if options.level == "requests":
        stream = requests_of(scenario, options)
        return stream, stream
    if options.concurrency is not None:
        raise UsageError("--concurrency: the fluid level has no single requests; leave out --fluid")
    if names(options.trace):
        rates = _window_rates(scenario, options)
        return None, rates or from_requests(requests_of(scenario, options), scenario.horizon)
    return None, from_demand(
        scenario,
        seed=options.seed,
        planned=Planned(factor=options.demand_factor),
        burstiness=options.gaps_cv,
        duration_s=options.duration_s,
    )


def requests_of(scenario: "Scenario", options: ReplayOptions) -> "RequestStream":
    """Of traces, and drawn from the demand for workloads without one."""
    from heteroplan.simulation.arrivals.drawn import drawn
    from heteroplan.simulation.arrivals.named import traces_by_workload
    from heteroplan.simulation.arrivals.traces import from_traces

    traces = traces_by_workload(scenario, names(options.trace))
    if not traces:
        _check_no_trace(options)
        return drawn(
            scenario,
            seed=options.seed,
            burstiness=options.burstiness,
            factor=options.demand_factor,
            duration_s=options.duration_s,
        )
    return from_traces(
        scenario,
        traces,
        seed=options.seed,
        burstiness=options.burstiness,
        scaling=_scaling(options),
        reading=_reading(scenario, options),
    )


def _window_rates(scenario: "Scenario", options: ReplayOptions) -> "RateStream | None":
    """Of traces all of which tell windows; None where one tells single requests."""
    from heteroplan.simulation.arrivals.named import traces_by_workload
    from heteroplan.simulation.arrivals.window_flows import flows_of_windows, read_windows

    traces = traces_by_workload(scenario, names(options.trace))
    found = read_windows(traces, _reading(scenario, options), by_date=options.align)
    if found is None:
        return None
    if options.prefix_cache_tokens is not None:
        raise UsageError("no trace tells prefix blocks; leave out --prefix-cache")
    return flows_of_windows(
        scenario,
        found,
        seed=options.seed,
        scaling=_scaling(options),
        burstiness=options.gaps_cv,
    )


def _scaling(options: ReplayOptions) -> "Scaling":
    from heteroplan.simulation.arrivals.rates import Planned
    from heteroplan.simulation.arrivals.traces import Scaling

    return Scaling(
        align=options.align,
        rate_rps=options.rate_rps,
        scale_to_demand=options.scale_to_demand,
        planned=Planned(factor=options.demand_factor),
        duration_s=options.duration_s,
    )


def _reading(scenario: "Scenario", options: ReplayOptions) -> "ReadOptions":
    """How traces are read. Raises UsageError."""
    from zoneinfo import ZoneInfo

    from heteroplan.forecasting.curve.curve import zone_of
    from heteroplan.forecasting.steps.opened import ReadOptions
    from heteroplan.reading.local_time import localized

    zone = ZoneInfo(scenario.horizon.timezone)
    return ReadOptions(
        stamp_zone=zone if options.trace_timezone is None else zone_of(options.trace_timezone),
        format=options.format,
        columns=options.columns or {},
        start=None if options.start is None else localized(options.start.isoformat(), zone),
        cache_tokens=options.prefix_cache_tokens,
        max_bytes=options.max_bytes,
        where={name: names(each) for name, each in (options.where or {}).items()},
    )


def _check_no_trace(options: ReplayOptions) -> None:
    """Raise UsageError for options of traces, of which there is none."""
    default = ReplayOptions()
    of_traces = {
        "--align": "align",
        "--rate": "rate_rps",
        "--scale-to-demand": "scale_to_demand",
        "--format": "format",
        "--map": "columns",
        "--trace-timezone": "trace_timezone",
        "--start": "start",
        "--prefix-cache": "prefix_cache_tokens",
        "--where": "where",
    }
    for option, name in of_traces.items():
        if (getattr(options, name) or None) != (getattr(default, name) or None):
            raise UsageError(f"{option}: requests are drawn; give a trace with --trace as well")


def _check_failures(
    options: ReplayOptions, settings: "ReplaySettings", stream: "RequestStream | RateStream"
) -> None:
    """Raise UsageError for a failure that the replay does not reach."""
    for text, failure in zip(names(options.fail), settings.failures, strict=True):
        if failure.start_s >= stream.duration_s:
            lasts_min = stream.duration_s / 60
            raise UsageError(
                f"--fail {text}: begins after the replay, which lasts {lasts_min:.3g} min; "
                "raise --duration, or name an earlier time"
            )
