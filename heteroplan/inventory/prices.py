"""Prices and network bandwidths that no inventory has: a CSV file, and what options say.

A price is of one GPU and hour. It is looked up by node type, instance type or GPU type, the most
exact first; what an option says of a name counts before the file, what it says of all comes last.
Nothing is guessed: what is missing is an error that names the option which supplies it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from heteroplan.errors import UsageError
from heteroplan.inventory.node_types import NodeType
from heteroplan.reading import csv_rows
from heteroplan.reading.file_problems import FileProblems
from heteroplan.reading.numbers import parse_number_within
from heteroplan.text import counted

KEYS = ("node_type", "instance_type", "gpu")
"""Columns that say what a row is about, the most exact first."""
PRICE, NODE_PRICE, NIC = "usd_per_gpu_hour", "usd_per_hour", "nic_gbit_per_s"
COLUMNS = (*KEYS, PRICE, NODE_PRICE, NIC)
MOST = 1e12
"""As in the fleet file."""
type Figure = Callable[[PriceRow], float | None]
"""Reads one figure of a row."""
EVERY = "*"
"""Stands for the node types of which nobody else says a figure."""


@dataclass(frozen=True, slots=True)
class PriceRow:
    """What a file says of the node types that have all of some names."""

    line: int
    names: Mapping[str, str]
    """By column of `KEYS`."""
    usd_per_gpu_hour: float | None
    usd_per_hour: float | None
    """Of a node."""
    nic_gbit_per_s: float | None
    """Of a node."""

    @property
    def exactness(self) -> tuple[bool, ...]:
        """Greater for a row that names more."""
        return tuple(key in self.names for key in KEYS)

    def fits(self, node_type: NodeType) -> bool:
        """Whether the row is about this node type."""
        return all(_names(node_type)[key] == name for key, name in self.names.items())

    def price(self, gpus: int) -> float | None:
        """Of one GPU of a node with so many [USD/h]."""
        if self.usd_per_gpu_hour is not None or self.usd_per_hour is None:
            return self.usd_per_gpu_hour
        return self.usd_per_hour / gpus


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the user says of node types."""

    rows: Sequence[PriceRow] = ()
    """Of a file."""
    file: str = ""
    """Its name in messages."""
    usd_per_gpu_hour: Mapping[str, float] = field(default_factory=dict, hash=False)
    """By node type, instance type or GPU type, or `EVERY`."""
    nic_gbit_per_s: Mapping[str, float] = field(default_factory=dict, hash=False)
    """The same."""


@dataclass(frozen=True, slots=True)
class Priced:
    """Price and NIC of each node type, by its name."""

    usd_per_gpu_hour: Mapping[str, float]
    nic_gbit_per_s: Mapping[str, float]
    notes: tuple[str, ...]
    """What the user says of nothing that is there."""


def read_prices(text: str, file: str) -> list[PriceRow]:
    """The rows of a CSV file with some of the columns `COLUMNS`. Raises InputError."""
    found = FileProblems(file)
    rows: list[PriceRow] = []
    seen: dict[tuple[tuple[str, str], ...], int] = {}
    for line, cells in csv_rows.rows(text, found, COLUMNS, _needed):
        names = {key: cells[key] for key in KEYS if cells.get(key)}
        key = tuple(names.items())
        if not names:
            found.problem(line, "", "", f"says of nothing; fill in one of {', '.join(KEYS)}")
        elif key in seen:
            value = ", ".join(names.values())
            found.problem(line, "", value, f"stands in line {seen[key]} as well; keep one of them")
        seen.setdefault(key, line)
        numbers = [_number(cells, column, line, found) for column in (PRICE, NODE_PRICE, NIC)]
        if numbers[0] is not None and numbers[1] is not None:
            remedy = f"a price of a GPU and one of a node; keep {PRICE} or {NODE_PRICE}"
            found.problem(line, "", "", remedy)
        rows.append(PriceRow(line, names, *numbers))
    found.done()
    return rows


