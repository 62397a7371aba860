"""`demand` and `fit`."""

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
import yaml

from tests.cli.conftest import Run
from tests.realdata import DATA, needs_data
from tests.scenario_files import ScenarioFiles

MEASUREMENTS = (
    Path(__file__).resolve().parents[2]
    / "scenarios/quickstart/profiles/measurements/llama-2-70b.csv"
)
TRACE = """arrived_at,num_prefill_tokens,num_decode_tokens
0,100,10
1,300,30
2,100,10
3,300,30
"""


@pytest.fixture
def trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Four requests a second apart, of 200 and 20 tokens on average."""
    monkeypatch.chdir(tmp_path)
    Path("trace.csv").write_text(TRACE)
    return "trace.csv"


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_demand_shows_the_curve(trace: str, run: Run) -> None:
    ended = run("demand", trace, "--interval", "4s", "--start", "2026-11-23T08:00")
    assert (ended.code, ended.err) == (0, "")
    assert "2026-11-23 08:00" in ended.out
    assert "4 requests" in ended.out
    assert "as recorded" in ended.out


def test_demand_writes_what_scenarios_read(trace: str, run: Run) -> None:
    """4 requests in 4 s, doubled; isl 100, 300, 100, 300: a spread of 100 / 200."""
    ended = run(
        "demand", trace, "--interval", "4s", "--start", "2026-11-23T08:00", "--timezone",
        "Asia/Singapore", "--growth", "2", "--max-class-error", "1", "--out", "demand.csv",
        "--out", "demand.html", "--out", "demand.json", "--classes", "classes.csv",
        "--arrivals", "arrivals.csv",
    )  # fmt: skip
    assert ended.code == 0
    (row,) = rows(Path("demand.csv").read_text())
    assert row["interval_start"] == "2026-11-23T08:00:00+08:00"
    assert (row["rps"], row["isl"], row["osl"], row["isl_cv"]) == ("2", "200", "20", "0.5")
    (of_class,) = rows(Path("classes.csv").read_text())
    assert (of_class["class"], of_class["share"], of_class["isl"]) == ("default", "1", "200")
    assert (of_class["osl_cv"], row["osl_cv"]) == ("0.5", "0.5")
    arrivals = rows(Path("arrivals.csv").read_text())
    assert {each["percentile"] for each in arrivals} == {"0.5", "0.9", "0.95", "0.99"}
    assert "plotly" in Path("demand.html").read_text()
    assert json.loads(Path("demand.json").read_text())["rows"][0]["rps"] == 2


ONE_CLASS = ("demand", "trace.csv", "--start", "2026-11-23", "--max-class-error", "1")
FULL = pytest.param(
    "/dev/full",
    marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full"),
)


@pytest.mark.parametrize("other", ["absent/b", FULL, "folder"])
@pytest.mark.parametrize(
    "command",
    [
        (*ONE_CLASS, "--out", "a.csv", "--out"),
        (*ONE_CLASS, "--out", "a.csv", "--classes"),
        (*ONE_CLASS, "--out", "a.csv", "--arrivals"),
        (*ONE_CLASS, "--classes", "a.csv", "--out"),
        ("fit", str(MEASUREMENTS), "--model", "m", "--out", "a.html", "--out"),
    ],
    ids=["curve", "classes", "arrivals", "classes first", "fit"],
)
def test_of_several_outputs_all_are_written_or_none(
    trace: str, run: Run, command: tuple[str, ...], other: str
) -> None:
    Path("folder").mkdir()
    ended = run(*command, other)
    assert (ended.code, ended.out) == (2, "")
    assert f"{other}: cannot be written: " in ended.err
    assert {path.name for path in Path().iterdir()} == {"trace.csv", "folder"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        (*ONE_CLASS, "--out", "a.csv"),
        (*ONE_CLASS, "--out", "a.csv", "--json"),
        (*ONE_CLASS, "--out", "a.csv", "--out", "-"),
        ("fit", str(MEASUREMENTS), "--model", "m", "--out", "a.yaml"),
    ],
    ids=["shown", "json", "out", "fit"],
)
def test_standard_output_is_one_of_the_outputs(
    trace: str, run: Run, command: tuple[str, ...]
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = run(*command, stdout=full)
    assert ended.code == 2
    assert "standard output: cannot be written: No space left on device" in ended.err
    assert {path.name for path in Path().iterdir()} == {"trace.csv"}


def test_demand_on_standard_output_is_csv_and_nothing_else(trace: str, run: Run) -> None:
    ended = run(
        "demand", "-", "--interval", "4s", "--start", "2026-11-23", "--max-class-error", "1",
        "--out", "-", stdin=TRACE,
    )  # fmt: skip
    assert ended.code == 0
    assert [row["rps"] for row in rows(ended.out)] == ["1"]
    assert ended.err.startswith("4 requests\n")


def test_demand_as_json_is_json_and_nothing_else(trace: str, run: Run) -> None:
    ended = run("demand", trace, "--interval", "4s", "--start", "2026-11-23", "--json")
    assert ended.code == 0
    assert json.loads(ended.out)["rows"][0]["rps"] == 1


def test_demand_of_any_table_by_its_columns(trace: str, run: Run) -> None:
    Path("log.csv").write_text("when,in,out\n2026-11-23T08:00:00Z,100,10\n")
    ended = run(
        "demand", "log.csv", "--map", "timestamp=when,isl=in", "--map", "osl=out", "--interval",
        "1s", "--out", "-",
    )  # fmt: skip
    assert [row["isl"] for row in rows(ended.out)] == ["100"]


def test_demand_back_tests(run: Run, tmp_path: Path) -> None:
    """Equal days are covered."""
    stamps = [f"2026-11-{day:02d}T{hour:02d}:00,5" for day in range(2, 12) for hour in range(24)]
    (tmp_path / "d.csv").write_text("\n".join(["interval_start,rps", *stamps]))
    ended = run(
        "demand", str(tmp_path / "d.csv"), "--interval", "1h", "--backtest", "--holdback", "4",
        "--json",
    )  # fmt: skip
    found = json.loads(ended.out)["backtest"]
    assert (found["trained_days"], found["coverage_by_day"]) == (6, [1, 1, 1, 1])
    assert found["measures"][0]["planned_over_true"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--interval", "7"], "Invalid value for '--interval'"),
        (["--interval", "7s"], "an interval of 7 s does not divide the day"),
        (["--start", "noon"], "'noon' is no moment; write for example 2026-11-23T06:00"),
        (["--date", "noon"], "'noon' is no date; write for example 2026-11-23"),
        (["--timezone", "Mars"], "unknown time zone 'Mars'"),
        (["--growth", "20%"], "'20%' is not a number; write 1.2 for 20% more"),
        (["--quantile", "p95"], "'p95' is not a number; write 0.1 for 10 %"),
        (["--out", ""], "the name is empty; name a file"),
        (["--map", "x"], "'x' is not NAME=COLUMN,..., such as timestamp=ts,isl=prompt_tokens"),
        (["--growth", "0"], "growth 0 is not above 0"),
        (["--date", "9999-12-31"], "'9999-12-31' is no date"),
        (["--out", "trace.csv"], "trace.csv is one of the traces; name another file"),
        (["--out", "a.csv", "--classes", "./a.csv"], "./a.csv is to be written twice"),
        (["--out", "-", "--json"], "- is to be written twice"),
        (["--format", "csv"], "known are azure, vidur"),
        (["--events", "absent.yaml"], "absent.yaml: no such file"),
        (["--out", "absent/demand.csv"], "absent/demand.csv: cannot be written"),
    ],
)
def test_wrong_demand_options_end_with_2(
    trace: str, run: Run, options: list[str], message: str
) -> None:
    ended = run("demand", trace, "--start", "2026-11-23", *options)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_demand_lists_every_problem_of_a_trace(trace: str, run: Run) -> None:
    Path(trace).write_text(TRACE + "4,x,10\n5,100,-1\n")
    ended = run("demand", trace, "--start", "2026-11-23")
    assert ended.code == 2
    assert "trace.csv:6: num_prefill_tokens: x" in ended.err
    assert "trace.csv:7: num_decode_tokens: -1" in ended.err


@needs_data
def test_two_copies_of_a_trace_give_one_curve_and_the_same_classes(
    run: Run, tmp_path: Path
) -> None:
    """The vidur file holds the Azure file's requests by seconds since the first."""
    azure, vidur = (
        run("demand", str(DATA / "traces" / name), "--start", "2026-11-23T06:00", "--interval",
            "5min", "--classes", str(tmp_path / "classes.csv"), "--out", "-").out
        + (tmp_path / "classes.csv").read_text()
        for name in ("azure_llm_2023_code.csv", "vidur_splitwise_code.csv")
    )  # fmt: skip
    assert azure == vidur
    assert len(rows(azure)) > 9


