"""A comparison in sentences and rows: the terminal and Markdown alike."""

from collections.abc import Iterator

from heteroplan.outputs.compare.document import (
    ComparedPoolPart,
    ComparisonDocument,
    DifferencePart,
    PoolChange,
    PoolUsePart,
    SidePart,
)
from heteroplan.outputs.shared.words import horizon_text, signed, signed_share
from heteroplan.text import percent

LEAST_USD = 0.005
SIGNS = {
    PoolChange.ADDED: "+",
    PoolChange.REMOVED: "-",
    PoolChange.CHANGED: "~",
    PoolChange.SAME: "",
}
TOTAL_HEADS = ("", ">before", ">after", ">change", ">")
WORKLOAD_HEADS = ("workload", "GPU type", ">USD a day", ">change", ">", ">GPU-hours")
POOL_HEADS = (
    *("", "workload", "role", "engine", "node type", "domain"),
    *(">replicas", ">change USD", ">GPU-hours"),
)
INPUT_HEADS = ("input", "before", "after")


def side_text(side: SidePart) -> str:
    """Which plan it is."""
    return f"{side.scenario}  {horizon_text(side.horizon)}  ({side.source})"


def headline(found: ComparisonDocument) -> str:
    """What the change is, a day and a month."""
    change = found.change
    if abs(change.cost_usd_per_day) < LEAST_USD:
        return "Costs the same."
    more = "more" if change.cost_usd_per_day > 0 else "less"
    share = "" if change.cost_fraction is None else f" ({signed_share(change.cost_fraction)})"
    return (
        f"{abs(change.cost_usd_per_day):,.2f} USD a day {more}{share}, "
        f"{abs(change.cost_usd_per_month):,.2f} USD a month."
    )


def sentences(found: ComparisonDocument) -> Iterator[str]:
    """How far to trust the change, and where it comes from."""
    change = found.change.cost_usd_per_day
    if abs(change) >= LEAST_USD and not found.decided and _one_objective(found):
        yield (
            "Within the gaps of the two plans "
            f"({percent(found.before.gap)} and {percent(found.after.gap)}): which inputs have the "
            "cheaper plan is not proven."
        )
    if abs(found.prices_usd_per_day) >= LEAST_USD:
        yield (
            f"Prices: {signed(found.prices_usd_per_day)} USD a day; "
            f"other pools: {signed(change - found.prices_usd_per_day)}."
        )
    if not _one_objective(found):
        yield "One plan minimises cost and the other GPU-hours."
    yield from found.notes


def _one_objective(found: ComparisonDocument) -> bool:
    return found.before.objective is found.after.objective


def counts_sentence(found: ComparisonDocument) -> str:
    """Such as `Pools: +3 -2 ~1, 4 as before.`"""
    counts = found.counts
    return (
        f"Pools: +{counts.added:,} -{counts.removed:,} ~{counts.changed:,}, "
        f"{counts.same:,} as before."
    )


def total_rows(found: ComparisonDocument) -> Iterator[tuple[str, ...]]:
    """As `TOTAL_HEADS` says."""
    was, now = found.before, found.after
    rows = [
        ("cost USD a day", was.cost_usd_per_day, now.cost_usd_per_day, 2),
        ("cost USD a month (30.4 days)", was.cost_usd_per_month, now.cost_usd_per_month, 2),
        ("GPU-hours a day", was.gpu_hours_per_day, now.gpu_hours_per_day, 1),
        ("GPUs at peak", was.peak_gpus, now.peak_gpus, 0),
        ("replicas that start a day", was.starts_per_day, now.starts_per_day, 0),
        ("requests a day", was.requests_per_day, now.requests_per_day, 0),
    ]
    if not (was.covered and now.covered):
        unserved = was.unserved_requests_per_day, now.unserved_requests_per_day
        rows.append(("of these unserved", *unserved, 0))
    of_change = [
        found.change.cost_usd_per_day,
        found.change.cost_usd_per_month,
        found.change.gpu_hours_per_day,
    ]
    for i, (name, before, after, digits) in enumerate(rows):
        change = of_change[i] if i < len(of_change) else after - before
        yield (
            name,
            f"{before:,.{digits}f}",
            f"{after:,.{digits}f}",
            signed(change, digits),
            signed_share((after - before) / before) if before > 0 else "",
        )


def workload_rows(found: ComparisonDocument) -> Iterator[tuple[str, ...]]:
    """As `WORKLOAD_HEADS` says; those that change nothing come last."""
    for each in found.workloads:
        share = each.change.cost_fraction
        yield (
            each.workload,
            each.gpu,
            f"{each.before.cost_usd_per_day:,.2f} -> {each.after.cost_usd_per_day:,.2f}",
            signed(each.change.cost_usd_per_day),
            "new" if share is None else signed_share(share),
            signed(each.change.gpu_hours_per_day, 1),
        )


def pool_rows(found: ComparisonDocument) -> list[tuple[str, ...]]:
    """Pools that are not as before, as `POOL_HEADS` says."""
    return [_pool_row(each) for each in found.pools if each.what is not PoolChange.SAME] + [
        _pool_row(each)
        for each in found.pools
        if each.what is PoolChange.SAME and _costs_otherwise(each.change)
    ]


def _costs_otherwise(change: DifferencePart) -> bool:
    return abs(change.cost_usd_per_day) >= LEAST_USD


def _pool_row(pool: ComparedPoolPart) -> tuple[str, ...]:
    sizes = (_size(each) for each in (pool.before, pool.after))
    return (
        SIGNS[pool.what],
        pool.workload,
        pool.role.value,
        pool.engine,
        pool.node_type,
        pool.domain,
        " -> ".join(sizes),
        signed(pool.change.cost_usd_per_day),
        signed(pool.change.gpu_hours_per_day, 1),
    )


def _size(use: PoolUsePart | None) -> str:
    if use is None:
        return "0"
    if use.least_replicas == use.peak_replicas:
        return f"{use.peak_replicas:,}"
    return f"{use.least_replicas:,}-{use.peak_replicas:,}"


def input_rows(found: ComparisonDocument) -> list[tuple[str, str, str]]:
    """As `INPUT_HEADS` says."""
    return [(each.field, each.before, each.after) for each in found.inputs]
