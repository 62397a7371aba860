"""`heteroplan init`: options, questions on a terminal, what it says, and what it leaves alone."""

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
import yaml

from heteroplan.inputs import load
from tests.cli.conftest import Run
from tests.realdata import DATA, needs_data
from tests.scenario_files import engine

GIVEN = (
    *("--model", "chat=profile.yaml", "--nodes", "H100-SXM-80GB=4", "--price", "2"),
    *("--nic-gbit-per-s", "3200"),
)


class Terminal(io.StringIO):
    """Standard input with a person at it."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a profile of given capacity."""
    monkeypatch.chdir(tmp_path)
    profile = {"model": "llama", "engines": [engine("p", "prefill"), engine("d", "decode")]}
    (tmp_path / "profile.yaml").write_text(yaml.safe_dump(profile), encoding="utf-8")
    return tmp_path


def test_it_says_what_it_wrote_what_are_examples_and_what_is_next(run: Run) -> None:
    """10 requests/s on 4 GPUs for prefill, as many for decode; 10 and 10 % more take 8.8."""
    ended = run("init", "my day", *GIVEN, "--demand", "shape:flat:10", "--isl", "900")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "Wrote my day/scenario.yaml",
        "Wrote my day/fleet.yaml",
        "Wrote my day/demand/chat.csv",
        'Examples, which nobody gave and which files mark "example":',
        "- scenario.yaml: output tokens, TTFT, ITL, percentile, headroom of chat",
        "At their peaks the workloads need about 9 of 32 GPUs (an estimate).",
        "",
        "Next:",
        "  heteroplan validate 'my day'",
        "  heteroplan plan 'my day' --out 'my day/out'",
        "  heteroplan export 'my day/out/plan.json' --format keda --out keda.yaml",
    ]
    assert run("plan", "my day", "--out", "my day/out").code == 0
    assert run("export", "my day/out/plan.json", "--format", "keda", "--out", "k.yaml").code == 0


def test_a_fleet_that_is_too_small_is_told(run: Run) -> None:
    """100 requests/s and 10 % more are 11 replicas of 4 GPUs, for prefill and for decode."""
    ended = run("init", "day", *GIVEN, "--demand", "shape:flat:100")
    assert ended.code == 0
    words = " ".join(ended.out.split())
    assert "The fleet is too small: at their peaks the workloads need about 88 GPUs" in words
    assert run("plan", "day").code == 1


def test_nodes_of_other_sizes_and_values_by_name(run: Run) -> None:
    ended = run(
        *("init", "day", "--model", "a=profile.yaml", "--model", "b=profile.yaml"),
        *("--nodes", "H100-SXM-80GB:4=10", "--nodes", "L40S-48GB=2"),
        *("--price", "H100-SXM-80GB=1.5", "--demand", "a=shape:flat:2"),
        *("--demand", "shape:flat:3", "--ttft-ms", "b=700", "--ttft-ms", "800"),
    )
    assert ended.code == 0
    fleet = yaml.safe_load(Path("day/fleet.yaml").read_text(encoding="utf-8"))
    assert fleet["nodes"] == {"h100-sxm-80gb-x4": 10, "l40s-48gb-x8": 2}
    scenario = load("day").scenario
    targets = [one.slo[0].ttft_ms if isinstance(one.slo, tuple) else one.slo.ttft_ms
               for one in scenario.workloads]  # fmt: skip
    assert targets == [800, 700]
    assert [max(each.rps for each in one.demand) for one in scenario.workloads] == [
        pytest.approx(2.2),
        pytest.approx(3.3),
    ]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--nodes", "H100-SXM-80GB"), "is not GPU=N or GPU:GPUS=N, such as"),
        (("--nodes", "H100-SXM-80GB=0"), "0 is too small; write 1 or more"),
        (("--isl", "0"), "0 is too small; write 1 or more"),
        (("--ttft-ms", "1s"), "'1s' is not a number"),
        (("--interval", "15"), "'15' is"),
        (("--isl", "5", "--isl", "6"), "--isl is given twice; give it once"),
        (("--isl", "a=5", "--isl", "a=6"), "--isl is given twice for a; give it once"),
        (("--fleet", "none.yaml"), "--fleet none.yaml: No such file or directory; name a file"),
        (("--fleet", ""), "the name is empty; name a file"),
        (("--fleet", "."), "--fleet .: Is a directory; name a file"),
        (("--fleet", "profile.yaml"), "profile.yaml"),
        (("--demand", "none.csv"), "none.csv: cannot be read"),
        (("--model", "none.yaml"), "none.yaml: no such file"),
    ],
)
def test_what_is_wrong_ends_with_2_and_writes_nothing(
    run: Run, args: tuple[str, ...], message: str
) -> None:
    ended = run("init", "day", "--no-input", *args)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.replace("│", "").split())
    assert not Path("day").exists()


