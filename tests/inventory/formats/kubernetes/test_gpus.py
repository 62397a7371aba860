"""The nodes are made up from the labels that the device plugins' documentation and tests list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inventory.formats.kubernetes.gpus import (
    MIG,
    PARTITIONED,
    SHARED,
    UNCOUNTED,
    UNHEALTHY,
    UNLISTED,
    NodeGpus,
    node_gpus,
)


def nvidia(product: str, count: int, **labels: object) -> dict[str, str]:
    """Labels of GPU feature discovery."""
    found = {"product": product, "count": count, "memory": 81559, "replicas": 1, **labels}
    return {f"nvidia.com/gpu.{name}": str(value) for name, value in found.items()}


def of_nvidia(labels: dict[str, str], allocatable: int, capacity: int | None = None) -> NodeGpus:
    there = allocatable if capacity is None else capacity
    return node_gpus(labels, {"nvidia.com/gpu": allocatable}, {"nvidia.com/gpu": there})


def test_whole_gpus() -> None:
    found = of_nvidia(nvidia("NVIDIA-H100-80GB-HBM3", 8), 8)
    assert found == NodeGpus("NVIDIA-H100-80GB-HBM3", 81559, 8, 0, "")


def test_gpus_that_are_not_healthy_are_left_out() -> None:
    """One of eight is in capacity alone; another node's plugin never counted two of eight."""
    assert of_nvidia(nvidia("NVIDIA-H200", 8), 7, 8) == NodeGpus(
        "NVIDIA-H200", 81559, 7, 1, UNHEALTHY
    )
    assert of_nvidia(nvidia("NVIDIA-H200", 8), 6).left_out == 2


@pytest.mark.parametrize(
    ("product", "slices", "gpus"),
    [
        # 8 GPUs in 7 slices each: feature discovery's documentation counts 56.
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", 56, 8),
        # 2 of the 8 memory slices for each device: 4 a GPU.
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.10gb", 32, 8),
        ("NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", 56, 8),
        ("NVIDIA-H100-80GB-HBM3-MIG-1g.20gb", 32, 8),
        ("NVIDIA-H100-80GB-HBM3-MIG-2g.20gb", 24, 8),
        ("NVIDIA-H100-80GB-HBM3-MIG-3g.40gb", 16, 8),
        ("NVIDIA-H100-80GB-HBM3-MIG-7g.80gb", 8, 8),
        ("NVIDIA-H200-MIG-1g.18gb", 56, 8),
        ("NVIDIA-H200-MIG-1g.35gb", 32, 8),
        ("NVIDIA-B200-MIG-1g.23gb", 56, 8),
        # The A30 has 4 slices.
        ("NVIDIA-A30-MIG-1g.6gb", 16, 4),
        ("NVIDIA-A30-MIG-2g.12gb", 8, 4),
        ("NVIDIA-A30-MIG-4g.24gb", 4, 4),
        # Compute instances: 3 in each of 2 devices a GPU.
        ("NVIDIA-H100-80GB-HBM3-MIG-1c.3g.40gb", 48, 8),
        # Time-sliced MIG devices are no whole GPUs either.
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED", 56, 8),
        # Not all GPUs need be full: at least so many.
        ("NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", 50, 8),
    ],
)
def test_mig_devices_are_no_whole_gpus(product: str, slices: int, gpus: int) -> None:
    found = of_nvidia(nvidia(product, slices, memory=5120), slices)
    assert "MIG" not in (found.name or "MIG")
    assert (found.memory_mib, found.whole, found.left_out, found.why) == (None, 0, gpus, MIG)


def test_mig_of_a_wrong_setting_has_no_gpus() -> None:
    found = of_nvidia(nvidia("NVIDIA-H200-MIG-INVALID", 0, replicas=0, memory=0), 0)
    assert (found.name, found.whole, found.why) == ("NVIDIA-H200", 0, MIG)
    assert found.left_out == 1  # at least


