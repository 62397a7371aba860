"""Several files about the same nodes."""

from hypothesis import given
from hypothesis import strategies as st

from heteroplan.inventory.join import join, listed
from heteroplan.inventory.node import PodRecord, Reservation
from heteroplan.text import counted
from tests.inventory.records import bare, contents, node


def test_each_file_gives_what_the_others_lack() -> None:
    joined = join(
        [
            contents("nodes.json", node("n1", cluster="zone-a", out="cordoned")),
            contents("topology.conf", bare("N1", path=("core", "s1", "l1"))),
            contents("more.csv", bare("n1", nic_gbit_per_s=3200.0, out="DRAIN")),
        ]
    )
    (found,) = joined.nodes
    assert (found.name, found.gpus, found.cluster) == ("n1", 8, "zone-a")
    assert found.path == ("core", "s1", "l1")
    assert found.nic_gbit_per_s == 3200.0
    assert found.out == "cordoned, DRAIN"
    assert joined.notes == ()


def test_what_is_in_one_file_only_is_told_of_each_file() -> None:
    joined = join(
        [
            contents("a.json", node("n1"), node("n2"), node("n3")),
            contents("b.conf", bare("n3"), bare("n4")),
        ]
    )
    assert [each.name for each in joined.nodes] == ["n1", "n2", "n3", "n4"]
    assert joined.notes == (
        "a.json: 2 of its 3 nodes are in no other file (n1, n2)",
        "b.conf: 1 of its 2 nodes is in no other file (n4)",
    )


def test_one_file_alone_has_nothing_to_match() -> None:
    assert join([contents("a.json", node("n1"), node("n2"))]).notes == ()


def test_the_first_file_counts_where_two_differ_and_this_is_told() -> None:
    joined = join([contents("a", node("n1", gpus=8)), contents("b", node("n1", gpus=4))])
    assert joined.nodes[0].gpus == 8
    assert joined.notes == ("b and a differ in gpus of 1 node (n1): a counts",)


def test_a_file_that_sees_no_gpus_does_not_hide_those_of_another() -> None:
    """As `nodes` where ResourceSlices give out the GPUs; but divided ones are seen."""
    blind = contents("nodes.json", bare("n1", gpus=0), bare("n2", gpus=0, gpus_left_out=8))
    slices = contents("slices.json", node("n1", gpus=4), node("n2"))
    joined = join([blind, slices])
    assert [each.gpus for each in joined.nodes] == [4, 0]
    assert joined.notes == (
        "slices.json and nodes.json differ in gpus of 1 node (n2): nodes.json counts",
    )


def test_a_known_gpu_type_counts_before_one_that_may_be_two() -> None:
    """`a100` has 40 or 80 GB; the label of the other file says which."""
    slurm = contents("sinfo.json", bare("n1", gpu="a100", gpus=8))
    labels = contents("nodes.json", node("n1", gpu="NVIDIA-A100-SXM4-80GB"))
    assert join([slurm, labels]).nodes[0].gpu == "NVIDIA-A100-SXM4-80GB"
    assert join([slurm, labels]).notes == ()


def test_memory_of_one_file_tells_the_name_of_another() -> None:
    joined = join(
        [
            contents("a", bare("n1", gpu="NVIDIA-A100", gpus=8)),
            contents("b", bare("n1", gpu_memory_mib=81920.0)),
        ]
    )
    assert joined.nodes[0].gpu_memory_mib == 81920.0


def test_two_known_gpu_types_are_told() -> None:
    joined = join(
        [contents("a", node("n1")), contents("b", node("n1", gpu="NVIDIA-A100-SXM4-80GB"))]
    )
    assert joined.nodes[0].gpu == "NVIDIA-H100-80GB-HBM3"
    assert joined.notes == ("b and a differ in gpu type of 1 node (n1): a counts",)


def test_a_name_with_a_domain_is_the_one_without() -> None:
    joined = join([contents("a", node("n1.example.com")), contents("b", bare("n1", path=("l1",)))])
    assert [(each.name, each.path) for each in joined.nodes] == [("n1.example.com", ("l1",))]


def test_no_name_is_short_for_two() -> None:
    joined = join(
        [contents("a", node("n1.x.com"), node("n1.y.com")), contents("b", bare("n1", path=("l1",)))]
    )
    assert [each.name for each in joined.nodes] == ["n1.x.com", "n1.y.com", "n1"]


def test_addresses_are_not_shortened() -> None:
    joined = join([contents("a", node("10.0.0.1"), bare("10", path=("l1",)))])
    assert len(joined.nodes) == 2


def test_an_instance_id_is_a_name_of_its_node() -> None:
    """As `spec.providerID` of Kubernetes has it; describe-instance-topology knows no other."""
    joined = join(
        [
            contents("aws.json", bare("i-0a1", path=("nn-1", "nn-2", "nn-3"))),
            contents("nodes.json", node("ip-10-0-0-1", aliases=("i-0a1",))),
        ]
    )
    (found,) = joined.nodes
    assert (found.gpus, found.path) == (8, ("nn-1", "nn-2", "nn-3"))


def test_pods_and_reservations_name_nodes_as_the_fleet_does() -> None:
    joined = join(
        [
            contents("a", node("n1.example.com")),
            contents(
                "b",
                pods=(
                    PodRecord(name="p1", namespace="x", node="n1", gpus=4),
                    PodRecord(name="p2", namespace="x", node="n9", gpus=4),
                ),
                reservations=(Reservation(name="maint", nodes=("n1", "n8")),),
            ),
        ]
    )
    assert joined.pods[0].node == "n1.example.com"
    assert joined.reservations[0].nodes == ("n1.example.com", "n8")
    assert joined.notes == (
        "b: maint has 1 node that no source lists (n8)",
        "b: 1 pod on nodes that no source lists (p2)",
    )


@given(st.lists(st.sampled_from("abcdef"), max_size=12), st.integers(1, 4))
def test_every_name_is_one_node_whatever_the_files(names: list[str], files: int) -> None:
    """Nodes in as many files as there are, in turn."""
    split = [contents(str(i), *map(node, names[i::files])) for i in range(files)]
    joined = join(split)
    assert sorted(each.name for each in joined.nodes) == sorted(set(names))


def test_a_state_of_a_reservation_counts_where_no_reservation_tells() -> None:
    """Slurm says RESERVED of n1 to n3; a reservation has n1, from when to when."""
    nodes = [bare("n1", reserved="RESERVED"), bare("n2", reserved="RESERVED")]
    drained = bare("n3", reserved="MAINT", out="DRAIN")
    told = contents("r", reservations=(Reservation(name="r1", nodes=("N1",)),))
    found = join([contents("s", *nodes, drained), told])
    assert [node.out for node in found.nodes] == [None, "RESERVED", "DRAIN, MAINT"]


def test_a_state_of_a_reservation_is_not_lost_in_a_join() -> None:
    found = join([contents("a", bare("n1")), contents("b", bare("n1", reserved="RESERVED"))])
    assert [node.out for node in found.nodes] == ["RESERVED"]


def test_lists_are_short() -> None:
    assert listed(["a", "b", "c", "d"]) == "a, b, c, d"
    assert listed(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
    assert counted(1, "node") == "1 node"
    assert counted(1200, "node") == "1,200 nodes"
