"""What plan.json says of its inputs is enough to make the same plan again."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import heteroplan
from heteroplan import inputs
from heteroplan.entities.arrivals import Arrivals, ArrivalsSource, Dispersion
from heteroplan.entities.fleet import GpuType, Outage
from heteroplan.entities.network import Affinity
from heteroplan.entities.scenario import Running, Scenario
from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import (
    DecodeCoefficients,
    Loss,
    Part,
    PrefillCoefficients,
    RatioBand,
    RequestClass,
    Resilience,
    Role,
    Routing,
    Source,
    SourceKind,
    Span,
    TtftCoefficients,
)
from heteroplan.errors import InputError
from heteroplan.inputs.ready import read_ready, ready_profiles
from heteroplan.outputs.plan.document.from_plan import document_of
from heteroplan.outputs.plan.document.plan_inputs import PlanInputs
from heteroplan.outputs.plan.document.plan_json import plan_text, read_plan
from heteroplan.planning import make_plan
from heteroplan.profiles.capacity.candidates import candidates as capacities
from heteroplan.schedules.routing.router import router_json
from heteroplan.schedules.targets.options import ExportOptions
from tests.builders import candidates, engine, fleet, node_type, scenario, workload
from tests.fuzz import seeds
from tests.optimize.random_cases import FEATURES, random_case
from tests.plans import shown_plan, version_1, written

SCENARIOS = Path(__file__).parents[4] / "scenarios"


def again(of: Scenario) -> Scenario:
    """Written down as text, read and made anew."""
    text = json.dumps(PlanInputs.of(of).written())
    return PlanInputs.model_validate_json(text).scenario(of.inputs_sha256)


def rich() -> Scenario:
    """Something of all that a scenario may hold."""
    source = Source(SourceKind.FITTED, "a paper", 0.02, 5, 0.04, 0.01, ("0" * 64,), 0.125)
    engines = (
        replace(
            engine("p", role=Role.PREFILL, startup_s=180.0, drain_s=30.0),
            capacity_rps=None,
            source=source,
            prefill=PrefillCoefficients(10.0, 0.1, 1e-6, 2.0),
            max_batch_tokens=8192,
            batch_tokens_range=Span(128.0, 8192.0),
        ),
        replace(
            engine("d"),
            capacity_rps=None,
            decode=DecodeCoefficients(20.0, 0.1, 1e-5, 1.0, 0.5),
            kv_tokens=480_000,
            max_sequences=64,
            batch_range=Span(1.0, 64.0),
            context_range=Span(512.0, 8192.0),
            kv_tokens_range=Span(1000.0, 300_000.0),
        ),
        replace(
            engine("both", role=Role.AGGREGATED),
            capacity_rps=None,
            prefill=PrefillCoefficients(10.0, 0.1, 0.0),
            decode=DecodeCoefficients(20.0, 0.1, 1e-5),
            ttft=TtftCoefficients(30.0, 0.2, 1.0, 1e-3),
        ),
        *(
            engine(f"moe-{name}", gpus=gpus, part=Part("moe", name, i, RatioBand(0.5, 2.0)))
            for i, (name, gpus) in enumerate((("attention", 4), ("ffn", 8)))
        ),
    )
    mixes = (
        (RequestClass("short", 1.0, 100.0, 10.0), RequestClass("long", 0.0, 0.5, 0.0)),
        (
            RequestClass("short", 0.25, 100.0, 10.0, 0.3, 1.5, 90.0, 0.4),
            RequestClass(
                "long", 0.75, 9000.0, 400.0, osl_cv=1.25,
                slo=Slo(9000.0, inf, 0.9, itl_percentile=0.95, itl_slowdown=3.0),
            ),
        ),
    )  # fmt: skip
    first = workload(
        "first",
        rps=[1.0, 2.0, 3.0],
        engines=engines,
        affinity=Affinity.LEAF,
        priority=2,
        pd_ratio=RatioBand(0.25, 4.0),
        min_replicas={Role.PREFILL: 1},
        max_replicas={Role.DECODE: 9},
        max_groups=2,
        pin=["l1", "l2"],
        exclude=["l2"],
        anti_affinity=["second"],
        resilience=Resilience(Loss.NODE, 0.9),
    )
    demand = tuple(
        replace(each, classes=mixes[i]) for each, i in zip(first.demand, (0, 1, 0), strict=True)
    )
    first = replace(
        first,
        demand=demand,
        headroom=10.0,
        allow_extrapolation=True,
        max_engines=3,
        demand_notes=("a", "b"),
        slo=Slo(inf, 80.0, 0.95, 0.97, 0.96, ItlOf.TOKEN, ttft_slowdown=4.0),
        routing={
            Role.PREFILL: Routing.RANDOM,
            Role.DECODE: Routing.ROUND_ROBIN,
            Role.AGGREGATED: Routing.SHARED,
        },
        arrivals=Arrivals(
            tuple(
                Dispersion(scale_s, percentile, 2.5 * scale_s, 1.5)
                for scale_s in (1.0, 10.0)
                for percentile in (0.9, 0.99)
            ),
            ArrivalsSource.MEASURED,
        ),
    )
    second = workload("second", rps=[1.0] * 3)
    second = replace(second, profile=replace(second.profile, model=first.profile.model))
    away = Outage("l1", "h100x8", 1, *(datetime(2026, 11, 23, h, tzinfo=UTC) for h in (1, 2)))
    of = scenario(
        [first, second],
        in_fleet=fleet(
            {"l1": {"h100x8": 2, "l40sx8": 1}, "l2": {"h100x8": 3}},
            node_types=(node_type(), node_type("l40sx8", gpu="L40S")),
            spines={"l1": "s", "l2": "s"},
            outages=[away],
        ),
        cyclic=False,
    )
    return replace(of, current=(Running("first", "d", "h100x8", "l1", ("l1-h100x8-001",)),))


def test_everything_that_a_scenario_holds_comes_back() -> None:
    of = rich()
    assert again(of) == of
    assert list(PlanInputs.of(of).profiles) == ["model-first", "model-first (2)"]


def test_several_slos_come_back() -> None:
    """Of the workload and of a class; one of them is written as it always was."""
    slo = Slo(1000.0, 60.0, 0.5, also=(Slo(inf, inf, 0.99, e2e_slowdown=3.0),))
    load = workload()
    (kind,) = load.demand[0].classes
    demand = tuple(replace(each, classes=(replace(kind, slo=slo),)) for each in load.demand)
    of = scenario([replace(load, slo=slo, demand=demand)])
    assert again(of) == of
    [written] = PlanInputs.of(of).written()["workloads"]
    assert [each["percentile"] for each in written["slo"]] == [0.5, 0.99]
    [single] = PlanInputs.of(scenario()).written()["workloads"]
    assert isinstance(single["slo"], dict)


def test_a_fleet_without_a_network_is_one_domain_of_its_name() -> None:
    of = scenario(in_fleet=replace(fleet({"x": {"h100x8": 2}}), name="My fleet"))
    (leaf,) = of.fleet.network.leaves
    whole = replace(leaf, name="My fleet", spine="My fleet", cluster="My fleet")
    of = replace(of, fleet=replace(of.fleet, network=replace(of.fleet.network, leaves=(whole,))))
    assert PlanInputs.of(of).fleet.network is None
    assert again(of) == of


def test_a_plan_that_is_read_back_promises_the_same(tmp_path: Path) -> None:
    """Routing, arrivals, SLOs of classes and slowdowns of scenario files: planned, written, read.

    `replay` and the router's weights take them from plan.json alone.
    """
    files = seeds.files_of(seeds.promised()) | {"arrivals.csv": seeds.ARRIVALS}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    loaded = inputs.load(str(tmp_path))
    (load,) = loaded.scenario.workloads
    assert load.arrivals.points
    assert load.routing[Role.PREFILL] is Routing.RANDOM
    assert [each.slo is None for each in load.demand[0].classes] == [True, False]
    made = make_plan(loaded.scenario, loaded.candidates, time_limit_s=10, compare=False)
    path = tmp_path / "plan.json"
    path.write_text(plan_text(document_of(made)), encoding="utf-8")
    document = read_plan(str(path), with_inputs=True)
    assert document.given.workloads == loaded.scenario.workloads
    options = ExportOptions()
    assert router_json(document, options) == router_json(document_of(made), options)
    replayed = heteroplan.replay(path, policy=["plan"], duration_s=60.0)
    assert replayed.replay.policies[0].finished > 0


def test_a_plan_with_several_slos_is_judged_by_each(tmp_path: Path) -> None:
    """Its figures are of the one with the least margin."""
    given = seeds.promised()
    given.workload["slo"] = [
        {"ttft_ms": 2000, "itl_ms": 60, "percentile": 0.5},
        {"e2e_slowdown": 20, "percentile": 0.9},
    ]
    for name, content in (seeds.files_of(given) | {"arrivals.csv": seeds.ARRIVALS}).items():
        (tmp_path / name).write_bytes(content)
    loaded = inputs.load(str(tmp_path))
    made = make_plan(loaded.scenario, loaded.candidates, time_limit_s=10, compare=False)
    path = tmp_path / "plan.json"
    path.write_text(plan_text(document_of(made)), encoding="utf-8")
    [found] = heteroplan.replay(path, policy=["plan"], duration_s=600.0).replay.policies
    items = {each.item for each in found.classes}
    assert items == {0, 1}
    margins = []
    for item in items:
        of = [each for each in found.classes if each.item == item]
        share = sum(each.attained_both for each in of) / sum(each.requests for each in of)
        margins.append(share - loaded.scenario.workloads[0].slo.item(item).percentile)
    requests = int(found.intervals.requests.sum())
    assert found.intervals.attained_both.sum() / requests - found.percentiles[0] == pytest.approx(
        min(margins)
    )


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), feature=st.sampled_from([None, *FEATURES]))
def test_random_scenarios_come_back_with_nine_digits(seed: int, feature: str | None) -> None:
    of, _ = random_case(seed, feature)
    once = again(of)
    assert again(once) == once
    for before, after in zip(of.workloads, once.workloads, strict=True):
        assert [each.rps for each in after.demand] == pytest.approx(
            [each.rps for each in before.demand], rel=1e-8
        )
        least = {role: count for role, count in before.min_replicas.items() if count}
        assert replace(after, demand=(), profile=before.profile) == replace(
            before, demand=(), min_replicas=least
        )
    assert replace(once, workloads=()) == replace(of, workloads=())


@pytest.mark.parametrize("name", ["quickstart", "four-type", "topology"])
def test_capacities_follow_from_the_inputs_alone(name: str) -> None:
    """Of the scenarios beside the code, whose numbers have fewer digits: the very same."""
    loaded = inputs.load(str(SCENARIOS / name))
    once = again(loaded.scenario)
    found = [each for load in once.workloads for each in capacities(load, once.fleet)]
    assert [each.points for each in found] == [each.points for each in loaded.candidates]
    gpus = {shape.gpu.name for shape in loaded.scenario.fleet.node_types}
    assert gpus == {shape.gpu.name for shape in once.fleet.node_types}


def test_a_plan_of_the_inputs_is_the_plan() -> None:
    """Byte for byte but for the seconds."""
    of = scenario([workload(rps=[10.0, 25.0, 15.0])], in_fleet=fleet({"l1": {"h100x8": 3}}))
    first = make_plan(of, candidates(of), time_limit_s=10)
    given_again = document_of(first).given
    second = make_plan(given_again, candidates(given_again), time_limit_s=10)
    second = replace(second, report=replace(second.report, seconds=first.report.seconds))
    assert plan_text(document_of(second)) == plan_text(document_of(first))


@pytest.mark.parametrize("name", ready_profiles())
def test_ready_engines_come_back(name: str) -> None:
    """Of every ready profile, whose numbers have fewer than nine digits."""
    (profile,) = read_ready(name)
    load = workload()
    of = scenario([replace(load, profile=profile)])
    assert again(of).workloads[0].profile == profile


def test_a_file_name_that_fits_no_field_is_cut_and_shown() -> None:
    source = Source(SourceKind.FITTED, f"{'x' * 2000}")
    odd = Source(SourceKind.FITTED, "a\x07b")
    engines = (replace(engine("d"), source=source), replace(engine("e"), source=odd))
    long, hidden = again(scenario([workload(engines=engines)])).workloads[0].profile.engines
    assert (long.source.origin, hidden.source.origin) == ("x" * 1000, "a\\x07b")


def test_inputs_are_written_without_what_is_absent() -> None:
    fields = written(shown_plan())["inputs"]
    assert "null" not in json.dumps(fields)
    assert fields["fleet"]["gpu_types"][0] == {"name": "H100", "memory_gib": 80.0}


def test_facts_of_gpus_that_planning_does_without_are_left_out() -> None:
    shape = node_type()
    rated = replace(shape, gpu=GpuType("H100", 80.0, 3.35e12, {"bf16": 1e15}))
    of = scenario(in_fleet=fleet(node_types=(rated,)))
    assert again(of).fleet.node_types == (shape,)


def read(fields: object, folder: Path, **options: bool) -> Any:
    path = folder / "p.json"
    path.write_text(json.dumps(fields), encoding="utf-8")
    return read_plan(str(path), **options)


def test_a_plan_of_version_1_is_read_where_it_suffices(tmp_path: Path) -> None:
    made = shown_plan(short=True)
    old = read(version_1(made), tmp_path)
    new = document_of(made)
    assert (old.schema_version, old.inputs, new.schema_version) == (1, None, 2)
    assert (old.pools[0].replicas, old.engines) == (new.pools[0].replicas, new.engines)
    with pytest.raises(InputError) as caught:
        read(version_1(made), tmp_path, with_inputs=True)
    assert str(caught.value).endswith(
        "p.json: schema_version: 1: has no `inputs`, which this needs; plan again to get version "
        "2, which has them"
    )


def test_a_plan_of_a_later_heteroplan_may_say_more(tmp_path: Path) -> None:
    fields = written(shown_plan())
    del fields["plan_id"]
    load = fields["inputs"]["workloads"][0]
    load["more"] = fields["more"] = fields["inputs"]["fleet"]["more"] = 1
    found = read(fields, tmp_path)
    assert found.given.workloads[0].name == load["name"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ((), None, "inputs: missing; plan again, or write schema_version: 1"),
        (("name",), "x", "inputs.name: x: is not that of the plan"),
        (("objective",), "gpu_hours", "inputs.objective: gpu_hours: is not that of the plan"),
        (("workloads", 0, "name"), "x", "inputs.workloads: "),
        (("workloads", 1, "profile"), "x", "inputs.workloads[1].profile: x: no such profile; "),
        (("workloads", 1, "mix", 3), 1, "inputs.workloads[1].mix: "),
        (("workloads", 1, "mix"), [0], "inputs.workloads[1].mix: [0]: has 1 values; the horizon"),
        (("workloads", 0, "demand_rps"), [], "inputs.workloads[0].demand_rps: []: has 0 values"),
        (("workloads", 0, "mixes"), [[]], "inputs.workloads[0].mixes: [[]]: all mixes have"),
        (("fleet", "gpu_types"), [], "inputs.fleet.node_types[0].gpu: H100: no such GPU type"),
        (("fleet", "node_types", 1, "name"), "x", "inputs.fleet.network: "),
        (("fleet", "node_types", 1, "gpus"), 0, "inputs.fleet.node_types[1].gpus: 0: must be at"),
        (("profiles", "model-chat-1", "engines", 0, "name"), "x", "engines[0].engine: h100-tp4"),
    ],
)
def test_inputs_that_do_not_agree_are_told(
    path: Any, value: Any, problem: str, tmp_path: Path
) -> None:
    fields = written(shown_plan())
    del fields["plan_id"]
    at = fields
    for step in ("inputs", *path)[:-1]:
        at = at[step]
    at[("inputs", *path)[-1]] = value
    with pytest.raises(InputError) as caught:
        read(fields, tmp_path)
    assert str(caught.value.problems[0]).partition("p.json: ")[2].startswith(problem)
