import json
from datetime import datetime
from typing import Any

import pytest

from heteroplan.entities.plan import Plan
from heteroplan.entities.workload import Role
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.schedules.formats import FORMATS, ExportOptions, exported
from tests.plans import day_scenario, horizon, plan, pool


def schedule(made: Plan) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(exported(document_of(made), "json", ExportOptions()))
    return found


def changes(replicas: list[int]) -> dict[int, int]:
    """Hour of the day and replicas of the changes of a pool."""
    made = plan(day_scenario(horizon(len(replicas))), [pool(replicas)])
    (only,) = schedule(made)["pools"]
    return {datetime.fromisoformat(each["at"]).hour: each["replicas"] for each in only["changes"]}


def test_the_schedule_says_all_that_a_deployment_needs() -> None:
    """Midnight in Singapore is 16:00 in UTC, eight hours before."""
    of = day_scenario(horizon(3, timezone="Asia/Singapore"), startup_s=60)
    prefill = pool([1, 1, 3], role=Role.PREFILL, engine_name="h100-tp4-prefill")
    decode = pool([2, 2, 2], engine_name="l40s-tp8-decode", node="l40sx8", gpus=8)
    assert schedule(plan(of, [prefill, decode])) == {
        "scenario": "day",
        "inputs_sha256": "0" * 64,
        "timezone": "Asia/Singapore",
        "cyclic": True,
        "start": "2026-11-23T00:00:00+08:00",
        "end": "2026-11-23T03:00:00+08:00",
        "pools": [
            {
                "workload": "chat-1",
                "role": "prefill",
                "engine": "h100-tp4-prefill",
                "node_type": "h100x8",
                "gpus_per_replica": 4,
                "domain": "a-s1",
                "startup_s": 60,
                "changes": [
                    {"at": "2026-11-23T00:00:00+08:00", "replicas": 1},
                    {"at": "2026-11-23T02:00:00+08:00", "replicas": 3},
                ],
            },
            {
                "workload": "chat-1",
                "role": "decode",
                "engine": "l40s-tp8-decode",
                "node_type": "l40sx8",
                "gpus_per_replica": 8,
                "domain": "a-s1",
                "startup_s": 60,
                "changes": [{"at": "2026-11-23T00:00:00+08:00", "replicas": 2}],
            },
        ],
    }


@pytest.mark.parametrize(
    ("replicas", "wanted"),
    [
        ([1, 1, 3], {0: 1, 2: 3}),
        ([2, 3, 2], {0: 2, 1: 3, 2: 2}),
        ([2, 2, 2], {0: 2}),
        ([0, 1, 0], {0: 0, 1: 1, 2: 0}),
        ([5], {0: 5}),
    ],
)
def test_what_the_first_interval_needs_and_only_changes_after_it(
    replicas: list[int], wanted: dict[int, int]
) -> None:
    """Also where the day ends as it began: who starts from nothing needs the first size."""
    assert changes(replicas) == wanted


def test_no_pools_is_still_json() -> None:
    assert schedule(plan(day_scenario(horizon(3)), []))["pools"] == []


def test_each_field_and_each_pool_stands_on_a_line() -> None:
    """So that a schedule is compared line by line."""
    made = plan(day_scenario(horizon(2)), [pool([1, 2]), pool([3, 3], domain="b-s2")])
    first, *lines, last = exported(document_of(made), "json", ExportOptions()).split("\n")[:-1]
    assert (first, last) == ("{", "}")
    assert lines[:2] == ['  "scenario": "day",', f'  "inputs_sha256": "{"0" * 64}",']
    assert lines[6] == '  "pools": ['
    assert [line[:28] for line in lines[7:9]] == ['    {"workload": "chat-1", "r'[:28]] * 2
    assert lines[9:] == ["  ]"]


def test_formats_are_those_of_their_names() -> None:
    document = document_of(plan(day_scenario(horizon(24)), [pool([1, 2] * 12)]))
    kserve = ExportOptions(
        target_kind="LLMInferenceService", target_api_version="serving.kserve.io/v1alpha2"
    )
    texts = {
        name: exported(document, name, kserve if name == "kserve" else ExportOptions())
        for name in FORMATS
    }
    assert {name: text.split()[0] for name, text in texts.items() if name != "csv"} == {
        "aibrix": "---",
        "cronhpa": "#",
        "crontab": "#",
        "envoy": "#",
        "gpustack": "#",
        "hpa": "#",
        "httproute": "#",
        "json": "{",
        "keda": "---",
        "kserve": "#",
        "kubernetes-cronjob": "#",
        "prometheus": "#",
        "prometheus-text": "#",
        "router": "{",
        "systemd": "#",
    }
    assert texts["csv"].startswith("interval_start,")
