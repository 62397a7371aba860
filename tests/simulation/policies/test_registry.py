"""Policies by name, their options, and what holds for each of them."""

import math
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.errors import UsageError
from heteroplan.simulation.policies.keda_cron import Manifest
from heteroplan.simulation.policies.policy import Policy, PolicySetting, PoolTargets, RoleTargets
from heteroplan.simulation.policies.registry import (
    POLICIES,
    PolicyInputs,
    all_options,
    make_policy,
    parse_policy,
    policy_kind,
)
from heteroplan.simulation.signals import ReplicaState, Signals
from tests.autoscaling import planned, setting, signals, state

KEDA = """
kind: ScaledObject
metadata: {name: p}
spec:
  minReplicaCount: 1
  maxReplicaCount: 9
  triggers:
  - type: cron
    metadata: {timezone: UTC, start: 0 0 * * *, end: 0 12 * * *, desiredReplicas: "9"}
"""
LEAST, MOST = 2.0, 17.0


def inputs(*, aggregated: bool = False) -> PolicyInputs:
    return PolicyInputs(
        setting=setting(aggregated=aggregated, least=LEAST, most=MOST),
        planned=planned([[2, 4], [4, 9]]),
        hindsight=planned([[2, 4], [4, 9]]),
        static_peak=np.array([4, 9]),
        manifest=Manifest(KEDA, {"p": [0, 1]}),
    )


class TestNames:
    def test_every_policy_of_the_design_is_there(self) -> None:
        assert list(POLICIES) == [
            "plan",
            "hindsight",
            "plan+feedback",
            "static_peak",
            "periodic",
            "proportional",
            "negative_feedback",
            "soft_scale_in",
            "hpa",
            "kpa",
            "apa",
            "aibrix_kpa",
            "wva",
            "dynamo_planner",
            "keda_cron",
        ]

    @pytest.mark.parametrize("name", POLICIES)
    def test_each_is_made_by_its_name_and_says_it(self, name: str) -> None:
        policy = make_policy(name, inputs())
        assert policy.name == name
        assert policy.period_s > 0.0
        assert policy.window_s > 0.0

    @pytest.mark.parametrize("name", POLICIES)
    def test_each_has_a_line_of_help_and_a_source(self, name: str) -> None:
        kind = policy_kind(name)
        assert "\n" not in kind.help
        assert kind.help
        assert kind.source

    @pytest.mark.parametrize("name", POLICIES)
    def test_what_curation_searches_is_an_option_and_its_values_are_allowed(
        self, name: str
    ) -> None:
        kind = policy_kind(name)
        known = {option.name for option in fields(kind.options)}
        for option, searched in kind.searched.items():
            assert option in known
            assert searched.low < searched.high
            assert searched.low > 0.0 or not searched.log
            for value in (searched.low, searched.high):
                make_policy(name, inputs(), {option: value})

    @pytest.mark.parametrize(
        ("name", "missing"),
        [
            ("plan", "needs a plan"),
            ("hindsight", "needs a plan for the rates that came"),
            ("plan+feedback", "needs a plan"),
            ("static_peak", "needs the static peak"),
            ("keda_cron", "needs a plan"),
        ],
    )
    def test_what_it_is_made_from_must_be_there(self, name: str, missing: str) -> None:
        with pytest.raises(UsageError, match=missing):
            make_policy(name, PolicyInputs(setting()))

    def test_keda_needs_the_manifest(self) -> None:
        with pytest.raises(UsageError, match="needs the manifest"):
            make_policy("keda_cron", PolicyInputs(setting(), planned([[1]])))


class TestOptions:
    def test_an_unknown_name_lists_the_known_ones(self) -> None:
        with pytest.raises(UsageError) as raised:
            make_policy("hps", inputs())
        assert str(raised.value).startswith("there is no policy 'hps': write one of plan, ")

    def test_an_unknown_option_lists_the_known_ones(self) -> None:
        with pytest.raises(UsageError) as raised:
            make_policy("hpa", inputs(), {"target": 0.5})
        assert str(raised.value) == (
            "policy hpa has no option 'target': options are metric, target_share, "
            "prefill_share_factor, tolerance, stabilization_up_s, stabilization_down_s, period_s, "
            "window_s"
        )

    def test_a_policy_without_options_says_so(self) -> None:
        with pytest.raises(UsageError, match="it has no options"):
            make_policy("static_peak", inputs(), {"size": 3})

    @pytest.mark.parametrize(
        ("option", "value", "said"),
        [
            ("target_share", "much", "policy hpa: option target_share=much: write a number"),
            ("target_share", "0", "policy hpa: option target_share=0: write a number, from"),
            ("target_share", "nan", "policy hpa: option target_share=nan: write a number"),
            ("period_s", "-1", "write a number, at least 1"),
            ("period_s", "inf", "write a number, at least 1"),
            ("metric", "cpu", "policy hpa: option metric=cpu: one of gpu_utilization, "),
        ],
    )
    def test_a_value_out_of_range_names_the_range(self, option: str, value: str, said: str) -> None:
        with pytest.raises(UsageError) as raised:
            make_policy("hpa", inputs(), {option: value})
        assert said in str(raised.value)

    def test_all_of_them_are_told(self) -> None:
        told = all_options("hpa", {"target_share": "0.7"})
        assert told["target_share"] == 0.7
        assert told["metric"] == "gpu_utilization"
        assert len(told) == 8

    def test_as_text(self) -> None:
        assert parse_policy("wva") == ("wva", {})
        assert parse_policy("hpa: metric=decode_tokens_per_s, target_share=0.7") == (
            "hpa",
            {"metric": "decode_tokens_per_s", "target_share": "0.7"},
        )

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("hpa:target_share", "'target_share': write OPTION=VALUE"),
            ("hpa:period_s=1,period_s=2", "option period_s is there twice"),
            ("hpa:share=1", "no option 'share'"),
        ],
    )
    def test_text_that_is_none(self, text: str, said: str) -> None:
        with pytest.raises(UsageError, match=said):
            parse_policy(text)


