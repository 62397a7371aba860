"""What came of an export: where the schedule as it is carried out differs from the plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.console import Console

from heteroplan.outputs.shared.tables import GUTTER, more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.text import percent

MOST_ROWS = 10
"""Pools that are listed."""
_STAMP = "2026-11-23 00:00"
_WIDTH = len("short") + len("[min]") + len("[replicas]") + 4 * GUTTER
"""Columns of numbers, with what is between and behind all columns."""
_LATE_WIDTH = _WIDTH + len(_STAMP) + GUTTER


@dataclass(frozen=True, slots=True)
class TargetDeviation:
    """One pool, as the system carries out what was written for it."""

    kind: str
    """Of the object that stands for it."""
    name: str
    """Of the object, with all that tells it from others of its kind."""
    minutes: int
    """That were replayed."""
    short_minutes: int
    """With fewer replicas ready than planned."""
    over_minutes: int
    """With more replicas than the plan takes, start-up counted."""
    worst_short: int
    """Most replicas that are missing at once."""
    worst_over: int
    """Most replicas that are too many at once."""
    first_short: datetime | None = None
    """When replicas are missing first, in the zone of the plan."""

    @property
    def deviates(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self.short_minutes or self.over_minutes)

    @property
    def worst(self) -> int:
        """Of both kinds the one that matters: missing replicas are negative."""
        return -self.worst_short if self.worst_short else self.worst_over


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """An export as its system carries it out."""

    format: str
    pools: tuple[TargetDeviation, ...]
    most_short_minutes: int
    """That the user allows, of all pools together."""
    over: str = "the whole plan"
    """The time that was carried out, in words."""
    tolerance: float | None = None
    """Relative change that the autoscaler ignores; None where none is at work."""
    extra_gpu_hours: float = 0.0
    """Of sizes that are rounded up for the tolerance."""
    extra_usd: float | None = 0.0
    """None where the plan does not know prices."""

    @property
    def minutes(self) -> int:
        """Of all pools together."""
        return sum(each.minutes for each in self.pools)

    @property
    def short_minutes(self) -> int:
        """Of all pools together."""
        return sum(each.short_minutes for each in self.pools)

    @property
    def over_minutes(self) -> int:
        """Of all pools together."""
        return sum(each.over_minutes for each in self.pools)

    @property
    def is_too_short(self) -> bool:
        """Whether the user does not allow it."""
        return self.short_minutes > self.most_short_minutes

    @property
    def deviating(self) -> tuple[TargetDeviation, ...]:
        """Pools that deviate, the shortest first."""
        found = [each for each in self.pools if each.deviates]
        return tuple(sorted(found, key=lambda each: (-each.short_minutes, -each.over_minutes)))


def render_export(summary: ExportSummary, console: Console) -> None:
    """A sentence of all pools, a table of those that deviate, the price of the tolerance."""
    style = "bold red" if summary.is_too_short else "bold green"
    print_wrapped(Text(verdict(summary), style=style), console)
    found = summary.deviating
    if found:
        _print_table(found[:MOST_ROWS], console)
    if len(found) > MOST_ROWS:
        console.print(more_line(len(found) - MOST_ROWS, "the schedule", console))
    if sentence := tolerance_sentence(summary):
        print_wrapped(Text(sentence, style="dim"), console)


def verdict(summary: ExportSummary) -> str:
    """Such as `keda, carried out for 6 pools over a day: 0 of 8,640 pool-minutes short, 3 over.`"""
    count = len(summary.pools)
    return (
        f"{summary.format}, carried out for {count:,} {'pool' if count == 1 else 'pools'} over "
        f"{summary.over}: {summary.short_minutes:,} of {summary.minutes:,} pool-minutes short, "
        f"{summary.over_minutes:,} over."
    )


def tolerance_sentence(summary: ExportSummary) -> str:
    """What it costs that small changes are ignored; empty where no autoscaler is at work."""
    if summary.tolerance is None:
        return ""
    if summary.tolerance == 0:
        return "The autoscalers are told to ignore no change (tolerance 0)."
    usd = "" if summary.extra_usd is None else f" ({summary.extra_usd:,.2f} USD)"
    return (
        f"Autoscalers ignore changes of up to {percent(summary.tolerance, 0)}; the sizes that are "
        f"rounded up for that cost {summary.extra_gpu_hours:,.1f} GPU-hours{usd}."
    )


def _print_table(rows: Sequence[TargetDeviation], console: Console) -> None:
    kinds = {each.kind for each in rows}
    late = any(each.first_short for each in rows)
    numbers = (">short\n[min]", ">over\n[min]", ">worst\n[replicas]")
    table = plain_table(
        console,
        rows[0].kind if len(kinds) == 1 else "object",
        *numbers,
        *(["first short"] if late else []),
    )
    table.columns[0].max_width = console.width - (_LATE_WIDTH if late else _WIDTH)
    for each in rows:
        name = each.name if len(kinds) == 1 else f"{each.kind} {each.name}"
        cells = [
            Text(name, style="bold"),
            Text(f"{each.short_minutes:,}", style="red" if each.short_minutes else ""),
            Text(f"{each.over_minutes:,}"),
            Text(f"{each.worst:+,}"),
        ]
        first = f"{each.first_short:%Y-%m-%d %H:%M}" if each.first_short else ""
        table.add_row(*cells, *([Text(first)] if late else []))
    print_trimmed(table, console)
