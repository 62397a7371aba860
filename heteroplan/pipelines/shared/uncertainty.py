"""What is uncertain of a loaded scenario: from past forecasts, from fits, and from what it says."""

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

from heteroplan.errors import UsageError

if TYPE_CHECKING:
    from heteroplan.entities.scenario import Horizon, Scenario
    from heteroplan.entities.workload import Workload
    from heteroplan.forecasting.curve.curve import CurveOptions
    from heteroplan.forecasting.curve.history import History
    from heteroplan.inputs import Loaded, Pasts
    from heteroplan.studies.outlook import Outlook
    from heteroplan.studies.samples import Kind, Uncertainty

KINDS = ("demand", "profiles", "failures")
OPTION = "--sampled"
ONE_AHEAD = (
    "demand of {names} errs as forecasts of the last {days} days did, each made from the days "
    "before it"
)


def kinds_of(names: Collection[str]) -> "frozenset[Kind]":
    """What is to be sampled. Raises UsageError for none, and for what is no kind."""
    from heteroplan.studies.samples import Kind

    wrong = [name for name in names if name not in KINDS]
    if wrong or not names:
        told = ", ".join(wrong) or "nothing"
        raise UsageError(f"{OPTION} {told}: write one or several of {', '.join(KINDS)}")
    return frozenset(map(Kind, names))


def uncertainty_of(loaded: "Loaded", pasts: "Pasts", names: Collection[str]) -> "Uncertainty":
    """How much of what is asked for is uncertain.

    Profiles and failures are as far as engines and node types say. Raises UsageError where
    nothing says how far the demand of a workload errs, or where nothing at all is uncertain.
    """
    from heteroplan.studies import engine_errors, failures
    from heteroplan.studies.samples import Kind, Uncertainty

    kinds = kinds_of(names)
    scenario = loaded.scenario
    outlooks: tuple[Outlook, ...] = ()
    notes: list[str] = []
    if Kind.DEMAND in kinds:
        outlooks = _outlooks(scenario, pasts)
        notes += _demand_notes(scenario, outlooks)
    spreads = engine_errors.spreads(scenario) if Kind.PROFILES in kinds else {}
    if Kind.PROFILES in kinds:
        notes += _profile_notes(scenario, len(spreads))
    fails = Kind.FAILURES in kinds and failures.has_failures(scenario.fleet)
    if Kind.FAILURES in kinds and not fails:
        notes.append("no node fails: the fleet does not say how often (failures)")
    if not (outlooks or spreads or fails):
        raise UsageError(f"{OPTION} {','.join(names)}: nothing of that is uncertain; {notes[0]}")
    return Uncertainty(outlooks, spreads, fails, tuple(notes))


def _outlooks(scenario: "Scenario", pasts: "Pasts") -> "tuple[Outlook, ...]":
    """Of all workloads, or every problem at once as UsageError."""
    found, problems = [], []
    for load in scenario.workloads:
        try:
            found.append(_outlook(load, scenario.horizon, pasts.used.get(load.name)))
        except UsageError as error:
            problems.append(f"workloads.{load.name}: {error}")
    if problems:
        raise UsageError(*problems)
    return tuple(found)


def _outlook(
    load: "Workload", horizon: "Horizon", past: "tuple[History, CurveOptions] | None"
) -> "Outlook":
    from heteroplan.studies.outlook import Outlook, StatedErrors

    planned = tuple(each.rps / (1.0 + load.headroom) for each in load.demand)
    if load.demand_error is not None:
        errors = StatedErrors(load.demand_error)
        quantile = load.demand_error.quantile
        if not 0.0 < quantile < 1.0:
            raise UsageError(
                f"demand.quantile {quantile:g}: demand_error needs one above 0 and below 1"
            )
        over = errors.at(quantile)
        return Outlook(load.name, quantile, tuple(rps / over for rps in planned), errors)
    if past is None:
        raise UsageError(
            "nothing says how far demand comes out from its forecast; add for example "
            "demand_error: {day: 10%, interval: 5%, quantile: 0.5}, or take demand from a trace"
        )
    return _of_past(load.name, planned, horizon, *past)


def _of_past(
    name: str,
    planned: tuple[float, ...],
    horizon: "Horizon",
    history: "History",
    options: "CurveOptions",
) -> "Outlook":
    """`planned` has the growth of the scenario, too, which is not in what the past tells."""
    from heteroplan.forecasting.curve.day_errors import MIDDLE, day_errors
    from heteroplan.inputs.trace_demand import forecast_rps
    from heteroplan.studies.outlook import Outlook, PastErrors

    assert options.quantile is not None
    try:
        errors = day_errors(history, options)
    except UsageError as error:
        raise UsageError(
            f"{error}; give a longer trace, or demand_error: {{day: 10%, interval: 5%}}"
        ) from None
    forecast = forecast_rps(history, options, horizon)
    median = forecast_rps(history, replace(options, quantile=MIDDLE), horizon)
    grown = tuple(
        middle * (rps / expected) if expected > 0.0 else 0.0
        for middle, rps, expected in zip(median, planned, forecast, strict=True)
    )
    return Outlook(name, options.quantile, grown, PastErrors(errors))


def _demand_notes(scenario: "Scenario", outlooks: "tuple[Outlook, ...]") -> list[str]:
    from heteroplan.studies.outlook import PastErrors

    notes = []
    by_days: dict[int, list[str]] = {}
    for each in outlooks:
        if isinstance(each.errors, PastErrors):
            by_days.setdefault(len(each.errors.errors.days), []).append(each.workload)
    for days, names in by_days.items():
        notes.append(ONE_AHEAD.format(names=", ".join(names), days=days))
    hours = scenario.horizon.intervals * scenario.horizon.interval_hours
    if by_days and hours > 24.0:
        notes.append("errors are those of forecasts one day ahead, also on later days")
    stated = sum(not isinstance(each.errors, PastErrors) for each in outlooks)
    if stated > 1:
        notes.append("stated errors of different workloads are independent of each other")
    return notes


def _profile_notes(scenario: "Scenario", known: int) -> list[str]:
    engines = {
        (load.profile.model, engine.name)
        for load in scenario.workloads
        for engine in load.profile.engines
    }
    exact = len(engines) - known
    if not exact:
        return []
    return [f"{exact} of {len(engines)} engines are taken as exact: their source has no error_mape"]