def node(name: str, *, leaf: str, ready: str = "True") -> dict[str, object]:
    """A node as `kubectl get nodes -o json` lists it, with the labels of GPU feature discovery and
    topograph; made up."""
    labels = {
        "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
        "nvidia.com/gpu.count": "8",
        "nvidia.com/gpu.memory": "81559",
        "fabric.topograph.run/tier-0": leaf,
    }
    status = {
        "allocatable": {"nvidia.com/gpu": "8"},
        "capacity": {"nvidia.com/gpu": "8"},
        "conditions": [{"type": "Ready", "status": ready}],
    }
    metadata = {"name": name, "labels": labels}
    return {"kind": "Node", "metadata": metadata, "spec": {}, "status": status}


def test_a_fleet_is_imported_from_what_kubectl_lists(run: Run, here: Path) -> None:
    """Three nodes on two leaves, of which one is not ready: 24 GPUs, 8 of them out."""
    nodes = [node("n1", leaf="a"), node("n2", leaf="a", ready="False"), node("n3", leaf="b")]
    listed = {"apiVersion": "v1", "kind": "List", "items": nodes}
    (here / "nodes.json").write_text(json.dumps(listed), encoding="utf-8")
    args = ("init", "day", "--model", "chat=profile.yaml", "--demand", "shape:flat:5")
    ended = run(*args, "--fleet", "nodes.json")
    assert ended.code == 2
    assert "--price" in ended.err
    assert not Path("day").exists()
    ended = run(*args, "--fleet", "nodes.json", "--price", "2", "--nic-gbit-per-s", "400")
    assert ended.code == 0, ended.err
    fleet = load("day").scenario.fleet
    assert (fleet.gpus, len(fleet.network.leaves)) == (24, 2)
    assert sum(outage.nodes for outage in fleet.outages) == 1
    assert {each.usd_per_gpu_hour for each in fleet.node_types} == {2.0}
    Path("day/scenario.yaml").unlink()
    again = run(*args, "--fleet", "nodes.json", "--price", "2", "--nic-gbit-per-s", "400")
    assert again.code == 2
    assert "day/fleet.yaml is there already" in again.err


def test_an_inventory_may_come_from_a_pipe(apart: Run, here: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [node("n1", leaf="a")]}
    args = ["init", "day", "--model", "chat=profile.yaml", "--demand", "shape:flat:5"]
    args += ["--fleet", "-", "--price", "2", "--nic-gbit-per-s", "400"]
    ended = apart(args, cwd=here, stdin=json.dumps(listed))
    assert ended.code == 0, ended.err
    assert load("day").scenario.fleet.gpus == 8


@needs_data
def test_a_fortnight_of_servegen_without_dates_is_forecast(run: Run) -> None:
    """14 days that end before the 23rd begin on the 9th. The planned peak is a P95 of 14 days: at
    most the greatest rate and 10 % headroom, and more than half of it."""
    trace = DATA / "traces" / "servegen_m-large_demand_10min.csv"
    ended = run(
        *("init", "day", *GIVEN, "--demand", str(trace), "--start", "2026-11-23"),
        *("--growth", "0.01", "--interval", "1h"),
    )
    assert ended.code == 0, ended.err
    assert "percentile, headroom, start of the trace of chat" in " ".join(ended.out.split())
    (workload,) = yaml.safe_load(Path("day/scenario.yaml").read_text("utf-8"))["workloads"]
    assert workload["demand"]["start"] == date(2026, 11, 9)
    with trace.open(encoding="utf-8") as file:
        greatest = max(float(row["req_per_s"] or 0) for row in csv.DictReader(file))
    peak = max(each.rps for each in load("day").scenario.workloads[0].demand)
    assert greatest * 0.01 / 2 < peak < greatest * 0.01 * 1.1


def test_the_working_directory_may_be_the_folder(run: Run, here: Path) -> None:
    ended = run("init", ".", *GIVEN, "--demand", "shape:flat:5")
    assert ended.out.splitlines()[0] == "Wrote scenario.yaml"
    assert load(".").scenario.name == here.name


def test_on_a_terminal_it_asks_for_what_no_option_gives(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first answer to the demand is refused, with the reason; Enter takes the default."""
    answers = ["", "shape:moon", "shape:flat:5", "700", "", "", "45"]
    monkeypatch.setattr("sys.stdin", Terminal("\n".join(answers) + "\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    ended = run("init", "day", *GIVEN)
    assert ended.code == 0, ended.err
    assert "Error: there is no shape 'moon'; there are shape:day-night" in ended.err
    (workload,) = yaml.safe_load(Path("day/scenario.yaml").read_text("utf-8"))["workloads"]
    assert workload["requests"] == {"isl": 700, "osl": 200}
    assert workload["slo"] == {"ttft_ms": 2000, "itl_ms": 45, "percentile": 0.95}
    assert "- scenario.yaml: percentile, headroom of chat" in ended.out.splitlines()


def test_an_end_of_the_answers_ends_it_without_files(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\n"))
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert run("init", "day", *GIVEN).code == 130
    assert not Path("day").exists()
