"""CronJobs that scale, and that patch the bounds of an HPA."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml

from heteroplan.errors import UsageError
from heteroplan.schedules.executors import cronjob, hpa
from tests.schedules.executors.entries import entry

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
NAME = "deployment.apps/p"
BOUNDS = "horizontalpodautoscaler.autoscaling/p"


def job(schedule: str, *commands: Sequence[str], zone: str = "UTC") -> dict[str, Any]:
    containers = [{"name": f"c{i}", "args": list(words)} for i, words in enumerate(commands)]
    return {
        "kind": "CronJob",
        "metadata": {"name": "any"},
        "spec": {
            "schedule": schedule,
            "timeZone": zone,
            "jobTemplate": {"spec": {"template": {"spec": {"containers": containers}}}},
        },
    }


def scale(replicas: int, *names: str) -> list[str]:
    return ["scale", f"--replicas={replicas}", *(names or (NAME,))]


def patch(least: int, most: int) -> list[str]:
    bounds = json.dumps({"spec": {"minReplicas": least, "maxReplicas": most}})
    return ["patch", "--type=merge", f"--patch={bounds}", BOUNDS]


def text(*documents: dict[str, Any]) -> str:
    return yaml.safe_dump_all(documents)


def changes(found: np.ndarray, first: int) -> dict[int, int]:
    known = [first, *found.tolist()]
    return {m: b for m, (a, b) in enumerate(pairwise(known)) if a != b}


class TestScale:
    def test_growth_is_there_a_minute_later_and_shrinking_may_be_at_once(self) -> None:
        of = text(job("0 1 * * *", scale(5, "deployment.apps/q", NAME)), job("0 2 * * *", scale(2)))
        found = cronjob.sizes(of, entry("p"), MIDNIGHT, 180, 2)
        assert changes(found, 2) == {61: 5, 120: 2}

    def test_a_run_at_the_start_counts(self) -> None:
        found = cronjob.sizes(text(job("0 0 * * *", scale(5))), entry("p"), MIDNIGHT, 3, 2)
        assert found.tolist() == [2, 5, 5]

    def test_of_two_runs_of_one_minute_the_smaller_may_come_last(self) -> None:
        of = text(job("0 1 * * *", scale(2)), job("0 1 23 11 *", scale(5)))
        assert cronjob.sizes(of, entry("p"), MIDNIGHT, 90, 3)[-1] == 2

    def test_a_time_that_comes_twice_runs_twice(self) -> None:
        """Berlin, 25 October 2026: 02:30 is 00:30 and 01:30 UTC."""
        zone = "Europe/Berlin"
        of = text(job("30 2 * * *", scale(5), zone=zone), job("45 2 * * *", scale(2), zone=zone))
        start = datetime(2026, 10, 25, tzinfo=UTC)
        found = changes(cronjob.sizes(of, entry("p"), start, 120, 2), 2)
        assert found == {31: 5, 45: 2, 91: 5, 105: 2}

    def test_a_time_that_clocks_skip_never_runs(self) -> None:
        of = text(job("30 2 * * *", scale(5), zone="Europe/Berlin"))
        start = datetime(2026, 3, 29, tzinfo=UTC)
        assert set(cronjob.sizes(of, entry("p"), start, 600, 2).tolist()) == {2}

    def test_on_lord_howe_full_hours_after_half_an_hour_is_skipped_never_run(self) -> None:
        """4 October 2026 has no 02:00 to 02:30, and a search goes from 01:00 on to 02:30, 03:30."""
        island = ZoneInfo("Australia/Lord_Howe")
        start = datetime(2026, 10, 3, 12, tzinfo=island).astimezone(UTC)
        full = text(job("0 8 * * *", scale(5), zone="Australia/Lord_Howe"))
        half = text(job("30 8 * * *", scale(5), zone="Australia/Lord_Howe"))
        for of, runs in ((full, False), (half, True)):
            found = cronjob.sizes(of, entry("p"), start, 24 * 60, 2)
            assert bool(found.max() == 5) is runs

    def test_a_target_without_a_job_is_an_error(self) -> None:
        with pytest.raises(UsageError, match="there is no CronJob for Deployment q"):
            cronjob.sizes(text(job("0 1 * * *", scale(5))), entry("q"), MIDNIGHT, 90, 2)


def autoscaler(least: int, most: int, **spec: Any) -> dict[str, Any]:
    held = {way: {"selectPolicy": "Disabled"} for way in ("scaleUp", "scaleDown")}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "p"}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "p"},
        "spec": {
            "scaleTargetRef": target,
            "minReplicas": least,
            "maxReplicas": most,
            "behavior": held,
            **spec,
        },
    }


class TestBounds:
    def found(self, before: int, *documents: dict[str, Any]) -> dict[int, int]:
        return changes(hpa.sizes(text(*documents), entry("p"), MIDNIGHT, 240, before), before)

    def test_equal_bounds_are_the_size_whatever_the_tolerance(self) -> None:
        jobs = (job("0 1 * * *", patch(23, 23)), job("0 2 * * *", patch(22, 22)))
        assert self.found(21, autoscaler(20, 30), *jobs) == {61: 23, 120: 22}

    def test_within_the_bounds_the_size_stays_where_policies_say_so(self) -> None:
        jobs = (job("0 1 * * *", patch(3, 9)),)
        assert self.found(7, autoscaler(2, 9), *jobs) == {}
        free = autoscaler(2, 9, behavior={})
        assert self.found(7, free, *jobs) == {0: 2, 61: 3}

    def test_a_target_at_0_is_left_alone_until_it_is_scaled(self) -> None:
        assert self.found(0, autoscaler(2, 9), job("0 1 * * *", patch(5, 5))) == {}
        both = job("0 1 * * *", patch(5, 5), scale(5))
        assert self.found(0, autoscaler(2, 9), both) == {61: 5}
        assert self.found(5, autoscaler(5, 9), job("0 1 * * *", scale(0))) == {60: 0}

    def test_a_target_without_an_autoscaler_is_an_error(self) -> None:
        with pytest.raises(UsageError, match="there is no HorizontalPodAutoscaler"):
            self.found(1, job("0 1 * * *", patch(5, 5)))


def test_minutes_are_counted_from_the_start() -> None:
    start = MIDNIGHT + timedelta(minutes=30)
    of = text(job("0 1 * * *", scale(5)))
    assert changes(cronjob.sizes(of, entry("p"), start, 60, 2), 2) == {31: 5}
