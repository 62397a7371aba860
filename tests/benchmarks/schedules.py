"""What clusters do with exported schedules: `python -m tests.benchmarks.schedules [SCENARIO ...]`.

By hand; some minutes. Each plan is exported in every format that scales targets and carried out by
the rules of its system: as a day that repeats, in three zones, on an ordinary day and on both days
on which clocks change in the following year; and as a plan of each of these two days alone, which
does not repeat. Minutes are those of all pools together.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import heteroplan
from heteroplan.errors import UsageError
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.schedules.executors import EXECUTORS
from heteroplan.schedules.executors.deviation import Deviation, deviation, spans
from heteroplan.schedules.formats import SCHEDULE_FORMATS, ExportOptions
from heteroplan.schedules.formats.prepared import prepared, tolerance_cost
from heteroplan.schedules.timetable.schedule import schedule_of
from tests.benchmarks.markdown import header, row

SCENARIOS = ("quickstart", "topology", "four-type")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe")
ORDINARY = datetime(2026, 11, 23)
CHANGES = {
    "Europe/Berlin": (datetime(2027, 3, 28), datetime(2027, 10, 31)),
    "America/New_York": (datetime(2027, 3, 14), datetime(2027, 11, 7)),
    "Australia/Lord_Howe": (datetime(2027, 4, 4), datetime(2027, 10, 3)),
}
PLAN_S = 60.0
ANY = ExportOptions(namespace="llm")
KSERVE = ExportOptions(
    namespace="llm",
    target_kind="LLMInferenceService",
    target_api_version="serving.kserve.io/v1alpha2",
)
CASES = ("ordinary day", "days with a clock change", "plans of such a day")


@dataclass
class Sums:
    """Of one format and case."""

    minutes: int = 0
    short: int = 0
    over: int = 0
    most_short: int = 0
    most_over: int = 0
    worst: list[str] = field(default_factory=list)

    def add(self, found: Deviation, zone: str) -> None:
        self.minutes += sum(each.minutes for each in found.entries)
        self.short += found.short_minutes
        self.over += found.over_minutes
        self.most_short = max(self.most_short, found.most_short)
        self.most_over = max(self.most_over, found.most_over)
        if found.short_minutes:
            self.worst.append(f"{zone} {found.span.name}: {found.short_minutes}")


def in_zone(document: PlanDocument, zone: str, start: datetime, *, alone: bool) -> PlanDocument:
    """The plan of a day on the clock of a zone; `alone` of that day only, however long it is."""
    old, info = document.horizon, ZoneInfo(zone)
    begin = start.replace(tzinfo=info)
    hours = (begin + timedelta(days=1)).astimezone(UTC) - begin.astimezone(UTC)
    count = int(hours.total_seconds()) // old.interval_s if alone else old.intervals
    horizon = old.model_copy(
        update={"start": begin, "timezone": zone, "intervals": count, "cyclic": not alone}
    )
    no_shares: dict[str, Any] = {"share": (), "class_share": {}, "leaves": {}, "starting": {}}
    pools = tuple(
        pool.model_copy(update={"replicas": (pool.replicas * 2)[:count], **no_shares})
        for pool in document.pools
    )
    return document.model_copy(update={"horizon": horizon, "pools": pools})


def deviations(document: PlanDocument, form: str, tolerance: float) -> Iterator[Deviation]:
    """Of each span. Raises UsageError where the format cannot say the plan."""
    options = replace(KSERVE if form == "kserve" else ANY, hpa_tolerance=tolerance)
    schedule = prepared(schedule_of(document, options), form, tolerance)
    text = SCHEDULE_FORMATS[form](schedule, options)
    for span in spans(schedule):
        yield deviation(text, EXECUTORS[form], schedule, span)


def carried_out(document: PlanDocument, form: str, tolerance: float = 0.1) -> dict[str, Sums | str]:
    """By case; or why the format cannot say it."""
    found: dict[str, Sums | str] = {case: Sums() for case in CASES}
    for zone in ZONES:
        plans = [(in_zone(document, zone, ORDINARY, alone=False), False)]
        plans += [(in_zone(document, zone, day, alone=True), True) for day in CHANGES[zone]]
        for plan, alone in plans:
            try:
                for each in deviations(plan, form, tolerance):
                    case = CASES[2] if alone else CASES[each.span.name not in ("day", "week")]
                    sums = found[case]
                    assert isinstance(sums, Sums)
                    sums.add(each, zone)
            except UsageError as error:
                found[CASES[2] if alone else CASES[0]] = str(error)
    return found


def main() -> None:
    """All scenarios, or those named."""
    costs = []
    for name in sys.argv[1:] or SCENARIOS:
        document = heteroplan.plan(f"scenarios/{name}", time_limit_s=PLAN_S).document
        header(
            f"{name}: what systems do with its schedule ({len(document.pools)} pools)",
            "Minutes of all pools together, in three zones.",
            ("format", "time", "minutes", "short", "over", "most short", "most over", "s"),
        )
        for form in SCHEDULE_FORMATS:
            if form not in EXECUTORS:
                continue
            begun = time.perf_counter()
            found = carried_out(document, form)
            spent = f"{time.perf_counter() - begun:.1f}"
            for case, sums in found.items():
                if isinstance(sums, str):
                    row(form, case, sums, "", "", "", "", spent)
                    continue
                numbers = (sums.short, sums.over)
                cells = (f"{sums.minutes:,}", *(f"{n:,}" for n in numbers))
                row(form, case, *cells, sums.most_short, sums.most_over, spent)
                for worst in sums.worst[:6]:
                    print(f"  {worst}", file=sys.stderr)
        schedule = schedule_of(document, ExportOptions())
        costs.append((name, document.totals.gpu_hours, tolerance_cost(schedule, "keda", 0.1)))
    header(
        "Sizes rounded up for an HPA's tolerance of 0.1",
        "Formats keda and kserve; a day.",
        ("plan", "GPU-hours", "more GPU-hours", "more USD"),
    )
    for name, hours, cost in costs:
        usd = "" if cost.usd is None else f"{cost.usd:,.2f}"
        row(name, f"{hours:,.0f}", f"{cost.gpu_hours:,.1f}", usd)


if __name__ == "__main__":
    main()
