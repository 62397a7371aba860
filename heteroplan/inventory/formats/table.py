"""Any CSV with a row for each node, or for several that are alike; `--map` names its columns.

Without `--map` the columns have the names of the fields: `node` (or `nodes`, how many are alike),
`gpu`, `gpus` and so on; of a table whose columns are mapped, the other columns are passed over.
"""

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from heteroplan.errors import UsageError
from heteroplan.inventory.formats.openb import first_line
from heteroplan.inventory.formats.places import Places
from heteroplan.inventory.host_names import MOST_HOSTS, expand
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.reading.csv_rows import CsvTable, Row, header_of
from heteroplan.reading.numbers import parse_number_within, parse_whole

NAME = "table"
FIELDS = {
    "node": "name of the node, or a list such as gpu[01-16]",
    "nodes": "number of nodes that are alike, where they have no names",
    "gpu": "GPU type",
    "gpus": "GPUs of one node",
    "gpu_memory_gib": "memory of one GPU [GiB]",
    "instance_type": "instance or machine type",
    "cluster": "cluster, zone or region",
    "spine": "spine switch, or the level above the leaf",
    "leaf": "leaf switch or rack",
    "nvlink_domain": "NVLink domain of several nodes",
    "nic_gbit_per_s": "network bandwidth of the node [Gbit/s]",
    "out": "why the node cannot be used; empty, no, false or 0 where it can",
}
"""What a column may hold."""
_IN_USE = ("", "no", "false", "0")
_MOST_GPUS = 1024
_MOST = 1e6


class Table:
    """A table of nodes."""

    def fits(self, file: SourceFile) -> bool:
        header = set(header_of(first_line(file)))
        told = {"node", "nodes"} & header and ({"gpu", "gpus"} <= header or "leaf" in header)
        return file.document is None and bool(told) and header <= FIELDS.keys()

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        _check_fields(options.columns)
        columns = options.columns or {name: name for name in FIELDS}
        table = CsvTable.of(file.name, file.text.encode(), lambda header: _wrong(header, options))
        present = {field: name for field, name in columns.items() if name in table.header}
        places = Places()
        room = MOST_HOSTS
        for row in table.rows():
            records = _Row(table, row, present).records(room)
            room -= len(records)
            for record in records:
                places.told(record)
        if not places.nodes and not table.problems:
            table.problem(0, "", "", "has no nodes; write a row for each")
        table.done()
        return Contents(format=NAME, file=file.name, nodes=places.nodes, notes=places.notes)


class _Row:
    """One row of a table, by field."""

    def __init__(self, table: CsvTable, row: Row, present: Mapping[str, str]) -> None:
        self.table = table
        self.line, self.cells = row
        self.present = present

    def records(self, room: int) -> list[NodeRecord]:
        """The nodes of the row, `room` at most; none where it is wrong, which is noted."""
        before = len(self.table.problems)
        gpus = self._whole("gpus", _MOST_GPUS)
        memory_gib, nic = self._number("gpu_memory_gib"), self._number("nic_gbit_per_s")
        spine, leaf = self._text("spine"), self._text("leaf")
        out = self._text("out")
        names = self._names(room)
        if len(self.table.problems) > before:
            return []
        path = tuple(each for each in (spine, leaf) if each is not None)
        return [
            NodeRecord(
                name=name,
                gpu=self._text("gpu"),
                gpus=gpus,
                gpu_memory_mib=None if memory_gib is None else memory_gib * 1024,
                instance_type=self._text("instance_type"),
                path=path or None,
                nvlink_domain=self._text("nvlink_domain"),
                cluster=self._text("cluster"),
                nic_gbit_per_s=nic,
                out=None if out is None or out.lower() in _IN_USE else out,
                line=self.line,
            )
            for name in names
        ]

    def _names(self, room: int) -> list[str]:
        field = "node" if self._text("node") is not None or "nodes" not in self.present else "nodes"
        text = self._text(field)
        names: list[str] = []
        if text is None:
            self._problem(field, "is empty; name the node, or say how many there are")
        elif field == "nodes":
            count = self._whole("nodes", MOST_HOSTS) or 0
            names = [f"row-{self.line}-node-{i}" for i in range(1, min(count, room + 1) + 1)]
        elif "[" in text or "," in text:
            try:
                names = expand(text)
            except ValueError as error:
                self._problem("node", str(error))
        else:
            names = [text]
        if len(names) > room:
            self._problem(field, f"more than {MOST_HOSTS:,} nodes in all; name fewer")
        return names

    def _text(self, field: str) -> str | None:
        return self.cells.get(self.present.get(field, ""), "") or None

    def _whole(self, field: str, most: int) -> int | None:
        if (text := self._text(field)) is None:
            return None
        try:
            return parse_whole(text, 0, most)
        except ValueError as error:
            self._problem(field, str(error))
            return None

    def _number(self, field: str) -> float | None:
        if (text := self._text(field)) is None:
            return None
        try:
            return parse_number_within(text, 1e-3, _MOST)
        except ValueError as error:
            self._problem(field, str(error))
            return None

    def _problem(self, field: str, remedy: str) -> None:
        name = self.present[field]
        self.table.problem(self.line, name, self.cells[name], remedy)


def _check_fields(columns: Mapping[str, str]) -> None:
    """Raise UsageError for a field of `--map` that a table of nodes does not have."""
    wrong = []
    for field in columns.keys() - FIELDS.keys():
        near = get_close_matches(field, FIELDS, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(FIELDS)}"
        wrong.append(f"--map {field}: no such field of a node; {hint}")
    if not wrong and columns and not {"node", "nodes"} & columns.keys():
        wrong.append("--map: say which column names the node, as in --map node=HOST")
    if wrong:
        raise UsageError(*sorted(wrong))


def _wrong(header: Sequence[str], options: SourceOptions) -> str:
    """What is wrong with the header of a table; empty where nothing is."""
    if options.columns:
        absent = [name for name in options.columns.values() if name not in header]
        known = ", ".join(header)
        return f"has no column {', '.join(absent)}; its columns are {known}" if absent else ""
    unknown = [name for name in header if name not in FIELDS]
    if unknown or not {"node", "nodes"} & set(header):
        return (
            f"columns are not those of a table of nodes ({', '.join(FIELDS)}); "
            "say which are which, as in --map node=HOST --map gpu=MODEL --map gpus=COUNT"
        )
    return ""


FORMAT = Table()
