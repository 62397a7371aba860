"""Sources gone wrong: a reader returns the contents of a file or says what is wrong with it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from heteroplan.errors import InputError, UsageError
from heteroplan.inventory.formats import FORMATS
from heteroplan.inventory.node import SourceFile, SourceOptions
from tests.inventory.formats import test_aws_topology, test_ibnetdiscover, test_tables
from tests.inventory.formats.slurm import (
    test_scontrol,
    test_sinfo,
    test_topology,
    test_topology_yaml,
)
from tests.inventory.formats.topograph import test_topograph

TEXTS = {
    "slurm-topology": test_topology.TREE,
    "slurm-topology-yaml": test_topology_yaml.TEXT,
    "slurm-scontrol": test_scontrol.NODES + test_scontrol.RESERVATIONS,
    "topograph-model": test_topograph.BLOCKS,
    "ibnetdiscover": test_ibnetdiscover.RAILS,
    "openb": test_tables.NODES,
    "table": "node,gpu,gpus,leaf,nic_gbit_per_s\ng[1-2],H100,8,l1,400\n",
}
DOCUMENTS: dict[str, Any] = {
    "slurm-sinfo": {
        "sinfo": [test_sinfo.group(["g1", "g[2-3]"], "gpu:h100:8(S:0)", ["IDLE"], "a")]
    },
    "slurm-scontrol": {
        "reservations": [
            {
                "name": "r",
                "node_list": "n[1-2]",
                "start_time": {"set": True, "infinite": False, "number": 1_764_000_000},
                "flags": ["DAILY"],
            }
        ]
    },
    "topograph-graph": {
        "instances": [
            {
                "id": "I1",
                "network_layers": ["leaf", "spine"],
                "labels": {"nvidia.com/gpu.clique": "c.0"},
                "attributes": {"gpu": {"gpus": [{"model": "H100", "memory_mib": 81920}]}},
            }
        ]
    },
    "aws-topology": {"Instances": [test_aws_topology.instance("i-1", ["nn-1", "nn-2"])]},
}
PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from([*'[],="\n\t:-#\\{&', "[9-1]", "[1-999999999]"]),
    st.integers(-(10**20), 10**20).map(str),
)
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["n[1-999999999]", "gpu:8:8:8", "n[2-1]", "\x1b[2J"]),
    st.lists(st.none(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)
MAY_BE_EMPTY = ("slurm-sinfo", "slurm-scontrol", "topograph-graph", "aws-topology")
"""Listings of nothing, or of reservations."""
checked = settings(suppress_health_check=[HealthCheck.too_slow])


def read_or_refuse(name: str, text: str, document: object) -> None:
    """Read a source. What is refused has at least one problem with a remedy."""
    problems: list[str] = []
    nodes: list[str] = []
    try:
        contents = FORMATS[name].read(SourceFile("f", text, document), SourceOptions())
        nodes = [node.name for node in contents.nodes]
    except InputError as error:
        problems = [problem.remedy for problem in error.problems]
    except UsageError as error:
        problems = [str(error)]
    assert problems or nodes or name in MAY_BE_EMPTY
    assert all(problems)
    assert all(nodes)
    assert len(nodes) == len(set(nodes))


@st.composite
def mutated(draw: st.DrawFn, text: str) -> str:
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        text = text[:start] + draw(PIECES) + text[end:]
    return text


@pytest.mark.parametrize("name", TEXTS)
def test_mutated_texts(name: str) -> None:
    @checked
    @given(mutated(TEXTS[name]))
    def check(text: str) -> None:
        FORMATS[name].fits(SourceFile("f", text, None))
        read_or_refuse(name, text, None)

    check()


def places(content: object) -> list[Callable[[object], None]]:
    """Each sets another value in `content`."""
    found: list[Callable[[object], None]] = []
    if isinstance(content, dict | list):
        keys: list[Any] = list(content) if isinstance(content, dict) else list(range(len(content)))
        for key in keys:
            found.append(lambda value, key=key: content.__setitem__(key, value))  # type: ignore[misc]
            found.extend(places(content[key]))
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_mutated_documents(name: str) -> None:
    @checked
    @given(st.data())
    def check(data: st.DataObject) -> None:
        document = json.loads(json.dumps(DOCUMENTS[name]))
        data.draw(st.sampled_from(places(document)))(data.draw(VALUES))
        text = json.dumps(document)
        FORMATS[name].fits(SourceFile("f", text, document))
        read_or_refuse(name, text, document)

    check()


@pytest.mark.parametrize("name", dict.fromkeys((*TEXTS, *DOCUMENTS)))
def test_files_of_other_formats(name: str) -> None:
    """As `--format` may be wrong."""
    for text in (*TEXTS.values(), "", "words", "- 1\n- 2\n", "a: 1\n"):
        read_or_refuse(name, text, None)
    for document in (*DOCUMENTS.values(), {}, [], [1], {"nodes": 1}, {"instances": [1]}):
        read_or_refuse(name, json.dumps(document), document)
