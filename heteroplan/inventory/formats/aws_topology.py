"""What `aws ec2 describe-instance-topology` writes: instances and the network nodes above them.

`NetworkNodes` has three or four, from the top down; none where an instance does not run or its type
is not supported. `CapacityBlockId` is told of UltraServers alone: instances with the same one are
in one NVLink domain. Nodes are named by instance IDs, which Kubernetes has as well.
"""

from pydantic import TypeAdapter

from heteroplan.inventory.formats.places import Places
from heteroplan.inventory.formats.shapes import Entry, Name, fitting
from heteroplan.inventory.join import listed
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions
from heteroplan.text import counted

NAME = "aws-topology"


class Instance(Entry):
    """InstanceTopology of the EC2 API."""

    InstanceId: Name
    InstanceType: str | None = None
    NetworkNodes: list[str] | None = None
    AvailabilityZone: str | None = None
    ZoneId: str | None = None
    CapacityBlockId: str | None = None


class Listing(Entry):
    Instances: list[Instance]
    NextToken: str | None = None


_FILE = TypeAdapter(Listing)


class AwsTopology:
    """Instances with the network nodes above them."""

    def fits(self, file: SourceFile) -> bool:
        document = file.document
        if not isinstance(document, dict) or not isinstance(document.get("Instances"), list):
            return False
        first = next(iter(document["Instances"]), None)
        return isinstance(first, dict) and {"InstanceId", "NetworkNodes"} <= first.keys()

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        listing = fitting(_FILE, file.document, file)
        places = Places()
        for each in listing.Instances:
            places.told(
                NodeRecord(
                    name=each.InstanceId,
                    instance_type=each.InstanceType,
                    path=tuple(each.NetworkNodes or ()) or None,
                    nvlink_domain=each.CapacityBlockId or None,
                    cluster=each.AvailabilityZone or each.ZoneId or None,
                )
            )
        return Contents(
            format=NAME, file=file.name, nodes=places.nodes, notes=(*_notes(listing), *places.notes)
        )


def _notes(listing: Listing) -> list[str]:
    notes = []
    nowhere = [each.InstanceId for each in listing.Instances if not each.NetworkNodes]
    if nowhere:
        notes.append(
            f"{len(nowhere):,} of {counted(len(listing.Instances), 'instance')} without network "
            f"nodes ({listed(nowhere)}): they do not run, or their type has none"
        )
    if listing.NextToken:
        notes.append("the listing goes on (NextToken): the instances of other pages are missing")
    return notes


FORMAT = AwsTopology()
