import json
from dataclasses import replace
from typing import Any

import pytest

from heteroplan.outputs.plan.document.parts import document_text
from heteroplan.outputs.replay.document import ReplayDocument, document_of
from heteroplan.pipelines.schema import schema
from heteroplan.simulation.results import Attainment, ClassAttainment, Replay
from tests.replays import NOTHING, day, intervals, policy, replay

TABLE = intervals([[1000, 0]], [[900, 0]], capacity_rps=10 / 3)
MADE = replay(
    [
        policy(
            "plan",
            TABLE,
            saved_fraction=1 / 3,
            rejected={"too long": 7},
            unfinished=3,
            options={"period_s": 15.0, "metric": "busy"},
            notes=("n",),
        )
    ],
    notes=("drawn",),
)


def written(of: Replay) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(document_text(document_of(of)))
    return fields


def test_fields_are_those_that_scripts_rely_on() -> None:
    found = written(MADE)
    assert (found["schema_version"], found["scenario"]) == (1, "quickstart")
    assert (found["requests"], found["seconds"], found["seed"]) == (1010, 0.5, 7)
    assert found["requests_per_s"] == 2020.0
    (of,) = found["policies"]
    assert of["policy"] == "plan"
    assert (of["gpu_hours"], of["cost_usd"]) == (100.0, 250.0)
    assert of["attainment"] == {"ttft": 0.9, "itl": 1.0, "both": round(900 / 1010, 9)}
    assert of["intervals_met"] == 0.0
    assert of["finished"] + sum(of["rejected"].values()) + of["unfinished"] == found["requests"]
    assert of["utilization"] == {"prefill": 0.61, "decode": 0.55}
    for kind in ("ttft_ms", "itl_ms", "e2e_ms"):
        assert list(of[kind]) == ["p50", "p90", "p95", "p99"]
    assert of["options"] == {"period_s": 15.0, "metric": "busy"}
    assert (of["notes"], found["notes"]) == (["n"], ["drawn"])


def test_numbers_have_nine_digits() -> None:
    (of,) = written(MADE)["policies"]
    assert of["saved_fraction"] == 0.333333333
    assert of["workloads"][0]["capacity_rps"] == [3.33333333, 3.33333333]


def test_intervals_are_columns_by_workload_and_null_where_nothing_finished() -> None:
    found = written(MADE)
    assert found["horizon"]["start"] == "2026-11-23T00:00:00+08:00"
    assert found["horizon"]["intervals"] == 2
    assert found["workloads"][0]["planned_rps"] == [5.0, 5.0]
    (rows,) = found["policies"][0]["workloads"]
    assert rows["name"] == "chat"
    assert rows["requests"] == [1000, 0]
    assert rows["ttft_percentile_ms"] == [400.0, None]


def test_what_is_not_known_is_null() -> None:
    (of,) = MADE.policies
    unknown = replace(
        of, ttft_ms=NOTHING, attainment=Attainment(float("nan"), float("nan"), 0.0),
        saved_fraction=None,
    )  # fmt: skip
    (found,) = written(replace(MADE, policies=(unknown,)))["policies"]
    assert found["ttft_ms"] == dict.fromkeys(("p50", "p90", "p95", "p99"))
    assert found["attainment"] == {"ttft": None, "itl": None, "both": 0.0}
    assert found["saved_fraction"] is None


def test_the_same_replay_is_the_same_text_and_reads_back() -> None:
    made, _ = day(policies=2)
    text = document_text(document_of(made))
    assert text == document_text(document_of(made))
    assert ReplayDocument.model_validate_json(text) == document_of(made)


@pytest.mark.parametrize("field", ["policies", "workloads", "requests_per_s"])
def test_the_schema_has_the_fields(field: str) -> None:
    assert field in json.loads(schema("replay"))["required"]


def test_several_slos_are_numbered_and_one_is_not() -> None:
    several = (ClassAttainment(0, "", 0.5, 10, 9), ClassAttainment(0, "", 0.9, 10, 9, item=1))
    by_class = (ClassAttainment(0, "a", 0.5, 10, 9),)
    found = written(
        replay([replace(policy("plan", TABLE), classes=of) for of in (several, by_class)])
    )
    first, second = (each["classes"] for each in found["policies"])
    assert [(each["name"], each["slo"]) for each in first] == [("all", 1), ("all", 2)]
    assert [(each["name"], "slo" in each) for each in second] == [("a", False)]
