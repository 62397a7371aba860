from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from heteroplan.entities.fleet import Fleet, GpuType, NodeType, Outage
from heteroplan.entities.network import Affinity, Leaf, Network
from heteroplan.entities.scenario import Horizon
from heteroplan.entities.slo import ItlOf, Slo
from heteroplan.entities.workload import (
    LEAST_LOADED,
    DecodeCoefficients,
    Engine,
    IntervalDemand,
    KvTransfer,
    Loss,
    Part,
    PrefillCoefficients,
    Profile,
    RatioBand,
    RequestClass,
    Resilience,
    Role,
    Routing,
    Source,
    SourceKind,
    Span,
    Stability,
    TtftCoefficients,
    Workload,
)
from heteroplan.forecasting.steps.shape import StepShape
from heteroplan.inputs import build
from heteroplan.inputs.schemas.fleet import FleetFile
from heteroplan.inputs.schemas.profile import EngineSpec
from heteroplan.inputs.schemas.scenario import HorizonSpec
from heteroplan.inputs.schemas.workload import ResilienceSpec, SloSpec, WorkloadSpec
from heteroplan.inputs.tables.align import AlignedDemand
from tests.scenario_files import ScenarioFiles, divided, engine, node_type

DAY = "interval_start,rps\n2026-11-23,5\n2026-11-24,5\n"


def test_defaults_are_those_of_the_interface(files: ScenarioFiles) -> None:
    files.scenario["horizon"] = {"start": "2026-11-23"}
    files.demand = DAY
    scenario = files.load().scenario
    (workload,) = scenario.workloads
    assert (scenario.horizon.intervals, scenario.horizon.interval_s) == (96, 900)
    assert (scenario.horizon.timezone, scenario.horizon.cyclic) == ("UTC", True)
    assert scenario.objective == "cost"
    assert workload.slo == Slo(1000, 60, 0.99)
    assert (workload.affinity, workload.priority, workload.headroom) == (Affinity.SPINE, 1, 0.0)
    assert (workload.pd_ratio, workload.min_replicas, workload.max_replicas) == (None, {}, {})
    assert (scenario.fleet.across_leaves, scenario.fleet.across_spines) == (0.8, 0.5)
    assert workload.profile.engines[0].source.kind is SourceKind.GIVEN
    assert (workload.max_groups, workload.max_engines) == (None, None)
    assert (workload.pin, workload.exclude) == ((), ())
    assert (workload.anti_affinity, workload.resilience) == ((), None)
    assert workload.kv_transfer is KvTransfer.ALL


@pytest.mark.parametrize(
    ("written", "headroom", "asked"),
    [
        ("1e-320", 0.1, 0.0),
        ("1e-9", 0.0, 0.0),
        ("9.5e-7", 0.0, 0.0),
        ("9.5e-7", 0.1, 9.5e-7 * 1.1),
        ("1e-6", 0.0, 1e-6),
    ],
)
def test_less_than_a_request_in_eleven_days_is_no_demand(
    files: ScenarioFiles, written: str, headroom: float, asked: float
) -> None:
    """1e-6 requests/s or more, headroom included, are demand: 1e6 s are 11.6 days."""
    files.demand = f"interval_start,rps\n2026-11-23T00:00,5\n2026-11-23T01:00,{written}\n"
    (workload,) = files.load(f"workloads.chat.headroom={headroom}").scenario.workloads
    assert workload.demand[1].rps == pytest.approx(asked, rel=1e-12, abs=0.0)


