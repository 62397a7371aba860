"""Slurm's topology.yaml: a list of topologies, of which one is the cluster's default.

Trees (`switches`), blocks, rings and 3D tori tell where nodes are; flat ones tell nothing. Read in
Slurm's topology.yaml(5) and its tests; Slurm ignores topology.conf where this file exists.
"""

import re

from pydantic import Field, TypeAdapter

from heteroplan.inventory.formats.places import Places
from heteroplan.inventory.formats.shapes import Entry, Name, content_of, fitting, head_of
from heteroplan.inventory.formats.switch_tree import SwitchTree, hosts_of
from heteroplan.inventory.node import Contents, SourceFile, SourceOptions
from heteroplan.reading.file_problems import FileProblems

NAME = "slurm-topology-yaml"
_FITS = re.compile(r"(?m)^[ \t]*-[ \t]+topology[ \t]*:[ \t]*\S")
_KINDS = re.compile(r"(?m)^[ \t]*(?:tree|block|flat|ring|torus3d)[ \t]*:")


class Switch(Entry):
    """A switch: above others, or above nodes."""

    switch: Name
    children: str = ""
    nodes: str = ""


class Tree(Entry):
    switches: list[Switch]


class Block(Entry):
    """Nodes with a fast network of their own."""

    block: Name
    nodes: str = ""


class Blocks(Entry):
    blocks: list[Block]


class Ring(Entry):
    ring: Name
    nodes: str = ""


class Rings(Entry):
    rings: list[Ring]


class Region(Entry):
    """A part of a torus."""

    nodes: str


class Torus(Entry):
    """A torus: its nodes, or regions with them."""

    name: Name
    nodes: str = ""
    regions: list[Region] = Field(default=[])


class Tori(Entry):
    toruses: list[Torus]


class Topology(Entry):
    """One topology, of one kind."""

    topology: str
    cluster_default: bool = False
    tree: Tree | None = None
    block: Blocks | None = None
    ring: Rings | None = None
    torus3d: Tori | None = None
    flat: object = None


_FILE = TypeAdapter(list[Topology])


class SlurmTopologyYaml:
    """topology.yaml."""

    def fits(self, file: SourceFile) -> bool:
        head = head_of(file)
        return bool(_FITS.search(head) and _KINDS.search(head))

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        topologies = fitting(_FILE, content_of(file), file)
        found = FileProblems(file.name)
        places = Places()
        notes: list[str] = []
        order = sorted(enumerate(topologies), key=lambda each: not each[1].cluster_default)
        for index, topology in order:
            notes += _add(topology, f"[{index}]", places, found)
        if not places.nodes and not found.problems:
            found.problem(0, "", "", "names no nodes; a tree has switches with nodes")
        found.done()
        return Contents(
            format=NAME, file=file.name, nodes=places.nodes, notes=(*notes, *places.notes)
        )


def _add(topology: Topology, at: str, places: Places, found: FileProblems) -> list[str]:
    """Put the nodes of one topology into `places`; what was assumed."""
    tree = SwitchTree(found)
    leaves: list[tuple[str, list[str]]] = []
    for i, switch in enumerate(topology.tree.switches if topology.tree else []):
        where = f"{at}.tree.switches[{i}]"
        below = hosts_of(switch.children, found, 0, f"{where}.children")
        tree.add(switch.switch, below, 0, f"{where}.switch")
        leaves.append((switch.switch, hosts_of(switch.nodes, found, 0, f"{where}.nodes")))
    tree.check()
    for name, hosts in leaves:
        places.below(tree.path(name), hosts)
    for i, ring in enumerate(topology.ring.rings if topology.ring else []):
        places.below((ring.ring,), hosts_of(ring.nodes, found, 0, f"{at}.ring.rings[{i}].nodes"))
    for i, torus in enumerate(topology.torus3d.toruses if topology.torus3d else []):
        where = f"{at}.torus3d.toruses[{i}]"
        for nodes in (torus.nodes, *(region.nodes for region in torus.regions)):
            places.below((torus.name,), hosts_of(nodes, found, 0, f"{where}.nodes"))
    for i, block in enumerate(topology.block.blocks if topology.block else []):
        hosts = hosts_of(block.nodes, found, 0, f"{at}.block.blocks[{i}].nodes")
        places.within(block.block, hosts)
    flat = [f"topology {topology.topology} is flat: it tells nothing of places"]
    return [*tree.notes, *(flat if topology.flat else [])]


FORMAT = SlurmTopologyYaml()
