"""What `export` says of a schedule that was carried out."""

import io
from dataclasses import replace
from datetime import datetime

import pytest
from rich.console import Console

from heteroplan.outputs.plan.export_summary import (
    ExportSummary,
    TargetDeviation,
    render_export,
    tolerance_sentence,
)


def pool(name: str, short: int = 0, over: int = 0, *, kind: str = "Deployment") -> TargetDeviation:
    """Carried out for a day, at most three replicas short or two over."""
    first = datetime(2026, 11, 23, 8, 15) if short else None
    return TargetDeviation(
        kind, name, 1440, short, over, 3 if short else 0, 2 if over else 0, first
    )


def shown(summary: ExportSummary, width: int = 80) -> list[str]:
    text = io.StringIO()
    render_export(summary, Console(file=text, width=width, emoji=False, highlight=False))
    return text.getvalue().splitlines()


def test_a_schedule_as_planned_is_one_line() -> None:
    assert shown(ExportSummary("hpa", (pool("a"),), 0, "a day"), 100) == [
        "hpa, carried out for 1 pool over a day: 0 of 1,440 pool-minutes short, 0 over."
    ]


def test_only_pools_that_deviate_are_listed_the_shortest_first() -> None:
    """Replicas that are missing count more than replicas that are too many."""
    pools = (pool("over", 0, 9), pool("fine"), pool("short", 2), pool("both", 5, 1))
    assert shown(ExportSummary("keda", pools, 100, "a day")) == [
        "keda, carried out for 4 pools over a day: 7 of 5,760 pool-minutes short, 10",
        "over.",
        "            short   over       worst",
        "Deployment  [min]  [min]  [replicas]  first short",
        "both            5      1          -3  2026-11-23 08:15",
        "short           2      0          -3  2026-11-23 08:15",
        "over            0      9          +2",
    ]


def test_kinds_are_named_where_there_are_several() -> None:
    pools = (pool("a", 0, 1), pool("b", 0, 1, kind="PodClique"))
    lines = shown(ExportSummary("keda", pools, 0, "a day"))
    assert [line.split()[0:2] for line in lines[-2:]] == [["Deployment", "a"], ["PodClique", "b"]]
    assert lines[-3].startswith("object ")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_long_names_give_way_to_the_numbers(width: int) -> None:
    pools = tuple(pool(f"{'x' * 90}-{i}", 1234) for i in range(13))
    lines = shown(ExportSummary("keda", pools, 0, "a day"), width)
    rows = [line for line in lines if line.startswith("xxx")]
    assert len(rows) == 10
    assert all(len(line) <= width for line in lines)
    assert all(row.endswith("  1,234      0          -3  2026-11-23 08:15") for row in rows)
    assert lines[-1] == "… and 3 more (in the schedule)"


def test_the_limit_is_of_all_pools_together() -> None:
    summary = ExportSummary("keda", (pool("a", 3), pool("b", 4)), 7)
    assert summary.short_minutes == 7
    assert not summary.is_too_short
    assert replace(summary, most_short_minutes=6).is_too_short


@pytest.mark.parametrize(
    ("tolerance", "usd", "sentence"),
    [
        (None, 0.0, ""),
        (0.0, 0.0, "The autoscalers are told to ignore no change (tolerance 0)."),
        (
            0.1,
            12.345,
            "Autoscalers ignore changes of up to 10 %; the sizes that are rounded up for that cost "
            "4.0 GPU-hours (12.35 USD).",
        ),
        (
            0.05,
            None,
            "Autoscalers ignore changes of up to 5 %; the sizes that are rounded up for that cost "
            "4.0 GPU-hours.",
        ),
    ],
)
def test_the_price_of_the_tolerance(
    tolerance: float | None, usd: float | None, sentence: str
) -> None:
    summary = ExportSummary("keda", (), 0, "a day", tolerance, 4.0, usd)
    assert tolerance_sentence(summary) == sentence