def test_mixed_mig_leaves_whole_gpus() -> None:
    """6 of 8 GPUs are whole; 2 are 3 devices of 2g.20gb each. Its count is that of all GPUs."""
    labels = nvidia("NVIDIA-H100-80GB-HBM3", 8) | {
        "nvidia.com/mig.strategy": "mixed",
        "nvidia.com/mig-2g.20gb.count": "6",
    }
    resources = {"nvidia.com/gpu": 6.0, "nvidia.com/mig-2g.20gb": 6.0}
    assert node_gpus(labels, resources, resources) == NodeGpus(
        "NVIDIA-H100-80GB-HBM3", 81559, 6, 2, MIG
    )


@pytest.mark.parametrize(
    ("labels", "allocatable", "gpus"),
    [
        # Replicas multiply what is allocatable: 8 GPUs, 4 times each.
        (nvidia("NVIDIA-H100-80GB-HBM3-SHARED", 8, replicas=4), 32, 8),
        # With renameByDefault the product keeps its name.
        (nvidia("NVIDIA-H100-80GB-HBM3", 8, replicas=4), 0, 8),
        (nvidia("NVIDIA-L4", 1, replicas=10, **{"sharing-strategy": "mps"}), 10, 1),
        # Something else multiplies them, such as HAMi.
        (nvidia("NVIDIA-L4", 4), 40, 4),
        # GKE tells it in labels of its own.
        (
            {
                "cloud.google.com/gke-accelerator": "nvidia-l4",
                "cloud.google.com/gke-accelerator-count": "2",
                "cloud.google.com/gke-gpu-sharing-strategy": "time-sharing",
                "cloud.google.com/gke-max-shared-clients-per-gpu": "4",
            },
            8,
            2,
        ),
    ],
)
def test_shared_gpus_are_not_whole(labels: dict[str, str], allocatable: int, gpus: int) -> None:
    found = of_nvidia(labels, allocatable)
    assert (found.whole, found.left_out, found.why) == (0, gpus, SHARED)
    assert not (found.name or "SHARED").endswith("SHARED")


def test_renamed_shared_gpus_are_not_whole() -> None:
    labels = nvidia("NVIDIA-H100-80GB-HBM3", 8, replicas=2)
    resources = {"nvidia.com/gpu.shared": 16.0}
    assert node_gpus(labels, resources, resources).left_out == 8
    del labels["nvidia.com/gpu.count"]
    assert node_gpus(labels, resources, resources).left_out == 8  # 16 / 2


def test_many_gpus_that_no_label_counts_may_be_parts() -> None:
    """Without feature discovery nothing tells 32 shares of 8 GPUs from 32 GPUs."""
    assert of_nvidia({}, 32) == NodeGpus(whole=None, why=UNCOUNTED)
    assert of_nvidia({}, 16) == NodeGpus(whole=16)
    assert of_nvidia(nvidia("NVIDIA-L4", 20), 20).whole == 20


def test_gke_slices_count_as_gpus_by_its_labels() -> None:
    labels = {
        "cloud.google.com/gke-accelerator": "nvidia-tesla-a100",
        "cloud.google.com/gke-accelerator-count": "2",
        "cloud.google.com/gke-gpu-partition-size": "1g.5gb",
    }
    assert of_nvidia(labels, 14) == NodeGpus("nvidia-tesla-a100", None, 0, 2, MIG)


def test_gpus_in_labels_alone_are_not_counted() -> None:
    """Dynamic resource allocation holds them, or no device plugin runs."""
    labels = nvidia("NVIDIA-GB200", 4)
    for resources in ({}, {"nvidia.com/gpu": 0.0}):
        assert node_gpus(labels, resources, resources) == NodeGpus(
            "NVIDIA-GB200", 81559, None, 0, UNLISTED
        )


def test_a_node_without_gpus() -> None:
    found = node_gpus({"kubernetes.io/os": "linux"}, {"cpu": 64}, {"cpu": 64})
    assert found == NodeGpus(whole=0)


