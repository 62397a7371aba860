import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heteroplan.entities.capacity import Candidate, Limit, OperatingPoint
from heteroplan.entities.network import Affinity
from heteroplan.entities.plan import BindingLimit
from heteroplan.entities.workload import Engine, Part, RequestClass
from heteroplan.errors import InputError
from heteroplan.outputs.plan.document import plan_json
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.document.plan_json import plan_text, read_plan
from tests.builders import engine, scenario, workload
from tests.plans import day_scenario, horizon, plan, pool, shown_plan, stay, written

LIMIT = BindingLimit(Affinity.SPINE, "a-s1", "l40sx8", 0, 1, ("decode of chat-1",))
WRITTEN = {"level": "spine", "domain": "s", "node_type": "h", "pools": ["decode of w"]}


def test_fields_are_those_of_the_interface() -> None:
    document = written(shown_plan(short=True))
    assert document["schema_version"] == 2
    assert {"heteroplan_version", "scenario", "inputs_sha256"} < set(document)
    assert document["horizon"]["start"] == "2026-11-23T00:00:00+08:00"
    assert {"termination", "objective", "bound", "gap", "seconds"} <= set(document["solver"])
    assert {"gpu_hours", "cost_usd", "served_fraction", "peak_gpus", "starts"} <= set(
        document["totals"]
    )
    assert set(document["savings"]) == {"static_peak", "static_peak_one_gpu_type", "lower_bound"}
    assert {
        *("workload", "role", "engine", "node_type", "gpus_per_replica"),
        *("domain", "group", "replicas"),
    } <= set(document["pools"][0])
    assert {"name", "demand_rps", "served_rps", "capacity_rps", "pd_ratio"} <= set(
        document["workloads"][0]
    )
    assert set(document["shortages"][0]) == {
        *("workload", "interval", "unserved_rps", "limited_by", "reasons")
    }
    assert {
        *("workload", "engine", "role", "node_type", "gpus_per_replica", "capacity_rps", "batch"),
        *("utilization", "ttft_ms", "itl_ms", "limited_by", "source", "startup_s", "drain_s"),
    } <= set(document["engines"][0])


def test_text_is_json_of_the_document_and_the_same_each_time() -> None:
    made = shown_plan(short=True)
    assert json.loads(plan_text(document_of(made))) == written(made)
    assert plan_text(document_of(made)) == plan_text(document_of(shown_plan(short=True)))
    a, b = (
        plan_text(document_of(replace(made, report=replace(made.report, seconds=s))))
        for s in (1.0, 2.0)
    )
    assert a.replace('"seconds": 1.0', '"seconds": 2.0') == b


def test_numbers_have_nine_digits() -> None:
    """0.1 + 0.2 is 0.30000000000000004 in binary: noise below the digits is not written."""
    made = plan(day_scenario(horizon(1), rps=[0.1 + 0.2]), [pool([1])])
    assert written(made)["workloads"][0]["demand_rps"] == [0.3]


def test_noise_below_zero_is_zero_and_infinity_is_null() -> None:
    point = OperatingPoint(0.0, Limit.TTFT, "too slow", batch=-1e-15, ttft_ms=float("inf"))
    made = Candidate("w", engine(), "h100x8", ((point,),))
    (row,) = written(plan(scenario(), [], considered=[made]))["engines"]
    assert (row["batch"], row["ttft_ms"]) == (0.0, None)


def test_capacity_is_of_the_mix_and_the_point_of_the_busiest_class() -> None:
    """Half at 10/s, half at 5/s: 1 / (0.5/10 + 0.5/5) = 6.666...; the class at 5/s is busiest."""
    classes = [RequestClass("short", 0.5, 100, 10), RequestClass("long", 0.5, 1000, 10)]
    points = (
        OperatingPoint(10.0, Limit.ITL, batch=8.0),
        OperatingPoint(5.0, Limit.KV_MEMORY, batch=4.0),
    )
    of = scenario([workload(rps=[1.0, 2.0], classes=classes)])
    made = Candidate("w", engine(), "h100x8", (points, points))
    (row,) = written(plan(of, [], considered=[made]))["engines"]
    assert row["capacity_rps"] == 6.66666667
    assert (row["request_class"], row["batch"], row["limited_by"]) == ("long", 4.0, "kv_memory")


