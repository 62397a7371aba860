"""topograph's models: a tree of switches and the blocks of nodes below it, as YAML.

Three generations, as in topograph's pkg/models: `switches` by name with `blocks` that name their
switch; `switches` by name with `nodes` of their own, `nodes` and `capacity_blocks` by name;
`switches` and `capacity_blocks` as lists, where a switch names its blocks.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, TypeAdapter

from heteroplan.inventory.formats.places import Places
from heteroplan.inventory.formats.shapes import Entry, content_of, fitting, head_of
from heteroplan.inventory.formats.switch_tree import SwitchTree, hosts_of
from heteroplan.inventory.formats.topograph import labels
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.reading.file_problems import FileProblems

NAME = "topograph-model"
_SWITCHES = re.compile(r"(?m)^switches[ \t]*:")
_BLOCKS = re.compile(r"(?m)^(?:blocks|capacity_blocks|nodes)[ \t]*:")


class Attributes(Entry):
    nvlink: str | None = None


class Switch(Entry):
    """A switch, or a level above switches; its labels hold for all below it."""

    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})
    metadata: dict[str, str] = Field(default={})
    switches: list[str] = Field(default=[])
    nodes: list[str] = Field(default=[])
    capacity_blocks: list[str] = Field(default=[])

    @property
    def said(self) -> dict[str, str]:
        return {**self.metadata, **self.annotations, **self.labels}


class Block(Entry):
    """Nodes below one switch, or of one NVLink domain."""

    switch: str | None = None
    type: str | None = None
    nvlink: str | None = None
    attributes: Attributes = Attributes()
    labels: dict[str, str] = Field(default={})
    annotations: dict[str, str] = Field(default={})
    nodes: list[str] = Field(default=[])

    @property
    def said(self) -> dict[str, str]:
        return {**self.annotations, **self.labels}


class Node(Entry):
    """A node that is described by itself."""

    type: str | None = None
    attributes: Attributes = Attributes()
    capacity_block: str | None = None
    capacity_block_id: str | None = None


def _by_name(entries: object) -> object:
    """A list of entries as a mapping of their names, as newer models have it."""
    if not isinstance(entries, list):
        return entries
    named: dict[str, object] = {}
    for index, entry in enumerate(entries):
        name = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(name, str):
            raise ValueError(f"entry {index + 1} has no name; write name: NAME")
        if name in named:
            raise ValueError(f"{name} is there twice; keep one of them")
        named[name] = entry
    return named


class Model(Entry):
    """A model of any generation."""

    switches: Annotated[dict[str, Switch | None], BeforeValidator(_by_name)]
    blocks: list[Block] = Field(default=[])
    capacity_blocks: Annotated[dict[str, Block | None], BeforeValidator(_by_name)] = Field(
        default={}
    )
    nodes: dict[str, Node | None] = Field(default={})


_FILE = TypeAdapter(Model)


class TopographModel:
    """A model of topograph."""

    def fits(self, file: SourceFile) -> bool:
        return bool(_SWITCHES.search(head_of(file)) and _BLOCKS.search(file.text))

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        return _Reader(file, fitting(_FILE, content_of(file), file)).contents()


class _Reader:
    """Puts together what one model says of each node."""

    def __init__(self, file: SourceFile, model: Model) -> None:
        self.file = file
        self.model = model
        self.found = FileProblems(file.name)
        self.tree = SwitchTree(self.found)
        self.switches = {name: each or Switch() for name, each in model.switches.items()}
        self.below: dict[str, str] = {}
        """Switch that each node is below."""
        self.blocks: dict[str, Block] = {}
        """Block that each node is in, by its name."""

    def contents(self) -> Contents:
        for name, switch in self.switches.items():
            self.tree.add(name, switch.switches, 0, f"switches.{name}")
            self._place(name, switch.nodes, f"switches.{name}.nodes")
        self._read_blocks()
        places = Places()
        for host in {**self.blocks, **self.below, **self.model.nodes}:
            places.told(self._record(host))
        if not places.nodes and not self.found.problems:
            self.found.problem(0, "blocks", "", "names no nodes")
        self.found.done()
        return Contents(
            format=NAME, file=self.file.name, nodes=places.nodes, notes=tuple(self.tree.notes)
        )

    def _read_blocks(self) -> None:
        holders = {
            block: name for name, each in self.switches.items() for block in each.capacity_blocks
        }
        for name, block in self.model.capacity_blocks.items():
            at = f"capacity_blocks.{name}.nodes"
            self._add_block(block or Block(), holders.get(name), name, at)
        known = {*self.switches, *(each for one in self.switches.values() for each in one.switches)}
        for i, block in enumerate(self.model.blocks):
            if block.switch is not None and block.switch not in known:
                remedy = "no such switch under switches; add it"
                self.found.problem(0, f"blocks[{i}].switch", block.switch, remedy)
            self._add_block(block, block.switch, None, f"blocks[{i}].nodes")

    def _add_block(self, block: Block, switch: str | None, name: str | None, at: str) -> None:
        described = [
            host
            for host, node in self.model.nodes.items()
            if name is not None
            and node is not None
            and name in (node.capacity_block, node.capacity_block_id)
        ]
        hosts = self._hosts(block.nodes, at)
        for host in dict.fromkeys([*hosts, *described]):
            if host in self.blocks and self.blocks[host] is not block:
                self.found.problem(0, at, host, "node is in two blocks; keep it in one")
            self.blocks[host] = block
        if switch is not None:
            self._place(switch, hosts, at)

    def _hosts(self, lists: list[str], at: str) -> list[str]:
        return [host for each in lists for host in hosts_of(each, self.found, 0, at)]

    def _place(self, switch: str, lists: list[str], at: str) -> None:
        for host in self._hosts(lists, at):
            if self.below.setdefault(host, switch) != switch:
                remedy = f"node is below {self.below[host]} and {switch}; keep one of them"
                self.found.problem(0, at, host, remedy)

    def _record(self, host: str) -> NodeRecord:
        switch = self.below.get(host)
        path = None if switch is None else self.tree.path(switch)
        block = self.blocks.get(host, Block())
        node = self.model.nodes.get(host) or Node()
        said: dict[str, str] = {}
        for each in path or ():
            said |= self.switches.get(each, Switch()).said
        said |= block.said
        # A zone inside the fabric divides no switch: those above it reach all zones.
        top = said if path is None else self.switches.get(path[0], Switch()).said
        nvlink = node.attributes.nvlink or block.attributes.nvlink or block.nvlink
        return NodeRecord(
            name=host,
            instance_type=node.type or block.type,
            path=path,
            nvlink_domain=nvlink or labels.nvlink_domain(said),
            cluster=labels.cluster(top),
        )


FORMAT = TopographModel()
