"""A plan.json is refused unless it is as sound as a scenario, and then does no harm."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from heteroplan.errors import HeteroplanError, InputError
from heteroplan.outputs.compare.figures import comparison
from heteroplan.outputs.compare.markdown import comparison_md
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_document import PlanDocument
from heteroplan.outputs.plan.document.plan_json import plan_text, read_plan
from heteroplan.schedules.formats import FORMATS, ExportOptions, exported
from heteroplan.text import wrong_name
from tests.plans import day_scenario, horizon, plan, pool, shortage, shown_plan, written

TOPOLOGY: dict[str, Any] = {"leaves": ["a-s1-l1", "a-s1-l2"], "greedy": True}


def small(**fields: Any) -> dict[str, Any]:
    made = plan(day_scenario(horizon(2)), [pool([1, 2])], shortages=[shortage("chat-1", 0, 1.0)])
    return {**written(made), **fields}


LIMIT = {
    "level": "spine",
    "domain": "a-s1",
    "node_type": "h100x8",
    "first": 1,
    "last": 1,
    "pools": ["decode of chat-1"],
}


def of_two() -> dict[str, Any]:
    """Two of everything, and all that is short or runs out in the last interval."""
    made = plan(
        day_scenario(horizon(2), workloads=2),
        [pool([1, 2]), pool([3, 4], of="chat-2")],
        shortages=[shortage("chat-1", 0, 1.0), shortage("chat-2", 1, 1.0)],
    )
    return {**written(made), "limits": [{**LIMIT}]}


def problems(document: Any, folder: Path) -> list[str]:
    (folder / "p.json").write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_plan(str(folder / "p.json"))
    return [f"{each.path}: {each.remedy}" for each in caught.value.problems]


@pytest.mark.parametrize(
    ("path", "value", "remedy"),
    [
        (("inputs_sha256",), "ab\n* * * * * x", "not a SHA-256 hash; it has 64 digits"),
        (("inputs_sha256",), "A" * 64, "not a SHA-256 hash"),
        (("scenario",), "=1+1", "begins with =, which makes it a formula"),
        (("pools", 0, "domain"), "a\x7f", "holds control characters; remove them"),
        (("pools", 0, "role"), "x", "must be 'prefill', 'decode' or 'aggregated'"),
        (("pools", 0, "replicas", 0), 1.5, "not a whole number"),
        (("pools", 0, "replicas"), "1", "not a list"),
        (("pools", 0, "workload"), "chat-3", "no such workload; there are chat-1, chat-2"),
        (("shortages", 1, "workload"), "chat-3", "no such workload; there are chat-1, chat-2"),
        (("shortages", 1, "interval"), 2, "lies beyond the horizon"),
        (("workloads", 0, "served_rps"), [1.0], "has 1 values; the horizon has 2 intervals"),
        (("workloads", 0, "pd_ratio"), [], "has 0 values; the horizon has 2 intervals"),
        (("supply", 0, "supply"), [1], "has 1 values; the horizon has 2 intervals"),
        (("supply", 1, "held"), [1, 2, 3], "has 3 values; the horizon has 2 intervals"),
        (("workloads", 0, "demand_rps"), [1.0] * 1234, "has 1,234 values; the horizon has 2"),
        (("workloads", 0, "capacity_rps"), [1.0], "has 1 values; the horizon has 2 intervals"),
        (("pools", 1, "leaves", "b"), [1], "has 1 values; the horizon has 2 intervals"),
        (("engines", 1, "capacity_rps"), [1.0], "has 1 values; the horizon has 2 intervals"),
        (
            ("pools", 0, "engine"),
            "x",
            "no such engine; there are h100-tp4-decode, h100-",
        ),
        (("pools", 0, "node_type"), "x", "no such node type in the fleet of the inputs"),
        (("engines", 1, "workload"), "chat-3", "no such workload; there are chat-1, chat-2"),
        (("limits", 0, "last"), 2, "lies beyond the horizon"),
        (("limits", 0, "first"), 2, "lies after its last"),
        (("horizon", "start"), "soon", "not a moment; write for example 2026-11-23T00"),
        (("horizon", "start"), 7, "not a moment"),
        (("horizon", "interval_s"), True, "not a whole number"),
        (("covered",), "yes", "not true or false"),
        (("totals",), [], "not a mapping"),
        (("solver", "objective"), "1", "not a number"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(
    path: tuple[str | int, ...], value: object, remedy: str, tmp_path: Path
) -> None:
    document = of_two()
    at: Any = document
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    (found,) = problems(document, tmp_path)
    field = "".join(f"[{each}]" if isinstance(each, int) else f".{each}" for each in path)
    assert found.startswith(f"{field.removeprefix('.')}: ")
    assert remedy in found


@pytest.mark.parametrize("field", ["workload", "engine", "node_type", "leaf"])
def test_replicas_that_run_before_are_those_of_the_inputs(field: str, tmp_path: Path) -> None:
    document = of_two()
    ran: dict[str, Any] = {"workload": "chat-1", "engine": "h100-tp4-decode", "node_type": "h100x8"}
    ran |= {"leaf": "a-s1-l1", "nodes": []}
    document["inputs"]["current"] = [ran, ran | {field: "x"}]
    (found,) = problems(document, tmp_path)
    assert found.startswith(f"inputs.current[1].{field}: ")


def test_what_agrees_is_told_nothing(tmp_path: Path) -> None:
    """A shortage and a limit in the last interval lie within the horizon."""
    document = of_two()
    del document["plan_id"]
    (tmp_path / "p.json").write_text(json.dumps(document), encoding="utf-8")
    assert len(read_plan(str(tmp_path / "p.json")).pools) == 2


def test_workloads_of_one_name_are_refused_but_for_the_first(tmp_path: Path) -> None:
    (load,) = small()["workloads"]
    loads = [load, {**load, "name": "b"}, load, load]
    doubled = problems(small(workloads=loads), tmp_path)[:2]
    assert doubled == [
        f"workloads[{i}].name: another workload has the same name; rename one" for i in (2, 3)
    ]


def test_all_that_disagrees_is_told_at_once(tmp_path: Path) -> None:
    document = small(shortages=[], pools=[{**small()["pools"][0], "replicas": [1]}])
    document["supply"][0]["held"] = []
    assert [each.partition(":")[0] for each in problems(document, tmp_path)] == [
        "pools[0].replicas",
        "supply[0].held",
    ]


NAMES = st.text(min_size=1, max_size=8) | st.text(
    st.sampled_from("ab #%=+-@\n\r\t\x1b\x7f\x85\u2028\u202e'\"{}:&*"), min_size=1, max_size=8
)


@given(name=NAMES)
def test_a_name_that_a_scenario_takes_is_read_back_and_exported_as_it_is(
    name: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "named.json"
    fields = written(plan(day_scenario(horizon(2)), [pool([1, 2])]))
    fields["scenario"] = fields["inputs"]["name"] = fields["pools"][0]["domain"] = name
    del fields["plan_id"]
    path.write_text(json.dumps(fields), encoding="utf-8")
    if wrong_name(name):
        with pytest.raises(InputError, match=re.escape(wrong_name(name))):
            read_plan(str(path))
        return
    document = read_plan(str(path))
    assert (document.scenario, document.pools[0].domain) == (name, name)
    harmless(document, name)


def test_no_line_of_an_export_begins_with_what_a_name_holds(tmp_path: Path) -> None:
    """YAML would be folded where it is long."""
    name = f"{'x' * 90} ::error file=x::y"
    path = tmp_path / "p.json"
    path.write_text(
        plan_text(document_of(plan(day_scenario(horizon(2), name=name), [pool([1, 2])]))), "utf-8"
    )
    harmless(read_plan(str(path)), name, "a-s1")


def harmless(document: PlanDocument, name: str, domain: str | None = None) -> None:
    """Each export has the lines it would have with plain names, and the name in its cells."""
    options = ExportOptions(name_template="p")
    for line in exported(document, "crontab", options).split("\n"):
        assert re.match(r"#|CRON_TZ=UTC$|[0-9]+ [0-9]+( [0-9*]+){3} kubectl |$", line), line
    text = exported(document, "keda", options)
    assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
    (scaled,) = yaml.safe_load_all(text)
    assert scaled["metadata"]["annotations"]["heteroplan/scenario"] == name
    rows = list(csv.DictReader(exported(document, "csv", options).splitlines()))
    assert [row["domain"] for row in rows] == [domain or name] * 2
    assert name[0] not in "=+-@\t\r"


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 1.5, 1e300, 10**30, [], {}, [[]], "", "x", "=1", "a\n::error::"]),
    st.text(max_size=5),
    st.lists(st.integers(-2, 3), max_size=4),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of all fields and entries below `node`."""
    if not isinstance(node, dict | list):
        return []
    steps = list(node) if isinstance(node, dict) else range(len(node))
    return [
        found for step in steps for found in ((*path, step), *places(node[step], (*path, step)))
    ]


