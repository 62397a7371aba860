"""Nights in a row: `python -m tests.benchmarks.nights`.

By hand; some minutes. ServeGen's m-large has 14 days. Each day but the first is planned on the
night before, from the days before alone (`demand` with its defaults) and from what the plan before
leaves standing (`--current` with its placement.csv); the first is what runs when it begins. Every
night's schedule goes on from the plan before and is applied half an hour before midnight. What is
then asked for and held is counted by the minute, from an hour before midnight until an hour after
it: by the timetables, with start-up times; on nodes by where the replicas of both plans stand. On
two fleets: plans fill one of them by about half, and the other one, in which 8 GPUs of each spine
stay free for rolling updates, by about 90 %. On each of them one node of another leaf is away for
maintenance every day, from midnight on.
"""

import argparse
import csv
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import heteroplan
from heteroplan.entities.placement import Stay
from heteroplan.entities.plan import Plan
from heteroplan.pipelines.plan import PlanResult
from heteroplan.schedules.targets.options import ExportOptions
from heteroplan.schedules.targets.target import Target
from heteroplan.schedules.timetable.schedule import Schedule, schedule_of
from tests.benchmarks.markdown import header, percent, row

TRACE = Path("../shared/data/traces/servegen_m-large_demand_10min.csv")
DAYS = 14
FIRST = datetime(2026, 11, 23)
AROUND = 60
"""Minutes before midnight, and after it, that are looked at."""
APPLIED = 30
"""Minutes before midnight."""
SPINES = 4
FLEETS = {"with room": (6, 0), "90 % full": (4, 8)}
"""Nodes of 8 GPUs on each of the two leaves of a spine; GPUs of each spine that stay free."""
MODEL = "llama-3.1-70b"
SCENARIO = """
name: nights
fleet: fleet.yaml
horizon: {{start: {start:%Y-%m-%d}, days: 1, interval: 15min, timezone: UTC}}
objective: cost
surge: {{h100x8: {surge}}}
workloads:
  - name: m-large
    model: {model}
    profile: ready:{model}
    demand: demand.csv
    classes: classes.csv
    slo: {{ttft_ms: 2000, itl_ms: 60, percentile: 0.95}}
    affinity: spine
"""

type Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Night:
    """What a change from one plan to the next did."""

    late_minutes: int
    """Minutes in which replicas that are planned were not ready."""
    short_minutes: int
    """Minutes of the first hour in which the plan leaves demand unserved."""
    domain_gpus: int
    """Most GPUs asked for beyond those that a spine has."""
    node_gpus: int
    """Most GPUs held beyond those that a node has, all nodes added up."""
    left_running: int
    """Pools that are asked for an hour after midnight although the plan gives them up."""


def fleet_text(nodes: int, day: int) -> str:
    """Spines of two leaves; one node of a leaf, another one every day, is away that day."""
    leaves = [f"s{spine}-l{leaf}" for spine in range(SPINES) for leaf in range(2)]
    start = FIRST + timedelta(days=day)
    lines = [
        "name: nights",
        "node_types:",
        "  - {name: h100x8, gpu: H100-SXM-80GB, gpus: 8, nic_gbit_per_s: 3200, "
        "usd_per_gpu_hour: 2.50}",
        "network:",
        "  - cluster: c",
        "    spines:",
    ]
    for spine in range(SPINES):
        lines += [f"      - spine: s{spine}", "        leaves:"]
        lines += [
            f"          - {{leaf: {leaf}, nodes: {{h100x8: {nodes}}}}}"
            for leaf in leaves[2 * spine : 2 * spine + 2]
        ]
    lines += [
        "unavailable:",
        f"  - {{leaf: {leaves[day % len(leaves)]}, node_type: h100x8, nodes: 1, "
        f"start: {start.isoformat()}, end: {(start + timedelta(days=1)).isoformat()}}}",
    ]
    return "\n".join(lines) + "\n"


