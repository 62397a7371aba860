"""Prompts of a mix that an aggregated replica prefills, and their targets."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from heteroplan.entities.workload import RequestClass
from heteroplan.profiles.capacity.latency import prefill_ms, step_ms
from heteroplan.profiles.capacity.prefill import coefficients, lengths
from heteroplan.profiles.capacity.setting import Setting
from heteroplan.profiles.capacity.steps import decode_coefficients
from heteroplan.profiles.capacity.targets import is_joint, slo_of, ttft_target_ms

if TYPE_CHECKING:
    from heteroplan.queueing.waiting import Floats

GROUPS = 12
"""Of prompts by their prefill time."""


@dataclass(frozen=True, eq=False)
class MixedPrompts:
    """Prompts of a mix and their targets; arrays [prompt]."""

    joint: bool
    """Whether one percentile is of TTFT and ITL both."""
    shares: "Floats"
    """Of the requests; sum to 1."""
    tokens: "Floats"
    """To compute."""
    own_ms: "Floats"
    """Prefill time of one alone."""
    first_ms: "Floats"
    """TTFT with nobody waiting but for a decode step."""
    targets_ms: "Floats"
    percentiles: "Floats"
    """Share of the requests of a class that are to be in time."""

    @classmethod
    def of(cls, setting: Setting) -> "MixedPrompts":
        """Those of the mix of `setting`."""
        import numpy as np

        joint = all(is_joint(each) for each in (setting.slo, *(of.slo for of in setting.mix)))
        rows = [
            (
                shape.share * share,
                shape.missed_tokens * length,
                prefill_ms(coefficients(setting), shape.missed_tokens * length),
                alone_ms(setting, shape.missed_tokens * length, 0.0),
                target_ms(setting, shape, shape.missed_tokens * length),
                slo_of(setting, shape).percentile if joint else slo_of(setting, shape).ttft_share,
            )
            for shape in setting.mix
            for share, length in lengths(shape.isl_cv or 0.0)
        ]
        shares, *others = np.array(rows).T
        return cls(joint, shares / shares.sum(), *others)

    @cached_property
    def mean_ms(self) -> float:
        """Prefill time of one alone."""
        return float(self.shares @ self.own_ms)

    @cached_property
    def coarse(self) -> "tuple[Floats, Floats]":
        """[group] shares of prompts of about one prefill time, and their mean time [ms]."""
        import numpy as np

        ends_ms = np.geomspace(self.own_ms.min(), self.own_ms.max(), GROUPS)
        group = np.searchsorted(ends_ms, self.own_ms)
        shares = np.bincount(group, self.shares)
        held = shares > 0.0
        return shares[held], np.bincount(group, self.shares * self.own_ms)[held] / shares[held]

    @cached_property
    def alike(self) -> "dict[float, Floats]":
        """By percentile the shares of the requests that have it, 0 for all others."""
        import numpy as np

        found = {}
        for percentile in dict.fromkeys(self.percentiles.tolist()):
            shares = np.where(self.percentiles == percentile, self.shares, 0.0)
            found[percentile] = shares / shares.sum()
        return found


def target_ms(setting: Setting, shape: RequestClass, tokens: float) -> float:
    """Longest TTFT of a prompt of so many tokens [ms]."""
    step_alone_ms = step_ms(decode_coefficients(setting.engine), 1.0, shape.isl)
    return ttft_target_ms(setting, shape, alone_ms(setting, tokens, step_alone_ms))


def alone_ms(setting: Setting, tokens: float, itl_ms: float) -> float:
    """TTFT of a prompt of so many tokens with nobody waiting [ms]."""
    measured = setting.engine.ttft
    if measured is None:
        return prefill_ms(coefficients(setting), tokens) + itl_ms
    return measured.base_ms + measured.ms_per_token * tokens
