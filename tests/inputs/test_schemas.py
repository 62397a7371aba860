"""Rules within one mapping, through the messages they give."""

import re
from difflib import get_close_matches
from typing import Any

import pytest

from heteroplan.errors import MOST_NOTED, MOST_SHOWN
from heteroplan.inputs.checks import schema_problems
from heteroplan.inputs.schemas import FILES
from heteroplan.reading.yaml_source import shortened
from heteroplan.text import wrong_name
from tests.scenario_files import ScenarioFiles, divided, engine

LABEL = (
    "not an RFC 1123 label; use lower-case letters, digits and -, at most 63, "
    "beginning and ending with a letter or digit"
)
HEADROOM = "Share added to the demand, 0.1 or 10%; from 2 upwards only with %"
NUMBER = "not a number; write one without quotes"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "Chat_70B"}, f"name: Chat_70B: {LABEL}"),
        ({"name": "x" * 64}, f"name: {'x' * 57}...: {LABEL}"),
        ({"name": "chat\n"}, f'name: "chat\\n": {LABEL}'),
        ({"name": 7}, "name: 7: not text; write it in quotes (Name of the workload)"),
        ({"headrom": 0.1}, "headrom: 0.1: unknown key; did you mean 'headroom'?"),
        ({"model": None}, "model: missing; add it (Model; its name in the profile)"),
        (
            {"team": "=1+1"},
            "team: =1+1: begins with =, which makes it a formula in a spreadsheet; rename it",
        ),
        ({"affinity": "rack"}, "affinity: rack: must be 'leaf', 'spine' or 'cluster'"),
        ({"priority": 0}, "priority: 0: must be at least 1 (1 is served first)"),
        (
            {"priority": 1.5},
            "priority: 1.5: not a whole number; write one without quotes (1 is served first)",
        ),
        ({"headroom": "0.1"}, f"headroom: 0.1: {NUMBER} ({HEADROOM})"),
        (
            {"headroom": 10},
            "headroom: 10: 10 is 1000 %; write 0.1 for 10 %, or 1000% if that is meant",
        ),
        ({"headroom": "10001%"}, f"headroom: 10001%: must be at most 100 ({HEADROOM})"),
        ({"kv_transfer": "10%"}, "kv_transfer: 10%: must be 'all' or 'missed'"),
        ({"headroom": True}, f"headroom: true: {NUMBER} ({HEADROOM})"),
        (
            {"headroom": float("inf")},
            f"headroom: Infinity: not a finite number ({HEADROOM})",
        ),
        (
            {"slo": 5},
            "slo: 5: not a mapping; write {key: value} or `key: value` lines (Latency targets)",
        ),
        ({"pd_ratio": {"min": 2, "max": 1}}, "pd_ratio.max: 1: below min; swap them"),
        (
            {"min_replicas": {"prefill": 3}, "max_replicas": {"prefill": 2}},
            'max_replicas: {"prefill": 2}: prefill: 2 is below min_replicas 3',
        ),
        (
            {"requests": None},
            "classes: give either requests or classes, and one of them only",
        ),
        (
            {"profile": ""},
            'profile: "": empty (Profile file, relative to the scenario\'s folder, or `ready:` and '
            "the name of a ready one)",
        ),
    ],
)
def test_a_workload_says_what_is_wrong(
    change: dict[str, Any], message: str, files: ScenarioFiles
) -> None:
    files.workload.update(change)
    assert f"scenario.yaml: workloads[0].{message}" in files.problems()


