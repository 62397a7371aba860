"""`plan --placement` and `plan --current`: where every replica stands, and what ran before.

The scenario of `tests.scenario_files` on six nodes; decode takes two whole nodes a replica.
"""

import csv
import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.scenario_files import ScenarioFiles, engine

COLUMNS = [
    "interval_start", "workload", "role", "engine", "replica_id", "leaf", "node", "gpus",
    "plan",
]  # fmt: skip


@pytest.fixture
def wide(files: ScenarioFiles) -> ScenarioFiles:
    """5, then 15 requests/s: one pair, then two. Prefill 4 GPUs on a node, decode 16 on two."""
    files.leaf["nodes"]["h100x8"] = 6
    files.profile["engines"] = [engine("p", "prefill"), engine("d", "decode", gpus=16)]
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,15\n"
    files.write()
    return files


def rows(file: str) -> list[dict[str, str]]:
    with Path(file).open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def places(file: str, hour: str) -> set[tuple[str, str]]:
    """Engine and node of all that runs at an hour."""
    return {(r["engine"], r["node"]) for r in rows(file) if r["interval_start"][11:13] == hour}


def test_placement_is_a_row_a_replica_node_and_interval(wide: ScenarioFiles, run: Run) -> None:
    """(1 + 2) prefill on one node each and (1 + 2) decode on two: 9 rows."""
    ended = run("plan", ".", "--out", "out", "--placement")
    assert ended.code == 0
    assert "placement.csv" in {path.name for path in Path("out").iterdir()}
    found = rows("out/placement.csv")
    assert list(found[0]) == COLUMNS
    pools = json.loads(Path("out/plan.json").read_text())["pools"]
    assert len(found) == 9
    assert len(found) == sum(
        sum(pool["replicas"]) * max(1, pool["gpus_per_replica"] // 8) for pool in pools
    )
    assert {(row["engine"], row["gpus"]) for row in found} == {("p", "4"), ("d", "8")}
    assert {row["leaf"] for row in found} == {"l1"}


def test_placement_is_not_written_unasked(wide: ScenarioFiles, run: Run) -> None:
    run("plan", ".", "--out", "out")
    assert not Path("out/placement.csv").exists()


def test_placement_without_a_folder_ends_with_2(
    wide: ScenarioFiles, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("heteroplan.planning.make_plan", None)
    ended = run("plan", ".", "--placement")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == "Error: --placement: say where with --out DIR\n"


@pytest.fixture
def yesterday(wide: ScenarioFiles, run: Run) -> str:
    """placement.csv of a day that ends with two pairs."""
    run("plan", ".", "--out", "yesterday", "--placement")
    return "yesterday/placement.csv"


def test_yesterdays_placement_is_what_runs_today(
    wide: ScenarioFiles, run: Run, yesterday: str
) -> None:
    """Its rows of 01:00 are two pairs, so that nothing starts at 01:00, and none is moved."""
    begin_at_one = ("--set", "horizon.start=2026-11-23T01:00", "--set", "horizon.intervals=1")
    ended = run("plan", ".", "--current", yesterday, *begin_at_one, "--out", "today", "--placement")
    assert ended.code == 0, ended.err
    document = json.loads(Path("today/plan.json").read_text())
    assert document["horizon"]["cyclic"] is False
    assert document["totals"]["starts"] == 0
    assert places("today/placement.csv", "01") == places(yesterday, "01")


def test_what_does_not_run_yet_is_started(wide: ScenarioFiles, run: Run, yesterday: str) -> None:
    """At 00:00 one pair runs, of yesterday's rows those of 00:00; the second starts at 01:00.

    On an empty cluster all four replicas start; where nothing is known the first pair was there.
    """

    def starts(*options: str) -> int:
        found: int = json.loads(run("plan", ".", "--json", *options).out)["totals"]["starts"]
        return found

    Path("none.csv").write_text("workload,engine,replica_id,leaf\n")
    assert starts("--current", yesterday) == 2
    assert starts("--current", "none.csv") == 4
    assert starts("--set", "horizon.cyclic=false") == 2


@pytest.mark.parametrize(
    ("rates", "begin", "intervals", "starts", "gpu_hours"),
    [("5,0,5", "02:00", 1, 2, 30.0), ("0,5,5", "00:00", 2, 2, 30.0), ("0,0,0", "01:00", 1, 0, 0.0)],
    ids=["ended an hour ago", "first interval idle", "nothing ever"],
)
def test_what_does_not_run_any_more_is_started_again(
    wide: ScenarioFiles,
    run: Run,
    rates: str,
    begin: str,
    intervals: int,
    starts: int,
    gpu_hours: float,
) -> None:
    """A pair runs for an hour with 5 requests/s: 4 + 16 GPU-hours and half as many for its start.

    Two hours are planned, then some from `begin` on with what ran in the first plan.
    """
    for each in wide.profile["engines"]:
        each["startup_s"] = 1800
    hours = zip(("00", "01", "02"), rates.split(","), strict=True)
    wide.demand = "interval_start,rps\n" + "".join(f"2026-11-23T{h}:00,{r}\n" for h, r in hours)
    wide.write()
    assert run("plan", ".", "--out", "before", "--placement").code == 0
    options = (f"horizon.start=2026-11-23T{begin}", f"horizon.intervals={intervals}")
    changed = [each for option in options for each in ("--set", option)]
    ended = run("plan", ".", "--json", "--current", "before/placement.csv", *changed)
    assert ended.code == 0, ended.err
    totals = json.loads(ended.out)["totals"]
    assert (totals["starts"], totals["gpu_hours"]) == (starts, pytest.approx(gpu_hours))


def test_placement_of_another_plan_than_the_one_beside_it_ends_with_2(
    wide: ScenarioFiles, run: Run, yesterday: str
) -> None:
    """Planned again without --placement: what stands in the file is not what the plan says."""
    run("plan", ".", "--out", "yesterday", "--set", "name=other")
    ended = run("plan", ".", "--current", yesterday)
    assert (ended.code, ended.out) == (2, "")
    assert "yesterday/placement.csv: plan: " in ended.err
    assert "yesterday/plan.json is of plan " in ended.err
    assert run("explain", "yesterday/plan.json").code == 0


def test_the_day_is_cyclic_only_without_a_current_state(
    wide: ScenarioFiles, run: Run, yesterday: str
) -> None:
    def cyclic(*options: str) -> bool:
        found: bool = json.loads(run("plan", ".", "--json", *options).out)["horizon"]["cyclic"]
        return found

    assert cyclic() is True
    assert cyclic("--current", yesterday) is False


def test_current_comes_from_standard_input(wide: ScenarioFiles, run: Run, yesterday: str) -> None:
    text = Path(yesterday).read_text()
    ended = run("plan", ".", "--json", "--current", "-", stdin=text)
    assert ended.code == 0, ended.err
    document = json.loads(ended.out)
    same = json.loads(run("plan", ".", "--json", "--current", yesterday).out)
    assert document["pools"] == same["pools"]
    assert document["totals"] == same["totals"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workload,engine,replica_id,leaf\nchat,p,r1,l9\n", "current.csv:2: leaf: l9: "),
        ("workload,engine,replica_id,leaf\nchat,x,r1,l1\n", "current.csv:2: engine: x: "),
        ("workload,engine,replica_id\nchat,p,r1\n", "leaf"),
        (None, "current.csv: no such file"),
    ],
    ids=["leaf", "engine", "column", "absent"],
)
def test_wrong_current_states_end_with_2_and_write_nothing(
    wide: ScenarioFiles, run: Run, text: str | None, message: str
) -> None:
    if text is not None:
        Path("current.csv").write_text(text)
    ended = run("plan", ".", "--current", "current.csv", "--out", "out", "--placement")
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err
    assert not Path("out").exists()