def test_capacity_that_varies_is_a_list_with_the_point_of_the_busiest_interval() -> None:
    points = tuple((OperatingPoint(rps, Limit.ITL, itl_ms=rps),) for rps in (10.0, 8.0, 9.0))
    of = scenario([workload(rps=[1.0, 3.0, 2.0])])
    made = Candidate("w", engine(), "h100x8", points)
    (row,) = written(plan(of, [], considered=[made]))["engines"]
    assert row["capacity_rps"] == [10.0, 8.0, 9.0]
    assert row["itl_ms"] == 8.0


def test_candidate_that_misses_the_slo_says_why() -> None:
    point = OperatingPoint(0.0, Limit.ITL, "ITL is 71 ms at batch 1, SLO 60 ms", extrapolated=True)
    made = Candidate("w", engine(), "h100x8", ((point,),))
    (row,) = written(plan(scenario(), [], considered=[made]))["engines"]
    assert row["capacity_rps"] == 0
    assert row["reason"] == "ITL is 71 ms at batch 1, SLO 60 ms"
    assert row["source"]["extrapolated"] is True


def test_written_plan_is_read_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = shown_plan(short=True)
    path = tmp_path / "plan.json"
    path.write_text(plan_text(document_of(made)))
    document = read_plan(str(path))
    assert document == document_of(made)
    assert document.model_dump(mode="json", by_alias=True) == written(made)
    monkeypatch.setattr(
        "sys.stdin", SimpleNamespace(buffer=io.BytesIO(plan_text(document_of(made)).encode()))
    )
    assert read_plan("-") == document


TOPOLOGY: dict[str, Any] = {"leaves": ["a-s1-l1", "a-s1-l2"], "limits": [LIMIT], "greedy": True}


def test_placement_limits_and_baselines_are_read_back() -> None:
    made = shown_plan(short=True, **TOPOLOGY)
    document = document_of(made)
    assert document.model_dump(mode="json", by_alias=True) == written(made)
    assert document.limits[0].pools == ("decode of chat-1",)
    assert document.savings["greedy_topology"].stranded_replica_hours == 24.0
    assert document.savings["greedy_topology"].unserved_requests > 0
    assert document.savings["static_peak"].gpu_hours_by_priority is None
    assert written(made)["totals"]["gpu_hours_by_priority"]["low"] == 0.0


def test_replicas_by_leaf_come_from_the_stays() -> None:
    """Hours 0 to 3. r1 serves on l1 from 3 over midnight to 0, then on l2 for 1; r2 on l2 in 1."""
    placed = [
        stay("r1", first=3, intervals=2, lead=1),
        stay("r1", leaf="a-s1-l2", first=1, moved=True),
        stay("r2", leaf="a-s1-l2", first=1),
    ]
    of = day_scenario(horizon(4), leaves=TOPOLOGY["leaves"])
    document = written(plan(of, [pool([1, 2, 0, 1])], placed=placed))
    assert document["pools"][0]["leaves"] == {"a-s1-l1": [1, 0, 0, 1], "a-s1-l2": [0, 2, 0, 0]}
    assert document["totals"]["moves"] == 1


def test_halves_and_spans_of_engines_are_named() -> None:
    (whole,) = written(plan(scenario(), [], considered=[candidate(engine())]))["engines"]
    assert (whole["part"], whole["span"]) == (None, None)
    half = candidate(engine(part=Part("moe", "attention", 0, None)), span=Affinity.LEAF)
    (row,) = written(plan(scenario(), [], considered=[half]))["engines"]
    assert (row["part"], row["span"]) == ("attention", "leaf")


def candidate(of: Engine, span: Affinity | None = None) -> Candidate:
    return Candidate("w", of, "h100x8", ((OperatingPoint(1.0, Limit.GIVEN),),), span)


def test_plans_from_before_topology_are_read() -> None:
    old = written(shown_plan(short=True, **TOPOLOGY))
    del old["limits"], old["totals"]["moves"], old["totals"]["gpu_hours_by_priority"]
    for row in old["pools"]:
        del row["leaves"]
    for row in old["engines"]:
        del row["part"], row["span"]
    for row in old["savings"].values():
        del row["unserved_requests"], row["stranded_replica_hours"], row["gpu_hours_by_priority"]
    document = PlanDocument.model_validate_json(json.dumps(old))
    assert (document.limits, document.totals.moves, document.pools[0].leaves) == ((), 0, {})
    assert document.totals.gpu_hours_by_priority == {}
    assert document.savings["static_peak"].unserved_requests == 0


