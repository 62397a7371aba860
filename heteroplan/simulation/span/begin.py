"""A replay that begins later than the horizon: the horizon from there on."""

from dataclasses import replace
from datetime import datetime, time
from zoneinfo import ZoneInfo

from heteroplan.entities.scenario import Horizon, Scenario
from heteroplan.errors import UsageError
from heteroplan.reading.local_time import localized


def interval_at(text: str, horizon: Horizon) -> int:
    """The interval that begins at a clock time (`18:00`, of the first day) or a date and time.

    Raises UsageError where none does.
    """
    moments = horizon.boundaries()[:-1]
    try:
        if len(text) <= len("00:00:00"):
            clock = time.fromisoformat(text)
            for number, moment in enumerate(moments):
                if moment.time() == clock:
                    return number
        else:
            wanted = localized(datetime.fromisoformat(text).isoformat(), ZoneInfo(horizon.timezone))
            return moments.index(wanted)
    except (ValueError, OverflowError):
        pass
    step = "" if len(moments) == 1 else f", then every {horizon.interval_s / 60:g} min"
    raise UsageError(
        f"--from {text!r}: no interval begins then; write a time such as "
        f"{moments[0]:%H:%M} or {moments[0]:%Y-%m-%dT%H:%M}{step}"
    )


def from_interval(scenario: Scenario, interval: int) -> Scenario:
    """The scenario from an interval on; a cyclic horizon goes round, another is shorter."""
    horizon = scenario.horizon
    last = horizon.intervals if horizon.cyclic else horizon.intervals - interval
    return replace(
        scenario,
        horizon=replace(
            horizon,
            start=horizon.boundaries()[interval],
            intervals=last,
        ),
        workloads=tuple(
            replace(load, demand=(*load.demand[interval:], *load.demand[:interval])[:last])
            for load in scenario.workloads
        ),
    )
