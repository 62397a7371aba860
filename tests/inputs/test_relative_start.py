"""`horizon.start: today` and `tomorrow`, at moments that are given."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from tests.scenario_files import ScenarioFiles

At = Callable[[str], None]


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> At:
    """Sets the present moment."""

    def set_now(moment: str) -> None:
        found = datetime.fromisoformat(moment).astimezone(UTC)
        monkeypatch.setattr("heteroplan.inputs.scenario.now", lambda: found)

    return set_now


YEAR = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hour) for hour in range(365 * 24)]


def horizon(files: ScenarioFiles, start: str, timezone: str) -> tuple[str, int]:
    """Start and seconds of the horizon; demand is that of every hour of 2026."""
    files.scenario["horizon"] = {"start": start, "timezone": timezone, "interval": "1h"}
    files.demand = "interval_start,rps\n" + "".join(f"{hour.isoformat()},5\n" for hour in YEAR)
    found = files.load().scenario.horizon
    return found.start.isoformat(), found.intervals * found.interval_s


@pytest.mark.parametrize(
    ("moment", "word", "timezone", "start", "hours"),
    [
        ("2026-11-22T23:30Z", "today", "UTC", "2026-11-22T00:00:00+00:00", 24),
        ("2026-11-22T23:30Z", "tomorrow", "UTC", "2026-11-23T00:00:00+00:00", 24),
        # Already the 23rd in Singapore.
        ("2026-11-22T23:30Z", "tomorrow", "Asia/Singapore", "2026-11-24T00:00:00+08:00", 24),
        # Still the 21st in New York.
        ("2026-11-22T04:30Z", "tomorrow", "America/New_York", "2026-11-22T00:00:00-05:00", 24),
        # Clocks in Berlin go forward on 29 March.
        ("2026-03-28T20:00Z", "tomorrow", "Europe/Berlin", "2026-03-29T00:00:00+01:00", 23),
        # Clocks in Santiago go forward at midnight: the day begins at 1:00 and has 23 hours.
        ("2026-09-05T20:00Z", "tomorrow", "America/Santiago", "2026-09-06T01:00:00-03:00", 23),
    ],
)
def test_words_are_days_of_the_zone(
    files: ScenarioFiles, at: At, moment: str, word: str, timezone: str, start: str, hours: int
) -> None:
    at(moment)
    assert horizon(files, word, timezone) == (start, hours * 3600)


def test_the_plan_of_a_word_is_that_of_its_date(files: ScenarioFiles, at: At) -> None:
    """The same inputs by their hash, whether the file or an option says the word."""
    at("2026-11-22T12:00Z")
    dated = files.load("horizon.start=2026-11-23").scenario
    files.scenario["horizon"]["start"] = "tomorrow"
    of_option = files.load("horizon.start=tomorrow").scenario
    of_date = files.load("horizon.start=2026-11-23").scenario
    of_word = files.load().scenario
    assert of_word == of_date == of_option
    assert of_word.horizon == dated.horizon
    at("2026-11-21T12:00Z")
    assert "interval_start" in files.problems()[0]


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("Tomorrow", "write 2026-11-23 or 2026-11-23T06:00, or today or tomorrow"),
        ("1969-01-01", "year is not between 1970 and 2199"),
    ],
)
def test_other_words_are_no_start(files: ScenarioFiles, at: At, start: str, message: str) -> None:
    files.scenario["horizon"]["start"] = start
    (problem,) = files.problems()
    assert problem.startswith(f"scenario.yaml: horizon.start: {start}: ")
    assert problem.endswith(message)


def test_a_wrong_zone_is_the_only_problem(files: ScenarioFiles) -> None:
    files.scenario["horizon"] |= {"start": "tomorrow", "timezone": "Mars/Olympus"}
    (problem,) = files.problems()
    assert problem.startswith("scenario.yaml: horizon.timezone: Mars/Olympus: unknown time zone")
