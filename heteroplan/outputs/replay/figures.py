"""The deciding numbers of a replay and what they mean, as terminal and page show them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, timedelta
from enum import StrEnum
from math import ceil, isfinite

import numpy as np

from heteroplan.outputs.replay.rows import (
    boundaries,
    came_rps,
    interval_count,
    missed,
    share_in_time,
    wanted,
)
from heteroplan.outputs.shared.words import figure
from heteroplan.simulation.requests import Floats
from heteroplan.simulation.results import ClassAttainment, PolicyReplay, Replay
from heteroplan.text import counted, percent

PLAN = "plan"
"""Name of the policy that follows the plan and nothing else; options may come after a colon."""
UNKNOWN = "-"
_DAY_S = 86_400
_MOST_NAMED = 3
"""Intervals that the verdict names."""
_MANY = 500
"""Requests of an interval from which its share in time is well known."""


class Kept(StrEnum):
    """How well the plan keeps its SLO."""

    ALWAYS = "good"
    """In each interval."""
    ON_THE_WHOLE = "partly"
    """Over the whole replay, but not in each interval."""
    NOT = "short"


@dataclass(frozen=True, slots=True)
class Interval:
    """One workload in one interval under one policy."""

    workload: int
    interval: int
    requests: int
    share: float
    """Of them that kept both targets."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table of policies."""

    head: str
    """In one line or several."""
    cells: tuple[str, ...]
    """One a policy."""
    rank: int
    """Columns of the greatest rank are the first to go where there is no room."""


def heading(replay: Replay) -> str:
    """Such as `2026-11-23 00:00 to 2026-11-24 00:00 UTC, 96 x 15 min, 1,234,567 requests`."""
    moments = boundaries(replay)
    seconds, unit = next(
        (each for each in ((3600, "h"), (60, "min")) if replay.interval_s % each[0] == 0), (1, "s")
    )
    lasts = timedelta(seconds=ceil(replay.duration_s))
    end = min((moments[0].astimezone(UTC) + lasts).astimezone(replay.start.tzinfo), moments[-1])
    clock = "%H:%M:%S" if end.second else "%H:%M"
    cut = ", the last one cut short" if end < moments[-1] else ""
    return (
        f"{moments[0]:%Y-%m-%d %H:%M} to {end:%Y-%m-%d {clock}} {replay.start.tzinfo}, "
        f"{interval_count(replay)} x {replay.interval_s // seconds} {unit}{cut}, "
        f"{counted(replay.requests, 'request')}"
    )


def speed_sentence(replay: Replay) -> str:
    """How it was simulated, and how fast."""
    level = {"requests": "request by request", "fluid": "as flows"}.get(replay.level, replay.level)
    return (
        f"Simulated {level} with seed {replay.seed} in {figure(replay.seconds)} CPU seconds: "
        f"{figure(replay.requests_per_s)} requests x policies a second."
    )


def plan_of(replay: Replay) -> PolicyReplay:
    """The policy that follows the plan; the first where the plan was not replayed."""
    plans = (each for each in replay.policies if each.policy.partition(":")[0] == PLAN)
    return next(plans, replay.policies[0])


def workload_shares(policy: PolicyReplay) -> Floats:
    """[W] share of all requests of a workload that kept both targets; NaN where none arrived."""
    requests = policy.intervals.requests.sum(axis=1)
    attained = policy.intervals.attained_both.sum(axis=1)
    return np.where(requests > 0, attained / np.maximum(requests, 1), np.nan)


def keeps_slo(replay: Replay, policy: PolicyReplay) -> bool:
    """Whether the requests of every workload reach its percentile over the whole replay.

    Where classes have SLOs of their own, those of each percentile reach it.
    """
    by_class = {each.workload for each in policy.classes}
    whole = np.array([w not in by_class for w in range(len(replay.workloads))])
    missed = workload_shares(policy) < wanted(replay, policy) * (1 - 1e-12)
    return not np.any(missed & whole) and not missed_classes(policy)


def missed_classes(policy: PolicyReplay) -> list[ClassAttainment]:
    """Classes, or workloads with several SLOs, that miss one of theirs.

    Those with one percentile are taken together.
    """
    alike: dict[tuple[int, int, float], list[ClassAttainment]] = {}
    for each in policy.classes:
        alike.setdefault((each.workload, each.item, each.percentile), []).append(each)
    return [
        each
        for (*_, percentile), of in alike.items()
        if sum(one.attained_both for one in of)
        < percentile * (1 - 1e-12) * sum(one.requests for one in of)
        for each in of
    ]


