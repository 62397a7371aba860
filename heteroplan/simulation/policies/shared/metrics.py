"""What policies may scale on: metrics by name, and what a replica bears of each at the SLO."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heteroplan.profiles.capacity.targets import absolute_slo
from heteroplan.simulation.policies.policy import PolicySetting
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ROLES, Signals


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure that monitoring gives of each workload and role."""

    total: bool
    """A sum over replicas, such as tokens/s; otherwise a mean of them, such as utilization."""
    leads: int
    """Role whose size follows from it where one signal sets both: `PREFILL` or `DECODE`."""
    read: Callable[[Signals, NDArray[np.bool_]], Floats]
    """[W, role] from the signals and which workloads are split."""
    at_capacity: Callable[[PolicySetting], Floats]
    """[W, role] of a reference replica that is loaded as far as the SLO allows."""

    def per_replica(self, signals: Signals, split: NDArray[np.bool_], ready: Floats) -> Floats:
        """[W, role] mean over the ready replicas; NaN where none is ready."""
        value = self.read(signals, split)
        if not self.total:
            return np.where(ready > 0.0, value, np.nan)
        return value / np.where(ready > 0.0, ready, np.nan)

    def summed(self, signals: Signals, split: NDArray[np.bool_], ready: Floats) -> Floats:
        """[W, role] over all ready replicas."""
        value = self.read(signals, split)
        return value if self.total else value * ready

    def targets(self, setting: PolicySetting, share: float, prefill_factor: float = 1.0) -> Floats:
        """[W, role] a replica: a share of what it bears at the SLO, of prefill ones times more."""
        targets = share * self.at_capacity(setting)
        targets[:, PREFILL] *= prefill_factor
        return targets

    def wanted(
        self, signals: Signals, setting: PolicySetting, share: float, ready: Floats
    ) -> Floats:
        """[W, role] replicas that bear it at a share of capacity; NaN where nothing was measured.

        Infinite where a replica bears nothing within the SLO.
        """
        summed = self.summed(signals, setting.split, ready)
        return per_target(summed, self.targets(setting, share))


def per_target(value: Floats, target: Floats) -> Floats:
    """Infinite where a value meets a target of 0; NaN where both are 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found: Floats = value / target
    return found


def _of_workload(values: Floats) -> Floats:
    """[W] the same for all roles."""
    return np.repeat(values[:, None], len(ROLES), axis=1)


def _of_role(values: Floats, split: NDArray[np.bool_], role: int) -> Floats:
    """[W, role] that of one role for all; of aggregated replicas where there are no others."""
    return _of_workload(np.where(split, values[:, role], values[:, AGGREGATED]))


def _full(setting: PolicySetting) -> Floats:
    return np.ones_like(setting.capacity_rps)


def _ttft_slo(setting: PolicySetting) -> Floats:
    return _of_workload(
        np.array([absolute_slo(load).ttft_ms for load in setting.scenario.workloads])
    )


def _itl_slo(setting: PolicySetting) -> Floats:
    return _of_workload(
        np.array([absolute_slo(load).itl_ms for load in setting.scenario.workloads])
    )


def _concurrency(setting: PolicySetting) -> Floats:
    """By Little's law: time in prefill, and that of decode.

    Our choice: TTFT is spread as an exponential law that just meets its percentile, so its mean is
    the target over ln(1 / (1 - percentile)); decode steps take what the SLO allows.
    """
    percentile = np.array([load.slo.percentile for load in setting.scenario.workloads])
    seconds = np.zeros_like(setting.capacity_rps)
    seconds[:, PREFILL] = _ttft_slo(setting)[:, 0] / 1e3 / -np.log1p(-percentile)
    seconds[:, DECODE] = setting.osl * _itl_slo(setting)[:, 0] / 1e3
    seconds[:, AGGREGATED] = seconds[:, PREFILL] + seconds[:, DECODE]
    return setting.capacity_rps * seconds


def _utilization(role: int | None) -> Metric:
    """GPU utilization of each role, or of one."""
    return Metric(
        total=False,
        leads=DECODE if role is None else role,
        read=lambda s, split: s.busy if role is None else _of_role(s.busy, split, role),
        at_capacity=_full,
    )


def _sm_activity(role: int | None) -> Metric:
    """SM activity of each role, or of one."""
    return Metric(
        total=False,
        leads=DECODE if role is None else role,
        read=lambda s, split: (
            s.sm_activity if role is None else _of_role(s.sm_activity, split, role)
        ),
        at_capacity=_full,
    )


METRICS: Mapping[str, Metric] = {
    "decode_tokens_per_s": Metric(
        total=True,
        leads=DECODE,
        read=lambda s, _: _of_workload(s.decode_tokens_per_s),
        at_capacity=lambda setting: setting.capacity_rps * setting.osl[:, None],
    ),
    "prefill_tokens_per_s": Metric(
        total=True,
        leads=PREFILL,
        read=lambda s, _: _of_workload(s.prefill_tokens_per_s),
        at_capacity=lambda setting: setting.capacity_rps * setting.missed[:, None],
    ),
    "decode_gpu_utilization": _utilization(DECODE),
    "prefill_gpu_utilization": _utilization(PREFILL),
    "decode_sm_activity": _sm_activity(DECODE),
    "prefill_sm_activity": _sm_activity(PREFILL),
    "ttft_ms": Metric(
        total=False,
        leads=PREFILL,
        read=lambda s, _: _of_workload(s.ttft_ms),
        at_capacity=_ttft_slo,
    ),
    "itl_ms": Metric(
        total=False,
        leads=DECODE,
        read=lambda s, _: _of_workload(s.itl_ms),
        at_capacity=_itl_slo,
    ),
    "gpu_utilization": _utilization(None),
    "sm_activity": _sm_activity(None),
    "kv_used": Metric(total=False, leads=DECODE, read=lambda s, _: s.kv_used, at_capacity=_full),
    "concurrency": Metric(
        total=True, leads=DECODE, read=lambda s, _: s.concurrency, at_capacity=_concurrency
    ),
    "requests_per_s": Metric(
        total=True,
        leads=DECODE,
        read=lambda s, _: _of_workload(s.arrived_rps),
        at_capacity=lambda setting: setting.capacity_rps,
    ),
}
"""By name. Each is read for every role; a total of the workload is the same for all of them."""

EIGHT_SIGNALS = tuple(METRICS)[:8]
"""HeteroScale's, of which one sets both roles."""
PER_ROLE = (
    "gpu_utilization",
    "sm_activity",
    "kv_used",
    "concurrency",
    "requests_per_s",
    "decode_tokens_per_s",
    "prefill_tokens_per_s",
    "ttft_ms",
    "itl_ms",
)
"""For policies that size each role by itself."""
