"""The manifest that the exporter wrote, carried out by KEDA and the HPA."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import ExportOptions, exported
from heteroplan.simulation.policies.keda_cron import KedaCron, KedaOptions, Manifest
from heteroplan.simulation.policies.policy import PoolTargets
from heteroplan.simulation.signals import DECODE
from tests.autoscaling import planned, signals, state
from tests.cron import keda_sizes, minutes
from tests.plans import day_scenario, horizon, plan, pool

MIDNIGHT = datetime(2026, 11, 23, tzinfo=UTC)
EXACT = KedaOptions(tolerance=0.0)


def manifest(
    windows: Sequence[tuple[str, str, int]],
    *,
    least: int = 1,
    most: int = 30,
    zone: str = "UTC",
    behavior: dict[str, Any] | None = None,
    **spec: Any,
) -> str:
    """One ScaledObject `p` without stabilisation, unless `behavior` says otherwise."""
    triggers = [
        {
            "type": "cron",
            "metadata": {
                "timezone": zone,
                "start": start,
                "end": end,
                "desiredReplicas": str(replicas),
            },
        }
        for start, end, replicas in windows
    ]
    given = {"scaleDown": {"stabilizationWindowSeconds": 0}} if behavior is None else behavior
    return yaml.safe_dump(
        {
            "kind": "ScaledObject",
            "metadata": {"name": "p"},
            "spec": {
                "minReplicaCount": least,
                "maxReplicaCount": most,
                "advanced": {"horizontalPodAutoscalerConfig": {"behavior": given}},
                "triggers": triggers,
                **spec,
            },
        }
    )


def policy(
    text: str,
    first: int = 1,
    *,
    options: KedaOptions = EXACT,
    start: datetime = MIDNIGHT,
    leaves: Sequence[Sequence[int]] | None = None,
) -> KedaCron:
    """With `first` replicas at the start, on one leaf, or as the plan has them on `leaves`."""
    on = leaves if leaves is not None else [[first]]
    of = planned(on, roles=[DECODE] * len(on))
    return KedaCron(Manifest(text, {"p": list(range(len(on)))}), of, start, options)


def at(keda: KedaCron, now_s: float) -> list[int]:
    targets = keda.decide(signals(), state(now_s=now_s))
    assert isinstance(targets, PoolTargets)
    return [int(size) for size in targets.replicas]


def day(keda: KedaCron, hours: float, *, begin_s: float = 0.0) -> dict[float, int]:
    """Replicas of the pool by the second at which they changed."""
    changes: dict[float, int] = {}
    for step in range(int(hours * 240)):
        now_s = begin_s + 15.0 * step
        size = sum(at(keda, now_s))
        if not changes or changes[max(changes)] != size:
            changes[now_s] = size
    return changes


class TestTolerance:
    """Sizes from 00:00 on and from 01:00 on."""

    @pytest.mark.parametrize(
        ("before", "after", "reached"), [(23, 21, 23), (20, 22, 20), (20, 23, 23), (23, 20, 20)]
    )
    def test_within_a_tenth_the_hpa_does_nothing(
        self, before: int, after: int, reached: int
    ) -> None:
        text = manifest([("0 0 * * *", "0 1 * * *", before), ("0 1 * * *", "0 2 * * *", after)])
        keda = policy(text, before, options=KedaOptions())
        assert at(keda, 0.0) == [before]
        for step in range(1, 60):
            found = at(keda, 3600.0 + 15.0 * step)
        assert found == [reached]

    @pytest.mark.parametrize(("field", "reached"), [("on", 21), ("off", 23)])
    def test_the_manifests_tolerance_counts_where_the_cluster_has_the_field(
        self, field: str, reached: int
    ) -> None:
        exact = {"stabilizationWindowSeconds": 0, "tolerance": "0"}
        text = manifest(
            [("0 0 * * *", "0 1 * * *", 23), ("0 1 * * *", "0 2 * * *", 21)],
            behavior={"scaleUp": {"tolerance": "0"}, "scaleDown": exact},
        )
        keda = policy(text, 23, options=KedaOptions(tolerance_field=field))
        at(keda, 0.0)
        assert at(keda, 3600.0) == [reached]


class TestHpa:
    def test_growth_is_doubling_every_15_seconds(self) -> None:
        keda = policy(manifest([("0 1 * * *", "0 2 * * *", 30)]))
        assert day(keda, 2.5) == {0: 1, 3600: 5, 3615: 10, 3630: 20, 3645: 30, 7200: 1}

    def test_the_default_stabilisation_delays_scale_in_by_five_minutes(self) -> None:
        keda = policy(manifest([("0 1 * * *", "0 2 * * *", 5)], behavior={}))
        assert day(keda, 2.5) == {0: 1, 3600: 5, 7485: 1}

    def test_of_overlapping_windows_the_greatest_holds(self) -> None:
        keda = policy(manifest([("0 1 * * *", "0 3 * * *", 3), ("0 2 * * *", "0 4 * * *", 5)]))
        assert day(keda, 5.0) == {0: 1, 3600: 3, 7200: 5, 14400: 1}

    def test_the_bounds_of_the_manifest_hold(self) -> None:
        keda = policy(manifest([("0 1 * * *", "0 2 * * *", 9)], least=2, most=4), 2)
        assert day(keda, 2.5) == {0: 2, 3600: 4, 7200: 2}

    def test_rates_of_the_manifest_hold(self) -> None:
        slow = {"policies": [{"type": "Pods", "value": 1, "periodSeconds": 60}]}
        keda = policy(
            manifest([("0 1 * * *", "0 2 * * *", 4)], behavior={"scaleUp": slow}), options=EXACT
        )
        assert list(day(keda, 1.2).items())[1:] == [(3600, 2), (3660, 3), (3720, 4)]


class TestZero:
    def test_keda_itself_leaves_and_enters_zero(self) -> None:
        text = manifest([("0 1 * * *", "0 2 * * *", 3)], least=0, cooldownPeriod=0)
        # one replica as soon as KEDA looks, and the rest by the HPA in the same pass
        assert day(policy(text, 0), 2.5) == {0: 0, 3600: 3, 7200: 0}

    def test_the_cooldown_delays_zero_alone(self) -> None:
        text = manifest([("0 1 * * *", "0 2 * * *", 3)], least=0, cooldownPeriod=600)
        changes = day(policy(text, 0), 2.5)
        assert changes[7200] == 1
        assert [size for when, size in changes.items() if when >= 7770] == [0]


class TestClock:
    def test_over_midnight(self) -> None:
        keda = policy(manifest([("0 22 * * *", "0 6 * * *", 3)]), 3)
        assert day(keda, 24.0) == {0: 3, 6 * 3600: 1, 22 * 3600: 3}

    def test_windows_follow_the_clock_of_their_zone_when_it_changes(self) -> None:
        # Berlin: 08:00 is 07:00 UTC on 28 March 2026, and 06:00 UTC from the 29th on
        start = datetime(2026, 3, 28, tzinfo=ZoneInfo("Europe/Berlin"))
        text = manifest([("0 8 * * *", "0 18 * * *", 3)], zone="Europe/Berlin")
        changes = day(policy(text, start=start), 47.0)
        hours = {when / 3600.0: size for when, size in changes.items()}
        assert hours == {0: 1, 8: 3, 18: 1, 31: 3, 41: 1}

    def test_an_hour_that_comes_twice_opens_twice(self) -> None:
        start = datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Berlin"))
        text = manifest([("0 2 * * *", "30 2 * * *", 3)], zone="Europe/Berlin")
        changes = day(policy(text, start=start), 5.0)
        assert {when / 3600.0: size for when, size in changes.items()} == {
            0: 1,
            2: 3,
            2.5: 1,
            3: 3,
            3.5: 1,
        }


class TestLeaves:
    def test_replicas_go_where_the_plan_wants_more(self) -> None:
        text = manifest([("0 1 * * *", "0 2 * * *", 5)], least=2)
        keda = policy(text, leaves=[[1, 4, 1], [1, 1, 1]])
        assert at(keda, 0.0) == [1, 1]
        assert at(keda, 3600.0) == [4, 1]
        assert at(keda, 7200.0) == [1, 1]

    def test_more_than_planned_stands_somewhere(self) -> None:
        keda = policy(manifest([("0 0 * * *", "0 2 * * *", 5)]), leaves=[[1], [1]])
        assert sum(at(keda, 0.0)) == 5


class TestExported:
    @settings(deadline=None, max_examples=10)
    @given(
        # KEDA takes an open window for a wish of one replica at least, even if it asks for none
        st.lists(st.integers(0, 6), min_size=24, max_size=24).filter(any),
        st.sampled_from([0, 170, 3000]),
    )
    def test_without_tolerance_it_is_what_the_windows_say_minute_by_minute(
        self, replicas: list[int], startup_s: int
    ) -> None:
        during = horizon(24)
        made = plan(day_scenario(during, startup_s=startup_s), [pool(replicas)])
        text = exported(document_of(made), "keda", ExportOptions(name_template="p"))
        over = list(minutes(during.boundaries()[0], during.boundaries()[-1]))
        on_and_off = keda_sizes(text, "p", over * 2)[len(over) :]
        keda = policy(text, on_and_off[0].replicas)
        for m, expected in enumerate(on_and_off):
            found = sum(at(keda, 60.0 * m))
            if m and expected.replicas != on_and_off[m - 1].replicas:
                # as far as one decision may go: four pods or double
                found = max(found, sum(at(keda, 60.0 * m + 15.0)))
            assert found == expected.replicas


class TestProblems:
    def bad(self, text: str) -> str:
        with pytest.raises(UsageError) as raised:
            policy(text)
        return str(raised.value)

    def test_what_is_wrong_is_named(self) -> None:
        good = yaml.safe_load(manifest([("0 1 * * *", "0 2 * * *", 3)]))

        def changed(**spec: Any) -> str:
            return yaml.safe_dump({**good, "spec": {**good["spec"], **spec}})

        assert "there is no ScaledObject" in self.bad("kind: Deployment")
        assert "not YAML" in self.bad("{")
        assert "needs metadata.name" in self.bad("kind: ScaledObject")
        assert "p has no triggers" in self.bad(changed(triggers=[]))
        assert "'prometheus' is not cron" in self.bad(changed(triggers=[{"type": "prometheus"}]))
        assert "maxReplicaCount: 'many'" in self.bad(changed(maxReplicaCount="many"))
        assert "p: behavior" in self.bad(
            changed(
                advanced={
                    "horizontalPodAutoscalerConfig": {"behavior": {"scaleUp": {"policies": [1]}}}
                }
            )
        )
        nowhere = manifest([("0 1 * * *", "0 2 * * *", 3)], zone="Mars/Olympus")
        assert "timezone (IANA name)" in self.bad(nowhere)
        twice = f"{yaml.safe_dump(good)}---\n{yaml.safe_dump(good)}"
        assert "two ScaledObjects are called p" in self.bad(twice)

    def test_pools_and_scaled_objects_must_be_the_same(self) -> None:
        text = manifest([("0 1 * * *", "0 2 * * *", 3)])
        of = planned([[1], [1]])
        with pytest.raises(UsageError, match="no ScaledObject is called q"):
            KedaCron(Manifest(text, {"p": [0], "q": [1]}), of, MIDNIGHT, EXACT)
        with pytest.raises(UsageError, match="no pool of the plan is called p"):
            KedaCron(Manifest(text, {}), of, MIDNIGHT, EXACT)
