"""Nodes of Slurm with their GPUs and states, from whichever of its commands."""

from dataclasses import dataclass, field, replace

from heteroplan.inventory.formats.slurm.gres import Gres, parse_gres, parse_state
from heteroplan.inventory.host_names import NOTHING
from heteroplan.inventory.join import listed
from heteroplan.inventory.node import NodeRecord
from heteroplan.reading.file_problems import FileProblems
from heteroplan.text import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class SlurmNode:
    """What Slurm writes of a node; it writes `(null)` and the like where there is nothing."""

    name: str
    gres: str | None
    states: list[str]
    reason: str | None = None
    others: tuple[str | None, ...] = ()
    """Other names of it."""
    instance_type: str | None = None
    cluster: str | None = None


@dataclass(slots=True)
class SlurmNodes:
    """Nodes of a file; what is told of a node once more (for another partition) adds nothing."""

    found: FileProblems
    _nodes: dict[str, NodeRecord] = field(default_factory=dict)
    _left_out: dict[str, list[str]] = field(default_factory=dict)
    """Nodes by what is left out of them."""

    def add(self, node: SlurmNode, line: int, path: str) -> None:
        """A node; `line` and `path` are those of its GRES."""
        if node.name in self._nodes:
            return
        gres = self._gres(node.gres, line, path)
        state = parse_state(node.states, node.reason)
        others = (said(each) for each in node.others)
        self._nodes[node.name] = NodeRecord(
            name=node.name,
            aliases=tuple(each for each in others if each is not None and each != node.name),
            gpu=gres.gpu,
            gpus=gres.gpus,
            gpus_left_out=gres.left_out,
            instance_type=said(node.instance_type),
            cluster=said(node.cluster),
            out=state.out,
            reserved=state.reserved,
            line=line,
        )
        if gres.note:
            self._left_out.setdefault(gres.note, []).append(node.name)

    @property
    def nodes(self) -> tuple[NodeRecord, ...]:
        """The nodes; where none has GPUs, GRES does not count them, and nothing is told of them."""
        if self._has_gpus:
            return tuple(self._nodes.values())
        return tuple(replace(node, gpus=None) for node in self._nodes.values())

    @property
    def _has_gpus(self) -> bool:
        return any(node.gpus or node.gpus_left_out for node in self._nodes.values())

    @property
    def notes(self) -> tuple[str, ...]:
        notes = [
            f"{note}, left out of {counted(len(names), 'node')} ({listed(names)})"
            for note, names in self._left_out.items()
        ]
        if self._nodes and not self._has_gpus:
            notes.append("no node has GPUs in its GRES: name a source that tells them")
        return tuple(notes)

    def _gres(self, text: str | None, line: int, path: str) -> Gres:
        try:
            return parse_gres(text)
        except ValueError as error:
            self.found.problem(line, path, text or "", str(error))
            return Gres(None, 0, 0)


def said(text: str | None) -> str | None:
    """A text; None where Slurm writes that there is none."""
    return None if text is None or text.strip() in NOTHING else text.strip()