def changed(**fields: Any) -> dict[str, Any]:
    made = plan(day_scenario(horizon(2)), [pool([1, 2])])
    return {**written(made), **fields}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "p.json: not JSON (EOF while parsing a value at line 1 column 0)"),
        ("[]", "p.json: []: not a mapping; write {key: value} or `key: value` lines"),
        (
            json.dumps(changed(schema_version=3, horizon=0)),
            "p.json: schema_version: 3: this heteroplan reads schema_version 1 and 2; "
            "write the plan again with it",
        ),
        (
            "{}",
            "p.json: schema_version: this heteroplan reads schema_version 1 and 2; "
            "write the plan again with it",
        ),
        (
            json.dumps(
                changed(
                    pools=[{**changed()["pools"][0], "replicas": [1, -2]}],
                )
            ),
            "p.json: pools[0].replicas[1]: -2: must be at least 0",
        ),
        (
            json.dumps(changed(pools=[{**changed()["pools"][0], "replicas": [1]}])),
            "p.json: pools[0].replicas: [1]: has 1 values; the horizon has 2 intervals",
        ),
        (
            json.dumps(changed(pools=[{**changed()["pools"][0], "leaves": {"l1": [1]}}])),
            "p.json: pools[0].leaves.l1: [1]: has 1 values; the horizon has 2 intervals",
        ),
        (
            json.dumps(changed(limits=[{**WRITTEN, "first": 1, "last": 2}])),
            "p.json: limits[0].last: 2: lies beyond the horizon",
        ),
        (
            json.dumps(changed(limits=[{**WRITTEN, "first": 1, "last": 0}])),
            "p.json: limits[0].first: 1: lies after its last",
        ),
        (
            json.dumps(changed(horizon={**changed()["horizon"], "timezone": "Mars/Base"})),
            "p.json: horizon.timezone: Mars/Base: unknown time zone; write an IANA name",
        ),
        (
            json.dumps(changed(horizon={**changed()["horizon"], "start": "2026-11-23T00:00"})),
            "p.json: horizon.start: 2026-11-23T00:00: has no offset; write for example 2026-11-23",
        ),
        (
            json.dumps(changed(horizon={**changed()["horizon"], "start": "9999-12-31T23:59Z"})),
            "p.json: horizon.start: 9999-12-31T23:59Z: year is not between 1970 and 2199",
        ),
        (
            json.dumps(changed(scenario="a\nb")),
            r'p.json: scenario: "a\nb": holds control characters; remove them',
        ),
    ],
)
def test_wrong_file_names_field_and_remedy(
    content: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.json").write_text(content)
    with pytest.raises(InputError) as caught:
        read_plan("p.json")
    assert str(caught.value).startswith(message)


def test_every_wrong_field_is_named_at_once(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(changed(pools=1, scenario=2)))
    with pytest.raises(InputError) as caught:
        read_plan(str(path))
    assert [problem.path for problem in caught.value.problems] == ["scenario", "pools"]


def test_another_file_is_told_as_one(tmp_path: Path) -> None:
    (tmp_path / "size.json").write_text('{"schema_version": 2, "nodes": []}')
    with pytest.raises(InputError, match=r"this is no plan\.json; name one"):
        read_plan(str(tmp_path / "size.json"))


def test_missing_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.json: no such file"):
        read_plan(str(tmp_path / "gone.json"))
    with pytest.raises(InputError, match="a folder; name a file"):
        read_plan(str(tmp_path))


@given(content=st.binary(max_size=200))
def test_any_bytes_give_an_input_error(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.json"
    path.write_bytes(content)
    with pytest.raises(InputError):
        read_plan(str(path))


def test_a_document_of_too_many_values_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three brackets and three commas."""
    path = tmp_path / "plan.json"
    path.write_text('{"a": [1, 2, 3], "b": {}}')
    monkeypatch.setattr(plan_json, "_MOST_VALUES", 5)
    with pytest.raises(InputError, match=r"more than 5 values; is this a plan.json\?"):
        read_plan(str(path))
    monkeypatch.setattr(plan_json, "_MOST_VALUES", 6)
    with pytest.raises(InputError, match="schema_version"):
        read_plan(str(path))
