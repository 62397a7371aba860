"""What `export` carries out, and when it refuses to write."""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from heteroplan.entities.workload import Role
from heteroplan.errors import ShortScheduleError, UsageError
from heteroplan.pipelines.export import Before, export, made
from heteroplan.schedules.executors import EXECUTORS
from heteroplan.schedules.formats import SCHEDULE_FORMATS, ExportOptions
from heteroplan.schedules.timetable.schedule import Entry
from heteroplan.schedules.timetable.timetable import Ints
from tests.plans import day_scenario, horizon, plan, pool, written

DAY = [2] * 8 + [6] * 8 + [3] * 8


def plan_json(folder: Path, *, start: datetime = datetime(2026, 11, 23), zone: str = "UTC") -> str:
    """A cyclic day of one decode pool, whose replicas start in 2 min."""
    during = horizon(24, start=start, timezone=zone)
    path = folder / f"{start:%Y-%m-%d}.json"
    path.write_text(json.dumps(written(plan(day_scenario(during, startup_s=120), [pool(DAY)]))))
    return str(path)


@dataclass(frozen=True)
class Late:
    """Follows the timetable, but from 08:30 to 08:40 it asks for one replica less than then."""

    def __call__(self, text: str, entry: Entry, start: datetime, minutes: int, before: int) -> Ints:
        times = [start + timedelta(minutes=m) for m in range(minutes)]
        since = [(at - entry.timetable.start) // timedelta(minutes=1) for at in times]
        late = [at.hour == 8 and 30 <= at.minute < 40 for at in times]
        return np.asarray(entry.timetable.asked[np.array(since) % 1440] - np.array(late))


@pytest.fixture
def late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXECUTORS, "crontab", Late())


def test_minutes_without_ready_replicas_are_short(tmp_path: Path, late: None) -> None:
    """Ten minutes of one replica less, and two more until the one that is started again serves."""
    summary = made(plan_json(tmp_path), format="crontab").summary
    assert summary is not None
    (found,) = summary.pools
    assert (found.minutes, found.short_minutes, found.over_minutes) == (1440, 12, 0)
    assert found.worst == -1
    assert found.first_short == datetime(2026, 11, 23, 8, 30, tzinfo=UTC)


def test_too_many_short_minutes_are_an_error(tmp_path: Path, late: None) -> None:
    source = plan_json(tmp_path)
    with pytest.raises(ShortScheduleError, match="crontab: 12 pool-minutes have fewer") as caught:
        export(source, format="crontab", max_short_minutes=11)
    assert caught.value.exit_code == 1
    assert "kubectl" in export(source, format="crontab", max_short_minutes=12)


@pytest.mark.parametrize("form", sorted(set(SCHEDULE_FORMATS) & set(EXECUTORS) - {"kserve"}))
def test_every_format_is_carried_out_as_planned(tmp_path: Path, form: str) -> None:
    """By its own system: no minute is short, that of a growth included."""
    summary = made(plan_json(tmp_path), format=form).summary
    assert summary is not None
    assert (summary.short_minutes, summary.minutes) == (0, 1440)
    assert summary.over == "a day"


def test_kserve_is_carried_out_as_planned(tmp_path: Path) -> None:
    targets = tmp_path / "targets.yaml"
    targets.write_text("targets: [{preset: kserve}]")
    found = made(plan_json(tmp_path), format="kserve", targets=str(targets))
    assert found.summary is not None
    assert found.summary.short_minutes == 0
    assert [each.name for each in found.summary.pools] == ["chat-1 decode"]


def test_days_on_which_clocks_change_are_carried_out_as_well(tmp_path: Path) -> None:
    """In Berlin two a year, each from noon before to the end of the day after: 59 or 61 hours."""
    summary = made(plan_json(tmp_path, zone="Europe/Berlin"), format="crontab").summary
    assert summary is not None
    assert summary.over == "a day, and around 2 days on which clocks change"
    assert (summary.short_minutes, summary.minutes) == (0, 1440 + 120 * 60)


def test_the_tolerance_is_paid_for(tmp_path: Path) -> None:
    """20 to 21 replicas is a change of 5 %: with 10 % the HPA stays at 21 for all 12 h at 20.

    These are 12 replica-hours of 4 H100, at 2 USD.
    """
    during = horizon(2, interval_s=43_200)
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(written(plan(day_scenario(during), [pool([20, 21])]))))
    summaries = [
        made(str(path), format="keda", options=ExportOptions(hpa_tolerance=each)).summary
        for each in (0.1, 0.0)
    ]
    tolerant, exact = (each for each in summaries if each is not None)
    assert tolerant.extra_gpu_hours == pytest.approx(48.0, abs=0.2)
    assert tolerant.extra_usd == pytest.approx(2.0 * tolerant.extra_gpu_hours)
    assert (tolerant.short_minutes, exact.short_minutes) == (0, 0)
    assert (exact.tolerance, exact.extra_gpu_hours) == (0.0, 0.0)


