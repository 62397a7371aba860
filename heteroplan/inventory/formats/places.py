"""Nodes and where they are, gathered from the switches and blocks of one file."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from heteroplan.inventory.join import listed
from heteroplan.inventory.node import NodeRecord
from heteroplan.text import counted


@dataclass(slots=True)
class Places:
    """The nodes of a file; of what is told of a node twice, the first counts, and this is noted."""

    _nodes: dict[str, NodeRecord] = field(default_factory=dict)
    _twice: dict[str, None] = field(default_factory=dict)

    def below(self, path: tuple[str, ...], hosts: Iterable[str], line: int = 0) -> None:
        """Nodes below a switch: its path, the widest switch first."""
        for host in hosts:
            record = self._record(host, line)
            if record.path is None:
                self._nodes[host] = replace(record, path=path)
            elif record.path != path:
                self._twice[host] = None

    def within(self, domain: str, hosts: Iterable[str], line: int = 0) -> None:
        """Nodes of an NVLink domain or another block of nodes."""
        for host in hosts:
            record = self._record(host, line)
            if record.nvlink_domain is None:
                self._nodes[host] = replace(record, nvlink_domain=domain)
            elif record.nvlink_domain != domain:
                self._twice[host] = None

    def told(self, record: NodeRecord) -> None:
        """A node with all that is known of it."""
        if record.name in self._nodes:
            self._twice[record.name] = None
        else:
            self._nodes[record.name] = record

    @property
    def nodes(self) -> tuple[NodeRecord, ...]:
        return tuple(self._nodes.values())

    @property
    def notes(self) -> tuple[str, ...]:
        if not self._twice:
            return ()
        twice = counted(len(self._twice), "node")
        return (f"{twice} in several places of the file: the first counts ({listed(self._twice)})",)

    def _record(self, host: str, line: int) -> NodeRecord:
        return self._nodes.get(host) or NodeRecord(name=host, line=line)
