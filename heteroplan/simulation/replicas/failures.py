"""`--fail LEVEL:DOMAIN@START+DURATION`: which leaves are away, and when."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Horizon, Scenario
from heteroplan.errors import UsageError
from heteroplan.reading.durations import parse_duration_s
from heteroplan.reading.local_time import localized

_FAILURE = re.compile(r"(?P<level>[a-z]+):(?P<domain>.+)@(?P<start>[^@]+)\+(?P<lasts>[^+@]+)")
_CLOCK = re.compile(r"\d{1,2}:\d\d")
_SUCH_AS = "write LEVEL:DOMAIN@START+DURATION, such as leaf:a-s1-l2@18:00+30min"


@dataclass(frozen=True, slots=True)
class Failure:
    """Leaves whose replicas die, and which are away for a while."""

    leaves: tuple[int, ...]
    start_s: float
    end_s: float


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