def test_fit_shows_errors_and_ranges(run: Run) -> None:
    ended = run("fit", str(MEASUREMENTS), "--gpu", "H100-SXM-80GB", "--tp", "4")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split()[2] for line in ended.out.splitlines()[1:3]] == ["prefill", "decode"]
    assert "128-8192" in ended.out


def test_fit_writes_a_profile_that_plan_takes(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped profile's coefficients come back from the shipped measurements."""
    monkeypatch.chdir(tmp_path)
    ended = run(
        "fit", str(MEASUREMENTS), "--tp", "4", "--tokens", "512:2048", "--model", "llama-2-70b",
        "--kv-tokens", "516000", "--kv-tokens", "A100-SXM-80GB:4=400000",
        "--kv-bytes-per-token", "327680", "--startup-s", "180", "--drain-s", "30",
        "--out", "profile.yaml",
    )  # fmt: skip
    assert (ended.code, ended.err) == (0, "Wrote profile.yaml.\n")
    assert "H100-SXM-80GB" in ended.out
    profile = yaml.safe_load(Path("profile.yaml").read_text())
    shipped = yaml.safe_load((MEASUREMENTS.parents[1] / "llama-2-70b.yaml").read_text())
    engines, known = ({e["name"]: e for e in each["engines"]} for each in (profile, shipped))
    assert profile["kv_bytes_per_token"] == 327680
    assert engines["h100-tp4-prefill"]["prefill"] == known["h100-tp4-prefill"]["prefill"]
    assert engines["h100-tp4-decode"]["decode"] == known["h100-tp4-decode"]["decode"]
    assert engines["h100-tp4-decode"]["kv_tokens"] == 516000
    assert engines["a100-tp4-decode"]["kv_tokens"] == 400000
    assert {(e["startup_s"], e["drain_s"]) for e in engines.values()} == {(180, 30)}


def test_fit_says_what_a_profile_takes_for_free(run: Run, tmp_path: Path) -> None:
    """On stderr as in the file."""
    out = tmp_path / "profile.yaml"
    ended = run("fit", str(MEASUREMENTS), "--tp", "4", "--model", "m", "--kv-tokens",
                "H100-SXM-80GB:4=516000", "--startup-s", "180", "--out", str(out))  # fmt: skip
    assert ended.code == 0
    first, *notes = ended.err.splitlines()
    assert first == f"Wrote {out}."
    assert [line[:33] for line in notes] == [
        "no drain time: GPUs are free at o",
        "no KV memory limit for a100-tp4-d",
        "no KV transfer limit (kv_bytes_pe",
    ]
    top = out.read_text().splitlines()
    assert [line.removeprefix("# ") for line in top[:3]] == notes


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--out", "p.yaml"], "--out needs --model"),
        (["--gpu", "L4-24GB"], "nothing to fit; measured are A100-SXM-80GB x2"),
        (["--tokens", "1:2", "--gpu", "H100-SXM-80GB", "--batch", "3:3"], "widen the range"),
        (["--tokens", "2048"], "'2048' is not LOW:HIGH, such as 512:2048"),
        (["--batch", "9:1"], "'9:1' is not LOW:HIGH"),
        (["--kv-tokens", "H100=5"], "'H100=5' is not TOKENS or GPU:TP=TOKENS"),
        (
            ["--model", "m", "--out", "p.yaml", "--kv-tokens", "L4-24GB:1=5"],
            "--kv-tokens L4-24GB:1: decode engines are A100-SXM-80GB:2",
        ),
        (["--startup-s", "-1"], "Invalid value for '--startup-s'"),
        (["--format", "csv"], "known are heteroplan, splitwise"),
    ],
)
def test_wrong_fit_options_end_with_2(run: Run, options: list[str], message: str) -> None:
    ended = run("fit", str(MEASUREMENTS), *options)
    assert ended.code == 2
    assert message in ended.err


