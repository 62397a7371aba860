"""What came of an export: where the schedule as it is carried out differs from the plan."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console

from heteroplan.outputs.shared.tables import more_line, plain_table
from heteroplan.outputs.shared.terminal import Text, print_trimmed, print_wrapped
from heteroplan.text import percent

MOST_ROWS = 10
"""Pools that are listed."""


@dataclass(frozen=True, slots=True)
class TargetDeviation:
    """One pool, as the system carries out what was written for it."""

    target: str
    """The object that stands for it."""
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
    extra_gpu_hours: float = 0.0
    """Asked for beyond the plan because autoscalers ignore small changes."""
    extra_usd: float | None = 0.0
    """None where the plan does not know prices."""

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
    tolerance: float | None = None
    """Relative change that the autoscaler ignores; None where none is at work."""

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
    """Such as `keda: 6 pools as it carries them out: 0 of 8,640 pool-minutes short, 12 over.`"""
    count = len(summary.pools)
    return (
        f"{summary.format}, carried out for {count:,} {'pool' if count == 1 else 'pools'}: "
        f"{summary.short_minutes:,} of {summary.minutes:,} pool-minutes short, "
        f"{summary.over_minutes:,} over."
    )


def tolerance_sentence(summary: ExportSummary) -> str:
    """What it costs that small changes are ignored; empty where no autoscaler is at work."""
    if summary.tolerance is None:
        return ""
    if summary.tolerance == 0:
        return "The autoscalers are told to ignore no change (tolerance 0)."
    hours = sum(each.extra_gpu_hours for each in summary.pools)
    prices = [each.extra_usd for each in summary.pools]
    usd = "" if None in prices else f" ({sum(filter(None, prices)):,.2f} USD)"
    return (
        f"Autoscalers ignore changes of up to {percent(summary.tolerance, 0)}: sizes are rounded "
        f"up where they would, for {hours:,.1f} GPU-hours more{usd}."
    )


def _print_table(rows: Sequence[TargetDeviation], console: Console) -> None:
    costs = any(each.extra_gpu_hours for each in rows)
    heads = ["pool", ">short\n[min]", ">over\n[min]", ">worst\n[replicas]"]
    table = plain_table(console, *heads, *([">extra\nGPU-hours"] if costs else []))
    for each in rows:
        cells = [
            Text(each.target, style="bold"),
            Text(f"{each.short_minutes:,}", style="red" if each.short_minutes else ""),
            Text(f"{each.over_minutes:,}"),
            Text(f"{each.worst:+,}"),
        ]
        table.add_row(*cells, *([Text(f"{each.extra_gpu_hours:,.1f}")] if costs else []))
    print_trimmed(table, console)
