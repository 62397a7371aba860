"""Sizes that are whole, in range and never NaN."""

import math

import numpy as np
from numpy.typing import NDArray

from heteroplan.simulation.policies.policy import PolicySetting
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.signals import AGGREGATED, DECODE, PREFILL, ROLES

_ROUNDING = 1e-9
"""Replicas by which a float may miss the whole number that it stands for."""


def whole(replicas: float) -> float:
    """The least whole number that is not less, but for rounding; infinity stays."""
    return float(math.ceil(replicas - _ROUNDING)) if math.isfinite(replicas) else replicas


def wholes(replicas: Floats) -> Floats:
    """`whole` of each of an array; NaN stays as well."""
    return np.ceil(replicas - _ROUNDING)


def in_use(setting: PolicySetting) -> NDArray[np.bool_]:
    """[W, role] whether the workload is served by the role."""
    used = np.zeros((len(setting.split), len(ROLES)), dtype=np.bool_)
    used[:, PREFILL] = used[:, DECODE] = setting.split
    used[:, AGGREGATED] = ~setting.split
    return used


def bounded(setting: PolicySetting, desired: Floats, last: Floats) -> Floats:
    """[W, role] `desired` as whole replicas within the least and the most of the setting.

    Where it is NaN, `last` holds; roles that a workload does not use get 0.
    """
    kept = np.where(np.isnan(desired), last, desired)
    kept = np.where(np.isnan(kept), setting.min_replicas, kept)
    sizes = np.maximum(wholes(kept), setting.min_replicas)
    sizes = np.minimum(sizes, setting.max_replicas)
    return np.where(in_use(setting), sizes, 0.0)
