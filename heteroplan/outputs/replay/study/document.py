"""The JSON of `replay --study signals --json` as a type."""

from typing import Literal

import numpy as np

from heteroplan import __version__
from heteroplan.inputs.schemas.base import Name, Text
from heteroplan.outputs.plan.document.parts import (
    Amount,
    AmountOrNone,
    Amounts,
    AmountsOrNone,
    Count,
    DocumentPart,
    NumberOrNone,
)
from heteroplan.outputs.plan.document.plan_document import PlanId
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.study.results import CacheStudy, Finding, SignalCurve, SignalStudy

SCHEMA_VERSION: Literal[1] = 1


class CurvePart(DocumentPart):
    """A signal over the loads; figures are of the loads up to capacity, null where undefined."""

    name: Text
    unit: str
    """Empty for shares."""
    assumed: bool
    """Whether it rests on an assumption about GPUs."""
    means: AmountsOrNone
    """One a load."""
    deviations: AmountsOrNone
    """Standard deviations of the samples, one a load."""
    correlation: NumberOrNone
    """Pearson's, with load."""
    rank_correlation: NumberOrNone
    """Spearman's, with load."""
    rising_fraction: Amount
    """Of the steps of load."""
    signal_to_noise: NumberOrNone
    """Change with 10 % of load over the deviation of a sample."""
    at_half_fraction: AmountOrNone
    """Mean at half load over that at full load."""
    scales_in: bool
    """Whether a policy with its target at full load scales in at half load."""
    scales_in_at: AmountOrNone
    """The greatest load at which it does; null where there is none."""


class CachePart(DocumentPart):
    """Prefill tokens/s with and without hits of the prefix cache, one value a case."""

    loads: Amounts
    hit_rates: Amounts
    all_tokens_per_s: Amounts
    missed_tokens_per_s: Amounts
    prefill_gpu_utilization: Amounts
    all_correlation: NumberOrNone
    """With the utilization."""
    missed_correlation: NumberOrNone


class FindingPart(DocumentPart):
    """A finding of the paper, and what came out."""

    paper: Text
    verdict: Literal["reproduced", "not reproduced", "assumed"]
    here: Text


class StudyDocument(DocumentPart):
    """What `replay --study signals --json` prints."""

    schema_version: Literal[1]
    heteroplan_version: Text
    scenario: Name
    plan_id: PlanId | None
    workload: Name
    replicas: dict[str, Count]
    """By engine and node type."""
    capacity_rps: Amount
    """At the SLO: load 1."""
    seed: int
    run_s: Amount
    """Simulated at each load."""
    settling_s: Amount
    """Of these, before the first sample."""
    sample_s: Amount
    in_threshold: Amount
    """A policy scales in where a signal is this share below its target."""
    requests: Count
    seconds: Amount
    """CPU seconds spent simulating. All that two like runs may differ in."""
    loads: Amounts
    """Shares of capacity."""
    in_time: AmountsOrNone
    """Share of requests that kept the SLO, one a load."""
    signals: tuple[CurvePart, ...]
    prefix_cache: CachePart
    findings: tuple[FindingPart, ...]


def document_of(study: SignalStudy) -> StudyDocument:
    """The study in the fields of its JSON, numbers rounded to 9 digits."""
    return StudyDocument(
        schema_version=SCHEMA_VERSION,
        heteroplan_version=__version__,
        scenario=study.scenario,
        plan_id=study.plan_id,
        workload=study.workload,
        replicas=dict(study.replicas),
        capacity_rps=study.capacity_rps,
        seed=study.seed,
        run_s=study.run_s,
        settling_s=study.settling_s,
        sample_s=study.sample_s,
        in_threshold=study.in_threshold,
        requests=study.requests,
        seconds=study.seconds,
        loads=tuple(study.loads.tolist()),
        in_time=_known(study.in_time),
        signals=tuple(map(_curve, study.curves)),
        prefix_cache=_cache(study.cache),
        findings=tuple(map(_finding, study.findings)),
    )


def _curve(curve: SignalCurve) -> CurvePart:
    return CurvePart(
        name=curve.name,
        unit=curve.unit,
        assumed=curve.assumed,
        means=_known(curve.means),
        deviations=_known(curve.deviations),
        correlation=_or_none(curve.correlation),
        rank_correlation=_or_none(curve.rank_correlation),
        rising_fraction=curve.rising,
        signal_to_noise=_or_none(curve.signal_to_noise),
        at_half_fraction=_or_none(curve.at_half),
        scales_in=curve.scales_in,
        scales_in_at=curve.scales_in_at,
    )


def _cache(cache: CacheStudy) -> CachePart:
    return CachePart(
        loads=tuple(cache.loads.tolist()),
        hit_rates=tuple(cache.hit_rates.tolist()),
        all_tokens_per_s=tuple(cache.all_tokens_per_s.tolist()),
        missed_tokens_per_s=tuple(cache.missed_tokens_per_s.tolist()),
        prefill_gpu_utilization=tuple(cache.busy.tolist()),
        all_correlation=_or_none(cache.all_correlation),
        missed_correlation=_or_none(cache.missed_correlation),
    )


def _finding(finding: Finding) -> FindingPart:
    return FindingPart(paper=finding.paper, verdict=finding.verdict.value, here=finding.here)


def _known(values: Floats) -> tuple[float | None, ...]:
    return tuple(map(_or_none, values.tolist()))


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
