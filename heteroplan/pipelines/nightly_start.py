"""What runs when a nightly plan begins, by the plan that was in force."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from heteroplan.errors import InputError, InputProblem

if TYPE_CHECKING:
    from heteroplan.inputs.scenario import Outline
    from heteroplan.outputs.plan.document.parts import HorizonPart
    from heteroplan.outputs.plan.document.plan_document import PlanDocument

COLUMNS = ("workload", "engine", "replica_id", "leaf", "node", "gpus")


@dataclass(frozen=True, slots=True)
class Start:
    """What a plan goes on from."""

    csv: str
    """As `plan --current` reads it."""
    notes: tuple[str, ...]
    """What was taken for granted or left out, one sentence each."""


def start_of(last: "PlanDocument", placement: Path, outline: "Outline") -> Start:
    """The replicas of the last plan that run when the horizon of `outline` starts.

    Where that plan ended before, it goes on as it repeats, or else with its last sizes. Replicas
    that the scenario does not know any more are left out. Raises InputError.
    """
    from heteroplan.outputs.shared.files import csv_text

    at = outline.horizon.start
    rows = _rows(placement, last.horizon, interval_in_force(last.horizon, at))
    of_replica: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    for row in rows:
        key = (row["workload"], row["engine"], row["replica_id"])
        of_replica.setdefault(key, []).append(row)
    gone, kept = Counter[str](), []
    for its_rows in of_replica.values():
        reasons = [reason for row in its_rows if (reason := _unknown(row, outline))]
        gone.update(reasons[:1])
        kept += [] if reasons else [[row[name] for name in COLUMNS] for row in its_rows]
    end = last.horizon.boundaries()[-1]
    notes = [f"{count:,} of the replicas before are left out: {why}" for why, count in gone.items()]
    if at > end:
        notes.insert(
            0,
            f"the plan before ended at {end:%Y-%m-%d %H:%M}, before this one starts: it is taken "
            "to go on as it repeats, or else with its last sizes",
        )
    return Start(csv_text(COLUMNS, kept), tuple(notes))


def interval_in_force(horizon: "HorizonPart", at: datetime) -> int:
    """The interval of a plan that is in force at a moment after its start.

    Where the plan ends, its last one; after that by the wall clock, as it repeats, or the last.
    """
    from heteroplan.schedules.timetable.recurrence import Recurrence, recurrence

    start, end = (horizon.boundaries()[i].astimezone(UTC) for i in (0, -1))
    since_s = (at.astimezone(UTC) - start).total_seconds()
    if at.astimezone(UTC) > end and recurrence(horizon) is not Recurrence.DATED:
        zone = ZoneInfo(horizon.timezone)
        walls = [moment.astimezone(zone).replace(tzinfo=None) for moment in (at, start)]
        since_s = (walls[0] - walls[1]).total_seconds()
        since_s %= horizon.intervals * horizon.interval_s
    return min(int(since_s // horizon.interval_s), horizon.intervals - 1)


def _rows(placement: Path, horizon: "HorizonPart", interval: int) -> list[Mapping[str, str]]:
    """Of one interval. Raises InputError where the file is not that of a plan."""
    stamp = horizon.boundaries()[interval].astimezone(UTC)
    try:
        with placement.open(encoding="utf-8", newline="") as file:
            return [
                row
                for row in csv.DictReader(file)
                if row["workload"]
                and datetime.fromisoformat(row["interval_start"]).astimezone(UTC) == stamp
                and all(row[name] is not None for name in COLUMNS)
            ]
    except OSError as error:
        reason = f"cannot be read: {error.strerror or error}"
    except (KeyError, ValueError, TypeError, csv.Error):
        reason = "is no placement.csv of heteroplan; a file of this folder was changed"
    raise InputError([InputProblem(str(placement), 0, "", "", reason)])


def _unknown(row: Mapping[str, str], outline: "Outline") -> str:
    """What the scenario lacks of a replica; empty where it knows it."""
    from heteroplan.entities.placement import node_names

    engines = outline.engines.get(row["workload"])
    if engines is None:
        return f"there is no workload {row['workload']} any more"
    engine = engines.get(row["engine"])
    if engine is None:
        return f"{row['workload']} has no engine {row['engine']} any more"
    leaves = {leaf.name: leaf for leaf in outline.fleet.network.leaves}
    leaf = leaves.get(row["leaf"])
    if leaf is None:
        return f"there is no leaf {row['leaf']} any more"
    nodes = {
        node: shape
        for shape in outline.fleet.node_types
        if shape.gpu.name == engine.gpu
        for node in node_names(leaf, shape.name)
    }
    shape = nodes.get(row["node"])
    if shape is None:
        return f"{row['leaf']} has no node {row['node']} with {engine.gpu} any more"
    if row["gpus"] != str(min(engine.gpus, shape.gpus)):
        return f"{row['engine']} of {row['workload']} takes other GPUs now"
    return ""
