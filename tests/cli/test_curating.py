"""`replay --curate` and `--calibrate`, on minutes of few requests."""

import csv
import io
import json
from pathlib import Path

import pytest
import yaml

from heteroplan.pipelines import curation as pipeline
from heteroplan.simulation.curation import calibrate, curate, pressure
from tests.cli.conftest import Run
from tests.pages import addresses
from tests.scenario_files import ScenarioFiles

CURATE = ("replay", ".", "--curate", "--trials", "4", "--policy", "plan", "--policy", "hpa")


@pytest.fixture(autouse=True)
def small(files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four intervals of a minute, and few requests of each test group."""
    files.scenario["horizon"] = {"start": "2026-11-23", "intervals": 4, "interval": "1min"}
    rows = [f"2026-11-23T00:0{n},{rate}" for n, rate in enumerate((5, 8, 5, 8))]
    files.demand = "\n".join(["interval_start,rps", *rows, ""])
    files.write()
    monkeypatch.setattr(pressure, "REPLICAS", 4)
    monkeypatch.setattr(curate.Effort.__init__, "__defaults__", (400,))
    _, _, _, *others = calibrate.Judging.__init__.__defaults__ or ()
    monkeypatch.setattr(calibrate.Judging.__init__, "__defaults__", (1.0, 400, 2, *others))


def test_policies_are_judged_on_the_part_that_was_not_searched(run: Run) -> None:
    ended = run(*CURATE, "--out", "c.html", "--out", "c.json", "--out", "c.csv")
    assert (ended.code, ended.err) == (0, "Wrote c.html, c.json, c.csv.\n")
    assert "searched 2026-11-23 00:00 to 2026-11-23 00:02" in " ".join(ended.out.split())
    assert max(map(len, ended.out.splitlines()[:12])) <= 80
    found = json.loads(Path("c.json").read_text())
    assert (found["seen_s"], found["duration_s"], found["trials"]) == (120.0, 240.0, 4)
    plan, hpa = found["policies"]
    assert (plan["trials"], plan["gain_fraction"], plan["text"]) == ([], 0.0, "plan")
    assert len(hpa["trials"]) == 4
    assert addresses(Path("c.html").read_text()) == []
    rows = list(csv.DictReader(io.StringIO(Path("c.csv").read_text())))
    assert [(row["policy"], row["trial"]) for row in rows] == [
        ("hpa", str(n)) for n in (1, 2, 3, 4)
    ]


@pytest.mark.slow
def test_options_that_are_found_can_be_replayed(run: Run) -> None:
    """Both parts together take in a replay what they took in the curation."""
    found = json.loads(run(*CURATE, "--json").out)["policies"][1]
    again = run("replay", ".", "--policy", found["text"], "--json")
    assert again.code == 0
    (replayed,) = json.loads(again.out)["policies"]
    parts = [found["curated"][part]["gpu_hours"] for part in ("seen", "unseen")]
    assert replayed["gpu_hours"] == pytest.approx(sum(parts))


def test_options_that_are_written_are_not_searched(run: Run) -> None:
    args = ["hpa:target_share=0.7" if each == "hpa" else each for each in CURATE]
    found = json.loads(run(*args, "--json").out)["policies"][1]
    assert found["text"].startswith("hpa:target_share=0.7,")
    assert all("target_share" not in each["options"] for each in found["trials"])


def test_factors_are_written_and_shown(run: Run) -> None:
    ended = run("replay", ".", "--calibrate", "factors.yaml", "--jobs", "2")
    assert (ended.code, ended.err) == (0, "Wrote factors.yaml.\n")
    assert max(map(len, ended.out.splitlines())) <= 80
    found = yaml.safe_load(Path("factors.yaml").read_text())
    assert [each["engine"] for each in found["factors"]] == ["p", "d"]
    assert all(len(each["drawn_rps"]) == found["draws"] for each in found["factors"])
    as_json = run("replay", ".", "--calibrate", "factors.json", "--json").out
    assert json.loads(as_json) == json.loads(Path("factors.json").read_text()) == found


def test_a_trace_gives_the_gaps(run: Run) -> None:
    """Forty requests at once, then a pause, are harder to serve in time than a steady stream."""
    bursts = [f"{40 * n},100,10" for n in range(10) for _ in range(40)]
    Path("t.csv").write_text(
        "\n".join(["arrived_at,num_prefill_tokens,num_decode_tokens", *bursts])
    )
    rates = []
    for more in ((), ("--trace", "t.csv", "--rate", "20")):
        run("replay", ".", "--calibrate", "f.json", *more)
        rates.append(json.loads(Path("f.json").read_text())["factors"][0]["factor"])
    assert rates[1] < 0.5 * rates[0]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--curate", "--concurrency", "3"], "leave out --concurrency"),
        (["--curate", "--duration", "30s"], "two intervals or more"),
        (["--curate", "--curate-share", "1"], "Invalid value for '--curate-share'"),
        (["--curate", "--trials", "0"], "Invalid value for '--trials'"),
        (["--curate", "--requests", "r.parquet"], "leave it out"),
        (["--calibrate", "f.txt"], "write a name that ends with .yaml, .yml or .json"),
        (["--curate", "--fluid"], "leave out --fluid"),
        (["--curate", "--stress"], "leave one out"),
        (["--calibrate", "f.yaml", "--curate"], "leave out --curate"),
    ],
)
def test_what_cannot_be_ends_with_2(run: Run, args: list[str], message: str) -> None:
    before = set(Path().iterdir())
    ended = run("replay", ".", *args)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())
    assert set(Path().iterdir()) == before


def test_a_frame_from_python(files: ScenarioFiles) -> None:
    result = pipeline.curate(files.folder, policy=["plan", "hpa"], trials=2)
    frame = result.policies_frame()
    assert frame["options"].tolist() == ["-", "given", "curated"]
    assert frame["slo_kept"].dtype == bool