def test_formats_of_the_plan_are_not_carried_out(tmp_path: Path) -> None:
    for form in ("csv", "json"):
        assert made(plan_json(tmp_path), format=form).summary is None


def test_what_ran_before_is_carried_out_with_the_schedule(tmp_path: Path) -> None:
    """A day of the plan before, and two of the new one, should the next come late."""
    before = Before(previous=plan_json(tmp_path))
    following = plan_json(tmp_path, start=datetime(2026, 11, 24))
    found = made(following, format="crontab", before=before)
    assert found.summary is not None
    assert (found.summary.short_minutes, found.summary.minutes) == (0, 3 * 1440)
    assert found.summary.over == "the whole schedule"
    assert "Apply it between 2026-11-23 00:00" in found.notes[0]


def test_a_format_that_nothing_is_known_of_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(EXECUTORS, "crontab")
    found = made(plan_json(tmp_path), format="crontab")
    assert found.summary is None
    assert found.notes == ("crontab: not carried out and compared with the plan.",)


def in_scenario(source: str, rules: list[dict[str, str]], of: str = "chat-1") -> None:
    """Give the plan these targets; its workload is `of`."""
    path = Path(source)
    fields = json.loads(path.read_text().replace("chat-1", of))
    fields["inputs"]["targets"] = rules
    fields.pop("plan_id", None)
    path.write_text(json.dumps(fields))


def test_pools_of_the_plan_before_have_the_targets_of_its_scenario(tmp_path: Path) -> None:
    """The pool moves from one object to another: the old one ends when the new one serves."""
    old, new = plan_json(tmp_path), plan_json(tmp_path, start=datetime(2026, 11, 24))
    in_scenario(old, [{"preset": "deployment", "name": "old"}])
    in_scenario(new, [{"preset": "dynamo", "name": "new"}])
    found = made(new, format="kubernetes-cronjob", before=Before(previous=old))
    assert found.summary is not None
    assert [(each.kind, each.name, each.short_minutes) for each in found.summary.pools] == [
        ("DynamoGraphDeploymentScalingAdapter", "new", 0),
        ("Deployment", "old", 0),
    ]
    assert "No longer planned: Deployment old, 0 replicas" in found.notes[1]
    kept = Before(previous=old, least_given_up=1)
    assert "old, 1 replicas" in made(new, format="crontab", before=kept).notes[1]


def test_a_file_of_targets_is_for_the_plan_before_as_well(tmp_path: Path) -> None:
    old, new = plan_json(tmp_path), plan_json(tmp_path, start=datetime(2026, 11, 24))
    in_scenario(old, [{"preset": "deployment", "name": "old"}], of="gone")
    targets = tmp_path / "targets.yaml"
    targets.write_text("targets: [{workload: chat-1, preset: rbg}]")
    with pytest.raises(UsageError, match=re.escape(f"{targets} for {old}: targets: no rule fits")):
        made(new, format="crontab", targets=str(targets), before=Before(previous=old))
    targets.write_text("targets: [{preset: rbg}]")
    found = made(new, format="crontab", targets=str(targets), before=Before(previous=old))
    assert found.summary is not None
    assert [each.name for each in found.summary.pools] == ["chat-1-decode", "gone-decode"]


def two_clusters(folder: Path) -> str:
    """A plan with one pool in each of two contexts."""
    during = horizon(24)
    made_plan = plan(day_scenario(during), [pool(DAY), pool(DAY, role=Role.PREFILL)])
    path = folder / "two.json"
    path.write_text(json.dumps(written(made_plan)))
    one = {"preset": "deployment", "name": "{workload}"}
    in_scenario(
        str(path), [{**one, "role": "decode", "context": "east"}, {**one, "context": "west"}]
    )
    return str(path)


def test_a_file_is_for_one_cluster(tmp_path: Path) -> None:
    source = two_clusters(tmp_path)
    with pytest.raises(UsageError, match="keda: the objects are in several contexts, east and wes"):
        made(source, format="keda")
    with pytest.raises(UsageError, match=r"--only-context x: no object .*; there are east, west"):
        made(source, format="keda", options=ExportOptions(only_context="x"))
    found = made(source, format="keda", options=ExportOptions(only_context="east"))
    assert found.summary is not None
    assert [each.name for each in found.summary.pools] == ["east/chat-1"]
    both = made(source, format="crontab")
    assert both.summary is not None
    assert [each.name for each in both.summary.pools] == ["east/chat-1", "west/chat-1"]
    assert (both.summary.short_minutes, both.summary.over_minutes) == (0, 0)


def test_names_in_a_file_that_the_plan_lacks_are_noted(tmp_path: Path) -> None:
    """The file may be for several scenarios; but a name may also be misspelt."""
    targets = tmp_path / "targets.yaml"
    targets.write_text("targets: [{workload: chatt, preset: rbg}, {preset: dynamo}]")
    found = made(plan_json(tmp_path), format="crontab", targets=str(targets))
    assert found.notes == (f"{targets}: targets[0].workload: the plan has no workload chatt.",)
