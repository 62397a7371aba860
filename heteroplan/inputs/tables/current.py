"""CSV of what runs when the horizon starts, such as a placement.csv -> replicas on their nodes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from heteroplan.entities.fleet import NodeType
from heteroplan.entities.network import Leaf
from heteroplan.entities.placement import node_names
from heteroplan.entities.scenario import Horizon, Running, Scenario
from heteroplan.entities.workload import Engine
from heteroplan.inputs.checks.fleet import unknown
from heteroplan.inputs.plan_ids import placement_problems
from heteroplan.reading import csv_rows
from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.local_time import localized

MAX_BYTES = 256 * 2**20
"""Largest file [bytes]: a placement.csv of a day of 20,000 GPUs has a million rows."""
_NEEDED = ("workload", "engine", "replica_id", "leaf")
_COLUMNS = (*_NEEDED, "interval_start", "role", "node", "gpus", "plan")


@dataclass(frozen=True, slots=True)
class _ReplicaRow:
    """A replica on a node, or on some node of a leaf."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """The cell; empty where the file has no such column."""
        return self.cells.get(column, "")

    @property
    def idle(self) -> bool:
        """Whether it says that nothing runs in its interval."""
        others = self.cells.keys() - {"interval_start", "plan"}
        return "interval_start" in self.cells and not any(self[column] for column in others)


def read_current(
    text: str, file: str, scenario: Scenario, folder: Path | None = None
) -> tuple[Running, ...]:
    """The replicas in `text`, in its order.

    Columns are workload, engine, replica_id and leaf, and where wanted role, node (empty: any
    of the leaf), gpus (of the row), plan and interval_start; with the last one the latest interval
    counts that does not start after the horizon. An interval in which nothing runs has a row with
    only interval_start. A replica of several nodes has a row for each. `folder` is that of the
    file; where rows name their plan, plan.json in it must be the same.
    Raises InputError with the problems of all rows (the first 20).
    """
    found = FileProblems(file)
    plans: set[str] = set()
    rows = (
        _ReplicaRow(line, cells)
        for line, cells in csv_rows.rows(text, found, _COLUMNS, lambda header: _NEEDED)
    )
    replicas: dict[tuple[str, str, str], list[_ReplicaRow]] = defaultdict(list)
    for row in _rows_at_start(rows, scenario.horizon, plans, found):
        replicas[row["workload"], row["engine"], row["replica_id"]].append(row)
    found.problems += placement_problems(plans - {""}, file, folder)
    checking = _Checking(scenario, found)
    running = [checking.running(of_replica) for of_replica in replicas.values()]
    found.done()
    return tuple(each for each in running if each is not None)


def _rows_at_start(
    rows: Iterable[_ReplicaRow], horizon: Horizon, plans: set[str], found: FileProblems
) -> list[_ReplicaRow]:
    """Rows of the last interval_start that is not after the horizon's; all rows without stamps.

    Adds the plan of every row to `plans`.
    """
    zone, start = ZoneInfo(horizon.timezone), horizon.start.astimezone(UTC)
    moments: dict[str, datetime | None] = {}
    kept: list[_ReplicaRow] = []
    last: datetime | None = None
    for row in rows:
        plans.add(row["plan"])
        stamp = row["interval_start"]
        if "interval_start" not in row.cells:
            kept.append(row)
            continue
        if stamp not in moments:
            moments[stamp] = _moment(row, zone, found)
        moment = moments[stamp]
        if moment is None or moment > start or (last is not None and moment < last):
            continue
        if moment != last:
            last, kept = moment, []
        kept.append(row)
    if moments and not found.problems:
        known = sorted({moment for moment in moments.values() if moment is not None})
        _check_begun(known, last, horizon, found)
    busy = [row for row in kept if not row.idle]
    for row in kept if 0 < len(busy) < len(kept) else ():
        if row.idle:
            remedy = "nothing runs, but other rows name replicas that do; remove one or the other"
            found.problem(row.line, "", row["interval_start"], remedy)
    return busy


def _check_begun(
    known: Sequence[datetime], last: datetime | None, horizon: Horizon, found: FileProblems
) -> None:
    """Note that no interval counts: `last`, the latest not after the horizon's start, is over.

    Intervals are as long as the least step of the file. The one that is planned may begin where
    the file ends.
    """
    start = horizon.start.astimezone(UTC)
    if last is None:
        remedy = (
            f"every row is later than the horizon's start, {horizon.start.isoformat()}; give what "
            "runs then, or move horizon.start"
        )
        found.problem(0, "interval_start", "", remedy)
    elif len(known) > 1:
        over = last + min(after - before for before, after in pairwise(known))
        if start > over or (start == over and last < known[-1]):
            zone = ZoneInfo(horizon.timezone)
            remedy = (
                f"the last interval before the horizon's start, {horizon.start.isoformat()}, ends "
                f"at {over.astimezone(zone).isoformat()}; add what runs then, or a row with only "
                "interval_start where nothing does"
            )
            stamp = last.astimezone(zone).isoformat()
            found.problem(0, "interval_start", stamp, remedy)


def _moment(row: _ReplicaRow, zone: ZoneInfo, found: FileProblems) -> datetime | None:
    try:
        return localized(row["interval_start"], zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        found.problem(row.line, "interval_start", row["interval_start"], str(error))
        return None


class _Checking:
    """Finds each replica's engine and nodes, adds problems, and counts the GPUs taken."""

    def __init__(self, scenario: Scenario, found: FileProblems) -> None:
        self._found = found
        self._engines = {
            workload.name: {engine.name: engine for engine in workload.profile.engines}
            for workload in scenario.workloads
        }
        self._leaves = {leaf.name: leaf for leaf in scenario.fleet.network.leaves}
        self._shapes = {shape.name: shape for shape in scenario.fleet.node_types}
        self._shape_of_node = {
            (leaf.name, node): shape
            for leaf in scenario.fleet.network.leaves
            for shape in scenario.fleet.node_types
            for node in node_names(leaf, shape.name)
        }
        self._taken: dict[tuple[str, str], int] = defaultdict(int)
        """GPUs by leaf and node, and by leaf and node type."""
        self._gone: set[str] = set()
        """Workloads reported as unknown."""

    def running(self, rows: Sequence[_ReplicaRow]) -> Running | None:
        """The replica of these rows; None where it has problems."""
        before = len(self._found.problems)
        first = rows[0]
        engine = self._engine(first)
        leaf = self._leaf(rows)
        if engine is None or leaf is None:
            return None
        shape = self._shape(rows, engine, leaf)
        if shape is None:
            return None
        self._check_agreement(rows, engine, shape)
        self._take(rows, engine, leaf, shape)
        if len(self._found.problems) > before:
            return None
        nodes = tuple(row["node"] for row in rows if row["node"])
        return Running(first["workload"], engine.name, shape.name, leaf.name, nodes)

    def _problem(self, row: _ReplicaRow, column: str, remedy: str) -> None:
        self._found.problem(row.line, column, row[column], remedy)

    def _engine(self, row: _ReplicaRow) -> Engine | None:
        name = row["workload"]
        if name not in self._engines:
            if name not in self._gone:
                remedy = "not in the scenario; remove its rows"
                self._problem(row, "workload", remedy)
            self._gone.add(name)
            return None
        engine = self._engines[name].get(row["engine"])
        if engine is None:
            remedy = unknown(f"engine of {name}", row["engine"], self._engines[name])
            self._problem(row, "engine", remedy)
        return engine

    def _leaf(self, rows: Sequence[_ReplicaRow]) -> Leaf | None:
        first = rows[0]
        for row in rows[1:]:
            if row["leaf"] != first["leaf"]:
                remedy = f"the replica stands on {first['leaf']} as well; a replica has one leaf"
                self._problem(row, "leaf", remedy)
                return None
        leaf = self._leaves.get(first["leaf"])
        if leaf is None:
            remedy = unknown("leaf", first["leaf"], self._leaves)
            self._problem(first, "leaf", remedy)
        return leaf

    def _shape(self, rows: Sequence[_ReplicaRow], engine: Engine, leaf: Leaf) -> NodeType | None:
        """The node type of a replica's nodes."""
        found = {self._shape_of_row(row, engine, leaf) for row in rows}
        if None in found:
            return None
        if len(found) > 1:
            remedy = "the replica's other nodes are of another type; give it nodes of one type"
            self._problem(rows[-1], "node", remedy)
            return None
        return found.pop()

    def _shape_of_row(self, row: _ReplicaRow, engine: Engine, leaf: Leaf) -> NodeType | None:
        if not row["node"]:
            return self._only_shape(row, engine, leaf)
        shape = self._shape_of_node.get((leaf.name, row["node"]))
        if shape is None:
            known = [node for name in leaf.nodes for node in node_names(leaf, name)]
            remedy = unknown(f"node of {leaf.name}", row["node"], known)
        elif shape.gpu.name != engine.gpu:
            remedy = f"has {shape.gpu.name} GPUs, {engine.name} is for {engine.gpu}"
        else:
            return shape
        self._problem(row, "node", remedy)
        return None

    def _only_shape(self, row: _ReplicaRow, engine: Engine, leaf: Leaf) -> NodeType | None:
        there = [
            self._shapes[name]
            for name, nodes in leaf.nodes.items()
            if nodes > 0 and self._shapes[name].gpu.name == engine.gpu
        ]
        if len(there) == 1:
            return there[0]
        if there:
            names = ", ".join(shape.name for shape in there)
            remedy = f"empty, and {leaf.name} has several types with its GPU ({names}); name a node"
            self._problem(row, "node", remedy)
        else:
            remedy = f"has no node with {engine.gpu}, the GPU of {engine.name}"
            self._problem(row, "leaf", remedy)
        return None

    def _check_agreement(
        self, rows: Sequence[_ReplicaRow], engine: Engine, shape: NodeType
    ) -> None:
        """Note where the rows do not say what the engine takes."""
        named = [row["node"] for row in rows if row["node"]]
        nodes = max(1, engine.gpus // shape.gpus)
        rows_wanted = {nodes} if named else {1, nodes}
        if len(rows) not in rows_wanted or len(set(named)) not in {0, len(rows)}:
            remedy = (
                f"stands in {len(rows)} rows, but a replica of {engine.name} takes "
                f"{nodes} {shape.name} node{'s' if nodes > 1 else ''}: one row for each node, and "
                "another id for another replica"
            )
            self._problem(rows[-1], "replica_id", remedy)
            return
        gpus = engine.gpus // len(rows)
        for row in rows:
            if row["role"] not in ("", engine.role):
                self._problem(row, "role", f"{engine.name} is for {engine.role}")
            if row["gpus"] not in ("", str(gpus)):
                self._problem(row, "gpus", f"{engine.name} takes {gpus} here")

    def _take(
        self, rows: Sequence[_ReplicaRow], engine: Engine, leaf: Leaf, shape: NodeType
    ) -> None:
        """Count the rows' GPUs, and note where a node, or all of a leaf's, holds more."""
        for row in rows:
            self._taken[leaf.name, row["node"]] += engine.gpus // len(rows)
            if row["node"] and self._taken[leaf.name, row["node"]] > shape.gpus:
                remedy = f"holds more than its {shape.gpus} GPUs; remove what does not run"
                self._problem(row, "node", remedy)
        self._taken[leaf.name, shape.name] += engine.gpus
        there = leaf.nodes[shape.name] * shape.gpus
        if self._taken[leaf.name, shape.name] > there and not all(row["node"] for row in rows):
            remedy = f"holds more than its {there} {shape.name} GPUs; remove what does not run"
            self._problem(rows[0], "leaf", remedy)
