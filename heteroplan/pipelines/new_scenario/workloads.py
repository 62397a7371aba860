"""The workloads of a new scenario: what comes, how long requests are, what is promised."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from heteroplan.errors import UsageError
from heteroplan.inputs.daily_shapes import PREFIX, DailyShape
from heteroplan.pipelines.new_scenario.choices import (
    Asks,
    Chosen,
    by_name,
    check_names,
    chosen,
    numbers,
)
from heteroplan.pipelines.new_scenario.demand import (
    Demand,
    HorizonDraft,
    Recorded,
    TraceOptions,
    parse_demand,
    quiet,
    trace_begin,
)
from heteroplan.pipelines.new_scenario.models import ModelChoice

if TYPE_CHECKING:
    from heteroplan.entities.workload import Engine
    from heteroplan.outputs.init.drafts import Place, TraceDraft, WorkloadDraft

MOST_TOKENS, MOST_MS = 1e9, 1e9
EXAMPLE_ISL, EXAMPLE_OSL = 1000.0, 200.0
"""Mean tokens of a request where nobody tells them."""
EXAMPLE_TTFT_MS, EXAMPLE_ITL_MS, EXAMPLE_PERCENTILE = "2000", "50", 0.95
EXAMPLE_HEADROOM = 0.1
EXAMPLE_SHAPE = PREFIX + "day-night"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadOptions:
    """What is given of workloads, by name; what is given under the empty name holds for all."""

    models: Sequence[str] = ()
    """`[WORKLOAD=]MODEL`: ready profiles, or profile files."""
    demand: Mapping[str, str] = field(default_factory=dict)
    """A trace, a demand CSV, or `shape:day-night:40`."""
    traces: TraceOptions = field(default_factory=TraceOptions)
    growth: Mapping[str, float] = field(default_factory=dict)
    """Multiplies all rates of a trace."""
    isl: Mapping[str, float] = field(default_factory=dict)
    """Mean input tokens of a request."""
    osl: Mapping[str, float] = field(default_factory=dict)
    """Mean output tokens of a request."""
    ttft_ms: Mapping[str, float] = field(default_factory=dict)
    itl_ms: Mapping[str, float] = field(default_factory=dict)
    allow_extrapolation: bool = False
    start: date | None = None
    """First day."""
    interval: str = "15min"


@dataclass(frozen=True, slots=True)
class NewWorkload:
    """A workload of a new scenario."""

    draft: "WorkloadDraft"
    shape: DailyShape | None = None
    """Where its demand is a shape, whose file is `draft.demand`."""


def check_workloads(options: WorkloadOptions, names: Sequence[str]) -> None:
    """Raise UsageError for values of workloads that there are not."""
    for option in ("demand", "growth", "isl", "osl", "ttft_ms", "itl_ms"):
        given = getattr(options, option)
        check_names(f"--{option.replace('_', '-')}", given, names, "workload")


def chosen_demand(
    model: ModelChoice, options: WorkloadOptions, asks: Asks | None, zone: ZoneInfo
) -> Chosen[Demand]:
    """What comes to a workload. Raises UsageError and InputError."""

    def read(text: str) -> Demand:
        return parse_demand(text, zone=zone, interval=options.interval, options=options.traces)

    name = model.workload
    given = by_name(options.demand, name)
    if given is None:
        question = f"Demand of {name}: a trace, a demand CSV, or {EXAMPLE_SHAPE}:PEAK"
        found = chosen(None, asks, question, quiet(read), EXAMPLE_SHAPE)
    else:
        try:
            found = Chosen(read(given))
        except ValueError as error:
            raise UsageError(f"--demand {given}: {error}") from None
    is_forecast = isinstance(found.value, Recorded) and not found.value.is_curve
    if by_name(options.growth, name) is not None and not is_forecast:
        raise UsageError(f"--growth: the demand of {name} is no trace; change its rates instead")
    return found


def workload_draft(
    model: ModelChoice,
    demand: Chosen[Demand],
    options: WorkloadOptions,
    asks: Asks | None,
    horizon: HorizonDraft,
) -> NewWorkload:
    """The workload. Raises UsageError."""
    from heteroplan.outputs.init.drafts import WorkloadDraft

    name, value = model.workload, demand.value
    requests = _requests(model, value, options, asks)
    targets = {
        field: chosen(
            by_name(getattr(options, field), name),
            asks,
            f"{what} of {name} [ms]",
            numbers(1e-3, MOST_MS),
            example,
        )
        for field, what, example in (
            ("ttft_ms", "Time to first token", EXAMPLE_TTFT_MS),
            ("itl_ms", "Time between tokens", EXAMPLE_ITL_MS),
        )
    }
    examples = {field for field, each in {**requests, **targets}.items() if each.is_example}
    is_made_up = isinstance(value, DailyShape) and (demand.is_example or value.peak_rps is None)
    draft = WorkloadDraft(
        name=name,
        model=model.model,
        profile=model.profile,
        demand=_place(name, value, options, horizon),
        requests={field: _plain(each.value) for field, each in requests.items()} or None,
        slo={field: _plain(each.value) for field, each in targets.items()}
        | {"percentile": EXAMPLE_PERCENTILE},
        headroom=EXAMPLE_HEADROOM,
        allow_extrapolation=options.allow_extrapolation,
        examples=frozenset(
            examples
            | {"percentile", "headroom"}
            | ({"demand"} if is_made_up else set())
            | ({"model"} if model.is_example else set())
        ),
    )
    return NewWorkload(draft, value if isinstance(value, DailyShape) else None)


def _requests(
    model: ModelChoice, demand: Demand, options: WorkloadOptions, asks: Asks | None
) -> dict[str, Chosen[float]]:
    """Mean lengths, where the demand does not tell them.

    Those of a demand CSV stand in the scenario as well, which asks for them. Raises UsageError
    where options give what the demand tells.
    """
    name = model.workload
    given = {each: by_name(getattr(options, each), name) for each in ("isl", "osl")}
    if isinstance(demand, Recorded) and demand.lengths is not None:
        if any(value is not None for value in given.values()):
            raise UsageError(
                f"--isl and --osl: the demand of {name} tells the lengths of its requests; leave "
                "them out"
            )
        isl, osl = demand.lengths
        return {"isl": Chosen(round(isl)), "osl": Chosen(round(osl))} if demand.is_curve else {}
    examples = {"isl": _example_isl(model.engines), "osl": EXAMPLE_OSL}
    words = {"isl": "input", "osl": "output"}
    return {
        each: chosen(
            given[each],
            asks,
            f"Mean {words[each]} tokens of a request of {name}",
            numbers(1.0, MOST_TOKENS),
            f"{examples[each]:g}",
        )
        for each in given
    }


def _example_isl(engines: "Sequence[Engine]") -> float:
    """Input tokens that some engine was measured with: the example, or the nearest."""
    spans = [each.batch_tokens_range for each in engines if each.batch_tokens_range is not None]
    nearest = [min(max(EXAMPLE_ISL, span.low), span.high) for span in spans]
    return min(nearest, key=lambda tokens: abs(tokens - EXAMPLE_ISL), default=EXAMPLE_ISL)


def _place(
    name: str, demand: Demand, options: WorkloadOptions, horizon: HorizonDraft
) -> "Place | TraceDraft":
    """What the scenario says of its demand."""
    from heteroplan.outputs.init.drafts import TraceDraft

    if isinstance(demand, DailyShape):
        return f"demand/{name}.csv"
    if demand.is_curve:
        return demand.path
    fields: dict[str, Any] = {}
    examples = {}
    if options.traces.format is not None:
        fields["format"] = options.traces.format
    if options.traces.columns:
        fields["map"] = dict(options.traces.columns)
    if options.traces.start is not None:
        fields["start"] = options.traces.start.isoformat(timespec="minutes")
    elif not demand.is_dated:
        fields["start"] = trace_begin(demand, horizon.first_day)
        examples["start"] = "the trace has no date; the day on which it began"
    growth = by_name(options.growth, name)
    if growth is not None:
        fields["growth"] = _plain(growth)
    return TraceDraft(demand.path, fields, examples)


def _plain(number: float) -> float:
    """A whole number without a point."""
    return int(number) if number == int(number) else number