OPEN_LOOP = ("plan", "hindsight", "static_peak", "keda_cron")
WITH_SIGNALS = [name for name in POLICIES if name not in OPEN_LOOP]
FIGURE = st.one_of(st.just(math.nan), st.just(0.0), st.floats(0.0, 1e6))
SHARE = st.one_of(st.just(math.nan), st.floats(0.0, 1.0))


@st.composite
def seen(draw: st.DrawFn) -> list[tuple[Signals, list[float]]]:
    """Some decisions: what is measured, and what share of the wanted replicas is ready."""
    found = []
    for _ in range(draw(st.integers(1, 6))):
        given_figures = {
            name: draw(FIGURE)
            for name in (
                "arrived_rps",
                "isl",
                "osl",
                "prefill_tokens_per_s",
                "decode_tokens_per_s",
                "ttft_ms",
                "itl_ms",
            )
        }
        by_role = {
            name: [draw(FIGURE) for _ in range(3)] for name in ("waiting", "running", "concurrency")
        }
        shares = {
            name: [draw(SHARE) for _ in range(3)] for name in ("busy", "sm_activity", "kv_used")
        }
        ready = [draw(st.sampled_from([0.0, 0.5, 1.0])) for _ in range(3)]
        figures = signals(cached=draw(FIGURE), **given_figures, **by_role, **shares)
        found.append((figures, ready))
    return found


def decisions(
    policy: Policy, of: PolicySetting, course: list[tuple[Signals, list[float]]]
) -> list[list[list[float]]]:
    """Desired replicas [W, role] of each decision."""
    desired = of.min_replicas * 2.0
    found = []
    for step, (figures, shares) in enumerate(course):
        ready = np.round(desired * np.array([shares]))
        targets = policy.decide(
            figures,
            ReplicaState(
                now_s=step * policy.period_s,
                desired=desired,
                ready=ready,
                starting=desired - ready,
            ),
        )
        assert isinstance(targets, RoleTargets)
        desired = targets.replicas
        found.append(desired.tolist())
    return found


class TestProperties:
    @pytest.mark.parametrize("aggregated", [False, True])
    @pytest.mark.parametrize("name", WITH_SIGNALS)
    @settings(deadline=None, max_examples=20)
    @given(course=seen())
    def test_desired_replicas_are_in_range_and_whole_whatever_is_measured(
        self, name: str, aggregated: bool, course: list[tuple[Signals, list[float]]]
    ) -> None:
        made_from = inputs(aggregated=aggregated)
        for desired in decisions(make_policy(name, made_from), made_from.setting, course):
            sizes = np.array(desired)
            if name != "plan+feedback":
                assert np.all(sizes >= made_from.setting.min_replicas)
                assert np.all(sizes <= made_from.setting.max_replicas)
            assert np.all(np.isfinite(sizes))
            assert np.all(sizes == np.round(sizes))

    @pytest.mark.parametrize("name", WITH_SIGNALS)
    @settings(deadline=None, max_examples=10)
    @given(course=seen())
    def test_the_same_course_gives_the_same_decisions(
        self, name: str, course: list[tuple[Signals, list[float]]]
    ) -> None:
        first, second = (
            decisions(make_policy(name, inputs()), inputs().setting, course) for _ in range(2)
        )
        assert first == second

    @pytest.mark.parametrize(
        "name", [name for name in WITH_SIGNALS if name not in ("plan+feedback", "periodic")]
    )
    def test_nothing_measured_keeps_what_was_wanted_last(self, name: str) -> None:
        targets = make_policy(name, inputs()).decide(signals(), state(4, 8))
        assert isinstance(targets, RoleTargets)
        assert targets.replicas[0].tolist() == [4.0, 8.0, 0.0]

    @pytest.mark.parametrize("name", OPEN_LOOP)
    def test_pools_are_counts_of_every_deployment(self, name: str) -> None:
        targets = make_policy(name, inputs()).decide(signals(), state())
        assert isinstance(targets, PoolTargets)
        assert targets.replicas.shape == (2,)
        assert targets.replicas.dtype == np.int64