def best(replay: Replay) -> PolicyReplay | None:
    """The least of what the scenario minimises among policies that keep the SLO."""
    keepers = [each for each in replay.policies if keeps_slo(replay, each)]
    return min(keepers, key=lambda each: amount(replay, each), default=None)


def amount(replay: Replay, policy: PolicyReplay) -> float:
    """What the scenario minimises: USD or GPU-hours."""
    return policy.cost_usd if replay.objective == "cost" else policy.gpu_hours


def worst_intervals(replay: Replay, policy: PolicyReplay, count: int) -> list[Interval]:
    """The `count` workload-intervals that fall short the most, those with most requests first."""
    shares, requests = share_in_time(policy), policy.intervals.requests
    shortfall = wanted(replay, policy)[:, None] - shares
    cells = np.flatnonzero(requests > 0)
    order = np.lexsort((-requests.flat[cells], -shortfall.flat[cells]))[:count]
    found = []
    for cell in cells[order]:
        w, t = divmod(int(cell), requests.shape[1])
        found.append(Interval(w, t, int(requests[w, t]), float(shares[w, t])))
    return found


def most_missed(replay: Replay, policy: PolicyReplay) -> int:
    """Index of the workload with the most intervals that miss the SLO, or else most requests."""
    misses = missed(replay, policy).sum(axis=1)
    return int(np.lexsort((policy.intervals.requests.sum(axis=1), misses))[-1])


def verdict(replay: Replay) -> tuple[Kept, str]:
    """Whether the plan keeps its SLO on these requests, and that as a sentence."""
    policy = plan_of(replay)
    misses, total = int(missed(replay, policy).sum()), int((policy.intervals.requests > 0).sum())
    if not total:
        return Kept.ALWAYS, "No request arrived."
    intervals = counted(total, "interval") + _of_workloads(replay)
    if not misses:
        every = "all" if total > 1 else "the"
        return Kept.ALWAYS, f"{policy.policy} keeps the SLO in {every} {intervals}."
    worst = worst_intervals(replay, policy, min(misses, _MOST_NAMED))
    named = ", ".join(_interval_text(replay, each) for each in worst)
    where = f"in {misses:,} of {intervals}, worst {named}"
    if keeps_slo(replay, policy):
        share = percent(policy.attainment.both)
        return Kept.ON_THE_WHOLE, (
            f"{policy.policy} keeps the SLO over the whole replay ({share} of the requests in "
            f"time), but not {where}."
        )
    shares = _shares_text(replay, policy)
    return Kept.NOT, f"{policy.policy} misses the SLO: {shares}; it is missed {where}."


def best_sentence(replay: Replay) -> str:
    """Which policy to take, by the SLO first."""
    found = best(replay)
    if found is None:
        nearest = max(replay.policies, key=lambda each: each.attainment.both)
        return (
            f"No policy keeps the SLO over the whole replay; nearest is {nearest.policy} with "
            f"{percent(nearest.attainment.both)} of the requests in time."
        )
    if len(replay.policies) == 1:
        return ""
    return (
        f"* {found.policy} keeps the SLO over the whole replay for the least "
        f"{'cost' if replay.objective == 'cost' else 'GPU-hours'}: "
        f"{found.cost_usd:,.2f} USD, {found.gpu_hours:,.1f} GPU-hours."
    )


def slo_sentence(replay: Replay) -> str:
    """What `in time` and `SLO kept` mean in the table."""
    few = ""
    if any(_has_few_requests(each) for each in replay.policies):
        few = (
            f" Intervals with fewer than {_MANY} requests may miss it by chance: their shares are "
            "not well known."
        )
    none = ""
    if any(int(each.intervals.requests.sum()) < replay.requests for each in replay.policies):
        none = (
            " Requests without input or output tokens reach no policy: they are rejected and late "
            "in both, and in no interval."
        )
    return (
        "TTFT, ITL: share of finished requests within the target; both: of all requests, of which "
        "rejected and unfinished ones are late. SLO kept: this share reaches the percentile for "
        "each workload over the whole replay; missed: intervals of workloads in which it does not."
        f"{few}{none}"
    )


