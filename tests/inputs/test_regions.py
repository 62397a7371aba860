"""Workloads of a region: which clusters serve them, what TTFT is left, and what is refused."""

from typing import Any

import pytest

import heteroplan
from heteroplan.entities.workload import Origin, Role
from tests.scenario_files import ScenarioFiles

LATENCY = [
    {"between": ["eu", "us"], "round_trip_ms": 90},
    {"between": ["asia", "eu"], "round_trip_ms": 180},
    {"between": ["asia", "us"], "round_trip_ms": 150},
]


@pytest.fixture
def three(files: ScenarioFiles) -> ScenarioFiles:
    """A cluster of one spine and two nodes in each of three regions; requests from eu."""
    files.fleet["network"] = [
        {
            "cluster": f"c-{region}",
            "region": region,
            "spines": [
                {
                    "spine": f"s-{region}",
                    "leaves": [{"leaf": f"l-{region}", "nodes": {"h100x8": 2}}],
                }
            ],
        }
        for region in ("eu", "us", "asia")
    ]
    files.fleet["latency"] = LATENCY
    files.workload["origin"] = {"region": "eu", "max_latency_ms": 100}
    return files


@pytest.mark.parametrize(
    ("limit_ms", "spines", "ttft_ms"),
    [
        (0, ["s-eu"], 1000.0),
        (89.9, ["s-eu"], 1000.0),
        (90, ["s-eu", "s-us"], 910.0),
        (180, ["s-eu", "s-us", "s-asia"], 820.0),
    ],
)
def test_clusters_within_the_limit_and_the_ttft_that_is_left(
    three: ScenarioFiles, limit_ms: float, spines: list[str], ttft_ms: float
) -> None:
    scenario = three.load(f"workloads.chat.origin.max_latency_ms={limit_ms}").scenario
    (chat,) = scenario.workloads
    assert list(chat.domains(scenario.fleet.network)) == spines
    assert chat.slo.ttft_ms == ttft_ms
    notes = [note for note in chat.demand_notes if "network" in note]
    taken = f"TTFT targets are {1000 - ttft_ms:g} ms shorter than written, for the network"
    assert notes == ([taken] if ttft_ms < 1000.0 else [])


def test_of_clusters_that_it_may_use_the_farthest_counts(three: ScenarioFiles) -> None:
    three.workload["origin"]["max_latency_ms"] = 180
    three.workload["exclude"] = ["c-asia"]
    assert three.load().scenario.workloads[0].slo.ttft_ms == 910.0
    three.workload |= {"exclude": [], "pin": ["s-eu"]}
    assert three.load().scenario.workloads[0].slo.ttft_ms == 1000.0


def test_every_target_of_the_workload_and_of_its_classes(three: ScenarioFiles) -> None:
    del three.workload["requests"]
    three.workload["slo"] = [
        {"ttft_ms": 1000, "itl_ms": 60, "percentile": 0.9},
        {"ttft_ms": 2000, "itl_ms": 60, "percentile": 0.99},
    ]
    three.workload["classes"] = [
        {
            "name": "short",
            "share": 0.5,
            "isl": 100,
            "osl": 10,
            "slo": {"ttft_ms": 500, "itl_ms": 60},
        },
        {"name": "long", "share": 0.5, "isl": 1000, "osl": 10},
    ]
    three.workload["classes"][0]["slo"] = {"ttft_ms": 500, "itl_ms": 60}
    (chat,) = three.load().scenario.workloads
    assert [each.ttft_ms for each in chat.slo.items] == [910.0, 1910.0]
    short, long = chat.demand[0].classes
    assert short.slo is not None
    assert short.slo.ttft_ms == 410.0
    assert long.slo is None


def test_a_full_region_is_helped_by_a_near_one(three: ScenarioFiles) -> None:
    """A replica of 4 GPUs serves 2 requests/s of a role, a node one pair, a cluster 4 requests/s.

    Of the 8 requests/s of eu the second hour needs both nodes in us; asia is too far.
    """
    for each in three.profile["engines"]:
        each["capacity_rps"] = 2.0
    found = heteroplan.plan(three.write())
    assert {pool.domain for pool in found.plan.pools if any(pool.replicas)} == {"s-eu", "s-us"}
    assert found.plan.totals.served_fraction == 1.0
    three.workload["origin"]["max_latency_ms"] = 0
    short = heteroplan.plan(three.write())
    assert short.plan.totals.served_fraction == pytest.approx(8.0 / 13.0)


def test_two_origins_with_peaks_apart_share_the_cluster_between_them(three: ScenarioFiles) -> None:
    """7 requests/s come in turns from eu and from asia, 1 from the other: us takes turns too."""
    for each in three.profile["engines"]:
        each["capacity_rps"] = 2.0
    for region, first, second in (("eu", 7, 1), ("asia", 1, 7)):
        rows = f"2026-11-23T00:00,{first}\n2026-11-23T01:00,{second}\n"
        (three.folder / f"{region}.csv").write_text(f"interval_start,rps\n{rows}")
    three.scenario["workloads"] = [
        three.workload
        | {
            "name": f"chat-{region}",
            "demand": f"{region}.csv",
            "origin": {"region": region, "max_latency_ms": 150},
        }
        for region in ("eu", "asia")
    ]
    found = heteroplan.plan(three.write())
    assert found.plan.totals.served_fraction == 1.0
    abroad = {
        (pool.workload, pool.role): pool.replicas
        for pool in found.plan.pools
        if pool.domain == "s-us" and any(pool.replicas)
    }
    for workload, busy in (("chat-eu", 0), ("chat-asia", 1)):
        for role in (Role.PREFILL, Role.DECODE):
            assert abroad[workload, role][busy] >= 2