def planned(
    folder: Path, size: tuple[int, int], day: int, before: Path | None, seconds: float
) -> PlanResult:
    """The plan of a day, from the days before; that of the first day from itself."""
    folder.mkdir()
    head, *lines = TRACE.read_text().splitlines()
    days = [int(each["day"]) for each in csv.DictReader([head, *lines])]
    known = [line for line, of in zip(lines, days, strict=True) if of < max(1, day)]
    (folder / "past.csv").write_text("\n".join([head, *known]) + "\n")
    curve = heteroplan.demand(folder / "past.csv", start=FIRST, days=1)
    start = FIRST + timedelta(days=day)
    text = curve.text("demand.csv")
    (folder / "demand.csv").write_text(_moved(text, start) if day == 0 else text)
    (folder / "classes.csv").write_text(
        _moved(curve.classes_text(), start) if day == 0 else curve.classes_text()
    )
    (folder / "fleet.yaml").write_text(fleet_text(size[0], day))
    (folder / "scenario.yaml").write_text(SCENARIO.format(start=start, model=MODEL, surge=size[1]))
    made = heteroplan.plan(folder, current=before, time_limit_s=seconds)
    made.write(folder / "plan", placement=True)
    return made


def _moved(text: str, start: datetime) -> str:
    """The same day of demand a day earlier: a forecast begins where its trace ends."""
    return text.replace(f"{start + timedelta(days=1):%Y-%m-%d}", f"{start:%Y-%m-%d}")


def nights(
    folder: Path, size: tuple[int, int], seconds: float
) -> Iterator[tuple[PlanResult, Night]]:
    """Every night's plan, and what changing over to it did."""
    before = planned(folder / "0", size, 0, None, seconds)
    in_force = schedule_of(before.document, ExportOptions())
    for day in range(1, DAYS):
        current = folder / str(day - 1) / "plan" / "placement.csv"
        made = planned(folder / str(day), size, day, current, seconds)
        schedule = schedule_of(made.document, ExportOptions(), before.document)
        yield made, judged(before.plan, made.plan, in_force, schedule)
        before, in_force = made, schedule


def judged(before: Plan, plan: Plan, in_force: Schedule, schedule: Schedule) -> Night:
    """The old schedule until half an hour before midnight, the new one from then on."""
    midnight = plan.scenario.horizon.start.astimezone(UTC)
    old, new = _asked(in_force, midnight), _asked(schedule, midnight)
    nothing = np.zeros(2 * AROUND, dtype=np.int64)
    asked = {
        target: np.concatenate(
            [
                old.get(target, nothing)[: AROUND - APPLIED],
                new.get(target, old.get(target, nothing))[AROUND - APPLIED :],
            ]
        )
        for target in {*old, *new}
    }
    late, short = np.zeros(2 * AROUND, dtype=bool), np.zeros(2 * AROUND, dtype=bool)
    for entry in schedule.entries:
        table = entry.timetable
        planned_now = _around(table.planned, table.start, midnight)
        lead = table.lead_minutes
        for minute in range(lead, 2 * AROUND):
            ready = asked[entry.target][minute - lead : minute + 1].min()
            late[minute] |= bool(ready < planned_now[minute])
    step = plan.scenario.horizon.interval_s // 60
    for shortage in plan.shortages:
        first = AROUND + shortage.interval * step
        short[first : first + step] = True
    gone = {entry.target for entry in schedule.given_up} | ({*old} - {*new})
    return Night(
        late_minutes=int(late.sum()),
        short_minutes=int(short.sum()),
        domain_gpus=_over_in_domains(plan, in_force, schedule, asked),
        node_gpus=_over_on_nodes(before, plan),
        left_running=sum(bool(asked[target][-1]) for target in gone),
    )


def _asked(schedule: Schedule, midnight: datetime) -> dict[Target, Ints]:
    """Sizes around midnight; after its end a schedule goes on as it ended."""
    return {
        entry.target: _around(entry.timetable.asked, entry.timetable.start, midnight)
        for entry in schedule.entries
    }


def _around(values: Ints, start: datetime, midnight: datetime) -> Ints:
    since = (midnight - start) // timedelta(minutes=1) - AROUND
    return values[np.clip(np.arange(since, since + 2 * AROUND), 0, len(values) - 1)]