def policy_columns(replay: Replay) -> list[Column]:
    """The table of policies, its name first; `*` stands before the best one."""
    policies, chosen = replay.policies, best(replay)
    roles = [
        role
        for role in ("prefill", "decode", "aggregated")
        if any(role in each.utilization for each in policies)
    ]

    totals = {int((p.intervals.requests > 0).sum()) for p in policies}
    of = f"\nof {totals.pop():,}" if len(totals) == 1 else ""

    def column(head: str, rank: int, cells: Iterable[str]) -> Column:
        return Column(head, tuple(cells), rank)

    saved = column("saved\n%", 2, (share_text(p.saved_fraction) for p in policies))
    is_known = any(p.saved_fraction is not None for p in policies)
    return [
        column("policy", 0, (f"{'* ' if p is chosen else '  '}{p.policy}" for p in policies)),
        column("SLO", 0, ("kept" if keeps_slo(replay, p) else "missed" for p in policies)),
        column("GPU-\nhours", 0, (_amount(p.gpu_hours, 1) for p in policies)),
        column("cost\nUSD", 1, (_amount(p.cost_usd, 2) for p in policies)),
        *([saved] if is_known else []),
        column("TTFT\n%", 4, (share_text(p.attainment.ttft) for p in policies)),
        column("ITL\n%", 5, (share_text(p.attainment.itl) for p in policies)),
        column("both\n%", 0, (share_text(p.attainment.both) for p in policies)),
        column(f"missed{of}", 1, (f"{int(missed(replay, p).sum()):,}" for p in policies)),
        column("worst\ninterval %", 6, (_worst_text(replay, p) for p in policies)),
        column("starts", 7, (f"{p.starts:,}" for p in policies)),
        column("unfin-\nished", 3, (f"{p.unfinished:,}" for p in policies)),
        column("re-\njected", 8, (f"{sum(p.rejected.values()):,}" for p in policies)),
        column(
            f"busy %\n{'/'.join(role[0].upper() for role in roles)}", 9,
            ("/".join(_busy_text(p, role) for role in roles) for p in policies),
        ),
    ]  # fmt: skip


def workload_columns(replay: Replay) -> list[Column]:
    """What was planned and what came, one cell a workload, and who served it in time."""
    first = replay.policies[0]
    rates, moments, clock = came_rps(replay, first), boundaries(replay), _clock_format(replay)
    loads = range(len(replay.workloads))
    peaks = [int(np.argmax(row)) for row in rates]
    planned = [float(replay.planned_rps[w, peaks[w]]) for w in loads]
    compared = [plan_of(replay)]
    chosen = best(replay)
    if chosen is not None and chosen is not compared[0]:
        compared.append(chosen)
    return [
        Column("workload", replay.workloads, 0),
        Column("SLO:\nTTFT/ITL", tuple(slo_text(replay, w) for w in loads), 2),
        Column("requests", tuple(f"{int(first.intervals.requests[w].sum()):,}" for w in loads), 1),
        Column("peak\nrequests/s", tuple(figure(rates[w, peaks[w]]) for w in loads), 3),
        Column("at", tuple(f"{moments[t]:{clock}}" for t in peaks), 4),
        Column("planned\nthen", tuple(map(figure, planned)), 3),
        *(
            Column(f"{each.policy}\n% in time", tuple(map(share_text, workload_shares(each))), i)
            for i, each in enumerate(compared)
        ),
    ]


def slo_text(replay: Replay, workload: int) -> str:
    """Such as `95 %: 1000/60 ms`, of TTFT and ITL."""
    ttft_ms, itl_ms = replay.ttft_slo_ms[workload], replay.itl_slo_ms[workload]
    targets = "/".join(f"{each:g}" if isfinite(each) else "relative" for each in (ttft_ms, itl_ms))
    return f"{100 * replay.percentiles[workload]:g} %: {targets} ms"


def rejected_rows(replay: Replay) -> list[tuple[str, ...]]:
    """Reasons, the most frequent first, with the requests that each policy rejected for them."""
    counts = {
        reason: [each.rejected.get(reason, 0) for each in replay.policies]
        for reason in dict.fromkeys(r for each in replay.policies for r in each.rejected)
    }
    return [
        (reason, *(f"{n:,}" for n in row))
        for reason, row in sorted(counts.items(), key=lambda item: -max(item[1]))
        if any(row)
    ]


