"""openb's CSV and tables of any columns."""

from collections import Counter

import pytest

from heteroplan.errors import UsageError
from heteroplan.inventory.node import NodeRecord
from tests.inventory.sources import by_name, fits, read, refused, sample
from tests.realdata import needs_data

OPENB, TABLE = "openb", "table"
NODES = "sn,cpu_milli,memory_mib,gpu,model\nn0,64000,262144,2,P100\nn1,96000,0,8,G2\nn2,1,1,0,\n"


def test_nodes_of_openb_are_read() -> None:
    assert read(OPENB, NODES).nodes == (
        NodeRecord(name="n0", gpu="P100", gpus=2, line=2),
        NodeRecord(name="n1", gpu="G2", gpus=8, line=3),
        NodeRecord(name="n2", gpus=0, line=4),
    )


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("n0,1,1,two,T4\n", "f:2: gpu: two: 'two' is not a whole number"),
        ("n0,1,1,-1,T4\n", "f:2: gpu: -1: -1 is too small; write 0 or more"),
        (",1,1,1,T4\n", "f:2: sn: is empty; write the name of the node"),
        ("", "f: has no rows; write one for each node"),
    ],
)
def test_what_is_wrong_in_openb_is_told_with_its_line(rows: str, message: str) -> None:
    assert message in refused(OPENB, "sn,cpu_milli,memory_mib,gpu,model\n" + rows)


def test_a_table_with_the_names_of_the_fields() -> None:
    text = (
        "node,gpu,gpus,gpu_memory_gib,leaf,spine,cluster,nvlink_domain,nic_gbit_per_s,out\n"
        '"g[01-02]",H100,8,80,l1,s1,c1,,3200,\n'
        "g03,L4,1,,,,c1,d1,25,fan\n"
        "g04,L4,1,,l2,,,,,no\n"
    )
    shared = {"gpu": "H100", "gpus": 8, "gpu_memory_mib": 81920.0, "cluster": "c1"}
    assert read(TABLE, text).nodes == (
        NodeRecord(name="g01", path=("s1", "l1"), nic_gbit_per_s=3200, line=2, **shared),  # type: ignore[arg-type]
        NodeRecord(name="g02", path=("s1", "l1"), nic_gbit_per_s=3200, line=2, **shared),  # type: ignore[arg-type]
        NodeRecord(
            name="g03",
            gpu="L4",
            gpus=1,
            cluster="c1",
            nvlink_domain="d1",
            nic_gbit_per_s=25,
            out="fan",
            line=3,
        ),
        NodeRecord(name="g04", gpu="L4", gpus=1, path=("l2",), line=4),
    )


def test_nodes_that_are_alike_may_be_counted() -> None:
    found = read(TABLE, "leaf,gpu,gpus,nodes\nl1,H100,8,2\nl2,H100,8,0\nl3,H20,8,1\n")
    assert [(node.name, node.path) for node in found.nodes] == [
        ("row-2-node-1", ("l1",)),
        ("row-2-node-2", ("l1",)),
        ("row-4-node-1", ("l3",)),
    ]


def test_columns_are_mapped_and_others_are_passed_over() -> None:
    text = "Host name,Rack,Model,#,Owner\ngpu 1,r1,H100,8,me\ngpu 2,r2,H100,8,you\n"
    columns = {"node": "Host name", "gpu": "Model", "gpus": "#", "leaf": "Rack"}
    found = read(TABLE, text, columns)
    assert by_name(found)["gpu 2"] == NodeRecord(
        name="gpu 2", gpu="H100", gpus=8, path=("r2",), line=3
    )


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"node": "host", "gpu_count": "n"}, "--map gpu_count: no such field of a node"),
        ({"node": "host", "leafs": "rack"}, "--map leafs: no such field of a node; did you mean l"),
        ({"gpu": "model"}, "--map: say which column names the node, as in --map node=HOST"),
    ],
)
def test_a_wrong_map_is_refused(columns: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read(TABLE, "host,n,model,rack\n", columns)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("host\nn1\n", {"node": "node"}, "f:1: host: has no column node; its columns are host"),
        ("host,gpu\nn1,T4\n", None, "columns are not those of a table of nodes (node, nodes,"),
        ("node,gpu,gpus\nn1,T4\n", None, "f:2: n1,T4: 2 cells; the header has 3 columns"),
        ("node,gpu,gpus\n,T4,1\n", None, "f:2: node: is empty; name the node"),
        ("node,gpu,gpus\nn1,T4,some\n", None, "f:2: gpus: some: 'some' is not a whole number"),
        ("node,gpu,gpus\nn[2-1],T4,1\n", None, "f:2: node: n[2-1]: range 2-1 runs backwards"),
        ("nodes,gpu,gpus\nx,T4,1\n", None, "f:2: nodes: x: 'x' is not a whole number"),
        ("nodes,gpu,gpus\n150000,T4,1\n150000,T4,1\n", None, "f:3: nodes: 150000: more than 200"),
        ("node,leaf,nic_gbit_per_s\nn,l,0\n", None, "f:2: nic_gbit_per_s: 0: must be between"),
        ("node,gpu,gpus\n", None, "f: has no nodes; write a row for each"),
    ],
)
def test_what_is_wrong_in_a_table_is_told(
    text: str, columns: dict[str, str] | None, message: str
) -> None:
    assert message in refused(TABLE, text, columns=columns)


def test_of_a_node_in_two_rows_the_first_counts() -> None:
    found = read(TABLE, "node,gpu,gpus\nn1,T4,1\nn1,T4,2\n")
    assert [node.gpus for node in found.nodes] == [1]
    assert found.notes == ("1 node in several places of the file: the first counts (n1)",)


def test_only_their_own_files_fit() -> None:
    assert fits(OPENB, NODES)
    assert not fits(OPENB, "sn,gpu,model\n")
    assert fits(TABLE, "node,gpu,gpus\n")
    assert fits(TABLE, "node,leaf\n")
    assert fits(TABLE, "nodes,gpu,gpus,leaf\n")
    assert not fits(TABLE, "workload,engine,replica_id,leaf,node,gpus\n")
    assert not fits(TABLE, "host,gpu,gpus\n")
    assert not fits(TABLE, NODES)


@needs_data
def test_the_sample_of_openb() -> None:
    """By hand (awk over the file): 1,213 nodes and 6,212 GPUs of seven types."""
    found = sample(OPENB, "alibaba_openb_node_list_gpu_node.csv")
    gpus: Counter[str | None] = Counter()
    for node in found.nodes:
        gpus[node.gpu] += node.gpus or 0
    assert len(found.nodes) == 1213
    assert gpus == {
        "G2": 4392,
        "T4": 842,
        "G3": 312,
        "P100": 265,
        "V100M32": 204,
        "V100M16": 195,
        "A10": 2,
    }
    assert gpus.total() == 6212
