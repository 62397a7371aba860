"""HeteroScale's findings on its signals, one by one, and whether the simulation gives them.

Source: arXiv 2508.19559. What flat, a cliff and tracking are in numbers is our choice.
"""

from collections.abc import Mapping

import numpy as np

from heteroplan.simulation.figures.metrics import SM_FLOOR
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.study.results import CacheStudy, Finding, SignalCurve, Verdict

BUSY = 0.93
"""Least decode GPU utilization that the paper saw."""
TRACKS = 0.99
"""Least correlation of a signal that tracks load."""
MISLEADS = 0.95
"""Most correlation with the work of a signal that does not count."""
CLIFF = 2.0
"""A signal falls off a cliff where one step of load multiplies it by this."""
ROUNDING = 1e-9


def findings(
    loads: Floats, curves: Mapping[str, SignalCurve], cache: CacheStudy, in_threshold: float
) -> tuple[Finding, ...]:
    """Of the eight signals by their names in `policies.shared.metrics`."""
    return (
        _busy(loads, curves["decode_gpu_utilization"]),
        _floor(loads, curves["decode_sm_activity"]),
        _cliff(loads, curves["ttft_ms"], in_threshold),
        _cliff(loads, curves["itl_ms"], in_threshold),
        _tracks(curves["decode_tokens_per_s"]),
        _tracks(curves["prefill_tokens_per_s"]),
        _cached(cache),
    )


def _busy(loads: Floats, of: SignalCurve) -> Finding:
    upper = of.means[(loads >= 0.5 - ROUNDING) & (loads <= 1.0 + ROUNDING)]
    stays = bool(np.all(upper >= BUSY)) and not of.scales_in
    return Finding(
        "Decode GPU utilization stays at 0.93 to 1.0 while load halves: never scales in",
        _verdict(stays),
        f"{upper.min():.3f} to {upper.max():.3f} from half to full load; "
        f"{of.means[0]:.3f} at {_share(loads[0])}",
    )


def _floor(loads: Floats, of: SignalCurve) -> Finding:
    full = of.means[np.argmin(np.abs(loads - 1.0))]
    return Finding(
        "Decode SM activity has a floor near 0.78: never scales in",
        Verdict.ASSUMED,
        f"the floor of {SM_FLOOR:g} of a GPU that decodes is put in, not simulated; with it "
        f"{of.means[0]:.2f} at {_share(loads[0])}, {full:.2f} at full load",
    )


def _cliff(loads: Floats, of: SignalCurve, in_threshold: float) -> Finding:
    """Flat: half the load changes it less than hysteresis hides. A cliff: it doubles in a step."""
    steps = of.means[1:] / of.means[:-1]
    falls = np.flatnonzero(steps >= CLIFF)
    flat = of.at_half >= 1.0 - in_threshold
    if len(falls):
        first = int(falls[0])
        cliff = (
            f"times {steps[first]:.3g} from {_share(loads[first])} to {_share(loads[first + 1])}"
        )
    else:
        cliff = f"no step of load doubles it up to {_share(loads[-1])}"
    at_full = int(np.argmin(np.abs(loads - 1.0)))
    return Finding(
        f"{of.name} is flat and then a cliff",
        _verdict(flat and len(falls) > 0 and bool(loads[falls[0]] >= 0.5)),
        f"{of.means[0]:.0f} {of.unit} at {_share(loads[0])} and {of.means[at_full]:.0f} at full "
        f"load, at half load {100 * of.at_half:.0f} % of that; {cliff}",
    )


def _tracks(of: SignalCurve) -> Finding:
    return Finding(
        f"{of.name} tracks load",
        _verdict(of.correlation >= TRACKS and of.rising == 1.0 and of.scales_in),
        f"correlation {of.correlation:.4f}, rises at {100 * of.rising:.0f} % of the steps, at half "
        f"load {100 * of.at_half:.0f} % of that at full load",
    )


def _cached(cache: CacheStudy) -> Finding:
    counts = cache.missed_correlation >= TRACKS and cache.all_correlation <= MISLEADS
    return Finding(
        "Only prefill tokens that the prefix cache missed count",
        _verdict(counts),
        f"with hit rates of {cache.hit_rates.min():.2f} to {cache.hit_rates.max():.2f}, missed "
        f"tokens/s correlate {cache.missed_correlation:.4f} with the time that prefill GPUs are "
        f"busy, all prompt tokens/s {cache.all_correlation:.2f}",
    )


def _verdict(holds: bool) -> Verdict:
    return Verdict.REPRODUCED if holds else Verdict.NOT_REPRODUCED


def _share(load: float) -> str:
    return f"{100 * load:.0f} % load"
