import json

from heteroplan.outputs.exporters import EXPORTERS, ExportOptions
from heteroplan.outputs.plan_json import document_of
from tests.plans import day_scenario, horizon, plan, pool


def test_only_changes_are_listed():
    """1 1 3 at hours 0 to 2: changes at 00:00 and 02:00."""
    made = plan(day_scenario(horizon(3), startup_s=60), [pool([1, 1, 3])])
    schedule = json.loads(EXPORTERS["json"](document_of(made), ExportOptions()))
    (only,) = schedule["pools"]
    assert only["startup_s"] == 60
    assert only["changes"] == [
        {"at": "2026-11-23T00:00:00+00:00", "replicas": 1},
        {"at": "2026-11-23T02:00:00+00:00", "replicas": 3},
    ]


def test_no_pools_is_still_json():
    made = document_of(plan(day_scenario(horizon(3)), []))
    assert json.loads(EXPORTERS["json"](made, ExportOptions()))["pools"] == []
