"""Numbers, times and what is uncertain in words: what all outputs say alike."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from heteroplan.entities.capacity import Candidate
from heteroplan.entities.scenario import Horizon, Objective
from heteroplan.entities.workload import Engine, Role, SourceKind, Workload
from heteroplan.text import listed, percent

if TYPE_CHECKING:
    from heteroplan.outputs.plan.document.parts import HorizonPart

_MOST_NAMES = 8
"""Workloads that one sentence names."""


def clock(horizon: "Horizon | HorizonPart", boundary: int) -> str:
    """The moment between two intervals, with its date where the horizon is longer than a day."""
    long = horizon.intervals * horizon.interval_s > 86400
    return horizon.boundaries()[boundary].strftime("%Y-%m-%d %H:%M" if long else "%H:%M")


def time_span(horizon: "Horizon | HorizonPart", first: int, last: int) -> str:
    """Clock times from the start of interval `first` to the end of `last`."""
    return f"{clock(horizon, first)} to {clock(horizon, last + 1)}"


def horizon_text(horizon: "Horizon | HorizonPart") -> str:
    """Such as `2026-11-23 00:00 to 2026-11-24 00:00 Asia/Singapore, 96 x 15 min`."""
    moments = horizon.boundaries()
    seconds, unit = next(
        (each for each in ((3600, "h"), (60, "min")) if horizon.interval_s % each[0] == 0), (1, "s")
    )
    return (
        f"{moments[0]:%Y-%m-%d %H:%M} to {moments[-1]:%Y-%m-%d %H:%M} {horizon.timezone}, "
        f"{horizon.intervals} x {horizon.interval_s // seconds} {unit}"
    )


def demand_sentences(workloads: Iterable[Workload]) -> tuple[str, ...]:
    """What was made of traces and assumed of requests.

    A sentence for all workloads of which the same is told, and one for what each has of its own.
    Of many workloads the first are named.
    """
    given = tuple(workloads)
    by_note: dict[str, list[str]] = defaultdict(list)
    for each in given:
        for note in each.demand_notes:
            by_note[note].append(each.name)
    by_names: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for note, names in by_note.items():
        by_names[tuple(names)].append(note)
    return tuple(
        f"Demand of {_named(names, len(given))}: {'; '.join(notes)}."
        for names, notes in by_names.items()
    )


def _named(names: Sequence[str], of: int) -> str:
    """Names of workloads; of more than `_MOST_NAMES` the first ones, or that it is all of them."""
    if len(names) == of > _MOST_NAMES:
        return f"all {of} workloads"
    return listed(names, _MOST_NAMES)


def candidate_notes(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """What makes their capacities less certain than they look, a line each."""
    considered = tuple(candidates)
    return engine_notes(
        (
            c.workload,
            c.engine,
            any(point.extrapolated for interval in c.points for point in interval),
        )
        for c in considered
    )


def engine_notes(engines: Iterable[tuple[str, Engine, bool]]) -> tuple[str, ...]:
    """What makes capacities less certain than they look, a line each.

    `engines` are workload, engine, and whether it runs outside what was measured.
    """
    considered = tuple(engines)
    unlimited = [(load, each.name) for load, each, _ in considered if _kv_is_unlimited(each)]
    modelled = dict.fromkeys(
        load for load, each, _ in considered if each.source.kind is SourceKind.MODELLED
    )
    notes = (
        extrapolation_note((load, each.name) for load, each, outside in considered if outside),
        _note("KV memory is not limited (no kv_tokens)", unlimited),
        f"modelled, not measured: engines of {', '.join(modelled)}" if modelled else "",
    )
    return tuple(note for note in notes if note)


def extrapolation_note(engines: Iterable[tuple[str, str]]) -> str:
    """Of workloads and names of engines, such as `extrapolated: engine h1p (chat)`; or empty."""
    return _note("extrapolated", engines)


def amount_unit(objective: Objective) -> str:
    """Unit of the solver's objective."""
    return "USD" if objective is Objective.COST else "GPU-hours"


def figure(value: float) -> str:
    """Three digits, or all before the point; no exponent for what is large."""
    return f"{value:.3g}" if abs(value) < 99.5 else f"{value:,.0f}"


def signed(value: float, digits: int = 2) -> str:
    """With + or -; 0 without either."""
    text = f"{value:+,.{digits}f}"
    return text.lstrip("+-") if float(text.replace(",", "")) == 0 else text


def signed_share(share: float) -> str:
    """`+3.4 %`; what is little has no sign."""
    if share == 0:
        return "0 %"
    size = percent(abs(share)) if abs(share) < 10 else f"{figure(abs(share) * 100)} %"
    if size.startswith("<"):
        return size
    return f"{'+' if share > 0 else '-'}{size}"


def rate(rps: float) -> str:
    """Requests a second in three digits."""
    return f"{figure(rps)} requests/s"


def _kv_is_unlimited(engine: Engine) -> bool:
    """Neither by a size nor by what was measured; no second part of a divided engine has one."""
    holds = engine.role is not Role.PREFILL and engine.counts
    measured = engine.kv_tokens_range is not None and not engine.decodes_beyond
    return holds and engine.kv_tokens is None and engine.capacity_rps is None and not measured


def _note(what: str, engines: Iterable[tuple[str, str]]) -> str:
    """`what` and the engines (workload, engine), each once with its workloads."""
    by_engine: dict[str, list[str]] = defaultdict(list)
    for workload, engine in dict.fromkeys(engines):
        by_engine[engine].append(workload)
    if not by_engine:
        return ""
    names = ", ".join(f"{engine} ({', '.join(loads)})" for engine, loads in by_engine.items())
    return f"{what}: {'engine' if len(by_engine) == 1 else 'engines'} {names}"