def test_thousands_of_unknown_keys_are_not_all_looked_up(
    files: ScenarioFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look-up compares the key with all known ones."""
    looked = []

    def counted(*args: Any, **options: Any) -> list[str]:
        looked.append(args[0])
        return get_close_matches(*args, **options)

    monkeypatch.setattr(schema_problems, "get_close_matches", counted)
    files.scenario |= {f"horizo{i}": 1 for i in range(5000)}
    problems = files.problems()
    assert problems[0] == "scenario.yaml: horizo0: 1: unknown key; did you mean 'horizon'?"
    assert len(problems) == MOST_SHOWN + 1
    assert problems[-1] == "scenario.yaml: and at least 80 more problems, the last one here"
    assert len(looked) <= 2 * MOST_NOTED


def test_a_misspelt_key_is_one_problem(files: ScenarioFiles) -> None:
    """What it should have given is not reported as missing as well; other keys are."""
    files.workload["request"] = files.workload.pop("requests")
    files.workload["modle"] = files.workload.pop("model")
    del files.workload["slo"]
    assert [problem.split(": ")[1] for problem in files.problems()] == [
        "workloads[0].slo",
        "workloads[0].request",
        "workloads[0].modle",
    ]


@pytest.mark.parametrize(
    ("slo", "message"),
    [
        (
            {"ttft_ms": 0, "itl_ms": 6},
            "slo.ttft_ms: 0: must be greater than 0 (Time to first token, queueing included [ms])",
        ),
        (
            {"ttft_ms": 1, "itl_ms": 6, "percentile": 95},
            "slo.percentile: 95: must be less than 1 (Share of requests that meet "
            "TTFT and ITL both; 95 % is 0.95. Default: 0.99)",
        ),
        (
            {"ttft_ms": 1, "itl_ms": 1e-300},
            "slo.itl_ms: 1e-300: closer to 0 than 1e-12; check its unit",
        ),
        (
            {"ttft_ms": 1},
            'slo: {"ttft_ms": 1}: the ITL has no target; give itl_ms or itl_slowdown',
        ),
        (
            {"itl_slowdown": 2},
            'slo: {"itl_slowdown": 2}: the TTFT has no target; give ttft_ms or ttft_slowdown',
        ),
        ({"ttft_ms": 1, "tpot_ms": "x"}, f"slo.tpot_ms: x: {NUMBER} (Inter-token latency [ms])"),
        (
            {"ttft_ms": 1, "itl_ms": 6, "tpot_ms": 6},
            "slo.tpot_ms: 6: the same as 'itl_ms', which is given as well; keep one of them",
        ),
        (
            [{"ttft_ms": 1, "itl_ms": 6}, {"ttft_ms": 0, "itl_ms": 6}],
            "slo[1].ttft_ms: 0: must be greater than 0 (Time to first token, queueing included "
            "[ms])",
        ),
        (
            {"e2e_slowdown": 1},
            "slo.e2e_slowdown: 1: must be greater than 1 (Greatest time to the last token over "
            "that of the same request alone on the same engines)",
        ),
    ],
)
def test_an_slo_says_what_is_wrong(slo: Any, message: str, files: ScenarioFiles) -> None:
    files.workload["slo"] = slo
    assert files.problems() == [f"scenario.yaml: workloads[0].{message}"]


def test_several_slos_judge_requests(files: ScenarioFiles) -> None:
    """One at least; gaps one by one are judged by one SLO only."""
    slo = {"ttft_ms": 1000, "itl_ms": 60}
    files.workload["slo"] = []
    assert len(files.problems()) == 1
    files.workload["slo"] = [slo, slo | {"itl_of": "token"}]
    [problem] = files.problems()
    assert problem.endswith("itl_of: token is for a single SLO; leave it out, or give one SLO")


def test_class_shares_sum_to_1_and_names_differ(files: ScenarioFiles) -> None:
    del files.workload["requests"]
    shape = {"name": "a", "share": 0.5, "isl": 1, "osl": 1}
    files.workload["classes"] = [shape, shape | {"name": "b", "share": 0.4}]
    assert files.problems()[0].endswith("shares sum to 0.9; make them sum to 1")
    files.workload["classes"] = [shape, shape]
    assert files.problems()[0].endswith("two classes have the same name; rename one")


def test_a_prefix_hit_rate_is_below_1(files: ScenarioFiles) -> None:
    files.workload["requests"]["prefix_hit_rate"] = 1.0
    assert files.problems() == [
        "scenario.yaml: workloads[0].requests.prefix_hit_rate: 1.0: must be less than 1 "
        "(Share of the input tokens found in the prefix cache, 0 to below 1)"
    ]


def test_a_scenario_has_a_workload(files: ScenarioFiles) -> None:
    files.scenario["workloads"] = []
    assert files.problems() == [
        "scenario.yaml: workloads: []: too few entries; at least 1 (The models to serve)"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"capacity_rps": None}, "add a prefill block, measurements or capacity_rps"),
        (
            {"measurements": "m.csv"},
            "measurements and figures are both given; keep one of them",
        ),
        (
            {"decode": {"base_ms": 1, "ms_per_sequence": 0, "ms_per_context_token": 0}},
            "a prefill engine takes no decode block; remove it",
        ),
    ],
)
def test_an_engine_has_the_figures_of_its_role(
    change: dict[str, Any], message: str, files: ScenarioFiles
) -> None:
    files.profile["engines"][0] = engine("p", "prefill", **change)
    (problem,) = files.problems()
    assert problem.startswith("profile.yaml: engines[0]: {")
    assert problem.endswith(message)


PART = {"name": "attention", "gpu": "H100-SXM-80GB", "gpus": 4, "capacity_rps": 10}


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (engine("d", "decode", gpu=None), ".gpu: missing; add it, or parts that have one each"),
        (engine("d", "decode", gpus=None), ".gpus: missing; add it, or parts that have one each"),
        (
            divided("d", "decode", gpus=8),
            ".gpus: 8: the engine has parts, which have one each; remove it",
        ),
        (
            divided("d", "decode", capacity_rps=8),
            ": a divided engine takes no capacity_rps; its parts give capacity_rps",
        ),
        (
            divided("d", "decode", kv_tokens=8),
            ": a divided engine takes no kv_tokens; its parts give capacity_rps",
        ),
        (
            divided("d", "aggregated"),
            ".parts: an aggregated engine has no parts; make it prefill and decode",
        ),
        (
            divided("d", "decode", parts=[PART]),
            ".parts: too few entries; at least 2 (The two parts of a divided engine, on one leaf; "
            "the part with the KV cache first)",
        ),
        (
            divided("d", "decode", parts=[PART, PART]),
            ".parts: both parts have the same name; rename one",
        ),
        (
            divided("d" * 60, "decode"),
            ".parts: engine and part names joined by - have more than 63 characters; shorten them",
        ),
        (
            divided("d", "decode", part_ratio={"min": 2, "max": 1}),
            ".part_ratio.max: 1: below min; swap them",
        ),
        (
            engine("d", "decode", part_ratio={"min": 1, "max": 2}),
            ".part_ratio: the engine has no parts; remove it or add them",
        ),
        (
            divided("d", "decode", parts=[PART, {"name": "ffn", "gpu": "L4-24GB", "gpus": 1}]),
            ".parts[1].capacity_rps: missing; add it (Rate that one replica serves at the SLO "
            "[requests/s])",
        ),
    ],
)
def test_a_divided_engine_says_what_is_wrong(
    written: dict[str, Any], message: str, files: ScenarioFiles
) -> None:
    files.profile["engines"][1] = written
    (problem,) = files.problems()
    field, _, remedy = message.partition(": ")
    assert problem.startswith(f"profile.yaml: engines[1]{field}: ")
    assert problem.endswith(f": {remedy}")


def test_a_misspelt_gpu_is_one_problem(files: ScenarioFiles) -> None:
    files.profile["engines"][1]["gpuss"] = files.profile["engines"][1].pop("gpus")
    assert files.problems() == [
        "profile.yaml: engines[1].gpuss: 4: unknown key; did you mean 'gpus'?"
    ]


def test_a_profile_says_what_is_wrong(files: ScenarioFiles) -> None:
    nothing = {"overhead_ms": 0, "ms_per_token": 0}
    files.profile["engines"] = [
        engine("p", "prefill", prefill=nothing, startup_s=-1),
        engine("d", "decode", range={"batch": [64, 1]}, source={"kind": "guessed", "form": "x"}),
    ]
    assert files.problems() == [
        'profile.yaml: engines[0].prefill: {"overhead_ms": 0, "ms_per_token": 0}: '
        "all coefficients are 0; give measured ones",
        "profile.yaml: engines[0].startup_s: -1: must be at least 0 "
        "(Time from requesting a replica to its first request [s])",
        "profile.yaml: engines[1].range.batch: [64, 1]: the low end is above the high end; "
        "swap them",
        "profile.yaml: engines[1].source.kind: guessed: must be 'measured', 'fitted', "
        "'interpolated', 'modelled' or 'given'",
        "profile.yaml: engines[1].source.form: x: unknown key; did you mean 'from'?",
    ]


def test_a_fleet_has_a_network_or_nodes(files: ScenarioFiles) -> None:
    files.fleet["nodes"] = {"h100x8": 2}
    assert files.problems() == [
        'fleet.yaml: nodes: {"h100x8": 2}: give either network or nodes, and one of them only'
    ]


def test_a_key_without_a_value_counts_as_absent(files: ScenarioFiles) -> None:
    files.fleet["unavailable"] = None
    files.workload["pd_ratio"] = None
    assert files.load().scenario.workloads[0].pd_ratio is None


@pytest.mark.parametrize("kind", FILES)
def test_every_field_of_a_published_schema_is_described(kind: str) -> None:
    schema = FILES[kind].model_json_schema()
    for part in (schema, *schema.get("$defs", {}).values()):
        for name, field in part["properties"].items():
            assert "description" in field or "$ref" in field, (part["title"], name)


@pytest.mark.parametrize(
    ("written", "meant"), [("10%", 0.1), ("12.5 %", 0.125), ("1000%", 10), (1.99, 1.99), (0, 0)]
)
def test_a_share_may_be_written_with_percent(
    written: Any, meant: float, files: ScenarioFiles
) -> None:
    files.workload["headroom"] = written
    files.workload["slo"]["percentile"] = "95%"
    (workload,) = files.load().scenario.workloads
    assert (workload.headroom, workload.slo.percentile) == (meant, 0.95)


def test_the_published_schema_says_what_a_share_may_be() -> None:
    parts = FILES["scenario"].model_json_schema()["$defs"]
    number, text = parts["WorkloadSpec"]["properties"]["headroom"]["anyOf"]
    assert number == {"type": "number", "minimum": 0, "exclusiveMaximum": 2}
    assert text["type"] == "string"
    assert [bool(re.search(text["pattern"], each)) for each in ("1000%", "0.5 %", "1", "-1%")] == [
        True, True, False, False,
    ]  # fmt: skip
    growth = FILES["offers"].model_json_schema()["$defs"]["GrowthSpec"]["properties"]["per_month"]
    assert re.search(growth["anyOf"][1]["pattern"], "-1%")
    percentile, *_ = parts["SloSpec"]["properties"]["percentile"]["anyOf"]
    assert percentile == {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}


def test_a_factor_written_as_a_share_is_told_what_to_write(files: ScenarioFiles) -> None:
    files.workload["demand"] = {"trace": "x", "growth": "20%", "trend": "5 %"}
    assert files.problems() == [
        "scenario.yaml: workloads[0].demand.growth: 20%: not a factor; write 1.2 for 20% more",
        "scenario.yaml: workloads[0].demand.trend: 5 %: not a factor; write 1.05 for 5 % more",
    ]


@pytest.mark.parametrize("name", ["=1+1", "a\x7f", "a\u202e", " a", "+", "a\x85b"])
def test_a_name_is_checked_where_it_is_given(name: str, files: ScenarioFiles) -> None:
    """As plan.json checks it."""
    files.scenario["name"] = files.fleet["name"] = name
    shape = files.workload.pop("requests")
    files.workload["classes"] = [{"name": name, "share": 1, **shape}]
    del files.fleet["network"]
    files.fleet["nodes"] = {"h100x8": 2}
    places = (
        "scenario.yaml: name",
        "scenario.yaml: workloads[0].classes[0].name",
        "fleet.yaml: name",
    )
    assert files.problems() == [
        f"{place}: {shortened(name)}: {wrong_name(name)}" for place in places
    ]


def test_where_figures_come_from_is_told_on_one_line(files: ScenarioFiles) -> None:
    files.profile["engines"][0]["source"] = {"kind": "given", "from": "a\x1b[2J"}
    (problem,) = files.problems()
    assert problem.endswith('source.from: "a\\u001b[2J": holds control characters; remove them')
