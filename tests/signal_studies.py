"""A signal study and a stress test made by hand, and the small system that both can run on."""

from dataclasses import replace

import numpy as np

from heteroplan.entities.slo import Slo
from heteroplan.entities.workload import DecodeCoefficients, PrefillCoefficients, RequestClass, Role
from heteroplan.simulation.events.simulator import SimulatorOptions
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.results import IntervalTable
from heteroplan.simulation.stress.results import Criterion, Stress, StressLimit, Stressor, StressRun
from heteroplan.simulation.stress.stressed import stress_run
from heteroplan.simulation.study.curves import curve
from heteroplan.simulation.study.findings import findings
from heteroplan.simulation.study.results import CacheStudy, SignalCurve, SignalStudy
from heteroplan.simulation.study.station import Station, station
from heteroplan.simulation.study.studied import ASSUMED, SIGNALS
from heteroplan.simulation.study.sweep import LOADS, Sweep
from tests import builders, replays

PREFILL_MS, STEP_MS = 50.0, 20.0
"""Of any prompt, and of any decode step."""
REQUEST = RequestClass(name="all", share=1.0, isl=1000.0, osl=50.0, prefix_hit_rate=0.3)
CAPACITY_RPS = 10.0
"""At which a replica is planned: prefill is then busy half of the time."""


def small_station(prefill: float = 1.0, decode: float = 1.0) -> Station:
    """Replicas with times that do not depend on the request."""
    first = replace(
        builders.engine("prefill", role=Role.PREFILL),
        capacity_rps=None,
        prefill=PrefillCoefficients(PREFILL_MS, 0.0, 0.0),
    )
    then = replace(
        builders.engine("decode", role=Role.DECODE),
        capacity_rps=None,
        decode=DecodeCoefficients(STEP_MS, 0.0, 0.0),
        max_sequences=64,
    )
    load = replace(
        builders.workload(rps=(10.0,), engines=(first, then), classes=(REQUEST,)),
        slo=Slo(ttft_ms=1000.0, itl_ms=60.0, percentile=0.95),
    )
    scenario = builders.scenario([load])
    rated = replace(
        scenario,
        workloads=(
            replace(
                load,
                profile=replace(
                    load.profile,
                    engines=tuple(replace(e, capacity_rps=CAPACITY_RPS) for e in (first, then)),
                ),
            ),
        ),
    )
    own = {engine.name: engine for engine in (first, then)}
    candidates = [
        replace(each, engine=own[each.engine.name]) for each in builders.candidates(rated)
    ]
    return station(scenario, 0, candidates, np.array([prefill, decode, 0.0]))


def sweep(run_s: float = 600.0) -> Sweep:
    return Sweep(run_s, run_s / 4, 3, SimulatorOptions())


def made_curves(**values: Floats) -> dict[str, SignalCurve]:
    """Of all eight signals: in proportion to load but for those given; without noise but some."""
    loads = np.array(LOADS)
    found = {}
    for key, (name, unit) in SIGNALS.items():
        means = values.get(key, 100.0 * loads)
        samples = [np.array([mean - 1.0, mean + 1.0]) for mean in means]
        found[key] = curve(name, unit, loads, samples, in_threshold=0.2, assumed=key in ASSUMED)
    return found


def cache(missed: float = 1.0, every: float = 0.7) -> CacheStudy:
    return CacheStudy(
        loads=np.array([0.5, 0.5]),
        hit_rates=np.array([0.3, 0.65]),
        all_tokens_per_s=np.array([1000.0, 1000.0]),
        missed_tokens_per_s=np.array([700.0, 350.0]),
        busy=np.array([0.5, 0.25]),
        all_correlation=every,
        missed_correlation=missed,
    )


def study(workload: str = "chat") -> SignalStudy:
    """In which TTFT falls off a cliff and decode GPUs are always busy."""
    loads = np.array(LOADS)
    cliff = np.where(loads < 1.25, 200.0 + loads, 20_000.0)
    busy = np.full(len(loads), 0.99)
    curves = made_curves(ttft_ms=cliff, decode_gpu_utilization=busy)
    return SignalStudy(
        scenario="quickstart", plan_id="0123456789abcdef", workload=workload,
        replicas={"h1p on h100x8": 6, "a1d on a100x8": 10}, capacity_rps=27.0, seed=3,
        run_s=1200.0, settling_s=300.0, sample_s=15.0, in_threshold=0.2, loads=loads,
        in_time=np.where(loads < 1.15, 0.99, 0.1), curves=tuple(curves.values()), cache=cache(),
        findings=findings(loads, curves, cache(), 0.2), requests=1_000_000, seconds=12.0,
    )  # fmt: skip


def run(stressor: Stressor, factor: float, table: IntervalTable, *names: str) -> StressRun:
    """Of workloads whose SLO is 95 %."""
    return replace(
        stress_run(table, names, [0.95] * len(names)),
        stressor=stressor, factor=factor, gpu_hours=100.0, unfinished=3, seconds=1.0,
    )  # fmt: skip


def stress(*names: str) -> Stress:
    """Kept as planned; at 1.2 times the demand the first workload has 90 % in its last interval
    and 94 % in all; engine times break nothing."""
    names = names or ("chat", "code")
    idle = [[1000, 1000]] * (len(names) - 1)
    good = replays.intervals([[1000, 1000], *idle], [[990, 980], *idle])
    bad = replays.intervals([[1000, 1000], *idle], [[980, 900], *idle])
    runs = (
        run(Stressor.DEMAND, 1.0, good, *names),
        run(Stressor.DEMAND, 1.1, good, *names),
        run(Stressor.ENGINES, 1.5, good, *names),
        run(Stressor.STARTUP, 2.0, good, *names),
    )
    broken = run(Stressor.DEMAND, 1.2, bad, *names)
    made = replays.replay([replays.policy("plan", good)], workloads=names)
    return Stress(
        scenario="quickstart", plan_id="0123456789abcdef", policy="plan", seed=7,
        start=made.start, interval_s=3600, duration_s=7200.0,
        percentiles=dict.fromkeys(names, 0.95), runs=runs, searched=(broken,),
        limits=(
            StressLimit(Stressor.DEMAND, Criterion.WHOLE, 1.19, broken),
            StressLimit(Stressor.DEMAND, Criterion.INTERVAL, 1.1, broken),
            StressLimit(Stressor.ENGINES, Criterion.WHOLE, 4.0, None),
            StressLimit(Stressor.ENGINES, Criterion.INTERVAL, 4.0, None),
        ),
        notes=("requests are drawn",),
    )  # fmt: skip