def rejected_sentences(replay: Replay) -> list[str]:
    """A sentence a reason: how many requests, and under which policies where they differ."""
    found = []
    for reason, *cells in rejected_rows(replay):
        if len(set(cells)) == 1:
            found.append(f"Rejected by every policy: {cells[0]} ({reason})")
        else:
            each = zip(replay.policies, cells, strict=True)
            by_policy = ", ".join(f"{p.policy} {n}" for p, n in each if n != "0")
            found.append(f"Rejected ({reason}): {by_policy}")
    return found


def notes(replay: Replay) -> list[str]:
    """Of the replay, then of the policies with their names; the same note once."""
    by_note: dict[str, list[str]] = {}
    for each in replay.policies:
        for note in each.notes:
            by_note.setdefault(note, []).append(each.policy)
    return [
        *replay.notes,
        *(
            note if len(named) == len(replay.policies) > 1 else f"{', '.join(named)}: {note}"
            for note, named in by_note.items()
        ),
    ]


def option_rows(replay: Replay) -> list[tuple[str, str]]:
    """Policies with their parameters."""
    return [
        (each.policy, ", ".join(f"{name} {_option(v)}" for name, v in each.options.items()) or "-")
        for each in replay.policies
    ]


def share_text(share: float | None) -> str:
    """Per cent, as `98.9`, or a dash for what is not known."""
    return UNKNOWN if share is None or not isfinite(share) else percent(share).removesuffix(" %")


def one_line(head: str) -> str:
    """Of a column whose head has several lines."""
    return head.replace("-\n", "" if head[0].islower() else "-").replace("\n", " ")


def _of_workloads(replay: Replay) -> str:
    n = len(replay.workloads)
    return " with requests" if n == 1 else f" with requests ({n:,} workloads)"


def _whose(replay: Replay, policy: PolicyReplay, of: ClassAttainment) -> str:
    """Such as `of class short of chat by SLO 2`; the number where there are several."""
    name = replay.workloads[of.workload]
    several = any(each.workload == of.workload and each.item for each in policy.classes)
    item = f" by SLO {of.item + 1}" if several else ""
    return f"of class {of.name} of {name}{item}" if of.name else f"of {name}{item}"


def _shares_text(replay: Replay, policy: PolicyReplay) -> str:
    """The workloads that fall short, the furthest first, and classes with SLOs of their own."""
    shares, by_class = workload_shares(policy), {each.workload for each in policy.classes}
    short = [
        (f"of {name}", float(share), percentile)
        for w, (name, share, percentile) in enumerate(
            zip(replay.workloads, shares, replay.percentiles, strict=True)
        )
        if share < percentile and w not in by_class
    ]
    short += [
        (
            _whose(replay, policy, each),
            each.attained_both / max(1, each.requests),
            each.percentile,
        )
        for each in missed_classes(policy)
    ]
    short.sort(key=lambda each: each[1] - each[2])
    texts = [
        f"{percent(share)} of the requests {of} in time, {100 * percentile:g} % wanted"
        for of, share, percentile in short[:_MOST_NAMED]
    ]
    more = len(short) - _MOST_NAMED
    what = "more class" if by_class else "more workload"
    return "; ".join([*texts, *([f"and {counted(more, what)}"] if more > 0 else [])])


def _interval_text(replay: Replay, interval: Interval) -> str:
    name = f"{replay.workloads[interval.workload]} " if len(replay.workloads) > 1 else ""
    return (
        f"{name}{_when(replay, interval)} ({percent(interval.share)} of "
        f"{counted(interval.requests, 'request')})"
    )


def _when(replay: Replay, interval: Interval) -> str:
    return f"{boundaries(replay)[interval.interval]:{_clock_format(replay)}}"


def _worst_text(replay: Replay, policy: PolicyReplay) -> str:
    """Share in time of the worst interval, and when it was: `87.1 18:15`."""
    found = worst_intervals(replay, policy, 1)
    return f"{share_text(found[0].share)} {_when(replay, found[0])}" if found else UNKNOWN


def _amount(value: float, digits: int) -> str:
    """With so many digits after the point below 1,000."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:,.{digits}f}"


def _clock_format(replay: Replay) -> str:
    return "%d %b %H:%M" if interval_count(replay) * replay.interval_s > _DAY_S else "%H:%M"


def _busy_text(policy: PolicyReplay, role: str) -> str:
    share = policy.utilization.get(role)
    return UNKNOWN if share is None or not isfinite(share) else f"{100 * share:.0f}"


def _option(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _has_few_requests(policy: PolicyReplay) -> bool:
    requests = policy.intervals.requests
    return bool(np.any((requests > 0) & (requests < _MANY)))
