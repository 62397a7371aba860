from datetime import UTC, date, datetime, timedelta

import pytest

from heteroplan.entities.network import Affinity
from heteroplan.entities.workload import (
    KvTransfer,
    Loss,
    Part,
    RatioBand,
    RequestClass,
    Resilience,
    Role,
    Slo,
    SourceKind,
    Span,
)
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
    assert (workload.max_groups, workload.pin, workload.exclude) == (None, (), ())
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
        "pin": ["c1"],
        "exclude": ["s3"],
        "anti_affinity": ["code"],
        "resilience": {"lose": "spine", "serve": 0.9},
        "kv_transfer": "missed",
    }
    scenario = files.load().scenario
    workload, _ = scenario.workloads
    assert (workload.max_groups, workload.anti_affinity) == (2, ("code",))
    assert list(workload.domains(scenario.fleet.network)) == ["s1", "s2"]
    assert workload.resilience == Resilience(Loss.SPINE, 0.9)
    assert workload.kv_transfer is KvTransfer.MISSED


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
    assert first.classes == (RequestClass("default", 1.0, 800, 90, 0.3),)
    assert second.classes is first.classes


def test_lengths_of_the_demand_file_say_nothing_of_classes(files: ScenarioFiles) -> None:
    del files.workload["requests"]
    files.workload["classes"] = [{"name": "a", "share": 1, "isl": 1, "osl": 1}]
    files.demand = "interval_start,rps,isl,osl\n2026-11-23T00,5,800,90\n2026-11-23T01,8,800,90\n"
    assert files.problems() == [
        "scenario.yaml: workloads[0].demand: demand.csv: has isl and osl columns, which say "
        "nothing of classes; remove them"
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
        ({"days": 1}, "intervals: 2: days stands as well; keep one of them"),
        (
            {"intervals": None, "interval": "7min"},
            "interval: 7min: does not divide the horizon of 24 h",
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
            "start: 2026-02-30: not a date or time; write 2026-11-23 or 2026-11-23T06:00",
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
