"""Labels and annotations by which topograph and clouds say where a node is."""

from collections.abc import Iterable, Mapping

_DOMAIN = (
    "accelerator.topograph.run/domain",
    "network.topology.nvidia.com/accelerator",
    "accelerator.topology.test/domain",
)
"""NVLink domain: since topograph 1.0, before it, and in the models of its tests."""
_SUB_DOMAIN = ("accelerator.topograph.run/sub-domain", "accelerator.topology.test/sub-domain")
"""Part of a domain that spans several racks: a rack."""
_CLIQUE = "nvidia.com/gpu.clique"
_NO_CLUSTER = "00000000-0000-0000-0000-000000000000"
"""ClusterUUID of a GPU whose NVLink ends at the node."""
_PLACE = (
    "topology.kubernetes.io/zone",
    "availability_zone",
    "topology.kubernetes.io/region",
    "region",
)


def nvlink_domain(labels: Mapping[str, str]) -> str | None:
    """The NVLink domain that `labels` name; of a domain of several racks the rack as well.

    A clique counts before a rack: GPUs of two cliques do not reach each other by NVLink.
    """
    clique = labels.get(_CLIQUE, "")
    if clique and not clique.startswith(_NO_CLUSTER):
        return clique
    domain, part = _first(labels, _DOMAIN), _first(labels, _SUB_DOMAIN)
    return f"{domain}.{part}" if domain and part else domain or part


def cluster(labels: Mapping[str, str]) -> str | None:
    """Zone, or else region, that `labels` name."""
    return _first(labels, _PLACE)


def _first(labels: Mapping[str, str], names: Iterable[str]) -> str | None:
    return next((labels[name] for name in names if labels.get(name)), None)
