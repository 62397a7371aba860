"""The table and sentences of a stress test, as terminal and page show them."""

from collections.abc import Iterable
from datetime import UTC, timedelta
from math import ceil

from heteroplan.outputs.replay.figures import UNKNOWN, Column, Kept, share_text
from heteroplan.outputs.shared.words import figure
from heteroplan.simulation.stress.results import (
    Cell,
    Criterion,
    Stress,
    StressLimit,
    Stressor,
    StressRun,
)
from heteroplan.text import counted, percent

_WORDS = {
    Stressor.DEMAND: "demand",
    Stressor.ENGINES: "prefill and step times",
    Stressor.STARTUP: "start-up times",
}
_DAY_S = 86_400


def heading(stress: Stress) -> str:
    """Such as `stress of plan, from 2026-11-23 00:00 Asia/Singapore on, 24 h, 1,234 requests`."""
    return (
        f"stress of {stress.policy}, from {stress.start:%Y-%m-%d %H:%M} {stress.start.tzinfo} on, "
        f"{figure(stress.duration_s / 3600)} h, {counted(stress.planned.requests, 'request')} as "
        "planned"
    )


def verdict(stress: Stress) -> tuple[Kept, str]:
    """How much worse than planned the SLO is kept, over the whole replay."""
    if stress.planned.short:
        kept = Kept.NOT
    else:
        kept = Kept.ON_THE_WHOLE if stress.planned.missed else Kept.ALWAYS
    parts = [_range(each) for each in stress.limits if each.criterion is Criterion.WHOLE]
    return kept, f"Over the whole replay {stress.policy} keeps the SLO {', and '.join(parts)}."


def limit_sentences(stress: Stress) -> list[str]:
    """Where the SLO first breaks, a sentence each."""
    return [_limit_sentence(stress, each) for each in stress.limits]


def table_sentence(stress: Stress) -> str:
    """What the columns are, and how it was simulated."""
    wanted = ", ".join(f"{name} {100 * p:g} %" for name, p in stress.percentiles.items())
    return (
        "One thing at a time is not as planned; the policy does not know of it. factor: on what "
        "was planned for; SLO: whether each workload reaches its percentile over the whole replay "
        f"({wanted}); missed: intervals of workloads in which it does not. Rejected and "
        f"unfinished requests are late. Simulated with seed {stress.seed} in "
        f"{figure(stress.seconds)} CPU seconds: {len(stress.runs) + len(stress.searched)} replays."
    )


def run_columns(stress: Stress, runs: Iterable[StressRun]) -> list[Column]:
    """A row a replay."""
    rows = list(runs)

    def column(head: str, rank: int, cells: Iterable[str]) -> Column:
        return Column(head, tuple(cells), rank)

    totals = {each.intervals for each in rows}
    of = f"\nof {totals.pop():,}" if len(totals) == 1 else ""
    return [
        column("what", 0, (what(each) for each in rows)),
        column("factor", 0, (f"{each.factor:g}" for each in rows)),
        column("SLO", 0, ("missed" if each.short else "kept" for each in rows)),
        column("least workload,\n% in time", 0, (least_text(stress, each) for each in rows)),
        column(f"missed{of}", 0, (f"{each.missed:,}" for each in rows)),
        column("first missed\ninterval", 1, (_cell(stress, each.first_missed) for each in rows)),
        column("worst\ninterval %", 2, (_worst(stress, each) for each in rows)),
        column("unfin-\nished", 3, (f"{each.unfinished:,}" for each in rows)),
        column("GPU-\nhours", 4, (f"{each.gpu_hours:,.1f}" for each in rows)),
        column("requests", 5, (f"{each.requests:,}" for each in rows)),
    ]


TEXTS = ("what", "SLO", "least workload,\n% in time", "first missed\ninterval")
"""Heads of columns of text."""


def what(run: StressRun) -> str:
    """What is not as planned."""
    return "as planned" if run.factor == 1.0 else run.stressor.value


def least_text(stress: Stress, run: StressRun) -> str:
    """The workload that is furthest from its percentile, or least above it."""
    if not run.shares:
        return UNKNOWN
    name = min(run.shares, key=lambda each: run.shares[each] - stress.percentiles[each])
    return f"{name} {share_text(run.shares[name])}"


def _range(limit: StressLimit) -> str:
    """Such as `up to 1.17 times the demand`."""
    words = _WORDS[limit.stressor]
    if limit.holds is None:
        least = UNKNOWN if limit.breaks is None else f"{limit.breaks.factor:g}"
        return f"not even at {least} times the {words}"
    if limit.breaks is None:
        return f"at {limit.holds:g} times the {words} too"
    return f"up to {limit.holds:g} times the {words}"


def _limit_sentence(stress: Stress, limit: StressLimit) -> str:
    whole = limit.criterion is Criterion.WHOLE
    where = "Over the whole replay" if whole else "In a single interval"
    words = _WORDS[limit.stressor]
    run = limit.breaks
    if run is None:
        return f"{where} the SLO holds at all {words} tried, up to {limit.holds:g} times."
    held = "nothing less holds" if limit.holds is None else f"{limit.holds:g} holds"
    if whole:
        name = run.short[0]
        said = f"{name} {_against(stress, name, run.shares[name])}"
        first = _cell(stress, run.first_missed)
        more = f"; the first interval that misses it is {first}"
    else:
        assert run.first_missed is not None
        cell = run.first_missed
        said = (
            f"{_cell(stress, cell)} {_against(stress, cell.workload, cell.share)} of "
            f"{counted(cell.requests, 'request')}"
        )
        more = f"; {run.missed:,} of {run.intervals:,} intervals miss it"
    return f"{where} the SLO breaks at {run.factor:g} times the {words} ({held}): {said}{more}."


def _against(stress: Stress, workload: str, share: float) -> str:
    """With another digit where one would hide the difference."""
    wanted = stress.percentiles[workload]
    digits = 1 if wanted - share >= 0.0005 else 3
    return f"{percent(share, digits)} ({100 * wanted:g} % wanted)"


def _cell(stress: Stress, cell: Cell | None) -> str:
    """When, and of which workload where there are several."""
    if cell is None:
        return UNKNOWN
    name = f" {cell.workload}" if len(stress.percentiles) > 1 else ""
    return f"{clock(stress, cell.interval)}{name}"


def clock(stress: Stress, interval: int) -> str:
    """When an interval begins, with the date in a replay of more than a day."""
    zone = stress.start.tzinfo
    moment = stress.start.astimezone(UTC) + timedelta(seconds=interval * stress.interval_s)
    intervals = ceil(stress.duration_s / stress.interval_s)
    shown = "%d %b %H:%M" if intervals * stress.interval_s > _DAY_S else "%H:%M"
    return f"{moment.astimezone(zone):{shown}}"


def _worst(stress: Stress, run: StressRun) -> str:
    if run.worst is None:
        return UNKNOWN
    return f"{share_text(run.worst.share)} {clock(stress, run.worst.interval)}"