WHOLE = document_of(shown_plan(short=True, **TOPOLOGY))
SHOWN = json.loads(plan_text(WHOLE))
del SHOWN["plan_id"]  # Else any change is refused for it.
PLACES = places(SHOWN)


@pytest.mark.slow
@settings(max_examples=150)
@given(place=st.sampled_from(PLACES), value=VALUES, gone=st.booleans())
def test_whatever_is_changed_is_told_in_our_words_or_does_no_harm(
    place: tuple[str | int, ...],
    value: object,
    gone: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    document = json.loads(json.dumps(SHOWN))
    at = document
    for step in place[:-1]:
        at = at[step]
    if gone and isinstance(at, dict):
        del at[place[-1]]
    else:
        at[place[-1]] = value
    path = tmp_path_factory.getbasetemp() / "changed.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    told = ""
    try:
        read = read_plan(str(path))
        for name in FORMATS:
            text = exported(read, name, ExportOptions())
            assert not [line for line in text.split("\n") if line.startswith("::")]
        if read.inputs is not None:
            text = comparison_md(comparison(WHOLE, read, sources=("a", "b")))
            assert not [line for line in text.split("\n") if line.startswith("::")]
    except HeteroplanError as error:
        told = str(error)
    assert not re.search("Input should|alid|pydantic|Extra|Field required", told)


def test_what_runs_out_in_a_single_interval_may_be_told(tmp_path: Path) -> None:
    limit = {
        "level": "spine", "domain": "a-s1", "node_type": "h100x8", "pools": ["decode of chat-1"],
    }  # fmt: skip
    document = small(limits=[limit | {"first": 1, "last": 1}])
    document.pop("plan_id", None)
    (tmp_path / "p.json").write_text(json.dumps(document), encoding="utf-8")
    (found,) = read_plan(str(tmp_path / "p.json")).limits
    assert (found.first, found.last) == (1, 1)
    document["limits"] = [limit | {"first": 1, "last": 0}]
    assert problems(document, tmp_path) == ["limits[0].first: lies after its last"]
