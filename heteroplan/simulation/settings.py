"""How a replay is simulated, beside its requests and policies."""

import re
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Horizon, Scenario
from heteroplan.errors import UsageError
from heteroplan.reading.durations import parse_duration_s
from heteroplan.reading.local_time import localized

CHOICES = {
    "level": ("requests", "fluid"),
    "routing": ("least_work", "round_robin", "random"),
    "kv_full": ("preempt", "wait"),
    "scale_in": ("drain", "kill"),
}
"""What settings with names may be, the default first."""
_FAILURE = re.compile(r"(?P<level>[a-z]+):(?P<domain>.+)@(?P<start>[^@]+)\+(?P<lasts>[^+@]+)")
_CLOCK = re.compile(r"\d{1,2}:\d\d")
_SUCH_AS = "write LEVEL:DOMAIN@START+DURATION, such as leaf:a-s1-l2@18:00+30min"


@dataclass(frozen=True, slots=True)
class Failure:
    """All GPUs of a network domain are away for a while; what runs there is killed."""

    leaves: tuple[int, ...]
    """Indices in the fleet's leaves."""
    start_s: float
    """Since the start of the replay [s]."""
    end_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """Settings of all policies alike. Raises UsageError for a name that is none of `CHOICES`."""

    level: str = "requests"
    """`requests`, each by itself, or `fluid`, flows of tokens."""
    seed: int = 0
    routing: str = "least_work"
    """Which replica of a group takes a request."""
    kv_full: str = "preempt"
    """Whether requests that no longer fit into the KV cache are computed anew, or all wait until
    they are sure to fit."""
    scale_in: str = "drain"
    """Whether replicas that go finish what they have, or are killed after drain_s."""
    users: int = 0
    """Closed loop: so many requests of each workload at a time; 0 for arrivals of their own."""
    metrics_delay_s: float = 15.0
    """How late signals reach policies [s]."""
    failures: tuple[Failure, ...] = ()
    jobs: int = 1
    """Processes that policies are spread over."""

    def __post_init__(self) -> None:
        for setting in fields(self):
            known = CHOICES.get(setting.name)
            value: Any = getattr(self, setting.name)
            if known is not None and value not in known:
                raise UsageError(f"{setting.name} {value!r}: write one of {', '.join(known)}")


def failure(text: str, scenario: Scenario) -> Failure:
    """`leaf:a-s1-l2@18:00+30min`: a domain of the network, a moment, a duration.

    A time without a date is its first one in the horizon. Raises UsageError.
    """
    found = _FAILURE.fullmatch(text.strip())
    if found is None or found["level"] not in list(Affinity):
        raise UsageError(f"--fail {text}: {_SUCH_AS}; levels are {', '.join(Affinity)}")
    level = Affinity(found["level"])
    leaves = scenario.fleet.network.leaves
    chosen = tuple(i for i, leaf in enumerate(leaves) if leaf.domain(level) == found["domain"])
    if not chosen:
        known = ", ".join(scenario.fleet.network.domains(level))
        raise UsageError(f"--fail {text}: no {level} {found['domain']}; there are {known}")
    try:
        moment, lasts_s = (
            _moment(found["start"], scenario.horizon),
            parse_duration_s(found["lasts"]),
        )
    except ValueError as error:
        raise UsageError(f"--fail {text}: {error}") from None
    start_s = (moment - scenario.horizon.start).total_seconds()
    return Failure(chosen, start_s, start_s + lasts_s)


def _moment(text: str, horizon: Horizon) -> datetime:
    """Raises ValueError for what is no moment or comes before the horizon."""
    zone = ZoneInfo(horizon.timezone)
    if not _CLOCK.fullmatch(text):
        found = localized(text, zone)
    else:
        first = horizon.start.astimezone(zone)
        days = (first.date() + timedelta(days=n) for n in range(3))
        stamps = (f"{day.isoformat()}T{text:0>5}" for day in days)
        found = next(each for each in (localized(s, zone) for s in stamps) if each >= first)
    if found < horizon.start:
        raise ValueError(f"{text} is before the replay, which begins {horizon.start.isoformat()}")
    return found