def test_prices_of_egress_by_pair_and_bytes_by_token(three: ScenarioFiles) -> None:
    three.fleet["latency"] = [LATENCY[0] | {"egress_usd_per_gb": 0.02}, *LATENCY[1:]]
    scenario = three.load().scenario
    assert scenario.fleet.egress_usd_per_gb == {("eu", "us"): 0.02, ("us", "eu"): 0.02}
    assert scenario.workloads[0].origin == Origin("eu", 4.0, 250.0)
    path = "workloads.chat.origin.egress_bytes_per"
    scenario = three.load(f"{path}_output_token=4", f"{path}_input_token=0").scenario
    assert scenario.workloads[0].origin == Origin("eu", 0.0, 4.0)


def test_each_way_may_have_its_price(three: ScenarioFiles) -> None:
    """By the region that traffic leaves; both are needed, and of no other region."""
    prices = {"us": 0.09, "eu": 0.02}
    three.fleet["latency"] = [LATENCY[0] | {"egress_usd_per_gb": prices}, *LATENCY[1:]]
    found = three.load().scenario.fleet.egress_usd_per_gb
    assert found == {("eu", "us"): 0.02, ("us", "eu"): 0.09}
    for wrong in ({"us": 0.09}, prices | {"asia": 0.1}, {"us": 0.09, "EU": 0.02}, {}):
        three.fleet["latency"] = [LATENCY[0] | {"egress_usd_per_gb": wrong}, *LATENCY[1:]]
        (problem,) = three.problems()
        assert problem.startswith("fleet.yaml: latency[0].egress_usd_per_gb")
    three.fleet["latency"] = [LATENCY[0] | {"egress_usd_per_gb": {"us": -1, "eu": "a"}}]
    assert {each.partition(": ")[2].partition(":")[0] for each in three.problems()} >= {
        "latency[0].egress_usd_per_gb.us",
        "latency[0].egress_usd_per_gb.eu",
    }


def test_negative_prices_and_bytes_are_refused(three: ScenarioFiles) -> None:
    three.fleet["latency"] = [LATENCY[0] | {"egress_usd_per_gb": -0.02}, *LATENCY[1:]]
    three.workload["origin"]["egress_bytes_per_output_token"] = -1
    found = sorted(three.problems())
    assert [each.partition(": must be at least 0 (")[0] for each in found] == [
        "fleet.yaml: latency[0].egress_usd_per_gb: -0.02",
        f"{WHERE}.egress_bytes_per_output_token: -1",
    ]


def test_egress_of_a_plan_is_what_does_not_fit_at_home(three: ScenarioFiles) -> None:
    """Of 5 and 8 requests/s a cluster serves 4: 5 at least go abroad in both hours, 8 at most.

    1,000 input tokens of 4 bytes and 200 output tokens of 250 are 54 kB a request.
    """
    three.fleet["latency"] = [LATENCY[0] | {"egress_usd_per_gb": 0.02}, *LATENCY[1:]]
    for each in three.profile["engines"]:
        each["capacity_rps"] = 2.0
    egress = heteroplan.plan(three.write()).document.egress
    assert egress is not None
    (pair,) = egress.pairs
    assert (pair.origin, pair.region) == ("eu", "us")
    assert 5 * 3600 * 0.999 <= pair.requests <= 8 * 3600 * 1.001
    assert pair.gb == pytest.approx(pair.requests * 54_000 / 1e9)
    assert egress.usd == pytest.approx(pair.gb * 0.02)
    three.workload["origin"]["max_latency_ms"] = 0
    home = heteroplan.plan(three.write()).document.egress
    assert home is not None
    assert (home.gb, home.pairs) == (0.0, ())


WHERE = "scenario.yaml: workloads[0].origin"


@pytest.mark.parametrize(
    ("origin", "more", "problem"),
    [
        ({"region": "mars"}, {}, "region: mars: unknown region; "),
        ({"region": "asia"}, {"pin": ["s-eu"]}, "max_latency_ms: 100: no spine that it may use is"),
        ({"max_latency_ms": 200}, {"slo": {"ttft_ms": 180, "itl_ms": 60}}, "max_latency_ms: 200: "),
    ],
)
def test_what_cannot_be_is_refused(
    three: ScenarioFiles, origin: dict[str, Any], more: dict[str, Any], problem: str
) -> None:
    three.workload["origin"] |= origin
    three.workload |= more
    (found,) = three.problems()
    assert found.startswith(f"{WHERE}.{problem}")


def test_clusters_and_pairs_that_nothing_is_known_of_are_refused(three: ScenarioFiles) -> None:
    three.fleet["latency"] = LATENCY[1:]
    assert three.problems() == [
        f"{WHERE}.region: eu: the fleet gives no latency between it and us; add it"
    ]
    del three.fleet["network"][1]["region"]
    three.fleet["latency"] = LATENCY[1:2]
    assert three.problems() == [
        f"{WHERE}.region: eu: cluster c-us of the fleet has no region; give it one"
    ]


def test_latencies_of_a_fleet_are_between_two_of_its_regions_each_pair_once(
    three: ScenarioFiles,
) -> None:
    three.fleet["latency"] = [
        *LATENCY,
        {"between": ["us", "eu"], "round_trip_ms": 80},
        {"between": ["us", "us"], "round_trip_ms": 1},
        {"between": ["us", "moon"], "round_trip_ms": 1},
    ]
    found = three.problems()
    assert [each.split(": ")[1] for each in found] == [
        "latency[3].between",
        "latency[4].between",
        "latency[5].between[1]",
    ]
