"""The joint control of many workloads at once, against one workload after the other."""

from dataclasses import dataclass
from math import ceil, inf, isnan

import numpy as np
import pytest

from heteroplan.entities.workload import RatioBand
from heteroplan.simulation.policies.policy import PolicySetting
from heteroplan.simulation.policies.shared.joint import JointOptions, JointScaler, pd_ratios
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ROLES, ReplicaState
from tests import builders

WORKLOADS = 6


@dataclass
class Alone:
    """One workload, step by step."""

    options: JointOptions
    leads: int
    split: bool
    ratio: float
    least: Floats
    most: Floats
    changed_s: float = -inf

    def decide(
        self, wanted: float, at_least: float, now_s: float, desired: Floats, ready: Floats
    ) -> list[float]:
        options, lead = self.options, self.leads if self.split else AGGREGATED
        last, waited_s = float(desired[lead]), now_s - self.changed_s
        size = last
        out = wanted > last * (1 + options.out_threshold) and waited_s >= options.cooldown_out_s
        down = wanted < last * (1 - options.in_threshold) and waited_s >= options.cooldown_in_s
        if out or down:
            step = max(1.0, options.most_change_share * last)
            size = ceil(min(max(wanted, last - step), last + step) - 1e-9)
        if not isnan(at_least):
            size = max(size, ceil(at_least - 1e-9))
        sizes = [0.0] * len(ROLES)
        sizes[lead] = min(max(float(size), self.least[lead]), self.most[lead])
        if self.split:
            self._set_other(sizes, desired, ready)
        if sizes[lead] != last:
            self.changed_s = now_s
        roles = (PREFILL, DECODE) if self.split else (AGGREGATED,)
        return [
            min(max(sizes[r], self.least[r]), self.most[r]) if r in roles else 0.0
            for r in range(len(ROLES))
        ]

    def _set_other(self, sizes: list[float], desired: Floats, ready: Floats) -> None:
        if self.leads == DECODE:
            sizes[PREFILL] = ceil(sizes[DECODE] * self.ratio - 1e-9)
        else:
            sizes[DECODE] = ceil(sizes[PREFILL] / self.ratio - 1e-9)
        slack, balanced = 1 + self.options.ratio_drift, ready[DECODE] * self.ratio
        if ready[PREFILL] > balanced * slack:
            sizes[PREFILL] = min(sizes[PREFILL], desired[PREFILL])
        elif ready[PREFILL] * slack < balanced:
            sizes[DECODE] = min(sizes[DECODE], desired[DECODE])


def random_setting(random: np.random.Generator) -> PolicySetting:
    """Some workloads with a band for the ratio, some aggregated."""
    bands = [
        RatioBand(low, low * 2) if low > 0.5 else None
        for low in random.uniform(0.0, 1.0, WORKLOADS)
    ]
    loads = [builders.workload(f"w{n}", pd_ratio=band) for n, band in enumerate(bands)]
    least = random.integers(0, 3, (WORKLOADS, 3)).astype(float)
    return PolicySetting(
        scenario=builders.scenario(loads),
        capacity_rps=random.uniform(0.5, 20.0, (WORKLOADS, 3)),
        split=random.random(WORKLOADS) < 0.7,
        isl=np.full(WORKLOADS, 1000.0),
        missed=np.full(WORKLOADS, 700.0),
        osl=np.full(WORKLOADS, 200.0),
        planned_rps=np.full((WORKLOADS, 1), 20.0),
        min_replicas=least,
        max_replicas=least + random.integers(0, 60, (WORKLOADS, 3)),
    )


@pytest.mark.parametrize("seed", range(20))
def test_all_at_once_decide_as_each_alone(seed: int) -> None:
    random = np.random.default_rng(seed)
    setting, leads = random_setting(random), int(random.integers(0, 2))
    options = JointOptions(
        out_threshold=float(random.choice([0.0, 0.1])),
        in_threshold=float(random.choice([0.0, 0.2])),
        cooldown_out_s=float(random.choice([0.0, 30.0])),
        cooldown_in_s=float(random.choice([0.0, 60.0])),
        most_change_share=float(random.choice([0.0, 0.3, 10.0])),
        ratio_drift=float(random.choice([0.0, 0.25])),
    )
    ratio = pd_ratios(setting, options.pd_ratio_factor)
    scaler = JointScaler(setting, options, leads)
    alone = [
        Alone(
            options,
            leads,
            bool(setting.split[w]),
            float(ratio[w]),
            setting.min_replicas[w],
            setting.max_replicas[w],
        )
        for w in range(WORKLOADS)
    ]
    desired = random.integers(0, 30, (WORKLOADS, 3)).astype(float)
    changes = 0
    for step in range(40):
        late = random.integers(-4, 5, desired.shape) * (random.random(desired.shape) < 0.5)
        state = ReplicaState(
            now_s=15.0 * step,
            desired=desired,
            ready=np.maximum(0.0, desired - late),
            starting=np.maximum(0.0, late),
        )
        wanted = random.choice([np.nan, np.inf, 0.0, *random.uniform(0.0, 60.0, 6)], WORKLOADS)
        at_least = random.choice([np.nan, np.nan, *random.uniform(0.0, 60.0, 2)], WORKLOADS)
        found = scaler.decide(wanted, state, at_least if step % 2 else None).replicas
        for w, each in enumerate(alone):
            least = float(at_least[w]) if step % 2 else np.nan
            expected = each.decide(float(wanted[w]), least, state.now_s, desired[w], state.ready[w])
            assert found[w].tolist() == expected
        changes += int((found != desired).sum())
        desired = found
    assert changes > 20
