"""`heteroplan profiles`."""

import json

from heteroplan.entities.workload import Engine, Profile
from heteroplan.inputs import build
from heteroplan.inputs.ready import read_ready, ready_profiles
from heteroplan.inputs.schemas.profile import EngineSpec
from tests.cli.conftest import Run


def test_lists_every_profile_as_scenarios_name_it(run: Run) -> None:
    ended = run("profiles")
    assert (ended.code, ended.err) == (0, "")
    named = [line for line in ended.out.splitlines() if line.startswith("ready:")]
    assert named == [f"ready:{name}" for name in ready_profiles()]
    assert max(map(len, ended.out.splitlines())) <= 80


def test_one_model_on_one_gpu_type(run: Run) -> None:
    lines = run("profiles", "--model", "llama-3.1-70b", "--gpu", "A100-SXM-80GB").out.splitlines()
    assert [line.split() for line in lines[:4]] == [
        ["ready:llama-3.1-70b"],
        ["GPU", "role", "GPUs", "range", "error", "source"],
        ["A100-SXM-80GB", "prefill", "4", "128-32k", "28", "%", "modelled"],
        ["decode", "4", "1-256", "x", "128-16k", "38", "%", "modelled"],
    ]


def test_json_holds_every_engine_with_all_its_figures(run: Run) -> None:
    document = json.loads(run("profiles", "--json").out)
    assert document["schema_version"] == 1
    assert [each["name"] for each in document["profiles"]] == [
        f"ready:{name}" for name in ready_profiles()
    ]
    shown = tuple(
        Profile(
            each["model"],
            each["kv_bytes_per_token"],
            tuple(engine for entry in each["engines"] for engine in parsed(entry)),
        )
        for each in document["profiles"]
    )
    assert shown == read_ready()


def parsed(entry: object) -> tuple[Engine, ...]:
    """The engine of an entry, which a profile file would take."""
    return build.engines(EngineSpec.model_validate(entry))


def test_unknown_names_end_with_2_and_what_comes_close(run: Run) -> None:
    ended = run("profiles", "--model", "lama-3.1-70b")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("Error: --model lama-3.1-70b: ")
    assert "did you mean llama-3.1-70b" in ended.err
    ended = run("profiles", "--gpu", "H100")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.endswith("did you mean H100-SXM-80GB?\n")