def _over_in_domains(
    plan: Plan, in_force: Schedule, schedule: Schedule, asked: dict[Target, Ints]
) -> int:
    """Most GPUs beyond those of a spine that are there in each minute."""
    pools = {entry.target: entry.pool for entry in (*in_force.entries, *schedule.entries)}
    held: dict[str, Ints] = defaultdict(lambda: np.zeros(2 * AROUND, dtype=np.int64))
    for target, sizes in asked.items():
        held[pools[target].domain] += sizes * pools[target].gpus_per_replica
    midnight, fleet = plan.scenario.horizon.start.astimezone(UTC), plan.scenario.fleet
    worst = 0
    for spine, gpus in held.items():
        leaves = [leaf for leaf in fleet.network.leaves if leaf.spine == spine]
        for minute in range(AROUND, 2 * AROUND):
            begin = midnight + timedelta(minutes=minute - AROUND)
            there = 8 * sum(
                fleet.nodes_available(leaf, "h100x8", begin, begin + timedelta(minutes=1))
                for leaf in leaves
            )
            worst = max(worst, int(gpus[minute]) - there)
        whole = 8 * sum(leaf.nodes["h100x8"] for leaf in leaves)
        worst = max(worst, int(gpus[:AROUND].max()) - whole)
    return max(0, worst)


def _over_on_nodes(before: Plan, plan: Plan) -> int:
    """GPUs beyond those of nodes, added up over nodes, in the worst minute."""
    held: dict[str, Ints] = defaultdict(lambda: np.zeros(2 * AROUND, dtype=np.int64))
    ends = before.scenario.horizon.intervals
    last = [stay for stay in before.stays if stay.first + stay.intervals == ends]
    stood = Counter((_pool_name(before, stay), stay.leaf, stay.nodes) for stay in last)
    for stay in last:
        _hold(held, before, stay, -2 * AROUND, AROUND)
    for stay in plan.stays:
        step, lead = _minutes(plan, stay)
        name = (_pool_name(plan, stay), stay.leaf, stay.nodes)
        begin = AROUND + stay.first * step - lead
        if stay.first == 0 and stood[name] > 0:
            stood[name] -= 1
            begin = AROUND
        _hold(held, plan, stay, begin, AROUND + (stay.first + stay.intervals) * step)
    return int(np.sum([np.maximum(0, gpus - 8) for gpus in held.values()], axis=0).max(initial=0))


def _hold(held: dict[str, Ints], plan: Plan, stay: Stay, begin: int, end: int) -> None:
    for node in stay.nodes:
        gpus = plan.pools[stay.pool].gpus_per_replica // len(stay.nodes)
        held[node][max(0, begin) : max(0, end)] += gpus


def _minutes(plan: Plan, stay: Stay) -> tuple[int, int]:
    """Of an interval, and of a start."""
    pool = plan.pools[stay.pool]
    startup_s = next(
        each.engine.startup_s
        for each in plan.candidates
        if (each.workload, each.engine.name) == (pool.workload, pool.engine)
    )
    return plan.scenario.horizon.interval_s // 60, ceil(startup_s / 60)


def _pool_name(plan: Plan, stay: Stay) -> tuple[str, str, str, str]:
    pool = plan.pools[stay.pool]
    return pool.workload, pool.engine, pool.node_type, pool.domain


COLUMNS = (
    "night",
    "covered",
    "peak fill",
    "pools given up",
    "replicas late [min]",
    "unserved [min]",
    "GPUs twice, by domain",
    "by node",
    "pools left running",
)


def main() -> None:
    """Both fleets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=6.0, help="of each plan")
    parser.add_argument("--only", choices=FLEETS, help="of the fleets")
    given = parser.parse_args()
    for name, size in FLEETS.items():
        if given.only not in (None, name):
            continue
        header(f"Fleet {name}", f"{given.seconds:g} s a plan.", COLUMNS)
        totals = np.zeros(5, dtype=np.int64)
        with tempfile.TemporaryDirectory() as folder:
            for day, (made, night) in enumerate(nights(Path(folder), size, given.seconds), 1):
                figures = (
                    night.late_minutes,
                    night.short_minutes,
                    night.domain_gpus,
                    night.node_gpus,
                    night.left_running,
                )
                totals += figures
                before = made.plan.scenario.current or ()
                gone = {(each.engine, each.leaf.partition("-")[0]) for each in before} - {
                    (pool.engine, pool.domain) for pool in made.plan.pools
                }
                fill = max(
                    use.held[t] / use.supply[t] for use in made.plan.supply for t in range(96)
                )
                row(day, made.coverage.value, percent(fill), len(gone), *figures)
        row("all", "", "", "", *totals.tolist())


if __name__ == "__main__":
    main()
