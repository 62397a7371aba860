"""`fleet import`, `fleet show` and `fleet diff`."""

import csv
import json
from pathlib import Path

import pytest

from heteroplan.errors import ExitCode
from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles

NODES = """\
node,gpu,gpus,leaf,spine,cluster
n1,NVIDIA-H100-80GB-HBM3,8,l1,s1,c1
n2,NVIDIA-H100-80GB-HBM3,8,l1,s1,c1
n3,G2,8,l1,s1,c1
"""


@pytest.fixture
def folder(files: ScenarioFiles) -> Path:
    """The working directory, with a scenario and a table of nodes (made up)."""
    (files.folder / "nodes.csv").write_text(NODES, encoding="utf-8")
    return files.folder


def test_an_import_plans_at_once(folder: Path, run: Run) -> None:
    """The fleet of the scenario is replaced by two nodes of the table."""
    ended = run(
        "fleet", "import", "nodes.csv", "--price", "2.5", "--nic-gbit-per-s", "h100x8=3200",
        "--out", "fleet.yaml", "--places", "places.csv",
    )  # fmt: skip
    assert ended.code == 0
    assert ended.err == (
        "unknown GPU type G2: 1 node with 8 GPUs left out (n3); name it with --gpu G2=GPU-TYPE\n"
        "Wrote fleet.yaml, places.csv.\n"
    )
    assert "fleet.yaml is written: 2 nodes, 16 GPUs, 1 cluster, 1 spine, 1 leaf.\n" in ended.out
    assert "h100x8     H100-SXM-80GB      2         16   3,200   2.50\n" in ended.out
    rows = list(csv.DictReader((folder / "places.csv").read_text("utf-8").splitlines()))
    assert [(row["node"], row["fleet_node"]) for row in rows] == [
        ("n1", "l1-h100x8-001"),
        ("n2", "l1-h100x8-002"),
    ]
    assert run("plan", ".").code == ExitCode.OK


def test_without_a_file_the_fleet_is_all_that_is_printed(folder: Path, run: Run) -> None:
    ended = run("fleet", "import", "nodes.csv", "--price=2", "--nic-gbit-per-s=1")
    (folder / "fleet.yaml").write_text(ended.out, encoding="utf-8")
    assert run("validate", ".").code == 0


def test_an_unknown_gpu_type_may_be_named(folder: Path, run: Run) -> None:
    ended = run(
        "fleet", "import", "nodes.csv", "--price=2", "--nic-gbit-per-s=1", "--gpu", "G2=G2:96",
    )  # fmt: skip
    assert "  - {name: G2, memory_gib: 96}\n" in ended.out
    assert ended.err == ""


def test_what_is_missing_is_asked_for_and_nothing_is_written(folder: Path, run: Run) -> None:
    before = (folder / "fleet.yaml").read_text(encoding="utf-8")
    ended = run("fleet", "import", "nodes.csv", "--out", "fleet.yaml")
    assert ended.code == ExitCode.BAD_INPUT
    assert "add --price h100x8=USD" in ended.err
    assert "add --nic-gbit-per-s h100x8=GBIT" in ended.err
    assert (folder / "fleet.yaml").read_text(encoding="utf-8") == before


def test_standard_input_is_a_source(folder: Path, apart: Run) -> None:
    ended = apart(
        ["fleet", "import", "-", "--price=2", "--nic-gbit-per-s=1"], cwd=folder, stdin=NODES
    )
    assert ended.code == 0
    assert "{leaf: l1, nodes: {h100x8: 2}}" in ended.out


def test_columns_of_any_table_are_mapped(folder: Path, run: Run) -> None:
    (folder / "own.csv").write_text("host,model,n\na,NVIDIA-L40S,4\n", encoding="utf-8")
    ended = run(
        "fleet", "import", "own.csv", "--map", "node=host,gpu=model", "--map", "gpus=n",
        "--price=1", "--nic-gbit-per-s=1", "--name", "edge",
    )  # fmt: skip
    assert ended.code == 0
    assert ended.out.endswith("nodes: {l40sx4: 1}\n")
    assert "name: edge\n" in ended.out


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--price=h100x8=", "h100x8: '' is not a number; write digits"),
        ("--price=1 --price=2", "--price is given twice; give it once"),
        ("--nic-gbit-per-s=a=1 --nic-gbit-per-s=a=2", "--nic-gbit-per-s is given twice for a"),
        ("--price==2", "'=2' is without a name before ="),
        ("--gpu=G2", "'G2' is not WRITTEN=GPU-TYPE"),
        ("--map=node", "'node' is not NAME=COLUMN"),
        ("--across-leaves=x", "'x' is not a number"),
    ],
)
def test_options_that_do_not_fit_are_named(
    folder: Path, run: Run, option: str, message: str
) -> None:
    ended = run("fleet", "import", "nodes.csv", *option.split())
    assert ended.code == ExitCode.BAD_INPUT
    assert message in " ".join(ended.err.split())