def test_what_may_be_held_is_an_option(trace: str, run: Run) -> None:
    """A rule of both commands."""
    Path("trace.csv.gz").write_bytes(gzip.compress(TRACE.encode() + b"\n" * 200_000))
    for found, *command in (
        ("takes in memory", "fit", str(MEASUREMENTS)),
        ("unpacks to", "demand", "trace.csv.gz", "--start", "2026-11-23"),
    ):
        ended = run(*command, "--max-bytes", "16KiB")
        assert (ended.code, ended.out) == (2, "")
        assert f": {found} more than " in ended.err
        assert ended.err.endswith("; split it, or allow more with --max-bytes\n")
        assert run(*command, "--max-bytes", "1 GiB").code == 0
        wrong = run(*command, "--max-bytes", "1_0")
        assert wrong.code == 2
        assert "no number of bytes; write for example 2GiB" in " ".join(wrong.err.split())


def test_a_profile_of_many_files_is_one_that_validate_takes(run: Run, files: ScenarioFiles) -> None:
    """The names of twenty files are longer than an origin may be."""
    names = [f"{i:02}-{'long' * 20}.csv" for i in range(20)]
    for name in names:
        Path(name).write_bytes(MEASUREMENTS.read_bytes())
    ended = run(
        "fit", *names, "--gpu", "H100-SXM-80GB", "--tp", "4", "--model", "llama",
        "--kv-tokens", "480000", "--out", "profile.yaml",
    )  # fmt: skip
    assert ended.code == 0
    assert " and 9 more" in Path("profile.yaml").read_text()
    assert run("validate", "scenario.yaml").code == 0


