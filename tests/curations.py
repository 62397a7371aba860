"""Curations and calibrations made by hand: consistent enough to show."""

from datetime import datetime
from zoneinfo import ZoneInfo

from heteroplan.entities.workload import Role
from heteroplan.simulation.curation.calibrate import Calibration, Correction, Skipped
from heteroplan.simulation.curation.figures import PartFigures
from heteroplan.simulation.curation.pressure import PressureTest, SplitTest
from heteroplan.simulation.curation.results import Candidate, Curated, Curation
from heteroplan.simulation.curation.search import Point, Score, Trial


def candidate(gpu_hours: float, in_time: int = 980, options: Point | None = None) -> Candidate:
    """Of 1000 requests in each part, at 2 USD a GPU-hour."""
    part = PartFigures(gpu_hours, 2 * gpu_hours, (1000,), (in_time,))
    return Candidate(options or {}, part, part)


def fixed(name: str, gpu_hours: float) -> Curated:
    """A policy without options to search."""
    same = candidate(gpu_hours)
    return Curated(name, same, same, ())


def curated(name: str, given: Candidate, found: Candidate) -> Curated:
    trials = (Trial(given.options, Score(0.0, 1.0)), Trial(found.options, Score(0.0, 0.5)))
    return Curated(name, given, found, trials)


HPA = "hpa:metric=decode_tokens_per_s"
GIVEN = candidate(100.0, options={"target_share": 0.8, "tolerance": 0.1})
FOUND = candidate(75.0, options={"target_share": 1.1, "tolerance": 0.05})
SPLIT = SplitTest(8, 8, promised_rps=80.0, rate_rps=90.0, amount=64.0, decode_tokens_per_s=2000.0)


def curation(*policies: Curated) -> Curation:
    """Half of a day is seen; SLO: 95 %."""
    return Curation(
        scenario="quickstart",
        objective="gpu_hours",
        plan_id="0123456789abcdef",
        seed=7,
        start=datetime(2026, 11, 23, tzinfo=ZoneInfo("UTC")),
        interval_s=3600,
        duration_s=86_400.0,
        cut=12,
        most_trials=2,
        workloads=("chat",),
        percentiles=(0.95,),
        ttft_slo_ms=(1000.0,),
        itl_slo_ms=(60.0,),
        tests=(PressureTest(0, "p", "d", (SPLIT,), planned_ratio=1.0, decode_rps=10.0),),
        policies=policies
        or (fixed("plan", 80.0), fixed("static_peak", 200.0), curated(HPA, GIVEN, FOUND)),
        notes=("requests are drawn",),
    )


CALIBRATION = Calibration(
    corrections=tuple(
        Correction("chat", engine, role, "h100x8", "mix", size, percentile, 10.0, rates)
        for engine, role, size, percentile, rates in (
            ("short-prefill", Role.PREFILL, 4, 0.9625, (7.9, 8.0, 8.1)),
            ("fair-decode", Role.DECODE, 8, 0.9875, (10.4, 10.5, 10.6)),
            ("spare-decode", Role.DECODE, 1, 0.9875, (19.9, 20.0, 20.1)),
        )
    ),
    skipped=(Skipped("chat", "half", "h100x8", "mix", "a half of a divided engine"),),
)
