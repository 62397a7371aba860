"""`replay`, with a simulation that is made by hand."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from heteroplan.entities.workload import Routing
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.pipelines import replay as pipeline
from heteroplan.pipelines import replay_policies
from heteroplan.pipelines.replay_policies import NamedPolicy
from heteroplan.simulation.policies.registry import POLICIES
from heteroplan.simulation.replicas.failures import Failure
from heteroplan.simulation.requests import RequestStream
from heteroplan.simulation.results import Replay
from heteroplan.simulation.run import Progress, ReplaySettings
from tests.cli.conftest import Run
from tests.pages import addresses
from tests.replays import intervals, policy, replay, requests
from tests.scenario_files import ScenarioFiles

TRACE = "arrived_at,num_prefill_tokens,num_decode_tokens\n0,100,10\n1,300,30\n2,100,10\n3,300,30\n"


class Asked:
    """What the simulation was asked for; every request has its first token after 0.5 s and its
    last after 1 s."""

    settings: ReplaySettings
    stream: RequestStream
    policies: list[str]
    jobs: int
    plan_id: str | None
    first: int

    def __call__(
        self,
        plan: PlanDocument,
        first: int,
        stream: RequestStream,
        policies: Sequence[NamedPolicy],
        settings: ReplaySettings,
        *,
        jobs: int,
        progress: Progress,
        asked: bool = True,
    ) -> Replay:
        self.plan_id, self.stream, self.jobs = plan.plan_id, stream, jobs
        self.first = first
        self.settings, self.policies = settings, [each.name for each in policies]
        table = requests(
            list(stream.arrival_s), list(stream.arrival_s + 0.5), list(stream.arrival_s + 1.0)
        )
        n = len(stream)
        return replay([policy("plan", intervals([[n, n]], [[n, n]]), requests=table)])


@pytest.fixture
def asked(files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch) -> Asked:
    made = Asked()
    monkeypatch.setattr(replay_policies, "replayed", made)
    return made


@pytest.fixture
def plan_json(asked: Asked, run: Run) -> Callable[[], str]:
    """Plans the scenario; its plan.json."""

    def planned() -> str:
        assert run("plan", ".", "--out", "made").code == 0
        return "made/plan.json"

    return planned


def test_a_scenario_is_planned_and_replayed_on_drawn_requests(asked: Asked, run: Run) -> None:
    """5 and 8 requests/s for an hour each: 46,800 requests, give or take 3 times their root."""
    ended = run("replay", ".", "--seed", "3")
    assert (ended.code, ended.err) == (0, "")
    assert "plan keeps the SLO in all 2 intervals" in ended.out
    assert abs(len(asked.stream) - 46_800) < 3 * 217
    assert asked.settings.simulator.seed == 3
    again = asked.stream.arrival_s
    run("replay", ".", "--seed", "3")
    assert (asked.stream.arrival_s == again).all()


def test_a_plan_is_replayed_as_it_is(asked: Asked, plan_json: Callable[[], str], run: Run) -> None:
    path = plan_json()
    assert run("replay", path).code == 0
    assert asked.plan_id == json.loads(Path(path).read_text())["plan_id"]
    ended = run("replay", path, "--set", "workloads.chat.headroom=0.2")
    assert ended.code == 2
    assert "--set: a plan is replayed as it was made; name its scenario instead" in ended.err


def test_requests_of_a_trace(asked: Asked, run: Run) -> None:
    Path("trace.csv").write_text(TRACE)
    assert run("replay", ".", "--trace", "chat=trace.csv", "--rate", "2").code == 0
    assert asked.stream.arrival_s.tolist() == [0.0, 0.5, 1.0, 1.5]
    assert asked.stream.isl.tolist() == [100, 300, 100, 300]
    ended = run("replay", ".", "--trace", "code=trace.csv")
    assert ended.code == 2
    assert "workloads are chat" in ended.err


def test_requests_of_one_model_of_a_log(asked: Asked, run: Run) -> None:
    header, *rows = TRACE.splitlines()
    models = [f"{row},{model}" for row, model in zip(rows, "abac", strict=True)]
    Path("log.csv").write_text("\n".join([f"{header},model", *models, ""]))
    for given, isl in ((["a"], [100, 100]), (["b", "c"], [300, 300])):
        where = [part for each in given for part in ("--where", f"model={each}")]
        assert run("replay", ".", "--trace", "log.csv", *where).code == 0
        assert asked.stream.isl.tolist() == isl
    ended = run("replay", ".", "--trace", "log.csv", "--where", "model=d")
    assert ended.code == 2
    assert "holds no requests with model=d; there are model=a (2)" in " ".join(ended.err.split())


def test_options_reach_the_simulation(asked: Asked, run: Run) -> None:
    ended = run(
        "replay", ".", "--routing", "random", "--kv-full", "wait", "--scale-in", "kill",
        "--concurrency", "8", "--metrics-delay", "30", "--jobs", "2", "--fail",
        "leaf:l1@00:30+30min", "--policy", "plan", "--policy", "hpa:target_share=0.7",
        "--duration", "1h",
    )  # fmt: skip
    assert ended.code == 0
    assert "taken away: leaf:l1@00:30+30min" in ended.out
    assert "settings: routing random, kv_full wait, scale_in kill" in ended.out
    how = asked.settings
    simulator = how.simulator
    assert (simulator.routing, simulator.kv_full, simulator.users) == (Routing.RANDOM, "wait", 8)
    assert (how.lifecycle.scale_in, how.delay_s, asked.jobs) == ("kill", 30.0, 2)
    assert how.failures == (Failure((0,), 1800.0, 3600.0),)
    assert asked.policies == ["plan", "hpa:target_share=0.7"]
    assert asked.stream.duration_s == 3600.0


def test_some_policies_are_replayed_where_none_is_named(asked: Asked, run: Run) -> None:
    run("replay", ".")
    assert asked.policies == list(pipeline.POLICIES)


def test_json_is_all_that_is_printed(asked: Asked, run: Run) -> None:
    ended = run("replay", ".", "--json")
    assert (ended.code, ended.err) == (0, "")
    found = json.loads(ended.out)
    assert found["schema_version"] == 1
    assert [each["policy"] for each in found["policies"]] == ["plan"]


def test_outputs_by_the_end_of_their_names(asked: Asked, run: Run) -> None:
    ended = run(
        "replay", ".", "--out", "r.html", "--out", "r.json", "--out", "r.csv", "--requests",
        "r.parquet",
    )  # fmt: skip
    assert ended.code == 0
    assert "keeps the SLO" in ended.out
    assert addresses(Path("r.html").read_text()) == []
    assert json.loads(Path("r.json").read_text())["policies"]
    assert len(list(csv.DictReader(io.StringIO(Path("r.csv").read_text())))) == 2
    table = pq.read_table("r.parquet")
    assert table.num_rows == len(asked.stream)
    assert set(table["ttft_ms"].to_pandas().round(6)) == {500.0}


def test_csv_on_standard_output_is_all_that_is_printed(asked: Asked, run: Run) -> None:
    ended = run("replay", ".", "--out", "-")
    assert [row["policy"] for row in csv.DictReader(io.StringIO(ended.out))] == ["plan"] * 2


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--out", "r.txt"], "r.txt: write a name that ends with .html, .json or .csv"),
        (["--out", "-", "--json"], "--json and --out - both print; leave one of them out"),
        (["--fluid", "--requests", "r.parquet"], "the fluid level has no single requests"),
        (["--requests", "-"], "Parquet is not for standard output; name a file"),
        (["--requests", "r.csv", "--out", "r.csv"], "r.csv is read, or written twice"),
        (["--fluid", "--concurrency", "3"], "the fluid level has no single requests"),
        (["--policy", "hpo"], "there is no policy 'hpo': write one of plan, "),
        (["--policy", "hpa", "--policy", "hpa"], "policy hpa is there twice"),
        (["--policy", "hpa:speed=3"], "policy hpa has no option 'speed'"),
        (["--routing", "best"], "routing 'best': write one of least_loaded, random, "),
        (["--fail", "leaf:zz@18:00+1h"], "no leaf zz; there are l1"),
        (["--jobs", "0"], "Invalid value for '--jobs'"),
        (["--align", "--rate", "3"], "exclude each other"),
    ],
)
def test_what_cannot_be_ends_with_2_and_without_files(
    asked: Asked, run: Run, args: list[str], message: str
) -> None:
    Path("trace.csv").write_text(TRACE)
    before = set(Path().iterdir())
    ended = run("replay", ".", "--trace", "trace.csv", *args)
    assert (ended.code, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())
    assert set(Path().iterdir()) == before


WINDOWS = "interval_start,rps,isl,osl\n2026-11-23T00:00,5,900,90\n2026-11-23T01:00,10,900,90\n"


def test_windows_of_a_trace_are_rates_at_the_fluid_level(run: Run, files: ScenarioFiles) -> None:
    """Nothing is drawn: 5 and 10 requests/s for an hour each, whatever the seed."""
    Path("windows.csv").write_text(WINDOWS)
    found = run(
        *("replay", ".", "--fluid", "--trace", "windows.csv", "--align", "--policy", "static_peak"),
        "--json",
    )
    assert found.code == 0, found.err
    document = json.loads(found.out)
    assert document["level"] == "fluid"
    assert document["requests"] == 5 * 3600 + 10 * 3600
    assert any("rates are those of 2 windows" in note for note in document["notes"])


def test_windows_are_not_stretched_to_the_demand(run: Run, files: ScenarioFiles) -> None:
    Path("windows.csv").write_text(WINDOWS)
    ended = run("replay", ".", "--fluid", "--trace", "windows.csv", "--scale-to-demand")
    assert ended.code == 2
    assert "windows have no single requests to choose from" in " ".join(ended.err.split())


def test_a_folder_of_files_from_python(asked: Asked, tmp_path: Path) -> None:
    result = pipeline.replay(tmp_path)
    result.write(tmp_path / "out", requests=True)
    names = ["replay.csv", "replay.html", "replay.json", "requests.parquet"]
    assert sorted(each.name for each in (tmp_path / "out").iterdir()) == names
    assert len(result.policies_frame()) == 1
    assert len(result.intervals_frame()) == 2
    assert len(result.requests_frame()) == len(asked.stream)


def test_a_replay_that_is_stopped_has_no_result(files: ScenarioFiles) -> None:
    """The first of two intervals is told, and after the second it is asked to stop."""
    heard: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        pipeline.replay(
            files.folder, policy="plan", duration_s=7200.0, stop=lambda: bool(heard),
            progress=lambda policy, share: heard.append(policy),
        )  # fmt: skip
    assert heard == ["plan"]


def test_a_replay_begins_with_a_later_interval(asked: Asked, run: Run) -> None:
    assert run("replay", ".", "--from", "01:00").code == 0
    assert asked.first == 1
    ended = run("replay", ".", "--from", "00:17")
    assert ended.code == 2
    assert "--from '00:17': no interval begins then; write a time such as 00:00" in ended.err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--align", None),
        ("--rate", "5"),
        ("--scale-to-demand", None),
        ("--format", "azure"),
        ("--map", "isl=a"),
        ("--trace-timezone", "UTC"),
        ("--start", "2026-11-23"),
        ("--prefix-cache", "100"),
        ("--where", "model=a"),
    ],
)
def test_options_of_traces_need_one(asked: Asked, run: Run, option: str, value: str | None) -> None:
    ended = run("replay", ".", option, *([] if value is None else [value]))
    assert (ended.code, ended.out) == (2, "")
    assert f"{option}: requests are drawn; give a trace" in " ".join(ended.err.split())


def test_a_failure_after_the_end_is_none(asked: Asked, run: Run) -> None:
    """The replay ends at 00:30."""
    ended = run("replay", ".", "--duration", "30min", "--fail", "leaf:l1@01:00+10min")
    assert (ended.code, ended.out) == (2, "")
    assert "begins after the replay, which lasts 30 min" in " ".join(ended.err.split())


def test_help_names_every_policy(run: Run) -> None:
    text = " ".join(run("replay", "--help").out.split())
    assert [name for name in POLICIES if name not in text] == []