@needs_data
def test_notes_on_what_was_left_out_go_to_stderr(run: Run) -> None:
    ended = run("fit", str(DATA / "perf" / "splitwise_sim_perf_model_llama2-70b.csv"))
    assert ended.code == 0
    assert "left out 315 rows of power-capped hardware" in ended.err
    assert "left out 315" not in ended.out


@needs_data
def test_a_profile_of_dynamos_profiler_knows_its_kv_cache(run: Run) -> None:
    """Two files, one a phase; what they hold is limited by the KV cache that they state."""
    files = [
        str(DATA / "perf" / f"dynamo_H200_TP1P_TP1D_{phase}_raw_data.npz")
        for phase in ("prefill", "decode")
    ]
    ended = run("fit", *files)
    assert ended.code == 2
    assert "give --gpu (its GPU type) and --tp (its GPUs)" in ended.err
    ended = run("fit", *files, "--gpu", "H200-SXM-141GB", "--tp", "1", "--model", "m", "--out", "-")
    assert ended.code == 0
    prefill, decode = yaml.safe_load(ended.out)["engines"]
    assert (prefill["role"], decode["role"]) == ("prefill", "decode")
    assert decode["kv_tokens"] == 945_029
    assert "KV memory limit" not in ended.err


@needs_data
def test_two_models_are_not_fitted_as_one(run: Run) -> None:
    files = (
        "splitwise_sim_perf_model_llama2-70b.csv",
        "distserve_profiler-a100-80g.distserve.json",
    )
    paths = [str(DATA / "perf" / name) for name in files]
    ended = run("fit", *paths, "--model", "facebook/opt-66b", "--gpu", "A100-SXM-80GB", "--tp", "4")
    assert ended.code == 2
    assert "is of facebook/opt-66b, another file of llama2-70b" in ended.err


@needs_data
def test_without_a_name_every_model_is_fitted_by_itself(run: Run) -> None:
    files = (
        "aiconfigurator_modelled_pd_qwen3-32b.csv",
        "splitwise_sim_perf_model_llama2-70b.csv",
    )
    paths = [str(DATA / "perf" / name) for name in files]
    ended = run("fit", *paths, "--gpu", "H100-SXM-80GB", "--tp", "4")
    assert ended.code == 0
    told = ended.out.splitlines()
    assert told[0] == "Qwen/Qwen3-32B"
    assert "llama2-70b" in told
    assert "h100-tp4-prefill-qwen-qwen3-32b" in ended.out
    assert "Qwen/Qwen3-32B: left out 25 rows" in ended.err


