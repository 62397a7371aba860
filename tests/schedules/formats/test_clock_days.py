"""What formats write for days on which clocks change, by hand."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.pipelines.export import files
from heteroplan.schedules.formats import ExportOptions, exported
from heteroplan.schedules.formats.gpustack import gpustack
from heteroplan.schedules.formats.kubernetes.cronhpa import cronhpa
from heteroplan.schedules.formats.systemd import systemd, unit_files
from heteroplan.schedules.timetable.recurrence import Recurrence
from tests.clock_days import ORDINARY, case
from tests.plans import day_scenario, horizon, plan, pool

OPTIONS = ExportOptions(name_template="p")
STEPS = [2, 3, 5, 4] + [4] * 20
"""By the hour: 3 from 01:00, 5 from 02:00, 4 from 03:00, 2 from midnight."""


def text(form: str, *, zone: str = "Europe/Berlin", **when: object) -> str:
    """Of `STEPS` every day from 25 November 2026 on, or as `when` says; 10 min of start-up."""
    start = datetime(2026, 11, 25)
    during = horizon(24, start=start, timezone=zone, **when)  # type: ignore[arg-type]
    return exported(
        document_of(plan(day_scenario(during, startup_s=600), [pool(STEPS)])), form, OPTIONS
    )


def test_crontab_leaves_out_a_date_where_a_skipped_or_doubled_hour_needs_it() -> None:
    """On 28 March 02:00 to 03:00 is skipped: from 3 the pool grows to 4, at 01:50 (01:50 to 03:00
    is 10 min). On 31 October 5 hold in both passes, until 03:00."""
    lines = [line for line in text("crontab").splitlines() if line and line[0].isdigit()]
    assert [line.replace(" kubectl scale deployment/p --replicas=", " -> ") for line in lines] == [
        "0 0 * * * -> 2",
        "50 0 * * * -> 3",
        "50 1 * 1-2,4-12 * -> 5",
        "50 1 1-27,29-31 3 * -> 5",
        "0 3 * 1-2,4-9,11-12 * -> 4",
        "0 3 1-27,29-31 3 * -> 4",
        "0 3 1-30 10 * -> 4",
        "50 1 28 3 * -> 4",
        "0 3 31 10 * -> 4",
    ]
    assert "# Right on days on which clocks change until 2027-11-26.\n" in text("crontab")
    assert "clocks change" not in text("crontab", zone="Asia/Singapore")


def test_a_week_names_the_dates_of_a_year_but_for_one() -> None:
    """Sundays of March 2027 are the 7th, 14th, 21st and 28th; of October the last is the 31st."""
    week = [1] * 6 * 24 + [*STEPS]
    during = horizon(7 * 24, start=datetime(2026, 11, 23), timezone="Europe/Berlin")
    made = document_of(plan(day_scenario(during, startup_s=600), [pool(week)]))
    lines = exported(made, "crontab", OPTIONS).splitlines()
    found = [line.split(" kubectl")[0] for line in lines if line.startswith("50 1 ")]
    assert "50 1 7,14,21 3 *" in found
    assert "50 1 3,10,17,24,31 10 *" in found
    assert found[-1] == "50 1 28 3 *"
    assert len(found) == 12 + 1
    assert "0 3 3,10,17,24 10 *" in "\n".join(lines)


def test_cronhpa_has_seconds_first_and_runs_dates_once() -> None:
    (item,) = yaml.safe_load_all(text("cronhpa"))
    assert item["spec"]["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "p",
    }
    jobs = item["spec"]["jobs"]
    assert len({job["name"] for job in jobs}) == len(jobs)
    assert jobs[0] == {"name": "0000-to-2-1", "schedule": "0 0 0 * * *", "targetSize": 2}
    assert jobs[-1] == {
        "name": "2027-10-31-0300-to-4",
        "schedule": "0 0 3 31 10 *",
        "targetSize": 4,
        "runOnce": True,
    }


def test_cronhpa_refuses_targets_of_the_core_group() -> None:
    some = case(*ORDINARY[0], Recurrence.DAILY)
    target = replace(some.entry.target, api_version="v1", kind="ReplicationController")
    entries = (replace(some.entry, target=target),)
    with pytest.raises(UsageError, match="without an API group: ReplicationController p;"):
        cronhpa(replace(some.schedule, entries=entries), some.options)


def test_gpustack_grows_a_minute_earlier_and_stays_open() -> None:
    """10 min of start-up and one of GPUStack's rounds: 00:49; open for two days and two hours."""
    (model,) = yaml.safe_load_all(text("gpustack"))
    assert model["name"] == "p"
    schedule = model["scaling_schedule"]
    assert (schedule["enabled"], schedule["baseline_replicas"]) == (True, 4)
    assert schedule["rules"][:2] == [
        {"start_cron": "0 0 * * *", "duration_seconds": 180_000, "replicas": 2},
        {"start_cron": "49 0 * * *", "duration_seconds": 180_000, "replicas": 3},
    ]


def test_gpustack_keeps_the_last_size_of_a_plan_with_dates_for_a_day() -> None:
    """The last change, to 4 at 03:00, is 21 h before the end: 45 h."""
    (model,) = yaml.safe_load_all(text("gpustack", cyclic=False))
    assert model["scaling_schedule"]["rules"][-1] == {
        "start_cron": "0 3 25 11 *",
        "duration_seconds": 45 * 3600,
        "replicas": 4,
    }


def test_systemd_has_utc_around_clock_changes() -> None:
    """28 March: from 01:50 in Berlin, 00:50 in UTC, 4 until 03:00, 01:00 in UTC. 31 October: 5 from
    02:00, 00:00 in UTC, until 03:00, 02:00 in UTC. In between the clock counts."""
    made = unit_files(text("systemd"))
    assert 'Environment="CLOCK=0000=2 0050=3 0150=5 0300=4"' in made["heteroplan-p.service"]
    assert (
        'Environment="UTC=202703280050=4 202703280100= 202710310000=5 202710310200="'
        in made["heteroplan-p.service"]
    )
    assert [line for line in made["heteroplan-p.timer"].splitlines() if "OnCal" in line] == [
        "OnCalendar=*-*-* 00:00:00 Europe/Berlin",
        "OnCalendar=*-*-* 00:50:00 Europe/Berlin",
        "OnCalendar=*-*-* 01:50:00 Europe/Berlin",
        "OnCalendar=*-*-* 03:00:00 Europe/Berlin",
        "OnCalendar=2027-03-28 00:50:00 UTC",
        "OnCalendar=2027-03-28 01:00:00 UTC",
        "OnCalendar=2027-10-31 00:00:00 UTC",
        "OnCalendar=2027-10-31 02:00:00 UTC",
    ]


@pytest.mark.parametrize("write", [cronhpa, gpustack, systemd])
def test_no_pools_are_refused(write: object) -> None:
    some = case(*ORDINARY[0], Recurrence.DAILY)
    assert callable(write)
    with pytest.raises(UsageError, match="the plan has no pools: there is nothing for"):
        write(replace(some.schedule, entries=()), some.options)


def test_a_folder_gets_the_files_of_systemd_only(tmp_path: Path) -> None:
    folder = f"{tmp_path}/units/"
    made = files(text("systemd"), format="systemd", folder=folder)
    assert sorted(made) == [f"{folder}heteroplan-p.service", f"{folder}heteroplan-p.timer"]
    assert (tmp_path / "units").is_dir()
    with pytest.raises(UsageError, match="is a folder, and crontab is one file; name a file"):
        files(text("crontab"), format="crontab", folder=folder)
