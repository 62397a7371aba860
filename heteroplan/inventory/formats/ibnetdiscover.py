"""What `ibnetdiscover` writes of an InfiniBand fabric: its switches, and what is at their ports.

Switches whose hosts are mostly the same (the rails of nodes with an adapter for each GPU) are one
leaf, and so on upwards: `fabric_levels`. The description of an adapter is the name of its host
and its own, such as `gpu01 mlx5_0`. A listing has no GPUs; the rates of a host's ports add up to
its bandwidth.
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

from heteroplan.inventory.formats.fabric_levels import Levels, levels_of
from heteroplan.inventory.formats.shapes import head_of
from heteroplan.inventory.join import listed
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.reading.file_problems import FileProblems
from heteroplan.text import counted

NAME = "ibnetdiscover"
_SWITCH = re.compile(r'^Switch\s+\d+\s+"([^"]+)"\s*#\s*"([^"]*)"')
_PORT = re.compile(
    r'^\[\d+\](?:\[[^\]]*\])?(?:\([^)]*\))?\s+"([^"]+)"\[(\d+)\](?:\[[^\]]*\])?(?:\([^)]*\))?'
    r'\s*#\s*"([^"]*)".*?(?:\s(\d+)x([A-Z]+[0-9]*))?\s*$'
)
_FITS = re.compile(r'(?m)^(?:Switch|Ca)\s+\d+\s+"[SH]-[0-9a-fA-F]+"')
_SWITCH_NAME = re.compile(r"[^;:\s]+;([^;:]+):[^;:]+")
_HOST_NAME = re.compile(r"(\S+)(?:\s\S+)?")
_NO_HOST = re.compile(r"localhost(?:\..*)?|Mellanox|MT[0-9]+")
"""First words of descriptions that nobody gave an adapter."""
_LANE_GBIT_PER_S = {
    "SDR": 2.5,
    "DDR": 5.0,
    "QDR": 10.0,
    "FDR10": 10.0,
    "FDR": 14.0,
    "EDR": 25.0,
    "HDR": 50.0,
    "NDR": 100.0,
    "XDR": 200.0,
}
"""Rate of one lane as it is named: 4xNDR is 400 Gbit/s, 4xFDR 56 Gbit/s."""


@dataclass(slots=True)
class Fabric:
    """The links of a fabric."""

    names: dict[str, str] = field(default_factory=dict)
    """Name of each switch by its ID, or the ID again."""
    lines: dict[str, int] = field(default_factory=dict)
    """Line of each switch."""
    neighbours: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Links of each switch to others."""
    hosts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """Links of each switch to hosts."""
    ports: dict[str, dict[tuple[str, str], float]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """Rate of each port of a host [Gbit/s]."""
    unnamed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Adapters at each switch whose host is not told."""


class Ibnetdiscover:
    """A listing of an InfiniBand fabric."""

    def fits(self, file: SourceFile) -> bool:
        return _FITS.search(head_of(file)) is not None

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        found = FileProblems(file.name)
        fabric = _fabric(file.text, found)
        if not fabric.ports and not found.problems:
            remedy = "has no switch with a named host; was the listing written to the end?"
            found.problem(0, "", "", remedy)
        found.done()
        return _contents(fabric, file)


def _fabric(text: str, found: FileProblems) -> Fabric:
    fabric = Fabric()
    switch: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            switch = None
        elif (heads := _SWITCH.match(line)) is not None:
            switch = heads[1]
            fabric.names[switch] = _switch_name(heads[2], switch)
            fabric.lines[switch] = number
        elif switch is not None and (port := _PORT.match(line)) is not None:
            _add_port(fabric, switch, port)
        elif switch is not None and line.startswith("["):
            found.problem(number, "", line, "is no port of a switch; was the listing cut?")
    shared = Counter(fabric.names.values())
    fabric.names = {
        each: name if shared[name] == 1 else each for each, name in fabric.names.items()
    }
    return fabric


def _add_port(fabric: Fabric, switch: str, port: re.Match[str]) -> None:
    other, number, description, width, speed = port.groups()
    if other.startswith("S-"):
        fabric.neighbours[switch][other] += 1
    elif not other.startswith("H-"):
        return
    elif (host := _host_name(description)) is not None:
        fabric.hosts[switch][host] += 1
        rate = int(width or 0) * _LANE_GBIT_PER_S.get(speed or "", 0.0)
        fabric.ports[host][other, number] = rate
    elif "Aggregation Node" not in description:
        fabric.unnamed[switch] += 1


def _contents(fabric: Fabric, file: SourceFile) -> Contents:
    names = fabric.names
    hosts = {names[each]: links for each, links in fabric.hosts.items()}
    neighbours = {
        names[each]: Counter({names.get(other, other): count for other, count in links.items()})
        for each, links in fabric.neighbours.items()
    }
    lines = {names[each]: line for each, line in fabric.lines.items()}
    levels = levels_of(hosts, neighbours)
    unsure = _unsure(fabric, levels)
    nodes = []
    for host, ports in fabric.ports.items():
        path = levels.path(host)
        nic = None if host in unsure or not all(ports.values()) else sum(ports.values())
        nodes.append(NodeRecord(name=host, path=path, nic_gbit_per_s=nic, line=lines[path[-1]]))
    notes = []
    if len(fabric.hosts) > levels.leaves:
        notes.append(
            f"{len(fabric.hosts):,} leaf switches are {levels.leaves:,} leaves, each named after "
            "its first switch: hosts have ports at several of them (rails)"
        )
    if unnamed := sum(fabric.unnamed.values()):
        notes.append(f"{counted(unnamed, 'adapter')} left out, whose descriptions name no host")
    if unsure:
        notes.append(
            f"no bandwidth of {counted(len(unsure), 'host')} ({listed(unsure)}), with fewer ports "
            "than most at their leaf: adapters without a host may be theirs"
        )
    return Contents(format=NAME, file=file.name, nodes=tuple(nodes), notes=tuple(notes))


def _unsure(fabric: Fabric, levels: Levels) -> list[str]:
    """Hosts with fewer ports than most at their leaf, where the leaf has adapters of no host."""
    unnamed = {levels.leaf_by_switch.get(fabric.names[each]) for each in fabric.unnamed}
    ports: dict[str, Counter[int]] = defaultdict(Counter)
    for host, found in fabric.ports.items():
        ports[levels.leaf_by_host[host]][len(found)] += 1
    usual = {
        leaf: max(counts, key=lambda each: (counts[each], each)) for leaf, counts in ports.items()
    }
    leaves = levels.leaf_by_host
    return [
        host
        for host, found in fabric.ports.items()
        if leaves[host] in unnamed and len(found) < usual[leaves[host]]
    ]


def _switch_name(description: str, switch: str) -> str:
    """`MF0;LEAF-01:MQM9701/U1` is LEAF-01; a description of several words names a model."""
    if (managed := _SWITCH_NAME.fullmatch(description)) is not None:
        return managed[1]
    return description if description and not re.search(r"[\s;:]", description) else switch


def _host_name(description: str) -> str | None:
    words = _HOST_NAME.fullmatch(description.strip())
    return None if words is None or _NO_HOST.fullmatch(words[1]) else words[1]


FORMAT = Ibnetdiscover()