def test_a_model_of_which_nothing_can_be_fitted_leaves_the_others(run: Run, tmp_path: Path) -> None:
    result = {
        "completed": 10, "total_input_tokens": 10_000, "total_output_tokens": 2_000,
        "mean_ttft_ms": 50.0, "mean_tpot_ms": 9.0, "gpu": "H100-SXM-80GB",
        "tensor_parallel_size": 4,
    }  # fmt: skip
    lines = [
        {**result, "model_id": model, "request_throughput": rate}
        for model, rates in (("many", (1.0, 2.0, 3.0)), ("few", (1.0,)))
        for rate in rates
    ]
    path = tmp_path / "bench.jsonl"
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    ended = run("fit", str(path))
    assert ended.code == 0
    assert ended.out.startswith("many\n")
    assert "bench.jsonl: few: 1 engines have fewer than 3 runs and are not fitted" in ended.err
    ended = run("fit", str(path), "--model", "fw")
    assert ended.code == 2
    assert "fw: holds few, many; name one: --model" in ended.err


def test_problems_of_all_measurement_files_come_at_once(run: Run, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("gpu,gpus,phase\n")
    ended = run("fit", str(tmp_path / "a.csv"), str(tmp_path / "b.csv"))
    assert ended.code == 2
    assert "a.csv" in ended.err
    assert "b.csv" in ended.err


def test_fit_tells_what_one_replica_serves(run: Run) -> None:
    """On H100 x4 decode the shipped measurements reach 64 sequences, not the ITL of 60 ms."""
    asked = ("--isl", "1000", "--osl", "200", "--ttft-ms", "1000", "--itl-ms", "60")
    engine = ("--gpu", "H100-SXM-80GB", "--tp", "4")
    ended = run("fit", str(MEASUREMENTS), *engine, *asked)
    assert ended.code == 0
    told = ended.out.splitlines()
    served = "one replica, 1000 tokens in, 200 out, cv 1"
    assert f"{served}, P99 of TTFT 1000 ms and ITL 60 ms:" in told
    assert [line.split()[-1] for line in told[-2:]] == ["ttft", "range"]
    median = run("fit", str(MEASUREMENTS), *engine, *asked, "--percentile", "0.5").out.splitlines()
    assert float(median[-1].split()[1]) > float(told[-1].split()[1])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--isl", "1000"), "--isl and --osl are given together"),
        (("--ttft-ms", "1000"), "also needs --isl and --osl, --itl-ms"),
        (
            ("--isl", "1", "--osl", "1", "--ttft-ms", "1", "--itl-ms", "1", "--percentile", "95"),
            "--percentile 95: must lie between 0 and 1",
        ),
        (("--percentile", "100%"), "must lie between 0 and 1"),
    ],
)
def test_half_a_question_ends_with_2(run: Run, options: tuple[str, ...], message: str) -> None:
    ended = run("fit", str(MEASUREMENTS), *options)
    assert ended.code == 2
    assert message in ended.err


GATEWAY = """ts,model,prompt,answer
2026-11-23T08:00:00+02:00,chat-70b,100,10
2026-11-23T08:00:01+02:00,code-34b,300,30
2026-11-23T08:00:02+02:00,chat-70b,100,10
2026-11-23T08:00:03+02:00,chat-8b,300,30
"""
_MAPPED = ("--map", "timestamp=ts,isl=prompt,osl=answer", "--interval", "4s", "--quantile", "none")


def test_demand_of_one_model_of_a_gateway(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2 requests of chat-70b in 4 s, 3 with those of chat-8b."""
    monkeypatch.chdir(tmp_path)
    Path("gateway.csv").write_text(GATEWAY)
    for models, rps, isl in ((["chat-70b"], "0.5", "100"), (["chat-70b", "chat-8b"], "0.75", None)):
        where = [part for model in models for part in ("--where", f"model={model}")]
        ended = run("demand", "gateway.csv", *_MAPPED, *where, "--out", "demand.csv")
        assert (ended.code, ended.err) == (0, "Wrote demand.csv.\n")
        (row,) = rows(Path("demand.csv").read_text())
        assert row["rps"] == rps
        assert isl is None or row["isl"] == isl
        assert f"have model={' or '.join(models)}; the others are left" in " ".join(
            ended.out.split()
        )
    refused = run("demand", "gateway.csv", *_MAPPED, "--where", "model")
    assert refused.code == 2
    assert "'model' is not COLUMN=VALUE, such as model=chat-70b" in refused.err


def test_demand_says_when_stamps_carry_another_offset(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("gateway.csv").write_text(GATEWAY)
    told = "stamps carry +02:00, but days and weekdays are those of UTC"
    assert told in " ".join(run("demand", "gateway.csv", *_MAPPED).out.split())
    given = run("demand", "gateway.csv", *_MAPPED, "--timezone", "UTC").out
    assert told not in " ".join(given.split())
