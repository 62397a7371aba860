"""What topograph's graph engine writes: instances with their network layers, as JSON.

`{"instances": [{"id", "network_layers": [closest first], "labels"}]}`; before, the type of an
instance was `type` or `instance_type`, its NVLink domain `nvlink_domain` or `attributes.nvlink`,
and its GPUs stood under `attributes.gpu.gpus`.
"""

from collections import Counter

from pydantic import TypeAdapter

from heteroplan.inventory.formats.places import Places
from heteroplan.inventory.formats.shapes import Entry, Name, fitting
from heteroplan.inventory.formats.topograph import labels
from heteroplan.inventory.node import Contents, NodeRecord, SourceFile, SourceOptions

NAME = "topograph-graph"


class Gpu(Entry):
    model: str | None = None
    memory_mib: float | None = None


class Gpus(Entry):
    gpus: list[Gpu] | None = None


class Attributes(Entry):
    nvlink: str | None = None
    gpu: Gpus | None = None


class Instance(Entry):
    """A node, by its name or its ID at a cloud."""

    id: Name
    type: str | None = None
    instance_type: str | None = None
    region: str | None = None
    network_layers: list[str] | None = None
    nvlink_domain: str | None = None
    attributes: Attributes | None = None
    labels: dict[str, str] | None = None


class Graph(Entry):
    instances: list[Instance]


_FILE = TypeAdapter(Graph)


class TopographGraph:
    """A graph of topograph."""

    def fits(self, file: SourceFile) -> bool:
        document = file.document
        if not isinstance(document, dict) or not isinstance(document.get("instances"), list):
            return False
        first = next(iter(document["instances"]), None)
        return isinstance(first, dict) and {"id", "network_layers"} <= first.keys()

    def read(self, file: SourceFile, options: SourceOptions) -> Contents:
        places = Places()
        notes: list[str] = []
        for instance in fitting(_FILE, file.document, file).instances:
            record, told = _record(instance)
            places.told(record)
            notes += told
        return Contents(
            format=NAME, file=file.name, nodes=places.nodes, notes=(*notes, *places.notes)
        )


def _record(instance: Instance) -> tuple[NodeRecord, list[str]]:
    said = instance.labels or {}
    attributes = instance.attributes or Attributes()
    listed = (attributes.gpu.gpus if attributes.gpu else None) or []
    models = Counter(gpu.model for gpu in listed)
    model, count = models.most_common(1)[0] if models else (None, None)
    layers = [each for each in instance.network_layers or [] if each]
    record = NodeRecord(
        name=instance.id,
        gpu=model,
        gpu_memory_mib=next((gpu.memory_mib for gpu in listed if gpu.model == model), None),
        gpus=count,
        gpus_left_out=len(listed) - (count or 0),
        instance_type=instance.instance_type or instance.type or None,
        path=tuple(reversed(layers)) or None,
        nvlink_domain=instance.nvlink_domain or attributes.nvlink or labels.nvlink_domain(said),
        cluster=labels.cluster(said) or instance.region or None,
        labels=said,
    )
    if len(models) < 2:
        return record, []
    return record, [f"{instance.id} has GPUs of several types: {model} is taken"]


FORMAT = TopographGraph()
