"""What is reported of a signal study."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from heteroplan.simulation.requests import Floats


class Verdict(StrEnum):
    """What the simulation says of a finding."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    ASSUMED = "assumed"
    """It follows from an assumption that was put in, and says nothing."""


@dataclass(frozen=True, slots=True)
class SignalCurve:
    """One signal over the load; arrays [load]. Figures are of the loads up to capacity.

    NaN where a figure is not defined, as the correlation of what never changes.
    """

    name: str
    unit: str
    assumed: bool
    """Whether it rests on an assumption about GPUs (`metrics.SM_FLOOR`)."""
    means: Floats
    """Of the samples."""
    deviations: Floats
    """Standard deviations of the samples."""
    correlation: float
    """Pearson's, of the means with the load."""
    rank_correlation: float
    """Spearman's."""
    rising: float
    """Share of the steps of load at which the mean rises."""
    signal_to_noise: float
    """Change with 10 % of load over the deviation of a sample."""
    at_half: float
    """Mean at half of the full load over that at full load."""
    scales_in: bool
    """Whether a target set at full load and half of that load make a policy scale in."""
    scales_in_at: float | None
    """The greatest load of the study at which it would; None where there is none."""


@dataclass(frozen=True, slots=True)
class CacheStudy:
    """Prefill tokens/s with and without hits of the prefix cache, at several hit rates and loads.

    Arrays [case].
    """

    loads: Floats
    hit_rates: Floats
    all_tokens_per_s: Floats
    """Prompt tokens, those found in the prefix cache included."""
    missed_tokens_per_s: Floats
    busy: Floats
    """GPU utilization of prefill: the work that there is."""
    all_correlation: float
    """Pearson's, of all prompt tokens/s with the work."""
    missed_correlation: float
    """Pearson's, of missed tokens/s with the work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A finding of the paper, and what came out here."""

    paper: str
    verdict: Verdict
    here: str
    """With the figures that decide."""


@dataclass(frozen=True, slots=True)
class SignalStudy:
    """Signals of one workload on a fixed number of replicas at several loads."""

    scenario: str
    plan_id: str | None
    workload: str
    replicas: Mapping[str, int]
    """By engine and node type, as `h1p on h100x8`."""
    capacity_rps: float
    """Of these replicas at the SLO: load 1."""
    seed: int
    run_s: float
    """Simulated at each load [s]."""
    settling_s: float
    """Of these, before the first sample [s]."""
    sample_s: float
    in_threshold: float
    """A policy scales in where a signal is this share below its target."""
    loads: Floats
    """[load] share of capacity."""
    in_time: Floats
    """[load] share of requests that kept the SLO."""
    curves: tuple[SignalCurve, ...]
    """The eight signals."""
    cache: CacheStudy
    findings: tuple[Finding, ...]
    requests: int
    """Simulated in all."""
    seconds: float
    """CPU seconds spent simulating [s]."""
