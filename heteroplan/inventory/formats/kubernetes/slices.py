"""GPUs that dynamic resource allocation gives out: ResourceSlices, and claims of pods."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from heteroplan.inventory.formats.kubernetes.quantities import quantity
from heteroplan.inventory.formats.kubernetes.schemas import (
    Device,
    DeviceFields,
    ResourceClaim,
    ResourceSlice,
)
from heteroplan.inventory.join import listed
from heteroplan.text import counted

DRIVERS: Mapping[str, str] = {"gpu.nvidia.com": "gpu", "gpu.amd.com": "amdgpu"}
"""Drivers of GPUs, and the `type` of their whole devices."""
_WHOLE_NAME = re.compile(r"gpu-\d+(?:-\d+)?")
"""Names of whole GPUs: gpu-0 of NVIDIA's driver, gpu-0-128 of AMD's."""
_PARENT_NAME = re.compile(r"gpu-\d+")
_BYTES_PER_MIB = 2**20

type DeviceKey = tuple[str, str, str]
"""Driver, pool and name of a device."""


@dataclass(frozen=True, slots=True)
class SliceGpus:
    """GPUs of a node by its slices."""

    name: str | None
    """Product name."""
    memory_mib: float | None
    """Of a whole GPU [MiB]."""
    whole: int
    divided: int
    """GPUs that are in parts alone."""
    tainted: int
    """Whole GPUs that no claim gets."""


@dataclass(frozen=True, slots=True)
class Slices:
    """What all slices say."""

    nodes: Mapping[str, SliceGpus]
    """By name of the node."""
    is_whole: Mapping[DeviceKey, bool]
    """Whether a device is a whole GPU."""
    notes: tuple[str, ...]


@dataclass(slots=True)
class _OfNode:
    """Devices of a node while slices are read."""

    whole: dict[str, DeviceFields] = field(default_factory=dict)
    """By what tells GPUs apart."""
    parents: dict[str, DeviceFields] = field(default_factory=dict)
    """A part of each GPU that has parts."""
    tainted: set[str] = field(default_factory=set)


def read_slices(slices: Sequence[ResourceSlice]) -> Slices:
    """The GPUs in the slices of the latest generation of each pool."""
    latest: dict[tuple[str, str], int] = defaultdict(int)
    for each in slices:
        pool = (each.spec.driver, each.spec.pool.name)
        latest[pool] = max(latest[pool], each.spec.pool.generation)
    nodes: dict[str, _OfNode] = defaultdict(_OfNode)
    is_whole: dict[DeviceKey, bool] = {}
    seen: dict[tuple[str, str], list[ResourceSlice]] = defaultdict(list)
    nowhere: list[str] = []
    for each in slices:
        spec = each.spec
        pool = (spec.driver, spec.pool.name)
        if spec.driver not in DRIVERS or spec.pool.generation < latest[pool]:
            continue
        seen[pool].append(each)
        if spec.devices and not spec.node_name:
            nowhere.append(each.metadata.name)
            continue
        for device in spec.devices:
            whole = _add(nodes[spec.node_name], device, spec.driver)
            is_whole[*pool, device.name] = whole
    found = {name: _gpus(of_node) for name, of_node in nodes.items() if name}
    return Slices(found, is_whole, tuple(_notes(seen, nowhere)))


def _add(of_node: _OfNode, device: Device, driver: str) -> bool:
    """Note a device of a node; whether it is a whole GPU."""
    fields = _fields(device)
    attributes = {name.rpartition("/")[2]: each.string for name, each in fields.attributes.items()}
    kind = attributes.get("type", "")
    if kind == DRIVERS[driver]:
        gpu = attributes.get("uuid") or attributes.get("pciBusID") or device.name
        of_node.whole[gpu] = fields
        if any(taint.effect in ("NoSchedule", "NoExecute") for taint in fields.taints):
            of_node.tainted.add(gpu)
        return True
    if kind in ("mig", "amdgpu-partition"):
        named = _PARENT_NAME.match(device.name)
        parent = attributes.get("parentUUID") or attributes.get("pciBusID")
        of_node.parents.setdefault(parent or (named[0] if named else device.name), fields)
    return False


def _fields(device: Device) -> DeviceFields:
    """Where the API version of the slice has the fields."""
    return device.basic if device.basic.attributes else device


def _gpus(of_node: _OfNode) -> SliceGpus:
    devices = [*of_node.whole.values(), *of_node.parents.values()]
    names = {_text(device, "productName") for device in devices} - {""}
    memories = [memory for device in of_node.whole.values() if (memory := _memory_mib(device))]
    return SliceGpus(
        name=names.pop() if len(names) == 1 else " and ".join(sorted(names)) or None,
        memory_mib=memories[0] if memories else None,
        whole=len(of_node.whole) - len(of_node.tainted),
        divided=len(of_node.parents.keys() - of_node.whole.keys()),
        tainted=len(of_node.tainted),
    )


def _text(device: DeviceFields, attribute: str) -> str:
    return next(
        (
            each.string
            for name, each in device.attributes.items()
            if name.rpartition("/")[2] == attribute
        ),
        "",
    )


def _memory_mib(device: DeviceFields) -> float | None:
    given = device.capacity.get("memory")
    try:
        found = quantity(given.get("value") if isinstance(given, dict) else given)
    except ValueError:
        return None
    return found / _BYTES_PER_MIB or None


def _notes(
    seen: Mapping[tuple[str, str], Sequence[ResourceSlice]], nowhere: Sequence[str]
) -> Iterator[str]:
    partial = [
        pool
        for (_, pool), found in seen.items()
        if len(found) < found[0].spec.pool.resource_slice_count
    ]
    if partial:
        yield (
            f"ResourceSlices are missing of {counted(len(partial), 'pool')} ({listed(partial)}): "
            "their GPUs may be more"
        )
    if nowhere:
        yield (
            f"{counted(len(nowhere), 'ResourceSlice')} of no single node ({listed(nowhere)}): "
            "left out"
        )


def claimed_gpus(claims: Sequence[ResourceClaim], slices: Slices) -> dict[tuple[str, str], int]:
    """Whole GPUs that pods have by claims, by namespace and name of the pod.

    A GPU that several pods share counts for the first of them.
    """
    gpus: dict[tuple[str, str], int] = defaultdict(int)
    for claim in claims:
        pods = [each.name for each in claim.status.reserved_for if each.resource == "pods"]
        devices = {
            (each.driver, each.pool, each.device)
            for each in claim.status.allocation.devices.results
            if each.driver in DRIVERS and not each.admin_access
        }
        count = sum(slices.is_whole.get(key, _looks_whole(key)) for key in devices)
        if pods and count:
            gpus[claim.metadata.namespace, pods[0]] += count
    return dict(gpus)


def _looks_whole(key: DeviceKey) -> bool:
    """Whether a device that no slice describes is a whole GPU by its name."""
    return _WHOLE_NAME.fullmatch(key[2]) is not None
