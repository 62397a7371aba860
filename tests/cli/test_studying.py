"""`replay --study` and `replay --stress`."""

import csv
import io
import json
from pathlib import Path

import pytest

import heteroplan
from tests.cli.conftest import Run
from tests.pages import addresses
from tests.scenario_files import ScenarioFiles


@pytest.fixture
def made(files: ScenarioFiles) -> ScenarioFiles:
    """The demand of the scenario, small."""
    files.demand = "interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,8\n"
    files.write()
    return files


def test_signals_of_a_scenario(made: ScenarioFiles, run: Run) -> None:
    ended = run(
        "replay", ".", "--study", "signals", "--duration", "120s", "--out", "s.html", "--out",
        "s.json", "--out", "s.csv",
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "Wrote s.html, s.json, s.csv.\n")
    assert "signals of chat on 1 " in ended.out
    assert "tracks load" in " ".join(ended.out.split())
    assert addresses(Path("s.html").read_text()) == []
    found = json.loads(Path("s.json").read_text())
    assert (found["workload"], found["run_s"], len(found["findings"])) == ("chat", 120.0, 7)
    assert len(list(csv.DictReader(io.StringIO(Path("s.csv").read_text())))) == 8 * 20


def test_stress_of_a_scenario(made: ScenarioFiles, run: Run) -> None:
    ended = run("replay", ".", "--stress", "--duration", "120s", "--json")
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert found["policy"] == "plan"
    assert [each["factor"] for each in found["runs"]][:5] == [1.0, 0.75, 0.9, 1.1, 1.25]
    assert len(found["limits"]) == 4


def test_the_first_policy_is_put_under_stress_on_a_trace(made: ScenarioFiles, run: Run) -> None:
    """A request every 0.2 s for a minute: 300; a quarter more are 375."""
    rows = "\n".join(f"{n / 5},100,10" for n in range(300))
    Path("t.csv").write_text(f"arrived_at,num_prefill_tokens,num_decode_tokens\n{rows}\n")
    ended = run(
        "replay", ".", "--stress", "--policy", "hpa:target_share=0.7", "--policy", "plan",
        "--trace", "chat=t.csv", "--duration", "60s", "--out", "-",
    )  # fmt: skip
    assert ended.code == 0
    table = list(csv.DictReader(io.StringIO(ended.out)))
    assert {row["policy"] for row in table} == {"hpa:target_share=0.7"}
    assert [int(row["requests"]) for row in table][:5] == [300, 225, 270, 330, 375]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--study", "noise"], "--study noise: write signals, or signals:WORKLOAD"),
        (["--study", "signals:code"], "there is no workload code; write one of chat"),
        (["--study", "signals", "--stress"], "exclude each other; leave one of them out"),
        (["--study", "signals", "--policy", "hpa"], "leave out --policy"),
        (["--study", "signals", "--from", "01:00"], "leave out --from"),
        (["--study", "signals", "--duration", "60s"], "duration_s 60: must be between 120"),
        (["--stress", "--requests", "r.parquet"], "leave out --requests"),
        (["--stress", "--concurrency", "8"], "leave out --concurrency"),
        (["--stress", "--policy", "hpo"], "there is no policy 'hpo'"),
        (["--stress", "--out", "r.txt"], "write a name that ends with .html, .json or .csv"),
    ],
)
def test_what_cannot_be_ends_with_2(
    files: ScenarioFiles, run: Run, args: list[str], message: str
) -> None:
    ended = run("replay", ".", *args)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())


def test_from_python_to_a_folder(made: ScenarioFiles, tmp_path: Path) -> None:
    found = heteroplan.study(made.folder, duration_s=120.0)
    found.write(tmp_path / "out")
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == [
        "study.csv",
        "study.html",
        "study.json",
    ]
    assert len(found.signals_frame()) == 160
    tested = heteroplan.stress(made.folder, duration_s=60.0, jobs=2)
    assert len(tested.runs_frame()) >= 10
    with pytest.raises(KeyboardInterrupt):
        heteroplan.stress(made.folder, duration_s=60.0, stop=lambda: True)
