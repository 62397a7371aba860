"""`replay`: a plan and autoscaling policies on requests. Parse, one pipeline call, one render.

Heavy imports happen inside.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from heteroplan.cli import completion, options
from heteroplan.cli.arguments import taking, written
from heteroplan.cli.interrupts import Interrupt
from heteroplan.cli.streams import STDOUT, delivering, emit, show
from heteroplan.errors import UsageError
from heteroplan.forecasting.traces.formats import FORMATS
from heteroplan.pipelines.shared import limits
from heteroplan.pipelines.shared.arguments import as_keywords

if TYPE_CHECKING:
    from heteroplan.outputs.shared.files import Content
    from heteroplan.pipelines.replay import Progress, ReplayOptions, ReplayResult


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayArguments:
    """What `replay` takes."""

    source: Annotated[
        str,
        typer.Argument(
            metavar="PLAN|SCENARIO",
            help="A plan.json (- for standard input), or a scenario, which is planned first.",
            show_default=False,
        ),
    ]
    trace: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[WORKLOAD=]FILE",
            help="Requests of a workload, in any format that demand reads; workloads without one "
            "get requests drawn from their demand. Repeatable.",
        ),
    ] = None
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[:OPTION=VALUE,...]",
            autocompletion=completion.policies,
            help="Such as hpa or hpa:target_share=0.7; default: plan, plan+feedback, static_peak, "
            "proportional and hpa. Others: periodic, negative_feedback, soft_scale_in, kpa, apa, "
            "aibrix_kpa, wva, dynamo_planner, keda_cron and hindsight. Repeatable.",
        ),
    ] = None
    fluid: Annotated[
        bool, typer.Option("--fluid", help="Flows of tokens and not single requests: for weeks.")
    ] = False
    seed: Annotated[
        int,
        typer.Option(
            parser=options.wholes(*limits.REPLAY["seed"]),
            metavar="N",
            help="Of drawn requests and random routing.",
        ),
    ] = written("0")
    rate: Annotated[
        float | None,
        typer.Option(
            parser=options.numbers(*limits.REPLAY["rate_rps"]),
            metavar="RPS",
            help="Stretch the traces to this mean rate, all together [requests/s].",
        ),
    ] = None
    scale_to_demand: Annotated[
        bool,
        typer.Option(
            "--scale-to-demand", help="Stretch the traces to the planned requests of each interval."
        ),
    ] = False
    align: Annotated[
        bool, typer.Option("--align", help="Requests of traces arrive at their own date and time.")
    ] = False
    demand_factor: Annotated[
        float,
        typer.Option(
            parser=options.numbers(*limits.REPLAY["demand_factor"]),
            metavar="FACTOR",
            help="Multiplies the demand that is drawn from.",
        ),
    ] = written("1")
    burstiness: Annotated[
        float | None,
        typer.Option(
            parser=options.numbers(0.0, 1e3),
            metavar="CV",
            help="Coefficient of variation of the gaps between drawn arrivals; 1 is Poisson. "
            "Default: with the dispersion that is planned for.",
        ),
    ] = None
    begin: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="TIME",
            help="Clock time, or date and time, of the interval to begin with; default: the first.",
        ),
    ] = None
    duration: Annotated[
        int | None,
        typer.Option(
            parser=options.duration_s,
            metavar="DURATION",
            help="Of the replay, such as 6h; default: the horizon, or as long as the traces.",
        ),
    ] = None
    fail: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LEVEL:DOMAIN@START+DURATION",
            help="Take a part of the network away, such as leaf:a-s1-l2@18:00+30min. Repeatable.",
        ),
    ] = None
    concurrency: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(*limits.REPLAY["concurrency"]),
            metavar="N",
            help="Closed loop: so many requests of each workload at a time.",
        ),
    ] = None
    routing: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="least_loaded (or least_work), round_robin, random or shared, of all roles; "
            "by default as the workloads have it.",
        ),
    ] = None
    kv_full: Annotated[
        str,
        typer.Option(
            metavar="KIND", help="preempt (and compute anew) or wait, where the KV cache is full."
        ),
    ] = "preempt"
    scale_in: Annotated[
        str,
        typer.Option(metavar="KIND", help="drain replicas that go, or kill them after drain_s."),
    ] = "drain"
    metrics_delay: Annotated[
        float,
        typer.Option(
            parser=options.numbers(*limits.REPLAY["metrics_delay_s"]),
            metavar="SECONDS",
            help="How late metrics reach policies [s].",
        ),
    ] = written("15")
    jobs: Annotated[
        int,
        typer.Option(
            parser=options.wholes(*limits.REPLAY["jobs"]),
            metavar="N",
            help="Policies that are simulated at a time.",
        ),
    ] = written("1")
    format: Annotated[
        str | None,
        typer.Option(
            metavar="FORMAT",
            help=f"Of traces. {FORMATS.help}",
            autocompletion=completion.trace_formats,
        ),
    ] = None
    columns: Annotated[
        list[Any] | None,
        typer.Option(
            "--map",
            parser=options.columns,
            metavar="NAME=COLUMN,...",
            help="Columns of any CSV, Parquet or JSON lines: timestamp=ts,isl=prompt_tokens,"
            "osl=completion_tokens.",
        ),
    ] = None
    where: options.Where = None
    trace_timezone: Annotated[
        str | None,
        typer.Option(
            metavar="ZONE",
            help="Zone of stamps without one; default: the scenario's.",
            autocompletion=completion.timezones,
        ),
    ] = None
    start: Annotated[
        datetime | None,
        typer.Option(
            parser=options.moment,
            metavar="STAMP",
            help="When the traces begin, with --align.",
        ),
    ] = None
    prefix_cache: Annotated[
        int | None,
        typer.Option(
            parser=options.wholes(*limits.REPLAY["prefix_cache_tokens"]),
            metavar="TOKENS",
            help="Size of a prefix cache, where traces tell blocks.",
        ),
    ] = None
    study: Annotated[
        str | None,
        typer.Option(
            metavar="signals[:WORKLOAD]",
            help="How well the signals that policies scale on tell the load of a workload, "
            "--duration at each load; default: that with most replicas, 20 min.",
        ),
    ] = None
    stress: Annotated[
        bool,
        typer.Option(
            "--stress",
            help="The first policy with more demand, slower engines and slower starts, and where "
            "the SLO breaks.",
        ),
    ] = False
    out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="A page (.html), all figures (.json), or a row an interval, workload and policy "
            "(.csv, or - for standard output). Repeatable.",
        ),
    ] = None
    requests: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="Parquet of a row a request and policy.",
        ),
    ] = None
    as_json: Annotated[
        bool, typer.Option("--json", help="All figures as JSON on standard output, nothing else.")
    ] = False
    curate: Annotated[
        bool,
        typer.Option(
            "--curate",
            help="Search the options of each policy on the first part of the replay, and judge "
            "them on the rest.",
        ),
    ] = False
    curate_share: Annotated[
        float,
        typer.Option(
            parser=options.numbers(*limits.CURATE["share"]),
            metavar="SHARE",
            help="Of the replay that --curate searches on.",
        ),
    ] = written("0.5")
    trials: Annotated[
        int,
        typer.Option(
            parser=options.wholes(*limits.CURATE["trials"]),
            metavar="N",
            help="Of options by --curate, a policy.",
        ),
    ] = written("40")
    calibrate: Annotated[
        str | None,
        typer.Option(
            parser=options.named_file,
            metavar="FILE",
            help="Replay no policy; write by how much the simulated capacity of each engine "
            "differs from the planned one (.yaml or .json).",
        ),
    ] = None
    overrides: options.Overrides = None
    gap: Annotated[
        float,
        typer.Option(
            parser=options.relative_gap,
            metavar="SHARE",
            help="Relative gap to prove where a scenario is planned first.",
        ),
    ] = written("0.01")
    time_limit: Annotated[
        float,
        typer.Option(
            "--time-limit",
            parser=options.seconds,
            metavar="SECONDS",
            help="For planning a scenario first [s].",
        ),
    ] = written("60")
    max_bytes: options.MaxBytes = written(options.HELD)


@taking(ReplayArguments)
def replay(given: ReplayArguments) -> None:
    """The plan and autoscaling policies on the same requests: who keeps the SLO for how much."""
    outputs = list(dict.fromkeys(given.out or ()))
    _check_names(given, outputs)
    if given.curate or given.calibrate is not None:
        from heteroplan.cli.curating import curated

        curated(given, outputs)
        return
    if given.study is not None or given.stress:
        from heteroplan.cli.studying import studied

        studied(given, outputs)
        return
    with Interrupt("ending without a result") as interrupted:
        result = _result(given, interrupted)
    contents: dict[str, Content] = {name: result.content(name) for name in outputs}
    if given.requests is not None:
        contents[given.requests] = result.requests_content()
    with delivering(contents):
        if given.as_json:
            emit(result.json_text())
        elif STDOUT not in outputs:
            from heteroplan.outputs.replay.text import render_replay

            show(lambda console: render_replay(result.replay, console))


def _result(given: ReplayArguments, interrupted: Interrupt) -> "ReplayResult":
    """The one pipeline call."""
    from heteroplan.outputs.replay.progress import ReplayProgress
    from heteroplan.outputs.shared.terminal import make_console
    from heteroplan.pipelines import replay as pipeline

    with ReplayProgress(make_console(stderr=True)) as progress:
        given_options = replay_options(given, interrupted, progress.update)
        return pipeline.replay(given.source, **as_keywords(given_options))


def replay_options(
    given: ReplayArguments, interrupted: Interrupt, progress: "Progress"
) -> "ReplayOptions":
    """What the pipelines `replay` and `stress` take."""
    from heteroplan.pipelines.replay import ReplayOptions

    return ReplayOptions(
        trace=given.trace or (),
        policy=given.policy or (),
        level="fluid" if given.fluid else "requests",
        seed=given.seed,
        rate_rps=given.rate,
        scale_to_demand=given.scale_to_demand,
        align=given.align,
        demand_factor=given.demand_factor,
        burstiness=given.burstiness,
        begin=given.begin,
        duration_s=given.duration,
        fail=given.fail or (),
        concurrency=given.concurrency,
        routing=given.routing,
        kv_full=given.kv_full,
        scale_in=given.scale_in,
        metrics_delay_s=given.metrics_delay,
        jobs=given.jobs,
        format=given.format,
        columns={ours: theirs for each in given.columns or () for ours, theirs in each.items()},
        trace_timezone=given.trace_timezone,
        start=given.start,
        prefix_cache_tokens=given.prefix_cache,
        where=options.by_column(given.where or ()),
        max_bytes=given.max_bytes,
        overrides=given.overrides or (),
        gap=given.gap,
        time_limit_s=options.seconds_left(given.time_limit),
        stop=interrupted,
        progress=progress,
    )


def _check_names(given: ReplayArguments, outputs: Sequence[str]) -> None:
    """Whether all outputs can be: known before the simulation. Raises UsageError."""
    from heteroplan.pipelines.replay import output_suffix

    for name in outputs:
        options.named_file(name)
        output_suffix(name)
    if given.requests is not None and given.fluid:
        raise UsageError("--requests: the fluid level has no single requests; leave out --fluid")
    if given.requests == STDOUT:
        raise UsageError("--requests: Parquet is not for standard output; name a file")
    if given.as_json and STDOUT in outputs:
        raise UsageError("--json and --out - both print; leave one of them out")
    read = {given.source, *(name.rpartition("=")[2] for name in given.trace or ())} - {STDOUT}
    files = [*outputs, *(each for each in (given.requests, given.calibrate) if each is not None)]
    taken = {os.path.realpath(name) for name in read}
    for name in files:
        if name != STDOUT and os.path.realpath(name) in taken:
            raise UsageError(f"{name} is read, or written twice; name another file")
        taken.add(os.path.realpath(name))
