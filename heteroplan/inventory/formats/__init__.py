"""One module per kind of inventory file: recognises a file and reads what it says of nodes.

`FORMATS` is the registry, which knows the modules by name alone.
"""

from typing import TYPE_CHECKING

from heteroplan.reading.formats import Formats

if TYPE_CHECKING:
    from heteroplan.inventory.node import SourceFormat

FORMATS: "Formats[SourceFormat]" = Formats(
    "inventory",
    __name__,
    {
        "kubernetes": "kubernetes.cluster",
        "kueue": "kubernetes.kueue",
        "slurm-topology": "slurm.topology",
        "slurm-topology-yaml": "slurm.topology_yaml",
        "slurm-sinfo": "slurm.sinfo",
        "slurm-scontrol": "slurm.scontrol",
        "topograph-model": "topograph.model",
        "topograph-graph": "topograph.graph",
        "aws-topology": "aws_topology",
        "ibnetdiscover": "ibnetdiscover",
        "openb": "openb",
        "table": "table",
    },
)
