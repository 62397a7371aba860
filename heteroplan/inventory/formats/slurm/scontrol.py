"""`scontrol show node` and `scontrol show reservation`, as text, and reservations as JSON.

A record begins with `NodeName=` or `ReservationName=` at the beginning of a line. Its fields are
`Key=value`, on one line (`-o`) or several. Times of the text are
wall-clock times of the cluster without a zone; JSON has seconds since 1970.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

from pydantic import Field, TypeAdapter

from heteroplan.inventory.formats.shapes import Entry, fitting, head_of
from heteroplan.inventory.formats.slurm.nodes import SlurmNode, SlurmNodes, said
from heteroplan.inventory.formats.switch_tree import hosts_of
from heteroplan.inventory.node import Contents, Reservation, SourceFile, SourceOptions
from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.local_time import localized

NAME = "slurm-scontrol"
_RECORD = re.compile(r"(?m)^(?:NodeName|ReservationName)=")
_FIELD = re.compile(r"(?:^|(?<=\s))([A-Za-z][A-Za-z:]*)=")
_FREE = ("Comment", "Extra", "OS", "Reason")
"""Fields whose text may have `Key=` in it; each has a line of its own."""
_REPEATS = ("HOURLY", "DAILY", "WEEKLY", "WEEKDAY", "WEEKEND")
_UNTIL_CHANGED = ("", "Unknown", "NONE", "None", "(null)", "N/A")
_LAST_SECOND = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


class Moment(Entry):
    """A time as Slurm's data_parser writes it."""

    set: bool = False
    infinite: bool = False
    number: float = Field(0, ge=0, le=_LAST_SECOND)


class JsonReservation(Entry):
    name: str
    node_list: str | None = None
    start_time: Moment | float | None = None
    end_time: Moment | float | None = None
    flags: list[str] = Field(default=[])


class Reservations(Entry):
    reservations: list[JsonReservation]


_JSON = TypeAdapter(Reservations)


class SlurmScontrol:
    """Nodes and reservations of scontrol."""

    def fits(self, file: SourceFile) -> bool:
        document = file.document
        if document is None:
            return _RECORD.search(head_of(file)) is not None
        if not isinstance(document, dict) or not isinstance(document.get("reservations"), list):
            return False
        first = next(iter(document["reservations"]), None)
        return "meta" in document or (isinstance(first, dict) and "node_list" in first)

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        reader = _Reader(file, options)
        if file.document is None:
            reader.read_text()
        else:
            reader.read_json()
        return reader.contents()


class _Reader:
    """Reads the records of one file."""

    def __init__(self, file: SourceFile, options: SourceOptions) -> None:
        self.file = file
        self.options = options
        self.found = FileProblems(file.name)
        self.nodes = SlurmNodes(self.found)
        self.reservations: list[Reservation] = []
        self.notes: list[str] = []

    def read_text(self) -> None:
        for line, record in _records(self.file.text):
            if next(iter(record)) == "NodeName":
                self._add_node(line, record)
            else:
                self._add_reservation(line, record)
        if not self.nodes.nodes and not self.reservations and not self.found.problems:
            remedy = "has no record; scontrol writes NodeName= or ReservationName="
            self.found.problem(0, "", "", remedy)

    def read_json(self) -> None:
        listed = fitting(_JSON, self.file.document, self.file).reservations
        for i, each in enumerate(listed):
            at = f"reservations[{i}].node_list"
            self.reservations.append(
                Reservation(
                    name=each.name,
                    nodes=tuple(hosts_of(each.node_list or "", self.found, 0, at)),
                    start=_moment(each.start_time),
                    end=_moment(each.end_time),
                )
            )
            self._note(each.name, each.flags)

    def contents(self) -> Contents:
        self.found.done()
        return Contents(
            format=NAME,
            file=self.file.name,
            nodes=self.nodes.nodes,
            reservations=tuple(self.reservations),
            notes=(*self.nodes.notes, *self.notes),
        )

    def _add_node(self, line: int, record: dict[str, str]) -> None:
        node = SlurmNode(
            name=record["NodeName"],
            gres=record.get("Gres"),
            states=[record.get("State", "")],
            reason=record.get("Reason"),
            others=(record.get("NodeHostName"), record.get("InstanceId")),
            instance_type=record.get("InstanceType"),
        )
        if said(node.name) is None:
            self.found.problem(line, "NodeName", node.name, "is empty; a node has a name")
        elif "[" in node.name or node.name == "DEFAULT":
            remedy = "is of slurm.conf; save what scontrol show node writes, a record a node"
            self.found.problem(line, "NodeName", node.name, remedy)
        else:
            self.nodes.add(node, line, "Gres")

    def _add_reservation(self, line: int, record: dict[str, str]) -> None:
        name = record["ReservationName"]
        nodes = hosts_of(record.get("Nodes", ""), self.found, line, "Nodes")
        start, end = (self._time(line, key, record) for key in ("StartTime", "EndTime"))
        reservation = Reservation(name=name, nodes=tuple(nodes), start=start, end=end)
        self.reservations.append(reservation)
        self._note(name, record.get("Flags", "").split(","))

    def _time(self, line: int, key: str, record: dict[str, str]) -> datetime | None:
        text = record.get(key, "")
        if text in _UNTIL_CHANGED:
            return None
        if self.options.zone is None:
            remedy = "has no time zone; say which the cluster's is, as in --timezone Europe/Berlin"
            self.found.problem(line, key, text, remedy)
            return None
        try:
            return localized(text, self.options.zone)
        except ValueError as error:
            self.found.problem(line, key, text, str(error))
            return None

    def _note(self, name: str, flags: list[str]) -> None:
        repeats = [flag for flag in flags if flag.strip().upper() in _REPEATS]
        if repeats:
            told = repeats[0].strip().lower()
            self.notes.append(f"reservation {name} is {told}: only its next time is taken")


def _records(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Line and fields of each record; of a field that is told twice, the first."""
    starts = [match.start() for match in _RECORD.finditer(text)]
    line, before = 1, 0
    for start, end in pairwise([*starts, len(text)]):
        line += text.count("\n", before, start)
        before = start
        yield line, _fields(text[start:end].rstrip())


def _fields(record: str) -> dict[str, str]:
    """Fields of a record; free texts reach to the end of their line where it has several."""
    keys: list[re.Match[str]] = []
    free_until = 0
    for key in _FIELD.finditer(record):
        if key.start() >= free_until:
            keys.append(key)
            if key[1] in _FREE and "\n" in record:
                end = record.find("\n", key.end())
                free_until = len(record) if end < 0 else end
    ends = [*(key.start() for key in keys[1:]), len(record)]
    fields: dict[str, str] = {}
    for key, stop in zip(keys, ends, strict=True):
        fields.setdefault(key[1], record[key.end() : stop].strip())
    return fields


def _moment(time: Moment | float | None) -> datetime | None:
    """A time of JSON; None where there is none, or no end."""
    if isinstance(time, Moment):
        time = time.number if time.set and not time.infinite else None
    if not time or not 0 < time < _LAST_SECOND:
        return None
    return datetime.fromtimestamp(time, UTC)


FORMAT = SlurmScontrol()
