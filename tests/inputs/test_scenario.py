import gzip
import io
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.entities.workload import SourceKind
from heteroplan.errors import InputError
from heteroplan.inputs import load, scenario
from tests.realdata import DATA, needs_data
from tests.scenario_files import ScenarioFiles, engine

MEASUREMENTS = "gpu,gpus,phase,batch,tokens,context,latency_ms,source\n" + "".join(
    f"H100-SXM-80GB,4,decode,{batch},1,{context},"
    f"{20 + 0.1 * batch + 1e-4 * batch * context},measured\n"
    for batch in (1, 8, 32, 64)
    for context in (512, 1024, 2048)
)


def messages(scenario: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(scenario)
    return [str(problem) for problem in caught.value.problems]


def test_a_folder_a_file_and_standard_input_are_the_same_scenario(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = (files.write() / "scenario.yaml").read_bytes()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    assert load(".") == load("scenario.yaml") == load(str(files.folder)) == load("-")


def test_candidates_are_every_engine_of_every_workload(files: ScenarioFiles) -> None:
    other = files.workload | {"name": "code"}
    files.scenario["workloads"].append(other)
    assert [(each.workload, each.engine.name) for each in files.load().candidates] == [
        ("chat", "p"),
        ("chat", "d"),
        ("code", "p"),
        ("code", "d"),
    ]


def test_overrides_change_the_scenario_and_its_hash(files: ScenarioFiles) -> None:
    plain = files.load().scenario
    changed = files.load("workloads.chat.headroom=0.5").scenario
    assert changed.workloads[0].demand[0].rps == 1.5 * plain.workloads[0].demand[0].rps
    finer = files.load("horizon.intervals=4", interval="30min").scenario
    assert finer.horizon.interval_s == 1800
    assert [interval.rps for interval in finer.workloads[0].demand] == [5, 5, 8, 8]
    assert len({plain.inputs_sha256, changed.inputs_sha256, finer.inputs_sha256}) == 3
    assert plain.inputs_sha256 == files.load().scenario.inputs_sha256
    files.demand += "\n"
    assert plain.inputs_sha256 != files.load().scenario.inputs_sha256


def test_an_unknown_override_is_a_problem_of_the_option(files: ScenarioFiles) -> None:
    assert files.problems("workloads[0].headrom=1", interval="fast") == [
        "--interval: horizon.interval: fast: not a duration; write a whole number and s, min, h "
        "or d, such as 15min",
        "--set: workloads[0].headrom: 1: unknown key; did you mean 'headroom'?",
    ]


def test_an_override_reaches_into_the_fleet(files: ScenarioFiles) -> None:
    """Two nodes of 8 H100 become five, at another price; the file of the fleet stays as it is."""
    plain = files.load().scenario
    changed = files.load("fleet.l1.h100x8=5", "fleet.node_types.h100x8.usd_per_gpu_hour=2.1")
    assert plain.fleet.network.leaves[0].nodes == {"h100x8": 2}
    assert changed.scenario.fleet.network.leaves[0].nodes == {"h100x8": 5}
    assert changed.scenario.fleet.node_types[0].usd_per_gpu_hour == 2.1
    assert changed.scenario.inputs_sha256 != plain.inputs_sha256


def test_what_is_wrong_with_an_override_of_the_fleet_names_the_option(files: ScenarioFiles) -> None:
    assert files.problems("fleet.l1.h100x9=1", "fleet.l2.h100x8=1") == [
        "--set: fleet.l2.h100x8=1: the fleet has no field and no leaf l2; there are name, "
        "gpu_types, node_types, network, nodes, bandwidth, unavailable, failures and 2 more; "
        "write for example fleet.node_types.NAME.usd_per_gpu_hour or fleet.LEAF.NODE_TYPE",
        "--set fleet: network[0].spines[0].leaves[0].nodes.h100x9: 1: unknown node type; did you "
        "mean 'h100x8'?",
    ]


def test_measurements_are_fitted_when_loaded(files: ScenarioFiles) -> None:
    """The points follow 20 + 0.1 batch + 0.0001 batch context without error."""
    (files.folder / "m.csv").write_text(MEASUREMENTS)
    files.profile["engines"][1] = engine("d", "decode", capacity_rps=None, measurements="m.csv")
    loaded = files.load()
    fitted = loaded.scenario.workloads[0].profile.engines[1]
    assert fitted.decode is not None
    assert fitted.decode.base_ms == pytest.approx(20)
    assert fitted.decode.ms_per_context_token == pytest.approx(1e-4)
    assert (fitted.source.kind, fitted.source.origin) == (SourceKind.FITTED, "m.csv")
    (files.folder / "m.csv").write_text(MEASUREMENTS + "\n")
    assert files.load().scenario.inputs_sha256 != loaded.scenario.inputs_sha256


def test_a_faster_engine_has_shorter_times_whether_given_or_fitted(files: ScenarioFiles) -> None:
    """Twice as fast: half of 20 ms and of 0.0001 ms, and twice the 10 requests/s of a load test."""
    (files.folder / "m.csv").write_text(MEASUREMENTS)
    times = {"base_ms": 20.0, "ms_per_sequence": 0.1, "ms_per_context_token": 1e-4}
    files.profile["engines"] = [
        engine("p", "prefill", speed_factor=2),
        engine("d", "decode", capacity_rps=None, measurements="m.csv", speed_factor=2),
        engine("g", "decode", capacity_rps=None, decode=times, speed_factor=2),
    ]
    load = files.load().scenario.workloads[0]
    prefill, fitted, given = load.profile.engines
    assert prefill.capacity_rps == 2 * engine("p", "prefill")["capacity_rps"]
    for each in (fitted, given):
        assert each.decode is not None
        assert each.decode.base_ms == pytest.approx(10)
        assert each.decode.ms_per_context_token == pytest.approx(5e-5)


def test_measurements_that_name_no_gpu_are_of_the_engine(files: ScenarioFiles) -> None:
    """Of Dynamo's profiler; it also says what the KV cache of a replica holds."""
    batch, context = (
        np.array(each, dtype=float).ravel() for each in np.meshgrid([1, 4, 16], [500, 2000])
    )
    np.savez(
        files.folder / "raw_data.npz",
        x_kv_usage=batch * context / 100_000,
        y_context_length=context,
        z_itl=20 + 0.1 * batch + 1e-4 * batch * context,
        max_kv_tokens=[100_000],
    )
    measured = engine("d", "decode", capacity_rps=None, measurements="raw_data.npz")
    files.profile["engines"][1] = measured
    fitted = files.load().scenario.workloads[0].profile.engines[1]
    assert fitted.decode is not None
    assert fitted.decode.ms_per_sequence == pytest.approx(0.1)
    assert fitted.kv_tokens == 100_000
    files.profile["engines"][1] = measured | {"kv_tokens": 90_000}
    assert files.load().scenario.workloads[0].profile.engines[1].kv_tokens == 90_000


def test_problems_of_all_files_come_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "s"
    (folder / "profiles").mkdir(parents=True)
    (folder / "scenario.yaml").write_text("""\
name: broken
fleet: fleet.yaml
horizon: {start: 2026-11-23, intervals: 2, interval: 1h, timezone: UTC}
objective: price
workloads:
  - name: chat
    model: llama
    profile: profiles/llama.yaml
    demand: chat.csv
    requests: {isl: 1000, osl: 200}
    slo: {ttft_ms: 1000, itl_ms: sixty}
  - name: code
    model: llama
    profile: profiles/absent.yaml
    demand: chat.csv
    requests: {isl: 1000, osl: 200}
    slo: {ttft_ms: 1000, itl_ms: 60}
""")
    (folder / "fleet.yaml").write_text("""\
name: fleet
node_types:
  - {name: h100x8, gpu: H100, gpus: 8, nic_gbit_per_s: 3200, usd_per_gpu_hour: 2}
nodes: {h100x8: 2}
""")
    (folder / "profiles" / "llama.yaml").write_text("""\
model: llama
engines:
  - {name: p, role: prefill, gpu: H100-SXM-80GB, gpus: 4, measurements: m.csv}
  - {name: d, role: decode, gpu: H100-SXM-80GB, gpus: 0, capacity_rps: 1}
""")
    (folder / "profiles" / "m.csv").write_text("gpu\n")
    (folder / "chat.csv").write_text(
        "interval_start,rps\n2026-11-23T00:00,1\n2026-11-23T01:00,-1\n"
    )
    assert messages("s") == [
        "s/scenario.yaml:4: objective: price: must be 'cost' or 'gpu_hours'",
        "s/scenario.yaml:11: workloads[0].slo.itl_ms: sixty: not a number; write one without "
        "quotes (Inter-token latency [ms])",
        "s/scenario.yaml:14: workloads[1].profile: profiles/absent.yaml: no such file",
        "s/fleet.yaml:3: node_types[0].gpu: H100: unknown GPU type; did you mean H100-PCIE-80GB or "
        "H100-SXM-80GB? Or describe it: gpu_types: [{name: H100, memory_gib: ...}]",
        "s/profiles/llama.yaml:4: engines[1].gpus: 0: must be at least 1 (GPUs per replica)",
        "s/chat.csv:3: rps: -1: must be between 0 and 1e+09",
    ]


def test_problems_of_measurements_come_with_the_others(files: ScenarioFiles) -> None:
    (files.folder / "m.csv").write_text(MEASUREMENTS.replace(",20.15,", ",nan,", 1))
    (files.folder / "none.csv").write_text(MEASUREMENTS.replace("H100-SXM-80GB", "X"))
    files.profile["engines"] = [
        engine("d", "decode", capacity_rps=None, measurements="none.csv"),
        engine("p", "prefill", capacity_rps=None, measurements="absent.csv"),
    ]
    found = files.problems()
    assert found[0].startswith(
        "profile.yaml: engines[0].measurements: none.csv: no decode measurements of "
        "H100-SXM-80GB x4; there are X x4 decode"
    )
    assert found[1] == "profile.yaml: engines[1].measurements: absent.csv: no such file"


def test_measurements_that_unpack_to_too_much_are_for_fit(files: ScenarioFiles) -> None:
    """160 MiB of blanks in 160 kB."""
    (files.folder / "m.csv").write_bytes(gzip.compress(b" " * (160 << 20), 1))
    files.profile["engines"][0] = engine("p", "prefill", capacity_rps=None, measurements="m.csv")
    assert files.problems() == [
        "m.csv: unpacks to more than 128 MiB; split it, or allow more with heteroplan fit "
        "--max-bytes"
    ]


def test_the_count_of_further_problems_comes_last(files: ScenarioFiles) -> None:
    files.demand = "interval_start,rps\n" + "2026-11-23T00:00,x\n" * 30
    assert files.problems()[-1] == "demand.csv: and 39 more problems, the last one here"


def test_a_fleet_that_is_a_profile_is_one_problem(files: ScenarioFiles) -> None:
    files.scenario["fleet"] = "profile.yaml"
    assert files.problems() == [
        "profile.yaml: this looks like a profile file; name a fleet file instead"
    ]


def test_what_is_no_scenario_is_refused(files: ScenarioFiles) -> None:
    assert messages("absent") == ["absent: no such file"]
    assert messages("absent/\0") == ["absent/\\x00: not a path"]
    assert messages(".") == ["scenario.yaml: no such file"]
    files.write()
    (files.folder / "scenario.yaml").write_bytes("name: x".encode("utf-16"))
    assert messages(".") == ["scenario.yaml: not UTF-8 text (byte 0); save it as UTF-8"]
    (files.folder / "scenario.yaml").write_bytes(b"")
    assert messages(".") == ["scenario.yaml:1: empty; write `key: value` lines"]


@pytest.mark.parametrize("name", ["scenario.yaml", "fleet.yaml", "profile.yaml", "demand.csv"])
@settings(max_examples=60, deadline=None)
@given(
    junk=st.binary(max_size=40),
    keep=st.integers(0, 400),
)
def test_any_bytes_in_any_file_are_a_scenario_or_an_input_error(
    name: str, junk: bytes, keep: int
) -> None:
    """The file as it should be up to some byte, then anything."""
    with TemporaryDirectory() as folder:
        path = ScenarioFiles(Path(folder)).write() / name
        path.write_bytes(path.read_bytes()[:keep] + junk)
        with suppress(InputError):
            load(folder)


def test_loading_given_capacities_imports_no_heavy_library(files: ScenarioFiles) -> None:
    code = "import sys, heteroplan.inputs as i; i.load(sys.argv[1]); print(*sys.modules)"
    command = [sys.executable, "-c", code, str(files.write())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not {"pandas", "scipy", "numpy", "pulp", "plotly"} & set(done.stdout.split())


@needs_data
@pytest.mark.parametrize(("name", "workloads"), [("small1", 5), ("A1", 50)])
def test_scale_scenarios_load(name: str, workloads: int) -> None:
    loaded = load(str(DATA / "scale" / name))
    assert len(loaded.scenario.workloads) == workloads
    assert all(candidate.usable for candidate in loaded.candidates)


def test_after_many_problems_no_other_workload_is_looked_at(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lacks its profile and its demand: five have ten problems."""
    monkeypatch.setattr(scenario, "ENOUGH", 10)
    files.scenario["workloads"] = [
        files.workload | {"name": f"w{i}", "profile": f"p{i}.yaml", "demand": f"d{i}.csv"}
        for i in range(50)
    ]
    assert len(files.problems()) == 10


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "routing=fastest",
            "routing: fastest: must be one of least_loaded, random, round_robin, shared, or one "
            "of them for each role",
        ),
        ("arrivals.dispersion=0.5", "arrivals.dispersion: 0.5: must be at least 1"),
        (
            "arrivals=3",
            "arrivals: 3: not a mapping; write {key: value} or `key: value` lines (How requests "
            "arrive: poisson, `{dispersion: 5}`, or an arrivals CSV of `heteroplan demand`)",
        ),
    ],
)
def test_what_is_wrong_with_routing_and_arrivals_is_said_once(
    files: ScenarioFiles, override: str, message: str
) -> None:
    assert files.problems(f"workloads.chat.{override}") == [f"--set: workloads[0].{message}"]