def priced(node_types: Mapping[NodeType, int], figures: Figures) -> Priced:
    """Price and NIC of each node type. Raises UsageError with all that nobody says.

    `node_types` are numbers of nodes, which messages name.
    """
    prices: dict[str, float] = {}
    nics: dict[str, float] = {}
    missing: list[str] = []
    for each, nodes in node_types.items():
        kind = f"{each.name} ({counted(nodes, 'node')} with {each.gpus} {each.gpu})"
        price = _given(figures.usd_per_gpu_hour, each)
        if price is None:
            price = _of_rows(figures.rows, each, partial(PriceRow.price, gpus=each.gpus))
        if price is None:
            price = figures.usd_per_gpu_hour.get(EVERY)
        nic = _given(figures.nic_gbit_per_s, each)
        if nic is None:
            nic = _of_rows(figures.rows, each, lambda row: row.nic_gbit_per_s)
        if nic is None:
            nic = each.nic_gbit_per_s
        if nic is None:
            nic = figures.nic_gbit_per_s.get(EVERY)
        if price is None:
            missing.append(
                f"{kind}: nobody says its price; add --price {each.name}=USD (a GPU and hour), or "
                f"--prices FILE, a CSV with the columns node_type,{PRICE}"
            )
        else:
            prices[each.name] = price
        if nic is None:
            missing.append(
                f"{kind}: nobody says its network bandwidth; add --nic-gbit-per-s "
                f"{each.name}=GBIT (of a node), or a column {NIC} in --prices FILE"
            )
        else:
            nics[each.name] = nic
    if missing:
        raise UsageError(*missing)
    return Priced(prices, nics, tuple(_of_nothing(figures, list(node_types))))


def _needed(header: Sequence[str]) -> Sequence[str]:
    """Columns that a header lacks: one that names, and one that says."""
    missing = []
    if not any(name in KEYS for name in header):
        missing.append(KEYS[0])
    if not any(name in (PRICE, NODE_PRICE, NIC) for name in header):
        missing.append(PRICE)
    return missing


def _number(cells: Mapping[str, str], column: str, line: int, found: FileProblems) -> float | None:
    """None where the cell is empty or wrong."""
    text = cells.get(column, "")
    if not text:
        return None
    try:
        number = parse_number_within(text, 0, MOST)
        if column == NIC and number == 0:
            raise ValueError("must be greater than 0 [Gbit/s of a node]")
    except ValueError as error:
        found.problem(line, column, text, str(error))
        return None
    return number


def _names(node_type: NodeType) -> dict[str, str]:
    names = (node_type.name, node_type.instance_type or "", node_type.gpu)
    return dict(zip(KEYS, names, strict=True))


def _given(figures: Mapping[str, float], node_type: NodeType) -> float | None:
    """The figure of an option, by the most exact name."""
    for name in _names(node_type).values():
        if name in figures:
            return figures[name]
    return None


def _of_rows(rows: Iterable[PriceRow], node_type: NodeType, figure: Figure) -> float | None:
    """The figure of the most exact row that has one."""
    fitting = sorted(
        (row for row in rows if row.fits(node_type)), key=lambda row: row.exactness, reverse=True
    )
    return next((value for row in fitting if (value := figure(row)) is not None), None)


def _of_nothing(figures: Figures, node_types: Sequence[NodeType]) -> Iterator[str]:
    known = {name for each in node_types for name in (*_names(each).values(), EVERY)}
    for option, given in (
        ("--price", figures.usd_per_gpu_hour),
        ("--nic-gbit-per-s", figures.nic_gbit_per_s),
    ):
        for name in given:
            if name not in known:
                there = ", ".join(each.name for each in node_types)
                yield f"{option} {name}: no node type of this name; there are {there}"
    unused = [row for row in figures.rows if not any(row.fits(each) for each in node_types)]
    if unused:
        lines = ", ".join(str(row.line) for row in unused)
        yield f"{figures.file}: no node type of the fleet fits line {lines}"
