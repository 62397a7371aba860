"""`plan`: the plan by the clock; `plan+feedback`: the plan as a floor, a feedback policy on top."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from heteroplan.simulation.policies.negative_feedback import (
    SEARCHED_GUARD,
    NegativeFeedback,
    NegativeFeedbackOptions,
)
from heteroplan.simulation.policies.policy import PolicySetting, PoolTargets, RoleTargets
from heteroplan.simulation.policies.proportional import Proportional
from heteroplan.simulation.policies.shared.options import Options, Searched, choice, number
from heteroplan.simulation.policies.shared.planned import PlannedPools
from heteroplan.simulation.signals import ReplicaState, Signals


@dataclass(frozen=True, slots=True)
class PlanOptions(Options):
    """Of the open loop."""

    period_s: float = number(15.0, 1.0)
    """Between two decisions; a replica is ordered so much too early at most (our choice)."""


class Plan:
    """Open loop: what the plan says, ordered a start-up before its interval begins."""

    name = "plan"
    window_s = 60.0
    SEARCHED: Mapping[str, Searched] = {}

    def __init__(self, planned: PlannedPools, options: PlanOptions) -> None:
        self.period_s = options.period_s
        self._planned = planned

    def decide(self, signals: Signals, state: ReplicaState) -> PoolTargets:
        """The pools of the plan; signals do not matter."""
        return PoolTargets(self._planned.ordered(state.now_s, self.period_s))


class Hindsight(Plan):
    """Open loop: the plan that the rates would have had which came (see `simulation.hindsight`)."""

    name = "hindsight"


@dataclass(frozen=True, slots=True)
class PlanFeedbackOptions(NegativeFeedbackOptions):
    """Of the feedback on top."""

    feedback: str = choice("negative_feedback", ("negative_feedback", "proportional"))
    """Which policy may ask for more than the plan (our choice)."""


class PlanFeedback:
    """The plan's pools always, and as many more replicas of a role as a feedback policy wants.

    The feedback policy governs only what stands beyond the plan: it is given the plan and its own
    extra replicas as what was asked for, so that it neither slows a change of the plan nor repeats
    it.
    """

    name = "plan+feedback"
    SEARCHED: Mapping[str, Searched] = SEARCHED_GUARD

    def __init__(
        self, setting: PolicySetting, planned: PlannedPools, options: PlanFeedbackOptions
    ) -> None:
        make = NegativeFeedback if options.feedback == NegativeFeedback.name else Proportional
        self._feedback = make(setting, options)
        self._planned = planned
        self._setting = setting
        self._extra = np.zeros_like(setting.min_replicas)
        self.period_s = options.period_s
        self.window_s = options.window_s

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Pools of the plan as floor, and sizes of the roles, at least those of the floor."""
        pools = self._planned.ordered(state.now_s, self.period_s)
        floor = self._planned.by_role(pools)
        wanted = self._feedback.decide(signals, replace(state, desired=floor + self._extra))
        self._extra = np.maximum(0.0, wanted.replicas - floor)
        return RoleTargets(floor + self._extra, PoolTargets(pools))
