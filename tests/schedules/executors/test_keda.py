"""ScaledObjects carried out minute by minute."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.schedules.executors.keda import kserve_sizes, sizes
from heteroplan.simulation.policies.shared.keda_rules import Cluster, ScaledObject
from tests.schedules.executors.entries import entry

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
MINUTES = 300
AT_ONCE: dict[str, dict[str, Any]] = {
    "scaleUp": {"policies": [{"type": "Pods", "value": 99, "periodSeconds": 15}]},
    "scaleDown": {"stabilizationWindowSeconds": 0},
}


def spec(
    windows: Sequence[tuple[str, str, int]],
    *,
    least: int = 1,
    zone: str = "UTC",
    behavior: dict[str, Any] | None = None,
    **fields: Any,
) -> dict[str, Any]:
    triggers = [
        {"timezone": zone, "start": start, "end": end, "desiredReplicas": str(replicas)}
        for start, end, replicas in windows
    ]
    return {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "p"},
        "minReplicaCount": least,
        "maxReplicaCount": 99,
        "cooldownPeriod": 0,
        "advanced": {"horizontalPodAutoscalerConfig": {"behavior": behavior or AT_ONCE}},
        "triggers": [{"type": "cron", "metadata": each} for each in triggers],
        **fields,
    }


def text(of: dict[str, Any], namespace: str = "") -> str:
    about = {"name": "any", **({"namespace": namespace} if namespace else {})}
    return yaml.safe_dump({"kind": "ScaledObject", "metadata": about, "spec": of})


def changes(found: np.ndarray, first: int) -> dict[int, int]:
    """The size from each minute on at which it is another."""
    known = [first, *found.tolist()]
    return {m: b for m, (a, b) in enumerate(pairwise(known)) if a != b}


def hours(of: dict[str, Any], count: int, before: int) -> dict[int, int]:
    return changes(sizes(text(of), entry("p"), MIDNIGHT, 60 * count, before), before)


def test_growth_comes_within_a_minute_and_shrinking_may_come_at_once() -> None:
    """In the minute from 01:00 on, 9 are not asked for from its beginning."""
    of = spec([("0 1 * * *", "0 2 * * *", 9)], least=2)
    assert hours(of, 3, 2) == {61: 9, 120: 2}


def test_default_policies_double_every_15_seconds() -> None:
    """1, and at :14, :29 and :44 of 01:00 5, 10 and 20; 30 at :59."""
    of = spec([("0 1 * * *", "0 2 * * *", 30)], behavior={"scaleDown": AT_ONCE["scaleDown"]})
    assert hours(of, 3, 1) == {61: 30, 120: 1}
    of = spec([("0 1 * * *", "0 2 * * *", 99)], behavior={"scaleDown": AT_ONCE["scaleDown"]})
    assert hours(of, 3, 1) == {61: 40, 62: 99, 120: 1}


def test_stabilisation_keeps_the_greatest_wish_of_five_minutes() -> None:
    of = spec([("0 1 * * *", "0 2 * * *", 9)], behavior={"scaleUp": AT_ONCE["scaleUp"]})
    assert hours(of, 3, 1) == {61: 9, 125: 1}


def test_small_changes_are_ignored_but_for_the_minimum_and_a_tolerance_of_0() -> None:
    steps = [("0 1 * * *", "0 2 * * *", 23), ("0 2 * * *", "0 3 * * *", 21)]
    assert hours(spec(steps, least=20), 4, 20) == {61: 23, 180: 20}
    exact = {way: {**rules, "tolerance": "0"} for way, rules in AT_ONCE.items()}
    assert hours(spec(steps, least=20, behavior=exact), 4, 20) == {61: 23, 120: 21, 180: 20}


def test_from_zero_and_back() -> None:
    """KEDA looks at :29 and :59 of a minute, and the HPA does the rest."""
    of = spec([("0 1 * * *", "0 2 * * *", 9)], least=0)
    assert hours(of, 3, 0) == {61: 9, 120: 0}
    idle = spec([("0 1 * * *", "0 2 * * *", 9)], least=3, idleReplicaCount=0)
    assert hours(idle, 3, 0) == {61: 9, 120: 0}


def test_a_window_whose_end_clocks_skip_is_shut() -> None:
    """Berlin, 29 March 2026: the next 02:30 is that of the 30th, after the next 01:00."""
    berlin = ZoneInfo("Europe/Berlin")
    start = datetime(2026, 3, 29, tzinfo=berlin).astimezone(UTC)
    of = spec([("0 1 * * *", "30 2 * * *", 9)], zone="Europe/Berlin")
    assert set(sizes(text(of), entry("p"), start, 240, 1).tolist()) == {1}


@settings(deadline=None, max_examples=10)
@given(
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(1, 1438), st.integers(1, 40)),
        min_size=1,
        max_size=4,
    ),
    st.integers(0, 9),
    st.sampled_from([0, 60, 300]),
    st.sampled_from([0, 200]),
)
def test_skipping_quiet_minutes_changes_nothing(
    windows: list[tuple[int, int, int]], least: int, stabilization_s: int, cooldown_s: int
) -> None:
    lines = [
        (f"{at % 60} {at // 60} * * *", f"{end % 60} {end // 60} * * *", size)
        for at, length, size in windows
        for end in [(at + length) % 1440]
    ]
    behavior = {"scaleDown": {"stabilizationWindowSeconds": stabilization_s}}
    of = spec(lines, least=least, behavior=behavior, cooldownPeriod=cooldown_s)
    found = sizes(text(of), entry("p"), MIDNIGHT, MINUTES, 3)
    assert found.tolist() == step_by_step(of, MINUTES, 3)


def step_by_step(of: dict[str, Any], minutes: int, before: int) -> list[int]:
    scaled = ScaledObject("p", of, Cluster())
    scaled.replicas = before
    found = []
    least = float(before)
    scaled.polled(MIDNIGHT.timestamp() - 1.0)
    for step in range(4 * minutes):
        now_s = 15.0 * step + 14.0
        at = MIDNIGHT + timedelta(seconds=now_s)
        is_open = [window.is_open(at) for window, _ in scaled.triggers]
        known = zip(is_open, scaled.triggers, strict=True)
        values = [size if now else 1.0 for now, (_, size) in known]
        if step % 4 == 3:
            found.append(round(least))
        scaled.decide(MIDNIGHT.timestamp() + now_s, max(values), active=any(is_open))
        least = scaled.replicas if step % 4 == 3 else min(least, scaled.replicas)
    return found


class TestWhich:
    def test_the_object_of_the_target_and_its_namespace_counts(self) -> None:
        of = spec([("0 1 * * *", "0 2 * * *", 9)])
        assert sizes(text(of, "llm"), entry("p", "llm"), MIDNIGHT, 90, 1).max() == 9
        for other in (entry("q", "llm"), entry("p")):
            with pytest.raises(UsageError, match="there is no ScaledObject for Deployment"):
                sizes(text(of, "llm"), other, MIDNIGHT, 90, 1)

    def test_kserve_has_one_for_decode_and_one_for_prefill(self) -> None:
        def scaling(size: int) -> dict[str, Any]:
            of = spec([("0 1 * * *", "0 2 * * *", size)])
            keda = {key: of[key] for key in ("cooldownPeriod", "advanced", "triggers")}
            return {"scaling": {"minReplicas": 1, "maxReplicas": 20, "keda": keda}}

        document = {
            "kind": "LLMInferenceService",
            "metadata": {"name": "p"},
            "spec": {**scaling(7), "prefill": scaling(5)},
        }
        for part, most in (("decode", 7), ("prefill", 5)):
            of = entry("p", kind="LLMInferenceService", component=part)
            assert kserve_sizes(yaml.safe_dump(document), of, MIDNIGHT, 90, 1).max() == most
