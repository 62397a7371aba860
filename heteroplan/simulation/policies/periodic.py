"""`periodic`: HeteroScale's schedule of static targets and a P/D ratio by the time of day.

Source: arXiv 2508.19559 (periodic policy); how long a target holds and how it is set is not
published.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from heteroplan.simulation.policies.policy import PolicySetting, RoleTargets
from heteroplan.simulation.policies.shared.bounds import bounded
from heteroplan.simulation.policies.shared.joint import pd_ratios
from heteroplan.simulation.policies.shared.options import Options, Searched, number
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import DECODE, PREFILL, ReplicaState, Signals

_ROUNDING_S = 1e-6
"""By which a float may miss the moment between two targets [s]."""


@dataclass(frozen=True, slots=True)
class PeriodicOptions(Options):
    """Of the schedule; every default is our choice."""

    target_share: float = number(0.85, 0.01, 2.0)
    """Requests that a replica should get, of those that it serves at the SLO."""
    pd_ratio_factor: float = number(1.0, 0.1, 10.0)
    """On the P/D ratio at which both roles have the same capacity for the expected requests."""
    hold_s: float = number(3600.0, 60.0)
    """How long one target holds: for the most demand of the time."""
    period_s: float = number(60.0, 1.0)
    """Between two looks at the schedule."""


class Periodic:
    """Replicas for the demand forecast for this time of day, start-ups ahead of it."""

    name = "periodic"
    window_s = 60.0
    SEARCHED: Mapping[str, Searched] = {
        "target_share": Searched(0.5, 1.0),
        "pd_ratio_factor": Searched(0.7, 1.4, log=True),
        "hold_s": Searched(900.0, 14400.0, log=True),
    }

    def __init__(self, setting: PolicySetting, options: PeriodicOptions) -> None:
        self.period_s = options.period_s
        self._setting = setting
        self._options = options
        self._startup_s = np.array(
            [
                max(engine.startup_s for engine in load.profile.engines)
                for load in setting.scenario.workloads
            ]
        )
        self._targets = self._schedule()

    def _schedule(self) -> Floats:
        """[block of `hold_s`, W, role] targets from the start of the horizon on."""
        setting, options = self._setting, self._options
        horizon = setting.scenario.horizon
        blocks = max(1, math.ceil(horizon.intervals * horizon.interval_s / options.hold_s))
        peak = np.zeros((blocks, len(setting.split)))
        for t in range(horizon.intervals):
            first = int(t * horizon.interval_s // options.hold_s)
            last = math.ceil((t + 1) * horizon.interval_s / options.hold_s)
            peak[first:last] = np.maximum(peak[first:last], setting.planned_rps[:, t])
        capacity = options.target_share * setting.capacity_rps
        with np.errstate(divide="ignore", invalid="ignore"):
            targets = np.nan_to_num(peak[:, :, None] / capacity, nan=0.0, posinf=np.inf)
        targets[:, :, DECODE] = np.ceil(targets[:, :, DECODE] - 1e-9)
        ratios = pd_ratios(setting, options.pd_ratio_factor)
        targets[:, :, PREFILL] = targets[:, :, DECODE] * ratios
        return np.stack([bounded(setting, each, each) for each in targets])

    def decide(self, signals: Signals, state: ReplicaState) -> RoleTargets:
        """Targets of this time and of those that begin before an order would be ready."""
        sizes = self._targets[self._block(state.now_s)].copy()
        for w, startup_s in enumerate(self._startup_s):
            ahead_s = state.now_s + float(startup_s) + self.period_s
            at_s = state.now_s + self._options.hold_s
            while at_s < ahead_s:
                sizes[w] = np.maximum(sizes[w], self._targets[self._block(at_s), w])
                at_s += self._options.hold_s
            end_s = max(state.now_s, ahead_s - 2.0 * _ROUNDING_S)
            sizes[w] = np.maximum(sizes[w], self._targets[self._block(end_s), w])
        return RoleTargets(sizes)

    def _block(self, at_s: float) -> int:
        """Index of the target that holds at a time since the start."""
        horizon = self._setting.scenario.horizon
        length_s = horizon.intervals * horizon.interval_s
        inside_s = at_s % length_s if horizon.cyclic else min(at_s, length_s - 2.0 * _ROUNDING_S)
        return int((inside_s + _ROUNDING_S) // self._options.hold_s) % len(self._targets)
