"""The slices are made up from the sources of NVIDIA's and AMD's drivers."""

from heteroplan.inventory.formats.kubernetes.schemas import ResourceClaim, ResourceSlice
from heteroplan.inventory.formats.kubernetes.slices import (
    SliceGpus,
    Slices,
    claimed_gpus,
    read_slices,
)
from tests.inventory.formats.kubernetes.files import (
    gpu_device,
    mig_device,
    resource_claim,
    resource_slice,
)


def slices(*given: dict[str, object]) -> Slices:
    return read_slices([ResourceSlice.model_validate(each) for each in given])


def test_whole_gpus_of_a_node() -> None:
    found = slices(resource_slice("n1", [gpu_device(i) for i in range(4)]))
    assert found.nodes == {"n1": SliceGpus("NVIDIA GB200", 189471, 4, 0, 0)}
    assert found.notes == ()


def test_fields_of_older_api_versions() -> None:
    """Up to v1beta1 a device has its fields under `basic`, in v1alpha3 capacity is a quantity."""
    device = {
        "name": "gpu-0",
        "basic": {
            "attributes": {
                "type": {"string": "gpu"},
                "uuid": {"string": "GPU-0"},
                "productName": {"string": "NVIDIA H100 80GB HBM3"},
                "architecture": {"string": "Hopper"},
                "driverVersion": {"version": "580.1.0"},
                "index": {"int": 0},
            },
            "capacity": {"memory": "81559Mi"},
        },
    }
    found = slices(resource_slice("n1", [device], version="v1alpha3"))
    assert found.nodes == {"n1": SliceGpus("NVIDIA H100 80GB HBM3", 81559, 1, 0, 0)}


def test_only_the_latest_generation_of_a_pool_counts() -> None:
    found = slices(
        resource_slice("n1", [gpu_device(i) for i in range(8)], generation=1),
        resource_slice("n1", [gpu_device(i) for i in range(7)], generation=2),
    )
    assert found.nodes["n1"].whole == 7


def test_slices_of_one_pool_add_up_and_missing_ones_are_told() -> None:
    first = resource_slice("n1", [gpu_device(0), gpu_device(1)], count=3)
    second = resource_slice("n1", [gpu_device(2)], count=3)
    found = slices(first, second)
    assert found.nodes["n1"].whole == 3
    assert found.notes == ("ResourceSlices are missing of 1 pool (n1): their GPUs may be more",)


def test_a_gpu_in_mig_devices_alone_is_divided() -> None:
    """GPU 0 is whole, GPU 1 is two MIG devices, GPU 2 may still be either."""
    devices = [
        gpu_device(0),
        mig_device(1, 0),
        mig_device(1, 1),
        gpu_device(2),
        mig_device(2, 0),
    ]
    assert slices(resource_slice("n1", devices)).nodes["n1"] == SliceGpus(
        "NVIDIA GB200", 189471, 2, 1, 0
    )


def test_tainted_gpus_are_left_out() -> None:
    tainted = gpu_device(1) | {"taints": [{"key": "xid", "effect": "NoExecute"}]}
    found = slices(resource_slice("n1", [gpu_device(0), tainted])).nodes["n1"]
    assert (found.whole, found.tainted) == (1, 1)


def test_amd_partitions() -> None:
    """GPU 0 is whole; the eight partitions of GPU 1 have its PCI address."""
    whole = {
        "name": "gpu-0-128",
        "attributes": {
            "type": {"string": "amdgpu"},
            "productName": {"string": "AMD_Instinct_MI300X_OAM"},
            "resource.kubernetes.io/pciBusID": {"string": "0000:05:00.0"},
        },
        "capacity": {"memory": {"value": "196592Mi"}},
    }
    parts = [
        {
            "name": f"gpu-{i}-{128 + i}",
            "attributes": {
                "type": {"string": "amdgpu-partition"},
                "productName": {"string": "AMD_Instinct_MI300X_OAM"},
                "resource.kubernetes.io/pciBusID": {"string": "0000:26:00.0"},
            },
        }
        for i in range(1, 9)
    ]
    found = slices(resource_slice("n1", [whole, *parts], driver="gpu.amd.com"))
    assert found.nodes["n1"] == SliceGpus("AMD_Instinct_MI300X_OAM", 196592, 1, 1, 0)


def test_devices_that_are_no_gpus_are_none() -> None:
    """ComputeDomains of the same driver, network cards, and virtual functions for machines."""
    vfio = {"name": "gpu-vfio-0", "attributes": {"type": {"string": "vfio"}}}
    found = slices(
        resource_slice("n1", [{"name": "channel-0"}], driver="compute-domain.nvidia.com"),
        resource_slice("n1", [{"name": "eth0"}], driver="dra.net"),
        resource_slice("n2", [vfio]),
    )
    assert "n1" not in found.nodes
    assert found.nodes["n2"].whole == 0


def test_slices_of_no_single_node_are_told() -> None:
    given = resource_slice("n1", [gpu_device(0)])
    del given["spec"]["nodeName"]
    found = slices(given)
    assert found.nodes == {}
    assert found.notes == ("1 ResourceSlice of no single node (n1-gpu.nvidia.com-1): left out",)


def test_claims_give_pods_whole_gpus() -> None:
    found = slices(resource_slice("n1", [gpu_device(0), gpu_device(1), mig_device(2, 0)]))
    claims = [
        ResourceClaim.model_validate(each)
        for each in (
            resource_claim("a", ["chat-0"], ["gpu-0", "gpu-1"]),
            resource_claim("b", ["chat-1"], ["gpu-2-mig-1g24gb-19-0"]),
            resource_claim("c", [], ["gpu-1"]),
        )
    ]
    assert claimed_gpus(claims, found) == {("serving", "chat-0"): 2}


def test_a_claim_of_several_pods_counts_once() -> None:
    found = slices(resource_slice("n1", [gpu_device(0)]))
    claim = ResourceClaim.model_validate(resource_claim("a", ["chat-0", "chat-1"], ["gpu-0"]))
    assert claimed_gpus([claim], found) == {("serving", "chat-0"): 1}


def test_devices_that_no_slice_describes_are_known_by_their_names() -> None:
    claims = [
        ResourceClaim.model_validate(
            resource_claim("a", ["chat-0"], ["gpu-0", "gpu-1-mig-1g24gb-19-0"])
        )
    ]
    assert claimed_gpus(claims, slices()) == {("serving", "chat-0"): 1}
