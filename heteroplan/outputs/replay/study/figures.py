"""The tables and sentences of a signal study, as terminal and page show them."""

from collections import Counter
from collections.abc import Iterable
from math import isfinite

import numpy as np

from heteroplan.outputs.replay.figures import UNKNOWN, Column
from heteroplan.outputs.shared.words import figure, rate
from heteroplan.simulation.study.results import SignalCurve, SignalStudy, Verdict
from heteroplan.text import counted

ASSUMED = "*"
"""Stands behind signals that rest on an assumption."""
_RANKS = {0.1: 0, 0.5: 0, 1.0: 0, 1.2: 3, 1.5: 6, 2.0: 5}
"""Of the columns of loads; the others go first."""
_LAST = 9


def heading(study: SignalStudy) -> str:
    """What was studied."""
    replicas = " and ".join(f"{n} {name}" for name, n in study.replicas.items())
    return f"signals of {study.workload} on {replicas}"


def setting_sentence(study: SignalStudy) -> str:
    """What load is, and how it was sampled."""
    return (
        f"Full load, 100 %, is {rate(study.capacity_rps)}: what these replicas serve at the SLO. "
        f"At each load {study.run_s / 60:g} min were simulated, the first "
        f"{study.settling_s / 60:g} min left out; signals are means of samples of "
        f"{study.sample_s:g} s."
    )


def columns_sentence(study: SignalStudy) -> str:
    """What the columns of the table are."""
    return (
        "r: Pearson's correlation with load; S/N: change with 10 % of load over the deviation of "
        "a sample; rises: share of the steps of load; rank r: Spearman's; these up to full load. "
        "half: signal at half load over that at full load; scales in: whether a policy with its "
        f"target at full load and hysteresis of {study.in_threshold:g} wants fewer replicas at "
        "half load; at: the greatest load of the study at which it does."
        + (f" {ASSUMED} follows from an assumption, not from the simulation." if _assumes(study)
           else "")
    )  # fmt: skip


def verdict(study: SignalStudy) -> str:
    """How many of the paper's findings come out."""
    counts = Counter(each.verdict for each in study.findings)
    tested = len(study.findings) - counts[Verdict.ASSUMED]
    found = (
        f"{counts[Verdict.REPRODUCED]} of {counted(tested, 'finding')} of the paper come out of "
        "the simulation"
    )
    missed = [each.paper for each in study.findings if each.verdict is Verdict.NOT_REPRODUCED]
    but = f"; not: {'; '.join(missed)}" if missed else ""
    more = f"; {counts[Verdict.ASSUMED]} more was put in" if counts[Verdict.ASSUMED] else ""
    return f"{found}{but}{more}."


def speed_sentence(study: SignalStudy) -> str:
    """How it was simulated."""
    return (
        f"Simulated request by request with seed {study.seed}: {counted(study.requests, 'request')}"
        f" in {figure(study.seconds)} CPU seconds."
    )


def signal_columns(study: SignalStudy) -> list[Column]:
    """A row a signal, its name first."""
    curves = study.curves

    def column(head: str, rank: int, cells: Iterable[str]) -> Column:
        return Column(head, tuple(cells), rank)

    loads = [
        column(
            f"{100 * load:.0f} %",
            _RANKS.get(round(float(load), 6), _LAST),
            (value_text(each.means[n], each.unit) for each in curves),
        )
        for n, load in enumerate(study.loads)
    ]
    return [
        column("signal", 0, (name_text(each) for each in curves)),
        column("unit", 4, (each.unit or "share" for each in curves)),
        *loads,
        column("r", 0, (_ratio(each.correlation, 3) for each in curves)),
        column("rank r", 7, (_ratio(each.rank_correlation, 2) for each in curves)),
        column("S/N", 0, (_ratio(each.signal_to_noise, 2) for each in curves)),
        column("rises\n%", 1, (f"{100 * each.rising:.0f}" for each in curves)),
        column("half\n%", 0, (_ratio(100 * each.at_half, 0) for each in curves)),
        column("scales\nin", 0, ("yes" if each.scales_in else "no" for each in curves)),
        column("at", 2, (_at(each) for each in curves)),
    ]


def cache_columns(study: SignalStudy) -> list[Column]:
    """A row a load and hit rate of the prefix cache."""
    cache = study.cache
    return [
        Column("load %", tuple(f"{100 * each:.0f}" for each in cache.loads), 0),
        Column("hit rate\n%", tuple(f"{100 * each:.0f}" for each in cache.hit_rates), 0),
        Column("prefill TPS,\nhits included", tuple(map(figure, cache.all_tokens_per_s)), 0),
        Column("prefill TPS,\nmissed", tuple(map(figure, cache.missed_tokens_per_s)), 0),
        Column("prefill GPU\nutilization", tuple(f"{each:.2f}" for each in cache.busy), 0),
    ]


def in_time_sentence(study: SignalStudy) -> str:
    """Up to which load the SLO was kept."""
    shares = ", ".join(
        f"{100 * share:.1f} % at {100 * load:.0f} % load"
        for load, share in zip(study.loads, study.in_time, strict=True)
        if np.isclose(load, (0.5, 1.0, 1.1, 1.2, 1.3)).any()
    )
    return f"Requests in time: {shares}."


def name_text(curve: SignalCurve) -> str:
    """Its name, marked where it is assumed."""
    return f"{curve.name} {ASSUMED}" if curve.assumed else curve.name


def value_text(value: float, unit: str) -> str:
    """In three digits; shares with two after the point."""
    if not isfinite(value):
        return UNKNOWN
    return figure(value) if unit else f"{value:.2f}"


def _ratio(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if isfinite(value) else UNKNOWN


def _at(curve: SignalCurve) -> str:
    return "never" if curve.scales_in_at is None else f"{100 * curve.scales_in_at:.0f} %"


def _assumes(study: SignalStudy) -> bool:
    return any(each.assumed for each in study.curves)
