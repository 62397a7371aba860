"""What end-to-end readers have in common: which runs say something, and what is noted."""

from collections.abc import Sequence

from heteroplan.profiles.measurement import Run
from heteroplan.profiles.readers.file_measurements import FileMeasurements
from heteroplan.units import MS_PER_S

SATURATED_MS = 60_000.0
"""TTFT above which a run shows the length of its queue and nothing of the engine [ms]."""


def in_flight(rate_rps: float, ttft_ms: float, tpot_ms: float, osl: float) -> float:
    """Requests in flight at a rate, by Little's law."""
    return rate_rps * (ttft_ms + tpot_ms * (osl - 1.0)) / MS_PER_S


def reading(
    runs: Sequence[Run], notes: Sequence[str] = (), *, failed: int = 0, model: str | None = None
) -> FileMeasurements:
    """The runs without saturated ones; `failed` is the number of requests that failed in them."""
    kept = tuple(run for run in runs if run.ttft_ms <= SATURATED_MS)
    all_notes = list(notes)
    if len(kept) < len(runs):
        seconds = SATURATED_MS / 1000
        all_notes.append(f"left out {len(runs) - len(kept)} runs with a TTFT above {seconds:g} s")
    if failed:
        all_notes.append(f"{failed} requests failed; times are of those that did not")
    return FileMeasurements(notes=tuple(all_notes), runs=kept, model=model)