def test_amd_gpus() -> None:
    labels = {
        "amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM",
        "amd.com/gpu.vram": "192G",
        "amd.com/compute-memory-partition": "spx_nps1",
    }
    found = node_gpus(labels, {"amd.com/gpu": 7}, {"amd.com/gpu": 8})
    assert found == NodeGpus("AMD_Instinct_MI300X_OAM", 192 * 1024, 7, 1, UNHEALTHY)


def test_amd_labels_of_the_first_generation() -> None:
    labels = {"beta.amd.com/gpu.device-id.74a1": "8", "beta.amd.com/gpu.vram.192G": "8"}
    found = node_gpus(labels, {"amd.com/gpu": 8}, {"amd.com/gpu": 8})
    assert found == NodeGpus("74a1", 192 * 1024, 8, 0, "")


def test_amd_partitions_are_no_whole_gpus() -> None:
    """The plugin's documentation: 8 GPUs are amd.com/gpu: 64 in CPX; by name 5 + 24 / 8 = 8."""
    labels = {
        "amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM",
        "amd.com/compute-memory-partition": "cpx_nps4",
    }
    single = node_gpus(labels, {"amd.com/gpu": 64}, {"amd.com/gpu": 64})
    assert (single.whole, single.left_out, single.why) == (0, 8, PARTITIONED)
    mixed = {"amd.com/spx_nps1": 5.0, "amd.com/cpx_nps1": 24.0}
    found = node_gpus({}, mixed, mixed)
    assert (found.whole, found.left_out, found.why) == (5, 3, PARTITIONED)


@pytest.mark.parametrize(
    ("labels", "devices", "whole", "divided"),
    [
        # 304 compute units are a whole MI300X, 38 an eighth, 152 a half.
        ({"amd.com/gpu.cu-count": "304"}, 8, 8, 0),
        ({"amd.com/gpu.cu-count": "38"}, 64, 0, 8),
        ({"amd.com/gpu.cu-count": "152"}, 16, 0, 8),
        ({"beta.amd.com/gpu.cu-count.38": "64"}, 64, 0, 8),
        # No label tells; no node has 64 GPUs.
        ({}, 64, 0, 8),
        ({}, 8, 8, 0),
    ],
)
def test_amd_partitions_that_no_label_names(
    labels: dict[str, str], devices: int, whole: int, divided: int
) -> None:
    product = {"amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM"}
    resources = {"amd.com/gpu": float(devices)}
    found = node_gpus(product | labels, resources, resources)
    assert (found.whole, found.left_out) == (whole, divided)


def test_alibaba_counts_gpus_whatever_shares_them() -> None:
    labels = {"alibabacloud.com/gpu-card-model": "G2"}
    resources = {"alibabacloud.com/gpu-count": 8.0, "alibabacloud.com/gpu-milli": 8000.0}
    assert node_gpus(labels, resources, resources) == NodeGpus("G2", None, 8, 0, "")


def test_karpenter_names_gpus_and_their_memory() -> None:
    labels = {
        "karpenter.k8s.aws/instance-gpu-name": "t4",
        "karpenter.k8s.aws/instance-gpu-memory": "16384",
        "karpenter.k8s.aws/instance-gpu-count": "1",
    }
    assert of_nvidia(labels, 1) == NodeGpus("t4", 16384, 1, 0, "")


@given(
    count=st.integers(0, 16),
    allocatable=st.integers(0, 128),
    capacity=st.integers(0, 128),
    replicas=st.integers(0, 8),
    suffix=st.sampled_from(["", "-SHARED", "-MIG-1g.10gb", "-MIG-3g.40gb", "-MIG-INVALID"]),
)
def test_a_node_never_has_more_whole_gpus_than_it_has(
    count: int, allocatable: int, capacity: int, replicas: int, suffix: str
) -> None:
    """Whatever multiplies resources, no more than the label's count can be planned."""
    labels = nvidia(f"NVIDIA-H100-80GB-HBM3{suffix}", count, replicas=replicas)
    found = of_nvidia(labels, min(allocatable, capacity), capacity)
    if count and found.whole is not None:
        assert found.whole <= count
    if suffix or replicas > 1:
        assert not found.whole
    assert found.left_out >= 0
    assert (found.left_out == 0) or found.why