def test_a_fleet_is_shown_and_compared(folder: Path, run: Run) -> None:
    shown = run("fleet", "show", ".")
    assert shown.code == 0
    assert "two-nodes  2 nodes, 16 GPUs, 1 cluster, 1 spine, 1 leaf\n" in shown.out
    assert json.loads(run("fleet", "show", "fleet.yaml", "--json").out)["gpus"] == 16
    changed = (folder / "fleet.yaml").read_text(encoding="utf-8").replace("h100x8: 2", "h100x8: 5")
    (folder / "other.yaml").write_text(changed, encoding="utf-8")
    ended = run("fleet", "diff", ".", "other.yaml")
    assert ended.code == 0
    assert "~ l1 (c1/s1): +3 h100x8\n" in ended.out
    document = json.loads(run("fleet", "diff", ".", "other.yaml", "--json").out)
    assert document["gpus"] == {"H100-SXM-80GB": {"before": 16, "after": 40}}


def test_problems_of_both_fleets_are_told(folder: Path, run: Run) -> None:
    ended = run("fleet", "diff", "one.yaml", "two.yaml")
    assert ended.code == ExitCode.BAD_INPUT
    assert "one.yaml: no such file" in ended.err
    assert "two.yaml: no such file" in ended.err


def pod(name: str, node: str, engine: str, owner: str) -> dict[str, object]:
    """A pod with four GPUs of a node (made up)."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "llm",
            "labels": {"app": "chat", "engine": engine, "pod-template-hash": "5d4f8"},
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{owner}-5d4f8"}],
        },
        "spec": {
            "nodeName": node,
            "containers": [{"resources": {"limits": {"nvidia.com/gpu": "4"}}}],
        },
        "status": {"phase": "Running"},
    }


PODS = {
    "apiVersion": "v1",
    "kind": "List",
    "items": [
        pod("prefill-1", "n1", "p", "chat-prefill"),
        pod("decode-1", "n2", "d", "chat-decode"),
        pod("other-1", "n2", "x", "other"),
    ],
}
IMPORT = (
    "fleet", "import", "nodes.csv", "pods.json", "--price=2", "--nic-gbit-per-s=1", "--out",
    "fleet.yaml", "--current", "now.csv",
)  # fmt: skip


def test_pods_that_run_now_are_where_a_plan_begins(folder: Path, run: Run) -> None:
    """The pod of no engine of the scenario is left out by hand, as the plan says."""
    (folder / "pods.json").write_text(json.dumps(PODS | {"items": PODS["items"][:2]}), "utf-8")
    labels = ("--engine-label", "workload=app", "--engine-label", "engine=engine")
    assert run(*IMPORT, *labels).code == 0
    assert (folder / "now.csv").read_text(encoding="utf-8") == (
        "workload,engine,replica_id,leaf,node,gpus\n"
        "chat,d,decode-1,l1,l1-h100x8-002,4\n"
        "chat,p,prefill-1,l1,l1-h100x8-001,4\n"
    )
    planned = run("plan", ".", "--current", "now.csv")
    assert planned.code == 0, planned.err


def test_the_targets_of_a_plan_say_what_pods_run(files: ScenarioFiles, run: Run) -> None:
    files.scenario["targets"] = [{"preset": "deployment", "name": "{workload}-{role}"}]
    files.write()
    (files.folder / "nodes.csv").write_text(NODES, encoding="utf-8")
    (files.folder / "pods.json").write_text(json.dumps(PODS), encoding="utf-8")
    assert run("plan", ".", "--out", "today").code == 0
    ended = run(*IMPORT, "--plan", "today/plan.json")
    assert ended.code == 0, ended.err
    assert "1 pod with GPUs of no engine (other-1)" in ended.err
    text = (files.folder / "now.csv").read_text(encoding="utf-8")
    assert [row["engine"] for row in csv.DictReader(text.splitlines())] == ["d", "p"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nothing says which workload and engine a pod runs"),
        (("--engine-label=app=x",), "--engine-label app: labels say one of workload, engine"),
        (("--engine-label=workload=a", "--plan=plan.json"), "keep one of them"),
    ],
)
def test_what_pods_run_must_be_said(
    folder: Path, run: Run, options: tuple[str, ...], message: str
) -> None:
    (folder / "pods.json").write_text(json.dumps(PODS), encoding="utf-8")
    ended = run(*IMPORT, *options)
    assert ended.code == ExitCode.BAD_INPUT
    assert message in ended.err
    assert not (folder / "now.csv").exists()


def test_pods_come_from_a_source(folder: Path, run: Run) -> None:
    only_nodes = [each for each in IMPORT if each != "pods.json"]
    ended = run(*only_nodes, "--engine-label=workload=app,engine=engine")
    assert ended.code == ExitCode.BAD_INPUT
    assert "no source lists pods with GPUs" in ended.err
