"""HeteroScale's joint control: one signal sizes one role, the P/D ratio sizes the other.

Source: arXiv 2508.19559 (proportional control with separate thresholds out and in, cooldown,
dampening; an over-represented role is held back). It publishes none of the numbers: all defaults
are our choice.
"""

from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.bounds import bounded, wholes
from heteroplan.simulation.policies.shared.options import Options, Searched, number
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ReplicaState


@dataclass(frozen=True, slots=True)
class JointOptions(Options):
    """Of the control; every default is our choice."""

    target_share: float = number(0.85, 0.01, 2.0)
    """Load that a replica should bear, of that which it bears at the SLO."""
    pd_ratio_factor: float = number(1.0, 0.1, 10.0)
    """On the P/D ratio at which both roles have the same capacity for the expected requests."""
    out_threshold: float = number(0.1, 0.0, 10.0)
    """More replicas where this share more than there are is wanted."""
    in_threshold: float = number(0.2, 0.0, 1.0)
    """Fewer replicas where this share fewer than there are is wanted."""
    cooldown_out_s: float = number(60.0, 0.0)
    """After a change, until the next one to more replicas."""
    cooldown_in_s: float = number(300.0, 0.0)
    """After a change, until the next one to fewer replicas."""
    most_change_share: float = number(0.3, 0.0, 10.0)
    """Dampening: share of the replicas by which one step changes them at most, but always one."""
    ratio_drift: float = number(0.25, 0.0, 10.0)
    """Share by which the ratio of ready replicas may miss the wanted one before the role that has
    too many is held back."""
    period_s: float = number(15.0, 1.0)
    """Between two decisions."""
    window_s: float = number(60.0, 1.0)
    """Over which the signal is averaged."""


SEARCHED_JOINT = {
    "target_share": Searched(0.5, 1.0),
    "pd_ratio_factor": Searched(0.7, 1.4, log=True),
    "out_threshold": Searched(0.02, 0.3),
    "in_threshold": Searched(0.05, 0.5),
    "cooldown_out_s": Searched(15.0, 300.0, log=True),
    "cooldown_in_s": Searched(60.0, 1800.0, log=True),
    "most_change_share": Searched(0.1, 1.0, log=True),
}


class JointScaler:
    """Sizes of both roles from the wanted size of one, for all workloads at once."""

    def __init__(self, setting: PolicySetting, options: JointOptions, leads: int) -> None:
        """`leads` is the role whose size is wanted: `PREFILL` or `DECODE`."""
        self._setting = setting
        self._options = options
        self._leads = leads
        self.lead = np.where(setting.split, leads, AGGREGATED)
        """[W] the role whose size is wanted."""
        self.ratio = pd_ratios(setting, options.pd_ratio_factor)
        """[W] prefill replicas a decode replica."""
        self._rows = np.arange(len(setting.split))
        self._least = self.leading(setting.min_replicas)
        self._most = self.leading(setting.max_replicas)
        self._changed_s = np.full(len(setting.split), -np.inf)

    def leading(self, by_role: Floats) -> Floats:
        """[W] the leading role's of figures [W, role]."""
        found: Floats = by_role[self._rows, self.lead]
        return found

    def decide(
        self, wanted: Floats, state: ReplicaState, at_least: Floats | None = None
    ) -> RoleTargets:
        """Targets for `wanted` [W] replicas of the leading role.

        NaN keeps the size. `at_least` [W], NaN where it does not matter, is reached at once, past
        thresholds, cooldown and dampening.
        """
        last = self.leading(state.desired)
        sizes = self._steps(last, wanted, state.now_s)
        if at_least is not None:
            sizes = np.fmax(sizes, wholes(at_least))
        desired = np.zeros_like(state.desired)
        desired[self._rows, self.lead] = np.minimum(np.maximum(sizes, self._least), self._most)
        self._set_other(desired, state)
        self._changed_s[self.leading(desired) != last] = state.now_s
        return RoleTargets(bounded(self._setting, desired, state.desired))

    def _steps(self, last: Floats, wanted: Floats, now_s: float) -> Floats:
        """[W] the next sizes of roles that have `last` replicas."""
        options = self._options
        waited_s = now_s - self._changed_s
        out = (wanted > last * (1.0 + options.out_threshold)) & (waited_s >= options.cooldown_out_s)
        down = (wanted < last * (1.0 - options.in_threshold)) & (waited_s >= options.cooldown_in_s)
        most = np.maximum(1.0, options.most_change_share * last)
        dampened = np.minimum(np.maximum(wanted, last - most), last + most)
        return np.where(out | down, wholes(dampened), last)

    def _set_other(self, desired: Floats, state: ReplicaState) -> None:
        """Sets the other role of `desired` by the ratio; the one with too many is held."""
        split, ratio, slack = self._setting.split, self.ratio, 1.0 + self._options.ratio_drift
        if self._leads == DECODE:
            other, sizes = PREFILL, wholes(desired[:, DECODE] * ratio)
        else:
            other, sizes = DECODE, wholes(desired[:, PREFILL] / ratio)
        desired[:, other] = np.where(split, sizes, desired[:, other])
        prefill, decode = state.ready[:, PREFILL], state.ready[:, DECODE]
        prefills = prefill > decode * ratio * slack
        decodes = ~prefills & (prefill * slack < decode * ratio)
        for role, too_many in ((PREFILL, prefills), (DECODE, decodes)):
            held = np.minimum(desired[:, role], state.desired[:, role])
            desired[:, role] = np.where(split & too_many, held, desired[:, role])


def pd_ratios(setting: PolicySetting, factor: float) -> Floats:
    """[W] prefill replicas a decode replica: equal capacity times `factor`, in the user's band."""
    prefill, decode = setting.capacity_rps[:, PREFILL], setting.capacity_rps[:, DECODE]
    known = (prefill > 0.0) & (decode > 0.0)
    ratios = factor * np.divide(decode, prefill, out=np.ones_like(prefill), where=known)
    for w, load in enumerate(setting.scenario.workloads):
        if load.pd_ratio is not None:
            ratios[w] = np.clip(ratios[w], load.pd_ratio.low, load.pd_ratio.high)
    return ratios
