"""Slurm's topology.conf: trees of switches, blocks and rings.

`SwitchName=s3 Switches=s[0-2]`, `SwitchName=s0 Nodes=gpu[0-5]`, `BlockName=b1 Nodes=gpu[1-18]`,
`RingName=r0 Nodes=gpu[01-08]`. Names of parameters may be in any case, `#` begins a comment. A
block is a domain of several nodes with a fast network of its own, such as an NVLink rack.
"""

import re
from collections.abc import Iterator

from heteroplan.inventory.formats.places import Places
from heteroplan.inventory.formats.shapes import head_of
from heteroplan.inventory.formats.switch_tree import SwitchTree, hosts_of
from heteroplan.inventory.node import Contents, SourceFile, SourceOptions
from heteroplan.reading.file_problems import FileProblems

NAME = "slurm-topology"
_KINDS = ("SwitchName", "BlockName", "RingName")
_KNOWN = (*_KINDS, "Switches", "Nodes", "LinkSpeed", "BlockSizes")
_FITS = re.compile(rf"(?im)^[ \t]*(?:{'|'.join(_KINDS)})[ \t]*=")
_PAIR = re.compile(r"([A-Za-z]+)\s*=\s*(?:\"([^\"]*)\"|(\S*))")


class SlurmTopology:
    """topology.conf."""

    def fits(self, file: SourceFile) -> bool:
        return _FITS.search(head_of(file)) is not None

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        return _Reader(file).contents()


class _Reader:
    """Reads the lines of one topology.conf."""

    def __init__(self, file: SourceFile) -> None:
        self.file = file
        self.found = FileProblems(file.name)
        self.tree = SwitchTree(self.found)
        self.leaves: list[tuple[str, list[str], int]] = []
        """Switches or rings with their nodes, and their lines."""
        self.blocks: dict[str, tuple[list[str], int]] = {}

    def contents(self) -> Contents:
        for line, pairs in _lines(self.file.text):
            self._add(line, pairs)
        self.tree.check()
        places = Places()
        for switch, hosts, line in self.leaves:
            places.below(self.tree.path(switch), hosts, line)
        for block, (hosts, line) in self.blocks.items():
            places.within(block, hosts, line)
        if not places.nodes and not self.found.problems:
            remedy = "names no nodes; write for example SwitchName=s0 Nodes=gpu[01-16]"
            self.found.problem(0, "", "", remedy)
        self.found.done()
        notes = (*self.tree.notes, *places.notes)
        return Contents(format=NAME, file=self.file.name, nodes=places.nodes, notes=notes)

    def _add(self, line: int, pairs: dict[str, str]) -> None:
        for key in pairs.keys() - {each.lower() for each in _KNOWN}:
            self.found.problem(line, key, "", f"unknown parameter; known are {', '.join(_KNOWN)}")
        if any(pairs.get(kind.lower()) == "" for kind in _KINDS):
            self.found.problem(line, "", "", "name is empty; write one")
        hosts = hosts_of(pairs.get("nodes", ""), self.found, line, "Nodes")
        if (switch := pairs.get("switchname")) is not None:
            below = hosts_of(pairs.get("switches", ""), self.found, line, "Switches")
            self.tree.add(switch, below, line, "SwitchName")
            self.leaves.append((switch, hosts, line))
        elif (ring := pairs.get("ringname")) is not None:
            self.tree.add(ring, [], line, "RingName")
            self.leaves.append((ring, hosts, line))
        elif (block := pairs.get("blockname")) is not None:
            if block in self.blocks:
                remedy = "block is defined twice; keep one of them"
                self.found.problem(line, "BlockName", block, remedy)
            self.blocks[block] = (hosts, line)
        elif "nodes" in pairs or "switches" in pairs:
            remedy = f"no {', '.join(_KINDS)} on this line; name what the nodes are in"
            self.found.problem(line, "", "", remedy)


def _lines(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Number of each line that is not blank and its parameters; `\\` at its end continues it."""
    before, first = "", 0
    for number, line in enumerate(text.splitlines(), start=1):
        content = before + line.partition("#")[0].rstrip()
        first = first or number
        if content.endswith("\\"):
            before = content[:-1] + " "
            continue
        pairs = {each[1].lower(): each[2] or each[3] or "" for each in _PAIR.finditer(content)}
        if content.strip():
            yield first, pairs or {content.strip().split()[0]: ""}
        before, first = "", 0


FORMAT = SlurmTopology()
