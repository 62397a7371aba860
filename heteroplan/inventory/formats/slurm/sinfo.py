"""`sinfo --json` in both its shapes, and `scontrol show nodes --json`.

`nodes` (Slurm 21.08's sinfo, every scontrol and slurmrestd) has an entry a node. `sinfo` (from
23.02 on) has one for all nodes that are alike, once for each of their partitions. States are a text
with flags beside it, or a list.
"""

from pydantic import Field, TypeAdapter

from heteroplan.inventory.formats.shapes import Entry, Name, fitting
from heteroplan.inventory.formats.slurm.nodes import SlurmNode, SlurmNodes
from heteroplan.inventory.formats.switch_tree import hosts_of
from heteroplan.inventory.node import Contents, SourceFile, SourceOptions
from heteroplan.reading.file_problems import FileProblems

NAME = "slurm-sinfo"


class Node(Entry):
    """A node of `nodes`."""

    name: Name
    hostname: str | None = None
    state: str | list[str] = Field(default=[])
    state_flags: list[str] = Field(default=[])
    gres: str | None = None
    reason: str | None = None
    cluster_name: str | None = None
    instance_id: str | None = None
    instance_type: str | None = None

    @property
    def states(self) -> list[str]:
        return [*([self.state] if isinstance(self.state, str) else self.state), *self.state_flags]


class Nodes(Entry):
    nodes: list[Node]


class GroupState(Entry):
    state: list[str] | str = Field(default=[])


class GroupNodes(Entry):
    nodes: list[str] | str


class GroupGres(Entry):
    total: str | None = None


class GroupReason(Entry):
    description: str | None = None


class Group(Entry):
    """Nodes that are alike, of `sinfo`."""

    node: GroupState = GroupState()
    nodes: GroupNodes
    gres: GroupGres = GroupGres()
    reason: GroupReason | str | None = None
    cluster: str | None = None


class Groups(Entry):
    sinfo: list[Group]


_NODES, _GROUPS = TypeAdapter(Nodes), TypeAdapter(Groups)


class SlurmSinfo:
    """Nodes of Slurm as JSON."""

    def fits(self, file: SourceFile) -> bool:
        document = file.document
        if not isinstance(document, dict):
            return False
        if isinstance(document.get("sinfo"), list):
            return True
        nodes, meta = document.get("nodes"), document.get("meta")
        is_slurm = isinstance(meta, dict) and bool({"Slurm", "slurm"} & meta.keys())
        first = next(iter(nodes), None) if isinstance(nodes, list) else None
        has_gres = isinstance(first, dict) and {"name", "state", "gres"} <= first.keys()
        return isinstance(nodes, list) and (is_slurm or has_gres)

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        if isinstance(file.document, dict) and "sinfo" in file.document:
            return _of_groups(fitting(_GROUPS, file.document, file), file)
        return _of_nodes(fitting(_NODES, file.document, file), file)


def _of_nodes(listing: Nodes, file: SourceFile) -> Contents:
    gathered = SlurmNodes(FileProblems(file.name))
    for i, node in enumerate(listing.nodes):
        told = SlurmNode(
            name=node.name,
            gres=node.gres,
            states=node.states,
            reason=node.reason,
            others=(node.hostname, node.instance_id),
            instance_type=node.instance_type,
            cluster=node.cluster_name,
        )
        gathered.add(told, 0, f"nodes[{i}].gres")
    return _contents(gathered, file)


def _of_groups(listing: Groups, file: SourceFile) -> Contents:
    gathered = SlurmNodes(FileProblems(file.name))
    for i, group in enumerate(listing.sinfo):
        states, lists = group.node.state, group.nodes.nodes
        reason = group.reason
        for text in lists if isinstance(lists, list) else [lists]:
            for host in hosts_of(text, gathered.found, 0, f"sinfo[{i}].nodes.nodes"):
                told = SlurmNode(
                    name=host,
                    gres=group.gres.total,
                    states=states if isinstance(states, list) else [states],
                    reason=reason.description if isinstance(reason, GroupReason) else reason,
                    cluster=group.cluster,
                )
                gathered.add(told, 0, f"sinfo[{i}].gres.total")
    return _contents(gathered, file)


def _contents(gathered: SlurmNodes, file: SourceFile) -> Contents:
    gathered.found.done()
    return Contents(format=NAME, file=file.name, nodes=gathered.nodes, notes=gathered.notes)


FORMAT = SlurmSinfo()
