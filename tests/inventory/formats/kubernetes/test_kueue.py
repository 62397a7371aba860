import pytest

from heteroplan.errors import InputError
from heteroplan.inventory.formats.kubernetes.kueue import FORMAT
from heteroplan.inventory.node import Contents, Quota, SourceOptions
from tests.inventory.formats.kubernetes.files import as_json, as_yaml, h100_node
from tests.realdata import DATA, needs_data

OPTIONS = SourceOptions()
TOPOLOGY = """\
apiVersion: kueue.x-k8s.io/v1beta1
kind: Topology
metadata: {name: fabric}
spec:
  levels:
  - nodeLabel: cloud.google.com/gce-topology-block
  - nodeLabel: cloud.google.com/gce-topology-subblock
  - nodeLabel: cloud.google.com/gce-topology-host
  - nodeLabel: kubernetes.io/hostname
"""
FLAVOR = """\
apiVersion: kueue.x-k8s.io/v1beta1
kind: ResourceFlavor
metadata: {name: h100}
spec:
  nodeLabels: {pool: h100}
  topologyName: fabric
"""


def queue(name: str, gpus: str, more: str = "") -> str:
    return f"""\
apiVersion: kueue.x-k8s.io/v1beta1
kind: ClusterQueue
metadata: {{name: {name}}}
spec:
  {more}
  resourceGroups:
  - coveredResources: [cpu, nvidia.com/gpu]
    flavors:
    - name: h100
      resources:
      - {{name: cpu, nominalQuota: 1k}}
      - {{name: nvidia.com/gpu, nominalQuota: {gpus}}}
"""


def read(*documents: str) -> Contents:
    file = as_yaml("---\n".join(documents))
    assert FORMAT.fits(file)
    return FORMAT.read(file, OPTIONS)


@needs_data
def test_the_sample_of_kueue() -> None:
    """Three levels, of which the host is none; quotas of CPU and memory alone."""
    text = (DATA / "fleet" / "kueue_tas_sample-queues.yaml").read_text()
    found = read(text)
    assert found.level_labels == (
        "cloud.provider.com/topology-block",
        "cloud.provider.com/topology-rack",
    )
    assert found.quotas == ()
    assert found.notes == ()


def test_levels_are_those_above_single_nodes() -> None:
    assert read(TOPOLOGY).level_labels == (
        "cloud.google.com/gce-topology-block",
        "cloud.google.com/gce-topology-subblock",
    )


def test_a_quota_is_about_the_nodes_of_its_flavor() -> None:
    found = read(FLAVOR, queue("team-a", "16"))
    assert found.quotas == (Quota(name="ClusterQueue team-a", labels={"pool": "h100"}, gpus=16),)


def test_every_queue_has_its_own_quota() -> None:
    """A cohort, whose queues lend to each other, has the sum at most, as has no cohort."""
    found = read(FLAVOR, queue("a", "16", "cohort: all"), queue("b", "'8'", "cohortName: all"))
    assert found.quotas == (
        Quota(name="ClusterQueue a", labels={"pool": "h100"}, gpus=16),
        Quota(name="ClusterQueue b", labels={"pool": "h100"}, gpus=8),
    )


def test_a_stopped_queue_has_nothing() -> None:
    found = read(FLAVOR, queue("a", "16"), queue("b", "8", "stopPolicy: Hold"))
    assert [each.gpus for each in found.quotas] == [16, 0]
    assert found.notes == ("1 ClusterQueue stopped (b): the quota counts as 0",)


def test_a_flavor_that_the_file_lacks_is_told() -> None:
    found = read(queue("a", "16"))
    assert found.quotas == ()
    assert found.notes == (
        "quotas of 1 ResourceFlavor that the file does not have (h100): left out; write both into "
        "one file, with kubectl get clusterqueues,resourceflavors -o yaml",
    )


def test_of_several_topologies_the_one_of_a_flavor_counts() -> None:
    other = TOPOLOGY.replace("fabric", "other").replace("gce-topology-block", "row")
    found = read(other, TOPOLOGY, FLAVOR)
    assert found.level_labels[0] == "cloud.google.com/gce-topology-block"
    assert found.notes == (
        "2 topologies: fabric gives the levels; for those of other leave the others out of the "
        "file",
    )


def test_problems_have_their_lines() -> None:
    with pytest.raises(InputError) as caught:
        read(FLAVOR, queue("a", "sixteen"), TOPOLOGY.replace("name: fabric", "name: ''"))
    assert str(caught.value).splitlines() == [
        "cluster.yaml:19: spec.resourceGroups[0].flavors[0].resources[1].nominalQuota: sixteen: "
        "not a quantity of Kubernetes; write a number such as 8",
        'cluster.yaml:23: metadata.name: "": empty (Name of the object)',
    ]


def test_files_with_nodes_are_those_of_kubernetes() -> None:
    assert not FORMAT.fits(as_json(h100_node("n1")))
    assert not FORMAT.fits(as_yaml(TOPOLOGY + "---\napiVersion: v1\nkind: Node\n"))
    assert not FORMAT.fits(as_yaml("SwitchName=s1 Nodes=n[1-4]\n"))


def test_json_as_kubectl_writes_it() -> None:
    topology = {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "Topology",
        "metadata": {"name": "t"},
        "spec": {"levels": [{"nodeLabel": "rack"}]},
    }
    assert FORMAT.read(as_json(topology), OPTIONS).level_labels == ("rack",)


def test_a_file_without_any_of_them_is_refused() -> None:
    with pytest.raises(InputError, match="has none of Topology, ResourceFlavor, ClusterQueue"):
        FORMAT.read(as_yaml("apiVersion: v1\nkind: Service\nmetadata: {name: s}\n"), OPTIONS)