def test_every_field_arrives(files: ScenarioFiles) -> None:
    files.workload |= {
        "slo": {"ttft_ms": 900, "tpot_ms": 50, "percentile": 0.95},
        "affinity": "leaf",
        "priority": 3,
        "headroom": 0.5,
        "pd_ratio": {"min": 0.25, "max": 4},
        "min_replicas": {"prefill": 1},
        "max_replicas": {"decode": 0},
        "allow_extrapolation": True,
    }
    files.fleet["bandwidth"] = {"across_leaves": 0.7}
    files.profile["kv_bytes_per_token"] = 1
    files.profile["engines"][1] = engine(
        "d",
        "decode",
        capacity_rps=None,
        startup_s=180,
        drain_s=30,
        kv_tokens=480_000,
        decode={"base_ms": 22.0, "ms_per_sequence": 0.11, "ms_per_context_token": 2.0e-5},
        range={"batch": [1, 64], "context": [512, 8192]},
        source={"kind": "fitted", "from": "a file", "error_mape": 0.02, "points": 9},
    )
    scenario = files.load().scenario
    (workload,) = scenario.workloads
    assert workload.slo == Slo(900, 50, 0.95)
    assert (workload.affinity, workload.priority) == (Affinity.LEAF, 3)
    assert workload.pd_ratio == RatioBand(0.25, 4)
    assert (workload.min_replicas, workload.max_replicas) == ({Role.PREFILL: 1}, {Role.DECODE: 0})
    assert workload.allow_extrapolation
    assert [interval.rps for interval in workload.demand] == [7.5, 12.0]
    assert (scenario.fleet.across_leaves, scenario.fleet.across_spines) == (0.7, 0.5)
    decode = workload.profile.engines[1]
    assert (decode.startup_s, decode.drain_s, decode.kv_tokens) == (180, 30, 480_000)
    assert (decode.batch_range, decode.context_range) == (Span(1, 64), Span(512, 8192))
    assert (decode.source.origin, decode.source.points) == ("a file", 9)
    assert decode.decode is not None
    assert decode.decode.ms_per_context_token == 2.0e-5


def test_topology_fields_arrive(files: ScenarioFiles) -> None:
    files.add_leaf("l2", {"h100x8": 2}, spine="s2")
    files.add_leaf("l3", {"h100x8": 2}, spine="s3")
    files.scenario["workloads"].append(files.workload | {"name": "code"})
    files.workload |= {
        "max_groups": 2,
        "max_engines": 3,
        "pin": ["c1"],
        "exclude": ["s3"],
        "anti_affinity": ["code"],
        "resilience": {"lose": "spine", "serve": 0.9},
        "kv_transfer": "missed",
        "route_by_class": False,
    }
    scenario = files.load().scenario
    workload, _ = scenario.workloads
    assert (workload.max_groups, workload.max_engines) == (2, 3)
    assert workload.anti_affinity == ("code",)
    assert list(workload.domains(scenario.fleet.network)) == ["s1", "s2"]
    assert workload.resilience == Resilience(Loss.SPINE, 0.9)
    assert workload.kv_transfer is KvTransfer.MISSED
    assert not workload.route_by_class


def test_each_part_of_a_divided_engine_is_an_engine(files: ScenarioFiles) -> None:
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    files.leaf["nodes"]["l40sx8"] = 1
    moe = divided(
        "moe",
        "decode",
        part_ratio={"min": 1, "max": 2},
        startup_s=180,
        drain_s=30,
        source={"kind": "measured", "from": "a file"},
    )
    moe["parts"][1]["startup_s"] = 60
    files.profile["engines"][1] = moe
    files.profile["engines"].append(engine("d", "decode"))
    _, attention, ffn, whole = files.load().scenario.workloads[0].profile.engines
    assert (attention.name, ffn.name, whole.name) == ("moe-attention", "moe-ffn", "d")
    assert attention.part == Part("moe", "attention", 0, RatioBand(1, 2))
    assert ffn.part == Part("moe", "ffn", 1, RatioBand(1, 2))
    assert (attention.gpu, attention.gpus, attention.capacity_rps) == ("H100-SXM-80GB", 4, 10)
    assert (ffn.gpu, ffn.gpus, ffn.capacity_rps) == ("L40S-48GB", 8, 20)
    assert (attention.startup_s, ffn.startup_s) == (180, 60)
    assert (attention.drain_s, ffn.drain_s) == (30, 30)
    assert {attention.role, ffn.role} == {Role.DECODE}
    assert {attention.source.kind, ffn.source.kind} == {SourceKind.MEASURED}


def test_lengths_of_the_demand_file_replace_those_of_requests(files: ScenarioFiles) -> None:
    files.workload["requests"] = {"isl": 9, "osl": 9, "prefix_hit_rate": 0.3}
    files.demand = "interval_start,rps,isl,osl\n2026-11-23T00,5,800,90\n2026-11-23T01,8,800,90\n"
    first, second = files.load().scenario.workloads[0].demand
    assert first.classes == (RequestClass("default", 1.0, 800, 90, 0.3, isl_cv=1.0, osl_cv=1.0),)
    assert second.classes is first.classes


