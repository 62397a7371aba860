import re
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from heteroplan.errors import UsageError
from heteroplan.schedules.formats.prometheus import prometheus, prometheus_text
from heteroplan.schedules.timetable.recurrence import Recurrence
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints
from tests.clock_days import CHANGES, MINUTE, ORDINARY, RECURRENCES, case


def recorded(text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
    """The rule at each minute, by its arithmetic; -1 where it has no result.

    PromQL's operators on numbers are those of Python, once `bool` is left out.
    """
    (rule,) = yaml.safe_load(text)["groups"][0]["rules"]
    assert rule["labels"]["target"] == entry.target.name
    vector, _, limits = rule["expr"].partition(" and ")
    assert re.fullmatch(r"vector\([-+*%() 0-9]*(time\(\)|>= bool|[-+*%() 0-9])*\)", vector)
    first_s = int(start.timestamp())
    now = first_s + 60 * np.arange(minutes)
    arithmetic = vector.removeprefix("vector").replace(" bool", "").replace("time()", "now")
    found = eval(arithmetic, {"__builtins__": {}}, {"now": now})
    first, last = map(int, re.findall(r"\d+", limits)) if limits else (first_s, now[-1] + 1)
    return np.where((first <= now) & (now < last), found, -1)


@pytest.mark.parametrize("recurrence", RECURRENCES)
@pytest.mark.parametrize(("zone", "day"), [*CHANGES, ORDINARY[0]])
def test_rules_yield_the_plan_at_any_minute(
    zone: str, day: datetime, recurrence: Recurrence
) -> None:
    played = case(zone, day, recurrence).played("prometheus", recorded)
    assert played.sizes.tolist() == played.planned.tolist()


def test_a_plan_with_dates_has_no_result_outside() -> None:
    some = case(*ORDINARY[0], Recurrence.DATED)
    table = some.entry.timetable
    start, count = table.start - 2 * MINUTE, len(table.planned)
    got = recorded(some.text("prometheus"), some.entry, start, count + 4, 0).tolist()
    assert got == [-1, -1, *table.planned.tolist(), -1, -1]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not there")
@pytest.mark.parametrize("recurrence", RECURRENCES)
def test_promtool_takes_the_rules(recurrence: Recurrence, tmp_path: Path) -> None:
    (tmp_path / "rules.yml").write_text(case(*CHANGES[0], recurrence).text("prometheus"))
    subprocess.run(["promtool", "check", "rules", str(tmp_path / "rules.yml")], check=True)


def test_text_has_the_sizes_of_one_moment() -> None:
    """At noon in Berlin, two hours before noon in UTC."""
    some = case("Europe/Berlin", datetime(2027, 7, 1), Recurrence.DAILY)
    options = replace(some.options, at="2027-07-01T12:00")
    pool = some.entry.pool.model_copy(update={"domain": 'a "b"\\c'})
    entry = replace(some.entry, pool=pool)
    (family,) = text_string_to_metric_families(
        prometheus_text(replace(some.schedule, entries=(entry,)), options)
    )
    (sample,) = family.samples
    assert (family.name, family.type) == ("heteroplan_planned_replicas", "gauge")
    assert sample.value == pool.replicas[48]
    assert sample.labels == {
        "workload": "chat-1",
        "role": "decode",
        "engine": "h100-tp4-decode",
        "node_type": "h100x8",
        "domain": 'a "b"\\c',
        "target": "p",
    }
    noon = datetime(2027, 7, 1, 10, 0, tzinfo=UTC)
    assert recorded(some.text("prometheus"), some.entry, noon, 1, 0).tolist() == [sample.value]


def test_of_a_pool_that_is_given_up_nothing_is_planned() -> None:
    some = case(*ORDINARY[0], Recurrence.DAILY)
    gone = replace(some.schedule, entries=(replace(some.entry, given_up=True),))
    assert prometheus_text(gone, some.options).endswith("} 0\n")


def test_no_pools_are_refused() -> None:
    some = case(*ORDINARY[0], Recurrence.DAILY)
    for write in (prometheus, prometheus_text):
        with pytest.raises(UsageError, match="no pools: there is nothing for Prometheus"):
            write(replace(some.schedule, entries=()), some.options)
