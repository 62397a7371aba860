"""The whole study: sweep, curves, the prefix cache, findings."""

from collections.abc import Sequence

import numpy as np

from heteroplan.simulation.policies.proportional import ProportionalOptions
from heteroplan.simulation.run import Progress
from heteroplan.simulation.study.curves import correlation, curve
from heteroplan.simulation.study.findings import findings
from heteroplan.simulation.study.results import CacheStudy, SignalCurve, SignalStudy
from heteroplan.simulation.study.station import Station
from heteroplan.simulation.study.sweep import (
    CACHE_LOADS,
    CACHE_MISSES,
    LOADS,
    SAMPLE_S,
    Case,
    Samples,
    Sweep,
    mean_hit_rate,
    swept,
)

SIGNALS = {
    "prefill_tokens_per_s": ("prefill TPS", "tokens/s"),
    "decode_tokens_per_s": ("decode TPS", "tokens/s"),
    "prefill_gpu_utilization": ("prefill GPU utilization", ""),
    "decode_gpu_utilization": ("decode GPU utilization", ""),
    "prefill_sm_activity": ("prefill SM activity", ""),
    "decode_sm_activity": ("decode SM activity", ""),
    "ttft_ms": ("TTFT", "ms"),
    "itl_ms": ("TBT", "ms"),
}
"""By their names in `METRICS`: as people call them, and their units."""
ASSUMED = ("prefill_sm_activity", "decode_sm_activity")


def studied(
    station: Station, sweep: Sweep, *, plan_id: str | None, jobs: int, progress: Progress
) -> SignalStudy:
    """The eight signals of the station's workload, and HeteroScale's findings."""
    in_threshold = ProportionalOptions().in_threshold
    usual = [Case(load) for load in LOADS]
    cached = [Case(load, misses) for load in CACHE_LOADS for misses in CACHE_MISSES]
    cases = list(dict.fromkeys([*usual, *cached]))
    seen = swept(station, cases, sweep, jobs=jobs, progress=progress)
    found = dict(zip(cases, seen, strict=True))
    samples = [found[case] for case in usual]
    loads = np.array(LOADS)
    curves: dict[str, SignalCurve] = {}
    for key, (name, unit) in SIGNALS.items():
        values = [each.signals[key] for each in samples]
        curves[key] = curve(
            name, unit, loads, values, in_threshold=in_threshold, assumed=key in ASSUMED
        )
    cache = _cache(station, cached, [found[case] for case in cached])
    return SignalStudy(
        scenario=station.scenario.name,
        plan_id=plan_id,
        workload=station.scenario.workloads[0].name,
        replicas=station.counts(),
        capacity_rps=station.capacity_rps,
        seed=sweep.seed,
        run_s=sweep.run_s,
        settling_s=sweep.settling_s,
        sample_s=SAMPLE_S,
        in_threshold=in_threshold,
        loads=loads,
        in_time=np.array([each.in_time for each in samples]),
        curves=tuple(curves.values()),
        cache=cache,
        findings=findings(loads, curves, cache, in_threshold),
        requests=sum(each.requests for each in found.values()),
        seconds=sum(each.seconds for each in found.values()),
    )


def _cache(station: Station, cases: Sequence[Case], samples: Sequence[Samples]) -> CacheStudy:
    every = np.array([each.all_tokens_per_s.mean() for each in samples])
    missed = np.array([each.signals["prefill_tokens_per_s"].mean() for each in samples])
    busy = np.array([each.signals["prefill_gpu_utilization"].mean() for each in samples])
    return CacheStudy(
        loads=np.array([each.load for each in cases]),
        hit_rates=np.array([mean_hit_rate(station, each.misses) for each in cases]),
        all_tokens_per_s=every,
        missed_tokens_per_s=missed,
        busy=busy,
        all_correlation=correlation(every, busy),
        missed_correlation=correlation(missed, busy),
    )