def test_lengths_of_the_demand_file_say_nothing_of_classes(files: ScenarioFiles) -> None:
    del files.workload["requests"]
    files.workload["classes"] = [{"name": "a", "share": 1, "isl": 1, "osl": 1}]
    files.demand = "interval_start,rps,isl,osl\n2026-11-23T00,5,800,90\n2026-11-23T01,8,800,90\n"
    assert files.problems() == [
        "scenario.yaml: workloads[0].demand: demand.csv: has isl and osl columns, which "
        "classes do not use; remove them"
    ]


@pytest.mark.parametrize(
    ("start", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-23", 24)]
)
def test_a_day_on_which_clocks_change_has_23_or_25_hours(
    start: str, hours: int, files: ScenarioFiles
) -> None:
    files.scenario["horizon"] = {"start": start, "interval": "1h", "timezone": "Europe/Berlin"}
    next_day = date.fromisoformat(start) + timedelta(days=1)
    files.demand = f"interval_start,rps\n{start},5\n{next_day},5\n"
    assert files.load().scenario.horizon.intervals == hours


def test_a_start_with_an_offset_is_moved_to_the_zone(files: ScenarioFiles) -> None:
    files.scenario["horizon"] |= {"start": "2026-11-23T08:00+08:00", "timezone": "Asia/Singapore"}
    files.demand = "interval_start,rps\n2026-11-23T00:00Z,5\n2026-11-23T01:00Z,5\n"
    assert files.load().scenario.horizon.start == datetime(2026, 11, 23, tzinfo=UTC)


@pytest.mark.parametrize(
    ("horizon", "message"),
    [
        ({"days": 1}, "intervals: 2: days is given as well; keep one of them"),
        (
            {"intervals": None, "interval": "7min"},
            "interval: 7min: does not divide the horizon of 24 h; write one that does, "
            "such as 6min",
        ),
        (
            {
                "start": "2027-03-28",
                "timezone": "Europe/Berlin",
                "days": 1,
                "intervals": None,
                "interval": "2h",
            },
            "interval: 2h: does not divide the horizon of 23 h; write one that does, such as 1h",
        ),
        (
            {"interval": "fast"},
            "interval: fast: not a duration; write a whole number and s, min, h or d, "
            "such as 15min",
        ),
        (
            {"interval": 900},
            "interval: 900: has no unit; write 900min (or s, h, d)",
        ),
        (
            {"intervals": None, "days": 300, "interval": "1min"},
            "interval: 1min: the horizon has more than 100000 intervals or 366 days; shorten it",
        ),
        (
            {"interval": "9999999d"},
            "interval: 9999999d: the horizon has more than 100000 intervals or 366 days; "
            "shorten it",
        ),
        (
            {"start": "2026-03-29T02:30", "timezone": "Europe/Berlin"},
            "start: 2026-03-29T02:30: does not exist in Europe/Berlin, where clocks are set "
            "forward over it; write 2026-03-29T03:30 or another time",
        ),
        (
            {"start": "2026-02-30"},
            "start: 2026-02-30: not a date or time; write 2026-11-23 or 2026-11-23T06:00, or today "
            "or tomorrow",
        ),
        (
            {"timezone": "Mars/Phobos"},
            "timezone: Mars/Phobos: unknown time zone; write an IANA name such as "
            "Asia/Singapore or UTC",
        ),
        (
            {"timezone": "../../etc/passwd"},
            "timezone: ../../etc/passwd: unknown time zone; write an IANA name such as "
            "Asia/Singapore or UTC",
        ),
    ],
)
def test_a_horizon_says_what_is_wrong(
    horizon: dict[str, object], message: str, files: ScenarioFiles
) -> None:
    files.scenario["horizon"] |= horizon
    assert files.problems() == [f"scenario.yaml: horizon.{message}"]


def test_a_workload_may_do_without_the_promise_of_the_scenario(files: ScenarioFiles) -> None:
    """One says nothing and takes it, one says none, one has its own."""
    files.add_leaf("l2", {"h100x8": 2}, spine="s2")
    own = {"without": "none", "own": {"lose": "leaf", "serve": 0.5}}
    files.scenario["resilience"] = {"lose": "spine", "serve": 0.9}
    files.scenario["workloads"] += [
        files.workload | {"name": name, "resilience": promise} for name, promise in own.items()
    ]
    assert [each.resilience for each in files.load().scenario.workloads] == [
        Resilience(Loss.SPINE, 0.9),
        None,
        Resilience(Loss.LEAF, 0.5),
    ]


def test_a_workload_may_do_without_the_stability_of_the_scenario(files: ScenarioFiles) -> None:
    """One says nothing and takes it, one says none, one has its own, which is whole."""
    own = {"without": "none", "own": {"max_changes": 3}}
    files.scenario["stability"] = {"min_run": "1h", "change_cost_usd": 0.5}
    files.scenario["workloads"] += [
        files.workload | {"name": name, "stability": rules} for name, rules in own.items()
    ]
    assert [each.stability for each in files.load().scenario.workloads] == [
        Stability(min_run_s=3600, change_cost_usd=0.5),
        Stability(),
        Stability(max_changes=3),
    ]


@pytest.mark.parametrize(
    ("stability", "message"),
    [
        (
            {"change_cost_usd": 1},
            "stability.change_cost_usd: 1: objective is gpu_hours, which has no USD; limit changes "
            "by max_changes, or minimise cost",
        ),
        (
            {"max_changes": -1},
            "stability.max_changes: -1: must be at least 0 (Most changes of one pool's size a day)",
        ),
        ({"min_run": "soon"}, "stability.min_run: soon: "),
        ({"min_runs": "1h"}, "stability.min_runs: 1h: unknown key; did you mean 'min_run'?"),
    ],
)
def test_stability_says_what_is_wrong(
    stability: dict[str, object], message: str, files: ScenarioFiles
) -> None:
    """In the scenario and in a workload."""
    files.scenario |= {"objective": "gpu_hours", "stability": stability}
    (problem,) = files.problems()
    assert problem.startswith(f"scenario.yaml: {message}")
    del files.scenario["stability"]
    files.workload["stability"] = stability
    (problem,) = files.problems()
    assert problem.startswith(f"scenario.yaml: workloads[0].{message}")


def test_a_part_that_starts_at_once_does_not_take_the_engines_start(files: ScenarioFiles) -> None:
    files.add_leaf("l2", {"h100x8": 2, "l40sx8": 2}, spine="s2")
    files.fleet["node_types"].append(node_type("l40sx8", "L40S-48GB"))
    moe = divided("moe", "decode", startup_s=180, drain_s=60)
    moe["parts"][1] |= {"startup_s": 0, "drain_s": 0}
    files.profile["engines"][1] = moe
    (workload,) = files.load().scenario.workloads
    _, attention, ffn = workload.profile.engines
    assert (attention.startup_s, attention.drain_s) == (180, 60)
    assert (ffn.startup_s, ffn.drain_s) == (0, 0)


BERLIN = ZoneInfo("Europe/Berlin")


def test_a_horizon_is_as_it_is_written() -> None:
    spec = HorizonSpec(
        start="2026-11-23T06:00",
        intervals=7,
        interval="20min",
        timezone="Europe/Berlin",
        cyclic=False,
    )
    start = datetime(2026, 11, 23, 6, tzinfo=BERLIN)
    assert build.horizon(spec) == Horizon(start, 7, 1200, "Europe/Berlin", cyclic=False)


@pytest.mark.parametrize(("days", "hours"), [(None, 24), (1, 24), (2, 49), (366, 366 * 24)])
def test_days_are_those_of_the_calendar(days: int | None, hours: int) -> None:
    """From 2026-10-24 in Berlin: the second day has 25 hours; the spring takes one again."""
    spec = HorizonSpec(start="2026-10-24", days=days, interval="1h", timezone="Europe/Berlin")
    assert build.horizon(spec).intervals == hours


@pytest.mark.parametrize(
    ("intervals", "interval", "fits"),
    [
        (100_000, "1s", True),
        (100_000, "5min", True),
        (367, "1d", True),
        (368, "1d", False),
        (367 * 24, "1h", True),
        (367 * 24 + 1, "1h", False),
    ],
)
def test_a_horizon_may_last_a_leap_year_and_the_hour_of_its_clock_change(
    intervals: int, interval: str, fits: bool
) -> None:
    spec = HorizonSpec(start="2026-11-23", intervals=intervals, interval=interval)
    if fits:
        assert build.horizon(spec).intervals == intervals
        return
    with pytest.raises(build.FieldError, match="more than 100000 intervals or 366 days") as told:
        build.horizon(spec)
    assert told.value.field == "interval"


def test_days_may_be_a_hundred_thousand_intervals_and_no_more() -> None:
    """54 s are a 1,600th of a day: 62 days have 99,200 intervals and 63 have 100,800."""
    spec: dict[str, Any] = {"start": "2026-11-23", "interval": "54s"}
    assert build.horizon(HorizonSpec(**spec, days=62)).intervals == 99_200
    with pytest.raises(build.FieldError, match="shorten it"):
        build.horizon(HorizonSpec(**spec, days=63))


def test_every_field_of_a_fleet_arrives() -> None:
    """A type of its own goes before the built-in one of its name; outages are in UTC."""
    spec = FleetFile.model_validate(
        {
            "name": "all",
            "gpu_types": [{"name": "H100-SXM-80GB", "memory_gib": 81}],
            "node_types": [
                node_type("h100x4", "H100-SXM-80GB", gpus=4)
                | {"nic_gbit_per_s": 1600, "usd_per_gpu_hour": 3.5}
            ],
            "network": [
                {"cluster": "c1", "spines": [
                    {"spine": "s1", "leaves": [{"leaf": "l1", "nodes": {"h100x4": 3}}]},
                    {"spine": "s2", "leaves": [{"leaf": "l2", "nodes": {}}]},
                ]},
                {"cluster": "c2", "spines": [
                    {"spine": "s3", "leaves": [
                        {"leaf": "l3", "nodes": {"h100x4": 5}},
                        {"leaf": "l4", "nodes": {"h100x4": 7}},
                    ]},
                ]},
            ],
            "bandwidth": {"across_leaves": 0.7, "across_spines": 0.3},
            "unavailable": [
                {"leaf": "l3", "node_type": "h100x4", "nodes": 2, "start": "2026-11-23T05:00",
                 "end": "2026-11-23T07:30Z"},
            ],
        }
    )  # fmt: skip
    gpu = GpuType("H100-SXM-80GB", 81)
    assert build.fleet(spec, BERLIN) == Fleet(
        name="all",
        node_types=(NodeType("h100x4", gpu, 4, 1600, 3.5),),
        network=Network(
            (
                Leaf("l1", "s1", "c1", {"h100x4": 3}),
                Leaf("l2", "s2", "c1", {}),
                Leaf("l3", "s3", "c2", {"h100x4": 5}),
                Leaf("l4", "s3", "c2", {"h100x4": 7}),
            )
        ),
        outages=(
            Outage(
                "l3",
                "h100x4",
                2,
                datetime(2026, 11, 23, 4, tzinfo=UTC),
                datetime(2026, 11, 23, 7, 30, tzinfo=UTC),
            ),
        ),
        across_leaves=0.7,
        across_spines=0.3,
    )
    (outage,) = build.fleet(spec, BERLIN).outages
    assert (outage.start.tzinfo, outage.end.tzinfo) == (UTC, UTC)


def test_a_fleet_without_a_network_is_one_leaf_of_its_name() -> None:
    types = [node_type("h100x8", "H100-SXM-80GB")]
    spec = FleetFile.model_validate({"name": "one", "node_types": types, "nodes": {"h100x8": 9}})
    assert build.leaves(spec) == (Leaf("one", "one", "one", {"h100x8": 9}),)


def test_every_field_of_an_engine_arrives() -> None:
    """No two are alike, so none can stand for another."""
    spec = EngineSpec.model_validate(
        {
            "name": "all",
            "role": "aggregated",
            "gpu": "H100-SXM-80GB",
            "gpus": 2,
            "startup_s": 3,
            "drain_s": 4,
            "prefill": {
                "overhead_ms": 5,
                "ms_per_token": 6,
                "ms_per_token_squared": 7,
                "floor_ms": 8,
            },
            "decode": {
                "base_ms": 9,
                "ms_per_sequence": 10,
                "ms_per_context_token": 11,
                "floor_ms": 12,
                "ms_per_root_sequence": 13,
            },
            "ttft": {
                "base_ms": 14,
                "ms_per_token": 15,
                "ms_per_request": 16,
                "ms_per_request_token": 17,
            },
            "kv_tokens": 18,
            "max_sequences": 19,
            "max_batch_tokens": 20,
            "range": {"batch_tokens": [21, 22], "batch": [23, 24], "context": [25, 26]},
            "source": {
                "kind": "interpolated",
                "from": "a paper",
                "error_mape": 0.27,
                "points": 28,
                "error_worst": 0.29,
                "spread": 0.3,
                "sha256": ["a" * 64, "b" * 64],
            },
            "capacity_rps": 31,
        }
    )
    assert build.engines(spec) == (
        Engine(
            name="all",
            role=Role.AGGREGATED,
            gpu="H100-SXM-80GB",
            gpus=2,
            startup_s=3,
            drain_s=4,
            prefill=PrefillCoefficients(5, 6, 7, 8),
            decode=DecodeCoefficients(
                9, 10, ms_per_context_token=11, floor_ms=12, ms_per_root_sequence=13
            ),
            ttft=TtftCoefficients(14, 15, 16, 17),
            kv_tokens=18,
            max_sequences=19,
            max_batch_tokens=20,
            batch_tokens_range=Span(21, 22),
            batch_range=Span(23, 24),
            context_range=Span(25, 26),
            source=Source(
                SourceKind.INTERPOLATED,
                "a paper",
                error_mape=0.27,
                points=28,
                error_worst=0.29,
                spread=0.3,
                sha256=("a" * 64, "b" * 64),
            ),
            capacity_rps=31,
        ),
    )


def test_an_engine_has_nothing_that_is_not_written() -> None:
    """Nor have the parts of a divided one a band."""
    plain = Engine("d", Role.DECODE, "H100-SXM-80GB", 4, Source(SourceKind.GIVEN), capacity_rps=10)
    assert build.engines(EngineSpec.model_validate(engine("d", "decode"))) == (plain,)
    first, second = build.engines(EngineSpec.model_validate(divided("moe", "prefill")))
    assert (first.role, second.role) == (Role.PREFILL, Role.PREFILL)
    assert (first.source, second.source) == (plain.source, plain.source)
    assert (first.part, second.part) == (
        Part("moe", "attention", 0, None),
        Part("moe", "ffn", 1, None),
    )


def workload_spec(**fields: Any) -> WorkloadSpec:
    plain = {
        "name": "chat",
        "model": "llama",
        "profile": "profile.yaml",
        "demand": "demand.csv",
        "slo": {"ttft_ms": 1000, "itl_ms": 60},
    }
    return WorkloadSpec.model_validate(plain | fields)


PROFILE = Profile("llama", None, ())
WRITTEN = {
    "isl": 1, "osl": 2, "prefix_hit_rate": 0.3, "isl_cv": 4, "context": 5, "context_cv": 6,
}  # fmt: skip


def test_every_field_of_a_workload_arrives() -> None:
    spec = workload_spec(
        classes=[
            {"name": "short", "share": 0.25} | WRITTEN,
            {"name": "long", "share": 0.75, "isl": 7, "osl": 8},
        ],
        slo={"ttft_ms": 9, "itl_ms": 10, "percentile": 0.5},
        affinity="cluster",
        priority=11,
        headroom=0.5,
        pd_ratio={"min": 12, "max": 13},
        min_replicas={"prefill": 1, "decode": 2, "aggregated": 3},
        max_replicas={"prefill": 4, "decode": 5, "aggregated": 6},
        allow_extrapolation=True,
        max_groups=14,
        pin=["a"],
        exclude=["b", "c"],
        anti_affinity=["d", "e", "f"],
        resilience={"lose": "node", "serve": 0.15},
        kv_transfer="missed",
        prefill_queue="shared",
    )
    demand = [AlignedDemand(2.0, None), AlignedDemand(4.0, None)]
    scenarios = ResilienceSpec(lose="spine", serve=0.9)
    short = RequestClass("short", 0.25, 1, 2, 0.3, isl_cv=4, context=5, context_cv=6)
    classes = (short, RequestClass("long", 0.75, 7, 8, isl_cv=1.0, osl_cv=1.0))
    assert build.workload(spec, PROFILE, demand, build.Defaults(scenarios), ("told",)) == Workload(
        name="chat",
        profile=PROFILE,
        demand=(IntervalDemand(3.0, classes), IntervalDemand(6.0, classes)),
        slo=Slo(9, 10, 0.5),
        affinity=Affinity.CLUSTER,
        priority=11,
        headroom=0.5,
        pd_ratio=RatioBand(12, 13),
        min_replicas={Role.PREFILL: 1, Role.DECODE: 2, Role.AGGREGATED: 3},
        max_replicas={Role.PREFILL: 4, Role.DECODE: 5, Role.AGGREGATED: 6},
        allow_extrapolation=True,
        max_groups=14,
        pin=("a",),
        exclude=("b", "c"),
        anti_affinity=("d", "e", "f"),
        resilience=Resilience(Loss.NODE, 0.15),
        kv_transfer=KvTransfer.MISSED,
        routing={**LEAST_LOADED, Role.PREFILL: Routing.SHARED},
        demand_notes=("told", build.ASSUMED_LENGTHS),
    )


def test_the_shape_of_all_requests_is_one_class() -> None:
    spec = workload_spec(requests=WRITTEN)
    (only,) = build.workload(spec, PROFILE, [AlignedDemand(1.0, None)], build.Defaults()).demand
    assert only.classes == (
        RequestClass("default", 1.0, 1, 2, 0.3, isl_cv=4, context=5, context_cv=6),
    )


def test_what_the_demand_does_not_tell_is_as_the_requests_say() -> None:
    """Hits and the spread of lengths; the context follows from lengths that the demand tells.

    A hit rate or spread of 0 is told. Half as much more is asked for, told or not.
    """
    shapes = (
        StepShape("a", 0.25, 10, 20),
        StepShape("b", 0.75, 30, 40, isl_cv=0.0, prefix_hit_rate=0.0, context=50, context_cv=60),
    )
    told = RequestClass("b", 0.75, 30, 40, 0.0, isl_cv=0.0, context=50, context_cv=60)
    demand = [AlignedDemand(1.0, shapes), AlignedDemand(2.0, shapes), AlignedDemand(3.0, None)]
    first, second, third = build.workload(
        workload_spec(requests=WRITTEN, headroom=0.5), PROFILE, demand, build.Defaults()
    ).demand
    assert first.classes == (RequestClass("a", 0.25, 10, 20, 0.3, isl_cv=4, osl_cv=1.0), told)
    assert second.classes is first.classes
    assert [each.name for each in third.classes] == ["default"]
    assert [each.rps for each in (first, second, third)] == [1.5, 3.0, 4.5]
    trace = workload_spec(demand={"trace": "t.csv"})
    (alone,) = build.workload(trace, PROFILE, demand[:1], build.Defaults()).demand
    assert alone.classes == (RequestClass("a", 0.25, 10, 20, 0.0, isl_cv=1.0, osl_cv=1.0), told)


def test_several_slos_arrive() -> None:
    """Items of a class leave out what the workload's of the same number, or its last one, has."""
    spec = workload_spec(
        slo=[{"ttft_ms": 9, "itl_ms": 10, "percentile": 0.5}, {"e2e_slowdown": 3}],
        classes=[
            {"name": "a", "share": 0.5, "isl": 1, "osl": 1},
            {
                "name": "b",
                "share": 0.5,
                "isl": 1,
                "osl": 1,
                "slo": [{"e2e_slowdown": 2}, {"e2e_slowdown": 4}, {"e2e_slowdown": 5}],
            },
        ],
    )
    last = Slo(inf, inf, 0.99, e2e_slowdown=3)
    found = build.slos(spec.slo)
    assert found == Slo(9, 10, 0.5, also=(last,))
    assert isinstance(spec.classes, list)
    own = spec.classes[1].slo
    assert own is not None
    assert [(each.percentile, each.e2e_slowdown) for each in build.slos(own, spec.slo).items] == [
        (0.5, 2),
        (0.99, 4),
        (0.99, 5),
    ]


def test_a_list_of_one_slo_is_that_slo() -> None:
    slo = {"ttft_ms": 9, "itl_ms": 10, "itl_of": "token"}
    assert build.slos((SloSpec.model_validate(slo),)) == Slo(9, 10, 0.99, itl_of=ItlOf.TOKEN)
